"""What a rule is: it looks at one evaluation after another, and says what it finds."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Protocol

import numpy as np

from engine.alerts import Rule
from engine.config import RunConfig
from engine.metrics import Evaluation, Metrics, TrainPoint

_NORMAL_MAD = 0.6745
"""Median absolute deviation of a normal distribution, in standard deviations."""
_SMOOTHED = 3
_REMEMBERED = 12
"""Epochs from which the scatter of a score is told."""


class Verdict(Enum):
    """What a rule says where it has found nothing."""

    SOUND = "nothing is wrong"
    UNJUDGED = "can't be told here"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule has found; it holds until the rule says SOUND."""

    since_step: int
    since_epoch: float
    evidence: str
    """Numbers, in a few words."""
    suggestion: str
    """What to do, in one line, beginning with a verb."""


class RuleWatch(Protocol):
    """One rule over one run."""

    rule: ClassVar[Rule]
    sound_again: ClassVar[int]
    """SOUND verdicts in a row after which it may be raised again."""

    def note(
        self, evaluation: Evaluation, points: Sequence[TrainPoint], config: RunConfig, /
    ) -> Finding | Verdict:
        """Look at the next evaluation.

        Args:
            points: of the training curve, since the evaluation before.
            config: the settings that led to it; some change where a run is steered.
        """


def is_epoch_end(evaluation: Evaluation) -> bool:
    """Whether it is one of those that are an epoch apart; others are of the first epoch."""
    return evaluation.epoch >= 1.0 and evaluation.epoch == round(evaluation.epoch)


@dataclass(frozen=True, slots=True)
class EpochScore:
    """What is minimised, at one β, at the end of an epoch: means over the last three."""

    step: int
    epoch: float
    lr: float
    unseen: float
    """Of the validation images."""
    seen: float
    """Over the training of the epochs."""


def is_warming_up(e: Evaluation, config: RunConfig) -> bool:
    """Whether β was still rising, or rising once more, at the last step before an evaluation."""
    if config.has("kl_cycles"):
        return e.beta < config.beta
    return e.epoch < config.kl_warmup


def loss_at(metrics: Metrics, beta: float, config: RunConfig) -> float:
    """The loss at some β; where something else than the KL is weighed, as it was measured."""
    return metrics.loss if config.penalty else metrics.at_beta(beta)


class EpochScores:
    """The objective at the ends of epochs, smoothed, for as long as β stays.

    It is the objective at the current β that is judged: with another β its values are of another
    quantity, so a change begins anew, and KL warm-up is left out altogether.
    """

    def __init__(self) -> None:
        self._beta: float | None = None
        self._free_bits = 0.0
        self._ends: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)
        self.began_again = False
        """Whether the last `add` was the first at its β."""

    def add(self, e: Evaluation, config: RunConfig) -> EpochScore | None:
        """The next epoch's; None while there are too few."""
        self.began_again = False
        if not is_epoch_end(e) or e.train is None:
            return None
        changed = self._beta is None or abs(e.beta - self._beta) > 1e-9 * max(e.beta, self._beta)
        if changed or config.free_bits != self._free_bits:
            self._beta, self._free_bits, self.began_again = e.beta, config.free_bits, True
            self._ends.clear()
        self._ends.append((loss_at(e.val, e.beta, config), loss_at(e.train, e.beta, config)))
        if len(self._ends) < _SMOOTHED:
            return None
        last = [self._ends[n] for n in range(-_SMOOTHED, 0)]
        unseen, seen = (sum(values) / _SMOOTHED for values in zip(*last, strict=True))
        return EpochScore(e.step, e.epoch, e.lr, unseen, seen)

    def noise(self) -> float:
        """Standard deviation of the last `unseen` that is no trend."""
        return scatter_of(np.array([unseen for unseen, _ in self._ends])) / math.sqrt(_SMOOTHED)


def scatter_of(values: "np.typing.NDArray[np.float64]") -> float:
    """Standard deviation of a series about its trend, from its second differences; robust."""
    if len(values) < _SMOOTHED:
        return 0.0
    # Of independent values with deviation s, second differences deviate by s · √(1 + 4 + 1).
    second = np.abs(np.diff(values, 2))
    return float(np.median(second)) / _NORMAL_MAD / 6**0.5
