"""Rules about training that goes wrong: a loss that jumps, or is beyond any untrained model's."""

import math
from collections import deque
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from engine.alerts import Rule
from engine.analysis.alert_rules.rule import Finding, Verdict, is_epoch_end, loss_at, scatter_of
from engine.config import RunConfig
from engine.metrics import Evaluation, TrainPoint
from engine.text import compact, nats

UNINFORMED_NATS = 784 * math.log(2.0)
"""The loss of a model that says p = ½ of every pixel and whose posterior is the prior, whatever β:
BCE against any target is ln 2 there, and the KL is 0. Some 543.4: an untrained network costs about
as much, and none has a reason to cost more."""
DIVERGING_FACTOR = 2.0
"""Measured on the bundled images, in the first epoch: with the default settings and β from 0 to
1,000 no evaluation is above 1.0 times that; with lr 0.01 one is at 5.5, and the next at 1.1; with
lr 0.03 seven in a row are, up to 728."""
JUMP = 5.0
JUMP_DEVIATIONS = 6.0
"""Nats by which a validation loss has risen from one epoch to the next, and standard deviations of
its scatter before. Measured: sound runs rise by less than 1, over-fitting ones by less than 3."""
LARGE_JUMP = 10.0
"""One of these will do; of the others it takes two,"""
JUMP_EPOCHS = 5
"""within so many epochs."""
SPIKE_SHARE = 0.15
"""A point of the training curve this much above the ones before it,"""
SPIKE_DEVIATIONS = 8.0
"""and so many standard deviations, is a spike."""
SAME_BETA = 0.01
"""Share by which β may differ: the end of a warm-up is no change."""
SPIKES = 2
"""In one epoch."""
_POINTS = 20
"""Of the training curve, that a point is set against."""
_FEWEST_POINTS = 8


class Diverging:
    """A loss that is finite, and beyond any untrained model's.

    It is the loss that is judged, not −ELBO: what is minimised with a small β may leave the KL
    free, and the −ELBO of a sound run is large then.
    """

    rule: ClassVar[Rule] = Rule.DIVERGING
    sound_again: ClassVar[int] = 1

    def __init__(self) -> None:
        self._untrained = 0.0
        self._since: Evaluation | None = None

    def note(
        self, evaluation: Evaluation, _points: Sequence[TrainPoint], config: RunConfig
    ) -> Finding | Verdict:
        """In the first epoch, evaluated after 1, 2, 4, ... steps, a single one may be a jolt."""
        e = evaluation
        if e.step == 0:  # a large β makes the untrained loss larger than the bound
            self._untrained = e.val.loss
        untrained = max(self._untrained, UNINFORMED_NATS + _cost_of_no_kl(config))
        if e.val.loss <= DIVERGING_FACTOR * untrained:
            self._since = None
            return Verdict.SOUND
        is_first, self._since = self._since is None, self._since or e
        if is_first and e.epoch < 1.0:
            return Verdict.UNJUDGED
        evidence = (
            f"validation loss {_number(e.val.loss)} nats per image at step {e.step:,}, "
            f"untrained {untrained:.1f}"
        )
        suggestion = f"try a learning rate below {config.lr:g}"
        return Finding(self._since.step, self._since.epoch, evidence, suggestion)


class Instability:
    """The validation loss jumps from epoch to epoch, or the training curve has spikes."""

    rule: ClassVar[Rule] = Rule.INSTABILITY
    sound_again: ClassVar[int] = 5

    def __init__(self) -> None:
        self._before: Evaluation | None = None
        self._ends: deque[float] = deque(maxlen=12)
        self._jumps: deque[tuple[Evaluation, float]] = deque(maxlen=8)
        self._beta = 0.0
        self._free_bits = 0.0
        self._points: deque[float] = deque(maxlen=_POINTS)
        self._spikes: list[tuple[TrainPoint, float]] = []

    def note(
        self, evaluation: Evaluation, points: Sequence[TrainPoint], config: RunConfig
    ) -> Finding | Verdict:
        """Judged at the ends of epochs, once the KL warm-up is over."""
        e, warmup = evaluation, config.full_beta_epoch
        if abs(e.beta - self._beta) > SAME_BETA * e.beta:
            self._points.clear()  # the loss of another β is of another size
        elif e.epoch > warmup:
            for point in points:
                self._add_point(point)
        self._beta = e.beta
        if not is_epoch_end(e):
            return Verdict.UNJUDGED
        before, self._before = self._before, e
        spikes, self._spikes = self._spikes, []
        free_bits, self._free_bits = self._free_bits, config.free_bits
        if before is None or before.epoch < warmup or config.free_bits != free_bits:
            return Verdict.UNJUDGED
        self._add_jump(before, e, config)
        jumps = [(at, by) for at, by in self._jumps if at.epoch > e.epoch - JUMP_EPOCHS]
        if jumps and (len(jumps) > 1 or jumps[0][1] >= LARGE_JUMP):
            first, _ = jumps[0]
            evidence = (
                f"validation loss rose by {' and '.join(nats(by) for _, by in jumps[-2:])} nats "
                f"from one epoch to the next (to {nats(loss_at(e.val, e.beta, config))} at epoch "
                f"{e.epoch:.0f})"
            )
            return Finding(first.step, first.epoch, evidence, _suggestion(e, config))
        if len(spikes) >= SPIKES:
            point, by = max(spikes, key=lambda spike: spike[1])
            evidence = (
                f"{len(spikes)} spikes of the training loss in epoch {e.epoch:.0f}, by up to "
                f"{nats(by)} nats (to {nats(point.metrics.loss)} at step {point.step:,})"
            )
            return Finding(spikes[0][0].step, spikes[0][0].epoch, evidence, _suggestion(e, config))
        return Verdict.UNJUDGED if jumps or spikes else Verdict.SOUND

    def _add_point(self, point: TrainPoint) -> None:
        loss = point.metrics.loss
        # The median is no less than the minimum, which is cheap.
        if len(self._points) >= _FEWEST_POINTS and loss > (1 + SPIKE_SHARE) * min(self._points):
            values = np.array(self._points)
            usual = float(np.median(values))
            least = max(SPIKE_SHARE * abs(usual), SPIKE_DEVIATIONS * scatter_of(values))
            if loss - usual > least:
                self._spikes.append((point, loss - usual))
                return  # or the usual would be what is unusual
        self._points.append(loss)

    def _add_jump(self, before: Evaluation, e: Evaluation, config: RunConfig) -> None:
        """Both at the β of now: a β that rose raises the loss of the same weights."""
        now = loss_at(e.val, e.beta, config)
        by = now - loss_at(before.val, e.beta, config)
        if by > JUMP and (
            by > LARGE_JUMP or by > JUMP_DEVIATIONS * scatter_of(np.array(self._ends))
        ):
            self._jumps.append((e, by))
        else:  # or the usual scatter would be what is unusual
            self._ends.append(now)


def _cost_of_no_kl(config: RunConfig) -> float:
    """What the latent part of the loss is where the posterior is the prior, in the end."""
    if config.penalty == "free_bits":
        return config.beta * config.free_bits * config.latent_dim
    return config.beta * config.capacity if config.penalty == "capacity" else 0.0


def _suggestion(e: Evaluation, config: RunConfig) -> str:
    batch = " or larger batches" if config.batch_size < 64 else ""
    return f"lower the learning rate ({e.lr:.3g} now; t, or --lr {e.lr / 4:.2g}){batch}"


def _number(nats_per_image: float) -> str:
    return f"{nats_per_image:.1f}" if nats_per_image < 1e5 else compact(nats_per_image)
