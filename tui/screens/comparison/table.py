"""The comparison's table: a column for every run; settings that differ, then results."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip

from engine.analysis.comparison import RunNumbers
from engine.analysis.comparison_rows import ROWS, RowName, setting_rows
from engine.config import RunConfig
from engine.snapshot import Phase, Snapshot
from engine.text import UNKNOWN, epochs, nats
from tui.drawing.run_marks import run_mark, run_style
from tui.theme import QUIET, WARNING
from tui.widgets.canvas import CanvasPanel

EXPORTS = ("comparison",)
LABEL_STYLE = Style(color=QUIET)
NOTE_STYLE = Style(color=WARNING)
GAP = 2
"""Cells between two columns."""
TITLE_ENDS = 4
"""Columns of the border that a title can't have."""
_MEASURED: tuple[RowName, ...] = (
    *("epoch", "bce", "mse", "knn", "active", "sampled_bce", "neg_elbo"),
)


@dataclass(frozen=True, slots=True)
class Column:
    """One run's settings, live state and slow numbers, as far as they are known."""

    label: str
    index: int
    """Decides the colour and the mark."""
    config: RunConfig
    snapshot: Snapshot
    numbers: RunNumbers | None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: its label at two lengths, and a cell for each run."""

    label: str
    short: str
    """The label where there is little room."""
    cells: tuple[str, ...]


def table_rows(columns: Sequence[Column]) -> list[Row]:
    """Settings that differ, how far the runs are, and what is measured; a cell for each run."""
    return [*_settings(columns), *_progress(columns), *_results(columns)]


def _settings(columns: Sequence[Column]) -> list[Row]:
    rows = []
    if {c.label for c in columns} != {c.config.model.upper() for c in columns}:
        rows.append(Row("model", "model", tuple(c.config.model.upper() for c in columns)))
    steering = [column.snapshot.steering for column in columns]
    settings = setting_rows([column.config for column in columns], steering=steering)
    return [*rows, *(Row(row.label, row.short, row.cells) for row in settings)]


def _progress(columns: Sequence[Column]) -> list[Row]:
    rows = []
    snapshots = [c.snapshot for c in columns]
    if any(s.phase is not Phase.FINISHED for s in snapshots):
        rows.append(Row("state", "state", tuple(str(s.phase) for s in snapshots)))
    trained = tuple(f"{epochs(c.snapshot.epoch)} of {c.config.epochs}" for c in columns)
    best = [c.snapshot.best if c.config.model == "vae" else None for c in columns]
    return [
        *rows,
        Row("epochs trained", "epochs", trained),
        Row(
            "best −ELBO, nats",
            "best −ELBO",
            tuple(nats(b.val.neg_elbo if b else None) for b in best),
        ),
    ]


def _results(columns: Sequence[Column]) -> list[Row]:
    rows = [ROWS[name] for name in _MEASURED]
    return [
        Row(
            row.label,
            row.short,
            tuple(UNKNOWN if c.numbers is None else row.cell(c.numbers) for c in columns),
        )
        for row in rows
    ]


class NumbersPanel(CanvasPanel):
    """As many runs and rows as fit, whole; the others by the arrow keys."""

    export_names = EXPORTS

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._labels: tuple[tuple[str, int], ...] = ()
        self._rows: list[Row] = []
        self._note = ""
        self._first_run = 0
        self._first_row = 0

    @property
    def wanted_height(self) -> int:
        """Lines that show all rows: the labels, the rows, the note."""
        return len(self._rows) + 2

    def clear(self) -> None:
        """Nothing is kept that could be of another run."""

    def show(self, columns: Sequence[Column], note: str) -> None:
        """Show other numbers.

        Args:
            columns: what is known of each run so far.
            note: what is being done, or how to begin.
        """
        labels = tuple((column.label, column.index) for column in columns)
        rows = table_rows(columns)
        if (labels, rows, note) != (self._labels, self._rows, self._note):
            self._labels, self._rows, self._note = labels, rows, note
            self.repaint()

    def rows(self) -> list[list[str]]:
        """The whole table: what is measured, then a cell for each run."""
        head = ["", *(label for label, _ in self._labels)]
        return [head, *([row.label, *row.cells] for row in self._rows)]

    def move(self, rows: int, runs: int) -> None:
        """Show the rows below or above, the runs to the right or the left."""
        self._first_row += rows
        self._first_run += runs
        self.repaint()

    def paint(self, size: Size) -> list[Strip]:
        """The labels, as many rows as fit, and the note."""
        if not self._rows:
            return []
        names, runs = self._fitting(size.width)
        # The labels and the note stay where they are.
        room = max(1, size.height - 1 - bool(self._note))
        first = self._first_row = max(0, min(self._first_row, len(self._rows) - room))
        shown = range(first, min(first + room, len(self._rows)))
        widths = {run: self._width(run) for run in runs}
        beside = max(map(len, names))
        head = [Segment(" " * beside)]
        for run in runs:
            label, index = self._labels[run]
            text = f"{run_mark(index, self.image_mode)} {label}"
            head.append(Segment(" " * GAP + text.rjust(widths[run]), run_style(index)))
        lines = [Strip(head)]
        for row in shown:
            line = [Segment(names[row].ljust(beside), LABEL_STYLE)]
            for run in runs:
                text = self._rows[row].cells[run].rjust(widths[run])
                line.append(Segment(" " * GAP + text, run_style(self._labels[run][1])))
            lines.append(Strip(line))
        if self._note:
            lines.append(Strip([Segment(f" {self._note}", NOTE_STYLE)]))
        self.set_title(self._describe(runs, shown))
        return lines

    def _fitting(self, width: int) -> tuple[list[str], range]:
        """What the rows are called, and which runs have room beside that: all, or some."""
        long = [f" {row.label}" for row in self._rows]
        short = [f" {row.short}" for row in self._rows]
        for names in (long, short):
            room = width - max(map(len, names))
            if sum(self._width(run) + GAP for run in range(len(self._labels))) <= room:
                self._first_run = 0
                return names, range(len(self._labels))
        # No further than to where the last run is at the right edge.
        last_first = len(self._labels) - 1
        while last_first > 0 and self._room_for(range(last_first - 1, len(self._labels)), room):
            last_first -= 1
        first = self._first_run = max(0, min(self._first_run, last_first))
        end = first + 1
        while end < len(self._labels) and self._room_for(range(first, end + 1), room):
            end += 1
        return short, range(first, end)

    def _room_for(self, runs: range, room: int) -> bool:
        return sum(self._width(run) + GAP for run in runs) <= room

    def _width(self, run: int) -> int:
        """Of a run's column: its label with its mark, or the longest cell."""
        return max(len(self._labels[run][0]) + 2, *(len(row.cells[run]) for row in self._rows))

    def _describe(self, runs: range, rows: range) -> str:
        parts = []
        if len(runs) < len(self._labels):
            parts.append(f"runs {_some(runs, len(self._labels))} ←→")
        if len(rows) < len(self._rows):
            parts.append(f"rows {_some(rows, len(self._rows))} ↑↓")
        title = " · ".join(["on the validation images", *parts])
        return title if len(title) <= self.size.width - TITLE_ENDS else " · ".join(parts)


def _some(shown: range, count: int) -> str:
    first, last = shown.start + 1, shown.stop
    return f"{first} of {count}" if first == last else f"{first}–{last} of {count}"
