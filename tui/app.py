"""The Textual app: owns the engines, the signals and the way out."""

import asyncio
import logging
import signal
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.screen import Screen

from engine.config import TrainingPlan
from engine.errors import ConfigError, RunError, describe
from engine.run import Access, Run
from engine.runs.attached_run import AttachedRun
from engine.runs.resume import ResumeRun, continued_config
from engine.runs.training_run import planned_runs, runs_in_turn
from engine.storage.listing import RunState, summarize
from tui.screens.dashboard.screen import Dashboard
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.more_epochs import MoreEpochsScreen
from tui.state.context import RunContext
from tui.state.exports import ExportOrder, export
from tui.state.keymap import Action
from tui.state.run_messages import Level
from tui.terminal.capabilities import ColorChoice, ImageChoice, describe_colors, image_mode
from tui.terminal.cell_diff import CellDiff
from tui.terminal.driver import diffing_driver
from tui.theme import THEME
from tui.widgets.message_line import MessageLine

if TYPE_CHECKING:
    from tui.screens.runs.screen import RunsScreen

log = logging.getLogger(__name__)

START_DELAY = 1.0
"""Seconds after which training begins even if the dashboard was not painted."""


class FmnistVaeTui(App[None]):
    """Shows runs, and others that are started, gone on with or attached to from its screens.

    After `run()` has returned, `engines` holds every run that was started: whoever ran the app
    closes and joins them.

    Args:
        start: the runs to show, or a plan whose runs are to be begun.
        browse: begin with the list of all runs on top.
    """

    TITLE = "fmnist-vae-tui"
    CSS_PATH = "styles.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+l", "redraw", show=False)]

    def __init__(
        self,
        start: TrainingPlan | Sequence[Run],
        checkpoints: Path,
        exports: Path,
        *,
        browse: bool = False,
        images: ImageChoice = "auto",
        colors: ColorChoice = "auto",
    ) -> None:
        self._sent = CellDiff()
        super().__init__()
        self._browse = browse
        detected = self.console.color_system
        self.context = RunContext(
            runs=(
                [*planned_runs(start, checkpoints, None)]
                if isinstance(start, TrainingPlan)
                else list(start)
            ),
            exports=exports,
            checkpoints=checkpoints,
            image_mode=image_mode(images, detected),
            notes=(describe_colors(colors, detected), f"Figures are written to {exports}/<run>/."),
        )
        self.runs = list(self.context.runs)
        self.hung_up = False
        """Whether the terminal went away: training should go on without it."""
        self._dashboard = Dashboard(self.context)

    @property
    def shown_run(self) -> Run:
        """The run that is shown."""
        return self.context.run

    def get_driver_class(self) -> type[Driver]:
        """Textual's own, sending less; on Windows Textual cuts its writes anywhere."""
        driver = super().get_driver_class()
        return driver if sys.platform == "win32" else diffing_driver(driver, self._sent)

    def on_resize(self) -> None:
        """What a terminal keeps of its contents in another size is its own affair."""
        self._sent.forget()

    def action_redraw(self) -> None:
        """Send every cell again: another program may have written over some."""
        self._sent.forget()
        self.screen.refresh(layout=True)

    def on_mount(self) -> None:
        """Show the dashboard first, and load torch only once it is painted."""
        self.register_theme(THEME)
        self.theme = THEME.name
        self.push_screen(self._dashboard)
        self._catch_signals()
        self.call_after_refresh(self._start_engines)
        # A key that was typed ahead may have put another screen over the dashboard before its
        # first paint, which then never comes.
        self.set_timer(START_DELAY, self._start_engines)
        if self._browse:
            self.browse_runs()

    def on_unmount(self) -> None:
        """End the helper process."""
        self.context.worker.close()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The action table, in the command palette."""
        actions: tuple[Action, ...] = getattr(screen, "SCREEN_ACTIONS", ())
        for action in actions:

            async def run(name: str = action.name) -> None:
                await screen.run_action(name)

            yield SystemCommand(f"{action.help} ({action.key_text})", action.help, run)

    @on(Dashboard.NewRun)
    def start_new_run(self, event: Dashboard.NewRun) -> None:
        """Stop and keep the runs of now, and train others."""
        self._replace_runs([], planned_runs(event.plan, self.context.checkpoints, None))

    @on(Dashboard.Leave)
    def leave(self) -> None:
        """Close the app; the runs are closed after the terminal is restored."""
        self.exit()

    # The list of runs.

    @on(Dashboard.Browse)
    def browse_runs(self) -> None:
        """Show all runs there are."""
        from tui.screens.runs.screen import RunsScreen

        self.push_screen(RunsScreen(self.context))

    def on_runs_screen_open(self, event: "RunsScreen.Open") -> None:
        """Attach to runs, beside those that are trained here."""
        if not self._list_on_top:
            return  # the key was pressed twice
        own = [run for run in self.context.runs if _trains_here(run)]
        here = [run for run in own if run.directory in event.paths]
        others = [self._attached(p) for p in event.paths if p not in [r.directory for r in here]]
        attached = [run for run in others if run is not None]
        if not here and not attached:
            return
        self.pop_screen()
        if attached:
            self._replace_runs(own, attached)
        else:
            self.context.shown = own.index(here[0])
            self._dashboard.show_run()

    def on_runs_screen_resume(self, event: "RunsScreen.Resume") -> None:
        """Go on with a stored run: a finished one for more epochs, if a person wants that."""
        if not self._list_on_top:
            return
        run = summarize(event.path)
        if run.state is not RunState.FINISHED:
            self._go_on_with(event.path, None)
            return

        def answered(epochs: int | None) -> None:
            if epochs is not None:
                self._go_on_with(event.path, epochs)

        self.push_screen(MoreEpochsScreen(event.path.name, run.epochs), answered)

    def _go_on_with(self, path: Path, epochs: int | None) -> None:
        """If another run is trained here, that is stopped and kept, after a question."""
        training = next((run for run in self.context.runs if _trains_here(run)), None)
        if training is None:
            self._continue(path, epochs)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._continue(path, epochs)

        question = ConfirmScreen(
            f"Stop {training.snapshot.run} and go on with {path.name}?",
            f"What was learnt is kept in {training.directory}/, and can be gone on with.",
            yes="stop",
            no="go on",
        )
        self.push_screen(question, answered)

    def _continue(self, path: Path, epochs: int | None) -> None:
        try:
            config = continued_config(path, epochs=epochs)
            runs = runs_in_turn([(config, ResumeRun(path))])
        except (RunError, ConfigError) as error:
            self._tell(str(error), "error")
            return
        self.pop_screen()
        self._replace_runs([], runs)

    def on_runs_screen_compare(self, event: "RunsScreen.Compare") -> None:
        """Attach to runs for as long as they are compared."""
        if not self._list_on_top:
            return
        own = {run.directory: run for run in self.context.runs}
        runs = [own.get(path) or self._attached(path) for path in event.paths]
        compared = [run for run in runs if run is not None]
        if len(compared) < 2:
            return
        borrowed = [run for run in compared if run not in self.context.runs]
        for run in borrowed:
            run.start()
        self.runs += borrowed

        def closed(_: None) -> None:
            for run in borrowed:
                run.close()

        from tui.screens.comparison.screen import ComparisonScreen

        self.push_screen(ComparisonScreen(self.context, compared), closed)

    @work(thread=True)
    def on_runs_screen_export(self, event: "RunsScreen.Export") -> None:
        """Every figure of a stored run."""
        self.call_from_thread(self._tell, f"exporting {event.path.name} …", "info")
        try:
            run = AttachedRun(event.path)
        except RunError as error:
            self.call_from_thread(self._tell, str(error), "error")
            return
        run.start()
        alone = replace(self.context, runs=[run], shown=0)
        try:
            text, level = export(
                alone, ExportOrder(None), lambda t: self.call_from_thread(self._tell, t, "info")
            )
        finally:
            run.close()
        self.call_from_thread(self._tell, text, level)

    @property
    def _list_on_top(self) -> bool:
        from tui.screens.runs.screen import RunsScreen

        return isinstance(self.screen, RunsScreen)

    def _attached(self, path: Path) -> AttachedRun | None:
        try:
            run = AttachedRun(path)
        except RunError as error:
            self._tell(str(error), "error")
            return None
        return run

    def _tell(self, text: str, level: Level) -> None:
        for line in self.screen.query(MessageLine):
            line.say(text, level)

    # Runs.

    def _replace_runs(self, kept: Sequence[Run], new: Sequence[Run]) -> None:
        """Show other runs, the first of the new ones; those not kept are closed."""
        for run in self.context.runs:
            if run not in kept:
                run.close()
        self.context.runs = [*kept, *new]
        self.context.shown = len(kept)
        self.context.ends = (None, None)  # positions in another run's split, perhaps
        self.runs += new
        self._start_engines()
        self._dashboard.show_run()

    def _start_engines(self) -> None:
        for shown_run in self.context.runs:
            shown_run.start()

    def _fatal_error(self) -> None:
        """Instead of Textual's traceback on the terminal: one sentence; the rest is in the log."""
        log.error("the dashboard failed", exc_info=self._exception)
        directory = self.shown_run.directory
        where = f"; the traceback is in {directory}/run.log" if directory else ""
        cause = describe(self._exception) if self._exception else "unknown cause"
        self._exit_renderables.append(Text(f"fmnist-vae-tui: the dashboard failed: {cause}{where}"))
        self._close_messages_no_wait()

    def _catch_signals(self) -> None:
        if sys.platform == "win32":
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.exit)
        # Textual's driver doesn't handle a hang-up: the process, and training, would die of it.
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)

    def _hang_up(self) -> None:
        self.hung_up = True
        self.exit()


def _trains_here(run: Run) -> bool:
    return run.access is Access.OWNER and run.snapshot.phase.is_active
