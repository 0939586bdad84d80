"""A stored run at a glance: how it stands.

Reads little of it, and nothing of its weights. What is on the disk may be anyone's: a file that
can't be read is a run's `problem`, and never raised.
"""

import contextlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from engine.alerts import Rule, rules_of
from engine.config import RunConfig
from engine.errors import RunError
from engine.history import History
from engine.parent import Parent
from engine.snapshot import Phase, Snapshot
from engine.storage.config_json import CONFIG_FILE, read_config
from engine.storage.metrics_csv import METRICS_FILE
from engine.storage.provenance import Provenance
from engine.storage.run_lock import LOCK_FILE, Owner, owner_of
from engine.storage.run_scores import RunScores
from engine.storage.status_json import STATUS_FILE, read_status

DAMAGE = (RunError, OSError, ValueError, TypeError, OverflowError, RecursionError)
"""What reading a file of any content may raise."""
_LATEST = 2.0**37
"""Seconds since 1970, in the year 6325: a file's time may be any number."""


class RunState(StrEnum):
    """How a stored run stands, seen from another process."""

    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    """All epochs are trained."""
    STOPPED = "stopped"
    """Ended early, by a person."""
    FAILED = "failed"
    """Ended by an error."""
    DIED = "died"
    """Its process was killed: the run can be resumed from its last checkpoint."""
    UNREADABLE = "unreadable"
    """Its config.json can't be used."""


_STATES = {
    Phase.PAUSED: RunState.PAUSED,
    Phase.FINISHED: RunState.FINISHED,
    Phase.STOPPED: RunState.STOPPED,
    Phase.FAILED: RunState.FAILED,
}
"""A run in any other phase is RUNNING while a process has it, and DIED without one."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run, in the few words and numbers of a list."""

    path: Path
    name: str
    state: RunState
    problem: str
    """Why it failed, or what of it can't be read; empty if there is nothing to say."""
    config: RunConfig | None
    """None if it can't be read."""
    epoch: float
    """Epochs trained, with fractions."""
    epochs: int
    """Epochs that were asked for; 0 if that can't be read."""
    last: float | None
    """`Metrics.score` of the last evaluation: −ELBO, or an autoencoder's reconstruction."""
    best: float | None
    """The lowest score, the untrained model's included."""
    best_epoch: float | None
    seconds: float
    """Time spent training."""
    created: datetime | None
    """With a time zone."""
    modified: datetime
    """When the newest of its files was written."""
    size: int
    """Bytes of all its files."""
    owner: Owner | None
    """The process that trains it now."""
    parent: Parent | None = None
    """The run that it began with the weights of."""
    steered: int = 0
    """How often a setting was changed while it was trained."""
    alerts: tuple[Rule, ...] = ()
    """The rules that raised alerts, as its status.json has them: none by a version without."""


def summarize(path: Path, scores: RunScores | None = None) -> RunSummary:
    """How the run in a directory stands, as far as its files can be read.

    Args:
        scores: of this run, from an earlier look.
    """
    # Who has it comes first: a process that ends in between has written its last status then.
    owner = None
    with contextlib.suppress(*DAMAGE):
        owner = owner_of(path)
    size, modified = _measure(path)
    config, created, problem = None, None, ""
    provenance = Provenance()
    try:
        config, provenance = read_config(path)
        created = _time(provenance.created)
    except DAMAGE as error:
        problem = _sentence(error, path / CONFIG_FILE)
    scores = scores or RunScores(path)
    try:
        scores.update()
    except DAMAGE as error:
        problem = problem or _sentence(error, path / METRICS_FILE)
    problem = problem or scores.problem
    status = None
    try:
        status = read_status(path, History())
    except DAMAGE as error:
        problem = problem or _sentence(error, path / STATUS_FILE)
    last, best = scores.last, scores.best
    epoch, seconds = (last.epoch, last.seconds) if last else (0.0, 0.0)
    if status is not None:
        epoch, seconds = status.epoch, status.elapsed
        problem = problem or status.error or ""
    return RunSummary(
        path=path,
        name=path.name or path.resolve().name,
        state=_state(config, status, owner, epoch),
        problem=problem,
        config=config,
        epoch=epoch,
        epochs=config.epochs if config else 0,
        last=last.score if last else None,
        best=best.score if best else None,
        best_epoch=best.epoch if best else None,
        seconds=seconds,
        created=created,
        modified=datetime.fromtimestamp(min(max(modified, 0.0), _LATEST), UTC),
        size=size,
        owner=owner,
        parent=provenance.parent,
        steered=provenance.steered,
        alerts=rules_of(status.alerts) if status else (),
    )


def _state(
    config: RunConfig | None, status: Snapshot | None, owner: Owner | None, epoch: float
) -> RunState:
    if config is None:
        return RunState.UNREADABLE
    if status is not None and (owner or not status.phase.is_active):
        return _STATES.get(status.phase, RunState.RUNNING if owner else RunState.DIED)
    if owner:
        return RunState.RUNNING
    if status is None and epoch >= config.epochs:
        return RunState.FINISHED  # by a version that wrote no status.json
    return RunState.DIED


def _time(text: str) -> datetime | None:
    """None for what is no time, and for one that not every time zone can name."""
    try:
        time = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return time if 1970 < time.year < 9999 else None


def _measure(path: Path) -> tuple[int, float]:
    """Bytes of a directory's files, and when the newest was written."""
    size, newest = 0, 0.0
    folders = [os.fspath(path)]
    while folders:
        entries: list[os.DirEntry[str]] = []
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as found:
            entries = list(found)
        for entry in entries:
            with contextlib.suppress(OSError):  # it may go while it is looked at
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                    continue
                stat = entry.stat(follow_symlinks=False)
                size += stat.st_size
                if entry.name != LOCK_FILE:  # touched by whoever renames it
                    newest = max(newest, stat.st_mtime)
    return size, newest


def _sentence(error: Exception, file: Path) -> str:
    return str(error) if isinstance(error, RunError) else f"{file} can't be read: {error}"
