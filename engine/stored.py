"""A run read back from its directory: its curves, and its model for new pictures."""

import csv
import math
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch

from data import load_dataset
from engine import checkpoint
from engine.config import MAX_THREADS, data_path
from engine.evaluation import Measurement, evaluation_noise, measure
from engine.film import read_frames
from engine.history import History
from engine.images import ImageSplits
from engine.jobs import Job, Progress, unheard
from engine.metrics import Evaluation, Metrics, TrainPoint
from engine.models import build_model
from engine.runs import METRICS_COLUMNS, STEPS_COLUMNS, RunError, read_config
from engine.viewer import Viewer
from engine.views import Frame, Split, ViewRequest

T = TypeVar("T")
Row = TypeVar("Row")
Which = Literal["last", "best"]


class StoredRun:
    """A run on disk, as a source of figures. Computes on the CPU.

    Args:
        path: the run's directory.
        which: the weights to look at: the last ones saved, or those of the best evaluation.

    Raises:
        RunError: naming the file that is missing, damaged or doesn't fit the others.
        DataError: if the run's data set can't be read.
    """

    def __init__(self, path: Path, which: Which = "last") -> None:
        self.path = path
        self.config, about = read_config(path)
        self._history = History(
            _read_rows(path / "metrics.csv", METRICS_COLUMNS, _evaluation),
            _read_rows(path / "steps.csv", STEPS_COLUMNS, _train_point),
        )
        self.which = which
        self._measured: dict[Split, Measurement] = {}
        # As many threads as trained: another number sums in another order, to other last bits.
        torch.set_num_threads(_threads(about))
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
        """The rows of metrics.csv; KL per dimension is not stored there and is empty."""
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
        file = self.path / f"{self.which}.pt"
        state = checkpoint.read(file)
        self.dataset = load_dataset(data_path(self.config))
        fingerprint = data.get("fingerprint") if isinstance(data, dict) else None
        if fingerprint != self.dataset.fingerprint:
            raise RunError(
                f"{self.dataset.source} is not the data that run {self.run} was trained on "
                "(its fingerprint differs)"
            )
        self.model = build_model(self.config, init_seed=0)
        try:
            # Where the data lies may have changed since; that it is the same was checked above.
            if state["config"] | {"data": self.config.data} != self.config.to_dict():
                raise ValueError("trained with other settings")
            self.model.load_state_dict(state["model"])
            step = operator.index(state["step"])
        except (RuntimeError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise RunError(f"{file} doesn't fit {self.path / 'config.json'}") from error
        self.images = ImageSplits.of_dataset(self.dataset, self.config, torch.device("cpu"))
        self._viewer = Viewer(self.config, self.model, self.images)
        steps_per_epoch = math.ceil(len(self.images.train) / self.config.batch_size)
        self._viewer.at(step, step / steps_per_epoch)


def _threads(about: dict[str, Any]) -> int:
    device = about.get("device")
    threads = device.get("threads") if isinstance(device, dict) else None
    return threads if isinstance(threads, int) and 1 <= threads <= MAX_THREADS else 1


def _read_rows(
    file: Path, columns: tuple[str, ...], make: Callable[[dict[str, float]], Row]
) -> list[Row]:
    """The whole rows of a CSV file; a last line without its end is still being written."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{file} can't be read: {error}") from error
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        del lines[-1]
    reader = csv.reader(lines)
    if lines and tuple(next(reader)) != columns:
        raise RunError(f"{file} line 1 is not the header {','.join(columns)}")
    rows: list[Row] = []
    try:
        for cells in reader:
            values = [float(cell) if cell else math.nan for cell in cells]
            rows.append(make(dict(zip(columns, values, strict=True))))
    except (ValueError, OverflowError, csv.Error) as error:
        line = len(rows) + 2
        raise RunError(f"{file} line {line} is not a row of {len(columns)} numbers") from error
    return rows


def _metrics(row: dict[str, float], prefix: str) -> Metrics:
    return Metrics(row[f"{prefix}loss"], row[f"{prefix}recon"], row[f"{prefix}kl"])


def _evaluation(row: dict[str, float]) -> Evaluation:
    return Evaluation(
        step=int(row["step"]),
        epoch=row["epoch"],
        beta=row["beta"],
        lr=row["lr"],
        val=_metrics(row, "val_"),
        train=None if math.isnan(row["train_loss"]) else _metrics(row, "train_"),
        kl_per_dim=np.empty(0),
        active_units=int(row["active_units"]),
        seconds=row["seconds"],
    )


def _train_point(row: dict[str, float]) -> TrainPoint:
    return TrainPoint(int(row["step"]), row["epoch"], _metrics(row, ""))
