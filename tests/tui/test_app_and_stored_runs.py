"""From the list of runs: opening, going on, comparing, exporting; with real runs on disk."""

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.config import RunConfig
from engine.run import Access, Run
from engine.runs.attached_run import AttachedRun
from engine.runs.start_points import NewRun
from engine.runs.training_run import TrainingRun, runs_in_turn
from engine.snapshot import Phase
from tests.support.slow_training import slow_training
from tests.support.waiting import said, until
from tui.app import FmnistVaeTui
from tui.screens.comparison.screen import ComparisonScreen
from tui.screens.dashboard.samples import SamplePanel
from tui.screens.dashboard.screen import Dashboard
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.more_epochs import MoreEpochsScreen
from tui.screens.runs.screen import RunsScreen
from tui.widgets.header import RunHeader

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stored(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of runs: a and b, finished after two epochs."""
    checkpoints = tmp_path_factory.mktemp("stored")
    config = RunConfig(
        data=str(small_data), hidden=(16,), latent_dim=3, batch_size=32, epochs=2, device="cpu"
    )
    origins = [(replace(config, seed=n), NewRun(checkpoints, name)) for n, name in enumerate("ab")]
    for run in runs_in_turn(origins):
        run.start()
        run.close(stop_training=False)
        assert run.join(60)
    return checkpoints


@pytest.fixture
def checkpoints(stored: Path, tmp_path: Path) -> Path:
    return shutil.copytree(stored, tmp_path / "checkpoints")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    slow_training(monkeypatch, 0.02)


@asynccontextmanager
async def listing(
    runs: list[Run], checkpoints: Path
) -> AsyncIterator[tuple[FmnistVaeTui, Pilot[None]]]:
    """The app with the list of runs on top."""
    exports = checkpoints.parent / "exports"
    app = FmnistVaeTui(runs, checkpoints, exports, images="half", browse=True)
    try:
        async with app.run_test(size=(140, 45)) as pilot:
            screen = app.screen
            assert isinstance(screen, RunsScreen)
            await until(pilot, lambda: screen.runs)
            yield app, pilot
    finally:
        for run in app.runs:
            run.close()
            assert await asyncio.to_thread(run.join, 30)


def endless(checkpoints: Path) -> TrainingRun:
    config = replace(AttachedRun(checkpoints / "a").config, epochs=100_000)
    return TrainingRun(config, NewRun(checkpoints, "endless"))


def to_run(app: FmnistVaeTui, name: str) -> None:
    """The list's cursor."""
    from tui.screens.runs.table import RunTable

    table = app.screen.query_one(RunTable)
    table.move_cursor(next(n for n, row in enumerate(table.rows) if row.run.name == name))


@pytest.mark.parametrize(
    ("key", "expected"), [("enter", Dashboard), ("c", ComparisonScreen), ("R", MoreEpochsScreen)]
)
async def test_a_key_that_is_pressed_twice_does_it_once(
    key: str, expected: type, checkpoints: Path
) -> None:
    async with listing([AttachedRun(checkpoints / "a")], checkpoints) as (app, pilot):
        for name in "ab":
            to_run(app, name)
            await pilot.press("m")
        if key == "enter":
            await pilot.press("m")  # only the first
        depth = len(app.screen_stack)
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        for _ in range(2):  # before the app has seen the first
            getattr(
                screen, {"enter": "action_open", "c": "action_compare"}.get(key, "action_resume")
            )()
        await until(pilot, lambda: isinstance(app.screen, expected))
        await pilot.pause()
        assert isinstance(app.screen, expected)
        assert len(app.screen_stack) == depth + (-1 if key == "enter" else 1)


async def test_a_finished_run_is_opened_read_only(checkpoints: Path) -> None:
    async with listing([AttachedRun(checkpoints / "a")], checkpoints) as (app, pilot):
        to_run(app, "b")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        await until(pilot, lambda: app.shown_run.snapshot.run == "b")
        assert app.shown_run.access is Access.READ
        header = app.screen.query_one(RunHeader)
        await until(pilot, lambda: "read-only ● finished" in header.render().plain)
        samples = app.screen.query_one(SamplePanel)
        await until(pilot, lambda: samples.can_pick)
        await pilot.press("space")
        await until(pilot, lambda: "nothing to pause: the run is finished" in said(pilot))
        await pilot.press("q")
        await pilot.pause()
    assert app.return_code == 0, "leaving asks nothing: nothing is trained here"


@pytest.mark.usefixtures("slow")
async def test_what_is_trained_here_goes_on_while_others_are_looked_at(checkpoints: Path) -> None:
    run = endless(checkpoints)
    async with listing([run], checkpoints) as (app, pilot):
        await until(pilot, lambda: run.snapshot.step > 0)
        await until(pilot, lambda: len(app.screen.runs) == 3)
        to_run(app, "a")
        await pilot.press("enter")
        await until(pilot, lambda: app.shown_run.snapshot.run == "a")
        step = run.snapshot.step
        await until(pilot, lambda: run.snapshot.step > step)
        await pilot.press("o")
        await until(pilot, lambda: app.shown_run is run)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.runs)
        to_run(app, "endless")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        assert app.shown_run is run, "not attached to itself"
        assert len(app.runs) == 2
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))


