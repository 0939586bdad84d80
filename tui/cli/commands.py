"""The commands, a row each: the command line, its help and the README's table come from it.

tyro's own subcommands (`tyro.extras.SubcommandApp`, 1.0.17) were measured against this table. They
parse the flags of all nine commands for every `--help` (12 % more processor time), show a list of
commands there instead of the dashboard's flags, suggest other commands' flags for a mistyped one,
and can't express what two flags here do: `--preset`, over which the other flags go whatever their
order, and `--resume RUN`, with which `train` takes other flags than with `--resume auto`.
"""

import argparse
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import tyro

from data import absolute_path
from engine.config import PRESETS, TrainingPlan, absolute_data
from engine.storage.config_json import read_config
from engine.storage.run_names import check_name, find_run
from tui.cli.arguments import (
    AttachArgs,
    BenchArgs,
    DashboardArgs,
    EvaluateArgs,
    ExportArgs,
    ReportArgs,
    ResumeArgs,
    RunsArgs,
    TrainArgs,
    TrainingArgs,
    TrainResumeArgs,
)
from tui.cli.flags import REGISTRY
from tui.cli.program import PROGRAM
from tui.state.settings import settings_of


@dataclass(frozen=True, slots=True)
class Command:
    """What a person can type after the program's name."""

    name: str
    """Empty for the dashboard, which is what no command means."""
    takes: str
    """Its arguments, as usage has them."""
    help: str
    """What it does, in a line."""
    arguments: type
    """The dataclass that its flags are made from."""
    handler: str
    """'module:function' that does it, given the arguments; imported only then."""
    posix_only: bool = False

    @property
    def program(self) -> str:
        """The command line up to the command."""
        return f"{PROGRAM} {self.name}".rstrip()

    @property
    def usage(self) -> str:
        """The command line."""
        return f"{self.program} {self.takes}"

    def load(self) -> Callable[[Any], int]:
        """The function that does it, which returns the exit code."""
        module, _, function = self.handler.partition(":")
        loaded: Callable[[Any], int] = getattr(import_module(module), function)
        return loaded


DASHBOARD = Command(
    "",
    "[--detach] [flags]",
    "the dashboard; with `--detach` the same run without a terminal",
    DashboardArgs,
    "tui.cli.dashboard:run_dashboard",
)
COMMANDS = {
    command.name: command
    for command in (
        Command(
            "train",
            "[--resume RUN|auto] [--json] [flags]",
            "the same training without the dashboard: progress on stderr, results on stdout",
            TrainArgs,
            "tui.cli.train:train",
        ),
        Command(
            "resume",
            "RUN [--epochs N] [--detach]",
            "resume a stored run in the dashboard",
            ResumeArgs,
            "tui.cli.dashboard:resume_in_dashboard",
        ),
        Command(
            "attach",
            "[RUN …]",
            "the dashboard for runs of other processes, or finished ones; without RUN, for all",
            AttachArgs,
            "tui.cli.dashboard:attach",
        ),
        Command(
            "runs",
            "[--json]",
            "the stored runs: state, settings that differ, scores",
            RunsArgs,
            "tui.cli.runs:run_listing",
        ),
        Command(
            "export",
            "RUN [--figure FIGURE] …",
            "figures of a stored run as PNG, without retraining",
            ExportArgs,
            "tui.cli.export:run_export",
        ),
        Command(
            "evaluate",
            "RUN [--split test] [--json]",
            "final scores of a stored run",
            EvaluateArgs,
            "tui.cli.export:run_evaluation",
        ),
        Command(
            "report",
            "RUN [RUN …]",
            "a report on one run, or a comparison of several, as Markdown and HTML",
            ReportArgs,
            "tui.cli.report:run_report",
        ),
        Command(
            "bench",
            "[--json]",
            "how fast training is on this machine, and what the dashboard costs",
            BenchArgs,
            "tui.cli.bench:run_bench",
            posix_only=True,
        ),
    )
}
"""By name; the order is that of the help."""


def parse(command: Command, arguments: Sequence[str]) -> Any:
    """A command's arguments from the command line; ends the program after `--help` or a mistake.

    Raises:
        ConfigError, DataError, RunError: for a setting, a path or a name that can't be used.
    """
    kind = command.arguments
    options: dict[str, Any] = {}
    if kind is TrainArgs and _value_of("--resume", arguments) not in (None, "auto"):
        kind = TrainResumeArgs
    if issubclass(kind, TrainingArgs):
        preset = _value_of("--preset", arguments)
        for name, config in PRESETS.items():
            if preset == name:
                options["default"] = kind(preset=name, config=config)
        options |= _settings_to_repeat(kind, arguments)
        options["config"] = (tyro.conf.FlagCreatePairsOff,)
    if command is DASHBOARD:
        options["description"] = f"{inspect.getdoc(kind)}\n\n{_other_commands()}"
    args = tyro.cli(kind, args=list(arguments), prog=command.program, registry=REGISTRY, **options)
    args = replace(args, **_expanded(args))
    if isinstance(args, TrainingArgs):
        if args.name is not None:
            check_name(args.name)
        data = absolute_data(args.config.data)
        args = replace(args, config=replace(args.config, data=data))
    return args


def _settings_to_repeat(kind: type, arguments: Sequence[str]) -> dict[str, Any]:
    """The settings of the run that `--branch` or `--steering` names, as the defaults."""
    branch, steering = (_value_of(flag, arguments) for flag in ("--branch", "--steering"))
    source = branch or steering
    if source is None or (branch is None and Path(source).is_file()):
        return {}
    from engine.runs.stored_steering import read_initial_config

    checkpoints = absolute_path(_value_of("--checkpoints", arguments) or "checkpoints")
    path = find_run(source, checkpoints)
    config = read_config(path)[0] if branch else read_initial_config(path)
    return {"default": kind(config=TrainingPlan(**settings_of(config)))}


def _expanded(args: Any) -> dict[str, Path]:
    """The directories that were given as `--flag=~/…`, which a shell leaves as they are."""
    given = {n: getattr(args, n) for n in ("checkpoints", "exports") if hasattr(args, n)}
    return {name: absolute_path(path) for name, path in given.items() if str(path).startswith("~")}


def _value_of(flag: str, arguments: Sequence[str]) -> str | None:
    """What a flag is given on the command line, before that is parsed as a whole."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument(flag, nargs="?", dest="value")
    found, _ = finder.parse_known_args(arguments)
    value: str | None = found.value
    return value


def _other_commands() -> str:
    rows = [f"  {c.name:9} {c.help.replace('`', '')}" for c in COMMANDS.values()]
    return "\n".join(["Other commands (each has its own --help):", *rows])


def markdown_table() -> str:
    """The table for the README; a test keeps the two alike."""
    rows = [
        "| `{}` | {} |".format(c.usage.replace("|", r"\|"), c.help)
        for c in (DASHBOARD, *COMMANDS.values())
    ]
    return "\n".join(["| Command | What it does |", "|---|---|", *rows])
