"""The table of stored runs: as many of the columns as fit, cursor and scrolling kept."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from engine.storage.listing import RunSummary
from tui.screens.runs import words
from tui.screens.runs.columns import COLUMNS, RIGHT, ListedRun, gap_for, natural_widths, widths
from tui.theme import ACCENT

LABELS = {name: name for name in COLUMNS} | {"best": "−ELBO ", "last": "last "}
MARK = "◆"
_MARK_STYLE = f"bold {ACCENT}"


class RunTable(ScrollView, can_focus=True, inherit_bindings=False):
    """One run a row, drawn when it is on the screen: thousands cost what some dozens do.

    The arrows move, and what else keys do is the screen's.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"runtable--header", "runtable--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "end(-1)", show=False),
        Binding("end", "end(1)", show=False),
    ]

    @dataclass
    class Highlighted(Message):
        """The cursor is on another run, or the run under it has other numbers."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.rows: Sequence[ListedRun] = ()
        """On show, from the top."""
        self.cursor_row = 0
        self._marked: Collection[Path] = ()
        self._widths: dict[str, int] = {}

    @property
    def current(self) -> RunSummary | None:
        """The run under the cursor."""
        return self.rows[self.cursor_row].run if self.cursor_row < len(self.rows) else None

    @property
    def columns(self) -> list[str]:
        """The names of the columns that fit."""
        return ["mark", *self._widths]

    def show_runs(
        self, rows: Sequence[ListedRun], marked: Collection[Path], wanted: Path | None = None
    ) -> None:
        """Show other runs, or other numbers of them; the cursor stays on its run.

        Args:
            wanted: the run to put the cursor on instead.
        """
        before = self.current
        self.rows, self._marked = rows, marked
        row = self._row_of(wanted)
        if row is None and before is not None:
            row = self._row_of(before.path)
        self._lay_out()
        # Where its run has gone, the cursor stays where it is on the screen.
        self.move_cursor(self.cursor_row if row is None else row)

    def show_marks(self, marked: Collection[Path]) -> None:
        """Show which runs are marked."""
        self._marked = marked
        self.refresh()

    def move_cursor(self, row: int) -> None:
        """Put the cursor on a row, or the nearest there is."""
        self.cursor_row = max(0, min(row, len(self.rows) - 1))
        room = max(1, self.scrollable_content_region.height - 1)
        top = min(self.scroll_offset.y, self.cursor_row)
        top = max(top, self.cursor_row - room + 1)
        self.scroll_to(y=top, animate=False, force=True)
        self.refresh()
        self.post_message(self.Highlighted())

    def on_resize(self, _: Resize) -> None:
        """Lay out again for another width."""
        self._lay_out()
        self.move_cursor(self.cursor_row)

    async def on_click(self, event: Click) -> None:
        """A double click opens; a single one only moves the cursor."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y < 1 or self.scroll_offset.y + offset.y > len(self.rows):
            return
        self.move_cursor(self.scroll_offset.y + offset.y - 1)
        if event.chain == 2:
            await self.screen.run_action("open")

    def action_move(self, rows: int) -> None:
        """Move the cursor by so many rows."""
        self.move_cursor(self.cursor_row + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by so many screens."""
        self.move_cursor(self.cursor_row + pages * max(1, self.size.height - 1))

    def action_end(self, direction: int) -> None:
        """Move the cursor to the first row, or the last one."""
        self.move_cursor(0 if direction < 0 else len(self.rows) - 1)

    def render_line(self, y: int) -> Strip:
        """The header, or the run of a row."""
        width, row = self.scrollable_content_region.width, self.scroll_offset.y + y - 1
        if y == 0:
            style = self.get_component_rich_style("runtable--header")
            cells = {name: Text(LABELS[name]) for name in self._widths} | {"mark": Text()}
        elif row < len(self.rows):
            is_current = row == self.cursor_row
            style = self.get_component_rich_style("runtable--cursor") if is_current else Style()
            cells = self.cells(row)
        else:
            return Strip.blank(width, self.rich_style)
        line = Text(end="", no_wrap=True)
        line.append_text(_fitted(cells["mark"], "mark", len(MARK) + 1))
        gap = gap_for(self._room)
        for name, column in self._widths.items():
            line.append_text(_fitted(cells[name], name, column))
            line.append(" " * gap)
        segments = line.render(self.app.console)
        base = self.rich_style
        drawn = [Segment(s.text, base + (s.style or Style()) + style) for s in segments]
        return Strip(drawn).adjust_cell_length(width, base + style)

    def cells(self, row: int) -> dict[str, Text]:
        """What is in a row, before it is cut to the columns' widths."""
        listed = self.rows[row]
        cells = {name: Text(listed.texts[name]) for name in self._widths}
        mark = MARK if listed.run.path in self._marked else " "
        return cells | {"state": words.state(listed.run), "mark": Text(mark, _MARK_STYLE)}

    def _row_of(self, path: Path | None) -> int | None:
        found = (index for index, row in enumerate(self.rows) if row.run.path == path)
        return None if path is None else next(found, None)

    @property
    def _room(self) -> int:
        return self.scrollable_content_region.width - len(MARK) - 1

    def _lay_out(self) -> None:
        natural = natural_widths([row.widths for row in self.rows], LABELS)
        self._widths = widths(natural, self._room)
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.rows) + 1)
        self.refresh()


def _fitted(text: Text, column: str, width: int) -> Text:
    if column in RIGHT:
        text.align("right", width)
    else:
        text.truncate(width, overflow="ellipsis", pad=True)
    return text
