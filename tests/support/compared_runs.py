"""Runs to compare that never train: their curves, and mixtures of real images for pictures."""

import math
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from textual.app import App
from textual.pilot import Pilot

import tui
from data import CLASS_NAMES, load_dataset
from engine.analysis.comparison import RunNumbers
from engine.analysis.jobs import Mixture
from engine.config import ModelName, RunConfig
from engine.errors import ViewError
from engine.history import History
from engine.metrics import Evaluation, Metrics
from engine.run import Access
from engine.snapshot import Phase, Snapshot
from engine.views import (
    Decode,
    DecodedView,
    Frame,
    PriorSamples,
    Reconstructions,
    ReconstructionView,
)
from tests.support.looking import look
from tests.support.made_views import sample_view
from tui.screens.comparison.screen import ComparisonScreen
from tui.state.context import RunContext
from tui.theme import THEME

STEPS_PER_EPOCH = 422


@cache
def two_of_each_class() -> np.ndarray:
    dataset = load_dataset()
    chosen = np.concatenate([np.flatnonzero(dataset.labels == c)[:2] for c in range(10)])
    images: np.ndarray = (dataset.images[chosen] / 255.0).astype(np.float32)
    return images


def evaluation(config: RunConfig, epoch: float, offset: float) -> Evaluation:
    recon = 225.0 + 20 * math.exp(-epoch / 2) + 290 * math.exp(-epoch * 8) + offset
    kl = (13.0 - offset / 2) * (1 - math.exp(-epoch * 3)) if config.model == "vae" else math.nan
    val = Metrics(recon if math.isnan(kl) else recon + config.beta * kl, recon, kl)
    return Evaluation(
        step=round(epoch * STEPS_PER_EPOCH),
        epoch=epoch,
        beta=config.beta,
        lr=1e-3,
        val=val,
        train=None,
        kl_per_dim=np.full(config.latent_dim, 0.65) if config.model == "vae" else np.empty(0),
        active_units=9,
        seconds=3.0 * epoch,
    )


