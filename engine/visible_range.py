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

START_SHARE = 0.05
"""The part of the training, from its start, that doesn't decide the axis."""
_OUTLIER = 4.0
_FEWEST_DECISIVE = 6
_WORTH_CUTTING = 1.35
_PADDING = 0.06
_SMALLEST_SPAN = 1e-3
_FARTHEST = 1e300
"""Values beyond are taken for this, so that no difference of two overflows."""


@dataclass(frozen=True, slots=True)
class Limits:
    """An axis."""

    low: float
    high: float

    def outside(self, values: Array) -> int:
        """How many of the values the axis leaves out; those that are NaN don't count."""
        return int(((values < self.low) | (values > self.high)).sum())


def visible_limits(curves: Sequence[Curve], *, floor: float | None = None) -> Limits:
    """Limits by the values after the first 5 % of the training, and without lone outliers.

    They are finite, and the lower is below the upper one, whatever the values are.

    A value is an outlier if it is above the lowest by more than 4 times what 95 % of the values
    are. Values that are not finite don't count. A handful of points is shown whole.

    Args:
        curves: those that share the axis, each its positions (N,), in epochs, and values (N,).
        floor: where the axis begins; None for a little below the lowest value.
    """
    finite = [
        (epochs[mask], y[mask].clip(-_FARTHEST, _FARTHEST))
        for epochs, y in curves
        for mask in [np.isfinite(y)]
    ]
    if not any(len(y) for _, y in finite):
        return Limits(0.0, 1.0)
    values = np.concatenate([y for _, y in finite])
    start = START_SHARE * max(epochs.max(initial=0.0) for epochs, _ in finite)
    late = [y[epochs > start] for epochs, y in finite]
    few = max(map(len, late)) < _FEWEST_DECISIVE
    decisive = values if few else np.concatenate(late)
    low = float(values.min()) if floor is None else min(max(floor, -_FARTHEST), _FARTHEST)
    typical = low + _OUTLIER * (float(np.quantile(decisive, 0.95)) - low)
    high = float(decisive[decisive <= typical].max(initial=low))
    # Where the rest lies only a little above there is nothing to gain by cutting it.
    highest = float(values.max())
    if few or highest - low <= _WORTH_CUTTING * (high - low):
        high = max(low, highest)
    padding = max(_PADDING * (high - low), _SMALLEST_SPAN * max(1.0, abs(high)))
    return Limits(low if floor is not None else low - padding, high + padding)
