"""The runs that `train`, `resume` and the dashboard ask for, from their flags."""

import os
import sys
from dataclasses import replace
from pathlib import Path

from engine.config import RunConfig, absolute_data
from engine.errors import ConfigError, RunError
from engine.parent import Parent
from engine.runs.branch import planned_branch
from engine.runs.start_points import (
    BranchRun,
    NewRun,
    ResumeRun,
    automatic_starts,
    continued_config,
)
from engine.runs.stored_steering import check_changes, steering_of
from engine.runs.training_run import TrainingRun, planned_runs, runs_in_turn
from engine.steering import SteeringChange
from engine.storage.config_json import read_config
from engine.storage.run_lock import owner_of
from engine.storage.run_names import check_name, find_run
from engine.text import one_line
from tui.cli.arguments import ResumeArgs, TrainArgs, TrainingArgs, TrainResumeArgs
from tui.cli.program import PROGRAM


def runs_to_begin(args: TrainingArgs) -> list[TrainingRun]:
    """New runs.

    Raises:
        RunError: if they can't be logged as asked for.
    """
    branch = branch_to_begin(args)
    if branch is not None:
        return runs_in_turn([branch], tensorboard=args.tensorboard)
    return planned_runs(
        args.config,
        args.checkpoints,
        args.name,
        steering=changes_to_repeat(args),
        tensorboard=args.tensorboard,
    )


def branch_to_begin(args: TrainingArgs) -> tuple[RunConfig, BranchRun] | None:
    """The run that `--branch` asks for, or `--steering` of a run that was a branch; None if none.

    Raises:
        RunError: if it can't begin with those weights.
        ConfigError: if there is a state of no run.
    """
    parent = _parent_to_repeat(args)
    if args.branch is None and args.branch_from is not None:
        raise ConfigError("branch_from", "says which weights of --branch RUN, which is missing")
    if args.branch is None and parent is None:
        return None
    changes = changes_to_repeat(args)
    check_changes(args.config.runs()[0], changes)
    new = NewRun(args.checkpoints, args.name, changes)
    if args.branch is None and parent is not None:
        path = find_run(parent.run, args.checkpoints)
        config, start = planned_branch(args.config, new, path, parent.state)
        return config, replace(start, step=parent.step)
    assert args.branch is not None
    return planned_branch(
        args.config, new, find_run(args.branch, args.checkpoints), args.branch_from or "last"
    )


def _parent_to_repeat(args: TrainingArgs) -> Parent | None:
    """What a run that is to be repeated began with."""
    if args.steering is None or args.branch is not None or Path(args.steering).is_file():
        return None
    return read_config(find_run(args.steering, args.checkpoints))[1].parent


def changes_to_repeat(args: TrainingArgs) -> tuple[SteeringChange, ...]:
    """Those that `--steering` names.

    Raises:
        RunError: if they can't be read.
    """
    return () if args.steering is None else steering_of(args.steering, args.checkpoints)


def runs_to_train(args: TrainArgs) -> list[TrainingRun]:
    """New runs, or with `--resume auto` those that are there.

    Raises:
        RunError, ConfigError: if they can't be trained.
    """
    if args.resume is None:
        return runs_to_begin(args)
    if args.branch is not None:
        raise ConfigError("branch", "begins a new run: --resume doesn't go with it")
    start_points = automatic_starts(
        args.config,
        args.checkpoints,
        args.name,
        steering=changes_to_repeat(args),
        job=_job_name(),
        report=_say,
    )
    return runs_in_turn(start_points, tensorboard=args.tensorboard)


def _job_name() -> str:
    """What the run of this task of a SLURM job is called, the same after a requeue; or nothing."""
    job, task = os.environ.get("SLURM_JOB_ID", ""), os.environ.get("SLURM_PROCID", "0")
    if not job:
        return ""
    return check_name(f"slurm-{job}" if task == "0" else f"slurm-{job}-task{task}")


def _say(sentence: str) -> None:
    print(f"{PROGRAM}: {one_line(sentence)}", file=sys.stderr, flush=True)


def runs_to_resume(run: str, args: ResumeArgs | TrainResumeArgs) -> list[TrainingRun]:
    """The stored run, resumed.

    Raises:
        RunError, ConfigError: if it can't.
    """
    return runs_in_turn([start_point_to_resume(run, args)], tensorboard=args.tensorboard)


def start_point_to_resume(
    run: str, args: ResumeArgs | TrainResumeArgs
) -> tuple[RunConfig, ResumeRun]:
    """The stored run to resume.

    Raises:
        RunError: if there is none, or another process trains it.
        ConfigError: if a new setting can't be used.
    """
    path = find_run(run, args.checkpoints)
    data = None if args.data is None else absolute_data(args.data)
    config = continued_config(
        path, epochs=args.epochs, device=args.device, precision=args.precision, data=data
    )
    owner = owner_of(path)
    if owner is not None:
        raise RunError(f"run {path.name} is in use: {owner} trains it; attach shows it")
    return config, ResumeRun(path)
