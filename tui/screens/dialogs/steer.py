"""A form for the settings that may be changed while a run trains."""

from functools import partial
from typing import Any, ClassVar

from textual.widgets import Static

from engine.config import STEERABLE, RunConfig, TrainingPlan
from engine.run_settings import NAMES, setting_text
from engine.snapshot import Snapshot
from engine.steering import SteeringChange, last_to_undo, with_setting
from tui.screens.dialogs.form import Field, Form
from tui.screens.dialogs.new_run import parse_setting
from tui.state.settings import setting_help

Values = dict[str, float]


class SteerScreen(Form[Values]):
    """Dismissed with the settings to change and their new values, or None.

    Args:
        config: the run's current settings.
        snapshot: of the run, for what holds at this moment.
    """

    CHECKS_WHILE_TYPING: ClassVar[bool] = True
    CLASSES: ClassVar[str] = "dialog wide"

    def __init__(self, config: RunConfig, snapshot: Snapshot) -> None:
        self._config, self._snapshot = config, snapshot
        fields = [
            Field(name, name, setting_text(config, name), partial(_value, config, name))
            for name in STEERABLE
            if config.has(name)
        ]
        super().__init__("Steer this run, from the next step on", "change", fields, self._now())

    def answer(self, values: dict[str, Any]) -> Values:
        """What differs from the current settings."""
        # As it was shown, not as it is: nothing was typed then.
        return {
            name: value
            for name, value in values.items()
            if value != parse_setting(name, setting_text(self._config, name))
        }

    def on_descendant_focus(self) -> None:
        """Show the help of the setting in focus, and what holds now."""
        name = (self.focused and self.focused.id) or ""
        text = setting_help(TrainingPlan).get(name, "")
        self.query_one(".dialog-hint", Static).update(f"{text}\n{self._now()}".strip())

    def _now(self) -> str:
        s = self._snapshot
        beta = f"β {s.beta:.3g}, " if self._config.has("beta") else ""
        undo = last_to_undo(s.steering)
        undone = f" u takes back {_reversed_text(undo)}." if undo else ""
        return f"Now, at epoch {s.epoch:.2f}: {beta}lr {s.lr:.3g}.{undone}"


def _reversed_text(change: SteeringChange) -> str:
    return f"{NAMES.get(change.setting, change.setting)} to {change.before:g}"


def _value(config: RunConfig, name: str, text: str) -> float:
    value: float = parse_setting(name, text)
    with_setting(config, name, value)  # its range
    return value
