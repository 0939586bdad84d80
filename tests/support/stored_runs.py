"""Runs trained to their end, on disk."""

import time
from pathlib import Path

from engine.config import RunConfig
from engine.runs.resume import Beginning
from engine.runs.training_run import TrainingEngine


def train_run(config: RunConfig, checkpoints: Path, name: str) -> Path:
    engine = TrainingEngine(config, Beginning(checkpoints, name))
    engine.start()
    deadline = time.monotonic() + 60
    while engine.snapshot.phase.is_active:
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.005)
    assert engine.snapshot.error is None
    engine.close()
    assert engine.join(30)
    assert engine.directory is not None
    return engine.directory
