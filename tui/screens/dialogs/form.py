"""What dialogs have in common: a title, contents, two buttons; and of forms, fields with an error.

A form's text is checked by Textual's validation. Esc cancels; Enter goes to the next field that
needs text, or accepts; ↑ and ↓ move between the fields.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.validation import ValidationResult, Validator
from textual.widgets import Button, Input, Label, Select, Static

from engine.errors import RunError
from tui.widgets.text_input import TextInput

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer]):
    """A title, what a subclass composes, and two buttons.

    Args:
        title: one sentence.
        ok, cancel: the buttons' labels.
    """

    CLASSES: ClassVar[str] = "dialog"

    def __init__(self, title: str, ok: str, cancel: str) -> None:
        super().__init__()
        self._title, self._ok, self._cancel = title, ok, cancel

    def compose(self) -> ComposeResult:
        """Title, body, buttons."""
        with Vertical(classes=self.CLASSES):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield from self.compose_body()
            with Horizontal(classes="buttons"):
                yield Button(self._ok, id="ok", compact=True)
                yield Button(self._cancel, id="cancel", compact=True)
                yield from self.compose_note()

    def compose_body(self) -> ComposeResult:
        """Between title and buttons."""
        raise NotImplementedError

    def compose_note(self) -> ComposeResult:
        """Beside the buttons."""
        yield from ()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The mouse, or Enter on a button."""
        self.action_accept() if event.button.id == "ok" else self.action_cancel()

    def action_accept(self) -> None:
        """Dismiss with the answer, if there is one."""
        raise NotImplementedError

    def action_cancel(self) -> None:
        """Dismiss, and change nothing."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Field:
    """A line of a form."""

    name: str
    """Of its value, and its widget's id."""
    label: str
    text: str
    """What its editor begins with."""
    parse: Callable[[str], Any]
    """Its value from what was typed; raises ValueError or RunError with a sentence."""
    choices: tuple[str, ...] = ()
    """To choose from, where nothing is typed."""

    def editor(self) -> Input | Select[str]:
        """A widget for its value."""
        if self.choices:
            options = [(choice, choice) for choice in self.choices]
            return Select(
                options,
                value=self.text,
                allow_blank=False,
                compact=True,
                id=self.name,
                classes="editor",
            )
        return TextInput(
            self.text,
            validators=[_Parsed(self.parse)],
            validate_on=["changed"],
            valid_empty=False,
            compact=True,
            id=self.name,
            classes="editor",
        )


class _Parsed(Validator):
    """Whether a field can read the text."""

    def __init__(self, parse: Callable[[str], Any]) -> None:
        super().__init__()
        self._parse = parse

    def validate(self, value: str) -> ValidationResult:
        """The parser's own sentence, if it can't."""
        try:
            self._parse(value.strip())
        except (ValueError, RunError) as problem:
            return self.failure(str(problem))
        return self.success()


class Form(Dialog[Answer | None]):
    """Fields, a hint, an error line; dismissed with an answer made from the values, or None.

    Args:
        ok: what accepting does, in a word; its key is added.
        hint: a sentence under the fields.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]
    ACCEPT_KEY: ClassVar[str] = "Enter"
    CHECKS_WHILE_TYPING: ClassVar[bool] = False
    """Whether the error is shown as soon as it is made, or only when it is to be accepted."""

    def __init__(self, title: str, ok: str, fields: Sequence[Field], hint: str = "") -> None:
        super().__init__(title, f"{ok} ({self.ACCEPT_KEY})", "cancel (Esc)")
        self._fields, self._hint = tuple(fields), hint

    def answer(self, values: dict[str, Any]) -> Answer | None:
        """What the values, by the fields' names, mean; None if nothing is to be done.

        Raises:
            ValueError, RunError: with a sentence for a person, if they don't fit together.
        """
        raise NotImplementedError

    def compose_body(self) -> ComposeResult:
        """A row for each field, the hint, what is wrong."""
        yield from self.compose_fields()
        yield Static(self._hint, classes="dialog-hint", markup=False)
        yield Static("", classes="dialog-error", markup=False)

    def compose_fields(self) -> ComposeResult:
        """A row for each field."""
        for field in self._fields:
            with Horizontal(classes="setting"):
                yield Label(field.label)
                yield field.editor()

    def on_mount(self) -> None:
        """Begin in the first field."""
        self._editor(self._fields[0]).focus()

    @on(Input.Changed)
    @on(Select.Changed)
    def show_problem(self) -> None:
        """Say what is wrong while it is typed; or forget what was, for it is being mended."""
        wrong = self._first_wrong() if self.CHECKS_WHILE_TYPING else None
        self._say("" if wrong is None else wrong[1])

    @on(Input.Submitted)
    def accept_or_go_on(self, event: Input.Submitted) -> None:
        """On to the next field that needs text; if there is none, accept."""
        wrong = self._first_wrong()
        if wrong and wrong[0] is not event.input and not self._text(wrong[0]):
            wrong[0].focus()
        else:
            self.action_accept()

    def action_accept(self) -> None:
        """Dismiss with the answer; or say why there is none."""
        wrong = self._first_wrong()
        if wrong is not None:
            editor, problem = wrong
            editor.focus()
            self._say(problem)
            return
        typed = {field: self._text(self._editor(field)) for field in self._fields}
        try:
            answer = self.answer({field.name: field.parse(typed[field]) for field in typed})
        except (ValueError, RunError) as problem:
            self._say(str(problem))
        else:
            self.dismiss(answer)

    def action_cancel(self) -> None:
        """Dismiss with None."""
        self.dismiss(None)

    def _first_wrong(self) -> tuple[Input, str] | None:
        """The first field that can't be read, and why."""
        for field in self._fields:
            editor = self._editor(field)
            if isinstance(editor, Input):
                result = editor.validate(editor.value)
                if result is not None and not result.is_valid:
                    return editor, result.failure_descriptions[0]
        return None

    def _editor(self, field: Field) -> Input | Select[str]:
        editor = self.query_one(f"#{field.name}")
        assert isinstance(editor, Input | Select)
        return editor

    def _text(self, editor: Input | Select[str]) -> str:
        return str(editor.value).strip()

    def _say(self, problem: str) -> None:
        self.query_one(".dialog-error", Static).update(problem)


def whole_number(what: str, low: int, high: int) -> Callable[[str], int]:
    """Reads a whole number within limits.

    Args:
        what: it is, as the sentence begins that refuses another.
    """

    def parse(text: str) -> int:
        # Not all that int() reads: no sign, no underscores, no digits of other scripts.
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            typed = f", not {text!r}" if text else ""
            raise ValueError(f"{what} must be a whole number of {low:,} to {high:,}{typed}")
        return int(text)

    return parse


def number(what: str, low: float, high: float) -> Callable[[str], float]:
    """Reads a number within limits; `what` as in `whole_number`."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            typed = f", not {text!r}" if text else ""
            raise ValueError(f"{what} must be a number of {low:g} to {high:g}{typed}")
        return value

    return parse
