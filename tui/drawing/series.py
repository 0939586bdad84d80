"""Curves made ready for a small screen: thinned, with round ticks."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.config import ModelName
from engine.text import compact

ChartMetric = Literal["neg_elbo", "recon", "kl"]
Floats = npt.NDArray[np.float64]

WORDY = 1e6
"""From here on a tick's number is written with its power of ten."""
MOST_DIGITS = 17

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


def thin(series: Series, columns: int) -> Series:
    """At most two points a column, its lowest and highest: what a dense line shows anyway."""
    count = len(series.epochs)
    if count <= 2 * columns:
        return series
    low, high = series.epochs[0], series.epochs[-1]
    column = ((series.epochs - low) * (columns / max(high - low, 1e-12))).astype(np.intp)
    column = np.minimum(column, columns - 1)
    lowest, highest = (_extremes(e, series.values, column) for e in (np.minimum, np.maximum))
    kept = np.union1d(lowest, highest)
    return Series(series.epochs[kept], series.values[kept])


def _extremes(
    extreme: np.ufunc, values: Floats, column: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """Where each column's lowest or highest value is, the first of equals; columns ascend."""
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    lengths = np.diff(starts, append=len(column))
    found = np.flatnonzero(values == extreme.reduceat(values, starts).repeat(lengths))
    return found[np.flatnonzero(np.diff(column[found], prepend=-1))]


def epoch_ticks(epoch: float, columns: int) -> list[float]:
    """Whole epochs for the x-axis, at least some eight columns apart."""
    last = max(1, math.ceil(epoch)) if math.isfinite(epoch) else 1
    most = max(1, columns // 8)
    for step in (s * 10**p for p in range(7) for s in (1, 2, 5)):
        if step <= last <= most * step:
            return [float(tick) for tick in range(0, last + 1, step)]
    return [0.0, float(last)]


def round_ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two limits: at most `most` of them, but at least one.

    Where the limits lie so close that floats have no round number between them, it is the lower.
    """
    ticks: list[float] = []
    span = high - low
    if not 0 < span < math.inf:
        return [low]
    # Steps that floats of this size can't tell apart are no steps.
    resolution = math.ceil(math.log10(2 * math.ulp(max(abs(low), abs(high)))))
    finest = max(math.floor(math.log10(span) - math.log10(5 * max(3, most))), resolution)
    for power in range(finest, finest + 5 + len(str(max(3, most)))):
        for digit in (1, 2, 5):
            step = float(f"{digit}e{power}")
            if step <= 0 or math.isinf(low / step) or math.isinf(high / step):
                continue
            first, last = math.ceil(low / step), math.floor(high / step)
            if last < first:  # too coarse already: the middle one of the finer step's
                return ticks[len(ticks) // 2 :][:1] or [low]
            count = last - first + 1
            if count <= max(3, most):
                ticks = [float(f"{i * digit}e{power}") for i in range(first, last + 1)]
            if count <= most:
                return ticks
    return ticks[:1] or [low]


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """The ticks as short as they can be told apart: '240', '0.05', '7.6e15'."""
    largest = max((abs(tick) for tick in ticks), default=0.0)
    step = min((b - a for a, b in itertools.pairwise(ticks)), default=largest)
    digits = math.ceil(math.log10(largest / step)) + 1 if 0 < step < largest else 1
    if largest >= WORDY:
        return [compact(tick, min(max(3, digits), MOST_DIGITS)) for tick in ticks]
    return [f"{tick:.{min(max(6, digits), MOST_DIGITS)}g}" for tick in ticks]
