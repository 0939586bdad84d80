"""Where a run starts: new, resumed from what is stored of it, or with another one's weights.

Importing this doesn't import torch.
"""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from engine.config import MAY_CHANGE, Precision, RunConfig, TrainingPlan
from engine.errors import ConfigError, RunError
from engine.history import History
from engine.runs.stored_steering import check_changes, read_initial_config
from engine.steering import SteeringChange
from engine.storage.config_json import CONFIG_FILE, read_config
from engine.storage.history_reader import HistoryReader
from engine.storage.run_lock import wait_for_owner
from engine.storage.run_names import run_directories
from engine.storage.status_json import read_status
from engine.text import epoch_label

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NewRun:
    """A new run.

    Args:
        checkpoints: where its directory is made.
        name: None for one made from the time.
        steering: changes of the settings to make on the way, as in a run before.
    """

    checkpoints: Path
    name: str | None = None
    steering: tuple[SteeringChange, ...] = ()


@dataclass(frozen=True, slots=True)
class ResumeRun:
    """A stored run, to be resumed from its last checkpoint.

    Args:
        path: its directory.
    """

    path: Path


@dataclass(frozen=True, slots=True)
class BranchRun:
    """A new run that begins with the weights of a stored one, and its optimiser's moments.

    Args:
        new: the run to make.
        parent: the directory of the other one.
        state: 'last', 'best', or the name of a kept state of that.
        step: that the state must be of; None for any.
    """

    new: NewRun
    parent: Path
    state: str = "last"
    step: int | None = None


StartPoint = NewRun | ResumeRun | BranchRun


def continued_config(
    path: Path,
    *,
    epochs: int | None = None,
    device: str | None = None,
    precision: Precision | None = None,
    data: str | None = None,
) -> RunConfig:
    """The settings of a stored run, for resuming it.

    Args:
        epochs: in all, from the beginning; None for as many as before.
        device, precision: None for the previous setting.
        data: where the data set lies now; None for where it was.

    Raises:
        RunError: if config.json can't be used.
        ConfigError: if a new setting can't.
    """
    config, _ = read_config(path)
    continued = replace(
        config,
        epochs=config.epochs if epochs is None else epochs,
        device=config.device if device is None else device,
        precision=config.precision if precision is None else precision,
        data=config.data if data is None else data,
    )
    if epochs is not None:
        check_epochs(path, _epochs_saved(path), epochs)
    return continued


def _epochs_saved(path: Path) -> float:
    """As far as the process that trained it said; `restore` asks the checkpoint itself."""
    try:
        status = read_status(path, History())
    except RunError:
        return 0.0
    if status is None or not status.saved_step:
        return 0.0
    return status.epoch * status.saved_step / max(status.step, status.saved_step)


def check_epochs(path: Path, trained: float, epochs: int) -> None:
    """See that a run is not to be resumed for fewer epochs than it was trained for.

    Raises:
        ConfigError: if it is.
    """
    if epochs < trained:
        raise ConfigError(
            "epochs",
            f"{epochs} is fewer than run {path.name} has been trained for, "
            f"which is {epoch_label(trained)}",
        )


def planned_starts(
    plan: TrainingPlan,
    checkpoints: Path,
    name: str | None,
    steering: Sequence[SteeringChange] = (),
) -> list[tuple[RunConfig, StartPoint]]:
    """New runs for a plan: two get '-vae' and '-ae' behind their name.

    Args:
        steering: changes of the settings to repeat, in the runs that have those settings.
    """
    configs = plan.runs()
    return [
        (c, NewRun(checkpoints, _own_name(name, c, len(configs)), _of_config(steering, c)))
        for c in configs
    ]


def _of_config(steering: Sequence[SteeringChange], config: RunConfig) -> tuple[SteeringChange, ...]:
    changes = tuple(change for change in steering if config.has(change.setting))
    check_changes(config, changes)
    return changes


def automatic_starts(
    plan: TrainingPlan,
    checkpoints: Path,
    name: str | None,
    *,
    steering: Sequence[SteeringChange] = (),
    job: str = "",
    report: Callable[[str], None] = log.info,
) -> list[tuple[RunConfig, StartPoint]]:
    """The same, but resuming what exists of it: for a job that is started again and again.

    Without a name, of a plan of one run, it is the newest run of these settings that is neither
    at its end nor trained by another process. A process on another machine that may be dead is
    waited for, rather than that a second run is begun.

    Args:
        steering: changes of the settings to repeat in runs that are begun.
        job: what the runs of this batch job are called, if there is no other name: one of other
            settings, or trained beside this one, gets a number.
        report: called with a sentence if there is something to wait for.

    Raises:
        RunError: if a run of that name was trained with other settings.
        ConfigError: if two runs have no name to find them by.
    """
    configs = plan.runs()
    if name is None and not job and len(configs) > 1:
        raise ConfigError("name", "is needed to find two runs again")
    start_points: list[tuple[RunConfig, StartPoint]] = []
    for config in configs:
        own_name = _own_name(name, config, len(configs))
        if own_name is not None:
            path: Path | None = checkpoints / own_name
            wait_for_owner(checkpoints / own_name, report)
        elif job:
            path = _of_job(_own_name(job, config, len(configs)) or job, config, checkpoints, report)
            own_name = path.name
        else:
            path = _unfinished(config, checkpoints, report)
        if path is None or not (path / CONFIG_FILE).is_file():
            repeated = _of_config(steering, config)
            start_points.append((config, NewRun(checkpoints, own_name, repeated)))
            continue
        try:
            continued = _continued(path, config)
        except ValueError as problem:
            raise RunError(f"run {path.name} is another one: its {problem}") from None
        start_points.append((continued, ResumeRun(path)))
    return start_points


def _continued(path: Path, config: RunConfig) -> RunConfig:
    """The settings under which a stored run goes on that was begun with these, however steered.

    Raises:
        ValueError: if it was begun with others; a RunError if it can't be read.
    """
    began_with = read_initial_config(path)
    began_with.check_same_settings(config)
    current, _ = read_config(path)
    settings = {name: getattr(config, name) for name in MAY_CHANGE}
    if config.epochs == began_with.epochs:
        settings["epochs"] = current.epochs
    return replace(current, **settings)


def _own_name(name: str | None, config: RunConfig, count: int) -> str | None:
    return f"{name}-{config.model}" if name and count > 1 else name


def _of_job(stem: str, config: RunConfig, checkpoints: Path, report: Callable[[str], None]) -> Path:
    """Where a job's run of these settings is, or can be made."""
    for number in count(1):
        path = checkpoints / (stem if number == 1 else f"{stem}-{number}")
        if not os.path.lexists(path):
            return path
        try:
            _continued(path, config)
        except (RunError, ValueError):
            continue
        if wait_for_owner(path, report) is None:
            return path
    raise AssertionError("unreachable")


def _unfinished(config: RunConfig, checkpoints: Path, report: Callable[[str], None]) -> Path | None:
    found: list[tuple[float, Path]] = []
    for path in run_directories(checkpoints):
        try:
            continued = _continued(path, config)
            last = HistoryReader(path, continued).update().last
            done = last is not None and last.epoch >= continued.epochs
            if not done:
                found.append(((path / CONFIG_FILE).stat().st_mtime, path))
        except (RunError, ValueError, OSError):
            continue  # other settings, or nothing to resume
    for _, path in sorted(found, reverse=True):
        if wait_for_owner(path, report) is None:
            return path
    return None
