"""The comparison's curves, and its rows of pictures of several runs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip

from engine.history import History
from engine.views import Images
from engine.visible_range import visible_limits
from tui.drawing.curves import HistoryCurves
from tui.drawing.pixels import ImageMode
from tui.drawing.plot import Curve, draw_chart
from tui.drawing.run_marks import run_color, run_mark, run_style
from tui.drawing.series import TITLES, ChartMetric
from tui.theme import QUIET
from tui.widgets.canvas import CanvasPanel
from tui.widgets.pictures import READABLE, PicturePanel, choose_tiling

EXPORTS = ("comparison",)
LABEL_STYLE = Style(color=QUIET)
MARK_DISTANCE = 24
"""Columns between two marks on a curve."""
BRAILLE = range(0x2800, 0x2900)


@dataclass(frozen=True, slots=True)
class RunCurve:
    """The history of a run, and what it is called and coloured by."""

    label: str
    index: int
    """Decides the colour and the mark."""
    history: History


class CurvesPanel(CanvasPanel):
    """One validation metric of all the runs, their marks on the curves and in a legend."""

    export_names = EXPORTS

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._curves: Sequence[RunCurve] = ()
        self._read: dict[History, HistoryCurves] = {}
        self._metric: ChartMetric = "recon"
        self._version: tuple[object, ...] = ()

    def clear(self) -> None:
        """Nothing is kept that could be of another run."""

    def show(self, curves: Sequence[RunCurve], metric: ChartMetric) -> None:
        """Draw what is new since the last call, if anything is."""
        self._curves, self._metric = curves, metric
        read = self._read
        self._read = {h: read.get(h) or HistoryCurves(h) for h in (c.history for c in curves)}
        for one in self._read.values():
            one.read()
        version = (metric, *((c.label, self._read[c.history].evaluation_count) for c in curves))
        if version != self._version:
            self._version = version
            self.set_title(f"validation {TITLES[metric]}, nats per image")
            self.repaint()

    def paint(self, size: Size) -> list[Strip]:
        """Draw the legend over the chart."""
        if not self._curves:
            return []
        legend = self._legend(size.width)[: max(1, size.height // 3)]
        series = [self._read[c.history].validation(self._metric) for c in self._curves]
        floor = 0.0 if self._metric == "kl" else None
        limits = visible_limits([(s.epochs, s.values) for s in series], floor=floor)
        epoch = max((float(s.epochs[-1]) for s in series if len(s.epochs)), default=0.0)
        curves = [Curve(s, run_color(c.index)) for s, c in zip(series, self._curves, strict=True)]
        room = Size(size.width, max(1, size.height - len(legend)))
        chart = draw_chart(room, curves, limits, epoch)
        marked = _marked(chart, [curve.index for curve in self._curves], self.image_mode)
        return [*legend, *map(Strip, marked)]

    def _legend(self, width: int) -> list[Strip]:
        lines: list[list[Segment]] = [[]]
        used = 0
        for curve in self._curves:
            text = f" {run_mark(curve.index, self.image_mode)} {curve.label} "
            if used and used + len(text) > width:
                lines.append([])
                used = 0
            lines[-1].append(Segment(text, run_style(curve.index)))
            used += len(text)
        return [Strip(line) for line in lines]


def _marked(
    lines: Sequence[Iterable[Segment]], indices: Sequence[int], mode: ImageMode
) -> list[list[Segment]]:
    """A chart with every curve's mark on it, here and there and where it ends.

    The cells of a curve are known by their colour.
    """
    cells = [[Segment(char, part.style) for part in line for char in part.text] for line in lines]
    for number, index in enumerate(indices):
        of_curve: dict[int, list[int]] = {}
        for y, row in enumerate(cells):
            for x, cell in enumerate(row):
                if _is_of(cell, index):
                    of_curve.setdefault(x, []).append(y)
        if not of_curve:
            continue
        # Not all curves' marks in one column: where curves lie close these would be hidden.
        start = min(of_curve) + MARK_DISTANCE * (number + 1) // (len(indices) + 1)
        for x in {*range(start, max(of_curve), MARK_DISTANCE), max(of_curve)}:
            if x in of_curve:
                y = of_curve[x][len(of_curve[x]) // 2]
                cells[y][x] = Segment(run_mark(index, mode), cells[y][x].style)
    return [list(Segment.simplify(row)) for row in cells]


def _is_of(cell: Segment, index: int) -> bool:
    color = cell.style.color if cell.style else None
    return (
        color is not None
        and ord(cell.text) in BRAILLE
        and color.triplet is not None
        and tuple(color.triplet) == run_color(index)
    )


@dataclass(frozen=True, slots=True, eq=False)
class PictureRow:
    """A row of images that belong together."""

    label: str
    what: str
    """What it is of the run, under the label; may be empty."""
    index: int | None
    """Decides the label's colour and mark; None for what is of no run."""
    images: Images

    def words(self, mode: ImageMode) -> str:
        """The label, after the run's mark."""
        return self.label if self.index is None else f"{run_mark(self.index, mode)} {self.label}"


