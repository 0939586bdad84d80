"""Open a regular file for reading, in bounded time and memory, with errors for the person.

A FIFO, a device or a directory is refused without waiting for it. What the bytes are is the
business of `data.containers`.
"""

import gzip
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from data.errors import DataError

MAX_READ_BYTES = 1 << 20
"""The most that is asked of a stream at once, and the most that an archive's directory may have."""
_SHORT_READ = 64
_MAX_SHORT_READS = 1 << 14
_DAMAGE = (
    zlib.error,
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    struct.error,
    ValueError,  # a path with a NUL byte, a member name that is not UTF-8, a negative offset
    RuntimeError,  # NotImplementedError too: a compression method that Python lacks
    OverflowError,
)


class ByteStream(Protocol):
    """What the readers need of an open file, unpacked or not."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end."""


def read_at_most(stream: ByteStream, count: int) -> bytes:
    """Read `count` bytes, or fewer where the stream ends first.

    It asks for a chunk at a time, so that `count` may come from an untrusted header: memory grows
    with what is there, not with what is promised.
    """
    chunks = []
    while count > 0 and (chunk := stream.read(min(count, MAX_READ_BYTES))):
        chunks.append(chunk)
        count -= len(chunk)
    return b"".join(chunks)


@contextmanager
def open_regular(path: Path) -> Iterator["BoundedFile"]:
    """Open the file at `path` for `gzip` and `zipfile` to read.

    Errors inside the `with` block that come from the file, its compression or its archive format
    are raised as `DataError`, which names `path`.
    """
    with _errors_for_the_person(path), _open(path) as file:
        yield BoundedFile(file, path)


def _open(path: Path) -> BinaryIO:
    # Asked before opening, for opening a device can do something; and after, for what is there may
    # be another file by now. Without O_NONBLOCK a FIFO would wait for a writer for ever.
    _check_regular(path, path.stat().st_mode)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        _check_regular(path, os.fstat(file.fileno()).st_mode)
    except BaseException:
        file.close()
        raise
    return file


def _check_regular(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise DataError(f"{path} is a directory, expected a file.")
    if not stat.S_ISREG(mode):
        raise DataError(f"{path} is a device, pipe or socket, expected a regular file.")


class BoundedStream:
    """A stream for the standard library's unpackers, which believe what an archive's headers say.

    Raises `DataError` for a read of more than `MAX_READ_BYTES`, which only an absurd directory of a
    zip archive asks for, and after very many short reads, as for a gzip header's endless name.
    """

    def __init__(self, stream: ByteStream, path: Path) -> None:
        self._stream = stream
        self._path = path
        self._short_reads = 0

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, none at the end."""
        bounded = 0 <= size <= MAX_READ_BYTES
        data = self._stream.read(size if bounded else MAX_READ_BYTES + 1)
        self._short_reads += len(data) < _SHORT_READ
        if len(data) > MAX_READ_BYTES or self._short_reads > _MAX_SHORT_READS:
            raise DataError(f"{self._path} is damaged: its headers are too long.")
        return data


class BoundedFile(BoundedStream):
    """Such a stream of a whole file, in which `zipfile` can go to and fro."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        super().__init__(file, path)
        self._file = file

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a byte of the file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the byte that is read next."""
        return self._file.tell()

    def seekable(self) -> bool:
        """As all regular files."""
        return True


@contextmanager
def _errors_for_the_person(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except EOFError:
        raise DataError(
            f"{path} is cut off: the compressed data goes on past the end of the file "
            f"at byte {path.stat().st_size:,}."
        ) from None
    except gzip.BadGzipFile as error:
        raise DataError(f"{path} is a damaged gzip file: {_in_words(error)}.") from None
    except OSError as error:
        reason = error.strerror or _in_words(error)
        raise DataError(f"{path} cannot be read: {reason}.") from None
    except MemoryError:
        raise DataError(f"{path} cannot be read: it does not fit into memory.") from None
    except _DAMAGE as error:
        raise DataError(f"{path} is damaged or not supported: {_in_words(error)}.") from None


def _in_words(error: Exception) -> str:
    # One line that can be printed: zipfile puts a member's name into some of its errors.
    text = " ".join("".join(c if c.isprintable() else " " for c in str(error)).split())
    text = text or type(error).__name__
    # CPython's own sentence for bytes after the last gzip member.
    if text.startswith("Not a gzipped file"):
        text = "after the compressed data there are bytes that belong to no gzip stream"
    return text.rstrip(".")
