"""`RunLock`: at most one process trains a run.

The lock is the operating system's (`flock` on `checkpoints/<run>/lock`), which ends with the
process however that dies, and which readers can look at without taking it. The file also says who
has it, with a modification time that the owner keeps fresh: that decides where the system's lock
can't, on a network file system that another machine writes to.
"""

import contextlib
import json
import os
import socket
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from engine.errors import RunError
from engine.storage.atomic_files import IN_USE

if sys.platform != "win32":
    import fcntl

LOCK_FILE = "lock"
STALE_AFTER = 120.0
"""Seconds without a beat after which another machine's process counts as gone."""
ATTEMPTS = 10
"""A reader's look at the lock (`owner_of`) may be in the way for an instant."""
ATTEMPT_DELAY = 0.05


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that trains a run."""

    pid: int
    host: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class RunLock:
    """The right to write a run's directory, from construction to `release`.

    Args:
        path: the run's directory.

    Raises:
        RunError: if another process has it, naming that.
        OSError: if the lock's file can't be written.
    """

    def __init__(self, path: Path) -> None:
        self._file = path / LOCK_FILE
        self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._take(path)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _take(self, path: Path) -> None:
        free = self._lock()
        other = _read_owner(self._file)
        if free is False or (other is not None and _may_live(other, self._file, system=free)):
            who = f": {other} trains it" if other else ""
            raise RunError(f"run {path.name} is in use{who}; attach shows it")
        me = json.dumps(asdict(Owner(os.getpid(), socket.gethostname())))
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, me.encode(), 0)

    def _lock(self) -> bool | None:
        """Whether the system's lock could be had; None if there is no such thing here."""
        for attempt in range(ATTEMPTS):
            taken = _flock(self._descriptor, shared=False)
            if taken is not False:
                return taken
            if attempt < ATTEMPTS - 1:
                time.sleep(ATTEMPT_DELAY)
        return False

    def beat(self) -> None:
        """Say that the owner is alive; a failure is for the next beat to mend."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.utime(self._descriptor)

    @property
    def held(self) -> bool:
        """Whether it was not released."""
        return self._descriptor >= 0

    def release(self) -> None:
        """Let others have it."""
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError):  # the system's lock ends all the same
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
        self._descriptor = -1


def rename_locked(path: Path, target: Path, lock: RunLock) -> None:
    """Rename a run's directory to a free name; `lock` is on it.

    On a file system that renames no directory with an open file in it (CIFS, WSL) the lock is
    released: whoever goes on with the run takes it again, under the new name.

    Raises:
        OSError: if it can't be renamed.
    """
    try:
        path.rename(target)
    except OSError as error:
        if error.errno not in IN_USE:
            raise
        lock.release()
        path.rename(target)


def owner_of(path: Path) -> Owner | None:
    """The process that trains the run in this directory now, as far as can be told; else None.

    Takes nothing from anyone and writes nothing.
    """
    file = path / LOCK_FILE
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError:
        return None
    try:
        free = _flock(descriptor, shared=True)
    finally:
        os.close(descriptor)
    owner = _read_owner(file)
    if owner is None or not _may_live(owner, file, system=free):
        return None
    return owner


def _flock(descriptor: int, *, shared: bool) -> bool | None:
    """Whether the system's lock could be had; None if there is no such thing here."""
    if sys.platform == "win32":
        return None
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # this file system has no locks
        return None
    return True


def _may_live(owner: Owner, file: Path, *, system: bool | None) -> bool:
    """Whether the process that a lock's file names still has it.

    Args:
        system: whether the system's lock was free; None if that can't be told.
    """
    if system is False:
        return True
    if owner.host == socket.gethostname():
        # Where the system's lock is free, its last owner on this machine is gone.
        return system is None and psutil.pid_exists(owner.pid)
    try:
        age = time.time() - file.stat().st_mtime
    except OSError:
        return False
    # In the future, when clocks differ or were set back: then it can't be called stale.
    return age < STALE_AFTER


def _read_owner(file: Path) -> Owner | None:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return Owner(int(content["pid"]), str(content["host"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
