"""A run that begins with the weights of another: what fits, and what it says of its parent."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config import RunConfig, TrainingPlan
from engine.errors import ConfigError, RunError
from engine.parent import Parent
from engine.runs.start_points import BranchRun, NewRun
from engine.storage.config_json import read_config
from engine.storage.history_reader import HistoryReader
from engine.storage.kept_states import checkpoint_of

if TYPE_CHECKING:
    from engine.training.trainer import Trainer

OF_THE_WEIGHTS = ("model", "hidden", "latent_dim", "activation")
"""Settings that a branch has from its parent."""


def planned_branch(
    plan: TrainingPlan, new: NewRun, parent: Path, state: str
) -> tuple[RunConfig, BranchRun]:
    """A run that begins with another's weights, as far as can be seen before torch is loaded.

    Raises:
        RunError: if there is no such state, or the settings are of another network.
        ConfigError: if the plan is of two runs.
    """
    if plan.model == "both":
        raise ConfigError("model", "must be that of the run whose weights a branch begins with")
    [config] = plan.runs()
    check_branch(read_config(parent)[0], config, parent.resolve().name)
    file = checkpoint_of(parent, state)
    if not file.is_file():
        raise RunError(f"{file} is missing: nothing was saved yet")
    return config, BranchRun(new, parent, state)


def begin_as_branch(start: BranchRun, trainer: "Trainer") -> Parent:
    """Bring the parent's state into an untrained trainer; what it was.

    Raises:
        RunError: if there is no such state, or it is of another network.
    """
    from engine.storage import checkpoint  # imports torch

    file = checkpoint_of(start.parent, start.state)
    state = checkpoint.read(file)
    name = start.parent.resolve().name
    try:
        theirs = RunConfig.from_dict(state["config"])
        check_branch(theirs, trainer.config, name)
        trainer.begin_with(state)
    except (KeyError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{file} can't begin a branch: {error}") from error
    step: int = state["step"]
    if start.step is not None and step != start.step:
        raise RunError(
            f"{file} is of step {step:,} now, and the run to repeat began with step {start.step:,}"
        )
    return Parent(name, start.state, step, _epoch(start.parent, theirs, step))


def _epoch(path: Path, config: RunConfig, step: int) -> float:
    """When a run was at a step, by its own evaluations: a branch may have other batches."""
    with contextlib.suppress(RunError):
        last = HistoryReader(path, config).update().last
        if last is not None and last.step:
            return step / round(last.step / last.epoch)
    return 0.0


def note_on_validation(parent: Path, branch: RunConfig) -> str | None:
    """What a person should know if a branch is validated on what its parent was trained on."""
    theirs, _ = read_config(parent)
    if (theirs.validation_share, theirs.split_seed) == (branch.validation_share, branch.split_seed):
        return None
    return (
        f"validated on other images than its parent {parent.resolve().name}, which was trained on "
        "some of them: the validation scores are too good"
    )


def check_branch(parent: RunConfig, branch: RunConfig, name: str) -> None:
    """See that a run's weights fit another's network.

    Raises:
        RunError: naming the first setting that differs.
    """
    theirs, ours = parent.to_dict(), branch.to_dict()
    for setting in OF_THE_WEIGHTS:
        if theirs[setting] != ours[setting]:
            raise RunError(
                f"a branch of run {name} has its {setting}, {theirs[setting]}, not {ours[setting]}"
            )
