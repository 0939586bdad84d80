"""The form for a new run: one field per setting of `TrainingPlan`, checked as it is typed."""

from dataclasses import fields
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from docstring_parser import parse_from_object
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Select, Static

from engine.config import TrainingPlan, absolute_data
from engine.errors import ConfigError


class NewRunScreen(ModalScreen[TrainingPlan | None]):
    """Dismissed with the settings of the run to start, or None.

    Args:
        plan: the settings to begin with.
        warning: what starting a new run does to the one in progress; may be empty.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("ctrl+s", "start", "start"),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def __init__(self, plan: TrainingPlan, warning: str) -> None:
        super().__init__()
        self._plan = plan
        self._warning = warning

    def compose(self) -> ComposeResult:
        """A row per setting, the help of the one in focus, and what is wrong."""
        with Vertical(classes="dialog wide", id="new-run"):
            yield Static("New run", classes="dialog-title")
            with VerticalScroll(can_focus=False):
                for name in _annotations():
                    with Horizontal(classes="setting"):
                        yield Label(name)
                        yield _editor(name, getattr(self._plan, name))
            yield Static("", id="setting-help", markup=False)
            yield Static("", id="setting-error", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("start (Ctrl+S)", id="start", compact=True)
                yield Button("cancel (Esc)", id="cancel", compact=True)
                yield Static(self._warning, id="new-run-warning", markup=False)

    def on_mount(self) -> None:
        """Begin at the first field."""
        self.query_one("#setting-model").focus()

    @on(Input.Changed)
    @on(Select.Changed)
    def check(self) -> None:
        """Say what is wrong with the settings as they stand."""
        self._read()

    def on_descendant_focus(self) -> None:
        """Show the help of the setting in focus."""
        name = (self.focused.id or "") if self.focused else ""
        text = _help().get(name.removeprefix("setting-"), "")
        self.query_one("#setting-help", Static).update(text)

    @on(Input.Submitted)
    @on(Button.Pressed, "#start")
    def action_start(self) -> None:
        """Start, if the settings can be used."""
        plan = self._read()
        if plan is not None:
            self.dismiss(plan)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Leave everything as it is."""
        self.dismiss(None)

    def _read(self) -> TrainingPlan | None:
        error = self.query_one("#setting-error", Static)
        for editor in self.query(".editor"):
            editor.remove_class("-wrong")
        try:
            values = {name: self._value(name) for name in _annotations()}
            plan = TrainingPlan(**values)
        except ConfigError as problem:
            error.update(str(problem))
            self.query_one(f"#setting-{problem.field}").add_class("-wrong")
            return None
        error.update("")
        return plan

    def _value(self, name: str) -> Any:
        editor = self.query_one(f"#setting-{name}")
        if isinstance(editor, Select):
            return editor.value
        assert isinstance(editor, Input)
        return parse_setting(name, editor.value)


def parse_setting(name: str, text: str) -> Any:
    """The value of a setting from what was typed.

    Raises:
        ConfigError: if it can't be read as the setting's type.
    """
    annotation = _annotations()[name]
    text = text.strip()
    try:
        if annotation is int:
            return int(text)
        if annotation is float:
            return float(text)
        if get_origin(annotation) is tuple:
            return tuple(int(part) for part in text.replace(",", " ").replace("-", " ").split())
    except ValueError:
        kind = "a number" if annotation is float else "whole numbers"
        raise ConfigError(name, f"must be {kind}, not {text!r}") from None
    return absolute_data(text) if name == "data" else text


def _editor(name: str, value: Any) -> Widget:
    annotation = _annotations()[name]
    widget_id, classes = f"setting-{name}", "editor"
    if get_origin(annotation) is Literal:
        options = [(choice, choice) for choice in get_args(annotation)]
        return Select[str](
            options, value=value, allow_blank=False, compact=True, id=widget_id, classes=classes
        )
    text = " ".join(map(str, value)) if isinstance(value, tuple) else f"{value}"
    return Input(text, compact=True, id=widget_id, classes=classes)


def _annotations() -> dict[str, Any]:
    hints = get_type_hints(TrainingPlan)
    return {field.name: hints[field.name] for field in fields(TrainingPlan)}


def _help() -> dict[str, str]:
    """The fields' docstrings, which are the command line's help too."""
    parsed = parse_from_object(TrainingPlan)
    return {p.arg_name: " ".join((p.description or "").split()) for p in parsed.params}
