"""The Textual app: owns the engines, the signals and the way out."""

import asyncio
import logging
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from engine.config import TrainingPlan
from engine.engine import TrainingEngine, describe, planned_engines
from tui.context import RunContext
from tui.screens.dashboard import Dashboard
from tui.screens.run_screen import RunScreen
from tui.terminal import ColorChoice, ImageChoice, describe_colors, image_mode
from tui.theme import THEME

log = logging.getLogger(__name__)

START_DELAY = 1.0
"""Seconds after which training begins even if the dashboard was not painted."""


class FmnistVaeTui(App[None]):
    """Shows the runs of `plan`, and others started from its form.

    After `run()` has returned, `engines` holds every engine that was started: whoever ran the
    app closes and joins them.

    Args:
        name: of the first run; None for one made from the time.
    """

    TITLE = "fmnist-vae-tui"
    CSS_PATH = "styles.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(
        self,
        plan: TrainingPlan,
        checkpoints: Path,
        exports: Path,
        *,
        name: str | None = None,
        images: ImageChoice = "auto",
        colors: ColorChoice = "auto",
    ) -> None:
        super().__init__()
        self._checkpoints = checkpoints
        detected = self.console.color_system
        self.context = RunContext(
            engines=planned_engines(plan, checkpoints, name),
            exports=exports,
            image_mode=image_mode(images, detected),
            notes=(describe_colors(colors, detected), f"Figures are written to {exports}/<run>/."),
        )
        self.engines = list(self.context.engines)
        self.hung_up = False
        """Whether the terminal went away: training should go on without it."""
        self._dashboard = Dashboard(self.context)

    @property
    def engine(self) -> TrainingEngine:
        """The engine that is shown."""
        return self.context.engine

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

    def on_unmount(self) -> None:
        """End the helper process."""
        self.context.worker.close()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The action table, in the command palette."""
        if isinstance(screen, RunScreen):
            for action in screen.SCREEN_ACTIONS:

                async def run(name: str = action.name) -> None:
                    await screen.run_action(name)

                yield SystemCommand(f"{action.help} ({action.key_text})", action.help, run)

    @on(Dashboard.NewRun)
    def start_new_run(self, event: Dashboard.NewRun) -> None:
        """Stop and keep the runs of now, and train others."""
        for engine in self.context.engines:
            engine.close()
        self.context.engines = planned_engines(event.plan, self._checkpoints)
        self.context.shown = 0
        self.context.ends = (None, None)  # positions in another run's split, perhaps
        self.engines += self.context.engines
        self._start_engines()
        self._dashboard.show_run()

    @on(Dashboard.Leave)
    def leave(self) -> None:
        """Close the app; the engines are closed after the terminal is restored."""
        self.exit()

    def _start_engines(self) -> None:
        for engine in self.context.engines:
            engine.start()

    def _fatal_error(self) -> None:
        """Instead of Textual's traceback on the terminal: one sentence; the rest is in the log."""
        log.error("the dashboard failed", exc_info=self._exception)
        directory = self.engine.directory
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
