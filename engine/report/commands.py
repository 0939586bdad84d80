"""The command lines that make a run and its report again."""

import shlex
from collections.abc import Sequence

from engine.config import RunConfig
from engine.errors import RunError
from engine.parent import Parent
from engine.storage.run_names import check_name

PROGRAM = "fmnist-vae-tui"


def train_command(
    config: RunConfig, name: str, parent: Parent | None = None, steering: str = ""
) -> str:
    """`train` with the settings that differ from the defaults.

    Args:
        name: the run's; left out if it can't be asked for, as of a directory that was renamed.
        parent: of a branch, which has all its settings named: the parent's would hold otherwise.
        steering: the file of its changes; empty if it was not steered.
    """
    words = [PROGRAM, "train"]
    if parent is None:
        words += config.to_flags()
    else:
        names = [n for n in config.to_dict() if n != "data" or config.data]
        words += ["--branch", parent.run, "--branch-from", parent.state, *config.to_flags(*names)]
    if steering:
        words += ["--steering", steering]
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
