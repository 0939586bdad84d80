"""Gradients, updates and dead units of every layer."""

import math

from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip

from engine.diagnosis import LayerState, layer_names, layer_units
from engine.text import UNKNOWN, compact, small
from tui import theme
from tui.screens.diagnosis.panel import FAINT, PLAIN, QUIET, DiagnosisPanel, parts, sparkline
from tui.screens.diagnosis.readings import Readings

NUMBER = 7
DEAD = 8
LONG_NAMES = 52
"""Columns from which the layers have whole names."""
MOST_SPARK = 24
LARGE_UPDATE = 3e-2
"""Above this the ratio is coloured: 1e-3 is a common rule of thumb (Karpathy, CS231n, "ratio of
updates to weights"). A small one is no fault: it falls with the learning rate."""
WARN = Style(color=theme.WARNING)


class LayersPanel(DiagnosisPanel):
    """A row a layer."""

    export_names = ("diagnosis",)

    def caption(self) -> str:
        """What the columns are."""
        return "6 gradients, updates, dead units"

    def reading(self, _: Readings) -> str:
        """What the columns mean."""
        what = "norm on a fixed batch; last update / weights"
        return f"{what} (1e-3 is usual, falls with lr); dead units"

    def lines(self, size: Size, readings: Readings) -> list[Strip]:
        """The table; small curves of the logarithms where there is room."""
        if readings.diagnosis is None:
            return []
        names = layer_names(readings.config)
        if size.width < LONG_NAMES:
            names = tuple(f"{name[:3]}{name[name.index(' ') :]}" for name in names)
        width = max(map(len, names))
        spark = max(0, min(MOST_SPARK, (size.width - width - 2 * NUMBER - DEAD - 3) // 2))
        gap = " " * spark
        head = f"{'':{width}}{'gradient':>{NUMBER + 1}}{gap} {'update':>{NUMBER}}{gap}"
        drawn = [parts((f"{head} {'dead':>{DEAD}}", FAINT))]
        for index, units in enumerate(layer_units(readings.config)):
            past = [d.layers[index] for d in readings.diagnoses]
            drawn.append(self._row(f"{names[index]:{width}}", units, past, spark))
        return drawn

    def _row(self, name: str, units: int | None, past: list[LayerState], spark: int) -> Strip:
        now = past[-1]
        dead = UNKNOWN
        if units is not None and math.isfinite(now.dead):
            dead = f"{now.dead:.0f}/{units}"
        return parts(
            (name, QUIET),
            (f" {_short(now.gradient_norm):>{NUMBER}}", PLAIN),
            (self._spark([p.gradient_norm for p in past], spark), FAINT),
            (
                f" {_ratio(now.update_ratio):>{NUMBER}}",
                WARN if now.update_ratio > LARGE_UPDATE else PLAIN,
            ),
            (self._spark([p.update_ratio for p in past], spark), FAINT),
            (f" {dead:>{DEAD}}", WARN if now.dead > 0 else PLAIN),
        )

    def _spark(self, values: list[float], width: int) -> str:
        if not width:
            return ""
        logs = [math.log(v) if 0 < v < math.inf else math.nan for v in values]
        line = sparkline(logs, width - 1, ascii_only=self.image_mode == "ascii")
        return f" {line:<{width - 1}}"


def _short(value: float) -> str:
    return small(value) if 1e-3 <= value < 1e5 else compact(value, 2)


def _ratio(value: float) -> str:
    """'1.2e-3' everywhere, so that layers compare at a glance."""
    if not math.isfinite(value):
        return UNKNOWN
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}"
