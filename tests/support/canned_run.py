"""A run that never changes, in place of one that trains: for tests of how things look."""

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from data import CLASS_NAMES, load_dataset
from engine.config import RunConfig, TrainingPlan
from engine.history import History
from engine.metrics import Evaluation, Metrics, TrainPoint
from engine.run import Access
from engine.snapshot import Phase, Snapshot
from engine.views import LatentMap, PriorSamples, Reconstructions, ReconstructionView
from tests.support.made_views import latent_view, sample_view


def metrics(epoch: float, offset: float = 0.0) -> Metrics:
    """A curve like a real one: falls fast, then slowly."""
    recon = 225.0 + 20.0 * np.exp(-epoch / 2) + 290.0 * np.exp(-epoch * 8) + offset
    kl = 13.0 * (1 - np.exp(-epoch * 3))
    return Metrics(loss=float(recon + kl), recon=float(recon), kl=float(kl))


def history() -> History:
    epochs = [0.0, *[2**n / 422 for n in range(9)], *range(1, 6)]
    evaluations = [
        Evaluation(
            step=round(epoch * 422),
            epoch=epoch,
            beta=1.0,
            lr=1e-3,
            val=metrics(epoch, 1.0),
            train=None if epoch == 0 else metrics(epoch),
            kl_per_dim=np.full(20, 0.65),
            active_units=9,
            seconds=3.0 * epoch,
        )
        for epoch in epochs
    ]
    points = [TrainPoint(21 * n, n / 20, metrics(n / 20, np.sin(n))) for n in range(1, 101)]
    return History(evaluations, points)


class CannedRun:
    """Looks like a `TrainingRun` after five epochs of thirty."""

    access = Access.OWNER

    def __init__(self, config: RunConfig, checkpoints: Path, _name: str | None) -> None:
        self.config = config
        self.history = history()
        self.directory = checkpoints / "vae-canned"
        self.snapshot = Snapshot(
            run="vae-canned",
            phase=Phase.TRAINING,
            device="CPU",
            threads=1,
            step=2110,
            total_steps=12_660,
            epoch=5.0,
            epochs=30,
            images_seen=270_000,
            images_per_second=16_384.0,
            elapsed=19.0,
            eta=84.0,
            beta=1.0,
            lr=1e-3,
            train=self.history.train_points()[-1],
            last=self.history.evaluations()[-1],
            best=self.history.best,
            memory_used=440 << 20,
            memory_total=24 << 30,
        )
        dataset = load_dataset()
        chosen = np.concatenate([np.flatnonzero(dataset.labels == c)[:2] for c in range(10)])
        self._images = (dataset.images[chosen] / 255.0).astype(np.float32)
        self._labels = dataset.labels[chosen]

    frames: tuple[()] = ()
    parent = None

    def start(self) -> None: ...

    def request(self, view: object) -> "Future[Any]":
        future: Future[Any] = Future()
        future.set_result(self._answer(view))
        return future

    def _answer(self, view: object) -> object:
        match view:
            case Reconstructions(page):
                blurred = self._images * 0.5 + np.roll(self._images, 1, axis=2) * 0.5
                return ReconstructionView(
                    2110, 5.0, page, self._images, blurred, self._labels, CLASS_NAMES, np.arange(20)
                )
            case PriorSamples():
                return sample_view(self._images[::-1] * 0.8, view, 2110, 5.0)
            case LatentMap():
                rng = np.random.default_rng(0)
                labels = np.arange(2000) % 10
                angle = labels * 2 * np.pi / 10
                centres = 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
                points = (centres + rng.normal(0, 0.5, (2000, 2))).astype(np.float32)
                names = ("PC 1 (17.3 %)", "PC 2 (15.5 %)")
                return latent_view(
                    points, labels, CLASS_NAMES, axis_names=names, step=2110, epoch=5.0
                )
        raise AssertionError(view)


def canned_runs(plan: TrainingPlan, checkpoints: Path, name: str | None) -> list[CannedRun]:
    """In place of `planned_runs`."""
    return [CannedRun(config, checkpoints, name) for config in plan.runs()]
