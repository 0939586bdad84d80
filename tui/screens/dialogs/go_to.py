"""A dialog that asks for the two ends of a way, by their numbers."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

ENDS = ("from", "to")


class GoToScreen(ModalScreen[tuple[int, int] | None]):
    """Dismissed with two numbers in the range that was asked for, or None.

    Args:
        what: a number stands for, such as 'validation image'.
        first, last: the numbers there are.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def __init__(self, what: str, first: int, last: int) -> None:
        super().__init__()
        self._what, self._first, self._last = what, first, last

    def compose(self) -> ComposeResult:
        """Two fields, and what is wrong with them."""
        with Vertical(classes="dialog"):
            yield Static("Go to …", classes="dialog-title")
            for end in ENDS:
                with Horizontal(classes="setting"):
                    yield Label(end)
                    yield Input(compact=True, id=end, classes="editor", max_length=12)
            hint = f"The {self._what}s are numbered {self._first} to {self._last}."
            yield Static(hint, classes="dialog-hint", markup=False)
            yield Static("", id="go-to-error", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("go (Enter)", id="go", compact=True)
                yield Button("cancel (Esc)", id="cancel", compact=True)

    def on_mount(self) -> None:
        """Begin at the first number."""
        self.query_one("#from").focus()

    @on(Input.Changed)
    def forget_error(self) -> None:
        """What was wrong is being mended."""
        self.query_one("#go-to-error", Static).update("")

    @on(Input.Submitted, "#from")
    def second(self, event: Input.Submitted) -> None:
        """On to the second number, if it is still missing."""
        if event.value.strip() and not self.query_one("#to", Input).value.strip():
            self.query_one("#to").focus()
        else:
            self.go()

    @on(Input.Submitted, "#to")
    @on(Button.Pressed, "#go")
    def go(self) -> None:
        """Take the numbers, if they can be used."""
        try:
            first, second = (self._read(end) for end in ENDS)
        except ValueError as problem:
            self.query_one("#go-to-error", Static).update(str(problem))
        else:
            self.dismiss((first, second))

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Leave everything as it is."""
        self.dismiss(None)

    def _read(self, end: str) -> int:
        text = self.query_one(f"#{end}", Input).value.strip()
        if not (text.isascii() and text.isdigit() and self._first <= int(text) <= self._last):
            self.query_one(f"#{end}").focus()
            typed = f", not {text!r}" if text else ""
            raise ValueError(
                f"“{end}” must be a whole number of {self._first} to {self._last}{typed}"
            )
        return int(text)
