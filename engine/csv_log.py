"""A CSV file that grows by whole lines, and survives a full disk."""

import csv
import io
import math
import os
from collections.abc import Sequence
from pathlib import Path

Cell = int | float | None


class CsvLog:
    """Rows wait in memory until they are on disk.

    If writing fails (a full disk, say) the rows are kept and the next `flush` tries again,
    from the end of the last whole line: a reader never finds half a row.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self._good_size = 0
        self._waiting: list[Sequence[object]] = [columns]

    def append(self, row: Sequence[Cell]) -> None:
        """Add a row; None and NaN become empty cells. Nothing is written before `flush`."""
        self._waiting.append([_cell(value) for value in row])

    def flush(self) -> None:
        """Write the waiting rows.

        Raises:
            OSError: if they could not be written; they are still waiting then.
        """
        if not self._waiting:
            return
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(self._waiting)
        # Not append mode: what an interrupted write left behind is overwritten.
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.truncate(self._good_size)
            file.seek(self._good_size)
            file.write(text.getvalue().encode())
            file.flush()
            end = file.tell()
        self._good_size = end
        self._waiting.clear()


def _cell(value: Cell) -> object:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return value
