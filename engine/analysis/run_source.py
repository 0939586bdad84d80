"""`RunSource`: what figures, reports and comparisons are made from."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from engine.analysis.jobs import Job, Progress, no_progress
from engine.config import RunConfig
from engine.diagnosis import Diagnosis
from engine.metrics import Evaluation, TrainPoint
from engine.steering import SteeringChange
from engine.validation_images import ValidationImages
from engine.views import Frame, ViewRequest

T = TypeVar("T")


class RunSource(Protocol):
    """One run, live (`engine.runs.live_source`) or on disk (`engine.runs.stored_run`)."""

    @property
    def name(self) -> str:
        """The run's name."""
        ...

    @property
    def config(self) -> RunConfig:
        """The run's settings."""
        ...

    @property
    def steering(self) -> Sequence[SteeringChange]:
        """How its settings were changed while it was trained, oldest first."""
        ...

    @property
    def validation_images(self) -> ValidationImages:
        """What the run is validated on."""
        ...

    def evaluations(self) -> list[Evaluation]:
        """All evaluations so far, oldest first."""
        ...

    def diagnoses(self) -> list[Diagnosis]:
        """All diagnoses so far, oldest first: of some evaluations, or none of an old run."""
        ...

    def train_points(self) -> list[TrainPoint]:
        """The training curve so far, oldest first."""
        ...

    def frames(self) -> list[Frame]:
        """The film of the run so far, oldest first."""
        ...

    def view(self, request: ViewRequest[T]) -> T:
        """Compute a picture from the current model; may take a while, may raise."""
        ...

    def work(self, job: Job[T], progress: Progress = no_progress) -> T:
        """Do slow work on what a view gave; may take a minute, may raise."""
        ...
