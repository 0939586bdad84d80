"""Write a file whole or not at all, on every file system that people have.

Everything the application keeps (figures, checkpoints, settings) goes through `atomic_write`,
so that a full disk or a killed process leaves the old file or the new one, never a part. Files
that only grow by whole lines are opened by `open_for_update`. Neither writes through a symbolic
link: the one puts a file in its place, the other refuses it.
"""

import contextlib
import errno
import json
import os
import re
import secrets
import stat
import time
from pathlib import Path

_TEMPORARY = ".tmp-"
_IS_TEMPORARY = re.compile(re.escape(_TEMPORARY) + r"[0-9a-f]{1,16}")
_CANNOT_SYNC = frozenset(
    {
        errno.EINVAL,
        errno.ENOSYS,
        errno.ENOTSUP,
        errno.EOPNOTSUPP,
        errno.EBADF,  # of a directory that can only be opened for reading
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
    }
)
"""How file systems say that they don't synchronise a file or a directory (FUSE, CIFS).

A full or broken disk says something else.
"""
IN_USE = frozenset({errno.EACCES, errno.EPERM, errno.EBUSY})
"""How file systems of Windows (CIFS, WSL) say that another program has the file open."""
RENAME_ATTEMPTS = 6
RENAME_DELAY = 0.02
"""Seconds before the second attempt; twice as many before each further one, 0.6 s together."""
_NAME_ATTEMPTS = 100


def atomic_write(path: Path, data: bytes) -> None:
    """Put `data` at `path`, replacing what is there; missing parent directories are created.

    When it returns, the bytes and the name are on the disk, not only in its cache, where the file
    system can be asked for that. A symbolic link at `path` is replaced, not what it points to.

    Raises:
        OSError: naming `path`, if it can't be written (disk full, no permission, …). What was at
            `path` is unchanged then, and no temporary file stays behind.
    """
    try:
        _write_and_rename(path, data)
    except OSError as error:
        if error.errno is None:
            raise
        # Not the temporary file's name, which tells a person nothing.
        raise OSError(error.errno, error.strerror, str(path)) from error


def json_bytes(values: object) -> bytes:
    r"""Return a value as a JSON file of ours has it.

    Names that are not UTF-8, which Python keeps as lone surrogates, are written as JSON's own
    escapes (`\udcfc`), and come back the same.
    """
    text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


def open_for_update(path: Path, *, append: bool = False) -> int:
    """Open a file of ours to change it in place, without waiting; a descriptor. Made if missing.

    Args:
        append: every write goes to the end.

    Raises:
        OSError: if it can't be opened, or is a symbolic link, a pipe or anything but a file: what
            is written to a run stays in its directory.
    """
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else 0)
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):  # not everywhere
        flags |= getattr(os, name, 0)
    try:
        descriptor = os.open(path, flags, 0o644)
    except OSError as error:
        if path.is_symlink():
            raise OSError(errno.ELOOP, "It is a symbolic link", str(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "It is no regular file", str(path))
    return descriptor


def sync(descriptor: int) -> None:
    """Have the disk hold what was written, where its file system can be asked to.

    Raises:
        OSError: if it can't hold it (full, broken, gone).
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


def refuse_link(folder: Path) -> None:
    """See that what is written into a folder stays in it.

    Raises:
        OSError: if it is a symbolic link.
    """
    if folder.is_symlink():
        text = "It is a symbolic link, through which nothing is written"
        raise OSError(errno.ELOOP, text, str(folder))


def remove_unfinished(directory: Path) -> None:
    """Delete what killed processes were writing; no other one may write here meanwhile.

    Raises:
        OSError: if it can't be deleted.
    """
    for file in directory.glob(f"{_TEMPORARY}*"):
        # Ours alone, no link or directory of such a name.
        if _IS_TEMPORARY.fullmatch(file.name) and file.is_file() and not file.is_symlink():
            file.unlink(missing_ok=True)


def _write_and_rename(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = _make_temporary(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            sync(file.fileno())
        _replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_directory(path.parent)


def _make_temporary(path: Path) -> tuple[int, Path]:
    """Make an empty file beside `path`; its descriptor and name.

    In the same directory, as a rename is atomic only within a file system; with a name of its own
    for every call, so that two writers of one file don't write into each other's.
    """
    length = len(_TEMPORARY) + 16
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    for attempt in range(_NAME_ATTEMPTS):
        temporary = path.parent / f"{_TEMPORARY}{secrets.token_hex(8)}"[:length]
        try:
            # Not tempfile: the file gets the permissions that the user's umask gives.
            return os.open(temporary, flags, 0o666), temporary
        except FileExistsError:
            if attempt == _NAME_ATTEMPTS - 1:
                raise
        except OSError as error:
            shorter = max(len(path.name), len(_TEMPORARY) + 1)
            if error.errno != errno.ENAMETOOLONG or length <= shorter:
                raise
            length = shorter  # where `path` just fits
    raise AssertionError("unreachable")


def _replace(temporary: Path, path: Path) -> None:
    for attempt in range(RENAME_ATTEMPTS):
        try:
            temporary.replace(path)
        except OSError as error:
            if error.errno not in IN_USE or attempt == RENAME_ATTEMPTS - 1:
                raise
            time.sleep(RENAME_DELAY * 2**attempt)
        else:
            return


def _sync_directory(directory: Path) -> None:
    if os.name == "nt":  # Windows can't open a directory, and needs no fsync of one
        return
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise
        return
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)
