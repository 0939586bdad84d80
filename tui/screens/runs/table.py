"""The table of stored runs: as many of the columns as fit, cursor and scrolling kept."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.widgets import DataTable

from engine.storage.listing import RunSummary
from tui.screens.runs import words
from tui.screens.runs.columns import COLUMNS, RIGHT, gap_for, texts, widths
from tui.theme import ACCENT

LABELS = {name: name for name in COLUMNS} | {"best": "−ELBO ", "last": "last "}
MARK = "◆"
_MARK_STYLE = f"bold {ACCENT}"


class RunTable(DataTable[Text], inherit_bindings=False):
    """One run a row; the arrows move, and what else keys do is the screen's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor_up", show=False),
        Binding("down,j", "cursor_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
        Binding("home", "scroll_top", show=False),
        Binding("end", "scroll_bottom", show=False),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, cursor_type="row", cell_padding=0)
        self._runs: Sequence[RunSummary] = ()
        self._among = words.Differences()
        self._marked: Collection[Path] = ()
        self._widths: dict[str, int] = {}

    @property
    def current(self) -> RunSummary | None:
        """The run under the cursor."""
        row = self.cursor_row
        return self._runs[row] if 0 <= row < len(self._runs) else None

    def show_runs(
        self,
        runs: Sequence[RunSummary],
        among: words.Differences,
        marked: Collection[Path],
        wanted: Path | None = None,
    ) -> None:
        """Show other runs, or other numbers of them; the cursor stays on its run.

        Args:
            among: all runs, also those that are not shown.
            wanted: the run to put the cursor on instead.
        """
        before = self.current
        self._runs, self._among, self._marked = runs, among, marked
        there = {run.path for run in runs}
        if wanted not in there:
            wanted = before.path if before else None
        self._fill(wanted)

    def on_resize(self, _: Resize) -> None:
        """Lay out again for another width."""
        run = self.current
        self._fill(run.path if run else None)

    async def on_click(self, event: Click) -> None:
        """A double click opens; a single one only moves the cursor."""
        if event.chain == 2 and event.style.meta.get("row", -1) >= 0:
            await self.screen.run_action("open")

    def _fill(self, wanted: Path | None) -> None:
        room = self.scrollable_content_region.width - len(MARK) - 1
        plain = [texts(run, self._among) for run in self._runs]
        for row in plain:
            row |= {name: _aligned(row[name]) for name in ("best", "last")}
        shown = widths(plain, LABELS.values(), room)
        rows = [self._cells(run, row, shown) for run, row in zip(self._runs, plain, strict=True)]
        keys = [str(run.path) for run in self._runs]
        if shown == self._widths and keys == [row.key.value for row in self.ordered_rows]:
            for key, cells in zip(keys, rows, strict=True):
                for name, cell in cells.items():
                    if self.get_cell(key, name) != cell:
                        self.update_cell(key, name, cell)
            return
        row_before, scroll_y = self.cursor_row, self.scroll_y
        self.clear(columns=True)
        self.add_column("", width=len(MARK) + 1, key="mark")
        for name, width in shown.items():
            label = _fitted(Text(LABELS[name]), name, width)
            self.add_column(label, width=width + gap_for(room), key=name)
        for key, cells in zip(keys, rows, strict=True):
            self.add_row(*cells.values(), key=key)
        self._widths = shown
        self.scroll_to(y=scroll_y, animate=False, force=True)
        # Where its run has gone, the cursor stays where it is on the screen.
        row_now = keys.index(str(wanted)) if str(wanted) in keys else row_before
        self.move_cursor(row=max(0, min(row_now, len(keys) - 1)))

    def _cells(
        self, run: RunSummary, row: dict[str, str], shown: dict[str, int]
    ) -> dict[str, Text]:
        cells = {"mark": Text(MARK if run.path in self._marked else " ", _MARK_STYLE)}
        for name, width in shown.items():
            text = words.state(run) if name == "state" else Text(row[name])
            cells[name] = _fitted(text, name, width)
        return cells


def _aligned(score: str) -> str:
    """Digits under digits, whether a mark follows them or not."""
    return score if score.endswith(words.RECONSTRUCTION) else f"{score} "


def _fitted(text: Text, column: str, width: int) -> Text:
    if column in RIGHT:
        text.align("right", width)
    else:
        text.truncate(width, overflow="ellipsis")
    return text
