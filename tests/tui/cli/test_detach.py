"""What `--detach` hands to the process that trains: nothing that was asked for is lost."""

from contextlib import nullcontext
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import tyro

from engine.config import MAY_CHANGE, RunConfig, TrainingPlan
from tests.support.made_runs import CONFIG, make_run
from tui.cli.arguments import ResumeArgs, TrainResumeArgs
from tui.cli.commands import COMMANDS, parse
from tui.cli.main import main
from tui.cli.planned_runs import start_point_to_resume

CHANGES: dict[str, Any] = {"epochs": 9, "device": "cpu", "precision": "bf16", "data": "/moved"}
PLAN: dict[str, tuple[list[str], Any]] = {
    "model": (["both"], "both"),
    "hidden": (["64", "32"], (64, 32)),
    "latent_dim": (["7"], 7),
    "activation": (["tanh"], "tanh"),
    "beta": (["2.5"], 2.5),
    "kl_schedule": (["cyclical"], "cyclical"),
    "kl_warmup": (["0"], 0.0),
    "kl_cycles": (["2"], 2),
    "free_bits": (["0.25"], 0.25),
    "capacity": (["20"], 20.0),
    "capacity_warmup": (["3"], 3.0),
    "tc_weight": (["6"], 6.0),
    "lr": (["1e-05"], 1e-5),
    "lr_schedule": (["constant"], "constant"),
    "grad_clip": (["5"], 5.0),
    "ema": (["0.99"], 0.99),
    "batch_size": (["64"], 64),
    "epochs": (["3"], 3),
    "patience": (["4"], 4),
    "min_gain": (["0.5"], 0.5),
    "seed": (["11"], 11),
    "device": (["cpu"], "cpu"),
    "threads": (["2"], 2),
    "precision": (["bf16"], "bf16"),
    "validation_share": (["0.2"], 0.2),
    "split_seed": (["5"], 5),
    "data": (["/elsewhere"], "/elsewhere"),
}


class Process:
    """Ends at once, and well."""

    pid = 7

    def poll(self) -> int:
        return 0


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The flags of every `train` that was started."""
    commands: list[list[str]] = []

    def start(command: list[str], **_: object) -> Process:
        commands.append(command[command.index("train") + 1 :])
        return Process()

    monkeypatch.setattr("tui.cli.detach.subprocess.Popen", start)
    monkeypatch.setattr("tui.cli.detach.cleaned_up_after_us", lambda: nullcontext(Mock()))
    return commands


def resumed_config(flags: list[str]) -> RunConfig:
    """What `train --resume` makes of them."""
    args = tyro.cli(TrainResumeArgs, args=flags)
    return start_point_to_resume(args.resume, args)[0]


def test_every_setting_that_resume_can_change_is_tried_here() -> None:
    names = {field.name for field in fields(ResumeArgs)} & MAY_CHANGE
    assert names == set(CHANGES) == {field.name for field in fields(TrainResumeArgs)} & MAY_CHANGE


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_setting_reaches_the_process_that_resumes(
    name: str, started: list[list[str]], tmp_path: Path
) -> None:
    make_run(tmp_path, "x")
    flags = [f"--{name}", str(CHANGES[name]), "--checkpoints", str(tmp_path)]
    assert main(["resume", "x", "--detach", *flags]) == 0
    assert resumed_config(started[0]) == replace(CONFIG, **{name: CHANGES[name]})


def test_settings_that_are_not_changed_stay_as_they_were(
    started: list[list[str]], tmp_path: Path
) -> None:
    config = replace(CONFIG, **CHANGES, threads=3)
    make_run(tmp_path, "x", config=config)
    assert main(["resume", "x", "--detach", "--checkpoints", str(tmp_path), "--tensorboard"]) == 0
    assert resumed_config(started[0]) == config
    assert tyro.cli(TrainResumeArgs, args=started[0]).tensorboard


@pytest.mark.parametrize("name", PLAN)
def test_every_setting_of_a_plan_reaches_the_process_that_trains(
    name: str, started: list[list[str]], tmp_path: Path
) -> None:
    values, expected = PLAN[name]
    flag = f"--{name.replace('_', '-')}"
    where = ["--checkpoints", str(tmp_path), "--name", "mine"]
    assert main(["--detach", flag, *values, *where]) == 0
    args = parse(COMMANDS["train"], started[0])
    assert args.config == replace(TrainingPlan(), **{name: expected})
    assert (args.name, args.checkpoints) == ("mine", tmp_path)


def test_every_setting_of_a_plan_is_tried_here() -> None:
    assert set(PLAN) == {field.name for field in fields(TrainingPlan)}
