"""Rules about a VAE's posterior: too near the prior to say anything, or far from it."""

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from engine.alerts import Rule
from engine.analysis.alert_rules.rule import Finding, Verdict, is_epoch_end, is_warming_up
from engine.config import RunConfig
from engine.metrics import Evaluation, TrainPoint
from engine.text import active_of, count, nats, small

CLASS_NATS = math.log(10.0)
"""ln 10: what it takes to say which of ten classes an image is of. The mean KL is an upper bound on
the information that z has of x (Hoffman & Johnson 2016): below this it can't even say that. Units
that are active by Burda et al. 2016 (variance above 0.01) may be many then, all of little use."""
FEW_UNITS = 0.1
"""Share of the latent dimensions that are active, of at least ten, where twice as much KL is still
a collapse: the others say nothing. On its own it is none, but a net that has more than it needs."""
VANISHED_NATS = 1.0
"""Measured from step 24 on: the KL of sound runs without warm-up is above 2 nats."""
VANISHED_FROM = 24
"""Steps: at the beginning every KL is about 0."""
VANISHING_EPOCHS = 3.0
"""After the warm-up: later it is a collapse."""
SETTLED_STEPS = 50
"""Before, a model may not have begun to learn."""
RISING = 2.0
RISING_NATS = 0.1
"""A KL that has grown by this factor since the last look, and by so much, is on its way up."""
IDLE_KL = 0.01
"""Nats. KL_j is an upper bound on the information in z_j: below this a dimension is idle."""
REMOTE_NATS = 2.0
"""Per dimension that is used. A Gaussian 2.5 times as wide as the prior is 2 nats (KL) from it."""


class KlVanishing:
    """The KL is about 0 in the first epochs, in two evaluations in a row (Bowman et al. 2016)."""

    rule: ClassVar[Rule] = Rule.KL_VANISHING
    sound_again: ClassVar[int] = 3

    def __init__(self) -> None:
        self._before: Evaluation | None = None

    def note(
        self, evaluation: Evaluation, _points: Sequence[TrainPoint], config: RunConfig
    ) -> Finding | Verdict:
        """Judged from some steps on, until some epochs after the warm-up."""
        e = evaluation
        if e.step < VANISHED_FROM or e.epoch > _first_rise(config) + VANISHING_EPOCHS:
            return Verdict.UNJUDGED
        before, self._before = self._before, e
        if before is None or e.val.kl >= VANISHED_NATS or before.val.kl >= VANISHED_NATS:
            return Verdict.SOUND
        if _is_rising(before, e):
            return Verdict.SOUND
        evidence = (
            f"KL {small(e.val.kl)} nats at step {e.step:,}, {small(before.val.kl)} at step "
            f"{before.step:,}, {_idle(e)}; β {e.beta:.3g}"
        )
        return Finding(before.step, before.epoch, evidence, _less_pressure(config, e))


class Collapse:
    """The posterior says less than a class would, at the ends of two epochs in a row."""

    rule: ClassVar[Rule] = Rule.COLLAPSE
    sound_again: ClassVar[int] = 3

    def __init__(self) -> None:
        self._before: Evaluation | None = None
        self._since: Evaluation | None = None

    def note(
        self, evaluation: Evaluation, _points: Sequence[TrainPoint], config: RunConfig
    ) -> Finding | Verdict:
        """Judged at the ends of epochs, once the KL warm-up is over."""
        e = evaluation
        if not is_epoch_end(e) or is_warming_up(e, config):
            return Verdict.UNJUDGED
        before, self._before = self._before, e
        if not _is_collapsed(e):
            self._since = None
            return Verdict.SOUND
        self._since = self._since or e
        if self._since is e or before is None or e.step < SETTLED_STEPS:
            return Verdict.UNJUDGED
        if _is_rising(before, e):
            return Verdict.UNJUDGED
        least = f", less than tells ten classes apart (ln 10 = {CLASS_NATS:.1f})"
        evidence = (
            f"KL {small(e.val.kl)} nats at epoch {e.epoch:.0f}"
            f"{least if e.val.kl < CLASS_NATS else ''}, {_idle(e)}; reconstruction "
            f"{nats(e.val.recon)}"
        )
        suggestion = _less_pressure(config, e)
        return Finding(self._since.step, self._since.epoch, evidence, suggestion)


class FarFromPrior:
    """The aggregated posterior is far from N(0, I), at the ends of two epochs in a row.

    KL = I(x; z) + KL(q(z) ‖ p(z)) (Hoffman & Johnson 2016), and N images can't carry more
    information than ln N: what the KL has beyond that is certain distance from the prior.
    """

    rule: ClassVar[Rule] = Rule.FAR_FROM_PRIOR
    sound_again: ClassVar[int] = 3

    def __init__(self) -> None:
        self._since: Evaluation | None = None

    def note(
        self, evaluation: Evaluation, _points: Sequence[TrainPoint], config: RunConfig
    ) -> Finding | Verdict:
        """Judged at the ends of epochs, once the KL warm-up is over."""
        e = evaluation
        if not is_epoch_end(e) or is_warming_up(e, config):
            return Verdict.UNJUDGED
        images = max(2.0, e.step / e.epoch * config.batch_size)
        used = int(np.sum(e.kl_per_dim > IDLE_KL)) or config.latent_dim
        beyond = (e.val.kl - math.log(images)) / used
        if beyond < REMOTE_NATS:
            self._since = None
            return Verdict.SOUND
        is_first, self._since = self._since is None, self._since or e
        if is_first:
            return Verdict.UNJUDGED
        evidence = (
            f"KL {nats(e.val.kl)} nats at epoch {e.epoch:.0f}, at least {beyond:.1f} in each of "
            f"{count(used, 'dimension')} more than {images:,.0f} images can need: samples from the "
            "prior will be bad"
        )
        suggestion = f"raise β ({e.beta:g} now; t while it trains, or a new run with --beta 1)"
        return Finding(self._since.step, self._since.epoch, evidence, suggestion)


def _is_collapsed(e: Evaluation) -> bool:
    units = math.inf if e.active_units is None else e.active_units
    is_few = units <= FEW_UNITS * len(e.kl_per_dim)
    return e.val.kl < (2 * CLASS_NATS if is_few else CLASS_NATS) or units == 0


def _is_rising(before: Evaluation, e: Evaluation) -> bool:
    return e.val.kl > max(RISING * before.val.kl, before.val.kl + RISING_NATS)


def _idle(e: Evaluation) -> str:
    """How many dimensions say nothing."""
    dims = len(e.kl_per_dim)
    idle = int(np.sum(e.kl_per_dim < IDLE_KL))
    return f"{idle} of {dims} dimensions idle, {active_of(e.active_units, dims)} units active"


def _less_pressure(config: RunConfig, e: Evaluation) -> str:
    """What keeps a KL up: less β, later; or steps that are not so large."""
    warmup = "" if config.full_beta_epoch > 0 else " --kl-warmup 2"
    if e.beta > 1:
        return f"lower β ({e.beta:g} now; t while it trains, or a new run with --beta 1{warmup})"
    if warmup:
        return "let β rise slowly: a new run with --kl-warmup 2"
    return f"lower the learning rate ({config.lr:g}: --lr {config.lr / 4:g}), or β"


def _first_rise(config: RunConfig) -> float:
    """Epochs over which β rises for the first time."""
    return config.epochs / (2 * config.kl_cycles) if config.has("kl_cycles") else config.kl_warmup
