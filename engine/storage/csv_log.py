"""A CSV file that grows by whole lines, and survives a full disk."""

import csv
import io
import math
import os
from collections.abc import Sequence
from pathlib import Path

from engine.storage.atomic_files import open_for_update, sync

Cell = int | float | None


class CsvLog:
    """Rows wait in memory until they are on disk.

    If writing fails (a full disk, say) the rows are kept and the next `flush` tries again,
    from the end of the last whole line: a reader never finds half a row. Rows that somebody else
    deleted are gone; the next ones follow what is left. One thread may append while another one
    flushes.

    Args:
        columns: a file of fewer, by an older program, goes on with those that it has.
        last_step: of a file that exists already, the rows whose first cell is greater are cut
            off; -1 to start it again.

    Raises:
        OSError: if the file exists and can't be cut, or is a link to another.
    """

    def __init__(self, path: Path, columns: Sequence[str], last_step: int = -1) -> None:
        self.path = path
        self._columns = columns
        self._good_size = 0
        if os.path.lexists(path):
            with os.fdopen(open_for_update(path), "wb") as file:
                self._good_size = _size_up_to(path, last_step) if last_step >= 0 else 0
                file.truncate(self._good_size)
        if self._good_size:
            with path.open("rb") as file:
                self._columns = columns[: file.readline().count(b",") + 1]
        self._waiting: list[Sequence[object]] = [] if self._good_size else [columns]

    def append(self, row: Sequence[Cell]) -> None:
        """Add a row; None and NaN become empty cells. Nothing is written before `flush`."""
        self._waiting.append([_cell(value) for value in row[: len(self._columns)]])

    def flush(self) -> None:
        """Write the waiting rows.

        Raises:
            OSError: if they could not be written; they are still waiting then.
        """
        rows = list(self._waiting)
        if not rows:
            return
        # Not append mode: what an interrupted write left behind is overwritten.
        with os.fdopen(open_for_update(self.path), "wb") as file:
            start = self._good_size
            if os.fstat(file.fileno()).st_size < start:  # cut or deleted by somebody else
                start = self.path.read_bytes().rfind(b"\n") + 1
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            if start == 0 and rows[0] is not self._columns:
                writer.writerow(self._columns)
            writer.writerows(rows)
            file.truncate(start)
            file.seek(start)
            file.write(text.getvalue().encode())
            file.flush()
            sync(file.fileno())
            end = file.tell()
        self._good_size = end
        del self._waiting[: len(rows)]


def _size_up_to(path: Path, last_step: int) -> int:
    """Bytes of the header and the whole rows up to a step."""
    size = 0
    with path.open("rb") as file:
        for number, line in enumerate(file):
            step = _step(line) if number > 0 else None
            if not line.endswith(b"\n") or (step is not None and step > last_step):
                break
            size += len(line)
    return size


def _step(line: bytes) -> float | None:
    """The step of a row; None if it is none, which stays where it is."""
    try:
        return float(line.split(b",", 1)[0])  # a spreadsheet may have written 27.0
    except ValueError:
        return None


def _cell(value: Cell) -> object:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return value
