"""The line over a walk: which there are, which is on show, and what it shows."""

from rich.style import Style
from rich.text import Text
from textual.events import Click
from textual.widget import Widget

from tui.screens.walks.panel import LINE, STRONG
from tui.theme import QUIET

_OTHER = QUIET


class WalkBar(Widget):
    """Tabs on the left, the title of the one on show on the right; a click chooses."""

    def __init__(self, walks: tuple[str, ...], *, id: str) -> None:
        super().__init__(id=id)
        self._walks = walks
        self._chosen = walks[0]
        self._titles: tuple[str, ...] = ()

    def show_walk(self, chosen: str, titles: tuple[str, ...]) -> None:
        """Show another walk or title, if it is another.

        Args:
            titles: the longest first; the first one that there is room for is shown.
        """
        if (chosen, titles) != (self._chosen, self._titles):
            self._chosen, self._titles = chosen, titles
            self.refresh()

    def render(self) -> Text:
        """The line, filled with a rule."""
        width = self.size.width
        for long in (True, False):
            tabs = self._tabs(long)
            for title in self._titles:
                rule = width - tabs.cell_len - len(title) - 4
                if rule >= 0:
                    start = Text.assemble(tabs, ("─" * (rule + 1), LINE), " ", no_wrap=True)
                    return start.append(title, _OTHER).append(" ").append("─", LINE)
        return Text.assemble(tabs, ("─" * max(0, width - tabs.cell_len), LINE), no_wrap=True)

    def _tabs(self, long: bool) -> Text:
        tabs = Text("─", LINE)
        for number, walk in enumerate(self._walks, 1):
            name = f"{number} {walk}" if long or walk == self._chosen else f"{number}"
            style = STRONG if walk == self._chosen else Style.parse(_OTHER)
            tabs.append(" ").append(name, style + Style(meta={"walk": walk})).append(" ")
            tabs.append("─", LINE)
        return tabs

    async def on_click(self, event: Click) -> None:
        """Show the walk under the mouse."""
        walk = event.style.meta.get("walk")
        if walk:
            await self.screen.run_action(walk)
