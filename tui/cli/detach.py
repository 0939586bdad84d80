"""`--detach`: the same training in a process that no terminal belongs to."""

import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path

from engine.config import MAY_CHANGE, TrainingPlan
from engine.runs.start_points import NewRun, planned_starts
from engine.storage.config_json import CONFIG_FILE
from engine.storage.run_names import default_name, find_run
from engine.storage.steering_csv import STEERING_FILE
from tui.cli.arguments import DashboardArgs, ResumeArgs, TrainResumeArgs
from tui.cli.janitor import cleaned_up_after_us
from tui.cli.planned_runs import branch_to_begin, changes_to_repeat, start_point_to_resume
from tui.cli.program import THIS_PROGRAM

DEFAULT_CHECKPOINTS = Path("checkpoints")
LOOK = 0.1
PATIENCE = 120.0
"""Seconds in which the run's directory should be there: torch may come from a slow disk."""


def train_detached(args: DashboardArgs) -> int:
    """Begin the runs of a plan; the exit code."""
    plan = args.config
    name = args.name or default_name(plan.runs()[0], datetime.now())
    starts = planned_starts(plan, args.checkpoints, name)
    names = [start.name or name for _, start in starts if isinstance(start, NewRun)]
    flags = ["--name", name, *_settings(args), *_steering(args), *_logging(args)]
    return _start(flags, args.checkpoints, args.checkpoints / names[0], names)


def resume_detached(args: ResumeArgs) -> int:
    """Resume a stored run; the exit code."""
    config, start_point = start_point_to_resume(args.run, args)
    path = start_point.path.resolve()
    # All of them, also those that are as before: the command line may have set any.
    names = [field.name for field in fields(TrainResumeArgs) if field.name in MAY_CHANGE]
    if not config.data:
        names.remove("data")
    flags = ["--resume", str(path), *config.to_flags(*names), *_logging(args)]
    named = (args.checkpoints / path.name).resolve() == path
    return _start(flags, args.checkpoints, path, [path.name if named else str(path)])


def _settings(args: DashboardArgs) -> list[str]:
    branch = branch_to_begin(args)
    if branch is None:
        return args.config.to_flags()
    config, start = branch
    # All of the settings: those of the parent would hold otherwise.
    names = [field.name for field in fields(TrainingPlan) if field.name != "data" or config.data]
    return ["--branch", str(start.parent), "--branch-from", start.state, *config.to_flags(*names)]


def _steering(args: DashboardArgs) -> list[str]:
    """Of a run, the file: the plan has its settings already."""
    if args.steering is None:
        return []
    changes_to_repeat(args)  # said here what is wrong with it
    is_file = Path(args.steering).is_file()
    file = args.steering if is_file else find_run(args.steering, args.checkpoints) / STEERING_FILE
    return ["--steering", str(Path(file).resolve())] if Path(file).exists() else []


def _logging(args: DashboardArgs | ResumeArgs) -> list[str]:
    return ["--tensorboard"] * args.tensorboard


def _start(flags: Sequence[str], checkpoints: Path, path: Path, names: Sequence[str]) -> int:
    command = [*THIS_PROGRAM, "train", *flags, "--checkpoints", str(checkpoints)]
    existed = (path / CONFIG_FILE).exists()
    # Not a pipe: nobody will read on, and writing to it would be an error then. Of a start that is
    # interrupted nothing is left, for nobody was told of it.
    with tempfile.TemporaryFile() as errors, cleaned_up_after_us() as janitor:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        janitor.watch(process.pid)
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            if _is_under_way(path, process.pid, existed=existed):
                break
            time.sleep(LOOK)
        janitor.release(process.pid)
        if process.poll():
            errors.seek(0)
            sys.stderr.write(errors.read().decode(errors="replace"))
            return process.returncode
    watch = ["fmnist-vae-tui", "attach", names[0]]
    if checkpoints != DEFAULT_CHECKPOINTS:
        watch += ["--checkpoints", str(checkpoints)]
    print(f"{' and '.join(names)}: process {process.pid} trains without a terminal")
    print(f"watch it:  {shlex.join(watch)}")
    print(f"stop it:   kill {process.pid}   (saves the run)")
    return 0


def _is_under_way(path: Path, pid: int, *, existed: bool) -> bool:
    if not existed:
        return (path / CONFIG_FILE).exists()
    from engine.storage.run_lock import owner_of

    owner = owner_of(path)
    return owner is not None and owner.pid == pid
