"""status.json: what a run is doing, for other processes to read.

The same as a `Snapshot`, but for the metrics, which are in the CSV files beside it.
"""

import math
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from engine.alerts import Alert, rule_named
from engine.config import MAX_EPOCHS, MAX_THREADS, STEERABLE
from engine.errors import RunError
from engine.history import History
from engine.snapshot import Phase, Snapshot
from engine.steering import SteeringChange
from engine.storage.atomic_files import atomic_write, json_bytes
from engine.storage.file_reading import (
    MOST_COUNTED,
    MOST_SECONDS,
    Fields,
    cause,
    parse_json,
    read_file,
)

STATUS_FILE = "status.json"
_FROM_HISTORY = ("train", "last", "best")
_COUNTS = {
    "threads": MAX_THREADS,
    "epochs": MAX_EPOCHS,
    **dict.fromkeys(("step", "total_steps", "images_seen", "saved_step"), MOST_COUNTED),
    **dict.fromkeys(("memory_used", "memory_total"), MOST_COUNTED),
}
"""The whole numbers, from 0 to these."""
_NUMBERS = {
    "epoch": float(MAX_EPOCHS),
    "patience_left": float(MAX_EPOCHS),
    "elapsed": MOST_SECONDS,
    **dict.fromkeys(("images_per_second", "eta", "beta", "lr"), sys.float_info.max),
}
"""The other numbers, from 0 to these."""


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
    values["steering"] = [asdict(change) for change in snapshot.steering]
    values["alerts"] = [
        {"step": alert.step, "text": alert.text} | ({"rule": alert.rule} if alert.rule else {})
        for alert in snapshot.alerts
    ]
    numbers = {
        k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()
    }
    return json_bytes(numbers)


def read_status(path: Path, history: History) -> Snapshot | None:
    """What a run's directory says of it; None if it has no status.json.

    Args:
        history: of the run, for the metrics of the snapshot.

    Raises:
        RunError: naming the file, if it can't be used.
    """
    file = path / STATUS_FILE
    try:
        content = read_file(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RunError(f"{file} can't be read: {cause(error)}") from error
    return parse_status(content, file, history)


def parse_status(content: bytes, file: Path, history: History) -> Snapshot:
    """The same from a status file's content.

    Args:
        file: in the run's directory, where it is from.

    Raises:
        RunError: naming the file, if it is none of ours.
    """
    try:
        return _snapshot(parse_json(content), _name(file.parent), history)
    except ValueError as error:
        raise RunError(f"{file} can't be used: {cause(error)}") from error


def _change(values: Fields) -> SteeringChange:
    setting, most = values.text("setting") or "", sys.float_info.max
    before, after = values.number("before", 0, most), values.number("after", 0, most)
    if setting not in STEERABLE or before is None or after is None:
        raise ValueError("steering holds what is no change of a setting")
    return SteeringChange(values.whole("step", 0, MOST_COUNTED) or 0, setting, before, after)


def _name(path: Path) -> str:
    """Of a link, the link's; not what the file says, for the run may have been renamed."""
    return path.name if path.name not in ("", "..") else path.resolve().name


def _snapshot(content: object, name: str, history: History) -> Snapshot:
    values = Fields(content)
    alerts = [
        Alert(
            alert.whole("step", 0, MOST_COUNTED) or 0,
            alert.text("text") or "",
            rule_named(alert.text("rule") or ""),
        )
        for alert in values.each("alerts")
    ]
    steering = [_change(c) for c in values.each("steering")] if values.has("steering") else []
    points = history.train_points(-1)
    known: dict[str, Any] = {
        **{key: values.text(key) for key in ("activity", "device", "error")},
        **{key: values.whole(key, 0, most) for key, most in _COUNTS.items()},
        **{key: values.number(key, 0, most) for key, most in _NUMBERS.items()},
    }
    return Snapshot(
        run=name,
        phase=Phase(values.text("phase") or ""),
        alerts=tuple(alerts),
        steering=tuple(steering),
        train=points[-1] if points else None,
        last=history.last,
        best=history.best,
        **{key: value for key, value in known.items() if value is not None},
    )
