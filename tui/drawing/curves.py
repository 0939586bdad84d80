"""The curves of a run, read on as its history grows: a redraw costs what is new, not all."""

from collections.abc import Iterable

import numpy as np

from engine.history import History
from engine.metrics import Metrics
from engine.visible_range import drawable
from tui.drawing.series import ChartMetric, Floats, Series, thin

_STEP, _EPOCH = 0, 1
_ROWS: dict[ChartMetric, int] = {"neg_elbo": 2, "recon": 3, "kl": 4}
_FIRST_CAPACITY = 256
FINEST = 1024
"""Columns to which a curve is thinned: more than any screen has, and soon gone through."""


class HistoryCurves:
    """Training and validation curves of one history."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._train = _Points()
        self._validation = _Points()

    def read(self) -> None:
        """Take in what came since the last call."""
        points = self.history.train_points(self._train.count)
        evaluations = self.history.evaluations(self._validation.count)
        self._train.extend((p.step, p.epoch, p.metrics) for p in points)
        self._validation.extend((e.step, e.epoch, e.val) for e in evaluations)

    @property
    def evaluation_count(self) -> int:
        """How many evaluations were read."""
        return self._validation.count

    def train(self, metric: ChartMetric) -> Series:
        """The training curve: means over the steps between two points."""
        return self._train.series(metric)

    def validation(self, metric: ChartMetric) -> Series:
        """The validation curve, the untrained model at epoch 0 included."""
        return self._validation.series(metric)

    def evaluated(self, step: int, metric: ChartMetric) -> tuple[float, float] | None:
        """Epoch and value of the evaluation at this step; None if there was none."""
        return self._validation.at(step, metric)


class _Points:
    """Steps, epochs and metrics, in an array that doubles when it is full."""

    def __init__(self) -> None:
        self.count = 0
        self._array: Floats = np.empty((2 + len(_ROWS), _FIRST_CAPACITY))

    def extend(self, points: Iterable[tuple[int, float, Metrics]]) -> None:
        new = np.array([(step, epoch, m.neg_elbo, m.recon, m.kl) for step, epoch, m in points])
        if not len(new):
            return
        start, self.count = self.count, self.count + len(new)
        if self.count > self._array.shape[1]:
            larger = np.empty((len(self._array), 2 * self.count))
            larger[:, :start] = self._array[:, :start]
            self._array = larger
        self._array[:, start : self.count] = new.T

    def series(self, metric: ChartMetric) -> Series:
        points = self._array[[_EPOCH, _ROWS[metric]], : self.count]
        finite = np.isfinite(points).all(axis=0)
        epochs, values = points if finite.all() else points[:, finite]
        return thin(Series(epochs, drawable(values)), FINEST)

    def at(self, step: int, metric: ChartMetric) -> tuple[float, float] | None:
        steps = self._array[_STEP, : self.count]
        index = int(np.searchsorted(steps, step))
        if index == self.count or steps[index] != step:
            return None
        return float(self._array[_EPOCH, index]), float(self._array[_ROWS[metric], index])
