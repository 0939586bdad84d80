"""`RunLock`: at most one process trains a run.

The lock is the operating system's (`flock` on `checkpoints/<run>/lock`), which ends with the
process however that dies, and which readers can look at without taking it. The file also says who
has it, with a modification time that the owner keeps fresh: that decides where the system's lock
can't, on a network file system that another machine writes to. There an owner that was suspended
may have been taken for dead: before it writes, it looks whether the lock is still its own.
"""

import contextlib
import errno
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from engine.errors import RunError
from engine.storage.atomic_files import IN_USE, open_for_update
from engine.storage.file_reading import open_regular, parse_json, read_file
from engine.storage.process_identity import Owner as Owner

if sys.platform != "win32":
    import fcntl

LOCK_FILE = "lock"
STALE_AFTER = 120.0
"""Seconds without a beat after which another machine's process counts as gone."""
ATTEMPTS = 10
"""A reader's look at the lock (`owner_of`) may be in the way for an instant."""
ATTEMPT_DELAY = 0.05
MAX_BYTES = 4096
"""Of a lock's file; ours have a few hundred."""
LOOK_INTERVAL = 0.5


class LostRunError(Exception):
    """The run is another process's by now: this one must write nothing more into it."""


class RunLock:
    """The right to write a run's directory, from construction to `release`.

    Args:
        path: the run's directory.

    Raises:
        RunError: if another process has it, naming that.
        OSError: if the lock's file can't be written, or is no file (but a link, say).
    """

    def __init__(self, path: Path) -> None:
        self._file = path / LOCK_FILE
        self._me = Owner.this_process()
        self._descriptor = open_for_update(self._file)
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
        self._system = free
        self._directory = path.stat()
        self._write()

    def _write(self) -> None:
        me = json.dumps(asdict(self._me)).encode()
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, me)

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

    def check(self) -> None:
        """See that the run is still ours to write; a lock's file that was removed is made again.

        Raises:
            LostRunError: if another process has it, or has had it meanwhile.
            OSError: if the run's directory is not there (now), or can't be read.
        """
        directory = self._file.parent
        try:
            same_directory = os.path.samestat(directory.stat(), self._directory)
            status = self._file.lstat() if os.path.lexists(self._file) else None
        except FileNotFoundError:
            raise _gone(directory) from None
        if status is None:
            if not same_directory:
                raise _gone(directory)
            self._make_again()
            return
        same_file = os.path.samestat(status, os.fstat(self._descriptor))
        owner = _read_owner(self._file)
        if owner is not None and owner.token == self._me.token:
            if not same_file:  # the directory was copied, and the copy put in its place
                self._adopt(open_for_update(self._file))
            return
        if same_file and self._system and owner is None:
            self._write()  # emptied by hand: nobody else can have it
            return
        raise self._lost(owner)

    def _make_again(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        try:
            descriptor = os.open(self._file, flags, 0o644)
        except FileExistsError:
            raise self._lost(_read_owner(self._file)) from None
        self._adopt(descriptor)

    def _adopt(self, descriptor: int) -> None:
        self._directory = self._file.parent.stat()
        before, self._descriptor = self._descriptor, descriptor
        if self._lock() is False:
            self._descriptor = before
            os.close(descriptor)
            raise self._lost(_read_owner(self._file))
        os.close(before)
        self._write()

    def _lost(self, owner: Owner | None) -> LostRunError:
        name = self._file.parent.name
        who = f"{owner} trains {name} now" if owner else f"{name} was trained by another process"
        return LostRunError(f"{who}: this one has ended, and writes nothing more into it")

    def moved(self, path: Path) -> None:
        """The run's directory has another name now."""
        self._file = path / LOCK_FILE

    @property
    def held(self) -> bool:
        """Whether it was not released."""
        return self._descriptor >= 0

    def release(self) -> None:
        """Let others have it."""
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError):  # the system's lock ends all the same
            owner = _read_owner(self._file)
            if self._system or (owner is not None and owner.token == self._me.token):
                os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
        self._descriptor = -1


def _gone(directory: Path) -> OSError:
    text = "The run's directory is gone"
    return FileNotFoundError(errno.ENOENT, text, str(directory))


def rename_locked(path: Path, target: Path, lock: RunLock) -> None:
    """Rename a run's directory to a free name; `lock` is on it.

    On a file system that renames no directory with an open file in it (CIFS, WSL) the lock is
    released: whoever resumes the run takes it again, under the new name.

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
    else:
        lock.moved(target)


def owner_of(path: Path) -> Owner | None:
    """The process that trains the run in this directory now, as far as can be told; else None.

    Takes nothing from anyone and writes nothing.
    """
    file = path / LOCK_FILE
    try:
        with open_regular(file) as stream:
            free = _flock(stream.fileno(), shared=True)
    except OSError:
        return None
    owner = _read_owner(file)
    if owner is None or not _may_live(owner, file, system=free):
        return None
    return owner


def wait_for_owner(
    path: Path, report: Callable[[str], None], wait: Callable[[float], None] = time.sleep
) -> Owner | None:
    """The process that is seen to train a run; None as soon as there is none (any more).

    One on another machine is told from a dead one by its beat, which may take `STALE_AFTER`.

    Args:
        report: called with a sentence if there is something to wait for.
        wait: sleeps so many seconds.
    """
    before: int | None = None
    started = time.monotonic()
    while (owner := owner_of(path)) is not None and not owner.is_of_this_machine:
        try:
            beat = (path / LOCK_FILE).stat().st_mtime_ns
        except OSError:
            return None
        if before is None:
            before = beat
            report(
                f"waiting for up to {STALE_AFTER:.0f} s to see whether {owner}, "
                f"which trained {path.name}, is gone"
            )
        if beat != before:
            return owner  # it is alive
        if time.monotonic() - started > STALE_AFTER:
            with contextlib.suppress(OSError):  # its clock is ahead of ours
                os.utime(path / LOCK_FILE, (0, 0))
            return owner_of(path)
        wait(LOOK_INTERVAL)
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
    if owner.was_requeued:
        return False
    if owner.is_of_this_machine:
        # Where the system's lock is free, its last owner on this machine is gone.
        return system is None and owner.runs_here()
    if owner.host == socket.gethostname() and system:
        return False  # this machine, before it was restarted, or another container on it
    try:
        age = time.time() - file.stat().st_mtime
    except OSError:
        return False
    # In the future, when clocks differ or were set back: then it can't be called stale.
    return age < STALE_AFTER


def _read_owner(file: Path) -> Owner | None:
    try:
        return Owner.from_json(parse_json(read_file(file, MAX_BYTES)))
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
