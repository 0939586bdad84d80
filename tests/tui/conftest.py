"""A run that the tests of screens can rely on to train for as long as they look."""

from dataclasses import replace

import pytest

from engine.analysis.alert_rules.watch import AlertWatch
from engine.config import RunConfig
from tests.support.slow_training import slow_training


@pytest.fixture
def slow_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training leaves the screen time to draw."""
    slow_training(monkeypatch, 0.02)


@pytest.fixture
def endless(
    small_config: RunConfig, slow_slices: None, monkeypatch: pytest.MonkeyPatch
) -> RunConfig:
    """A run that outlasts any test; on so few images it over-fits soon, which it keeps quiet."""
    monkeypatch.setattr(AlertWatch, "read_last", lambda *_: [])
    return replace(small_config, epochs=100_000)
