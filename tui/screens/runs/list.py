"""`RunListScreen`: a table of all stored runs that keeps up with the disk."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input, Static

from engine.errors import RunError
from engine.storage.listing import RunSummary
from engine.storage.run_index import RunIndex
from engine.text import one_line
from tui.screens.runs import words
from tui.screens.runs.columns import ListedRun, listed_run
from tui.screens.runs.details import RunDetails
from tui.screens.runs.order import SORTS
from tui.screens.runs.table import RunTable
from tui.screens.runs.tree import TREE, as_tree
from tui.state.context import RunContext
from tui.state.keymap import RUNS_ACTIONS, Action
from tui.state.run_messages import Level
from tui.theme import ACCENT
from tui.widgets.key_bar import KeyBar
from tui.widgets.message_line import MessageLine
from tui.widgets.text_input import TextInput

INTERVAL = 2.0
"""Seconds between two looks at the disk, at least."""
REST = 50.0
"""Times that a look took, before the next: of thousands of runs it costs some 2 % of a core."""


class RunListScreen(Screen[None]):
    """Order, filter and marks; what is done with a run is a subclass's."""

    @dataclass
    class _Listed(Message):
        rows: Sequence[ListedRun]
        problem: str = ""
        took: float | None = None
        """Seconds; None while there may be more to come."""

    SCREEN_ACTIONS: ClassVar[tuple[Action, ...]] = RUNS_ACTIONS
    AUTO_FOCUS = "RunTable"

    def __init__(self, context: RunContext) -> None:
        super().__init__()
        self.context = context
        self.runs: list[RunSummary] | None = None
        """All there are, the newest first; None before the first look."""
        self.marked: dict[Path, None] = {}
        """A set, in the order of marking."""
        self._sort = next(iter(SORTS))
        self._filter = ""
        self._listing = self._outdated = False
        self.is_listed = False
        """Whether all runs are shown, not only the first of them."""
        self._index = RunIndex(context.checkpoints)
        """Only for the thread that lists, like what was made of its last answer."""
        self._listed: Sequence[RunSummary] = ()
        self._made: Sequence[ListedRun] = ()
        self._rows: Sequence[ListedRun] = ()
        self._ordered: Sequence[ListedRun] = ()
        self._rests_until = 0.0
        self._problem = ""
        # The run to have the cursor on, once it is listed.
        self._wanted = context.run.directory if context.runs else None

    def compose(self) -> ComposeResult:
        """Title, table, the run under the cursor, message line, filter, keys."""
        yield Static(id="runs-title")
        yield RunTable(id="runs")
        yield RunDetails(id="run-details")
        yield MessageLine(id="message")
        yield TextInput(
            id="runs-filter", compact=True, placeholder="name, state, model or setting=…"
        )
        yield KeyBar(self.SCREEN_ACTIONS, id="keys")

    def on_mount(self) -> None:
        """Look at the disk now and every `INTERVAL`."""
        self._look()
        self.set_interval(INTERVAL, self._look_again)

    def on_screen_resume(self) -> None:
        """What was done on other screens shows at once."""
        self._look()

    def say(self, text: str, level: Level = "info") -> None:
        """Put a message into the message line."""
        self.query_one(MessageLine).say(text, level)

    # What is on the disk.

    def _look_again(self) -> None:
        if time.monotonic() >= self._rests_until:
            self._look()

    def _look(self) -> None:
        if self.is_active and not self._listing:
            self._listing = True
            self._list()

    @work(thread=True)
    def _list(self) -> None:
        started, problem = time.monotonic(), ""
        rows: Sequence[ListedRun] = ()
        try:
            for runs in self._index.look():
                rows = self._make_rows(runs)
                self.post_message(self._Listed(rows))
        except RunError as error:
            rows, problem = (), one_line(str(error))
        self.post_message(self._Listed(rows, problem, time.monotonic() - started))

    def _make_rows(self, runs: Sequence[RunSummary]) -> Sequence[ListedRun]:
        """What is shown of the runs: what was made of one that is as it was is taken again."""
        if runs is not self._listed:
            among = words.differences(runs)
            if self._made and self._made[0].among == among:
                among = self._made[0].among
            known = {id(row.run): row for row in self._made if row.among is among}
            self._made = [known.get(id(run)) or listed_run(run, among) for run in runs]
            self._listed = runs
        return self._made

    @on(_Listed)
    def _take(self, event: _Listed) -> None:
        is_last, is_first = event.took is not None, not self.is_listed
        if event.took is not None:
            self._listing, self.is_listed = False, True
            # The first look reads all there is, the next ones only what has changed.
            self._rests_until = time.monotonic() + (0 if is_first else REST * event.took)
            if self._outdated:
                self._outdated = False
                self._look()
                return
            if event.problem and event.problem != self._problem:
                self.say(event.problem, "error")
            self._problem = event.problem
        is_new = self.runs is None or event.rows is not self._rows
        if is_new:
            self._rows = event.rows
            self.runs = [row.run for row in event.rows]
            self._order()
        there = {row.run.path for row in event.rows}
        if is_last and not there.issuperset(self.marked):
            self.marked = {path: None for path in self.marked if path in there}
            is_new = True
        if is_new or self._wanted is not None:
            table = self.query_one(RunTable)
            # Newer runs are still read: a cursor that nobody moved is not on one of its own.
            is_at_top = is_first and table.cursor_row == 0 and self._wanted not in there
            self.show()
            if is_at_top:
                table.move_cursor(0)
        if is_last or self._wanted in there:
            self._wanted = None

    def look_after_change(self, old: Path, new: Path | None, *, was_marked: bool) -> None:
        """Look at once, after a run got another path or none.

        Args:
            was_marked: before the change: a look that came between has dropped the old path.
        """
        self.marked = {new if path == old and new else path: None for path in self.marked}
        if was_marked and new is not None:
            self.marked.setdefault(new)
        self._wanted = new
        self._outdated = self._listing
        self._look()

    # What is on show.

    @property
    def current(self) -> RunSummary | None:
        """The run under the cursor; says so if there is none."""
        run = self.query_one(RunTable).current
        if run is None:
            self.say("there is no run here")
        return run

    def show(self) -> None:
        """Bring the screen up to date with what is known."""
        wanted = self._filter.casefold()
        rows = [row for row in self._ordered if wanted in row.searched]
        if self._sort == TREE:
            rows = as_tree(rows)
        self.query_one(RunTable).show_runs(rows, self.marked, self._wanted)
        self._show_title()
        self._show_details()

    def _order(self) -> None:
        order = SORTS[self._sort]
        self._ordered = sorted(self._rows, key=lambda row: order(row.run))

    def _show_title(self) -> None:
        shown = len(self.query_one(RunTable).rows)
        self.query_one("#runs-title", Static).update(self._title(shown))

    def _title(self, shown: int) -> Text:
        runs = self.runs or ()
        parts = [f"{len(runs)} in {self.context.checkpoints}/", self._sort]
        if self._filter:
            parts.insert(1, f"{shown} with “{self._filter}”")
        if self.marked:
            parts.append(f"{len(self.marked)} marked")
        if any(words.model(run) == "ae" for run in runs):
            parts.append(f"{words.RECONSTRUCTION} reconstruction")
        text = one_line(" · ".join(parts))
        return Text.assemble(("Runs", f"bold {ACCENT}"), "  ", text)

    @on(RunTable.Highlighted)
    def _show_details(self) -> None:
        panel, run = self.query_one(RunDetails), self.query_one(RunTable).current
        if run is not None:
            panel.show_run(run)
        elif self.runs:
            panel.show_hint(f"no run has “{self._filter}”: Esc clears the filter")
        elif self.runs is not None:
            panel.show_hint("no runs yet: training makes them")

    def action_sort(self) -> None:
        """Order the runs by the next of `SORTS`."""
        names = list(SORTS)
        self._sort = names[(names.index(self._sort) + 1) % len(names)]
        self._order()
        self.show()

    def action_mark(self) -> None:
        """Mark the run under the cursor, or take the mark away."""
        run = self.current
        if run is not None:
            if run.path in self.marked:
                del self.marked[run.path]
            else:
                self.marked[run.path] = None
            self.query_one(RunTable).show_marks(self.marked)
            self._show_title()

    def action_filter(self) -> None:
        """Show the field whose text the runs on show must have."""
        box = self.query_one("#runs-filter", Input)
        box.add_class("-shown")
        box.focus()

    @on(Input.Changed, "#runs-filter")
    def _filter_by(self, event: Input.Changed) -> None:
        self._filter = event.value.strip()
        self.show()

    @on(Input.Submitted, "#runs-filter")
    def _leave_filter(self) -> None:
        self.query_one("#runs-filter").remove_class("-shown")
        self.query_one(RunTable).focus()

    def action_escape(self) -> None:
        """Clear the filter if there is one, else leave the screen."""
        box = self.query_one("#runs-filter", Input)
        if box.has_class("-shown") or self._filter:
            box.value = ""  # which posts `Input.Changed`
            self._leave_filter()
        else:
            self.dismiss()