class LabelledPictures(PicturePanel):
    """Rows of images, each with its name at the left; those that don't fit by the arrow keys."""

    export_names = EXPORTS

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.rows: list[PictureRow] = []
        """All of them, also those that don't fit."""
        self._pinned = 0
        self._words = ("", "")
        self._first = 0

    def show_rows(
        self, rows: list[PictureRow], title: str, more: str = "", *, pinned: int = 0
    ) -> None:
        """Show rows; image i of every row stands in one column.

        Args:
            more: the title's end, after the word on the rows that don't fit.
            pinned: so many rows, the first, are always seen.
        """
        self.rows, self._words, self._pinned = rows, (title, more), pinned
        self.set_stacks([row.images for row in rows])

    def clear(self) -> None:
        """Wait for the pictures of another run."""
        self.rows = []
        super().clear()

    def move(self, rows: int, _: int) -> None:
        """Show the rows below or above."""
        self._first += rows
        self.repaint()

    def paint(self, size: Size) -> list[Strip]:
        """The pictures that fit, centred in what the names leave."""
        title, more = self._words
        if not self.rows:
            self.set_title(f"{title}{more}")
            return super().paint(size)
        texts = [text for row in self.rows for text in (row.words(self.image_mode), row.what)]
        room = Size(max(0, size.width - max(map(len, texts)) - 1), size.height)
        shown, words = self._fitting(room)
        self.set_title(f"{title}{words}{more}")
        self._stacks = [row.images for row in shown]
        lines = super().paint(room)
        if self.tiling is None:
            return lines
        rows_per_image = self.tiling.size // 2
        width = size.width - room.width
        names = [Segment(" " * width)] * len(lines)
        for number in range(len(lines) // rows_per_image):
            row = shown[number % len(shown)]
            middle = number * rows_per_image + (rows_per_image - 1) // 2
            style = LABEL_STYLE if row.index is None else run_style(row.index)
            names[middle] = Segment(row.words(self.image_mode).ljust(width), style)
            if row.what:
                names[middle + 1] = Segment(row.what.ljust(width), LABEL_STYLE)
        return [
            Strip([name, *line], width + line.cell_length)
            for name, line in zip(names, lines, strict=True)
        ]

    def _fitting(self, room: Size) -> tuple[list[PictureRow], str]:
        """As many rows as can be made out, and a word on the others."""
        pinned, others = self.rows[: self._pinned], self.rows[self._pinned :]
        available = len(self.rows[0].images)
        count = len(others)
        while count > 1:
            stacked = len(pinned) + count
            tiling = choose_tiling(room.width, 2 * room.height, stacked, available)
            if tiling is not None and tiling.size >= READABLE:
                break
            count -= 1
        self._first = max(0, min(self._first, len(others) - count))
        if count == len(others):
            return self.rows, ""
        first, last = self._first + 1, self._first + count
        which = f"{first}" if first == last else f"{first}–{last}"
        words = f" · rows {which} of {len(others)} ↑↓"
        return [*pinned, *others[first - 1 : last]], words


def waiting(like: Images) -> Images:
    """Black images, shown until the run has answered."""
    return np.zeros_like(like)