async def test_a_finished_run_goes_on_for_more_epochs(checkpoints: Path) -> None:
    async with listing([AttachedRun(checkpoints / "a")], checkpoints) as (app, pilot):
        to_run(app, "b")
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, MoreEpochsScreen))
        await pilot.press("home", "shift+end", *"2")
        await pilot.press("enter")
        assert isinstance(app.screen, MoreEpochsScreen), "2 are there already"
        await pilot.press("backspace", *"3", "enter")
        await until(pilot, lambda: app.shown_run.access is Access.OWNER)
        await until(pilot, lambda: app.shown_run.snapshot.phase is Phase.FINISHED)
        assert app.shown_run.snapshot.epoch == 3.0
        assert app.shown_run.directory == checkpoints / "b"


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("yes", [False, True])
async def test_going_on_asks_before_it_stops_another(yes: bool, checkpoints: Path) -> None:
    status = checkpoints / "b/status.json"
    status.write_text(status.read_text().replace('"finished"', '"stopped"'))
    run = endless(checkpoints)
    async with listing([run], checkpoints) as (app, pilot):
        await until(pilot, lambda: run.snapshot.step > 0)
        to_run(app, "b")
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y" if yes else "n")
        if yes:
            await until(pilot, lambda: app.shown_run.snapshot.run == "b")
            await until(pilot, lambda: run.snapshot.phase is Phase.STOPPED)
        else:
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))
            assert app.shown_run is run
            assert run.snapshot.phase is Phase.TRAINING


async def test_marked_runs_are_compared_and_let_go_of(checkpoints: Path) -> None:
    first = AttachedRun(checkpoints / "a")
    async with listing([first], checkpoints) as (app, pilot):
        for name in "ab":
            to_run(app, name)
            await pilot.press("m")
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ComparisonScreen))
        threads = [t.name for t in threading.enumerate() if t.name == "attached"]
        assert len(threads) == 2, "the run on show is not attached to twice"
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await until(
            pilot,
            lambda: sum(t.name == "attached" for t in threading.enumerate()) == 1,
        )


async def test_a_stored_run_is_exported(checkpoints: Path) -> None:
    async with listing([AttachedRun(checkpoints / "a")], checkpoints) as (app, pilot):
        to_run(app, "b")
        await pilot.press("e")
        await until(pilot, lambda: said(pilot).startswith("wrote "))
        folder = checkpoints.parent / "exports/b"
        wanted = ("vae_samples.png", "manifold.png", "vae_recon_val.png")
        await until(pilot, lambda: all((folder / name).exists() for name in wanted))
