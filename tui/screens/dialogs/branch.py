"""The form for a branch: a new run that begins with the weights of another."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.config import RunConfig, TrainingPlan
from engine.runs.branch import OF_THE_WEIGHTS
from engine.text import one_line
from tui.screens.dialogs.form import Field
from tui.screens.dialogs.new_run import SettingsForm, setting_fields
from tui.state.settings import settings_of

STATE = "weights"


@dataclass(frozen=True, slots=True)
class Branch:
    """What a branch begins with."""

    plan: TrainingPlan
    state: str
    """'last', 'best', or the name of a kept state."""


class BranchScreen(SettingsForm[Branch]):
    """Dismissed with the branch to start, or None.

    Args:
        name: of the run to branch.
        config: its settings; those of its weights are not asked for.
        states: whose weights a branch can begin with.
        warning: what starting it does to the run in progress; may be empty.
    """

    def __init__(self, name: str, config: RunConfig, states: Sequence[str], warning: str) -> None:
        self._plan = TrainingPlan(**settings_of(config))
        fields = [
            field
            for field in setting_fields(self._plan)
            if field.name not in OF_THE_WEIGHTS and config.has(field.name)
        ]
        state = Field(STATE, STATE, states[0], str, tuple(states))
        super().__init__(f"Branch of {one_line(name)}", [state, *fields], warning)

    def answer(self, values: dict[str, Any]) -> Branch:
        """The branch with these settings."""
        state = values.pop(STATE)
        return Branch(replace(self._plan, **values), state)
