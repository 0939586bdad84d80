import pytest

from engine.config import RunConfig
from tests.support.figure_source import FakeSource


@pytest.fixture
def vae() -> FakeSource:
    return FakeSource()


@pytest.fixture
def ae() -> FakeSource:
    return FakeSource(RunConfig(model="ae"), name="ae-test")


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts in a quarter of their resolution: much faster, with the same layout."""
    monkeypatch.setattr("engine.figures.chart.DPI", 75)
