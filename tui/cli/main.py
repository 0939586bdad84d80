"""The command line: `fmnist-vae-tui` is the dashboard; its commands need none.

Textual, torch and matplotlib are imported by the commands that need them, so `--help` and
mistakes are answered at once.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TypeVar

import tyro

from data import DataError
from engine.config import PRESETS, absolute_data
from engine.errors import ConfigError, FigureError, RunError
from engine.storage.run_names import check_name
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
    TrainResumeArgs,
)
from tui.cli.program import PROGRAM, complain

Training = TypeVar("Training", DashboardArgs, TrainArgs)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; the exit code: 0, 1 for a failure of ours, 2 for unusable input."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Libraries' warnings go to the run's log, not over the screen.
    logging.captureWarnings(capture=True)
    logging.getLogger("py.warnings").addHandler(logging.NullHandler())
    try:
        if arguments == ["--version"]:
            print(PROGRAM, metadata.version(PROGRAM))
            return 0
        if not _has_current_directory():
            return complain("the current directory has been deleted: change to another one first")
        if arguments and arguments[0] in COMMANDS:
            return COMMANDS[arguments[0]](arguments[1:])
        if arguments and not arguments[0].startswith("-"):
            known = ", ".join(COMMANDS)
            return complain(f"there is no command {arguments[0]!r}: it is {known}, or none")
        return _dashboard(arguments)
    except (ConfigError, DataError, FigureError, RunError) as error:
        return complain(str(error))


def _has_current_directory() -> bool:
    """Whether there is a place for relative paths; without one torch's MKL ends the process."""
    try:
        Path.cwd()
    except OSError:
        return False
    return True


def _dashboard(arguments: list[str]) -> int:
    args = _parse_training(DashboardArgs(), arguments, PROGRAM)
    from tui.cli.dashboard import run_dashboard

    return run_dashboard(args)


def _train(arguments: list[str]) -> int:
    from tui.cli.planned_runs import runs_to_resume, runs_to_train
    from tui.cli.train import run_training

    program = f"{PROGRAM} train"
    if _value_of("--resume", arguments) in (None, "auto"):
        args = _parse_training(TrainArgs(), arguments, program)
        return run_training(runs_to_train(args), json_wanted=args.json)
    resumed = tyro.cli(TrainResumeArgs, args=arguments, prog=program)
    return run_training(runs_to_resume(resumed.resume, resumed), json_wanted=resumed.json)


def _resume(arguments: list[str]) -> int:
    args = tyro.cli(ResumeArgs, args=arguments, prog=f"{PROGRAM} resume")
    from tui.cli.dashboard import resume_in_dashboard

    return resume_in_dashboard(args)


def _attach(arguments: list[str]) -> int:
    args = tyro.cli(AttachArgs, args=arguments, prog=f"{PROGRAM} attach")
    from tui.cli.dashboard import attach

    return attach(args)


def _export(arguments: list[str]) -> int:
    args = tyro.cli(ExportArgs, args=arguments, prog=f"{PROGRAM} export")
    from tui.cli.export import run_export

    return run_export(args)


def _evaluate(arguments: list[str]) -> int:
    args = tyro.cli(EvaluateArgs, args=arguments, prog=f"{PROGRAM} evaluate")
    from tui.cli.export import run_evaluation

    return run_evaluation(args)


def _report(arguments: list[str]) -> int:
    args = tyro.cli(ReportArgs, args=arguments, prog=f"{PROGRAM} report")
    from tui.cli.report import run_report

    return run_report(args)


def _runs(arguments: list[str]) -> int:
    args = tyro.cli(RunsArgs, args=arguments, prog=f"{PROGRAM} runs")
    from tui.cli.runs import run_listing

    return run_listing(args)


def _bench(arguments: list[str]) -> int:
    args = tyro.cli(BenchArgs, args=arguments, prog=f"{PROGRAM} bench")
    if sys.platform == "win32":
        return complain("bench needs pseudo-terminals, which Windows has not")
    from tui.cli.bench import run_bench

    return run_bench(args)


COMMANDS: Mapping[str, Callable[[list[str]], int]] = {
    "train": _train,
    "resume": _resume,
    "attach": _attach,
    "export": _export,
    "evaluate": _evaluate,
    "report": _report,
    "bench": _bench,
    "runs": _runs,
}


def _value_of(flag: str, arguments: list[str]) -> str | None:
    """What a flag is given on the command line, before that is parsed as a whole."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument(flag, nargs="?", dest="value")
    found, _ = finder.parse_known_args(arguments)
    value: str | None = found.value
    return value


def _parse_training(defaults: Training, arguments: list[str], program: str) -> Training:
    """Flags over the preset's settings, whatever their order."""
    preset = _value_of("--preset", arguments)
    for name, config in PRESETS.items():
        if preset == name:
            defaults = replace(defaults, preset=name, config=config)
    args = tyro.cli(
        type(defaults),
        args=arguments,
        default=defaults,
        prog=program,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    if args.name is not None:
        check_name(args.name)
    return replace(args, config=replace(args.config, data=absolute_data(args.config.data)))
