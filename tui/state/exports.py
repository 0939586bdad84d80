"""Exports from the dashboard: the run as a source of figures, for a worker thread."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from engine.analysis.helper_process import Worker
from engine.analysis.jobs import Job
from engine.config import RunConfig
from engine.errors import describe
from engine.figures.options import FigureOptions
from engine.metrics import Evaluation, TrainPoint
from engine.run import Run
from engine.views import Frame, ViewRequest
from tui.state.context import RunContext
from tui.state.run_messages import Level

log = logging.getLogger(__name__)
T = TypeVar("T")
Told = tuple[str, Level]

COMPARISON = ("comparison",)
"""The figure that is of all runs on show."""
VIEW_TIMEOUT = 60.0
"""Seconds to wait for a picture: the run answers between two slices of training."""


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run in progress as a `FigureSource`. Its views wait: never use it on the UI's thread."""

    engine: Run
    worker: Worker

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

    def frames(self) -> list[Frame]:
        """The film so far."""
        return self.engine.frames

    def view(self, request: ViewRequest[T]) -> T:
        """A picture of the model as it is now."""
        return self.engine.request(request).result(VIEW_TIMEOUT)

    def work(self, job: Job[T]) -> T:
        """Slow work, in the other process."""
        return self.worker.submit(job).future.result()


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What to export, with the pictures as they are on screen."""

    names: tuple[str, ...] | None
    """Figures by name; None for all of every run on show, and their comparison."""
    options: FigureOptions = field(default_factory=FigureOptions)


def export(context: RunContext, order: ExportOrder, tell: Callable[[str], None]) -> Told:
    """Write figures to `exports/<run>/`, and say in the end how it went.

    Matplotlib is imported here, at the first export: a second that no start has to pay.

    Args:
        tell: called with a message for every figure that is written.
    """
    directory = context.exports / _directory_name(context, order)
    written: list[Path] = []
    try:
        for path in _figures(context, order, directory):
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


def _figures(context: RunContext, order: ExportOrder, directory: Path) -> Iterator[Path]:
    from engine.figures.comparison import export_comparison
    from engine.figures.export import export_figures

    shown = LiveRun(context.run, context.worker)
    trained = [LiveRun(e, context.worker) for e in context.runs if e.snapshot.last is not None]
    if order.names is None:
        for run in trained:
            yield from export_figures(run, None, directory, order.options)
    elif order.names != COMPARISON:
        yield from export_figures(shown, order.names, directory, order.options)
    if order.names == COMPARISON or (order.names is None and len(trained) > 1):
        yield export_comparison(trained, directory, order.options)


def _directory_name(context: RunContext, order: ExportOrder) -> str:
    """What is of more than one run goes to the first one's directory."""
    of_all = order.names is None or order.names == COMPARISON
    return (context.runs[0] if of_all else context.run).snapshot.run
