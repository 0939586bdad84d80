"""How the walks look, against stored pictures (`pytest --snapshot-update` renews them)."""

from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm
from textual.app import App
from textual.pilot import Pilot

import tui
from data import CLASS_NAMES, load_dataset
from engine.config import ModelName, RunConfig
from engine.run import Access
from engine.views import (
    Interpolation,
    InterpolationView,
    Manifold,
    ManifoldView,
    Traversal,
    TraversalView,
)
from tests.support.looking import look
from tests.support.tui_fakes import history, snapshot_of
from tui.screens.walks.screen import WalksScreen
from tui.state.context import RunContext
from tui.theme import THEME

pytestmark = pytest.mark.slow

SnapCompare = Callable[..., bool]
MOMENT = {"step": 2110, "epoch": 5.0}


@cache
def first_of_each_class() -> np.ndarray:
    dataset = load_dataset()
    first = [int(np.flatnonzero(dataset.labels == label)[0]) for label in range(10)]
    images: np.ndarray = (dataset.images[first] / 255.0).astype(np.float32)
    return images


class CannedWalks:
    """Answers with mixtures of real images."""

    access = Access.OWNER
    directory = None

    def __init__(self, model: ModelName) -> None:
        self.config = RunConfig(model=model)
        self.history = history(5, 20, model)
        self.snapshot = snapshot_of(self.history)
        self._images = first_of_each_class()

    def request(self, view: object) -> "Future[Any]":
        future: Future[Any] = Future()
        future.set_result(self._answer(view))
        return future

    def _mixed(self, a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
        t = t[..., None, None]
        mixed: np.ndarray = (1 - t) * self._images[a % 10] + t * self._images[b % 10]
        return mixed.astype(np.float32)

    def _answer(self, view: object) -> object:
        match view:
            case Interpolation(between, page, pairs, rows, steps):
                a = 2 * np.arange(rows) + page
                ends = np.stack((a, a + 1), axis=1)
                own = [(100 + 7 * int(i), 5900 - int(i)) for i in a]
                fractions = np.linspace(0, 1, steps)
                originals = self._images[ends % 10]
                names = [CLASS_NAMES[end % 10] for end in ends.ravel()]
                return InterpolationView(
                    **MOMENT,
                    images=self._mixed(a[:, None], a[:, None] + 1, np.tile(fractions, (rows, 1))),
                    fractions=fractions,
                    pairs=tuple((first % 6000, second % 6000) for first, second in pairs or own),
                    originals=originals if between == "images" else None,
                    names=tuple(zip(names[::2], names[1::2], strict=True)),
                    method="lerp" if between == "images" else "slerp",
                )
            case Traversal(image, rows, steps):
                quantiles = np.linspace(0.05, 0.95, steps)
                other = np.arange(rows)[:, None] + 1
                return TraversalView(
                    **MOMENT,
                    images=self._mixed(np.array(image), other, np.tile(quantiles, (rows, 1))),
                    dims=(np.arange(rows) * 7) % 20,
                    weights=2.5 * 0.8 ** np.arange(rows),
                    quantiles=quantiles,
                    values=norm.ppf(quantiles) * 1.5 ** np.arange(rows)[:, None],
                    original=self._images[image % 10],
                    index=image,
                    class_name=CLASS_NAMES[image % 10],
                )
            case Manifold(size):
                place = (np.arange(size) + 0.5) / size
                left, right = (self._mixed(np.array(n), np.array(n + 1), place) for n in (1, 7))
                t = place[None, :, None, None]
                return ManifoldView(
                    **MOMENT,
                    images=((1 - t) * left[:, None] + t * right[:, None]).astype(np.float32),
                    quantiles=place,
                    axis_names=("PC 1 (17.3 %)", "PC 2 (15.5 %)"),
                )
        raise AssertionError(view)


class WalksApp(App[None]):
    CSS_PATH = Path(tui.__file__).parent / "styles.tcss"

    def __init__(self, model: ModelName) -> None:
        super().__init__()
        context = RunContext([CannedWalks(model)], Path("exports"))  # type: ignore[list-item]
        self.walks = WalksScreen(context)

    def on_mount(self) -> None:
        self.register_theme(THEME)
        self.theme = THEME.name
        self.push_screen(self.walks)


def pressing(*keys: str) -> Callable[[Pilot[None]], object]:
    async def settle(pilot: Pilot[None]) -> None:
        assert isinstance(pilot.app, WalksApp)
        await pilot.pause()
        await look(pilot, pilot.app.walks)

    async def press(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press(*keys)
        await settle(pilot)

    return press


@pytest.mark.parametrize("size", [(140, 45), (80, 24), (50, 16)])
@pytest.mark.parametrize("walk", ["1", "2", "3"])
def test_walk(snap_compare: SnapCompare, walk: str, size: tuple[int, int]) -> None:
    assert snap_compare(WalksApp("vae"), terminal_size=size, run_before=pressing(walk))


def test_prior_draws(snap_compare: SnapCompare) -> None:
    assert snap_compare(WalksApp("vae"), terminal_size=(80, 24), run_before=pressing("m"))


def test_an_autoencoders_dimensions(snap_compare: SnapCompare) -> None:
    assert snap_compare(WalksApp("ae"), terminal_size=(80, 24), run_before=pressing("2"))


def test_ascii_walk(snap_compare: SnapCompare) -> None:
    assert snap_compare(WalksApp("vae"), terminal_size=(80, 24), run_before=pressing("i"))


def test_go_to_with_a_mistake(snap_compare: SnapCompare) -> None:
    # The cursor of an input blinks; a button has none.
    keys = ("g", "x", "tab", "3", "enter", "tab", "tab")
    assert snap_compare(WalksApp("vae"), terminal_size=(80, 24), run_before=pressing(*keys))
