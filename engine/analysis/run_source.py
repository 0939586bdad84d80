"""What a figure is made from: a live engine, or a run read back from its directory."""

from typing import Protocol, TypeVar

from engine.analysis.jobs import Job
from engine.config import RunConfig
from engine.metrics import Evaluation, TrainPoint
from engine.views import Frame, ViewRequest

T = TypeVar("T")


class FigureSource(Protocol):
    """One run, as far as figures need to know it."""

    @property
    def run(self) -> str:
        """The run's name."""
        ...

    @property
    def config(self) -> RunConfig:
        """What the run was started with."""
        ...

    def evaluations(self) -> list[Evaluation]:
        """All evaluations so far, oldest first."""
        ...

    def train_points(self) -> list[TrainPoint]:
        """The training curve so far, oldest first."""
        ...

    def frames(self) -> list[Frame]:
        """The film of the run so far, oldest first."""
        ...

    def view(self, request: ViewRequest[T]) -> T:
        """Compute a picture from the model as it is now; may take a while, may raise."""
        ...

    def work(self, job: Job[T]) -> T:
        """Do slow work on what a view gave; may take a minute, may raise."""
        ...
