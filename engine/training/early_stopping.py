"""`EarlyStopping`: whether a run has gone on long enough without a gain. Prechelt 1998, ch. 2."""

from engine.config import RunConfig
from engine.metrics import Evaluation


class EarlyStopping:
    """Looks at every evaluation, in their order."""

    def __init__(self) -> None:
        self._score = float("inf")
        """The lowest that counted as a gain."""
        self._since = 0.0
        """The epoch of it."""

    def note(self, evaluation: Evaluation, config: RunConfig) -> None:
        """Take an evaluation in; what counts as a gain is set by `config.min_gain`."""
        if evaluation.val.score < self._score - config.min_gain:
            self._score, self._since = evaluation.val.score, evaluation.epoch

    def begin_again(self, epoch: float) -> None:
        """Wait from here on, for a setting was changed."""
        self._since = max(self._since, epoch)

    def left(self, config: RunConfig, epoch: float) -> float | None:
        """Epochs that may still go by without a gain; None if there is no limit.

        While the KL warms up, −ELBO may rise without harm: the count begins after it.
        """
        if config.patience == 0:
            return None
        warm = config.kl_warmup if config.has("kl_warmup") else 0.0
        return max(0.0, config.patience - max(0.0, epoch - max(self._since, warm)))
