"""`SteeringChange`: a setting that was changed while a run was trained, and what follows from that.

The changes are a run's own, kept beside its metrics: from the settings that it began with and its
changes, a run can be repeated exactly.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.config import STEERABLE, RunConfig
from engine.errors import ConfigError
from engine.run_settings import NAMES


@dataclass(frozen=True, slots=True)
class SteeringChange:
    """One setting, changed between two optimiser steps."""

    step: int
    """Optimiser steps that were taken before it."""
    setting: str
    """One of `engine.config.STEERABLE`."""
    before: float
    after: float

    @property
    def text(self) -> str:
        """Such as 'β 20 → 1'."""
        name = NAMES.get(self.setting, self.setting)
        return f"{name} {self.before:g} → {self.after:g}"


def with_setting(config: RunConfig, setting: str, value: float) -> RunConfig:
    """The settings, one of them changed.

    Raises:
        ConfigError: if it is none that may be changed, does nothing in this run, or the value is
            out of its range.
    """
    if setting not in STEERABLE:
        raise ConfigError(setting, f"can't be changed while training; {', '.join(STEERABLE)} can")
    if not config.has(setting):
        what = "an autoencoder" if config.model == "ae" else "this run"
        raise ConfigError(setting, f"does nothing in {what}")
    typed: Any = value
    if isinstance(getattr(config, setting), int) and float(value).is_integer():
        typed = int(value)
    return replace(config, **{setting: typed})


def initial_config(config: RunConfig, changes: Iterable[SteeringChange]) -> RunConfig:
    """The settings that a run began with.

    Args:
        config: with some or all of the changes.
        changes: all of them, in their order.

    Raises:
        ConfigError: if a change can't be of such a run.
    """
    for change in reversed([*changes]):
        config = with_setting(config, change.setting, change.before)
    return config


def config_at(config: RunConfig, changes: Iterable[SteeringChange], step: int) -> RunConfig:
    """The settings that held once a number of steps was taken; the arguments as in the above."""
    changes = [*changes]
    config = initial_config(config, changes)
    for change in changes:
        if change.step <= step:
            config = with_setting(config, change.setting, change.after)
    return config


def last_to_undo(changes: Sequence[SteeringChange]) -> SteeringChange | None:
    """The newest change that was neither taken back nor took one back; None if there is none."""
    standing: list[SteeringChange] = []
    for change in changes:
        top = standing[-1] if standing else None
        if top is not None and (change.setting, change.before, change.after) == (
            top.setting,
            top.after,
            top.before,
        ):
            standing.pop()
        else:
            standing.append(change)
    return standing[-1] if standing else None
