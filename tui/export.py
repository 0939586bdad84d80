"""Exports from the dashboard: the engine as a source of figures, for a worker thread."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engine.config import RunConfig
from engine.engine import TrainingEngine, describe
from engine.metrics import Evaluation, TrainPoint
from engine.views import PriorSamples, Reconstructions, ViewRequest
from tui.news import Level

log = logging.getLogger(__name__)
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


def export(
    engine: TrainingEngine, order: ExportOrder, exports: Path, tell: Callable[[str], None]
) -> tuple[str, Level]:
    """Write figures to `exports/<run>/`, and say in the end how it went.

    Matplotlib is imported here, at the first export: a second that no start has to pay.

    Args:
        tell: called with a message for every figure that is written.
    """
    run = LiveRun(engine)
    directory = exports / run.run
    written: list[Path] = []
    try:
        from engine.figures.export import export_figures

        for path in export_figures(
            run,
            order.names,
            directory,
            reconstructions=order.reconstructions,
            samples=order.samples,
        ):
            written.append(path)
            tell(f"wrote {path} …")
    except OSError as error:
        return f"can't write to {directory}/: {error.strerror or error}", "error"
    except Exception as error:  # whatever a figure may raise, training and the screen go on
        log.exception("the export failed")
        return f"the export failed: {describe(error)}", "error"
    if len(written) == 1:
        return f"wrote {written[0]}", "done"
    return f"wrote {directory}/: {', '.join(path.name for path in written)}", "done"
