"""The states of a run that a person kept: whole checkpoints, `kept/<step>-<name>.pt`."""

import os
import re
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from engine.errors import RunError
from engine.storage.run_names import check_name

KEPT_FOLDER = "kept"
MOST_KEPT = 20
"""States of a run: of the default network one takes some 13 MB."""
_FILE = re.compile(r"(\d{9,16})-(.+)\.pt")


@dataclass(frozen=True, slots=True)
class KeptState:
    """One of them."""

    name: str
    step: int
    file: Path
    size: int
    """Bytes."""


def kept_states(path: Path) -> list[KeptState]:
    """Those of a run's directory, the oldest step first; what else lies there is passed over."""
    found: list[KeptState] = []
    try:
        with os.scandir(path / KEPT_FOLDER) as entries:
            for entry in entries:
                match = _FILE.fullmatch(entry.name)
                status = entry.stat(follow_symlinks=False)
                if match and stat.S_ISREG(status.st_mode):
                    step, name = int(match[1]), match[2]
                    found.append(KeptState(name, step, Path(entry.path), status.st_size))
    except OSError:
        return found
    return sorted(found, key=lambda kept: (kept.step, kept.name))


def file_to_keep(path: Path, name: str, step: int, waiting: Collection[str] = ()) -> Path:
    """Where a state is to be kept.

    Args:
        waiting: names of states that are being written.

    Raises:
        RunError: if the name is taken or can't be used, or there are too many.
    """
    try:
        check_name(name)
    except RunError as error:
        raise RunError(str(error).removeprefix("run ")) from None
    names = {kept.name for kept in kept_states(path)}.union(waiting)
    if name in ("last", "best"):
        raise RunError(f"{name!r} is what the run's own state is called")
    if name in names:
        raise RunError(f"a state is kept as {name!r} already")
    if len(names) >= MOST_KEPT:
        raise RunError(f"{MOST_KEPT} states are kept of this run: delete one in {KEPT_FOLDER}/")
    return path / KEPT_FOLDER / f"{step:09d}-{name}.pt"


def checkpoint_of(path: Path, which: str) -> Path:
    """The file of a run's state.

    Args:
        path: the run's directory.
        which: 'last', 'best', or the name of a kept one.

    Raises:
        RunError: if there is none of that name.
    """
    if which in ("last", "best"):
        return path / f"{which}.pt"
    states = kept_states(path)
    for kept in states:
        if kept.name == which:
            return kept.file
    known = ", ".join(["last", "best", *(kept.name for kept in states)])
    raise RunError(f"run {path.name} has no state {which!r}; it has {known}")
