"""The same weights on training and validation images, by class; and the worst images."""

import math
from collections.abc import Sequence

import numpy as np
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip

from data import CLASS_NAMES
from engine.text import fixed, nats
from engine.views import ReconstructionView
from tui import theme
from tui.screens.diagnosis.panel import (
    FAINT,
    PLAIN,
    QUIET,
    DiagnosisPanel,
    parts,
    sparkline,
)
from tui.screens.diagnosis.readings import Readings
from tui.widgets.pictures import PicturePanel

NAME = 12
VALUE = 8
BAR = Style(color=theme.VALIDATION)
TRAIN = Style(color=theme.TRAIN)


class GapPanel(DiagnosisPanel):
    """Scores above the pixels' entropy, their gap, and the reconstruction of every class."""

    export_names = ("diagnosis",)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.class_names: Sequence[str] = CLASS_NAMES

    def caption(self) -> str:
        """The gap."""
        title = "7 generalisation"
        diagnosis = None if self.readings is None else self.readings.diagnosis
        return title if diagnosis is None else f"{title} · gap {nats(diagnosis.gap, signed=True)}"

    def reading(self, readings: Readings) -> str:
        """What is compared."""
        diagnosis = readings.diagnosis
        if diagnosis is None:
            return ""
        return (
            f"nats above the pixels' entropy, {diagnosis.images:,} images each, same weights; "
            "bars: recon by class"
        )

    def lines(self, size: Size, readings: Readings) -> list[Strip]:
        """Two scores, the gap over time, a bar for each class."""
        diagnosis = readings.diagnosis
        if diagnosis is None:
            return []
        validation, training = diagnosis.validation, diagnosis.training
        last = readings.last.score if readings.last else math.nan
        drawn = [
            parts(
                ("val ", QUIET),
                (nats(validation.above_floor), BAR),
                (" train ", QUIET),
                (nats(training.above_floor), TRAIN),
                (" · all of val ", QUIET),
                (nats(last - diagnosis.floor), PLAIN),
            )
        ]
        if size.height >= len(CLASS_NAMES) + 2:
            gaps = [d.gap for d in readings.diagnoses]
            line = sparkline(gaps, size.width - 18, ascii_only=self.image_mode == "ascii")
            drawn.append(parts(("gap over time: ", QUIET), (line, FAINT)))
        return [*drawn, *self._class_bars(size.width, diagnosis.class_recon.tolist())]

    def _class_bars(self, width: int, recon: list[float]) -> list[Strip]:
        """The worst class first: a narrow panel shows what matters."""
        ranked = sorted(range(len(recon)), key=lambda c: -np.nan_to_num(recon[c], nan=-math.inf))
        known = [value for value in recon if math.isfinite(value)]
        if not known:
            return []
        highest, room = max(known), max(1, width - NAME - VALUE - 1)
        mark = "=" if self.image_mode == "ascii" else "▬"
        return [
            parts(
                (f"{self.class_names[label][: NAME - 1]:{NAME}}", QUIET),
                (f"{fixed(recon[label], 1):>{VALUE - 2}}  ", PLAIN),
                (mark * round(room * max(0.0, recon[label]) / highest), BAR),
            )
            for label in ranked
            if math.isfinite(recon[label])
        ]


class WorstPanel(PicturePanel):
    """The validation images that score worst, and what the model makes of them."""

    export_names = ("diagnosis",)

    def show(self, view: ReconstructionView, scores: Sequence[float]) -> None:
        """Show a new picture."""
        lowest, highest = min(scores), max(scores)
        classes = dict.fromkeys(view.class_names[label] for label in view.labels.tolist())
        named = ", ".join(classes)
        self.set_title(f"8 worst images · {fixed(highest, 0)} to {fixed(lowest, 0)} nats · {named}")
        self.set_stacks([view.originals, view.reconstructions])

    def clear(self) -> None:
        """Wait for the pictures of another run."""
        self.set_title("8 worst images")
        super().clear()
