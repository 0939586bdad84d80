"""Which values of a curve its chart shows, so that the start of training doesn't squash the rest.

An untrained model costs some 545 nats an image, a trained one 240: on an axis that shows both,
two models that differ by a nat are one line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Curve = tuple[Array, Array]

LARGEST = 1e307
"""A chart's numbers are no larger: sums and differences of two of them are still finite."""
START_SHARE = 0.05
"""The part of the training, from its start, that doesn't decide the axis."""
_OUTLIER = 4.0
_FEWEST_DECISIVE = 6
_WORTH_CUTTING = 1.35
_PADDING = 0.06
_SMALLEST_SPAN = 1e-3


@dataclass(frozen=True, slots=True)
class Limits:
    """An axis."""

    low: float
    high: float

    def outside(self, values: Array) -> int:
        """How many of the values the axis leaves out; those that are NaN don't count."""
        return int(((values < self.low) | (values > self.high)).sum())


def drawable(values: Array) -> Array:
    """Values (N,) for a chart: NaN where they are not finite, none beyond ±`LARGEST`."""
    return np.where(np.isfinite(values), np.clip(values, -LARGEST, LARGEST), np.nan)


def visible_limits(curves: Sequence[Curve], *, floor: float | None = None) -> Limits:
    """Limits by the values after the first 5 % of the training, and without lone outliers.

    They are finite, and the lower is below the upper one, whatever the values are.

    A value is an outlier if it is above the lowest by more than 4 times what 95 % of the values
    are. Values that are not finite don't count. A handful of points is shown whole.

    Args:
        curves: those that share the axis, each its positions (N,), in epochs, and values (N,).
        floor: where the axis begins; None for a little below the lowest value.
    """
    drawn = [(epochs, drawable(y)) for epochs, y in curves]
    finite = [
        (epochs[mask], y[mask])
        for epochs, y in drawn
        for mask in [np.isfinite(y) & np.isfinite(epochs)]
    ]
    values = np.concatenate([np.empty(0), *(y for _, y in finite)])
    if not len(values):
        return Limits(0.0, 1.0)
    start = START_SHARE * max(epochs.max(initial=0.0) for epochs, _ in finite)
    late = [y[epochs > start] for epochs, y in finite]
    few = max(map(len, late)) < _FEWEST_DECISIVE
    decisive = values if few else np.concatenate(late)
    # A damaged file may have values below the floor: they are not shown.
    low = float(values.min()) if floor is None else min(max(floor, -LARGEST), LARGEST)
    typical = low + _OUTLIER * (float(np.quantile(decisive, 0.95)) - low)
    high = float(decisive[decisive <= typical].max(initial=low))
    # Where the rest lies only a little above there is nothing to gain by cutting it.
    highest = float(values.max())
    if few or highest - low <= _WORTH_CUTTING * (high - low):
        high = max(low, highest)
    padding = max(_PADDING * (high - low), _SMALLEST_SPAN * max(1.0, abs(high)))
    return Limits(low if floor is not None else low - padding, high + padding)
