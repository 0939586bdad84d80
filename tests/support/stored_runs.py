"""Runs trained to their end, on disk."""

from pathlib import Path

from engine.config import RunConfig
from engine.runs.start_points import NewRun
from engine.runs.training_run import TrainingRun
from tests.support.waiting import wait_for


def train_run(config: RunConfig, checkpoints: Path, name: str) -> Path:
    run = TrainingRun(config, NewRun(checkpoints, name))
    run.start()
    wait_for(lambda: not run.snapshot.phase.is_active)
    assert run.snapshot.error is None
    run.close()
    assert run.join(30)
    assert run.directory is not None
    return run.directory
