"""config.json: a run's settings and its provenance, the file that makes a directory a run's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.config import RunConfig
from engine.errors import ConfigError, NewerFormatError, RunError
from engine.storage.atomic_files import atomic_write, json_bytes
from engine.storage.file_reading import MOST_COUNTED, cause, parse_json, read_file
from engine.storage.provenance import Provenance, Resumption
from engine.text import one_line

FORMAT = 1
"""Version of the file; readers refuse a newer one."""
CONFIG_FILE = "config.json"
_MOST_SHOWN = 80
"""Letters of a format that can't be read."""


def read_config(path: Path) -> tuple[RunConfig, Provenance]:
    """The settings of a stored run, and where it comes from.

    Args:
        path: the run's directory.

    Raises:
        RunError: naming the file and what is wrong with it.
    """
    content = _read(path / CONFIG_FILE)
    try:
        return RunConfig.from_dict(content["config"]), Provenance.from_json(content)
    except ConfigError as error:
        file = path / CONFIG_FILE
        raise RunError(f"{file} has a setting that can't be used: {error}") from error


def write_config(path: Path, config: RunConfig, provenance: Provenance) -> None:
    """Write a new run's config.json.

    Raises:
        OSError: if it could not be written.
    """
    _write(path / CONFIG_FILE, config, provenance.to_json())


def write_resumption(path: Path, config: RunConfig, resumption: Resumption) -> None:
    """Put the current settings, and who resumes the run with them, into its config.json.

    What else is in it stays as it is, also what this version doesn't know.

    Raises:
        RunError: if it can't be read.
        OSError: if it could not be written; the file is unchanged then.
    """
    content = _read(path / CONFIG_FILE)
    before = content.get("resumed")
    resumed = [*(before if isinstance(before, list) else []), resumption.to_json()]
    del content["config"]  # to be written last
    _write(path / CONFIG_FILE, config, {**content, "resumed": resumed})


def write_settings(path: Path, config: RunConfig, *, steered: int) -> None:
    """Put the current settings into a run's config.json; what else is in it stays as it is.

    Args:
        steered: how many changes were made while it was trained (`engine.storage.steering_csv`).

    Raises:
        RunError: if it can't be read.
        OSError: if it could not be written; the file is unchanged then.
    """
    content = _read(path / CONFIG_FILE)
    del content["config"]  # to be written last
    _write(path / CONFIG_FILE, config, {**content, "steered": steered})


def check_format(file: Path, version: object, newest: int = FORMAT) -> None:
    """Refuse what a newer version of this program wrote, and what none did.

    Args:
        newest: the format that is written now; all before it, from 1, can be read.

    Raises:
        NewerFormatError, RunError: if the format is not one that can be read.
    """
    if isinstance(version, int) and not isinstance(version, bool):
        if 1 <= version <= newest:
            return
        if newest < version <= MOST_COUNTED:
            raise NewerFormatError(
                f"{file} was made by a newer version of this program: it has format {version}, "
                f"and this version reads formats up to {newest}"
            )
    found = one_line(repr(version), _MOST_SHOWN)
    raise RunError(f"{file} has format {found}, which no version of this program writes")


def _read(file: Path) -> dict[str, Any]:
    try:
        content = parse_json(read_file(file))
    except (OSError, ValueError) as error:
        raise RunError(f"{file} can't be read: {cause(error)}") from error
    if not isinstance(content, dict) or not isinstance(content.get("config"), dict):
        raise RunError(f"{file} is not a run's config.json: it has no settings")
    check_format(file, content.get("format"))
    return content


def _write(file: Path, config: RunConfig, about: Mapping[str, Any]) -> None:
    content = {**about, "format": FORMAT, "config": config.to_dict()}
    atomic_write(file, json_bytes(content))
