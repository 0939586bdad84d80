"""`TerminalApp`: sends little, outlives its terminal, and fails with one sentence."""

import asyncio
import logging
import sys
from typing import ClassVar

from rich.text import Text
from textual.app import App
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.driver import Driver
from textual.events import Mount
from textual.message import Message
from textual.widget import Widget

from engine.errors import describe
from engine.text import one_line
from tui.terminal.boundary import Failures, cause_of, guard
from tui.terminal.capabilities import terminal_has_unicode
from tui.terminal.cell_diff import CellDiff
from tui.terminal.driver import diffing_driver
from tui.terminal.signals import Signals

log = logging.getLogger(__name__)


class TerminalApp(App[None]):
    """What has to do with the terminal, whatever the screens show."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+l", "redraw", show=False)]

    def __init__(self) -> None:
        self._sent = CellDiff()
        self.failures = Failures(self)
        self._has_begun = False
        super().__init__()
        self.signals: Signals | None = None
        """What signals were sent; each that ends the dashboard also ends the app."""

    def get_driver_class(self) -> type[Driver]:
        """Textual's own, sending less; on Windows Textual cuts its writes anywhere."""
        driver = super().get_driver_class()
        if sys.platform == "win32":
            return driver
        return diffing_driver(driver, self._sent, unicode=terminal_has_unicode())

    def on_resize(self) -> None:
        """What a terminal keeps of its contents in another size is its own affair."""
        self._sent.forget()

    def action_redraw(self) -> None:
        """Send every cell again: another program may have written over some."""
        self._sent.forget()
        self.screen.refresh(layout=True)

    def on_mount(self) -> None:
        """Leave in good order when the system asks, or the terminal hangs up."""
        if (signals := self.signals) is None:
            return
        loop = asyncio.get_running_loop()

        def leave() -> None:
            signals.give_up_terminal_later()
            loop.call_soon_threadsafe(self.exit)

        signals.listen(leave)

    def log_file(self) -> str | None:
        """Where a traceback is written to, as a person should look for it."""
        return None

    # Errors of widgets: what fails is told where it failed, and the app goes on.

    def _register_child(
        self, parent: DOMNode, child: Widget, before: int | None, after: int | None
    ) -> None:
        """Every widget and screen that there will be passes here first."""
        guard(child)
        super()._register_child(parent, child, before, after)

    async def _dispatch_message(self, message: Message) -> None:
        try:
            await super()._dispatch_message(message)
        except Exception as error:
            if not self._has_begun:
                raise
            self._handle_exception(error)
        else:
            self._has_begun |= isinstance(message, Mount)

    def _handle_exception(self, error: Exception) -> None:
        """What a handler, a timer or a worker raised; Textual would end the app for it."""
        if not self._has_begun:  # there is nothing yet that could go on
            self._exception = error
            super()._handle_exception(error)
            return
        self.failures.record(error, "the dashboard")
        try:
            self.tell_failure(f"this failed: {one_line(describe(cause_of(error)))}")
        except Exception as another:
            self.failures.record(another, "a message on screen")

    def tell_failure(self, text: str) -> None:
        """Show that something failed which has no place of its own on the screen."""

    def _fatal_error(self) -> None:
        """Instead of Textual's traceback on the terminal: one sentence; the rest is in the log."""
        log.error("the dashboard failed", exc_info=self._exception)
        file = self.log_file()
        where = f"; the traceback is in {file}" if file else ""
        cause = describe(self._exception) if self._exception else "unknown cause"
        self._exit_renderables.append(Text(f"{self.TITLE}: the dashboard failed: {cause}{where}"))
        self._close_messages_no_wait()
