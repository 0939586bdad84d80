"""`LiveSource`: a `Run`, trained here or attached to, as a `RunSource`."""

from concurrent.futures import wait
from dataclasses import dataclass, field
from threading import Event
from typing import TypeVar

from engine.analysis.helper_process import Worker
from engine.analysis.jobs import Job, Progress, no_progress
from engine.config import RunConfig
from engine.diagnosis import Diagnosis
from engine.metrics import Evaluation, TrainPoint
from engine.run import Run
from engine.steering import SteeringChange
from engine.validation_images import ValidationImages
from engine.views import Frame, ViewRequest

T = TypeVar("T")

VIEW_TIMEOUT = 60.0
"""Seconds to wait for a picture: the run answers between two slices of training."""
_LOOK = 0.1
"""Seconds between two looks at whether a job is still wanted, and how far it is."""


class Cancelled(Exception):  # noqa: N818  nothing went wrong
    """Nobody waits for the answer any more."""


@dataclass(frozen=True, slots=True)
class LiveSource:
    """Views and jobs wait for their answers: never use it on the thread of a screen.

    Raises:
        Cancelled: from `view` and `work`, once `cancelled` is set.
    """

    run: Run
    worker: Worker
    """Does the slow work, in another process."""
    cancelled: Event = field(default_factory=Event)
    """Set by whoever no longer wants answers."""

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.snapshot.run

    @property
    def config(self) -> RunConfig:
        """The run's settings."""
        return self.run.config

    @property
    def steering(self) -> tuple[SteeringChange, ...]:
        """How its settings were changed so far."""
        return self.run.snapshot.steering

    @property
    def validation_images(self) -> ValidationImages:
        """What the run is validated on."""
        return ValidationImages.of(self.run.config, self.run.data_fingerprint)

    def evaluations(self) -> list[Evaluation]:
        """All evaluations so far."""
        return self.run.history.evaluations()

    def diagnoses(self) -> list[Diagnosis]:
        """All diagnoses so far."""
        return self.run.history.diagnoses()

    def train_points(self) -> list[TrainPoint]:
        """The training curve so far."""
        return self.run.history.train_points()

    def frames(self) -> list[Frame]:
        """The film so far."""
        return list(self.run.frames)

    def view(self, request: ViewRequest[T]) -> T:
        """A picture of the current model."""
        if self.cancelled.is_set():
            raise Cancelled
        return self.run.request(request).result(VIEW_TIMEOUT)

    def work(self, job: Job[T], progress: Progress = no_progress) -> T:
        """Slow work, in the other process; killed there when it is cancelled."""
        handle = self.worker.submit(job)
        while not wait([handle.future], _LOOK).done:
            if self.cancelled.is_set():
                handle.cancel()
                raise Cancelled
            progress(*handle.progress)
        return handle.future.result()
