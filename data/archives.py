"""The files in a zip or tar archive, as they are: nothing is unpacked to the disk.

A tar archive may be gzipped. What an archive is, its first bytes decide. Headers are believed only
within bounds: a member's name is compared and never used as a path, and an archive that unpacks to
gigabytes costs some seconds and no memory.
"""

import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import IO, cast

from data.errors import DataError
from data.regular_file import (
    MAX_READ_BYTES,
    BoundedFile,
    ByteStream,
    open_regular,
    read_at_most,
)
from data.unpacking import unpacked

# The second is an archive without members: it has no local header.
ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
MAX_MEMBERS = 10_000
"""An archive with more is refused: it bounds the time to look for our files."""
MAX_TAR_BYTES = 1 << 30
"""A tar archive can't be skipped through where it is gzipped; beyond this it is refused."""

_TAR_MAGIC = slice(257, 262), b"ustar"
_OTHER_ARCHIVES = (
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!", "RAR"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
)
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class ArchivePath:
    """A place in an archive, for the finder to look around in as in a folder."""

    archive: Path
    names: frozenset[str] = field(repr=False, compare=False)
    """The files in the archive when it was listed, with `/` between folders."""
    inside: PurePosixPath

    def __str__(self) -> str:
        """Return it as if the archive were a folder, printable whatever the member's name has."""
        return str(Path(str(self.archive), *map(printable, self.inside.parts)))

    def __truediv__(self, name: str) -> "ArchivePath":
        """Return the place below."""
        return replace(self, inside=self.inside / name)

    @property
    def name(self) -> str:
        """The last part, of the archive itself its file name."""
        return self.inside.name or self.archive.name

    @property
    def parts(self) -> tuple[str, ...]:
        """Of the archive's absolute path, and of the place in it."""
        return self.archive.absolute().parts + self.inside.parts

    def with_name(self, name: str) -> "ArchivePath":
        """Return the file of another name beside this one."""
        return replace(self, inside=self.inside.with_name(name))

    def is_file(self) -> bool:
        """Whether the archive had a file there."""
        return str(self.inside) in self.names

    def folders(self) -> list["ArchivePath"]:
        """Return the folders in the archive that hold files, itself first if it does."""
        parents = {PurePosixPath(name).parent for name in self.names}
        return [replace(self, inside=parent) for parent in sorted(parents)]

    def tables(self) -> list["ArchivePath"]:
        """Return the CSV files in the archive, gzipped or not."""
        names = [name for name in self.names if name.lower().endswith((".csv", ".csv.gz"))]
        return [replace(self, inside=PurePosixPath(name)) for name in sorted(names)]


def list_archive(path: Path) -> ArchivePath | None:
    """Return the root of the archive at `path`, None when it is no zip or tar archive.

    What a Mac adds to an archive (`__MACOSX`, `._*`) is left out, as are folders and links. Raises
    `DataError` when the file can't be read, its directory is damaged or has too many members, or
    it is of another kind of archive.
    """
    with open_regular(path) as file:
        kind = _kind(path, file)
        if kind == "zip":
            with zipfile.ZipFile(cast("IO[bytes]", file)) as archive:
                names = [name for name, _ in _zip_members(path, archive)]
        elif kind == "tar":
            with unpacked(file, path) as stream:
                tape = _Tape(stream, path)
                names = [name for name, _ in _tar_members(tape)]
                tape.read_to_the_end()
        else:
            return None
    return ArchivePath(path, frozenset(names), PurePosixPath())


@contextmanager
def open_member(member: ArchivePath) -> Iterator[ByteStream]:
    """Open the content of a file in an archive, as it was put in.

    Raises `DataError` when the archive is gone, changed or damaged, or needs a password.
    """
    path, wanted = member.archive, str(member.inside)
    with open_regular(path) as file:
        kind = _kind(path, file)
        if kind == "zip":
            with zipfile.ZipFile(cast("IO[bytes]", file)) as archive:
                for name, info in _zip_members(path, archive):
                    if name == wanted:
                        _check_packing(path, info)
                        with archive.open(info) as stream:
                            yield stream
                        return
        elif kind == "tar":
            with unpacked(file, path) as stream:
                tape = _Tape(stream, path)
                for name, tar_info in _tar_members(tape):
                    if name == wanted:
                        tape.seek(tar_info.offset_data)
                        yield _Part(stream, tar_info.size)
                        return
        raise DataError(f"{path} no longer holds {printable(wanted)}.")


