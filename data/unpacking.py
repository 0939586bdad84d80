"""Unpack a gzipped stream; a plain one stays as it is."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from data.regular_file import BoundedStream, ByteStream, read_at_most

GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def unpacked(stream: ByteStream, path: Path) -> Iterator[ByteStream]:
    """Yield the content of `stream`, unpacked if its first bytes say that it is gzipped.

    The gzip checksum is verified when the content is read to its end.
    """
    first_bytes = read_at_most(stream, len(GZIP_MAGIC))
    whole = _Prefixed(first_bytes, stream)
    if first_bytes == GZIP_MAGIC:
        bounded = cast("IO[bytes]", BoundedStream(whole, path))
        with gzip.GzipFile(fileobj=bounded, mode="rb") as content:
            yield content
    else:
        yield whole


class _Prefixed:
    """Bytes that were read already, and the rest of their stream."""

    def __init__(self, first: bytes, stream: ByteStream) -> None:
        self._first = first
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        first, self._first = self._first[:size], self._first[size:]
        return first or self._stream.read(size)
