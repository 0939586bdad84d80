"""A run read back from its directory: its curves, and its model for new pictures."""

import math
import operator
from pathlib import Path
from typing import TypeVar

import torch

from data import load_dataset
from engine import checkpoint
from engine.checkpoint import Which
from engine.config import RunConfig, data_path
from engine.evaluation import Measurement, evaluation_noise, measure
from engine.film import read_frames
from engine.images import ImageSplits
from engine.jobs import Job, Progress, unheard
from engine.metrics import Evaluation, TrainPoint
from engine.models import build_model
from engine.records import HistoryReader
from engine.runs import RunError, read_config, recorded_threads
from engine.viewer import Viewer
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
        self.which = which
        self._measured: dict[Split, Measurement] = {}
        # As many threads as trained: another number sums in another order, to other last bits.
        torch.set_num_threads(recorded_threads(about) or 1)
        self._load_model(about.get("data"))

    @property
    def run(self) -> str:
        """The run's name."""
        return self.path.resolve().name

    @property
    def step(self) -> int:
        """The step of the weights."""
        return self._viewer.step

    def evaluations(self) -> list[Evaluation]:
        """The rows of metrics.csv and kl.csv."""
        return self._history.evaluations()

    def train_points(self) -> list[TrainPoint]:
        """The rows of steps.csv."""
        return self._history.train_points()

    def view(self, request: ViewRequest[T]) -> T:
        """A picture from the stored weights."""
        return self._viewer.compute(request)

    def frames(self) -> list[Frame]:
        """The film as it was saved."""
        return read_frames(self.path)

    def work(self, job: Job[T], progress: Progress = unheard) -> T:
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

    def _load_model(self, data: object) -> None:
        state, file, self.problem = checkpoint.read_either(self.path, self.which)
        self.which = "best" if file.stem == "best" else "last"
        self.dataset = load_dataset(data_path(self.config))
        fingerprint = data.get("fingerprint") if isinstance(data, dict) else None
        if fingerprint != self.dataset.fingerprint:
            raise RunError(
                f"{self.dataset.source} is not the data that run {self.run} was trained on "
                "(its fingerprint differs)"
            )
        self.model = build_model(self.config, init_seed=0)
        try:
            RunConfig.from_dict(state["config"]).check_same_model(self.config)
            self.model.load_state_dict(state["model"])
            step = operator.index(state["step"])
        except (RuntimeError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise RunError(f"{file} doesn't fit {self.path / 'config.json'}") from error
        self.images = ImageSplits.of_dataset(self.dataset, self.config, torch.device("cpu"))
        self._viewer = Viewer(self.config, self.model, self.images)
        steps_per_epoch = math.ceil(len(self.images.train) / self.config.batch_size)
        self._viewer.at(step, step / steps_per_epoch)
