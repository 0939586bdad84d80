"""`DimensionPairs`: the latent dimensions two by two, the most informative first."""

from collections.abc import Sequence


class DimensionPairs:
    """Goes through the pairs of a latent space, in both directions and round.

    The order is kept while pairs are gone through: one that changes would repeat some.
    """

    def __init__(self, dims: int) -> None:
        self.count = -(-dims // 2)
        """Pairs there are. Of an odd number of dimensions, the last has one of the pair before."""
        self.number = 0
        """Which one it is, from 0."""
        self._dims = dims
        self._order: list[int] = []

    def begin(self, kl_per_dim: Sequence[float] | None, direction: int) -> tuple[int, int]:
        """The first pair, or with direction -1 the last.

        Args:
            kl_per_dim: (D,) what they are sorted by, the highest first; None for by index.
        """
        weights = kl_per_dim or [0.0] * self._dims
        self._order = sorted(range(self._dims), key=lambda dim: -weights[dim])
        self.number = 0 if direction > 0 else self.count - 1
        return self._pair()

    def go(self, direction: int) -> tuple[int, int]:
        """The next pair, or with direction -1 the one before."""
        self.number = (self.number + direction) % self.count
        return self._pair()

    def _pair(self) -> tuple[int, int]:
        start = min(2 * self.number, self._dims - 2)
        first, second = self._order[start : start + 2]
        return first, second
