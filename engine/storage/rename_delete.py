"""Renaming and deleting stored runs, unless a process trains them.

Figures in exports/ stay where they are.
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from engine.errors import RunError
from engine.storage.config_json import read_config
from engine.storage.listing import DAMAGE
from engine.storage.metrics_csv import METRICS_FILE
from engine.storage.run_lock import LOCK_FILE, RunLock, rename_locked
from engine.storage.run_log import LOG_FILE
from engine.storage.run_names import check_name

RUN_FILES = (LOG_FILE, METRICS_FILE, LOCK_FILE)
"""Any of these beside a config.json that can't be read shows that the directory is a run's."""


def rename_run(path: Path, name: str) -> Path:
    """Give a run another name; its new directory.

    Raises:
        RunError: if the name can't be used or is taken, or a process trains the run.
    """
    target = path.parent / check_name(name)
    # Renaming would replace an empty directory.
    if os.path.lexists(target) and not _is_same_name(path, target):
        raise RunError(f"there is {name!r} already in {path.parent}/")
    with _locked(path, "renamed") as lock:
        rename_locked(path, target, lock)
    return target


def _is_same_name(path: Path, target: Path) -> bool:
    """Whether only the case changes, on a file system that has none."""
    is_like = path.name != target.name and path.name.casefold() == target.name.casefold()
    return is_like and path.samefile(target) and not target.is_symlink()


def delete_run(path: Path) -> None:
    """Delete a run's directory; of a symbolic link, the link.

    Raises:
        RunError: if a process trains the run, if the directory may not be a run's, or if
            something of it can't be deleted.
    """
    if not _is_ours(path):
        raise RunError(f"{path}/ is left alone: nothing in it shows that it is a run")
    doomed = path.with_name(f".deleted-{secrets.token_hex(8)}")
    with _locked(path, "deleted") as lock:
        if path.is_symlink():
            path.unlink()
            return
        # First of all it is no run any more, so that nothing that ends the deletion early
        # leaves one that looks whole.
        rename_locked(path, doomed, lock)
    try:
        # Without the lock: on a network file system a file that is open can't quite be deleted.
        shutil.rmtree(doomed)
    except OSError as error:
        cause = error.strerror or error
        raise RunError(f"not all of {path.name} is gone: {cause}; see {doomed}/") from error


@contextlib.contextmanager
def _locked(path: Path, done: str) -> Iterator[RunLock]:
    """Have a run to oneself, so that no process begins to train it.

    Raises:
        RunError: if a process has it, or the disk refuses what is done in here.
    """
    try:
        lock = RunLock(path)
        try:
            yield lock
        finally:
            lock.release()
    except OSError as error:
        raise RunError(f"{path}/ can't be {done}: {error.strerror or error}") from error


def _is_ours(path: Path) -> bool:
    """Whether a directory is a run's, perhaps a damaged one's: others have config.json too."""
    with contextlib.suppress(*DAMAGE):
        read_config(path)
        return True
    return any((path / name).is_file() for name in RUN_FILES)
