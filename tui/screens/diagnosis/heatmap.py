"""The KL of every latent dimension at every evaluation."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip

from engine.text import compact, epoch_label
from tui.drawing.pixels import ASCII_RAMP, LEVELS, runs
from tui.screens.diagnosis.panel import FAINT, QUIET, DiagnosisPanel, parts
from tui.screens.diagnosis.readings import Readings

MARGIN = 7
_STOPS = ((16, 18, 22), (38, 70, 120), (86, 156, 214), (240, 170, 70), (255, 250, 235))
"""Dark to light, so that it reads without colours, too."""


class HeatmapPanel(DiagnosisPanel):
    """A row a dimension, a column an evaluation (or several), the KL by brightness."""

    export_names = ("kl_heatmap",)
    NOT_OF_AN_AUTOENCODER = "An autoencoder has no KL to show over time."

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.film_step: int | None = None
        """The moment that the film's cursor is at."""
        self._highest = math.nan

    def caption(self) -> str:
        """The brightest value."""
        title = "2 KL over time"
        if math.isnan(self._highest):
            return title
        return f"{title} · white {compact(self._highest, 3)} nats"

    def reading(self, _: Readings) -> str:
        """The axes."""
        cursor = "; ▲ the film's moment" if self.film_step is not None else ""
        return (
            f"rows: dimensions; columns: evaluations, many in epoch 1; bright: more KL (√){cursor}."
        )

    def lines(self, size: Size, readings: Readings) -> list[Strip]:
        """The map, and the epochs below it."""
        self._highest = math.nan
        width, rows = size.width - MARGIN, size.height - 1
        if not readings.evaluations or width < 4 or rows < 1:
            return []
        levels_a_row = 1 if self.image_mode == "ascii" else 2
        order = readings.order()[: rows * levels_a_row]
        scale = max(1, rows * levels_a_row // len(order))
        at = _columns(len(readings.evaluations), width)
        kl = readings.kl_over_time(at)[order]
        finite = kl[np.isfinite(kl)]
        self._highest = float(finite.max(initial=0.0))
        levels = _levels(kl, self._highest).repeat(scale, axis=0)
        levels = levels[: len(levels) // levels_a_row * levels_a_row or len(levels)]
        if len(levels) % levels_a_row:
            levels = np.vstack([levels, np.zeros_like(levels[:1])])
        drawn = []
        for row in range(len(levels) // levels_a_row):
            first = row * levels_a_row // scale
            named = order[first : first + (levels_a_row if scale == 1 else 1)]
            starts = row * levels_a_row % scale == 0 or scale == 1
            label = ",".join(str(dim + 1) for dim in named) if starts else ""
            pair = levels[row * levels_a_row : (row + 1) * levels_a_row]
            drawn.append(Strip([Segment(f"{label:>{MARGIN - 1}} ", QUIET), *_segments(pair)]))
        return [*drawn, self._axis(readings, at)]

    def _axis(self, readings: Readings, at: Sequence[int]) -> Strip:
        """The epochs at both ends and half-way, and the film's moment."""
        width = len(at)
        text = [" "] * width
        for column in (0, width // 2, width - 1):
            label = epoch_label(readings.evaluations[at[column]][1])
            start = min(column, width - len(label))
            free = all(c == " " for c in text[max(0, start - 1) : start + len(label)])
            if start >= 0 and free:
                text[start : start + len(label)] = label
        if self.film_step is not None:
            steps = [readings.evaluations[index][0] for index in at]
            column = min(int(np.searchsorted(steps, self.film_step)), width - 1)
            text[column] = "▲"
        return parts((f"{'epoch':>{MARGIN - 1}} ", FAINT), ("".join(text), FAINT))


def _columns(evaluations: int, width: int) -> list[int]:
    """Which evaluation stands in each column: each repeated, or some left out; the last is in."""
    columns = evaluations * max(1, width // evaluations) if evaluations <= width else width
    return [round(i) for i in np.linspace(0, evaluations - 1, columns)] if columns > 1 else [0]


def _levels(kl: npt.NDArray[np.float64], highest: float) -> npt.NDArray[np.intp]:
    """0 to LEVELS − 1, by the square root: small ones are told from nothing."""
    if not 0 < highest < math.inf:
        return np.zeros(kl.shape, np.intp)
    share = np.sqrt(np.clip(np.nan_to_num(kl, nan=0.0, posinf=highest) / highest, 0.0, 1.0))
    levels: npt.NDArray[np.intp] = np.rint(share * (LEVELS - 1)).astype(np.intp)
    return levels


def _segments(pair: npt.NDArray[np.intp]) -> list[Segment]:
    if len(pair) == 1:
        return [Segment("".join(ASCII_RAMP[level] for level in pair[0].tolist()))]
    return [
        Segment("▀" * length, _style(*divmod(code, LEVELS)))
        for code, length in runs((pair[0] * LEVELS + pair[1]).tolist())
    ]


@lru_cache(maxsize=LEVELS * LEVELS)
def _style(top: int, bottom: int) -> Style:
    return Style(color=_color(top), bgcolor=_color(bottom))


def _color(level: int) -> Color:
    place = level / (LEVELS - 1) * (len(_STOPS) - 1)
    low = min(int(place), len(_STOPS) - 2)
    mixed = (
        round(a + (b - a) * (place - low))
        for a, b in zip(_STOPS[low], _STOPS[low + 1], strict=True)
    )
    return Color.from_rgb(*mixed)
