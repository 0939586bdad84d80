"""A dialog that asks for a run's new name."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from engine.errors import RunError
from engine.storage.run_names import check_name


class RenameScreen(ModalScreen[str | None]):
    """Dismissed with a name that a run can have, or None.

    Args:
        name: of now, as it can be shown.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def __init__(self, name: str) -> None:
        super().__init__()
        self._before = name

    def compose(self) -> ComposeResult:
        """A field, and what is wrong with it."""
        with Vertical(classes="dialog"):
            yield Static(f"Rename {self._before}", classes="dialog-title", markup=False)
            with Horizontal(classes="setting"):
                yield Label("new name")
                yield Input(self._before, compact=True, id="new-name", classes="editor")
            yield Static("Figures in exports/ keep the name of now.", classes="dialog-hint")
            yield Static("", id="rename-error", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("rename (Enter)", id="rename", compact=True)
                yield Button("cancel (Esc)", id="cancel", compact=True)

    def on_mount(self) -> None:
        """Begin in the field."""
        self.query_one("#new-name").focus()

    @on(Input.Changed)
    def forget_error(self) -> None:
        """What was wrong is being mended."""
        self.query_one("#rename-error", Static).update("")

    @on(Input.Submitted)
    @on(Button.Pressed, "#rename")
    def rename(self) -> None:
        """Take the name, if a run can have it."""
        name = self.query_one("#new-name", Input).value.strip()
        try:
            self.dismiss(None if name == self._before else check_name(name))
        except RunError as problem:
            self.query_one("#rename-error", Static).update(str(problem))

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Leave everything as it is."""
        self.dismiss(None)
