"""How a stored run was steered, and what it began with before that."""

from collections.abc import Iterable
from pathlib import Path

from engine.config import RunConfig
from engine.errors import ConfigError, RunError
from engine.steering import SteeringChange, initial_config, with_setting
from engine.storage.config_json import read_config
from engine.storage.run_names import find_run
from engine.storage.steering_csv import STEERING_FILE, StoredSteering, read_steering
from engine.text import count


def read_initial_config(path: Path) -> RunConfig:
    """The settings that a stored run began with.

    Raises:
        RunError: if its config.json or its steering.csv can't be used.
    """
    config, _ = read_config(path)
    return initial_config(config, _fitting(config, read_steering(path / STEERING_FILE)).changes)


def steering_of(source: str, checkpoints: Path) -> tuple[SteeringChange, ...]:
    """The changes to repeat, of a stored run or of a steering.csv.

    Args:
        source: the run's name, or the path of its directory or of the file.

    Raises:
        RunError: if there is no such run or file, or a line of it can't be used.
    """
    is_file = Path(source).is_file()
    file = Path(source) if is_file else find_run(source, checkpoints) / STEERING_FILE
    found = read_steering(file)
    if not is_file:
        made = read_config(file.parent)[1].steered
        if len(found.changes) < made:
            raise RunError(f"{file} has {len(found.changes)} of {count(made, 'change')}")
    if found.problem:  # a run that is repeated in part is another one
        raise RunError(found.problem)
    return tuple(found.changes)


def check_changes(config: RunConfig, changes: Iterable[SteeringChange]) -> None:
    """See that a run of these settings can be steered so.

    Raises:
        ConfigError: naming the setting that can't have its value.
    """
    for change in changes:
        config = with_setting(config, change.setting, change.after)


def read_changes(path: Path, config: RunConfig) -> tuple[list[SteeringChange], str]:
    """How a run was steered, and what of that can't be read."""
    try:
        found = _fitting(config, read_steering(path / STEERING_FILE))
    except RunError as error:
        return [], str(error)
    return found.changes, found.problem


def _fitting(config: RunConfig, found: StoredSteering) -> StoredSteering:
    """The changes that such a run can have."""
    fitting = StoredSteering(problem=found.problem)
    for change in found.changes:
        try:
            with_setting(
                with_setting(config, change.setting, change.before), change.setting, change.after
            )
        except ConfigError as error:
            fitting.problem = fitting.problem or f"{STEERING_FILE} has what can't be used: {error}"
        else:
            fitting.changes.append(change)
    return fitting
