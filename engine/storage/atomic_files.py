"""Write a file whole or not at all.

Everything the application keeps (figures, checkpoints, settings) goes through `atomic_write`,
so that a full disk or a killed process leaves the old file or the new one, never a part.
Files that only grow by whole lines are appended to elsewhere.
"""

import contextlib
import errno
import os
import secrets
from pathlib import Path

_TEMPORARY = ".tmp-"
_CANNOT_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM})
"""How file systems say that a directory can't be synchronised (CIFS, some FUSE)."""


def atomic_write(path: Path, data: bytes) -> None:
    """Put `data` at `path`, replacing what is there; missing parent directories are created.

    When it returns, the bytes and the name are on the disk, not only in its cache.

    Raises:
        OSError: if it can't be written (disk full, no permission, …). What was at `path` is
            unchanged then, and no temporary file stays behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same directory, as a rename is atomic only within a file system; a name of its own
    # for every call, so that two writers of one file don't write into each other's.
    temporary = path.parent / f"{_TEMPORARY}{secrets.token_hex(8)}"
    try:
        # "x" and not tempfile: the file gets the permissions that the user's umask gives.
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_directory(path.parent)


def remove_unfinished(directory: Path) -> None:
    """Delete what killed processes were writing; no other one may write here meanwhile.

    Raises:
        OSError: if it can't be deleted.
    """
    for file in directory.glob(f"{_TEMPORARY}*"):
        file.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    if os.name == "nt":  # Windows can't open a directory, and needs no fsync of one
        return
    try:
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
