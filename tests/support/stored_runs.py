"""Runs trained to their end, on disk."""

import time
from pathlib import Path

from engine.config import RunConfig
from engine.runs.resume import NewRun
from engine.runs.training_run import TrainingRun


def train_run(config: RunConfig, checkpoints: Path, name: str) -> Path:
    run = TrainingRun(config, NewRun(checkpoints, name))
    run.start()
    deadline = time.monotonic() + 60
    while run.snapshot.phase.is_active:
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.005)
    assert run.snapshot.error is None
    run.close()
    assert run.join(30)
    assert run.directory is not None
    return run.directory
