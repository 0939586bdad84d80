"""The footer: the keys of the action table, as many as fit, the most wanted first."""

from rich.style import Style
from rich.text import Text
from textual.events import Click
from textual.widget import Widget

from tui.state.keymap import ACTIONS, Action
from tui.theme import ACCENT, QUIET


class KeyBar(Widget):
    """One line; a click on a key does what the key does."""

    def __init__(self, actions: tuple[Action, ...] = ACTIONS, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._actions = actions

    def render(self) -> Text:
        """The keys that fit, in the table's order."""
        shown = [action for action in self._actions if action.label]
        while len(bar := _bar(shown)) > self.size.width and any(a.rank for a in shown):
            shown.remove(max(shown, key=lambda action: action.rank))
        return bar

    async def on_click(self, event: Click) -> None:
        """Do what the key under the mouse does."""
        name = event.style.meta.get("key")
        if name:
            await self.screen.run_action(name)


def _bar(actions: list[Action]) -> Text:
    keys = [
        Text.assemble((action.key_text, f"bold {ACCENT}"), " ", (action.label, QUIET))
        for action in actions
    ]
    for text, action in zip(keys, actions, strict=True):
        text.stylize(Style(meta={"key": action.name}))
    return Text("  ").join(keys)
