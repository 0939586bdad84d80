"""Curves over epochs as a terminal chart, drawn by plotext."""

from dataclasses import dataclass

from rich.text import Text
from textual.geometry import Size
from textual_plotext import Plot

from engine.limits import Limits
from tui.series import Series, epoch_ticks, round_ticks, thin
from tui.theme import AXES_COLOR, Rgb

Y_LABEL_COLUMNS = 6
"""What the y-axis and its labels take."""
ROWS_PER_TICK = 4


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of the chart."""

    series: Series
    color: Rgb


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of the chart."""

    epoch: float
    value: float
    color: Rgb


def draw_chart(
    size: Size,
    curves: list[Curve],
    limits: Limits,
    epoch: float,
    mark: Mark | None = None,
    cursor: tuple[float, Rgb] | None = None,
) -> Text:
    """The chart; where curves cross, the later one is on top, for a cell has one colour.

    Args:
        epoch: how far the training is, the right end.
        cursor: an epoch for a vertical line, and its colour.
    """
    columns = max(4, size.width - Y_LABEL_COLUMNS)
    plot = Plot()
    # plotext would cap the figure at what it takes for the terminal's size.
    plot._limit_size(False, False)  # type: ignore[attr-defined]
    # Plot.plotsize alone doesn't take (textual-plotext's own widget does the same).
    plot._set_size(size.width, size.height)
    plot.plotsize(size.width, size.height)
    plot.canvas_color("default")
    plot.axes_color("default")
    plot.ticks_color(AXES_COLOR)
    plot.xaxes(True, False)
    plot.yaxes(True, False)
    x_ticks = epoch_ticks(epoch, columns)
    plot.xticks(x_ticks, [f"{tick:g}" for tick in x_ticks])
    plot.xlim(0, max(1.0, epoch))
    if not any(len(curve.series.values) for curve in curves):
        return Text("no steps trained yet", "dim")
    y_ticks = round_ticks(limits.low, limits.high, size.height // ROWS_PER_TICK)
    plot.yticks(y_ticks, [f"{tick:g}" for tick in y_ticks])
    plot.ylim(limits.low, limits.high)
    if cursor is not None:
        plot.vline(*cursor)
    for curve in curves:
        _draw(plot, thin(curve.series, 2 * columns), limits, curve.color)
    if mark is not None and limits.low <= mark.value <= limits.high:
        plot.scatter([mark.epoch], [mark.value], color=mark.color, marker="●")
    return Text.from_ansi(plot.build())


def _draw(plot: Plot, series: Series, limits: Limits, color: Rgb) -> None:
    """The part of a curve that lies within the limits: plotext would draw beyond its axes."""
    inside = (series.values >= limits.low) & (series.values <= limits.high)
    if inside.any():
        epochs, values = series.epochs[inside].tolist(), series.values[inside].tolist()
        plot.plot(epochs, values, color=color, marker="braille")


def hex_color(color: Rgb) -> str:
    """'#rrggbb' for markup."""
    return "#{:02x}{:02x}{:02x}".format(*color)
