"""Steering from the dashboard: a form, an undo, the marks on the chart, and refusals."""

from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input, Select

from engine.config import RunConfig
from engine.metrics import TrainPoint
from engine.run import Access
from engine.runs.training_run import TrainingRun
from engine.snapshot import Phase
from engine.storage.kept_states import kept_states
from engine.training.trainer import Trainer
from tests.support.dashboard_app import LARGE, SMALL, dashboard, message, running
from tests.support.slow_training import slow_training
from tests.support.waiting import until
from tui.screens.dashboard.chart import MetricChart
from tui.screens.dialogs.branch import STATE, BranchScreen
from tui.screens.dialogs.keep import KeepScreen
from tui.screens.dialogs.steer import SteerScreen

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("slowly")]


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    slow_training(monkeypatch)


@pytest.mark.parametrize("size", [LARGE, SMALL])
async def test_a_setting_is_changed_and_taken_back_by_keys(
    endless: RunConfig, tmp_path: Path, size: tuple[int, int]
) -> None:
    async with running(replace(endless, beta=20.0), tmp_path, size) as (app, pilot):
        run = app.shown_run
        await until(pilot, lambda: run.snapshot.step > 2)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, SteerScreen) and app.screen.is_active)
        typed = {field.id: field.value for field in app.screen.query(Input)}
        assert typed == {
            "beta": "20",
            "kl_warmup": f"{endless.kl_warmup:g}",
            "free_bits": "0",
            "lr": f"{endless.lr:g}",
            "grad_clip": "0",
            "epochs": f"{endless.epochs:g}",
            "patience": "0",
        }
        await pilot.press("1", "enter")
        await until(pilot, lambda: run.config.beta == 1.0)
        await until(pilot, lambda: message(pilot).startswith("β 20 → 1 from step"))
        chart = dashboard(pilot).query_one(MetricChart)
        await until(pilot, lambda: "┊ steered" in str(chart.border_title))
        await pilot.press("u")
        await until(pilot, lambda: message(pilot).startswith("β 1 → 20 from step"))
        await pilot.press("u")
        await until(pilot, lambda: message(pilot).startswith("nothing to undo"))
        assert [change.text for change in run.snapshot.steering] == ["β 20 → 1", "β 1 → 20"]


async def test_what_was_not_changed_is_not_steered(endless: RunConfig, tmp_path: Path) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        run = app.shown_run
        await until(pilot, lambda: run.snapshot.step > 2)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, SteerScreen) and app.screen.is_active)
        await pilot.press("enter")
        await until(pilot, lambda: message(pilot) == "nothing was changed")
        assert run.snapshot.steering == ()


async def test_an_engine_that_refuses_is_told(endless: RunConfig, tmp_path: Path) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        run = app.shown_run
        await until(pilot, lambda: run.snapshot.epoch > 1.0)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, SteerScreen) and app.screen.is_active)
        await pilot.press(*["down"] * 5, "1", "enter")
        await until(pilot, lambda: message(pilot).startswith("epochs 1 is fewer than are trained"))
        assert run.config.epochs == endless.epochs


async def test_a_read_only_run_is_not_steered(
    endless: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        await until(pilot, lambda: app.shown_run.snapshot.step > 2)
        with monkeypatch.context() as patch:
            patch.setattr(TrainingRun, "access", Access.READ)
            await pilot.press("t")
            await until(pilot, lambda: message(pilot).startswith("read-only"))
        assert not isinstance(app.screen, SteerScreen)


async def test_a_run_that_is_over_says_how_it_goes_on(
    small_config: RunConfig, tmp_path: Path
) -> None:
    async with running(small_config, tmp_path) as (app, pilot):
        await until(pilot, lambda: "finished at epoch" in message(pilot))
        await pilot.press("t")
        await until(pilot, lambda: message(pilot).startswith("the run is finished: b, then R"))
        assert not isinstance(app.screen, SteerScreen)


async def test_a_state_is_kept_and_branched_and_the_chart_shows_the_parent(
    endless: RunConfig, tmp_path: Path
) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        first = app.shown_run
        await until(pilot, lambda: first.snapshot.step > 4)
        await pilot.press("k")
        await until(pilot, lambda: isinstance(app.screen, KeepScreen) and app.screen.is_active)
        await pilot.press("e", "a", "r", "l", "y", "enter")
        await until(pilot, lambda: message(pilot) == "kept as early: B begins a branch with it")
        assert first.directory is not None
        path = first.directory
        await until(pilot, lambda: [kept.name for kept in kept_states(path)] == ["early"])
        await pilot.press("B")
        await until(pilot, lambda: isinstance(app.screen, BranchScreen) and app.screen.is_active)
        states = app.screen.query_one(f"#{STATE}", Select)
        assert [value for _, value in states._options] == ["last", "best", "early"]
        assert not app.screen.query("#latent_dim"), "it is the parent's"
        states.value = "early"
        app.screen.query_one("#beta", Input).value = "0.5"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.shown_run is not first)
        branch = app.shown_run
        await until(pilot, lambda: branch.snapshot.step > 2)
        assert (branch.config.beta, branch.config.latent_dim) == (0.5, endless.latent_dim)
        assert branch.parent is not None
        assert (branch.parent.run, branch.parent.state) == (path.name, "early")
        assert first.snapshot.phase is Phase.STOPPED
        chart = dashboard(pilot).query_one(MetricChart)
        await until(pilot, lambda: "━ parent" in str(chart.border_title))


async def test_a_run_that_diverged_goes_on_from_its_best_weights_at_a_lower_rate(
    small_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = Trainer.train

    def diverging(self: Trainer, steps: int) -> list[TrainPoint]:
        if self.step >= 24 and self.config.lr > 1e-3:
            for parameter in self.model.parameters():
                parameter.data.fill_(float("nan"))
        return train(self, steps)

    monkeypatch.setattr(Trainer, "train", diverging)
    config = replace(small_config, lr=0.004, epochs=4)
    async with running(config, tmp_path) as (app, pilot):
        first = app.shown_run
        await until(pilot, lambda: first.snapshot.phase is Phase.FAILED)
        await until(pilot, lambda: "the run failed (t goes on" in message(pilot))
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, BranchScreen) and app.screen.is_active)
        assert app.screen.query_one(f"#{STATE}", Select).value == "best"
        assert app.screen.query_one("#lr", Input).value == "0.0004"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.shown_run is not first)
        await until(pilot, lambda: app.shown_run.snapshot.phase is Phase.FINISHED)
        assert app.shown_run.parent is not None
        assert (app.shown_run.parent.state, app.shown_run.config.lr) == ("best", 0.0004)
