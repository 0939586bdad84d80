"""The form for a new run: one field per setting of `TrainingPlan`, checked as it is typed."""

from collections.abc import Sequence
from functools import cache, partial
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from engine.config import TrainingPlan, absolute_data
from engine.errors import ConfigError
from tui.screens.dialogs.form import Answer, Field, Form
from tui.state.settings import setting_help, settings_of


class SettingsForm(Form[Answer]):
    """A form of settings, each with its help when it has the focus.

    Args:
        title, fields: as of every form.
        warning: what starting a new run does to the one in progress; may be empty.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "accept", "start")]
    CLASSES: ClassVar[str] = "dialog wide tall"
    ACCEPT_KEY: ClassVar[str] = "Ctrl+S"
    CHECKS_WHILE_TYPING: ClassVar[bool] = True

    def __init__(self, title: str, fields: Sequence[Field], warning: str) -> None:
        super().__init__(title, "start", fields)
        self._warning = warning

    def compose_fields(self) -> ComposeResult:
        """More than a small terminal has lines for."""
        with _Scrolled():
            yield from super().compose_fields()

    def compose_note(self) -> ComposeResult:
        """What starting does to the run in progress."""
        yield Static(self._warning, classes="dialog-warning", markup=False)

    def on_descendant_focus(self) -> None:
        """Show the help of the setting in focus."""
        name = (self.focused and self.focused.id) or ""
        text = setting_help(TrainingPlan).get(name, "")
        self.query_one(".dialog-hint", Static).update(text)


class NewRunScreen(SettingsForm[TrainingPlan]):
    """Dismissed with the settings of the run to start, or None.

    Args:
        plan: the settings to begin with.
        warning: what starting a new run does to the one in progress; may be empty.
    """

    def __init__(self, plan: TrainingPlan, warning: str) -> None:
        super().__init__("New run", setting_fields(plan), warning)

    def answer(self, values: dict[str, Any]) -> TrainingPlan:
        """The plan with these settings."""
        return TrainingPlan(**values)


class _Scrolled(VerticalScroll, can_focus=False, inherit_bindings=False):
    """Scrolls to what has the focus; its own arrow keys would come before the form's."""


def setting_fields(plan: TrainingPlan) -> list[Field]:
    """A field for each setting."""
    return [_field(*item) for item in settings_of(plan).items()]


def _field(name: str, value: Any) -> Field:
    annotation = _annotations()[name]
    text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    choices = get_args(annotation) if get_origin(annotation) is Literal else ()
    return Field(name, name, text, partial(_setting, name), choices)


def _setting(name: str, text: str) -> Any:
    value = parse_setting(name, text)
    TrainingPlan(**{name: value})  # its range
    return value


def parse_setting(name: str, text: str) -> Any:
    """The value of a setting from what was typed.

    Raises:
        ConfigError: if it can't be read as the setting's type.
    """
    annotation = _annotations()[name]
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


@cache
def _annotations() -> dict[str, Any]:
    return get_type_hints(TrainingPlan)
