"""The command lines that make a run and its report again."""

import shlex
from collections.abc import Sequence

from engine.config import RunConfig
from engine.errors import RunError
from engine.storage.run_names import check_name

PROGRAM = "fmnist-vae-tui"


def train_command(config: RunConfig, name: str) -> str:
    """`train` with the settings that differ from the defaults.

    Args:
        name: the run's; left out if it can't be asked for, as of a directory that was renamed.
    """
    words = [PROGRAM, "train", *config.to_flags()]
    if can_be_asked_for(name):
        words += ["--name", name]
    return shlex.join(words)


def report_commands(names: Sequence[str], flags: Sequence[str]) -> list[str]:
    """`evaluate` and `export` of each run, and `report` of all."""
    commands: list[list[str]] = []
    for name in names:
        commands.append(["evaluate", name, "--split", "test"])
        commands.append(["export", name])
    commands.append(["report", *names, *flags])
    return [shlex.join([PROGRAM, *words]) for words in commands]


def can_be_asked_for(name: str) -> bool:
    """Whether `--name` takes a run's name; that of a renamed directory may be any."""
    try:
        check_name(name)
    except RunError:
        return False
    return True
