"""Rate against distortion: the run as a trail, and where other runs stand."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from textual.geometry import Size
from textual.strip import Strip

from engine.metrics import Evaluation
from engine.text import nats
from engine.visible_range import Limits, visible_limits
from tui import theme
from tui.drawing.plot import Line, Point, draw_plane
from tui.drawing.run_marks import run_color, run_mark
from tui.drawing.series import round_ticks
from tui.screens.diagnosis.panel import DiagnosisPanel
from tui.screens.diagnosis.readings import Readings

ISO_LINES = 6
TANGENT_SHARE = 0.18
"""Of the axis, to either side of the point."""
_PADDING = 0.08


@dataclass(frozen=True, slots=True)
class OtherRun:
    """Where another run stands."""

    index: int
    """Decides the colour and the mark."""
    name: str
    last: Evaluation


class PlanePanel(DiagnosisPanel):
    """KL to the right, reconstruction upwards."""

    export_names = ("rate_distortion",)
    NOT_OF_AN_AUTOENCODER = (
        "An autoencoder's rate is not limited: there is no KL to trade reconstruction for."
    )

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._others: Sequence[OtherRun] = ()

    def show_plane(self, readings: Readings, others: Sequence[OtherRun]) -> None:
        """Draw what is new."""
        self._others = others
        self.show(readings, *((o.index, o.name, o.last.step) for o in others))

    def caption(self) -> str:
        """The best point."""
        title = "3 rate–distortion"
        best = None if self.readings is None else self.readings.history.best
        if best is None or self.readings is None or not self.readings.is_vae:
            return title
        now, mark = ("x", "o") if self.image_mode == "ascii" else ("◆", "●")
        return f"{title} · {mark} best {nats(best.score)} {now} now"

    def reading(self, _: Readings) -> str:
        """What the lines are."""
        others = "".join(
            f" {run_mark(o.index, self.image_mode)} {o.name}" for o in self._others[:2]
        )
        lines = "→ KL ↑ recon; grey: equal −ELBO, lower left is better; violet: slope −β"
        return lines + others

    def lines(self, size: Size, readings: Readings) -> list[Strip]:
        """The plane."""
        recon, kl = readings.curves.validation("recon"), readings.curves.validation("kl")
        last = readings.last
        if last is None or not len(kl.values) or len(kl.values) != len(recon.values):
            return []
        x, y = _limits(
            [visible_limits([(kl.epochs, kl.values)]), *_around(self._others, "kl")],
            [visible_limits([(recon.epochs, recon.values)]), *_around(self._others, "recon")],
        )
        trail = Line(kl.values, recon.values, theme.TRAIN_COLOR)
        lines = [*_iso_lines(x, y), _tangent(last, x), trail]
        points = [
            Point(o.last.val.kl, o.last.val.recon, run_mark(o.index, self.image_mode), color)
            for o in self._others
            for color in [run_color(o.index)]
        ]
        best = readings.history.best
        now = "x" if self.image_mode == "ascii" else "◆"
        points.append(Point(last.val.kl, last.val.recon, now, theme.VALIDATION_COLOR))
        if best is not None:
            mark = "o" if self.image_mode == "ascii" else "●"
            points.append(Point(best.val.kl, best.val.recon, mark, theme.BEST_COLOR))
        return draw_plane(size, x, y, lines, points)


def _around(others: Sequence[OtherRun], part: str) -> list[Limits]:
    values = [float(getattr(other.last.val, part)) for other in others]
    return [Limits(value, value) for value in values if np.isfinite(value)]


def _limits(x: Sequence[Limits], y: Sequence[Limits]) -> tuple[Limits, Limits]:
    """An axis each that has room for all of them."""
    found = []
    for limits in (x, y):
        low, high = min(each.low for each in limits), max(each.high for each in limits)
        padding = _PADDING * (high - low) if len(limits) > 1 else 0.0
        found.append(Limits(low - padding, high + padding))
    return Limits(max(0.0, found[0].low), found[0].high), found[1]


def _iso_lines(x: Limits, y: Limits) -> list[Line]:
    """KL + reconstruction = c, for round c."""
    across = np.linspace(x.low, x.high, 200)
    levels = round_ticks(x.low + y.low, x.high + y.high, ISO_LINES)
    return [Line(across, level - across, theme.rgb(theme.LINE)) for level in levels]


def _tangent(last: Evaluation, x: Limits) -> Line:
    """Through the current point: at a run's optimum its rate–distortion curve has this slope."""
    reach = TANGENT_SHARE * (x.high - x.low)
    across = np.linspace(last.val.kl - reach, last.val.kl + reach, 60)
    down = last.val.recon - last.beta * (across - last.val.kl)
    return Line(across, down, theme.CURSOR_COLOR)
