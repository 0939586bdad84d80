"""Where a run starts: new, or resumed from what is stored of it.

Importing this doesn't import torch; `restore` is for the run's thread, which has.
"""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config import MAY_CHANGE, Precision, RunConfig, TrainingPlan
from engine.errors import ConfigError, RunError
from engine.history import History
from engine.metrics import Evaluation
from engine.steering import SteeringChange, config_at, initial_config, with_setting
from engine.storage.config_json import CONFIG_FILE, read_config
from engine.storage.frames import FilmReader
from engine.storage.history_reader import HistoryReader
from engine.storage.provenance import Provenance
from engine.storage.run_directory import RunDirectory
from engine.storage.run_lock import RunLock, wait_for_owner
from engine.storage.run_names import find_run, run_directories
from engine.storage.status_json import read_status
from engine.storage.steering_csv import STEERING_FILE, StoredSteering, read_steering
from engine.views import Frame

if TYPE_CHECKING:
    from engine.training.trainer import Trainer

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
    """

    new: NewRun
    parent: Path
    state: str = "last"


StartPoint = NewRun | ResumeRun | BranchRun


@dataclass(frozen=True, slots=True)
class ResumedState:
    """What a run brings along that isn't in its trainer."""

    train_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    notes: tuple[str, ...] = ()
    """What a person should know: a file that was damaged, another kind of device."""
    evaluation: Evaluation | None = None
    """What was stored of the evaluation that is made again, as one is due at the checkpoint."""
    steering: tuple[SteeringChange, ...] = ()
    """The changes of the settings up to the checkpoint."""
    pending: tuple[SteeringChange, ...] = ()
    """Those to be made after it, as before."""


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
        _check_epochs(path, _epochs_saved(path), epochs)
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


