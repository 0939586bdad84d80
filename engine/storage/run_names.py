"""What runs are called, and finding one by that."""

import re
from datetime import datetime
from pathlib import Path

from data import DataError, absolute_path
from engine.config import RunConfig
from engine.errors import RunError
from engine.storage.config_json import CONFIG_FILE
from engine.text import one_line

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


def check_name(name: str) -> str:
    """A run's name, if it can be a directory's.

    Raises:
        RunError: if it has characters that a path or a shell could take for something else.
    """
    if not _NAME.fullmatch(name):
        raise RunError(
            f"run name {name!r} can't be used: letters, digits, '.', '_', '+' and '-' only, "
            "100 at the most, a letter or digit first"
        )
    return name


def default_name(config: RunConfig, now: datetime) -> str:
    """A name that sorts by time: 'vae-20261122-093015'."""
    return f"{config.model}-{now:%Y%m%d-%H%M%S}"


def find_run(run: str, checkpoints: Path) -> Path:
    """The directory of a run given by its name or by a path.

    Raises:
        RunError: if there is none, saying where it was looked for and what is there.
    """
    try:
        expanded = absolute_path(run) if run[:1] == "~" else Path(run)
    except DataError as error:
        raise RunError(str(error)) from None
    for candidate in (checkpoints / run, expanded):
        try:
            if (candidate / CONFIG_FILE).is_file():
                return candidate
            is_other = bool(run) and candidate.is_dir()
        except ValueError:  # with a null character
            continue
        except OSError as error:
            raise RunError(f"run {run[:100]!r} can't be looked for: {error.strerror}") from None
        if is_other:
            raise RunError(f"{candidate}/ is no run: it has no {CONFIG_FILE}")
    known = ", ".join(one_line(path.name) for path in latest_runs(checkpoints)[:5])
    hint = f"the latest are {known}" if known else "there are none yet"
    raise RunError(f"no run {run!r} in {checkpoints}/: {hint}")


def run_directories(checkpoints: Path) -> list[Path]:
    """The directories of all runs, unordered; names with a dot are being made or deleted."""
    return [file.parent for file in checkpoints.glob(f"[!.]*/{CONFIG_FILE}")]


def latest_runs(checkpoints: Path) -> list[Path]:
    """The directories of all runs, the one that changed last first."""
    directories = run_directories(checkpoints)
    return sorted(directories, key=_changed, reverse=True)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # it has gone meanwhile
        return 0.0
