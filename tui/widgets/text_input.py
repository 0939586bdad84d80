"""`TextInput`: a line to type in that does what its keys say in the order they were typed."""

from textual.binding import Binding
from textual.events import Key
from textual.widgets import Input

_OWN = frozenset(binding.action for binding in Input.BINDINGS if isinstance(binding, Binding))
"""Not what it inherits: a line of text has nothing to scroll, and lets those keys go on."""


class TextInput(Input):
    """Textual 8.2 takes letters at once, and Backspace and the others when the key has come to the
    app: of keys that come in one piece, as over SSH, `Backspace 1 2` deletes the 2.
    """

    async def on_key(self, event: Key) -> None:
        """Do what a key that is no letter is bound to here, before the next one is looked at."""
        for binding in self._bindings.key_to_bindings.get(event.key, []):
            if binding.action in _OWN and not event.is_printable:
                event.stop()
                await self.run_action(binding.action)
                return
