"""What the flags of `train`, `resume` and the dashboard say of where runs come from."""

import os
from pathlib import Path

from engine.config import RunConfig
from engine.lock import owner_of
from engine.origin import (
    Continuation,
    Origin,
    automatic_origins,
    continued_config,
    planned_origins,
)
from engine.runs import RunError, check_name, find_run
from tui.arguments import ResumeArgs, TrainArgs, TrainResumeArgs


def origins_to_train(args: TrainArgs) -> list[tuple[RunConfig, Origin]]:
    """The runs to begin, or to go on with if they are there.

    Raises:
        RunError, ConfigError: if they can't.
    """
    if args.resume is None:
        return planned_origins(args.config, args.checkpoints, args.name)
    name = args.name
    if name is None and (job := os.environ.get("SLURM_JOB_ID")):
        name = check_name(f"slurm-{job}")  # the same after a requeue
    return automatic_origins(args.config, args.checkpoints, name)


def origins_to_resume(
    run: str, args: ResumeArgs | TrainResumeArgs
) -> list[tuple[RunConfig, Origin]]:
    """The stored run to go on with.

    Raises:
        RunError: if there is none, or another process trains it.
        ConfigError: if a new setting can't be used.
    """
    path = find_run(run, args.checkpoints)
    data = args.data and str(Path(args.data).expanduser().resolve())
    config = continued_config(path, epochs=args.epochs, device=args.device, data=data)
    owner = owner_of(path)
    if owner is not None:
        raise RunError(f"run {path.name} is in use: {owner} trains it; attach shows it")
    return [(config, Continuation(path))]
