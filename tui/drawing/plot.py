"""Curves over epochs, and lines in a plane: plotext's axes, ticks and labels, our lines in them.

plotext draws a line dot by dot in Python: two full curves on a large screen would take it 20 ms.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import plotext
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip

from engine.visible_range import Limits
from tui.drawing.braille import DOTS_ACROSS, DOTS_DOWN, cells_of, dots_of, line_dots
from tui.drawing.pixels import runs
from tui.drawing.series import Floats, Series, epoch_ticks, round_ticks, thin, tick_labels
from tui.theme import AXES_COLOR, Rgb

Y_LABEL_COLUMNS = 6
"""What the y-axis and its labels take, about: for the number of ticks."""
ROWS_PER_TICK = 4
NOTHING_YET = Segment("no steps trained yet", Style(dim=True))


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


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a plane through points (N,), (N,), finite."""

    x: Floats
    y: Floats
    color: Rgb


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a plane, and its character."""

    x: float
    y: float
    character: str
    color: Rgb


def draw_plane(
    size: Size, x: Limits, y: Limits, lines: Sequence[Line], points: Sequence[Point]
) -> list[Strip]:
    """The lines of a plane; where they cross, the later one is on top, and points over all."""
    x_ticks = round_ticks(x.low, x.high, max(2, (size.width - Y_LABEL_COLUMNS) // 10))
    y_ticks = round_ticks(y.low, y.high, size.height // ROWS_PER_TICK)
    if size.width < max(map(len, tick_labels(y_ticks))) + 2 or size.height < 3:
        return []
    sheet = _Sheet(size, x, y, x_ticks, y_ticks)
    for line in lines:
        sheet.draw_path(line.x, line.y, line.color)
    for point in points:
        sheet.draw_point(point.x, point.y, point.character, point.color)
    return sheet.strips()


def draw_chart(
    size: Size,
    curves: Sequence[Curve],
    limits: Limits,
    epoch: float,
    mark: Mark | None = None,
    cursor: tuple[float, Rgb] | None = None,
    moments: Sequence[float] = (),
    flags: Sequence[tuple[float, Rgb]] = (),
) -> list[Strip]:
    """The chart's lines; where curves cross, the later one is on top, for a cell has one colour.

    Args:
        epoch: how far the training is, the right end.
        cursor: an epoch for a vertical line, and its colour.
        moments: epochs for dotted vertical lines.
        flags: epochs for a ▲ on the x-axis, and their colours.
    """
    if not any(len(curve.series.values) for curve in curves):
        return [Strip([NOTHING_YET])]
    end = max(1.0, epoch) if math.isfinite(epoch) else 1.0
    x_ticks = epoch_ticks(end, max(4, size.width - Y_LABEL_COLUMNS))
    y_ticks = round_ticks(limits.low, limits.high, size.height // ROWS_PER_TICK)
    if size.width < max(map(len, tick_labels(y_ticks))) + 2 or size.height < 3:
        return []
    sheet = _Sheet(size, Limits(0.0, end), limits, x_ticks, y_ticks)
    for moment in moments:
        sheet.draw_line(moment, "┊", AXES_COLOR)
    for flag in flags:
        sheet.draw_flag(*flag)
    if cursor is not None:
        epoch, color = cursor
        sheet.draw_line(epoch, "│", color)
    for curve in curves:
        sheet.draw_curve(curve)
    if mark is not None:
        sheet.draw_point(mark.epoch, mark.value, "●", mark.color)
    return sheet.strips()


def _axes(
    size: Size, x: Limits, y: Limits, x_ticks: list[float], y_ticks: list[float]
) -> list[str]:
    """A chart without curves: lines of text, the last two below the canvas."""
    # plotext draws on one figure of its module: only the screen's thread asks for axes.
    plotext.clear_figure()
    plotext.limit_size(False, False)  # it would cap the figure at what it takes for the terminal
    plotext.plot_size(size.width, size.height)
    for paint in (plotext.canvas_color, plotext.axes_color, plotext.ticks_color):
        paint("default")
    plotext.xaxes(True, False)
    plotext.yaxes(True, False)
    # Places, not values: what plotext computes with these is far from the ends of floats.
    plotext.xticks([_share(tick, x) for tick in x_ticks], tick_labels(x_ticks))
    plotext.yticks([_share(tick, y) for tick in y_ticks], tick_labels(y_ticks))
    plotext.xlim(0.0, 1.0)
    plotext.ylim(0.0, 1.0)
    plotext.scatter([0.0], [0.0], marker=" ")  # without data it draws nothing
    text: str = plotext.uncolorize(plotext.build())
    return text.splitlines()


def _share(value: float, axis: Limits) -> float:
    return (value - axis.low) / (axis.high - axis.low)


class _Sheet:
    """The chart's cells: y labels, the y-axis and the canvas; below, the x-axis and its labels."""

    def __init__(
        self,
        size: Size,
        x: Limits,
        y: Limits,
        x_ticks: list[float],
        y_ticks: list[float],
    ) -> None:
        lines = _axes(size, x, y, x_ticks, y_ticks)
        self.rows = size.height - 2
        self._left = lines[self.rows].index("└") + 1
        self.columns = size.width - self._left
        """Of the canvas, the part within the axes."""
        self._x, self._y = x, y
        self._characters = np.array([list(line.ljust(size.width)) for line in lines], "<U1")
        self._colors: npt.NDArray[np.int32] = np.zeros(self._characters.shape, np.int32)
        self._colors[self._characters != " "] = _number(AXES_COLOR)

    def draw_line(self, epoch: float, character: str, color: Rgb) -> None:
        """A vertical line."""
        if self._x.low <= epoch <= self._x.high:
            (column,) = self._columns(np.array([epoch]), 1)
            self._put(slice(0, self.rows), self._left + column, character, color)

    def draw_flag(self, epoch: float, color: Rgb) -> None:
        """A triangle on the x-axis, where it hides no curve."""
        if self._x.low <= epoch <= self._x.high:
            (column,) = self._columns(np.array([epoch]), 1)
            self._put(self.rows, self._left + column, "▲", color)

    def draw_curve(self, curve: Curve) -> None:
        """The part of a curve that lies within the limits."""
        series = thin(curve.series, self.columns * DOTS_ACROSS)
        self.draw_path(series.epochs, series.values, curve.color)

    def draw_path(self, x: Floats, y: Floats, color: Rgb) -> None:
        """The part of a line that lies within the limits."""
        inside = (y >= self._y.low) & (y <= self._y.high)
        inside &= (x >= self._x.low) & (x <= self._x.high)
        if not inside.any():
            return
        dots = line_dots(self._columns(x[inside], DOTS_ACROSS), self._rows(y[inside], DOTS_DOWN))
        rows, columns, characters = cells_of(*dots, self.columns, self.rows)
        self._put(rows, self._left + columns, characters, color)

    def draw_point(self, x: float, y: float, character: str, color: Rgb) -> None:
        """A point, if it lies within the limits."""
        is_within = self._x.low <= x <= self._x.high
        if is_within and self._y.low <= y <= self._y.high:
            row = self._rows(np.array([y]), 1)
            self._put(row, self._left + self._columns(np.array([x]), 1), character, color)

    def strips(self) -> list[Strip]:
        """The cells, equal colours in one run."""
        return [
            Strip(_segments(characters, colors), len(characters))
            for characters, colors in zip(self._characters, self._colors.tolist(), strict=True)
        ]

    def _columns(self, epochs: Floats, dots: int) -> npt.NDArray[np.intp]:
        """From the canvas's left, in cells or in so many dots a cell."""
        return dots_of(epochs, self._x.low, self._x.high, self.columns * dots)

    def _rows(self, values: Floats, dots: int) -> npt.NDArray[np.intp]:
        """From the top, likewise."""
        count = self.rows * dots
        return count - 1 - dots_of(values, self._y.low, self._y.high, count)

    def _put(self, rows: Any, columns: Any, characters: Any, color: Rgb) -> None:
        self._characters[rows, columns] = characters
        self._colors[rows, columns] = _number(color)


def _number(color: Rgb) -> int:
    """A colour as `_style` takes it."""
    return int.from_bytes((1, *color))


def _segments(characters: npt.NDArray[np.str_], colors: list[int]) -> list[Segment]:
    segments, start = [], 0
    for color, length in runs(colors):
        text = "".join(characters[start : start + length].tolist())
        segments.append(Segment(text, _style(color)))
        start += length
    return segments


@lru_cache(maxsize=64)
def _style(color: int) -> Style | None:
    """The style of a colour's number; 0 is none."""
    return Style(color=Color.from_rgb(*color.to_bytes(4)[1:])) if color else None


def hex_color(color: Rgb) -> str:
    """'#rrggbb' for markup."""
    return "#{:02x}{:02x}{:02x}".format(*color)
