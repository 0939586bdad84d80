"""When training goes wrong: which number gave out, and what to try."""

import math

from engine.config import RunConfig
from engine.metrics import Evaluation, Metrics
from engine.model.networks import PIXELS

UNINFORMED_NATS = PIXELS * math.log(2.0)
"""The loss of a model that says p = ½ of every pixel and whose posterior is the prior, whatever β:
BCE against any target is ln 2 there, and the KL is 0. Some 543.4: an untrained network costs about
as much, and none has a reason to cost more."""
DIVERGING_FACTOR = 2.0
"""Measured on the bundled images, in the first epoch: with the default settings and β from 0 to
1,000 no evaluation is above 1.0 times that; with lr 0.01 one is at 5.5, and the next at 1.1; with
lr 0.03 seven in a row are, up to 728."""


class TrainingDivergedError(Exception):
    """A number of the objective is NaN or infinite; the message says which, when, what to try."""


def diverged(
    config: RunConfig, metrics: Metrics, *, step: int, beta: float, during: str
) -> TrainingDivergedError:
    """What is wrong with metrics that are not all finite.

    Args:
        metrics: nats per image.
        step: after which they were measured.
        beta: β_t at that step.
        during: 'training' or 'evaluation'.
    """
    vae = config.model == "vae"
    recon, kl = _number(metrics.recon), _number(metrics.kl)
    below_lr = f"a learning rate below {config.lr:g}"
    if not math.isfinite(metrics.recon):
        with_kl = f" (KL {kl}, β {beta:g})" if vae else ""
        found, advice = f"the reconstruction term was {recon}{with_kl}", below_lr
    elif vae and not math.isfinite(metrics.kl):
        found, advice = f"the KL was {kl} (reconstruction {recon}, β {beta:g})", below_lr
    else:
        # Both parts are numbers and their weighted sum is none: the larger factor is to blame.
        found = f"the loss overflowed: reconstruction {recon} + β {beta:g} · KL {kl}"
        advice = f"a β below {config.beta:g}" if beta >= metrics.kl else below_lr
    return TrainingDivergedError(
        f"diverged in {during} at step {step:,}: {found}, in nats per image; try {advice}"
    )


class DivergenceWatch:
    """Looks at evaluations for a loss that is finite, and beyond any untrained model's.

    It is the loss that is judged, not −ELBO: what is minimised with a small β may leave the KL
    free, and the −ELBO of a sound run is large then.

    Args:
        untrained: the evaluation at step 0, if it is known already.
    """

    def __init__(self, config: RunConfig, untrained: Evaluation | None = None) -> None:
        self._config = config
        self._untrained = UNINFORMED_NATS
        self._beyond = self._told = False
        if untrained is not None:
            self._compare_with(untrained)

    def note(self, evaluation: Evaluation) -> str | None:
        """A sentence once the loss is beyond the bound, and again after it was within.

        In the first epoch, evaluated after 1, 2, 4, ... steps, a single one may be a jolt.
        """
        self._compare_with(evaluation)
        beyond = evaluation.val.loss > DIVERGING_FACTOR * self._untrained
        is_first, self._beyond = beyond and not self._beyond, beyond
        if not beyond:
            self._told = False
        if not beyond or self._told or (is_first and evaluation.epoch < 1.0):
            return None
        self._told = True
        return (
            f"diverging: validation loss {_number(evaluation.val.loss)} nats per image at step "
            f"{evaluation.step:,}, untrained {self._untrained:.1f}; "
            f"try a learning rate below {self._config.lr:g}"
        )

    def _compare_with(self, evaluation: Evaluation) -> None:
        if evaluation.step == 0:  # a large β makes the untrained loss larger than the bound
            self._untrained = max(UNINFORMED_NATS, evaluation.val.loss)


def _number(nats: float) -> str:
    return f"{nats:.1f}" if 1.0 <= abs(nats) < 1e5 else f"{nats:.3g}"
