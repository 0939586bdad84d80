"""A run with diagnoses that never changes, and an app that shows them."""

from concurrent.futures import Future
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from textual.app import App

import tui
from data import CLASS_NAMES, load_dataset
from engine.config import RunConfig
from engine.history import History
from engine.metrics import Evaluation, Metrics
from engine.run import Access
from engine.snapshot import Phase, Snapshot
from engine.views import Reconstructions, ReconstructionView
from tests.support.made_diagnoses import made_diagnosis
from tui.screens.diagnosis.screen import DiagnosisScreen
from tui.state.context import RunContext
from tui.theme import THEME

EPOCHS = (0.0, 0.01, 0.04, 0.16, 0.64, 1.0, 2.0, 3.0, 4.0, 5.0)


@cache
def some_images() -> tuple[np.ndarray, np.ndarray]:
    dataset = load_dataset()
    return (dataset.images[:40] / 255.0).astype(np.float32), dataset.labels[:40]


def made_evaluation(config: RunConfig, epoch: float, *, collapsed: bool = False) -> Evaluation:
    made = made_diagnosis(config, round(100 * epoch), collapsed=collapsed)
    score = made.validation
    kl = np.empty(0)
    if config.model == "vae":
        weights = 0.7 ** ((7 * np.arange(config.latent_dim)) % config.latent_dim)
        kl = score.kl * weights / weights.sum()
    loss = score.recon if config.model == "ae" else score.recon + config.beta * score.kl
    return Evaluation(
        step=made.step,
        epoch=epoch,
        beta=config.beta,
        lr=1e-3,
        val=Metrics(loss, score.recon, score.kl),
        train=None,
        kl_per_dim=kl,
        active_units=9,
        seconds=3 * epoch,
    )


class DiagnosedRun:
    """After five epochs of ten."""

    access = Access.OWNER
    frames: tuple[()] = ()

    def __init__(
        self,
        config: RunConfig | None = None,
        name: str = "vae-diagnosed",
        *,
        collapsed: bool = False,
        diagnosed: bool = True,
        epochs: tuple[float, ...] = EPOCHS,
    ) -> None:
        self.config = config or RunConfig()
        self.directory = Path(name)
        self.history = History()
        self.asked: list[object] = []
        self._collapsed, self._diagnosed = collapsed, diagnosed
        self.snapshot = Snapshot(run=name, phase=Phase.TRAINING, device="CPU", threads=1)
        for epoch in epochs:
            self.evaluate(epoch)

    def evaluate(self, epoch: float) -> None:
        """Come to the next evaluation."""
        evaluation = made_evaluation(self.config, epoch, collapsed=self._collapsed)
        self.history.add_evaluation(evaluation)
        if self._diagnosed:
            made = made_diagnosis(self.config, evaluation.step, collapsed=self._collapsed)
            self.history.add_diagnosis(made)
        self.snapshot = replace(
            self.snapshot,
            step=evaluation.step,
            total_steps=1_000,
            epoch=epoch,
            epochs=10,
            last=evaluation,
            best=self.history.best,
        )

    def request(self, view: object) -> "Future[Any]":
        self.asked.append(view)
        future: Future[Any] = Future()
        assert isinstance(view, Reconstructions)
        images, labels = some_images()
        chosen = np.array(view.indices)
        blurred = images[chosen] * 0.5 + np.roll(images[chosen], 1, axis=2) * 0.5
        future.set_result(
            ReconstructionView(
                self.snapshot.step,
                self.snapshot.epoch,
                0,
                images[chosen],
                blurred,
                labels[chosen],
                CLASS_NAMES,
                chosen,
            )
        )
        return future


class DiagnosisApp(App[None]):
    CSS_PATH = Path(tui.__file__).parent / "styles.tcss"

    def __init__(self, *runs: DiagnosedRun, film_step: int | None = None) -> None:
        super().__init__()
        context = RunContext(list(runs), Path("exports"))  # type: ignore[arg-type]
        self.screen_shown = DiagnosisScreen(context, film_step)

    def on_mount(self) -> None:
        self.register_theme(THEME)
        self.theme = THEME.name
        self.push_screen(self.screen_shown)
