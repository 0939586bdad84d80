"""Open a data file as a stream of bytes, whether it is plain, gzipped or zipped.

What a file is, its first bytes decide, never its name. Whatever goes wrong while the stream is
open, in the file system or in the compression, leaves as a `DataError`. What the bytes mean is the
business of `data.idx` and `data.kaggle_csv`.
"""

import gzip
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from data.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
# The second is an archive without members: it has no local header.
ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")

MAX_IMAGES = 1_000_000
"""More images than this are refused: it bounds what a header, or a gzip bomb, can make us allocate
(784 MB), and leaves room for every ten-class set of 28×28 images in use (EMNIST Digits: 280,000).
"""

_CHUNK_BYTES = 1 << 20
_DAMAGE = (
    zlib.error,
    zipfile.BadZipFile,
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
    while count > 0 and (chunk := stream.read(min(count, _CHUNK_BYTES))):
        chunks.append(chunk)
        count -= len(chunk)
    return b"".join(chunks)


@contextmanager
def open_plain_or_gzip(path: Path) -> Iterator[ByteStream]:
    """Open the content of `path`, unpacked if it is gzipped.

    The gzip checksum is verified when the stream is read to its end. Errors inside the `with`
    block that come from the file or its compression are raised as `DataError`.
    """
    with _errors_for_the_person(path), _open_regular(path) as file:
        if _first_bytes(file).startswith(GZIP_MAGIC):
            with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                yield unpacked
        else:
            yield file


@contextmanager
def open_plain_gzip_or_zip(path: Path, member_suffix: str) -> Iterator[ByteStream]:
    """Open the content of `path`; of a zip archive, its only member named `*member_suffix`.

    Raises `DataError` as `open_plain_or_gzip` does, and for an archive that is encrypted or does
    not hold exactly one such member.
    """
    with _errors_for_the_person(path), _open_regular(path) as file:
        first_bytes = _first_bytes(file)
        if first_bytes.startswith(GZIP_MAGIC):
            with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                yield unpacked
        elif first_bytes.startswith(ZIP_MAGICS):
            with zipfile.ZipFile(file) as archive:
                member = _only_member(path, archive, member_suffix)
                with archive.open(member) as unpacked:
                    yield unpacked
        else:
            yield file


def _open_regular(path: Path) -> BinaryIO:
    # Asked before opening: opening a FIFO would wait for a writer for ever.
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise DataError(f"{path} is a directory, expected a file.")
    if not stat.S_ISREG(mode):
        raise DataError(f"{path} is a device, pipe or socket, expected a regular file.")
    return path.open("rb")


def _first_bytes(file: BinaryIO) -> bytes:
    first_bytes = file.read(4)
    file.seek(0)
    return first_bytes


def _only_member(path: Path, archive: zipfile.ZipFile, suffix: str) -> zipfile.ZipInfo:
    members = [
        member
        for member in archive.infolist()
        if member.filename.lower().endswith(suffix)
        # macOS adds a resource fork of the same name for every member.
        and "__MACOSX" not in PurePosixPath(member.filename).parts
    ]
    if len(members) != 1:
        names = ", ".join(member.filename for member in members[:4])
        found = f"{len(members)} of them ({names}{', …' if len(members) > 4 else ''})"
        raise DataError(
            f"{path} is a zip archive that should hold exactly one {suffix} file, "
            f"but holds {found if members else 'none'}."
        )
    if members[0].flag_bits & 0x1:
        raise DataError(
            f"{path} is encrypted: its member {members[0].filename} needs a password, "
            "expected an archive without one."
        )
    return members[0]


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
    text = str(error) or type(error).__name__
    # CPython's own sentence for bytes after the last gzip member.
    if text.startswith("Not a gzipped file"):
        text = "after the compressed data there are bytes that belong to no gzip stream"
    return text.rstrip(".")
