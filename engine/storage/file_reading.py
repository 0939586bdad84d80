"""The way in for what is on the disk, which may be anyone's.

Files are opened without waiting and only if they are regular ones, read up to a size, and JSON is
taken up to a depth. Every value is asked for by its kind and range (`Fields`). Whoever reads a kind
of file puts this together, and makes of what is raised a sentence that names the file.
"""

import errno
import json
import math
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from engine.text import one_line

MOST_JSON = 4 << 20
"""Bytes of a JSON file of ours: a few kilobytes, and one line for each time a run was resumed."""
MOST_DEPTH = 32
"""Of JSON: ours is three deep; Python's own recursion ends at some hundreds."""
MOST_COUNTED = 2**53
"""Of steps and images: beyond it a float holds no whole numbers."""
MOST_SECONDS = 1e12
"""More than 30,000 years."""
_MOST_SHOWN = 80
"""Letters of a value that can't be used."""


def open_regular(file: Path) -> BinaryIO:
    """Open a file for reading.

    Raises:
        OSError: if it can't be opened, or is a pipe, a device or a directory.
    """
    flags = os.O_RDONLY
    for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):  # not everywhere
        flags |= getattr(os, name, 0)
    # Before it is opened, too: to open some devices does something.
    if not stat.S_ISREG(os.stat(file).st_mode):  # noqa: PTH116
        raise _irregular(file)
    descriptor = os.open(file, flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _irregular(file)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_file(file: Path, most: int = MOST_JSON) -> bytes:
    """The content of a file.

    Args:
        most: bytes that it may have.

    Raises:
        OSError: if it can't be read, is no regular file, or is larger.
    """
    with open_regular(file) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"It is larger than {most >> 20} MiB", str(file))
    return content


def parse_json(content: bytes) -> object:
    """What JSON says, with or without a byte-order mark.

    Raises:
        ValueError: if it is none, too deep, or has a number of more digits than Python takes.
    """
    if not content.strip():
        raise ValueError("it is empty")
    try:
        value: object = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error}") from None
    except ValueError:
        raise ValueError("it has a number of too many digits") from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not _is_shallow(value):
        raise ValueError("it is nested too deep")
    return value


def cause(error: Exception) -> str:
    """Why a file can't be used, for a sentence that names it already."""
    text = error.strerror if isinstance(error, OSError) else None
    return text or str(error) or type(error).__name__


class Fields:
    """The fields of a JSON object, checked when they are asked for; null is as good as none.

    Raises:
        ValueError: at construction, if it is another thing.
    """

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise ValueError("it holds no fields")
        self._values: Mapping[str, Any] = value

    def number(self, name: str, low: float, high: float) -> float | None:
        """A number of this range; None if there is none.

        Raises:
            ValueError: for anything else.
        """
        value = self._values.get(name)
        if value is None:
            return None
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:
            raise _wrong(name, f"a number of {low:g} to {high:g}", value)
        return float(value)

    def whole(self, name: str, low: int, high: int) -> int | None:
        """A whole number of this range, perhaps written with a point; None if there is none.

        Raises:
            ValueError: for anything else.
        """
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, float) and math.isfinite(value) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise _wrong(name, f"a whole number of {low:,} to {high:,}", value)
        return value

    def text(self, name: str) -> str | None:
        """A text; None if there is none.

        Raises:
            ValueError: for anything else.
        """
        value = self._values.get(name)
        if value is not None and not isinstance(value, str):
            raise _wrong(name, "a text", value)
        return value

    def has(self, name: str) -> bool:
        """Whether there is such a field."""
        return self._values.get(name) is not None

    def each(self, name: str) -> list["Fields"]:
        """The objects of a list.

        Raises:
            ValueError: if there is none, or it holds other things.
        """
        value = self._values.get(name)
        if not isinstance(value, list):
            raise _wrong(name, "a list", value)
        return [Fields(item) for item in value]


def _wrong(name: str, allowed: str, value: object) -> ValueError:
    return ValueError(f"{name} must be {allowed}, not {one_line(repr(value), _MOST_SHOWN)}")


def _is_shallow(value: object) -> bool:
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False


def _irregular(file: Path) -> OSError:
    return OSError(errno.EINVAL, "It is no regular file", str(file))
