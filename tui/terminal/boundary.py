"""The boundary around every widget: an error in one is told on the spot, and the rest lives.

Textual ends the app at the first exception of a widget's drawing or of a handler, and the
process that draws is the one that trains.
"""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.app import App
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import WorkerFailed

from engine.errors import describe
from engine.text import one_line
from tui.theme import ERROR

if TYPE_CHECKING:
    from textual.app import ComposeResult, RenderResult

log = logging.getLogger(__name__)

_STYLE = Style(color=ERROR, bold=True)


class Failures:
    """What failed in an app so far; each error, by kind and place, is logged once."""

    def __init__(self, app: App[Any] | None) -> None:
        self._app = app
        self._seen: set[tuple[type[BaseException], str, int]] = set()

    def record(self, error: Exception, what: str) -> bool:
        """Log an error with its traceback, if it is a new one; whether it is.

        Args:
            what: was tried, for the log: 'drawing StatusPanel'.
        """
        if self._app is not None:
            # Textual's `run_test` raises it once the app has ended: no test passes over it.
            self._app._exception = self._app._exception or error
        cause = cause_of(error)
        trace = cause.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = (trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace else ("", 0)
        key = (type(cause), *place)
        is_new = key not in self._seen
        if is_new:
            self._seen.add(key)
            log.error("%s failed; the rest of the screen goes on", what, exc_info=cause)
        return is_new


def cause_of(error: BaseException) -> BaseException:
    """The error itself, without the one that Textual puts around that of a worker."""
    return cause_of(error.error) if isinstance(error, WorkerFailed) else error


def failures_of(widget: Widget) -> Failures:
    """Where the errors of a widget are kept: with its app."""
    app = widget.app if widget.is_attached else None
    found = getattr(app, "failures", None)
    return found if isinstance(found, Failures) else Failures(app)


def undrawn(widget: Widget, error: Exception) -> str:
    """The one line that stands in place of what can't be drawn; the log has the rest."""
    failures_of(widget).record(error, f"drawing {type(widget).__name__}")
    return f"this panel can't be drawn: {one_line(describe(error))}"


def undrawn_strip(widget: Widget, error: Exception) -> Strip:
    """The same as a line of cells."""
    return Strip([Segment(undrawn(widget, error), _STYLE)])


def guard(widget: Widget) -> None:
    """Let no error leave what Textual calls of a widget; drawing is tried again whenever asked."""
    if "_boundary" not in widget.__dict__:
        widget.__dict__["_boundary"] = boundary = _Boundary(widget)
        for name in ("render", "render_line", "render_lines", "compose", "_dispatch_message"):
            widget.__dict__[name] = getattr(boundary, name.removeprefix("_"))


class _Boundary:
    """Stands for a widget's methods of these names."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._render, self._render_line = widget.render, widget.render_line
        self._render_lines, self._compose = widget.render_lines, widget.compose
        self._dispatch = widget._dispatch_message
        self._told_at: int | None = None
        """The line that has the sentence."""

    def render(self) -> "RenderResult":
        try:
            return self._render()
        except Exception as error:
            text = undrawn(self._widget, error)
            return Text(text, _STYLE, no_wrap=True, overflow="ellipsis")

    def render_line(self, y: int) -> Strip:
        try:
            line = self._render_line(y)
        except Exception as error:
            width = self._widget.size.width
            if self._told_at is not None and self._told_at < y:
                undrawn(self._widget, error)  # another error is logged, too
                return Strip.blank(width)
            self._told_at = y
            return undrawn_strip(self._widget, error).adjust_cell_length(width)
        if y == self._told_at:
            self._told_at = None
        return line

    def render_lines(self, crop: Region) -> list[Strip]:
        try:
            return self._render_lines(crop)
        except Exception as error:
            strip = undrawn_strip(self._widget, error)
            width = max(self._widget.outer_size.width, crop.right)
            first = strip.adjust_cell_length(width).crop(crop.x, crop.right)
            blank = Strip.blank(crop.width)
            return [first if y == 0 else blank for y in range(crop.y, crop.bottom)]

    def compose(self) -> "ComposeResult":
        """What it is made of, up to the error."""
        try:
            children: Iterable[Widget] = self._compose()
            yield from children
        except Exception as error:
            yield Static(undrawn(self._widget, error), markup=False)

    async def dispatch_message(self, message: Message) -> None:
        # Textual would tell the app, and end the widget's handling of messages for good.
        try:
            await self._dispatch(message)
        except Exception as error:
            self._widget.app._handle_exception(error)
