"""A run made of small numpy data, for every figure to be drawn from."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from engine.analysis.jobs import FitMixture, Mixture, NeighbourAccuracy, Project
from engine.config import RunConfig
from engine.diagnosis import Diagnosis
from engine.metrics import Evaluation, Metrics, TrainPoint
from engine.steering import SteeringChange
from engine.validation_images import ValidationImages
from engine.views import (
    Decode,
    DecodedView,
    Embedding,
    Frame,
    Interpolation,
    InterpolationView,
    LatentCloud,
    LatentMap,
    Manifold,
    ManifoldView,
    PriorSamples,
    Reconstructions,
    ReconstructionView,
    Scores,
    ScoreView,
    Traversal,
    TraversalView,
)
from tests.support.made_diagnoses import made_diagnosis
from tests.support.made_views import latent_view, sample_view

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


def film(count: int, last_step: int = 300, seed: int = 0) -> list[Frame]:
    """Frames of random greys, evenly over the training."""
    rng = np.random.default_rng(seed)
    steps = np.linspace(0, last_step, count).round().astype(int).tolist()
    return [
        Frame(
            step,
            step / STEPS_PER_EPOCH,
            rng.integers(0, 256, (20, 28, 28), dtype=np.uint8),
            rng.integers(0, 256, (64, 28, 28), dtype=np.uint8),
        )
        for step in steps
    ]


@dataclass
class FakeSource:
    """Six epochs of a run whose views are random, but the same for the same request."""

    config: RunConfig = field(default_factory=lambda: PLAIN)
    name: str = "vae-test"
    epochs: int = 6
    fingerprint: str = "fashion"
    points: list[TrainPoint] = field(default_factory=list)
    evaluated: list[Evaluation] = field(default_factory=list)
    diagnosed: list[Diagnosis] = field(default_factory=list)
    film: list[Frame] = field(default_factory=lambda: film(4))
    requests: list[object] = field(default_factory=list)
    jobs: list[Any] = field(default_factory=list)
    steering: tuple[SteeringChange, ...] = ()

    def __post_init__(self) -> None:
        steps = range(1, self.epochs * STEPS_PER_EPOCH + 1)
        self.points = [self._point(step) for step in steps]
        self.evaluated = [self.evaluation(e * STEPS_PER_EPOCH) for e in range(self.epochs + 1)]
        self.diagnosed = [
            made_diagnosis(self.config, e.step, steps_per_epoch=STEPS_PER_EPOCH)
            for e in self.evaluated
        ]

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

    @property
    def validation_images(self) -> ValidationImages:
        return ValidationImages.of(self.config, self.fingerprint)

    def evaluations(self) -> list[Evaluation]:
        return list(self.evaluated)

    def diagnoses(self) -> list[Diagnosis]:
        return list(self.diagnosed)

    def train_points(self) -> list[TrainPoint]:
        return list(self.points)

    def frames(self) -> list[Frame]:
        return list(self.film)

    def work(self, job: object, _progress: object = None) -> Any:
        self.jobs.append(job)
        match job:
            case Project(latents):
                return (latents[:, :2] * 7).astype(np.float32)
            case NeighbourAccuracy():
                return 0.8375
            case FitMixture(latents):
                dims = latents.shape[1]
                return Mixture(np.ones(1), np.ones((1, dims)), np.eye(dims)[None])
        raise TypeError(job)

    def view(self, request: object) -> Any:
        self.requests.append(request)
        at = {"step": 300, "epoch": 6.0}
        match request:
            case Reconstructions(page):
                images = _images(page, 2, 20)
                labels = np.repeat(np.arange(10, dtype=np.uint8), 2)
                if self.config.model == "ae":
                    images[1] = 1 - images[1]
                return ReconstructionView(
                    300, 6.0, 0, images[0], images[1], labels, CLASS_NAMES, np.arange(20)
                )
            case PriorSamples(seed, count):
                images = _images(seed, count)
                return sample_view(1 - images if self.config.model == "ae" else images, request)
            case Decode(latents):
                # By the latents, so that what was decoded can be told from the image.
                return DecodedView(**at, images=_images(_digest(latents), len(latents)))
            case LatentMap(split):
                rng = np.random.default_rng(0)
                labels = np.tile(np.arange(10, dtype=np.uint8), 30)
                centres = rng.normal(size=(10, 2)) * 3
                points = (centres[labels] + rng.normal(size=(300, 2))).astype(np.float32)
                return replace(latent_view(points, labels, CLASS_NAMES), split=split)
            case Embedding(split):
                count = {"train": 90, "validation": 30, "test": 20}[split]
                rng = np.random.default_rng([count, self.config.model == "ae"])
                dims = self.config.latent_dim
                # Half of the dimensions hold nothing.
                spread = np.where(np.arange(dims) % 2, 0.05, 1.0)
                latents = (rng.normal(size=(count, dims)) * spread).astype(np.float32)
                return LatentCloud(**at, latents=latents, labels=np.arange(count) % 10)
            case Scores():
                counts = np.full(10, 3)
                return ScoreView(
                    **at,
                    bce=228.123,
                    mse=0.0170625,
                    class_bce=np.full(10, 228.123),
                    class_mse=np.full(10, 0.0170625),
                    class_counts=counts,
                    class_names=CLASS_NAMES,
                )
            case Interpolation(between, page, pairs, rows, steps):
                of_images = between == "images"
                names = [f"sample {i + 1}" for i in range(2 * rows)]
                return InterpolationView(
                    **at,
                    images=_images(page, rows, steps),
                    fractions=np.linspace(0, 1, steps),
                    pairs=pairs or tuple((2 * r, 2 * r + 1) for r in range(rows)),
                    originals=_images(page + 1, rows, 2) if of_images else None,
                    names=tuple(zip(names[::2], names[1::2], strict=True)),
                    method="lerp" if of_images else "slerp",
                )
            case Traversal(image, rows, steps):
                quantiles = np.linspace(0.05, 0.95, steps)
                return TraversalView(
                    **at,
                    images=_images(image, rows, steps),
                    dims=np.arange(rows)[::-1],
                    weights=np.linspace(2, 0.1, rows),
                    quantiles=quantiles,
                    values=np.tile(np.linspace(-1.64, 1.64, steps), (rows, 1)),
                    original=_images(image + 1, 1)[0],
                    index=image,
                    class_name="Ankle boot",
                )
            case Manifold(size):
                quantiles = (np.arange(size) + 0.5) / size
                names = ("PC 1 (21.3 %)", "PC 2 (12.0 %)")
                return ManifoldView(
                    **at, images=_images(0, size, size), quantiles=quantiles, axis_names=names
                )
        raise TypeError(request)


def _images(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).random((*shape, 28, 28), dtype=np.float32)


def _digest(latents: np.ndarray) -> int:
    return int(np.abs(latents).sum() * 1000)
