"""`StoredRun`: a run read back from its directory, its curves, and its model for new pictures."""

import math
from pathlib import Path
from typing import TypeVar

import torch

from engine.analysis.jobs import Job, Progress, no_progress
from engine.diagnosis import Diagnosis
from engine.errors import RunError
from engine.metrics import Evaluation, TrainPoint
from engine.model.evaluation import Measurement, evaluation_noise, measure
from engine.model.objective import objective_at
from engine.runs.stored_model import StoredModel
from engine.steering import SteeringChange
from engine.storage import checkpoint
from engine.storage.checkpoint import Which
from engine.storage.frames import FilmReader
from engine.storage.history_reader import HistoryReader
from engine.storage.steering_csv import STEERING_FILE, read_steering
from engine.views import Frame, Split

T = TypeVar("T")


class StoredRun(StoredModel):
    """A run on disk, as a `RunSource`. Computes on the CPU, with as many threads as trained it.

    Args:
        path: the run's directory.
        which: the weights to look at: the last ones saved, or those of the best evaluation. If
            these can't be read it is the others, and `problem` says why.
        data: where the data set lies now, if it was moved.

    Raises:
        RunError: naming the file that is missing, damaged or doesn't fit the others.
    """

    def __init__(self, path: Path, which: Which = "last", data: Path | None = None) -> None:
        super().__init__(path, data)
        self.notes: list[str] = []
        """What else of the run's files can't be read, in sentences: it is left out."""
        reader = HistoryReader(path, self.config)
        try:
            reader.update()
        except RunError as error:
            self.notes.append(str(error))
        if reader.problem:
            self.notes.append(reader.problem)
        self._history = reader.history
        self.steering: tuple[SteeringChange, ...] = ()
        """How its settings were changed while it was trained."""
        try:
            steering = read_steering(path / STEERING_FILE)
        except RunError as error:
            self.notes.append(str(error))
        else:
            self.steering = tuple(steering.changes)
            self.notes += filter(None, [steering.problem])
        self._film = FilmReader(path)
        try:
            self._film.update()
        except (RunError, OSError) as error:
            self.notes.append(str(error))
        self._measured: dict[Split, Measurement] = {}
        # Another number of threads sums in another order, to other last bits.
        torch.set_num_threads(self.provenance.threads or 1)
        state, file, self.problem = checkpoint.read_either(path, which)
        self.which: Which = "best" if file.stem == "best" else "last"
        self.set_weights(state, str(file))

    def evaluations(self) -> list[Evaluation]:
        """The rows of metrics.csv and kl.csv."""
        return self._history.evaluations()

    def diagnoses(self) -> list[Diagnosis]:
        """The rows of diagnosis.csv and posterior.csv."""
        return self._history.diagnoses()

    def train_points(self) -> list[TrainPoint]:
        """The rows of steps.csv."""
        return self._history.train_points()

    def frames(self) -> list[Frame]:
        """The film as it was saved."""
        return list(self._film.frames)

    def work(self, job: Job[T], progress: Progress = no_progress) -> T:
        """Slow work, done here and now."""
        from threadpoolctl import threadpool_limits

        # As in the helper process: scikit-learn's threads crawl where others want the cores, and
        # have little to gain where none do.
        with threadpool_limits(1):
            return job.run(progress)

    def measure(self, split: Split) -> Measurement:
        """Score the stored weights, at the run's full β (and capacity).

        Raises:
            DataError: if the data set has no test images.
        """
        pixels = self.images.of(split).pixels
        if split not in self._measured:  # the weights never change
            eps = evaluation_noise(self.config, len(pixels))
            objective = objective_at(self.config, math.inf)
            self._measured[split] = measure(self.model, pixels, eps, objective)
        return self._measured[split]
