"""A dialog that asks how far a finished run should go on."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from engine.config import MAX_EPOCHS


class MoreEpochsScreen(ModalScreen[int | None]):
    """Dismissed with the epochs in all, or None.

    Args:
        name: of the run, as it can be shown.
        epochs: that it has.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def __init__(self, name: str, epochs: int) -> None:
        super().__init__()
        self._run, self._epochs = name, epochs

    def compose(self) -> ComposeResult:
        """A field, and what is wrong with it."""
        title = f"{self._run} is finished after {self._epochs} epochs. Go on?"
        with Vertical(classes="dialog"):
            yield Static(title, classes="dialog-title", markup=False)
            with Horizontal(classes="setting"):
                yield Label("epochs in all")
                twice = str(min(2 * self._epochs, MAX_EPOCHS))
                yield Input(twice, compact=True, id="epochs", classes="editor")
            yield Static(
                "A cosine schedule follows the new length: the learning rate rises again.",
                classes="dialog-hint",
            )
            yield Static("", id="epochs-error", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("go on (Enter)", id="go-on", compact=True)
                yield Button("cancel (Esc)", id="cancel", compact=True)

    def on_mount(self) -> None:
        """Begin in the field."""
        self.query_one("#epochs").focus()

    @on(Input.Changed)
    def forget_error(self) -> None:
        """What was wrong is being mended."""
        self.query_one("#epochs-error", Static).update("")

    @on(Input.Submitted)
    @on(Button.Pressed, "#go-on")
    def go_on(self) -> None:
        """Take the number, if it is one to go on to."""
        value = self.query_one("#epochs", Input).value.strip()
        if value.isascii() and value.isdigit() and self._epochs < int(value) <= MAX_EPOCHS:
            self.dismiss(int(value))
            return
        problem = f"a whole number above {self._epochs:,}, at most {MAX_EPOCHS:,}"
        self.query_one("#epochs-error", Static).update(problem)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Leave the run as it is."""
        self.dismiss(None)
