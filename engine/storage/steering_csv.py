"""steering.csv: the settings that were changed while a run was trained, one change a row."""

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from engine.config import STEERABLE
from engine.errors import RunError
from engine.steering import SteeringChange
from engine.storage.atomic_files import atomic_write
from engine.storage.file_reading import MOST_COUNTED, cause, read_file

STEERING_FILE = "steering.csv"
COLUMNS = ("step", "setting", "from", "to")


@dataclass(slots=True)
class StoredSteering:
    """What a steering.csv says."""

    changes: list[SteeringChange] = field(default_factory=list)
    """In the order of their steps."""
    problem: str = ""
    """Which line is no change, and is left out; empty if all are."""


def write_steering(file: Path, changes: Iterable[SteeringChange]) -> None:
    """Replace the file.

    Raises:
        OSError: if it could not be written; it is unchanged then.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((c.step, c.setting, c.before, c.after) for c in changes)
    atomic_write(file, text.getvalue().encode())


def read_steering(file: Path) -> StoredSteering:
    """The changes of a file; none if there is no such file, as of a run that nobody steered.

    What spreadsheets make of it is read as well: a byte-order mark, CRLF, blank lines.

    Raises:
        RunError: naming the file, if it can't be read or is none of these.
    """
    try:
        content = read_file(file).decode("utf-8-sig", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return StoredSteering()
    except OSError as error:
        raise RunError(f"{file} can't be read: {cause(error)}") from error
    found = StoredSteering()
    for number, line in enumerate(content.splitlines(), 1):
        cells = [cell.strip(' "') for cell in line.split(",")]
        if number == 1:
            if tuple(cells) != COLUMNS:
                raise RunError(f"{file} line 1 is not the header {','.join(COLUMNS)}")
        elif line.strip():
            try:
                found.changes.append(_change(*cells))
            except (TypeError, ValueError):
                found.problem = found.problem or f"{file} line {number} is no change of a setting"
    found.changes.sort(key=lambda change: change.step)  # stable: of a step, in their order
    return found


def _change(step: str, setting: str, before: str, after: str) -> SteeringChange:
    number = float(step)
    if setting not in STEERABLE or not (0 <= number <= MOST_COUNTED and number.is_integer()):
        raise ValueError("not a change of a setting")
    return SteeringChange(int(number), setting, _number(before), _number(after))


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("not a number that a setting can have")
    return int(text) if text.isdecimal() else value
