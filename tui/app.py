"""The Textual app: does what the screens ask for in their messages."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from textual import on, work
from textual.app import SystemCommand
from textual.message import Message
from textual.screen import Screen

from engine.config import TrainingPlan
from engine.errors import ConfigError, RunError
from engine.run import Run
from engine.runs.training_run import planned_runs
from engine.storage.listing import RunState, summarize
from tui.screens.dashboard.screen import Dashboard
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.more_epochs import MoreEpochsScreen
from tui.state.context import RunContext
from tui.state.keymap import Action
from tui.state.run_manager import RunManager, training_here
from tui.state.run_messages import Level
from tui.terminal.app import TerminalApp
from tui.terminal.capabilities import (
    ColorChoice,
    ImageChoice,
    describe_characters,
    describe_colors,
    image_mode,
    terminal_has_unicode,
)
from tui.theme import THEME
from tui.widgets.message_line import MessageLine

if TYPE_CHECKING:
    from tui.screens.runs.screen import RunsScreen

Answer = TypeVar("Answer")

START_DELAY = 1.0
"""Seconds after which training begins even if the dashboard was not painted."""


class FmnistVaeTui(TerminalApp):
    """Shows runs, and others that are started, resumed or attached to from its screens.

    After `run()` has returned, `runs` are all there were: whoever ran the app closes and joins
    them.

    Args:
        start: the runs to show, or a plan whose runs are to be begun.
        browse: begin with the list of all runs on top.
        tensorboard: write event files of the runs that are begun or resumed from its screens, too.
        bell: ring at a new alert.
    """

    TITLE = "fmnist-vae-tui"
    CSS_PATH = "styles.tcss"
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        start: TrainingPlan | Sequence[Run],
        checkpoints: Path,
        exports: Path,
        *,
        browse: bool = False,
        tensorboard: bool = False,
        images: ImageChoice = "auto",
        colors: ColorChoice = "auto",
        bell: bool = False,
    ) -> None:
        super().__init__()
        self._browse = browse
        if isinstance(start, TrainingPlan):
            start = planned_runs(start, checkpoints, tensorboard=tensorboard)
        detected = self.console.color_system
        notes = (
            describe_colors(colors, detected),
            describe_characters(),
            f"Figures are written to {exports}/<run>/.",
        )
        self.context = RunContext(
            runs=list(start),
            exports=exports,
            checkpoints=checkpoints,
            image_mode=image_mode(images, detected, unicode=terminal_has_unicode()),
            notes=tuple(filter(None, notes)),
            bell=bell,
        )
        self._manager = RunManager(self.context, tensorboard=tensorboard)
        self._dashboard = Dashboard(self.context)

    @property
    def runs(self) -> list[Run]:
        """Every run there ever was."""
        return self._manager.all

    @property
    def shown_run(self) -> Run:
        """The run that is shown."""
        return self.context.run

    def log_file(self) -> str | None:
        """The log of the run on show."""
        directory = self.shown_run.directory
        return f"{directory}/run.log" if directory else None

    def on_mount(self) -> None:
        """Show the dashboard first, and load torch only once it is painted."""
        self.register_theme(THEME)
        self.theme = THEME.name
        self.push_screen(self._dashboard)
        self.call_after_refresh(self._manager.start)
        # A key that was typed ahead may have put another screen over the dashboard before its
        # first paint, which then never comes.
        self.set_timer(START_DELAY, self._manager.start)
        if self._browse:
            self.browse_runs()

    def on_unmount(self) -> None:
        """End the helper process of t-SNE and UMAP."""
        self.context.worker.close()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The action table, in the command palette."""
        actions: tuple[Action, ...] = getattr(screen, "SCREEN_ACTIONS", ())
        for action in actions:
            do = partial(screen.run_action, action.name)
            yield SystemCommand(f"{action.help} ({action.key_text})", action.help, do)

    @on(Dashboard.NewRun)
    def start_new_run(self, event: Dashboard.NewRun) -> None:
        """Stop and save the current runs, and train others."""
        self._show_other(partial(self._manager.begin, event.plan))

    @on(Dashboard.BranchRun)
    def start_branch(self, event: Dashboard.BranchRun) -> None:
        """Stop and save the current runs, and train one that begins with a run's weights."""
        self._show_other(partial(self._manager.branch, event.plan, event.parent, event.state))

    @on(Dashboard.Leave)
    def leave(self) -> None:
        """Exit; the runs are closed after the terminal is restored."""
        self.exit()

    # The list of runs.

    @on(Dashboard.Browse)
    def browse_runs(self) -> None:
        """Put the list of all runs on top."""
        from tui.screens.runs.screen import RunsScreen

        self.push_screen(RunsScreen(self.context))

    def on_runs_screen_open(self, event: "RunsScreen.Open") -> None:
        """Show runs, beside those that are trained here."""
        if not self._list_on_top:
            return  # the key was pressed twice
        problems = self._manager.open(event.paths)
        if len(problems) < len(event.paths):
            self.pop_screen()
            self._dashboard.show_run()
        for problem in problems:
            self._say(problem, "error")

    def on_runs_screen_resume(self, event: "RunsScreen.Resume") -> None:
        """Resume a stored run: a finished one for more epochs, if a person wants that."""
        if not self._list_on_top:
            return
        path, stored = event.path, summarize(event.path)
        if stored.state is RunState.FINISHED:
            self._ask(MoreEpochsScreen(path.name, stored.epochs), lambda n: self._resume(path, n))
        else:
            self._resume(path, None)

    def _resume(self, path: Path, epochs: int | None) -> None:
        """If another run is trained here, that is stopped and saved, after a question."""
        training = training_here(self.context.runs)
        resume = partial(self._show_other, partial(self._manager.resume, path, epochs))
        if training is None:
            resume()
            return
        question = ConfirmScreen(
            f"Stop {training.snapshot.run} and resume {path.name}?",
            f"The run is saved in {training.directory}/, and can be resumed.",
            yes="stop",
            no="cancel",
        )
        self._ask(question, lambda yes: resume() if yes else None)

    def on_runs_screen_compare(self, event: "RunsScreen.Compare") -> None:
        """Attach to runs for as long as they are compared."""
        if not self._list_on_top:
            return
        compared, problems = self._manager.borrow(event.paths)
        for problem in problems:
            self._say(problem, "error")
        if len(compared) < 2:
            self._manager.release(compared)
            return
        from tui.screens.comparison.screen import ComparisonScreen

        screen = ComparisonScreen(self.context, compared)
        self.push_screen(screen, lambda _: self._manager.release(compared))

    @work(thread=True)
    def on_runs_screen_export(self, event: "RunsScreen.Export") -> None:
        """Every figure of a stored run."""

        def say(text: str, level: Level = "info") -> None:
            self.post_message(self.Said(text, level))

        say(f"exporting {event.path.name} …")
        say(*self._manager.export(event.path, say))

    @property
    def _list_on_top(self) -> bool:
        from tui.screens.runs.screen import RunsScreen

        return isinstance(self.screen, RunsScreen)

    @dataclass
    class Said(Message):
        """A message for the message line, from another thread."""

        text: str
        level: Level

    @on(Said)
    def show_said(self, event: Said) -> None:
        """On whichever screen is on top."""
        self._say(event.text, event.level)

    def tell_failure(self, text: str) -> None:
        """On whichever screen is on top."""
        self._say(text, "error")

    def _say(self, text: str, level: Level) -> None:
        for line in self.screen.query(MessageLine):
            line.say(text, level)

    def _ask(self, question: Screen[Answer], then: Callable[[Answer], object]) -> None:
        """Do something with an answer, if there is one."""

        def answered(answer: Answer | None) -> None:
            if answer is not None:
                then(answer)

        self.push_screen(question, answered)

    def _show_other(self, change: Callable[[], None]) -> None:
        """Change the runs on show, and go back to the dashboard; or say why that can't be done."""
        try:
            change()
        except (RunError, ConfigError) as error:
            self._say(str(error), "error")
            return
        if self._list_on_top:
            self.pop_screen()
        self._dashboard.show_run()
