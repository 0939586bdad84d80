"""Rules about what training still brings: nothing any more, or harm to unseen images."""

from collections import deque
from collections.abc import Sequence
from typing import ClassVar

from engine.alerts import Rule
from engine.analysis.alert_rules.rule import EpochScore, EpochScores, Finding, Verdict
from engine.analysis.judgement import CLEAR, Rise, judge_rise
from engine.config import RunConfig
from engine.metrics import Evaluation, TrainPoint
from engine.text import nats

NOISE_DEVIATIONS = 3.0
"""Standard deviations of the scores' own scatter: a change below this says nothing."""
IN_A_ROW = 3
PLATEAU_EPOCHS = 10
"""Epochs over which the best score has to improve by `CLEAR`,"""
PLATEAU_SHARE = 0.2
"""or this share of the run, if that is more."""
HIGH_LR = 0.5
"""Of the first: below, a schedule is bringing training to its end, and flattens what it may."""


class OverFitting:
    """The objective of unseen images is above its best while training images' falls."""

    rule: ClassVar[Rule] = Rule.OVERFITTING
    sound_again: ClassVar[int] = 3

    def __init__(self) -> None:
        self._scores = EpochScores()
        self._best: EpochScore | None = None
        self._in_a_row = 0

    def note(
        self, evaluation: Evaluation, _points: Sequence[TrainPoint], config: RunConfig
    ) -> Finding | Verdict:
        """Judged at the ends of epochs, against the best since β last changed."""
        score = self._scores.add(evaluation, config)
        if self._scores.began_again:
            self._best, self._in_a_row = None, 0
        if score is None:
            return Verdict.UNJUDGED
        if self._best is None or score.unseen <= self._best.unseen:
            self._best, self._in_a_row = score, 0
            return Verdict.SOUND
        best = self._best
        rise, learnt = score.unseen - best.unseen, best.seen - score.seen
        is_clear = judge_rise(rise, learnt) is Rise.OVER_FITTING
        if not is_clear or rise < NOISE_DEVIATIONS * self._scores.noise():
            self._in_a_row = 0
            return Verdict.UNJUDGED  # it is over once there is a new best
        self._in_a_row += 1
        if self._in_a_row < IN_A_ROW:
            return Verdict.UNJUDGED
        # Means over three epochs: the best is that of the one in the middle.
        since = best.epoch - 1
        evidence = (
            f"validation {nats(rise)} nats above its best of {nats(best.unseen)} around epoch "
            f"{since:.0f}, while training fell by {nats(learnt)} to {nats(score.seen)} (epoch "
            f"{score.epoch:.0f})"
        )
        beta = "a larger β, " if config.has("beta") else ""
        suggestion = f"stop (x) and use best.pt; else a smaller net, {beta}--epochs {since:.0f}"
        return Finding(round(best.step * since / best.epoch), since, evidence, suggestion)


class Plateau:
    """The best score has stood still over many epochs, with a learning rate that has not fallen."""

    rule: ClassVar[Rule] = Rule.PLATEAU
    sound_again: ClassVar[int] = 5

    def __init__(self) -> None:
        self._scores = EpochScores()
        self._bests: deque[tuple[float, float]] = deque()
        """Epoch and best score until then."""
        self._lr: float | None = None

    def note(
        self, evaluation: Evaluation, _points: Sequence[TrainPoint], config: RunConfig
    ) -> Finding | Verdict:
        """Judged at the ends of epochs, once there are enough at one β and one learning rate."""
        score = self._scores.add(evaluation, config)
        is_cosine = config.lr_schedule == "cosine"
        if self._scores.began_again or not (is_cosine or self._lr == evaluation.lr):
            self._bests.clear()
            self._lr = evaluation.lr
        if score is None:
            return Verdict.UNJUDGED
        best = min(score.unseen, self._bests[-1][1] if self._bests else score.unseen)
        self._bests.append((score.epoch, best))
        window = max(PLATEAU_EPOCHS, round(PLATEAU_SHARE * config.epochs))
        while len(self._bests) > window + 1:
            self._bests.popleft()
        if is_cosine and score.lr < HIGH_LR * config.lr:
            return Verdict.UNJUDGED
        if len(self._bests) <= window:
            return Verdict.UNJUDGED
        epoch, first = self._bests[0]
        gain = first - best
        if gain >= CLEAR:
            return Verdict.SOUND
        middle = self._bests[window // 2][1]
        since = evaluation.step - round(
            (evaluation.epoch - epoch) * evaluation.step / evaluation.epoch
        )
        more = _continued(first - middle, middle - best)
        evidence = (
            f"validation improved by {nats(gain)} nats in {window} epochs, to {nats(best)}, "
            f"at lr {score.lr:.3g}; as many more would bring about {nats(more)} (an estimate)"
        )
        suggestion = (
            f"lower the learning rate (t, or --lr-schedule cosine), or stop (x) at {nats(best)}"
        )
        return Finding(since, epoch, evidence, suggestion)


def _continued(earlier: float, later: float) -> float:
    """What as many epochs as brought these two gains will bring, if gains fall geometrically."""
    ratio = min(0.9, later / earlier) if earlier > 0 else 0.5
    return later * (ratio + ratio**2)
