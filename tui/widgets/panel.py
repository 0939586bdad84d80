"""What the dashboard's panels have in common: a title in the border, focus, an export."""

from typing import ClassVar

from textual.content import Content
from textual.widget import Widget

from engine.config import ModelName
from engine.text import one_line


class Panel(Widget, can_focus=True):
    """A focusable part of the dashboard that stands for one or more figures."""

    export_names: ClassVar[tuple[str, ...]] = ()
    """The figures that `e` exports while this panel has the focus."""
    model: ModelName = "vae"
    """The kind of model shown; the dashboard sets it with every new run."""

    _title = Content()

    def set_title(self, title: str | Content) -> None:
        """Show a title, if it is another one: setting it repaints the whole panel.

        Args:
            title: text is taken as it is, brackets included; only `Content` has colours.
        """
        content = title if isinstance(title, Content) else Content(one_line(title))
        if (content.plain, content.spans) != (self._title.plain, self._title.spans):
            self._title = content
            self.border_title = content