class ComparedRun:
    """A `Run` whose answers are there at once.

    Args:
        offset: nats by which it is worse, and how much its pictures are blurred.
        epochs: trained; None for a run that is not loaded yet.
        other_images: whether it answers with other validation images than the rest.
    """

    def __init__(
        self,
        config: RunConfig,
        name: str,
        *,
        offset: float = 0.0,
        epochs: int | None = 30,
        phase: Phase = Phase.FINISHED,
        other_images: bool = False,
    ) -> None:
        self.config = config
        self.requests: list[object] = []
        self.closed = False
        self.directory = Path("checkpoints") / name
        self.access = Access.READ
        self.failure: BaseException | None = None
        self.frames: list[Frame] = []
        self.offset = offset
        self._other_images = other_images
        self.data_fingerprint = "other" if other_images else "same"
        trained = [] if epochs is None else [0.0, *[2**n / 422 for n in range(9)]]
        trained += range(1, (epochs or 0) + 1)
        self.history = History([evaluation(config, epoch, offset) for epoch in trained], [])
        last = self.history.evaluations()[-1] if trained else None
        self.snapshot = Snapshot(
            run=name,
            phase=Phase.LOADING if last is None else phase,
            device="CPU",
            threads=1,
            step=last.step if last else 0,
            epoch=last.epoch if last else 0.0,
            epochs=config.epochs,
            last=last,
            best=self.history.best,
        )

    def train_on(self) -> None:
        """An epoch more."""
        epoch = round(self.snapshot.epoch) + 1
        last = evaluation(self.config, epoch, self.offset)
        self.history.add_evaluation(last)
        self.snapshot = replace(
            self.snapshot, step=last.step, epoch=epoch, last=last, best=self.history.best
        )

    def start(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def stop(self) -> None: ...
    def close(self, *, stop_training: bool = True) -> None:  # noqa: ARG002
        self.closed = True

    def join(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        return True

    def request(self, view: object) -> "Future[Any]":
        self.requests.append(view)
        future: Future[Any] = Future()
        if self.closed:
            future.set_exception(ViewError("there is no model here (any more)"))
        else:
            future.set_result(self._answer(view))
        return future

    def _answer(self, view: object) -> object:
        step, epoch, images = self.snapshot.step, self.snapshot.epoch, two_of_each_class()
        match view:
            case Reconstructions(page):
                shown = np.roll(images, page + 5 * self._other_images, axis=0)
                share = 0.3 + 0.1 * self.offset
                blurred = (1 - share) * shown + share * np.roll(shown, 1, axis=2)
                labels = np.repeat(np.arange(10, dtype=np.uint8), 2)
                return ReconstructionView(
                    step, epoch, page, shown, blurred, labels, CLASS_NAMES, np.arange(20) + page
                )
            case PriorSamples(seed, count):
                drawn = np.roll(images[::-1], seed, axis=0)[:count]
                return sample_view(drawn * (1 - 0.1 * self.offset), view, step, epoch)
            case Decode(latents):
                return DecodedView(step, epoch, images[: len(latents)] * 0.7)
        raise AssertionError(view)


def numbers_of(run: ComparedRun) -> RunNumbers:
    """As if they had been computed."""
    dims = run.config.latent_dim
    return RunNumbers(
        name=run.snapshot.run,
        config=run.config,
        step=run.snapshot.step,
        epoch=run.snapshot.epoch,
        recon_bce=224.5 + run.offset,
        recon_mse=0.0131 + run.offset / 1000,
        evaluation=run.snapshot.last,
        best=run.snapshot.best,
        knn_accuracy=0.842 - run.offset / 100,
        active_units=min(9, dims),
        mixture=Mixture(np.ones(1), np.zeros((1, dims)), np.eye(dims)[None]),
    )


def config(model: ModelName = "vae", **settings: Any) -> RunConfig:
    return RunConfig(model=model, **settings)


def vae_and_autoencoder() -> list[ComparedRun]:
    return [
        ComparedRun(config(), "both-20260728-vae"),
        ComparedRun(config("ae"), "both-20260728-ae", offset=-4.0),
    ]


def two_vaes() -> list[ComparedRun]:
    return [
        ComparedRun(config(beta=1.0), "beta-1"),
        ComparedRun(config(beta=4.0), "beta-4", offset=6.0),
    ]


def three() -> list[ComparedRun]:
    return [*two_vaes(), ComparedRun(config("ae"), "code", offset=-4.0)]


def six() -> list[ComparedRun]:
    """Of all kinds: finished, training, died, not loaded; settings and data that differ."""
    return [
        ComparedRun(config(), "sweep-20260728-baseline"),
        ComparedRun(config(beta=4.0), "sweep-20260728-beta-4", offset=6.0),
        ComparedRun(config("ae"), "sweep-20260728-ae", offset=-4.0),
        ComparedRun(
            config(latent_dim=2), "sweep-20260728-2d", offset=3.0, epochs=7, phase=Phase.TRAINING
        ),
        ComparedRun(
            config(lr=1e-4, seed=3), "sweep-20260728-slow", offset=1.5, epochs=4, phase=Phase.FAILED
        ),
        ComparedRun(config(split_seed=7), "sweep-20260728-split-7", offset=0.7),
    ]


class ComparisonApp(App[None]):
    """The comparison of given runs, over nothing."""

    CSS_PATH = Path(tui.__file__).parent / "styles.tcss"

    def __init__(self, runs: Sequence[ComparedRun], *, measured: bool = True) -> None:
        super().__init__()
        self.context = RunContext(vae_and_autoencoder()[:1], Path("exports"))
        if measured:
            known = {str(r.directory): numbers_of(r) for r in runs if r.snapshot.last}
            self.context.numbers.update(known)
        self.comparison = ComparisonScreen(self.context, runs)

    def on_mount(self) -> None:
        self.register_theme(THEME)
        self.theme = THEME.name
        self.push_screen(self.comparison)

    def on_unmount(self) -> None:
        self.context.worker.close()


async def settle(pilot: Pilot[None]) -> None:
    """Until the runs have been looked at, have answered, and the answers have been drawn."""
    app = pilot.app
    assert isinstance(app, ComparisonApp)
    await look(pilot, app.comparison, 3)
