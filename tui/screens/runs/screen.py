"""The run browser: what can be done with stored runs.

It renames and deletes by itself. What needs the app (opening, resuming, exporting, comparing) it
only asks for, by its messages.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.binding import BindingType
from textual.message import Message

from engine.errors import RunError
from engine.storage.listing import RunSummary
from engine.storage.rename_delete import delete_run, rename_run
from engine.text import one_line, size
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.help import HelpScreen
from tui.screens.dialogs.rename import RenameScreen
from tui.screens.runs.list import RunListScreen
from tui.state.keymap import RUNS_ACTIONS, bindings
from tui.state.run_messages import Level


class RunsScreen(RunListScreen):
    """Lists the runs in the context's directory of checkpoints."""

    @dataclass
    class Open(Message):
        """A person wants to see these runs: one, or those that were marked."""

        paths: tuple[Path, ...]

    @dataclass
    class Resume(Message):
        """A person wants to resume this run, which nobody trains."""

        path: Path

    @dataclass
    class Export(Message):
        """A person wants this run's figures."""

        path: Path

    @dataclass
    class Compare(Message):
        """A person wants these runs side by side: two or more, in the order of marking."""

        paths: tuple[Path, ...]

    @dataclass
    class _Changed(Message):
        """A run was renamed or deleted, or could not be."""

        old: Path
        new: Path | None
        text: str
        level: Level
        was_marked: bool

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(RUNS_ACTIONS, {"escape": "escape", "ctrl+c": "back"})
    ]

    # What the app does.

    def action_open(self) -> None:
        """Ask for the run under the cursor; if it is marked, for all that are."""
        run = self.current
        if run is not None:
            paths = tuple(self.marked) if run.path in self.marked else (run.path,)
            if not self._refuses("open", paths):
                self.post_message(self.Open(paths))

    def action_resume(self) -> None:
        """Resume a run that nobody trains."""
        run = self.current
        if run is None or self._refuses("resume", (run.path,)):
            return
        if run.owner is not None:
            name = one_line(run.name)
            self.say(f"{name} is trained by {run.owner}: Enter attaches to it", "warning")
        else:
            self.post_message(self.Resume(run.path))

    def action_export(self) -> None:
        """Ask for the figures of the run under the cursor."""
        run = self.current
        if run is not None and not self._refuses("export", (run.path,)):
            self.post_message(self.Export(run.path))

    def action_compare(self) -> None:
        """Ask for the marked runs side by side."""
        paths = tuple(self.marked)
        if len(paths) < 2:
            marked = f"{len(paths) or 'none'} {'is' if len(paths) else 'are'} marked"
            self.say(f"to compare, mark two runs or more with space: {marked}", "warning")
        elif not self._refuses("compare", paths):
            self.post_message(self.Compare(paths))

    def _refuses(self, what: str, paths: tuple[Path, ...]) -> bool:
        """Whether one of the runs can't be read; says so."""
        for run in self.runs or ():
            if run.path in paths and run.config is None:
                name, problem = map(one_line, (run.name, run.problem))
                self.say(f"can't {what} {name}: {problem}", "error")
                return True
        return False

    # What it does itself.

    def action_rename(self) -> None:
        """Ask for a new name of the run under the cursor, and rename it."""
        run = self._free("rename")
        if run is None:
            return
        before = one_line(run.name)

        def answered(name: str | None) -> None:
            if name is not None:
                done = f"renamed {before} to {name}"
                self._change(run.path, lambda: rename_run(run.path, name), done)

        self.app.push_screen(RenameScreen(before), answered)

    def action_delete(self) -> None:
        """Delete the run under the cursor, if a person says yes."""
        run = self._free("delete")
        if run is None:
            return
        name = one_line(run.name)

        def answered(yes: bool | None) -> None:
            if yes:
                self._change(run.path, lambda: delete_run(run.path), f"deleted {name}")

        consequence = (
            f"Its directory of {size(run.size)} is permanently deleted: weights, metrics, film. "
            "Its figures in exports/ stay."
        )
        question = ConfirmScreen(f"Delete {name}?", consequence, yes="delete", no="keep")
        self.app.push_screen(question, answered)

    def _free(self, what: str) -> RunSummary | None:
        """The run under the cursor, unless a process has it; says so then."""
        run = self.current
        if run is not None and run.owner is not None:
            name = one_line(run.name)
            self.say(f"can't {what} {name}: {run.owner} trains it", "warning")
            return None
        return run

    @work(thread=True)
    def _change(self, path: Path, change: Callable[[], Path | None], done: str) -> None:
        was_marked = path in self.marked
        try:
            changed = self._Changed(path, change(), done, "done", was_marked)
        except RunError as error:
            changed = self._Changed(path, path, one_line(str(error)), "error", was_marked)
        self.post_message(changed)

    @on(_Changed)
    def _tell(self, event: _Changed) -> None:
        self.say(event.text, event.level)
        self.look_after_change(event.old, event.new, was_marked=event.was_marked)

    def action_help(self) -> None:
        """Show the keys of this screen, and what its words mean."""
        self.app.push_screen(HelpScreen([*self.context.notes], self.SCREEN_ACTIONS))

    def action_back(self) -> None:
        """Return to the screen below."""
        self.dismiss()
