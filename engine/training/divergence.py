"""When training goes wrong: which number gave out, and what to try."""

import math

from engine.config import RunConfig
from engine.metrics import Metrics


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


def _number(nats: float) -> str:
    return f"{nats:.1f}" if 1.0 <= abs(nats) < 1e5 else f"{nats:.3g}"
