"""Where the KL goes: mutual information, total correlation, dimension-wise KL, over time."""

import math

import numpy as np
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip

from engine.diagnosis import Surgery
from engine.text import fixed
from engine.visible_range import drawable, visible_limits
from tui import theme
from tui.drawing.plot import Curve, draw_chart, hex_color
from tui.drawing.series import Series
from tui.screens.diagnosis.panel import SERIES_COLORS, DiagnosisPanel, parts
from tui.screens.diagnosis.readings import Readings

PARTS = ("mutual_information", "total_correlation", "dimension_kl")
NAMES = ("I(x;z)", "TC", "dim-wise KL")


class SurgeryPanel(DiagnosisPanel):
    """The three parts of the KL at every diagnosis."""

    export_names = ("diagnosis",)
    NOT_OF_AN_AUTOENCODER = "An autoencoder has no KL to be divided."

    def caption(self) -> str:
        """What they add up to."""
        title = "4 where the KL goes"
        surgery = self._surgery()
        return title if surgery is None else f"{title} · {fixed(surgery.total, 2)} nats"

    def _surgery(self) -> Surgery | None:
        diagnosis = None if self.readings is None else self.readings.diagnosis
        return None if diagnosis is None else diagnosis.surgery

    def reading(self, readings: Readings) -> str:
        """The bound on I."""
        diagnosis, surgery = readings.diagnosis, self._surgery()
        if diagnosis is None or surgery is None:
            return ""
        most = fixed(math.log(diagnosis.images), 1)
        upper = fixed(surgery.mutual_information_upper, 1)
        return (
            f"I: x told by z (≤ ln N = {most} here, < {upper} in all). "
            "TC: dependence between dimensions"
        )

    def lines(self, size: Size, readings: Readings) -> list[Strip]:
        """A legend with the newest numbers over the curves."""
        with_surgery = [d for d in readings.diagnoses if d.surgery is not None]
        if not with_surgery:
            return []
        epochs = np.array([d.epoch for d in with_surgery])
        curves = []
        for part, color in zip(PARTS, SERIES_COLORS, strict=True):
            values = drawable(np.array([getattr(d.surgery, part) for d in with_surgery]))
            finite = np.isfinite(values)
            curves.append(Curve(Series(epochs[finite], values[finite]), color))
        limits = visible_limits([(c.series.epochs, c.series.values) for c in curves], floor=0.0)
        legend = parts(
            *(
                (f" ━ {name} {fixed(getattr(with_surgery[-1].surgery, part), 2)}", _style(color))
                for name, part, color in zip(NAMES, PARTS, SERIES_COLORS, strict=True)
            )
        )
        room = Size(size.width, size.height - 1)
        epoch = readings.snapshot.epoch if readings.snapshot else float(epochs[-1])
        return [legend, *draw_chart(room, curves, limits, max(epoch, float(epochs[-1])))]


def _style(color: theme.Rgb) -> Style:
    return Style(color=hex_color(color))
