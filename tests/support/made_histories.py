"""Evaluations of runs that never were, for the rules that look at a few of their numbers."""

import math
from collections.abc import Sequence

import numpy as np

from engine.alerts import Alert
from engine.analysis.alert_rules.watch import raised_alerts
from engine.config import RunConfig
from engine.metrics import Evaluation, Metrics, TrainPoint
from engine.steering import SteeringChange

STEPS = 100
"""Of an epoch."""


def evaluation(
    epoch: float,
    recon: float = 240.0,
    kl: float = 12.0,
    *,
    beta: float = 1.0,
    train: float | None = None,
    units: int | None = 8,
    dims: int = 10,
    lr: float = 1e-3,
) -> Evaluation:
    """`train` is the training epoch's loss; the validation loss if it isn't given."""
    loss = recon if math.isnan(kl) else recon + beta * kl
    seen = loss if train is None else train
    return Evaluation(
        step=round(epoch * STEPS),
        epoch=epoch,
        beta=beta,
        lr=lr,
        val=Metrics(loss, recon, kl),
        train=Metrics(seen, seen - (0.0 if math.isnan(kl) else beta * kl), kl),
        kl_per_dim=np.full(dims, kl / dims) if not math.isnan(kl) else np.empty(0),
        active_units=units,
        seconds=0.0,
    )


def points(losses: Sequence[float], first_step: int = 105) -> list[TrainPoint]:
    """A training curve of 20 points an epoch, from the second epoch on."""
    steps = [first_step + 5 * n for n in range(len(losses))]
    return [
        TrainPoint(step, step / STEPS, Metrics(loss, loss, math.nan))
        for step, loss in zip(steps, losses, strict=True)
    ]


def raised(
    config: RunConfig,
    evaluations: Sequence[Evaluation],
    curve: Sequence[TrainPoint] = (),
    changes: Sequence[SteeringChange] = (),
) -> list[Alert]:
    return raised_alerts(config, evaluations, curve, changes)


def rules(
    config: RunConfig,
    evaluations: Sequence[Evaluation],
    curve: Sequence[TrainPoint] = (),
    changes: Sequence[SteeringChange] = (),
) -> list[tuple[str, float | None]]:
    """Which were raised, and at which epoch."""
    return [(str(a.rule), a.epoch) for a in raised(config, evaluations, curve, changes)]
