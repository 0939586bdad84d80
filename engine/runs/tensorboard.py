"""TensorBoard event files beside a run's own, for those who live there (`--tensorboard`)."""

import importlib.util
import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from engine.errors import RunError, describe
from engine.metrics import Evaluation, Metrics, TrainPoint
from engine.views import Frame

log = logging.getLogger(__name__)

FOLDER = "tensorboard"


def check_tensorboard() -> None:
    """See that the `tensorboard` package is there, before anything is trained.

    Raises:
        RunError: saying how to get it.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise RunError(
            "--tensorboard needs the package of that name: "
            "pip install -c constraints.txt -e '.[tensorboard]'"
        )


class EventLogs:
    """The event files of a run, as long as they can be written: training doesn't need them.

    Args:
        path: the run's directory.
        first_step: as `EventLog` takes it.
        report: called with a sentence if they can't be written (any more).
    """

    def __init__(self, path: Path, first_step: int, report: Callable[[str], None]) -> None:
        self._report = report
        self._log: EventLog | None = None
        self._try(lambda: self._open(path, first_step), "none are")

    def add_train_points(self, points: Sequence[TrainPoint]) -> None:
        """Log points of the training curve."""
        if (events := self._log) is not None:
            self._try(lambda: events.add_train_points(points))

    def add_evaluation(self, e: Evaluation, frame: Frame) -> None:
        """Log an evaluation and the frame that belongs to it."""
        if (events := self._log) is not None:
            self._try(lambda: events.add_evaluation(e, frame))

    def close(self) -> None:
        """Write what waits."""
        if (events := self._log) is not None:
            self._try(events.close)

    def _open(self, path: Path, first_step: int) -> None:
        self._log = EventLog(path, first_step)

    def _try(self, write: Callable[[], None], end: str = "no more are") -> None:
        try:
            write()
        # A full disk (the log's own thread has ended then), or whatever the package raises where
        # its import fails: no signal's KeyboardInterrupt, which comes in the main thread alone.
        except BaseException as error:
            if not isinstance(error, OSError):
                log.exception("TensorBoard failed")
            self._log = None
            cause = getattr(error, "strerror", None) or describe(error)
            self._report(f"can't write TensorBoard's files: {cause}; {end}")


class EventLog:
    """Scalars of every evaluation and training point, and the film's pictures.

    Written by a thread of SummaryWriter's.

    Args:
        path: the run's directory; the files go to `tensorboard/` in it.
        first_step: what was logged of this step and later ones is hidden: the run went back.
    """

    def __init__(self, path: Path, first_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # takes a second

        purge = first_step or None
        # A long queue: training shouldn't wait for a disk that is slow now and then.
        self._writer = SummaryWriter(str(path / FOLDER), purge_step=purge, max_queue=10_000)

    def add_train_points(self, points: Sequence[TrainPoint]) -> None:
        """Log points of the training curve."""
        for point in points:
            self._add_metrics("train", point.metrics, point.step)

    def add_evaluation(self, e: Evaluation, frame: Frame) -> None:
        """Log an evaluation and the frame that belongs to it."""
        self._add_metrics("validation", e.val, e.step)
        self._add("schedule/lr", e.lr, e.step)
        if len(e.kl_per_dim):
            self._add("schedule/beta", e.beta, e.step)
            if e.active_units is not None:
                self._add("latent/active_units", e.active_units, e.step)
            self._writer.add_histogram("latent/kl_per_dim", e.kl_per_dim, e.step)
        for name in ("reconstructions", "samples"):
            images = np.expand_dims(getattr(frame, name), -1)
            self._writer.add_images(name, images, e.step, dataformats="NHWC")

    def close(self) -> None:
        """Write what waits."""
        self._writer.close()

    def _add_metrics(self, split: str, metrics: Metrics, step: int) -> None:
        for name in ("neg_elbo", "recon", "kl", "loss"):
            self._add(f"{name}/{split}", getattr(metrics, name), step)

    def _add(self, name: str, value: float, step: int) -> None:
        if not math.isnan(value):  # an autoencoder has no KL
            self._writer.add_scalar(name, value, step)
