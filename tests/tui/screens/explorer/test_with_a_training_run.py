"""The explorer over a real run on a small data set."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from textual.pilot import Pilot

from data import ImageDataset
from engine.config import RunConfig
from engine.snapshot import Phase
from engine.storage import checkpoint
from engine.training.trainer import Trainer
from engine.views import Embedding, Probe
from tests.support.dashboard_app import running
from tests.support.waiting import until
from tui.app import FmnistVaeTui
from tui.screens.explorer.inspector import Inspector
from tui.screens.explorer.map import ExplorerMap
from tui.screens.explorer.screen import ExplorerScreen
from tui.widgets.message_line import MessageLine

pytestmark = pytest.mark.slow


@asynccontextmanager
async def exploring(
    config: RunConfig, tmp_path: Path
) -> AsyncIterator[tuple[FmnistVaeTui, ExplorerScreen, Pilot[None]]]:
    async with running(config, tmp_path) as (app, pilot):
        screen = ExplorerScreen(app.context)
        await app.push_screen(screen)
        yield app, screen, pilot


def model_of(app: FmnistVaeTui) -> Any:
    assert app.shown_run.directory is not None
    config = app.shown_run.config
    from data import load_dataset

    trainer = Trainer(config, load_dataset(Path(config.data)), torch.device("cpu"))
    trainer.model.load_state_dict(checkpoint.read(app.shown_run.directory / "last.pt")["model"])
    return trainer.model.eval()


@pytest.mark.parametrize(
    ("model", "dims"), [("vae", 1), ("vae", 2), ("vae", 20), ("ae", 2), ("ae", 5)]
)
async def test_the_image_at_the_cursor_is_the_models_and_its_neighbours_are_the_nearest(
    small_config: RunConfig, small_dataset: ImageDataset, tmp_path: Path, model: str, dims: int
) -> None:
    config = replace(small_config, model=model, latent_dim=dims, epochs=2)  # type: ignore[arg-type]
    async with exploring(config, tmp_path) as (app, screen, pilot):
        await until(pilot, lambda: app.shown_run.snapshot.phase is Phase.FINISHED)
        step = app.shown_run.snapshot.step
        await until(pilot, lambda: bool(screen.maps.linear and screen.maps.linear.step == step))
        await pilot.press("l", "L", "k", "k")
        panel = screen.query_one(Inspector)
        place = (screen._cursor.x, screen._cursor.y)
        await until(pilot, lambda: bool(panel._view is not None and len(panel._view.neighbours)))
        await until(
            pilot, lambda: bool(panel._point and panel._point.coordinates[0][1] == place[0])
        )
        await pilot.pause(0.7)
        assert panel._view is not None
        view = screen.maps.linear
        assert view is not None
        assert view.plane is not None
        latent = view.plane.latent(*place)
        with torch.no_grad():
            expected = torch.sigmoid(model_of(app).decode(torch.tensor(latent)))
        np.testing.assert_allclose(panel._image, expected.reshape(28, 28).numpy(), atol=1e-6)
        cloud = app.shown_run.request(Embedding("train")).result(10)
        distances = np.sort(np.linalg.norm(cloud.latents - latent, axis=1))
        count = len(panel._view.distances)
        assert count == panel.neighbours
        np.testing.assert_allclose(panel._view.distances, distances[:count], rtol=1e-5)
        nearest = int(np.linalg.norm(view.points - place, axis=1).argmin())
        assert panel._point is not None
        assert panel._point.index == nearest
        assert panel._view.original is not None


async def test_an_untrained_model_can_be_explored_and_training_shows(
    endless: RunConfig, tmp_path: Path
) -> None:
    async with exploring(endless, tmp_path) as (app, screen, pilot):
        await until(pilot, lambda: screen.maps.linear is not None)
        panel = screen.query_one(Inspector)
        await until(pilot, lambda: panel._image is not None)
        first, point = panel._image, panel._point
        assert first is not None
        assert point is not None
        step = screen.probes.step
        await until(pilot, lambda: screen.probes.step > step + 20)
        assert not np.array_equal(panel._image, first)
        assert app.shown_run.snapshot.phase is Phase.TRAINING


async def test_exploring_changes_nothing_of_the_run(
    small_config: RunConfig, small_dataset: ImageDataset, tmp_path: Path
) -> None:
    config = replace(small_config, epochs=30)
    alone = Trainer(config, small_dataset, torch.device("cpu"))
    while not alone.finished:
        alone.train(10**6)
    async with exploring(config, tmp_path) as (app, _, pilot):
        await until(pilot, lambda: app.shown_run.snapshot.step > 0)
        for key in ("l", "J", "v", "d", "K", "v", "a", "v", "3", "asterisk", "l", "space", "space"):
            await pilot.press(key)
        await until(pilot, lambda: app.shown_run.snapshot.phase is Phase.FINISHED)
        assert app.shown_run.directory is not None
        explored = checkpoint.read(app.shown_run.directory / "last.pt")["model"]
    for name, expected in alone.model.state_dict().items():
        assert torch.equal(explored[name], expected), name


async def test_while_the_training_images_are_embedded_the_cursor_is_answered(
    endless: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.inference.codec import Codec

    original = Codec.embed
    seen = threading.Event()

    def slow(self: Codec, split: Any, indices: Any = None, on_batch: Any = None) -> Any:
        found = original(self, split, indices, on_batch)
        if split == "train" and indices is None and on_batch is not None:
            while not seen.wait(0.005):
                on_batch()
        return found

    monkeypatch.setattr(Codec, "embed", slow)
    async with exploring(endless, tmp_path) as (_, screen, pilot):
        try:
            panel = screen.query_one(Inspector)
            await until(pilot, lambda: panel._image is not None)
            await pilot.press("L", "k")
            await until(
                pilot,
                lambda: (
                    panel._point is not None
                    and panel._point.coordinates[0][1] == screen._cursor.x
                    and panel._view is not None
                ),
            )
            assert panel._view is not None
            assert not len(panel._view.neighbours), "still being embedded"
            text = "\n".join(panel.render_line(y).text for y in range(panel.size.height))
            assert "embedding the training images" in text
        finally:
            seen.set()
        await until(pilot, lambda: bool(panel._view is not None and len(panel._view.neighbours)))


async def test_a_data_set_without_test_images_has_no_map_of_them(
    endless: RunConfig, small_data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "no-test"
    folder.mkdir()
    for path in small_data.iterdir():
        if path.name.startswith("train"):
            (folder / path.name).write_bytes(path.read_bytes())
    async with exploring(replace(endless, data=str(folder)), tmp_path) as (_, screen, pilot):
        await until(pilot, lambda: screen.maps.linear is not None)
        await pilot.press("v", "v")
        line = screen.query_one(MessageLine)
        await until(pilot, lambda: "has no test file" in line.text)
        title = screen.query_one(ExplorerMap)
        await until(pilot, lambda: "validation" in title.border_title)


async def test_t_shows_a_t_sne_from_the_helper_process(endless: RunConfig, tmp_path: Path) -> None:
    async with exploring(endless, tmp_path) as (app, screen, pilot):
        await until(pilot, lambda: screen.maps.linear is not None)
        await pilot.press("t")
        shown = screen.query_one(ExplorerMap)
        await until(pilot, lambda: "t-SNE of step" in (shown.border_title or ""))
        view = screen._cursor.view
        assert view is not None
        assert view.points.shape == (40, 2)
        await pilot.press("l")
        await until(pilot, lambda: screen.query_one(Inspector)._point is not None)
        nearest = screen._cursor.nearest
        assert nearest is not None
        place = app.shown_run.request(Probe(view.latents[nearest])).result(10)
        assert place.image.shape == (28, 28)
