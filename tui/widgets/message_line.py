"""The line above the footer: the latest thing there is to say."""

from rich.text import Text
from textual.content import Content
from textual.widget import Widget

from engine.text import one_line
from tui.state.run_messages import Level
from tui.theme import ERROR, QUIET, SUCCESS, WARNING

_STYLES: dict[Level, str] = {
    "info": QUIET,
    "done": SUCCESS,
    "warning": WARNING,
    "error": f"bold {ERROR}",
}


class MessageLine(Widget):
    """Stays until the next message: nothing flashes by unread."""

    DEFAULT_CSS = "MessageLine { text-wrap: nowrap; text-overflow: ellipsis; }"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._message = Text()

    def say(self, text: str, level: Level = "info") -> None:
        """Show a message instead of the one before; names in it may be anybody's."""
        text = one_line(text)
        self._message = Text(text, _STYLES[level])
        self.tooltip = Content(text)  # as it is: names may have brackets
        self.refresh()

    @property
    def text(self) -> str:
        """What it says now."""
        return self._message.plain

    def render(self) -> Text:
        """The latest message, in its level's colour."""
        return self._message