def _check_epochs(path: Path, trained: float, epochs: int) -> None:
    if epochs < trained:
        raise ConfigError(
            "epochs",
            f"{epochs} is fewer than run {path.name} has been trained for, "
            f"which is {trained:.2f}".rstrip("0").rstrip("."),
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
    return tuple(change for change in steering if config.has(change.setting))


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


def restore(
    path: Path,
    trainer: "Trainer",
    history: History,
    frames: list[Frame],
    provenance: Provenance,
) -> tuple[RunDirectory, ResumedState]:
    """Bring trainer, history and film to where a stored run is, and claim its directory.

    What is on disk of later steps than its checkpoint's is dropped: it comes again. A run
    without a checkpoint starts again.

    Args:
        trainer: made for the run's settings, untrained.
        history, frames: empty; filled.
        provenance: of this process and its data.

    Raises:
        RunError: if another process trains it, or a file doesn't fit or can't be used.
    """
    try:
        lock = RunLock(path)
    except OSError as error:
        raise RunError(f"can't write to {path}/: {error}") from error
    try:
        before, stored = read_config(path)
        stored.check_data(path.name, provenance.data)
        wanted = trainer.config
        changes, problem = _read_changes(path, before)
        trainer.steer(replace(wanted, epochs=before.epochs))
        past = _load(path, trainer, changes)
        _check_epochs(path, trainer.epoch, wanted.epochs)
        # Without a checkpoint nothing is kept: not even what was found out at step 0.
        last_step = trainer.step if past is not None else -1
        # An evaluation that is due here is made again: the checkpoint may be from before it, and
        # its frame and its weights, if they were the best, not on disk yet.
        evaluated_step = last_step - 1 if trainer.evaluation_due() else last_step
        reader = HistoryReader(path, trainer.config)
        stored_history = reader.update()
        _fill(history, stored_history, last_step, evaluated_step)
        if past is not None:
            again = [
                e for e in stored_history.evaluations() if evaluated_step < e.step <= last_step
            ]
            past = replace(past, evaluation=again[0] if again else None)
        past = _steered(
            trainer, past, changes, None if wanted.epochs == before.epochs else wanted.epochs
        )
        film = FilmReader(path)
        film.update()
        frames += [frame for frame in film.frames if frame.step <= evaluated_step]
        damaged = [f"{problem}; the film goes on without it" for problem in film.problems]
        damaged += filter(None, [reader.problem, problem])
        past = replace(past, notes=(*past.notes, *damaged))
        directory = RunDirectory.reopen(path, lock, trainer.config, last_step, evaluated_step)
    except BaseException:
        lock.release()
        raise
    try:
        directory.add_resumption(trainer.config, provenance.resumption_at(trainer.step))
        if changes or past.steering:
            directory.write_steering(trainer.config, (*past.steering, *past.pending))
    except (RunError, OSError) as error:
        log.error("can't write config.json: %s", error)  # the previous settings are as good
    return directory, past


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
    file = Path(source) if Path(source).is_file() else find_run(source, checkpoints) / STEERING_FILE
    found = read_steering(file)
    if found.problem:  # a run that is repeated in part is another one
        raise RunError(found.problem)
    return tuple(found.changes)


def _read_changes(path: Path, config: RunConfig) -> tuple[list[SteeringChange], str]:
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


def _steered(
    trainer: "Trainer", past: ResumedState | None, changes: list[SteeringChange], epochs: int | None
) -> ResumedState:
    """Which changes were made up to the trainer's step, and which are to come.

    Args:
        trainer: its settings are those of its step.
        past: None if nothing is kept of the run: all changes are to come.
        epochs: in all, if they are others now, which is a change as well.
    """
    step = -1 if past is None else trainer.step
    done = [change for change in changes if change.step <= step]
    pending = [change for change in changes if change.step > step]
    before = trainer.config.epochs
    if epochs is not None:
        pending = [change for change in pending if change.setting != "epochs"]
        if epochs != before:
            trainer.steer(replace(trainer.config, epochs=epochs))
            if past is not None:
                done.append(SteeringChange(step, "epochs", before, epochs))
    return replace(past or ResumedState(), steering=tuple(done), pending=tuple(pending))


def _load(path: Path, trainer: "Trainer", changes: list[SteeringChange]) -> ResumedState | None:
    """The checkpoint into the trainer, under the settings of then; None if there is none yet."""
    from engine.storage import checkpoint  # imports torch

    config = trainer.config
    began_with = initial_config(config, changes)
    if not (path / "last.pt").exists() and not (path / "best.pt").exists():
        trainer.steer(began_with)
        return None
    state, file, problem = checkpoint.read_newest(path)
    notes: list[str] = []
    try:
        stored = initial_config(RunConfig.from_dict(state["config"]), changes)
        stored.check_same_settings(began_with)
        trainer.steer(config_at(config, changes, state["step"]))
        trainer.load_state_dict(state)
        train_seconds, evaluation_seconds = map(float, state["seconds"])
    except (KeyError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{file} doesn't fit {path / 'config.json'}: {error}") from error
    epoch = f"{trainer.epoch:.2f}".rstrip("0").rstrip(".")
    if not (path / "last.pt").exists():
        problem = f"{path / 'last.pt'} is missing"  # cut off at its first checkpoint, perhaps
    if problem:
        notes.append(f"{problem}: resuming from {file.name}, at epoch {epoch}")
    if state["device"] != trainer.device.type:
        notes.append(
            f"trained on {state['device']} before, on {trainer.device.type} now: "
            "the noise is that of another seed"
        )
    return ResumedState(train_seconds, evaluation_seconds, tuple(notes))


def _fill(history: History, stored: History, last_step: int, evaluated_step: int) -> None:
    for evaluation in stored.evaluations():
        if evaluation.step <= evaluated_step:
            history.add_evaluation(evaluation)
    for diagnosis in stored.diagnoses():
        if diagnosis.step <= evaluated_step:
            history.add_diagnosis(diagnosis)
    history.add_train_points([p for p in stored.train_points() if p.step <= last_step])
