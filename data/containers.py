"""Open a data file as a stream of bytes, whether it is plain, gzipped or in an archive.

What a file is, its first bytes decide, never its name. Whatever goes wrong while the stream is
open, in the file system or in the compression, leaves as a `DataError`. What the bytes mean is the
business of `data.idx` and `data.kaggle_csv`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from data.archives import ArchivePath, list_archive, listed, open_member
from data.errors import DataError
from data.regular_file import ByteStream, open_regular
from data.unpacking import unpacked

DataFile: TypeAlias = Path | ArchivePath
"""A file of a dataset, of its own or in an archive."""

MAX_IMAGES = 1_000_000
"""More images than this are refused: it bounds what a header, or a gzip bomb, can make us allocate
(784 MB), and leaves room for every ten-class set of 28×28 images in use (EMNIST Digits: 280,000).
"""


@contextmanager
def open_plain_or_gzip(file: DataFile) -> Iterator[ByteStream]:
    """Open the content of `file`, unpacked if it is gzipped.

    The gzip checksum is verified when the stream is read to its end. Errors inside the `with`
    block that come from the file or its compression are raised as `DataError`.
    """
    if isinstance(file, ArchivePath):
        with open_member(file) as packed, unpacked(packed, file.archive) as stream:
            yield stream
    else:
        with open_regular(file) as packed, unpacked(packed, file) as stream:
            yield stream


@contextmanager
def open_table(file: DataFile) -> Iterator[ByteStream]:
    """Open the content of a CSV file, or of the only one in the archive that `file` is.

    Raises `DataError` as `open_plain_or_gzip` does, and for an archive that is encrypted or does
    not hold exactly one such file.
    """
    if isinstance(file, Path) and (root := list_archive(file)):
        tables = root.tables()
        if len(tables) != 1:
            raise DataError(
                f"{file} is an archive that should hold exactly one .csv file, "
                f"but holds {listed(tables)}."
            )
        file = tables[0]
    with open_plain_or_gzip(file) as stream:
        yield stream
