"""A run read back from its directory: its curves, and its model for new pictures."""

from pathlib import Path
from typing import TypeVar

import torch

from data import ImageDataset
from engine.analysis.jobs import Job, Progress, no_progress
from engine.metrics import Evaluation, TrainPoint
from engine.model.device_data import ImageSplits
from engine.model.evaluation import Measurement, evaluation_noise, measure
from engine.model.networks import Model
from engine.runs.stored_model import StoredModel
from engine.storage import checkpoint
from engine.storage.checkpoint import Which
from engine.storage.frames import read_frames
from engine.storage.metrics_csv import HistoryReader
from engine.storage.run_config import read_config, recorded_threads
from engine.views import Frame, Split, ViewRequest

T = TypeVar("T")
Row = TypeVar("Row")


class StoredRun:
    """A run on disk, as a source of figures. Computes on the CPU.

    Args:
        path: the run's directory.
        which: the weights to look at: the last ones saved, or those of the best evaluation. If
            these can't be read it is the others, and `problem` says why.

    Raises:
        RunError: naming the file that is missing, damaged or doesn't fit the others.
        DataError: if the run's data set can't be read.
    """

    def __init__(self, path: Path, which: Which = "last") -> None:
        self.path = path
        self.config, about = read_config(path)
        self._history = HistoryReader(path, self.config).update()
        self._measured: dict[Split, Measurement] = {}
        # As many threads as trained: another number sums in another order, to other last bits.
        torch.set_num_threads(recorded_threads(about) or 1)
        state, file, self.problem = checkpoint.read_either(path, which)
        self.which: Which = "best" if file.stem == "best" else "last"
        self._model = StoredModel(path, self.config, about)
        self._model.set_weights(state, str(file))

    @property
    def run(self) -> str:
        """The run's name."""
        return self.path.resolve().name

    @property
    def step(self) -> int:
        """The step of the weights."""
        return self._model.step

    @property
    def dataset(self) -> ImageDataset:
        """What it was trained on."""
        return self._model.dataset

    @property
    def images(self) -> ImageSplits:
        """The splits of that, as trained on."""
        return self._model.images

    @property
    def model(self) -> Model:
        """The model, with the weights that were read."""
        return self._model.model

    def evaluations(self) -> list[Evaluation]:
        """The rows of metrics.csv and kl.csv."""
        return self._history.evaluations()

    def train_points(self) -> list[TrainPoint]:
        """The rows of steps.csv."""
        return self._history.train_points()

    def view(self, request: ViewRequest[T]) -> T:
        """A picture from the stored weights."""
        return self._model.view(request)

    def frames(self) -> list[Frame]:
        """The film as it was saved."""
        return read_frames(self.path)

    def work(self, job: Job[T], progress: Progress = no_progress) -> T:
        """Slow work, done here and now."""
        from threadpoolctl import threadpool_limits

        # As in the helper process: scikit-learn's threads crawl where others want the cores, and
        # have little to gain where none do.
        with threadpool_limits(1):
            return job.run(progress)

    def measure(self, split: Split) -> Measurement:
        """Score the stored weights, at the run's full β.

        Raises:
            DataError: if the data set has no test images.
        """
        pixels = self.images.of(split).pixels
        if split not in self._measured:  # the weights never change
            eps = evaluation_noise(self.config, len(pixels))
            self._measured[split] = measure(self.model, pixels, eps, self.config.beta)
        return self._measured[split]
