"""The walks screen on a run that answers at once, driven by keys (Pilot)."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, Static

import tui
from data import ImageDataset
from engine.alerts import Alert
from engine.config import RunConfig
from engine.errors import ViewError
from engine.inference.viewer import Viewer
from engine.model.device_data import ImageSplits
from engine.model.networks import build_model
from engine.run import Access
from engine.runs.start_points import NewRun
from engine.runs.training_run import TrainingRun
from engine.snapshot import Phase
from engine.views import Interpolation, Manifold, Traversal, ViewRequest
from tests.support.looking import look
from tests.support.tui_fakes import history, snapshot_of, texts_of
from tests.support.waiting import until
from tui.screens.dialogs.go_to import GoToScreen
from tui.screens.dialogs.help import HelpScreen
from tui.screens.walks.panel import WalkPanel
from tui.screens.walks.screen import WalksScreen
from tui.screens.walks.tabs import WalkBar
from tui.state.context import RunContext
from tui.state.exports import ExportOrder
from tui.state.keymap import WALK_ACTIONS
from tui.theme import THEME
from tui.widgets.header import RunHeader
from tui.widgets.key_bar import KeyBar
from tui.widgets.message_line import MessageLine

pytestmark = pytest.mark.slow

CONFIG = RunConfig(hidden=(16,), latent_dim=6)


class ReadyRun:
    """An untrained model that answers every question, and notes it."""

    access: Access = Access.OWNER

    def __init__(self, dataset: ImageDataset, config: RunConfig = CONFIG) -> None:
        self.config = config
        self.history = history(5, 20, config.model)
        self.snapshot = replace(snapshot_of(self.history), elapsed=100.0)
        self.directory = Path("checkpoints/vae-test")
        images = ImageSplits.of_dataset(dataset, config, torch.device("cpu"))
        self._viewer = Viewer(config, build_model(config, init_seed=1), images)
        self.asked: list[ViewRequest[Any]] = []
        self.broken = False

    def request(self, view: ViewRequest[Any]) -> "Future[Any]":
        self.asked.append(view)
        future: Future[Any] = Future()
        if self.broken:
            future.set_exception(ViewError("can't draw this"))
        else:
            step, epoch = self.snapshot.step, self.snapshot.epoch
            future.set_result(self._viewer.at(step, epoch).compute(view))
        return future

    def walks_asked(self) -> list[ViewRequest[Any]]:
        """Without the question for the last image."""
        return [
            view for view in self.asked if view != Interpolation(pairs=((-1, -1),), rows=1, steps=2)
        ]

    def train(self) -> None:
        self.snapshot = replace(self.snapshot, step=self.snapshot.step + 1)

    def pause(self) -> None:
        self.snapshot = replace(self.snapshot, phase=Phase.PAUSED)

    def resume(self) -> None:
        self.snapshot = replace(self.snapshot, phase=Phase.TRAINING)


class WalksApp(App[None]):
    CSS_PATH = Path(tui.__file__).parent / "styles.tcss"

    def __init__(self, context: RunContext) -> None:
        super().__init__()
        self.walks = WalksScreen(context)

    def on_mount(self) -> None:
        self.register_theme(THEME)
        self.theme = THEME.name
        self.push_screen(self.walks)


@pytest.fixture
def run(small_dataset: ImageDataset) -> ReadyRun:
    return ReadyRun(small_dataset)


@asynccontextmanager
async def walking(
    *runs: ReadyRun, size: tuple[int, int] = (80, 24), **settings: Any
) -> AsyncIterator[tuple[WalksScreen, Pilot[None]]]:
    context = RunContext(list(runs), Path("exports"), **settings)  # type: ignore[arg-type]
    app = WalksApp(context)
    async with app.run_test(size=size) as pilot:
        yield app.walks, pilot
    context.worker.close()


async def shown(screen: WalksScreen, pilot: Pilot[None], title: str) -> None:
    """Until the walk on show has been drawn, and the bar says this."""
    await until(pilot, lambda: title in bar(screen) and "waiting" not in texts_of(screen.panel)[0])


def bar(screen: WalksScreen) -> str:
    return screen.query_one(WalkBar).render().plain


def message(screen: WalksScreen) -> str:
    return screen.query_one(MessageLine).text


async def test_one_walk_is_shown_at_a_time_and_only_it_is_asked_for(run: ReadyRun) -> None:
    async with walking(run) as (screen, pilot):
        await shown(screen, pilot, "validation images · pairs 1")
        assert [p.id for p in screen.query(WalkPanel) if p.display] == ["interpolation"]
        assert set(run.walks_asked()) == {Interpolation(rows=3, steps=5)}
        run.asked.clear()
        await pilot.press("w")
        await shown(screen, pilot, "prior quantiles 5 % … 95 %")
        assert [p.id for p in screen.query(WalkPanel) if p.display] == ["traversal"]
        assert set(run.walks_asked()) == {Traversal(rows=6, steps=5)}
        run.asked.clear()
        await pilot.press("tab")
        await shown(screen, pilot, "4 × 4")
        assert [p.id for p in screen.query(WalkPanel) if p.display] == ["manifold"]
        assert set(run.walks_asked()) == {Manifold(4)}


async def test_every_way_of_choosing_a_walk(run: ReadyRun) -> None:
    async with walking(run) as (screen, pilot):
        seen = []
        for key in ("w", "w", "w", "shift+tab", "tab", "3", "1", "2"):
            await pilot.press(key)
            seen.append(screen.panel.id)
        names = ["traversal", "manifold", "interpolation", "manifold", "interpolation"]
        assert seen == [*names, "manifold", "interpolation", "traversal"]
        await pilot.click(WalkBar, offset=(40, 0))
        assert screen.panel.id == "manifold"


async def test_a_walk_is_asked_for_again_as_training_goes_on(
    run: ReadyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.state.view_feed.FAST_INTERVAL", 0.01)
    monkeypatch.setattr("tui.state.view_feed.SLOW_INTERVAL", 0.01)
    async with walking(run) as (screen, pilot):
        for key, every_step in (("1", True), ("2", True), ("3", False)):
            await pilot.press(key)
            await until(pilot, lambda: "waiting" not in texts_of(screen.panel)[0])
            run.asked.clear()
            await look(pilot, screen)
            assert run.walks_asked() == []  # nothing has changed
            run.train()
            await look(pilot, screen)
            # The manifold's plane takes all validation images: only when it is evaluated.
            assert len(run.walks_asked()) == every_step
            last = run.snapshot.last
            assert last is not None
            run.asked.clear()
            run.snapshot = replace(
                run.snapshot, step=last.step + 9, last=replace(last, step=last.step + 9)
            )
            await until(pilot, lambda: len(run.walks_asked()) == 1)


async def test_not_more_often_than_the_dashboards_pictures(run: ReadyRun) -> None:
    async with walking(run) as (screen, pilot):
        await shown(screen, pilot, "pairs 1")
        run.asked.clear()
        for _ in range(8):
            run.train()
            await look(pilot, screen)
        assert run.asked == []  # three seconds have not gone by


async def test_nothing_is_asked_while_another_screen_is_on_top(
    run: ReadyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.state.view_feed.FAST_INTERVAL", 0.01)
    monkeypatch.setattr("tui.state.view_feed.SLOW_INTERVAL", 0.01)
    async with walking(run) as (screen, pilot):
        await shown(screen, pilot, "pairs 1")
        await pilot.app.push_screen(Screen())
        run.asked.clear()
        for _ in range(5):
            run.train()
            await look(pilot, screen)
        assert run.asked == []
        pilot.app.pop_screen()
        await until(pilot, lambda: bool(run.walks_asked()))


async def test_nothing_is_asked_before_the_first_evaluation(run: ReadyRun) -> None:
    snapshot, run.snapshot = run.snapshot, replace(run.snapshot, last=None)
    async with walking(run) as (screen, pilot):
        await look(pilot, screen)
        assert run.asked == []
        assert "waiting for the model" in texts_of(screen.panel)[0]
        await pilot.press("e")
        assert message(screen) == "nothing to export yet"
        await pilot.press("g")
        assert message(screen) == "there are no images to go to yet"
        run.snapshot = snapshot
        await shown(screen, pilot, "pairs 1")


async def test_m_r_and_capital_r_choose_what_lies_at_the_ends(run: ReadyRun) -> None:
    async with walking(run) as (screen, pilot):
        await shown(screen, pilot, "pairs 1")
        await pilot.press("R")
        assert message(screen) == "these are the first ones"
        await pilot.press("r", "r", "R")
        await shown(screen, pilot, "pairs 2")
        await until(pilot, lambda: run.asked[-1] == Interpolation(page=1, rows=3, steps=5))
        await pilot.press("m")
        await shown(screen, pilot, "prior · seed 0")
        await until(pilot, lambda: run.asked[-1] == Interpolation("prior", rows=2, steps=5))
        await until(pilot, lambda: "sample 1" in texts_of(screen.panel)[0])


async def test_r_shows_another_image_s_dimensions(run: ReadyRun) -> None:
    async with walking(run) as (screen, pilot):
        await pilot.press("2", "r", "r", "R")
        await until(pilot, lambda: run.asked[-1] == Traversal(1, rows=6, steps=5))
        await until(pilot, lambda: any("#1 " in line for line in texts_of(screen.panel)))


async def test_the_ends_that_were_marked_elsewhere_are_the_first_path(run: ReadyRun) -> None:
    async with walking(run, ends=(3, 17)) as (screen, pilot):
        await until(pilot, lambda: "#3 " in texts_of(screen.panel)[0])
        assert texts_of(screen.panel)[0].strip().endswith("#17")
        asked = run.asked[-1]
        assert isinstance(asked, Interpolation)
        assert asked.pairs is not None
        assert asked.pairs[0] == (3, 17)
        assert len(asked.pairs) == 3


async def test_g_goes_to_images_by_their_positions(run: ReadyRun) -> None:
    async with walking(run) as (screen, pilot):
        await shown(screen, pilot, "pairs 1")
        await until(pilot, lambda: screen._last_image == 39)
        await pilot.press("g")
        dialog = pilot.app.screen
        assert isinstance(dialog, GoToScreen)
        assert "0 to 39" in str(dialog.query_one(".dialog-hint", Static).render())
        await pilot.press(*"12", "enter", *"39", "enter")
        await until(pilot, lambda: "#12 " in texts_of(screen.panel)[0])
        assert texts_of(screen.panel)[0].strip().endswith("#39")
        await pilot.press("r")
        await shown(screen, pilot, "pairs 2")
        await until(pilot, lambda: run.asked[-1] == Interpolation(page=1, rows=3, steps=5))


async def test_g_goes_to_draws_by_their_numbers(run: ReadyRun) -> None:
    async with walking(run) as (screen, pilot):
        await pilot.press("m", "g", *"64", "tab", *"1", "enter")
        await until(pilot, lambda: texts_of(screen.panel)[0].split()[:2] == ["sample", "64"])
        assert texts_of(screen.panel)[0].split()[-2:] == ["sample", "1"]


@pytest.mark.parametrize(
    ("first", "second", "error"),
    [
        ("40", "1", "“from” must be a whole number of 0 to 39, not '40'"),
        ("-1", "1", "“from” must be a whole number of 0 to 39, not '-1'"),
        ("1", "x", "“to” must be a whole number of 0 to 39, not 'x'"),
        ("1", "1.5", "“to” must be a whole number of 0 to 39, not '1.5'"),
        ("", "1", "“from” must be a whole number of 0 to 39"),
        ("٣", "1", "“from” must be a whole number of 0 to 39, not '٣'"),
        ("1_0", "1", "“from” must be a whole number of 0 to 39, not '1_0'"),
        ("999999999999", "1", "“from” must be a whole number of 0 to 39, not '999999999999'"),
    ],
)
async def test_the_dialog_says_what_is_wrong_and_stays(
    run: ReadyRun, first: str, second: str, error: str
) -> None:
    async with walking(run) as (screen, pilot):
        await until(pilot, lambda: screen._last_image is not None)
        await pilot.press("g")
        dialog = pilot.app.screen
        dialog.query_one("#from", Input).value = first
        dialog.query_one("#to", Input).value = second
        await pilot.pause()
        await pilot.click("#ok")
        assert pilot.app.screen is dialog
        text = dialog.query_one(".dialog-error", Static)
        assert str(text.render()) == error
        assert dialog.focused is not None
        assert dialog.focused.id == error.split("”")[0].removeprefix("“")
        await pilot.press("1")
        assert str(text.render()) == ""  # being mended
        await pilot.press("escape")
        assert pilot.app.screen is screen
        assert all(getattr(view, "pairs", None) is None for view in run.walks_asked())


async def test_arrows_scroll_the_dimensions(run: ReadyRun) -> None:
    async with walking(run) as (screen, pilot):
        await pilot.press("2")
        await shown(screen, pilot, "prior quantiles")
        text = "\n".join(texts_of(screen.panel))
        assert "1–3 of 6" in text
        await pilot.press("down")
        assert "2–4 of 6" in "\n".join(texts_of(screen.panel))
        await pilot.press("pagedown")
        assert "4–6 of 6" in "\n".join(texts_of(screen.panel))
        await pilot.press("down")
        assert message(screen) == "all dimensions there are"
        await pilot.press("pageup", "up")
        assert message(screen) == "the most informative dimensions"
        assert "1–3 of 6" in "\n".join(texts_of(screen.panel))


async def test_plus_and_minus_change_how_fine_the_grid_is(run: ReadyRun) -> None:
    async with walking(run, size=(140, 45)) as (screen, pilot):
        await pilot.press("3")
        await shown(screen, pilot, "8 × 8")
        await pilot.press("plus")
        await shown(screen, pilot, "10 × 10")
        await pilot.press("plus")
        assert message(screen) == "no more images fit"
        await pilot.press("minus", "minus")
        await shown(screen, pilot, "6 × 6")
        await pilot.press("equals_sign")
        await shown(screen, pilot, "8 × 8")


async def test_another_size_of_the_terminal_asks_for_what_fills_it(run: ReadyRun) -> None:
    async with walking(run) as (screen, pilot):
        await shown(screen, pilot, "pairs 1")
        await pilot.resize_terminal(200, 60)
        await until(pilot, lambda: run.asked[-1] == Interpolation(rows=6, steps=9))
        await pilot.resize_terminal(20, 6)
        await until(pilot, lambda: "too small" in texts_of(screen.panel)[0])


async def test_a_key_of_another_walk_says_so(run: ReadyRun) -> None:
    async with walking(run) as (screen, pilot):
        await pilot.press("plus")
        assert message(screen) == "that key is for the manifold: press 3 first"
        await pilot.press("down")
        assert message(screen) == "that key is for the traversal: press 2 first"
        await pilot.press("3", "m")
        assert message(screen) == "that key is for the interpolation: press 1 first"
        await pilot.press("g")
        assert pilot.app.screen is screen
        await pilot.press("r")
        assert message(screen) == "the manifold is one: there are no others"


async def test_the_footer_shows_the_keys_of_the_walk_on_show(run: ReadyRun) -> None:
    async with walking(run, size=(160, 45)) as (screen, pilot):
        seen = {}
        for key in ("1", "2", "3"):
            await pilot.press(key)
            await pilot.pause()
            [keys] = [k for k in screen.query(KeyBar) if k.display]
            seen[key] = set(keys.render().plain.split("  "))
        assert {"m ends", "r next", "g go to"} <= seen["1"]
        assert {"r next", "↓ dims"} <= seen["2"]
        assert {"+ more", "- fewer"} <= seen["3"]
        assert not {"m ends", "g go to"} & (seen["2"] | seen["3"])
        assert "↓ dims" not in seen["1"] | seen["3"]
        assert not {"+ more", "r next"} & (seen["1"] - {"r next"})
        assert "r next" not in seen["3"]
        assert {"w walk", "e export", "space pause", "? help", "q back"} <= set.intersection(
            *seen.values()
        )


async def test_an_autoencoder_says_that_its_codes_have_no_prior(
    small_dataset: ImageDataset,
) -> None:
    run = ReadyRun(small_dataset, replace(CONFIG, model="ae"))
    async with walking(run, size=(140, 45)) as (screen, pilot):
        await shown(screen, pilot, "lerp between validation images' codes")
        await pilot.press("m")
        await shown(screen, pilot, "no prior")
        await pilot.press("2")
        await shown(screen, pilot, "own codes: no prior")
        await pilot.press("3")
        await shown(screen, pilot, "an AE has no prior")


async def test_another_run_on_show_is_shown_here_too(
    run: ReadyRun, small_dataset: ImageDataset
) -> None:
    other = ReadyRun(small_dataset, replace(CONFIG, model="ae"))
    async with walking(run, other, size=(140, 45)) as (screen, pilot):
        await shown(screen, pilot, "images' μ")
        screen.context.shown = 1
        await shown(screen, pilot, "images' codes")
        assert other.walks_asked()


async def test_the_header_says_that_the_run_is_attached(run: ReadyRun) -> None:
    async with walking(run, size=(140, 45)) as (screen, pilot):
        header = screen.query_one(RunHeader)
        await until(pilot, lambda: header.render().plain.endswith(" ● training"))
        assert "attached" not in header.render().plain
        run.access = Access.CONTROL
        screen.look_now()
        assert header.render().plain.endswith("attached ● training")


async def test_e_orders_the_walk_on_show_as_it_is_set(
    run: ReadyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders: list[ExportOrder] = []
    monkeypatch.setattr(WalksScreen, "start_export", lambda _, order: orders.append(order))
    async with walking(run) as (screen, pilot):
        await shown(screen, pilot, "pairs 1")
        await pilot.press("r", "e", "2", "r", "down", "e", "3", "e")
    assert [order.names for order in orders] == [("interpolation",), ("traversal",), ("manifold",)]
    assert orders[0].options.interpolation == Interpolation(page=1, rows=3, steps=5)
    assert orders[1].options.traversal == Traversal(1, rows=4, steps=5)
    assert orders[2].options.manifold == Manifold(4)


async def test_an_answer_that_cannot_be_had_is_told_and_not_asked_for_all_the_time(
    run: ReadyRun,
) -> None:
    async with walking(run) as (screen, pilot):
        await shown(screen, pilot, "pairs 1")
        run.broken = True
        run.asked.clear()
        await pilot.press("r")
        await until(pilot, lambda: message(screen) == "can't draw this")
        await look(pilot, screen)
        assert len(run.asked) == 1
        run.broken = False
        await pilot.press("r")
        await until(pilot, lambda: "#" in texts_of(screen.panel)[0])


async def test_what_every_screen_has(run: ReadyRun) -> None:
    async with walking(run) as (screen, pilot):
        await shown(screen, pilot, "pairs 1")
        await pilot.press("space")
        assert run.snapshot.phase is Phase.PAUSED
        await until(pilot, lambda: message(screen).startswith("paused"))
        assert {panel.image_mode for panel in screen.query(WalkPanel)} == {"half"}
        await pilot.press("i")
        assert {panel.image_mode for panel in screen.query(WalkPanel)} == {"ascii"}
        assert "▀" not in "".join(texts_of(screen.panel))
        await pilot.press("question_mark")
        assert isinstance(pilot.app.screen, HelpScreen)
        await pilot.press("escape")
        run.snapshot = replace(run.snapshot, alerts=(Alert(7, "the disk is full"),))
        await until(pilot, lambda: message(screen) == "step 7: the disk is full")
        await pilot.press("escape")
        assert pilot.app.screen is not screen


async def test_pictures_begin_in_the_mode_of_the_context(run: ReadyRun) -> None:
    async with walking(run, image_mode="ascii") as (screen, _):
        assert {panel.image_mode for panel in screen.query(WalkPanel)} == {"ascii"}


def test_every_key_of_the_table_does_something() -> None:
    for action in WALK_ACTIONS:
        assert callable(getattr(WalksScreen, f"action_{action.name}"))
    keys = [key for action in WALK_ACTIONS for key in action.key.split(",")]
    assert len(keys) == len(set(keys))


async def test_on_a_real_run_the_walks_show_the_model_as_it_learns(
    small_config: RunConfig, tmp_path: Path
) -> None:
    run = TrainingRun(small_config, NewRun(tmp_path / "checkpoints"))
    run.start()
    try:
        async with walking(run) as (screen, pilot):  # type: ignore[arg-type]
            for key, title in (("1", "pairs 1"), ("2", "prior quantiles"), ("3", "4 × 4")):
                await pilot.press(key)
                await shown(screen, pilot, title)
            await until(pilot, lambda: run.snapshot.phase is Phase.FINISHED)
            header = screen.query_one(RunHeader)
            await until(pilot, lambda: "finished" in header.render().plain)
    finally:
        run.close()
        assert await asyncio.to_thread(run.join, 30)
