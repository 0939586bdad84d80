"""Curves made ready for a small screen: thinned, with round ticks."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.config import ModelName
from engine.metrics import Evaluation, Metrics, TrainPoint

ChartMetric = Literal["neg_elbo", "recon", "kl"]
Floats = npt.NDArray[np.float64]

TITLES: dict[ChartMetric, str] = {
    "neg_elbo": "−ELBO",
    "recon": "reconstruction",
    "kl": "KL",
}


@dataclass(frozen=True, slots=True)
class Series:
    """One curve: epochs and values, both (N,), finite, in order of time."""

    epochs: Floats
    values: Floats


def metrics_of(model: ModelName) -> tuple[ChartMetric, ...]:
    """What can be charted: an autoencoder has no KL, and so no ELBO."""
    return ("neg_elbo", "recon", "kl") if model == "vae" else ("recon",)


def train_series(points: list[TrainPoint], metric: ChartMetric) -> Series:
    """The training curve: means over the steps between two points."""
    return _series([(p.epoch, _value(p.metrics, metric)) for p in points])


def validation_series(evaluations: list[Evaluation], metric: ChartMetric) -> Series:
    """The validation curve, the untrained model at epoch 0 included."""
    return _series([(e.epoch, _value(e.val, metric)) for e in evaluations])


def _value(metrics: Metrics, metric: ChartMetric) -> float:
    value: float = getattr(metrics, metric)
    return value


def _series(pairs: list[tuple[float, float]]) -> Series:
    array = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    array = array[np.isfinite(array).all(axis=1)]
    return Series(array[:, 0], array[:, 1])


def thin(series: Series, columns: int) -> Series:
    """At most two points a column, its lowest and highest: what a dense line shows anyway.

    plotext draws point by point in Python, so this bounds its time whatever the run's length.
    """
    count = len(series.epochs)
    if count <= 2 * columns:
        return series
    low, high = series.epochs[0], series.epochs[-1]
    column = ((series.epochs - low) * (columns / max(high - low, 1e-12))).astype(np.intp)
    column = np.minimum(column, columns - 1)
    order = np.lexsort((series.values, column))
    first = np.flatnonzero(np.r_[True, np.diff(column[order]) > 0])
    last = np.r_[first[1:], count] - 1
    keep = np.unique(np.concatenate((order[first], order[last])))
    return Series(series.epochs[keep], series.values[keep])


def epoch_ticks(epoch: float, columns: int) -> list[float]:
    """Whole epochs for the x-axis, at least some eight columns apart."""
    last = max(1, int(np.ceil(epoch)))
    most = max(1, columns // 8)
    for step in (s * 10**p for p in range(7) for s in (1, 2, 5)):
        if step <= last <= most * step:
            return [float(tick) for tick in range(0, last + 1, step)]
    return [0.0, float(last)]


def round_ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two limits: at most `most` of them, but at least one if any fits."""
    ticks: list[float] = []
    for power in range(-6, 7):
        for digit in (1, 2, 5):
            step = digit * 10.0**power
            first, last = math.ceil(low / step), math.floor(high / step)
            if last < first:  # too coarse already: the middle one of the finer step's
                return ticks[len(ticks) // 2 :][:1]
            count = last - first + 1
            if count <= max(3, most):
                ticks = [round(i * step, 6) for i in range(first, last + 1)]
            if count <= most:
                return ticks
    return ticks[:1]
