"""A model of arithmetic in place of a run, and an app with only the explorer."""

from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from textual.app import App, ComposeResult

import tui
from engine.config import RunConfig
from engine.errors import ViewError
from engine.history import History
from engine.metrics import Evaluation
from engine.projection import Projection
from engine.run import Access
from engine.snapshot import Phase, Snapshot
from engine.views import (
    Decode,
    DecodedView,
    Images,
    LatentMap,
    LatentView,
    Plane,
    Probe,
    ProbeView,
    Split,
)
from tests.support import tui_fakes
from tests.support.fake_worker import FakeWorker
from tui.screens.explorer.screen import ExplorerScreen
from tui.state.context import RunContext
from tui.theme import THEME
from tui.widgets.message_line import MessageLine

COUNT = 300
CENTRES = 3 * np.stack([np.cos(np.arange(10)), np.sin(np.arange(10))], axis=1)


def decoded(latents: np.ndarray) -> Images:
    """A slope that tells its latent: brightness from the first number, contrast from the rest."""
    ramp = np.linspace(-1, 1, 28)[None, None, :] * np.ones((1, 28, 1))
    bright, steep = latents[:, 0], latents[:, 1:].sum(axis=1)
    images: Images = 1 / (1 + np.exp(-bright[:, None, None] - 2 * steep[:, None, None] * ramp))
    return images.astype(np.float32)


def original(index: int) -> np.ndarray:
    """An image of a split: a bright row."""
    image = np.zeros((28, 28), np.float32)
    image[index % 28] = 1.0
    return image


class FakeRun:
    """Answers at once, or with `held` when `answer` is called."""

    access = Access.OWNER

    def __init__(self, latent_dim: int = 4, model: str = "vae", name: str = "vae-fake") -> None:
        self.config = RunConfig(latent_dim=latent_dim, model=model)  # type: ignore[arg-type]
        self.history = History([self.evaluation(300)], [])
        self.snapshot = Snapshot(
            run=name,
            phase=Phase.TRAINING,
            step=300,
            total_steps=900,
            epoch=3.0,
            epochs=9,
            last=self.history.evaluations()[-1],
        )
        self.directory = Path("checkpoints") / name
        self.held = False
        self.failing: str | None = None
        self.without_test_images = False
        self.embedding = False
        """Whether the neighbours are not known yet."""
        self.asked: list[Any] = []
        self._waiting: list[tuple[Any, Future[Any]]] = []

    def evaluation(self, step: int) -> Evaluation:
        # The last dimension is the most informative, but for the first.
        dims = self.config.latent_dim
        kl = np.arange(dims) / 10 + np.where(np.arange(dims) == 0, 9.0, 0.0)
        made = tui_fakes.evaluation(step / 100, self.config.model, 100)
        return replace(made, kl_per_dim=kl if self.config.model == "vae" else np.empty(0))

    def train_to(self, step: int, *, evaluate: bool = False, phase: Phase | None = None) -> None:
        if evaluate:
            self.history.add_evaluation(self.evaluation(step))
        self.snapshot = replace(
            self.snapshot,
            step=step,
            phase=phase or self.snapshot.phase,
            last=self.history.evaluations()[-1],
        )

    def request(self, view: Any) -> "Future[Any]":
        self.asked.append(view)
        future: Future[Any] = Future()
        self._waiting.append((view, future))
        if not self.held:
            self.answer()
        return future

    def answer(self, count: int | None = None) -> None:
        """Answer the oldest questions; None for all."""
        waiting = self._waiting[:count]
        self._waiting = self._waiting[len(waiting) :]
        for view, future in waiting:
            try:
                future.set_result(self._answer(view))
            except ViewError as error:
                future.set_exception(error)

    @property
    def outstanding(self) -> list[Any]:
        return [view for view, _ in self._waiting]

    def questions(self, kind: type) -> list[Any]:
        return [view for view in self.asked if isinstance(view, kind)]

    def map(self, split: Split = "validation", dims: tuple[int, int] | None = None) -> LatentView:
        size = self.config.latent_dim
        rng = np.random.default_rng(("validation", "train", "test").index(split))
        labels = np.arange(COUNT) % 10
        latents = rng.normal(0, 0.4, (COUNT, size))
        latents[:, :2] += CENTRES[labels][:, :size]
        axes = np.eye(max(2, size), size)[list(dims or (0, 1))]
        names = ("PC 1 (60.0 %)", "PC 2 (20.0 %)")
        projection: Projection | None = "pca" if size > 2 and dims is None else None
        if projection is None:
            names = tuple(f"z{d + 1}" for d in dims or (0, 1))  # type: ignore[assignment]
        return LatentView(
            step=self.snapshot.step,
            epoch=self.snapshot.epoch,
            points=(latents @ axes.T).astype(np.float32),
            labels=labels.astype(np.uint8),
            class_names=tui_fakes.CLASS_NAMES,
            projection=projection,
            axis_names=names,
            split=split,
            indices=np.arange(COUNT) * 3,
            latents=latents.astype(np.float32),
            plane=Plane(np.zeros(size), axes),
        )

    def _answer(self, view: Any) -> Any:
        step, epoch = self.snapshot.step, self.snapshot.epoch
        if self.failing:
            raise ViewError(self.failing)
        match view:
            case LatentMap("test") if self.without_test_images:
                raise ViewError("can't draw this: there is no test file")
            case LatentMap(split, dims):
                return self.map(split, dims)
            case Decode(latents):
                return DecodedView(step, epoch, decoded(latents))
            case Probe(latent, count, of):
                shown = slice(0, 0 if self.embedding else count)
                labels = np.arange(count) % len(self.map().class_names)
                return ProbeView(
                    step=step,
                    epoch=epoch,
                    image=decoded(latent[None])[0],
                    neighbours=np.stack([original(n) for n in range(count)])[shown],
                    neighbour_labels=labels.astype(np.uint8)[shown],
                    distances=(0.1 + np.arange(count) / 10).astype(np.float32)[shown],
                    original=None if of is None else original(of[1]),
                )
        raise AssertionError(view)


class ExplorerApp(App[None]):
    """The explorer over a screen with a message line only."""

    CSS_PATH = Path(tui.__file__).parent / "styles.tcss"

    def __init__(self, run: FakeRun, exports: Path = Path("exports")) -> None:
        super().__init__()
        self.fake = run
        self.worker = FakeWorker()
        self.context = RunContext(
            runs=[run],  # type: ignore[list-item]
            exports=exports,
            worker=self.worker,  # type: ignore[arg-type]
        )
        self.explorer = ExplorerScreen(self.context)

    def compose(self) -> ComposeResult:
        yield MessageLine(id="message")

    def on_mount(self) -> None:
        self.register_theme(THEME)
        self.theme = THEME.name
        self.push_screen(self.explorer)
