"""Going on with a stored run: its trainer, history and film, from its last checkpoint.

Importing this doesn't import torch; `restore` is for the run's thread, which has.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config import RunConfig
from engine.errors import RunError
from engine.history import History
from engine.metrics import Evaluation
from engine.runs.start_points import check_epochs
from engine.runs.stored_steering import read_changes
from engine.steering import SteeringChange, config_at, initial_config
from engine.storage.config_json import read_config
from engine.storage.frames import FilmReader
from engine.storage.history_reader import HistoryReader
from engine.storage.provenance import Provenance
from engine.storage.run_directory import RunDirectory
from engine.storage.run_lock import RunLock
from engine.storage.steering_csv import STEERING_FILE
from engine.text import epoch_label
from engine.views import Frame

if TYPE_CHECKING:
    from engine.training.trainer import Trainer


log = logging.getLogger(__name__)


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
        changes, problem = read_changes(path, before)
        if len(changes) < stored.steered and not problem:
            problem = f"{path / STEERING_FILE} has {len(changes)} of {stored.steered} changes"
        trainer.steer(replace(wanted, epochs=before.epochs))
        past = _load(path, trainer, changes)
        # config.json may be older than steering.csv, by a kill between the two.
        is_as_before = wanted.epochs == before.epochs
        check_epochs(path, trainer.epoch, trainer.config.epochs if is_as_before else wanted.epochs)
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
        past = _steered(trainer, past, changes, None if is_as_before else wanted.epochs)
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
            changes = [*past.steering, *past.pending]
            directory.write_steering(changes)
            directory.write_settings(trainer.config, len(changes))
    except (RunError, OSError) as error:
        log.error("can't write config.json: %s", error)  # the previous settings are as good
    return directory, past


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
    epoch = epoch_label(trainer.epoch)
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
