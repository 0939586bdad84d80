"""`RunWriter`: a run's files, written by a thread of its own, so that no disk holds up training.

The run's thread hands over copies in the host's memory; of what waits, the newest of a kind is
written. What could not be written (a full disk, say) waits for the next attempt.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Thread
from typing import Any

from engine.config import RunConfig
from engine.snapshot import Snapshot
from engine.steering import SteeringChange
from engine.storage import checkpoint
from engine.storage.config_json import CONFIG_FILE
from engine.storage.frames import FilmWriter
from engine.storage.run_directory import RunDirectory
from engine.storage.run_lock import LostRunError
from engine.storage.status_json import write_status
from engine.storage.steering_csv import STEERING_FILE
from engine.views import Frame

log = logging.getLogger(__name__)

STATUS_INTERVAL = 1.0
"""Seconds between two writes of status.json while training."""
BEAT_INTERVAL = 10.0
"""Seconds between two signs of life in the lock's file."""
REPEAT_INTERVAL = 600.0
"""Seconds after which it is said again that a file can't be written."""
NEEDED = ("best.pt", "last.pt", STEERING_FILE)
"""Files without which what is trained is not saved."""


@dataclass(frozen=True, slots=True)
class Steering:
    """How a run was steered so far."""

    config: RunConfig
    """Its current settings."""
    changes: tuple[SteeringChange, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """A state to be kept under a name."""

    name: str
    file: Path
    state: dict[str, Any]


@dataclass(slots=True)
class Work:
    """What waits to be written; None where nothing does."""

    frames: Sequence[Frame] | None = None
    last: dict[str, Any] | None = None
    best: dict[str, Any] | None = None
    steering: Steering | None = None
    kept: tuple[Kept, ...] = ()

    def update(self, newer: "Work") -> None:
        """Replace what has a newer version."""
        self.frames = self.frames if newer.frames is None else newer.frames
        self.last = self.last if newer.last is None else newer.last
        self.best = self.best if newer.best is None else newer.best
        self.steering = self.steering if newer.steering is None else newer.steering
        self.kept += newer.kept


@dataclass(frozen=True, slots=True)
class Report:
    """A file that can't be written, or can again."""

    file: str
    error: OSError | None


class RunWriter:
    """The writer of one run's directory, until `close`.

    Args:
        status: gives the run's current snapshot.
        on_lost: called in the writer's thread when `lost` is set.
    """

    def __init__(
        self,
        directory: RunDirectory,
        config: RunConfig,
        status: Callable[[], Snapshot],
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._directory = directory
        self._config = config
        self._status = status
        self._on_lost = on_lost
        self._film = FilmWriter(directory.path)
        self._changed = Condition()
        self._waiting = Work()
        self._keeping: list[str] = []
        self._asked = self._done = 0
        self._closing = False
        self._failing: dict[str, float] = {}
        """Which files can't be written, and when that was last said."""
        self._lost: LostRunError | None = None
        self._reports: list[Report] = []
        self._saved_step: int | None = None
        self._status_written: Snapshot | None = None
        self._beaten_at = time.monotonic()
        self._thread = Thread(target=self._main, name="writer")
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether what was handed over is still being written."""
        return self._asked > self._done

    @property
    def saved_step(self) -> int | None:
        """The step of last.pt; None before it was first written by this process, or if the run's
        directory is gone.
        """
        return self._saved_step

    @property
    def can_save(self) -> bool:
        """Whether no checkpoint failed to be written at the last attempt."""
        return self._failing.keys().isdisjoint(NEEDED)

    @property
    def keeping(self) -> list[str]:
        """The names of states that were handed over to be kept, and aren't on disk yet."""
        return [*self._keeping]

    @property
    def lost(self) -> LostRunError | None:
        """Set once the run is another process's: nothing is written any more."""
        return self._lost

    def save(self, work: Work) -> None:
        """Write this soon, as rows always are. Nothing in it may change any more."""
        with self._changed:
            self._waiting.update(work)
            self._keeping += [kept.name for kept in work.kept]
            self._asked += 1
            self._changed.notify_all()

    def flush(self) -> None:
        """Return when everything was written, or has failed."""
        with self._changed:
            self._asked += 1
            ticket = self._asked
            self._changed.notify_all()
            while self._done < ticket and self._thread.is_alive():
                self._changed.wait(STATUS_INTERVAL)

    def reports(self) -> list[Report]:
        """What went wrong, or well again, since the last call; oldest first."""
        with self._changed:
            new, self._reports = self._reports, []
        return new

    def close(self) -> None:
        """Write what waits and the current status, then release the run."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._directory.close()

    # Everything below runs in the thread.

    def _main(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self.busy or self._closing, timeout=STATUS_INTERVAL)
                ticket, closing = self._asked, self._closing
                is_asked = ticket > self._done or closing
                work = Work()
                if is_asked:
                    work, self._waiting = self._waiting, work
            try:
                if self._lost is None:
                    self._write(work)
                    self._write_status()
            except LostRunError as error:
                self._lose(error)
            except Exception:  # without its writer no run would end
                log.exception("the writer failed")
            with self._changed:
                work.update(self._waiting)
                self._waiting = work  # what failed, but for what is newer
                self._done = ticket
                self._changed.notify_all()
            if closing:
                return

    def _write(self, work: Work) -> None:
        """Write the parts of `work`, and remove those that were."""
        # In this order, whatever is on disk when the process is killed fits together: rows and
        # frames up to the checkpoints' steps at least, and never a best evaluation whose weights
        # are in none. A run is resumed from the newer checkpoint, and steered from there as before.
        self._try("metrics.csv", self._directory.flush)
        frames, last, best, steering = work.frames, work.last, work.best, work.steering
        if steering is not None:
            self._config = steering.config
            if self._try(STEERING_FILE, lambda: self._directory.write_steering(steering.changes)):
                work.steering = None
                # A resumption follows the changes, whatever this file says.
                self._try(CONFIG_FILE, lambda: self._write_settings(steering))
        if frames is not None and self._try("the film", lambda: self._film.write(frames)):
            work.frames = None
        if work.steering is not None:  # a checkpoint is read by the changes that led to it
            return
        if best is not None and self._try("best.pt", lambda: self._checkpoint("best", best)):
            work.best = None
        if (
            last is not None
            and work.best is None
            and self._try("last.pt", lambda: self._checkpoint("last", last))
        ):
            self._saved_step = last["step"]
            work.last = None
        work.kept = tuple(kept for kept in work.kept if not self._keep(kept))

    def _checkpoint(self, name: str, state: dict[str, Any]) -> None:
        self._directory.write_checkpoint(name, checkpoint.to_bytes(self._config, state))

    def _write_settings(self, steering: Steering) -> None:
        self._directory.write_settings(steering.config, len(steering.changes))

    def _keep(self, kept: Kept) -> bool:
        content = checkpoint.to_bytes(self._config, kept.state)
        is_kept = self._try(kept.file.name, lambda: self._directory.write_kept(kept.file, content))
        if is_kept:
            with self._changed:
                self._keeping.remove(kept.name)
        return is_kept

    def _write_status(self) -> None:
        now = time.monotonic()
        if now - self._beaten_at >= BEAT_INTERVAL:
            if self._is_ours():
                self._directory.lock.beat()
            self._beaten_at = now
        snapshot = self._status()
        if snapshot is not self._status_written and self._try(
            "status.json", lambda: write_status(self._directory.path, snapshot)
        ):
            self._status_written = snapshot

    def _is_ours(self) -> bool:
        try:
            self._directory.lock.check()
        except OSError:  # the next write says so
            return False
        return True

    def _lose(self, error: LostRunError) -> None:
        log.error("%s", error)
        self._lost = error
        self._directory.stop_logging()
        self._on_lost()

    def _try(self, file: str, write: Callable[[], None]) -> bool:
        """Write a file, if the run is (still) ours; whether it was written.

        Raises:
            LostRunError: if the run is another process's.
        """
        try:
            self._check_directory()
            _write_or_os_error(write)
        except OSError as error:
            now = time.monotonic()
            if now - self._failing.get(file, -math.inf) >= REPEAT_INTERVAL:
                log.error("can't write %s: %s", file, error, exc_info=error.__cause__)
                self._failing[file] = now
                self._report(Report(file, error))
            return False
        if self._failing.pop(file, None) is not None:
            self._report(Report(file, None))
        return True

    def _check_directory(self) -> None:
        try:
            self._directory.lock.check()
        except FileNotFoundError:
            self._saved_step = None
            raise

    def _report(self, report: Report) -> None:
        with self._changed:
            self._reports.append(report)


def _write_or_os_error(write: Callable[[], None]) -> None:
    try:
        write()
    except OSError:
        raise
    except Exception as error:  # too little memory, say: without its writer no run would end
        raise OSError(f"{type(error).__name__}: {error}") from error
