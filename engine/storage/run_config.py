"""Stored runs: their names, finding one, and its config.json. See also `run_directory`."""

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.config import MAX_THREADS, RunConfig
from engine.errors import ConfigError, RunError

FORMAT = 1
"""Version of what is written; readers refuse a newer one."""
CONFIG_FILE = "config.json"
"""The file that makes a directory a run's."""

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
    for candidate in (checkpoints / run, Path(run).expanduser()):
        if (candidate / CONFIG_FILE).is_file():
            return candidate
        if run and candidate.is_dir():
            raise RunError(f"{candidate}/ is no run: it has no {CONFIG_FILE}")
    known = ", ".join(path.name for path in latest_runs(checkpoints)[:5])
    hint = f"the latest are {known}" if known else "there are none yet"
    raise RunError(f"no run {run!r} in {checkpoints}/: {hint}")


def run_directories(checkpoints: Path) -> list[Path]:
    """The directories of all runs, in no order; names with a dot are in the making, or going."""
    return [file.parent for file in checkpoints.glob(f"[!.]*/{CONFIG_FILE}")]


def latest_runs(checkpoints: Path) -> list[Path]:
    """The directories of all runs, the one that changed last first."""
    directories = run_directories(checkpoints)
    return sorted(directories, key=lambda path: path.stat().st_mtime, reverse=True)


def read_config(path: Path) -> tuple[RunConfig, dict[str, Any]]:
    """The settings of a stored run, and the rest of its config.json.

    Raises:
        RunError: naming the file and what is wrong with it.
    """
    file = path / CONFIG_FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or not isinstance(content.get("config"), dict):
            raise RunError(f"{file} is not a run's config.json: it has no settings")
        check_format(file, content.get("format"))
        return RunConfig.from_dict(content.pop("config")), content
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunError(f"{file} can't be read: {error}") from error
    except ConfigError as error:
        raise RunError(f"{file} has a setting that can't be used: {error}") from error


def check_format(file: Path, version: object) -> None:
    """Refuse what a newer version of this program wrote.

    Raises:
        RunError: if the format is not one that can be read.
    """
    if version != FORMAT:
        raise RunError(f"{file} has format {version!r}; this version reads format {FORMAT}")


def check_data(run: str, about: Mapping[str, Any], source: str, fingerprint: str) -> None:
    """See that a data set is the one that a run was trained on.

    Args:
        run: its name.
        about: the rest of its config.json.
        source, fingerprint: of the data set.

    Raises:
        RunError: if it is another one, or the run doesn't say which it was.
    """
    data = about.get("data")
    known = data.get("fingerprint") if isinstance(data, dict) else None
    if known != fingerprint:
        raise RunError(
            f"{source} is not the data that run {run} was trained on (its fingerprint differs)"
        )


def recorded_threads(about: Mapping[str, Any]) -> int | None:
    """The CPU threads that trained a run, from its config.json; None if it doesn't say."""
    device = about.get("device")
    threads = device.get("threads") if isinstance(device, dict) else None
    return threads if isinstance(threads, int) and 1 <= threads <= MAX_THREADS else None


def json_number(value: float) -> float | None:
    """A number as JSON can hold it: NaN is null."""
    return None if math.isnan(value) else value
