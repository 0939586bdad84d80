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

from engine.config import RunConfig
from engine.engine import TrainingEngine, describe
from tui.actions import ACTIONS
from tui.screens.dashboard import Dashboard, DashboardOptions
from tui.terminal import ColorChoice, ImageChoice, describe_colors, image_mode
from tui.theme import THEME

log = logging.getLogger(__name__)


class FmnistVaeTui(App[None]):
    """Shows the run of `config`, and others started from its form.

    After `run()` has returned, `engines` holds every engine that was started, the last one
    shown at the end: whoever ran the app closes and joins them.

    Args:
        name: of the first run; None for one made from the time.
    """

    TITLE = "fmnist-vae-tui"
    CSS_PATH = "styles.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(
        self,
        config: RunConfig,
        checkpoints: Path,
        exports: Path,
        *,
        name: str | None = None,
        images: ImageChoice = "auto",
        colors: ColorChoice = "auto",
    ) -> None:
        super().__init__()
        self._checkpoints = checkpoints
        self.engines = [TrainingEngine(config, checkpoints, name)]
        detected = self.console.color_system
        options = DashboardOptions(
            exports=exports,
            image_mode=image_mode(images, detected),
            notes=(describe_colors(colors, detected), f"Figures are written to {exports}/<run>/."),
        )
        self.hung_up = False
        """Whether the terminal went away: training should go on without it."""
        self._dashboard = Dashboard(self.engines[0], options)

    @property
    def engine(self) -> TrainingEngine:
        """The engine that is shown."""
        return self.engines[-1]

    def on_mount(self) -> None:
        """Show the dashboard first, and load torch only once it is painted."""
        self.register_theme(THEME)
        self.theme = THEME.name
        self.push_screen(self._dashboard)
        self._catch_signals()
        self.call_after_refresh(self.engine.start)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The action table, in the command palette."""
        if isinstance(screen, Dashboard):
            for action in ACTIONS:

                async def run(name: str = action.name) -> None:
                    await screen.run_action(name)

                yield SystemCommand(f"{action.help} ({action.key_text})", action.help, run)

    @on(Dashboard.NewRun)
    def start_new_run(self, event: Dashboard.NewRun) -> None:
        """Stop and keep the run of now, and train another."""
        self.engine.close()
        self.engines.append(TrainingEngine(event.config, self._checkpoints))
        self.engine.start()
        self._dashboard.show_engine(self.engine)

    @on(Dashboard.Leave)
    def leave(self) -> None:
        """Close the app; the engines are closed after the terminal is restored."""
        self.exit()

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
