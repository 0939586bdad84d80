"""A run made of small numpy data, for every figure to be drawn from."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.config import RunConfig
from engine.metrics import Evaluation, Metrics, TrainPoint
from engine.views import (
    LatentMap,
    LatentView,
    PriorSamples,
    Reconstructions,
    ReconstructionView,
    SampleView,
)

CLASS_NAMES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
STEPS_PER_EPOCH = 50


PLAIN = RunConfig(kl_warmup=0.0)
"""The loss is the −ELBO."""


def metrics(config: RunConfig, epoch: float) -> Metrics:
    recon = 229.0 + 315.0 * math.exp(-9 * epoch) + 8 * math.exp(-epoch / 2)
    if config.model == "ae":
        return Metrics(recon, recon, math.nan)
    kl = 12.0 * (1 - math.exp(-20 * epoch))
    return Metrics(recon + config.beta * kl, recon, kl)


@dataclass
class FakeSource:
    """Six epochs of a run whose views are random, but the same for the same request."""

    config: RunConfig = field(default_factory=lambda: PLAIN)
    run: str = "vae-test"
    epochs: int = 6
    points: list[TrainPoint] = field(default_factory=list)
    evaluated: list[Evaluation] = field(default_factory=list)
    requests: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        steps = range(1, self.epochs * STEPS_PER_EPOCH + 1)
        self.points = [self._point(step) for step in steps]
        self.evaluated = [self.evaluation(e * STEPS_PER_EPOCH) for e in range(self.epochs + 1)]

    def _point(self, step: int) -> TrainPoint:
        epoch = step / STEPS_PER_EPOCH
        return TrainPoint(step, epoch, metrics(self.config, epoch))

    def evaluation(self, step: int, val: Metrics | None = None) -> Evaluation:
        epoch = step / STEPS_PER_EPOCH
        return Evaluation(
            step=step,
            epoch=epoch,
            beta=self.config.beta,
            lr=1e-3,
            val=val or metrics(self.config, epoch),
            train=None,
            kl_per_dim=np.zeros(2),
            active_units=2,
            seconds=1.0,
        )

    def evaluations(self) -> list[Evaluation]:
        return list(self.evaluated)

    def train_points(self) -> list[TrainPoint]:
        return list(self.points)

    def view(self, request: object) -> Any:
        self.requests.append(request)
        match request:
            case Reconstructions(page):
                rng = np.random.default_rng(page)
                images = rng.random((2, 20, 28, 28), dtype=np.float32)
                labels = np.repeat(np.arange(10, dtype=np.uint8), 2)
                return ReconstructionView(
                    300, 6.0, 0, images[0], images[1], labels, CLASS_NAMES, np.arange(20)
                )
            case PriorSamples(seed, count):
                rng = np.random.default_rng(seed)
                return SampleView(300, 6.0, rng.random((count, 28, 28), dtype=np.float32), seed)
            case LatentMap():
                rng = np.random.default_rng(0)
                labels = np.tile(np.arange(10, dtype=np.uint8), 30)
                centres = rng.normal(size=(10, 2)) * 3
                points = (centres[labels] + rng.normal(size=(300, 2))).astype(np.float32)
                names = ("PC 1 (21.3 %)", "PC 2 (12.0 %)")
                return LatentView(300, 6.0, points, labels, CLASS_NAMES, "PCA", names)
        raise TypeError(request)