def listed(files: Sequence[ArchivePath]) -> str:
    """Return how many files these are, and the names of some, for an error."""
    if not files:
        return "none"
    names = ", ".join(printable(str(file.inside)) for file in files[:4])
    return f"{len(files)} of them ({names}{', …' if len(files) > 4 else ''})"


def printable(name: str) -> str:
    """Return a member's name as one that can go to a terminal."""
    return "".join(c if c.isprintable() else "?" for c in name[:200])


def _kind(path: Path, file: BoundedFile) -> str | None:
    first_bytes = file.read(8)
    file.seek(0)
    if first_bytes.startswith(ZIP_MAGICS):
        return "zip"
    for magic, kind in _OTHER_ARCHIVES:
        if first_bytes.startswith(magic):
            raise DataError(
                f"{path} is a {kind} archive, expected .zip, .tar or .tar.gz: unpack it."
            )
    where, magic = _TAR_MAGIC
    with unpacked(file, path) as stream:
        header = read_at_most(stream, tarfile.BLOCKSIZE)
    file.seek(0)
    return "tar" if header[where] == magic else None


def _zip_members(path: Path, archive: zipfile.ZipFile) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    _check_count(path, len(archive.infolist()))
    for info in archive.infolist():
        # Some tools of Windows write their own separators.
        name = PurePosixPath(info.filename.replace("\\", "/"))
        if not info.is_dir() and not _is_resource_fork(name):
            yield str(name), info


def _tar_members(tape: "_Tape") -> Iterator[tuple[str, tarfile.TarInfo]]:
    tape.allow_a_header()
    # The only thing it is asked for is the next header: it would go back and read on to no end.
    with tarfile.TarFile(fileobj=cast("IO[bytes]", tape)) as archive:
        # Iterating would keep to the same order, but not let the next header be measured.
        for count in range(MAX_MEMBERS + 1):
            tape.allow_a_header()
            info = archive.next()
            if info is None:
                return
            _check_count(tape.path, count + 1)
            name = PurePosixPath(info.name)
            if info.isreg() and not info.issparse() and not _is_resource_fork(name):
                yield str(name), info


def _is_resource_fork(name: PurePosixPath) -> bool:
    """Whether a member is what macOS adds, under the name of another one."""
    return "__MACOSX" in name.parts or name.name.startswith("._")


def _check_packing(path: Path, info: zipfile.ZipInfo) -> None:
    name = printable(info.filename)
    if info.flag_bits & _ENCRYPTED:
        raise DataError(
            f"{path} is encrypted: its member {name} needs a password, "
            "expected an archive without one."
        )
    # Of bzip2 and LZMA, zipfile unpacks all that it has read: half a KB may be 100 MB.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(
            f"{path}: its member {name} is packed in a way that is not supported, expected a zip "
            "archive of the usual kind (deflate)."
        )


def _check_count(path: Path, count: int) -> None:
    if count > MAX_MEMBERS:
        raise DataError(f"{path} holds more than {MAX_MEMBERS:,} files, expected a dataset.")


class _Tape:
    """The bytes of a tar archive for `tarfile`: forwards only, and bounded as a whole."""

    def __init__(self, stream: ByteStream, path: Path) -> None:
        self.path = path
        self._stream = stream
        self._position = 0
        self._allowed = 0

    def allow_a_header(self) -> None:
        """Let the headers of one member be read: its long name, its extended header."""
        self._allowed = MAX_READ_BYTES

    def read(self, size: int) -> bytes:
        """Read headers."""
        if not 0 <= size <= self._allowed:
            raise DataError(f"{self.path} is damaged: its headers are too long.")
        self._allowed -= size
        data = read_at_most(self._stream, size)
        self._position += len(data)
        return data

    def seek(self, offset: int) -> int:
        """Skip to a later byte, or to the end."""
        if offset < self._position:
            raise DataError(f"{self.path} is damaged: its headers lead back.")
        while self._position < offset and self._skip(offset - self._position):
            pass
        return self._position

    def read_to_the_end(self) -> None:
        """Skip the rest, which makes gzip compare its checksum."""
        while self._skip(MAX_READ_BYTES):
            pass

    def _skip(self, count: int) -> int:
        skipped = len(self._stream.read(min(count, MAX_READ_BYTES)))
        self._position += skipped
        if self._position > MAX_TAR_BYTES:
            raise DataError(
                f"{self.path} unpacks to more than {MAX_TAR_BYTES:,} bytes, expected a dataset."
            )
        return skipped

    def tell(self) -> int:
        """Return the byte that is read next."""
        return self._position


class _Part:
    """The next `size` bytes of a stream."""

    def __init__(self, stream: ByteStream, size: int) -> None:
        self._stream = stream
        self._left = size

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data
