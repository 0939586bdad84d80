"""Training slow enough for a test, or a screen, to act between two slices of it."""

import time

import pytest

from engine.runs.training_session import TrainingSession


def slow_training(
    monkeypatch: pytest.MonkeyPatch, seconds: float = 0.01, *, one_step_a_slice: bool = True
) -> None:
    """Have every slice of every run followed by a rest."""
    train_slice = TrainingSession.train_slice

    def slow(self: TrainingSession) -> None:
        train_slice(self)
        time.sleep(seconds)

    monkeypatch.setattr(TrainingSession, "train_slice", slow)
    if one_step_a_slice:
        monkeypatch.setattr("engine.runs.throughput.SLICE_SECONDS", 0.0)
