"""A run that the tests of screens can rely on to train for as long as they look."""

import time
from dataclasses import replace

import pytest

from engine.config import RunConfig
from engine.runs.training_session import TrainingSession


@pytest.fixture
def slow_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training leaves the screen time to draw."""
    original = TrainingSession.train_slice

    def slow(self: TrainingSession) -> None:
        original(self)
        time.sleep(0.02)

    monkeypatch.setattr(TrainingSession, "train_slice", slow)


@pytest.fixture
def endless(small_config: RunConfig, slow_slices: None) -> RunConfig:
    """A run that outlasts any test."""
    return replace(small_config, epochs=100_000)
