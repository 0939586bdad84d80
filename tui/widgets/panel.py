"""What the dashboard's panels have in common: a title in the border, focus, an export."""

from typing import ClassVar

from textual.widget import Widget

from engine.config import ModelName


class Panel(Widget, can_focus=True):
    """A focusable part of the dashboard that stands for one or more figures."""

    export_names: ClassVar[tuple[str, ...]] = ()
    """The figures that `e` exports while this panel has the focus."""
    model: ModelName = "vae"
    """The kind of model shown; the dashboard sets it with every new run."""

    _title = ""

    def set_title(self, title: str) -> None:
        """Show a title, if it is another one: setting it repaints the whole panel."""
        if title != self._title:
            self._title = title
            self.border_title = title
