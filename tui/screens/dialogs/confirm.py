"""A question with two answers."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from tui.screens.dialogs.form import Dialog


class ConfirmScreen(Dialog[bool]):
    """Dismissed with whether the answer was yes.

    Args:
        question: one sentence.
        consequence: what will happen, and what is saved.
        yes, no: the answers' labels.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "accept", "yes"),
        Binding("n,escape,q", "cancel", "no"),
        # A second Ctrl-C means it.
        Binding("ctrl+c", "accept", "yes", show=False),
        Binding("left,right", "app.focus_next", show=False),
    ]

    def __init__(self, question: str, consequence: str, yes: str, no: str) -> None:
        super().__init__(question, f"{yes} (y)", f"{no} (n)")
        self._consequence = consequence

    def compose_body(self) -> ComposeResult:
        """The consequence."""
        yield Static(self._consequence, markup=False)

    def on_mount(self) -> None:
        """Begin at the answer that changes nothing."""
        self.query_one("#cancel").focus()

    def action_accept(self) -> None:
        """Dismiss with True."""
        self.dismiss(True)

    def action_cancel(self) -> None:
        """Dismiss with False."""
        self.dismiss(False)
