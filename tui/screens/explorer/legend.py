"""The key to a map's marks: every class with its digit, mark, name and number of images."""

from dataclasses import dataclass
from typing import NamedTuple

from rich.style import Style
from rich.text import Text
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from tui.drawing.class_marks import class_mark, class_style
from tui.drawing.pixels import ImageMode

FEW_ROWS, MORE_ROWS = 3, 4
MIN_CONTAINER_ROWS, ROOMY_CONTAINER_ROWS = 12, 30
"""Rows of map and legend together below which the map takes the legend's; and from which the
legend may have one more."""
_USUAL_CLASSES = 10
_GAP = 2


class Columns(NamedTuple):
    """How the entries stand beside one another."""

    per_row: int
    width: int
    """Cells of each, with the gap behind it."""
    with_counts: bool
    close: bool
    """Whether mark and name follow the digit without blanks."""


class ClassLegend(Widget):
    """A few lines under the map; a click on a class hides or shows it."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "ClassLegend { height: auto; text-wrap: nowrap; }"

    @dataclass
    class Toggled(Message):
        """A class was clicked on."""

        label: int

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._names: tuple[str, ...] = ()
        self._counts: list[int] = []
        self._hidden: frozenset[int] = frozenset()
        self._mode: ImageMode = "half"
        self._rows = FEW_ROWS

    def show(self, names: tuple[str, ...], counts: list[int], hidden: frozenset[int]) -> None:
        """Show classes with their numbers of images."""
        if (names, counts, hidden) == (self._names, self._counts, self._hidden):
            return
        other_size = names != self._names or counts != self._counts
        self._names, self._counts, self._hidden = names, counts, hidden
        self.refresh(layout=other_size)

    def set_image_mode(self, mode: ImageMode) -> None:
        """Marks, or digits only."""
        self._mode = mode
        self.refresh()

    def get_content_height(self, container: Size, _viewport: Size, width: int) -> int:
        """As many rows as the classes need; none where the map has hardly any itself."""
        if container.height < MIN_CONTAINER_ROWS:
            return 0
        self._rows = MORE_ROWS if container.height >= ROOMY_CONTAINER_ROWS else FEW_ROWS
        columns = choose_columns(width, self._rows, self._names, self._counts)
        count = len(self._names) or _USUAL_CLASSES
        return min(self._rows, -(-count // columns.per_row))

    def render(self) -> Text:
        """The entries, row by row."""
        columns = choose_columns(self.size.width, self._rows, self._names, self._counts)
        entries = [self._entry(label, columns) for label in range(len(self._names))]
        rows = [
            Text().join(entries[start : start + columns.per_row])
            for start in range(0, len(entries), columns.per_row)
        ]
        return Text("\n").join(rows[: self._rows])

    def on_click(self, event: Click) -> None:
        """Hide or show the class under the mouse."""
        label = event.style.meta.get("label")
        if label is not None:
            self.post_message(self.Toggled(label))

    def _entry(self, label: int, columns: Columns) -> Text:
        hidden = label in self._hidden
        digit = f"{label}" if label < 10 else " "
        blank = "" if columns.close else " "
        entry = Text(f"{digit}{blank}", "dim" if hidden else "")
        if hidden:
            entry.append(f"·{blank}", "dim")
        elif self._mode == "half":
            entry.append(f"{class_mark(label, self._mode)}{blank}", class_style(label))
        else:
            entry.stylize(class_style(label))
        name = Text(self._names[label], "dim strike" if hidden else "")
        gap = 1 if columns.close else _GAP
        count = f" {self._counts[label]:,}" if columns.with_counts else ""
        name.truncate(columns.width - gap - entry.cell_len - len(count), overflow="crop")
        entry.append_text(name).append(count, "dim")
        entry.append(" " * (columns.width - entry.cell_len))
        entry.stylize(Style(meta={"label": label}))
        return entry


def choose_columns(width: int, rows: int, names: tuple[str, ...], counts: list[int]) -> Columns:
    """With counts if there is room, else only names, else names cut short."""
    needed = max(map(len, names), default=11) + 4 + _GAP
    count_width = max((len(f"{count:,}") for count in counts), default=5) + 1
    classes = len(names) or _USUAL_CLASSES
    for with_counts in (True, False):
        entry = needed + count_width * with_counts
        columns = width // entry
        if columns * rows >= classes:
            return Columns(columns, width // columns, with_counts, close=False)
    columns = -(-classes // rows)
    return Columns(columns, max(1, width // columns), with_counts=False, close=True)
