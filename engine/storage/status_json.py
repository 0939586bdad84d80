"""status.json: what a run is doing, for other processes to read.

The same as a `Snapshot`, but for the metrics, which are in the CSV files beside it.
"""

import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

from engine.history import History
from engine.snapshot import Alert, Phase, Snapshot
from engine.storage.atomic_files import atomic_write, json_bytes

STATUS_FILE = "status.json"
_FROM_HISTORY = ("train", "last", "best")


def write_status(path: Path, snapshot: Snapshot) -> None:
    """Replace the status file of a run's directory.

    Raises:
        OSError: if it can't be written.
    """
    atomic_write(path / STATUS_FILE, status_bytes(snapshot))


def status_bytes(snapshot: Snapshot) -> bytes:
    """A snapshot as status.json has it."""
    values: dict[str, Any] = {}
    for field in fields(Snapshot):
        if field.name not in _FROM_HISTORY:
            values[field.name] = getattr(snapshot, field.name)
    values["alerts"] = [{"step": alert.step, "text": alert.text} for alert in snapshot.alerts]
    numbers = {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in values.items()}
    return json_bytes(numbers)


def read_status(path: Path, history: History) -> Snapshot | None:
    """What a run's directory says of it; None if it says nothing that can be read.

    Args:
        history: of the run, for the metrics of the snapshot.
    """
    try:
        return parse_status((path / STATUS_FILE).read_bytes(), path, history)
    except OSError:
        return None


def parse_status(content: bytes, path: Path, history: History) -> Snapshot | None:
    """The same from a status file's content; None if it isn't one."""
    try:
        values = json.loads(content)
        known = {field.name for field in fields(Snapshot)} - set(_FROM_HISTORY)
        values = {name: value for name, value in values.items() if name in known}
        values["phase"] = Phase(values["phase"])
        values["alerts"] = tuple(Alert(a["step"], a["text"]) for a in values["alerts"])
        values["run"] = path.resolve().name  # it may have been renamed
        points = history.train_points(-1)
        return Snapshot(
            **values,
            train=points[-1] if points else None,
            last=history.last,
            best=history.best,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
