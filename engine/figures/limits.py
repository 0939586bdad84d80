"""Which values of a curve its chart shows, so that the start of training doesn't squash the rest.

An untrained model costs some 545 nats an image, a trained one 240: on an axis that shows both,
two models that differ by a nat are one line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

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


def visible_limits(epochs: Array, series: Sequence[Array], *, floor: float | None = None) -> Limits:
    """Limits by the values after the first 5 % of the training, and without lone outliers.

    A value is an outlier if it is above the lowest by more than 4 times what 95 % of the values
    are. Values that are not finite don't count. A handful of points is shown whole.

    Args:
        epochs: (N,) positions, ascending.
        series: curves of N values each that share the axis.
        floor: where the axis begins; None for a little below the lowest value.
    """
    table = np.stack(series)
    everything = table[np.isfinite(table)]
    if not len(everything):
        return Limits(0.0, 1.0)
    late = table[:, epochs > START_SHARE * epochs[-1]]
    decisive = late[np.isfinite(late)] if late.shape[1] >= _FEWEST_DECISIVE else everything
    low = float(everything.min()) if floor is None else floor
    typical = low + _OUTLIER * (float(np.quantile(decisive, 0.95)) - low)
    high = float(decisive[decisive <= typical].max(initial=low))
    # Where the rest lies only a little above there is nothing to gain by cutting it.
    highest = float(everything.max())
    if late.shape[1] < _FEWEST_DECISIVE or highest - low <= _WORTH_CUTTING * (high - low):
        high = highest
    padding = max(_PADDING * (high - low), _SMALLEST_SPAN * max(1.0, abs(high)))
    return Limits(low if floor is not None else low - padding, high + padding)
