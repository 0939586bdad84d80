"""Training that ends by itself when nothing is gained any more."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.config import RunConfig
from engine.errors import ConfigError
from engine.metrics import Evaluation, Metrics
from engine.runs.start_points import NewRun, ResumeRun, continued_config
from engine.runs.training_run import TrainingRun
from engine.snapshot import Phase
from engine.steering import SteeringChange
from engine.training.early_stopping import EarlyStopping

CONFIG = RunConfig(patience=3, kl_warmup=0.0)


def evaluation(epoch: float, score: float) -> Evaluation:
    return Evaluation(
        step=round(epoch * 10),
        epoch=epoch,
        beta=1.0,
        lr=1e-3,
        val=Metrics(score, score - 5.0, 5.0),
        train=None,
        kl_per_dim=np.ones(2),
        active_units=2,
        seconds=1.0,
    )


def left(scores: list[float], config: RunConfig = CONFIG) -> list[float | None]:
    """After each epoch's evaluation."""
    watch, found = EarlyStopping(), []
    for epoch, score in enumerate(scores):
        watch.note(evaluation(epoch, score), config)
        found.append(watch.left(config, epoch))
    return found


def test_patience_is_used_up_by_epochs_without_a_gain_and_restored_by_one() -> None:
    assert left([500, 300, 301, 299, 299, 299.5, 300, 298]) == [3, 3, 2, 3, 2, 1, 0, 3]


def test_a_gain_is_what_is_larger_than_the_least_gain() -> None:
    config = replace(CONFIG, min_gain=1.0)
    assert left([300, 299.5, 299.01, 298.99, 298.5], config) == [3, 2, 1, 3, 2]


def test_warm_up_uses_no_patience() -> None:
    config = replace(CONFIG, kl_warmup=2.0)
    assert left([300, 301, 302, 303, 304, 305], config) == [3, 3, 3, 2, 1, 0]


def test_what_is_not_a_number_is_no_gain() -> None:
    assert left([300, math.nan, math.nan]) == [3, 2, 1]


def test_without_patience_there_is_no_end() -> None:
    assert left([300, 301, 302, 303], replace(CONFIG, patience=0)) == [None] * 4


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"patience": -1}, "patience must be 0 to"),
        ({"min_gain": -0.1}, "min_gain must be 0 or more nats"),
        ({"min_gain": math.inf}, "min_gain must be a finite number"),
    ],
)
def test_what_can_be_no_patience_is_refused(settings: dict[str, float], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        RunConfig(**settings)  # type: ignore[arg-type]


def train(config: RunConfig, start: NewRun | ResumeRun) -> TrainingRun:
    run = TrainingRun(config, start)
    run.start()
    run.close(stop_training=False)
    assert run.join(60)
    return run


@pytest.fixture
def hopeless(small_config: RunConfig) -> RunConfig:
    """A run that can gain nothing that counts, of at most 40 epochs."""
    return replace(small_config, epochs=40, patience=2, min_gain=1e6, kl_warmup=0.0)


def test_a_run_without_a_gain_ends_early_finished_and_says_so(
    hopeless: RunConfig, tmp_path: Path
) -> None:
    run = train(hopeless, NewRun(tmp_path, "x"))
    # The untrained model's evaluation was a gain over nothing.
    assert (run.snapshot.phase, run.snapshot.epoch) == (Phase.FINISHED, 2.0)
    assert run.snapshot.patience_left == 0.0
    [alert] = [alert.text for alert in run.snapshot.alerts]
    assert alert.startswith(
        "ended early at epoch 2 of 40: no gain (1e+06 nats) over 2 epochs, best"
    )


def test_a_run_that_ended_early_ends_again_when_it_is_resumed_as_it_was(
    hopeless: RunConfig, tmp_path: Path
) -> None:
    train(hopeless, NewRun(tmp_path, "x"))
    again = train(continued_config(tmp_path / "x"), ResumeRun(tmp_path / "x"))
    assert (again.snapshot.phase, again.snapshot.epoch) == (Phase.FINISHED, 2.0)


def test_other_epochs_give_patience_again(hopeless: RunConfig, tmp_path: Path) -> None:
    train(hopeless, NewRun(tmp_path, "x"))
    again = train(continued_config(tmp_path / "x", epochs=30), ResumeRun(tmp_path / "x"))
    assert (again.snapshot.phase, again.snapshot.epoch) == (Phase.FINISHED, 4.0)


def test_patience_can_be_steered(hopeless: RunConfig, tmp_path: Path) -> None:
    changes = (SteeringChange(20, "patience", 2, 4),)
    run = train(hopeless, NewRun(tmp_path, "x", changes))
    assert run.snapshot.steering == changes
    assert run.snapshot.epoch == math.ceil(20 / 12 + 4.0)
