"""`Throughput`: how fast a run trains, how long its slices should be, when it will end."""

from collections import deque

SLICE_SECONDS = 0.02
"""How long a slice of steps should take: a person who walks in latent space waits for its end."""
_RECENT_SLICES = 60


class Throughput:
    """Times of a run's slices and evaluations.

    Args:
        train_seconds, evaluation_seconds: spent before, by a run that is resumed.
    """

    def __init__(self, train_seconds: float = 0.0, evaluation_seconds: float = 0.0) -> None:
        self.train_seconds = train_seconds
        self.evaluation_seconds = evaluation_seconds
        self.slice_steps = 1
        """Steps that the next slice should have."""
        self._recent: deque[tuple[int, float]] = deque(maxlen=_RECENT_SLICES)

    def add_slice(self, steps: int, images: int, seconds: float) -> None:
        """Count a slice of training."""
        self.train_seconds += seconds
        self._recent.append((images, seconds))
        # A cut-short slice says little, and one slow slice must not make the next ones tiny.
        if steps == self.slice_steps:
            ratio = SLICE_SECONDS / max(seconds, 1e-6)
            self.slice_steps = max(1, round(steps * min(2.0, max(0.5, ratio))))

    @property
    def images_per_second(self) -> float:
        """Of the latest slices; 0 before the first."""
        seconds = sum(s for _, s in self._recent)
        return sum(n for n, _ in self._recent) / seconds if seconds else 0.0

    def seconds_left(self, images: int, evaluations: float, evaluated: int) -> float | None:
        """Time to the end of the run at this rate; None while it can't be estimated.

        Args:
            images: still to be trained on.
            evaluations: still to come.
            evaluated: evaluations so far.
        """
        rate = self.images_per_second
        if not rate:
            return None
        return images / rate + evaluations * self.evaluation_seconds / max(1, evaluated)
