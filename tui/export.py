"""Exports from the dashboard: the engine as a source of figures, for a worker thread."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engine.config import RunConfig
from engine.engine import TrainingEngine
from engine.metrics import Evaluation, TrainPoint
from engine.views import PriorSamples, Reconstructions, ViewRequest

T = TypeVar("T")

VIEW_TIMEOUT = 60.0
"""Seconds to wait for a picture: the engine answers between two slices of training."""


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run in progress as a `FigureSource`. Its views wait: never use it on the UI's thread."""

    engine: TrainingEngine

    @property
    def run(self) -> str:
        """The run's name."""
        return self.engine.snapshot.run

    @property
    def config(self) -> RunConfig:
        """What the run was started with."""
        return self.engine.config

    def evaluations(self) -> list[Evaluation]:
        """All evaluations so far."""
        return self.engine.history.evaluations()

    def train_points(self) -> list[TrainPoint]:
        """The training curve so far."""
        return self.engine.history.train_points()

    def view(self, request: ViewRequest[T]) -> T:
        """A picture of the model as it is now."""
        return self.engine.request(request).result(VIEW_TIMEOUT)


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What to export: figures by name (None: all), with the pictures as they are on screen."""

    names: tuple[str, ...] | None
    reconstructions: Reconstructions
    samples: PriorSamples


def export(engine: TrainingEngine, order: ExportOrder, exports: Path) -> Iterator[Path]:
    """Write figures to `exports/<run>/`, giving each path as it is written.

    Matplotlib is imported here, at the first export: a second that no start has to pay.
    """
    from engine.figures.export import export_figures

    run = LiveRun(engine)
    yield from export_figures(
        run,
        order.names,
        exports / run.run,
        reconstructions=order.reconstructions,
        samples=order.samples,
    )
