"""The app with a real run on a small data set, driven by keys (Pilot)."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from data import ImageDataset
from engine.alerts import Alert
from engine.config import RunConfig
from engine.runs.training_run import TrainingRun
from engine.snapshot import Phase
from engine.storage import checkpoint
from engine.training.trainer import Trainer
from engine.views import LatentMap
from tests.support.dashboard_app import SMALL, dashboard, message, running
from tests.support.waiting import until
from tui.app import FmnistVaeTui
from tui.screens.dashboard.chart import MetricChart
from tui.screens.dashboard.latent_map import LatentMapPanel
from tui.screens.dashboard.samples import SamplePanel
from tui.screens.dashboard.screen import Dashboard
from tui.screens.dashboard.status import StatusPanel
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.help import HelpScreen
from tui.screens.dialogs.new_run import NewRunScreen
from tui.widgets.canvas import CanvasPanel
from tui.widgets.pictures import ReconstructionPanel

pytestmark = pytest.mark.slow


async def test_training_begins_although_the_dashboard_is_never_painted(
    endless: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FmnistVaeTui, "call_after_refresh", lambda *_: True)
    async with running(endless, tmp_path) as (app, pilot):
        await until(pilot, lambda: app.shown_run.snapshot.phase is Phase.TRAINING)


async def test_a_run_is_shown_to_its_end(small_config: RunConfig, tmp_path: Path) -> None:
    async with running(small_config, tmp_path) as (app, pilot):
        await until(pilot, lambda: "finished at epoch 3" in message(pilot))
        screen = dashboard(pilot)
        await until(pilot, lambda: bool(screen.query_one(SamplePanel).border_title))
        status = screen.query_one(StatusPanel).render().plain
        last = app.shown_run.snapshot.last
        assert last is not None
        assert f"val −ELBO {last.val.neg_elbo:.2f}" in status
        assert "step 36/36" in status
        assert "epoch 3.00/3" in status
        assert "saved in" in message(pilot)


async def test_a_run_watched_and_played_with_ends_with_the_weights_of_one_left_alone(
    small_config: RunConfig, small_dataset: ImageDataset, tmp_path: Path
) -> None:
    config = replace(small_config, epochs=40)
    alone = Trainer(config, small_dataset, torch.device("cpu"))
    while not alone.finished:
        alone.train(10**6)
    async with running(config, tmp_path) as (app, pilot):
        await until(pilot, lambda: app.shown_run.snapshot.step > 0)
        for keys in ("s", "r", "l", "q", "w", "q", "left", "plus", "m", "enter", "end", "e"):
            await pilot.press("space", keys, "space")
        await until(pilot, lambda: app.shown_run.snapshot.phase is Phase.FINISHED)
        assert app.shown_run.directory is not None
        watched = checkpoint.read(app.shown_run.directory / "last.pt")["model"]
    for name, expected in alone.model.state_dict().items():
        assert torch.equal(watched[name], expected), name


async def test_space_pauses_and_goes_on(endless: RunConfig, tmp_path: Path) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        await until(pilot, lambda: app.shown_run.snapshot.step > 3)
        await pilot.press("space")
        await until(pilot, lambda: app.shown_run.snapshot.phase is Phase.PAUSED)
        await until(pilot, lambda: message(pilot).startswith("paused"))
        step = app.shown_run.snapshot.step
        await pilot.press("space")
        await until(pilot, lambda: app.shown_run.snapshot.step > step)


async def test_s_and_r_ask_for_other_pictures(endless: RunConfig, tmp_path: Path) -> None:
    async with running(endless, tmp_path) as (_, pilot):
        samples = dashboard(pilot).query_one(SamplePanel)
        images = dashboard(pilot).query_one(ReconstructionPanel)
        await until(pilot, lambda: "seed 0" in (samples.border_title or ""))
        await pilot.press("s", "s", "r")
        await until(pilot, lambda: "seed 2" in (samples.border_title or ""))
        await until(pilot, lambda: "page 2" in (images.border_title or ""))


async def test_c_goes_through_the_metrics_that_the_model_has(
    endless: RunConfig, tmp_path: Path
) -> None:
    async with running(endless, tmp_path) as (_, pilot):
        chart = dashboard(pilot).query_one(MetricChart)
        seen = []
        for _ in range(4):
            seen.append(chart.metric)
            await pilot.press("c")
        assert seen == ["neg_elbo", "recon", "kl", "neg_elbo"]
    async with running(replace(endless, model="ae"), tmp_path / "ae") as (_, pilot):
        chart = dashboard(pilot).query_one(MetricChart)
        await pilot.press("c")
        assert chart.metric == "recon"


async def test_i_switches_every_picture_between_half_blocks_and_ascii(
    endless: RunConfig, tmp_path: Path
) -> None:
    async with running(endless, tmp_path) as (_, pilot):
        panels = list(dashboard(pilot).query(CanvasPanel))
        assert {panel.image_mode for panel in panels} == {"half"}
        samples = dashboard(pilot).query_one(SamplePanel)
        await until(pilot, lambda: "▀" in "".join(samples.render_line(y).text for y in range(6)))
        await pilot.press("i")
        assert {panel.image_mode for panel in panels} == {"ascii"}
        assert "▀" not in "".join(samples.render_line(y).text for y in range(6))


async def test_all_panels_are_shown_where_there_is_room_and_all_but_the_map_where_not(
    endless: RunConfig, tmp_path: Path
) -> None:
    async with running(endless, tmp_path) as (_, pilot):
        screen = dashboard(pilot)
        await pilot.pause()
        assert all(panel.display for panel in screen.query(CanvasPanel))
        await pilot.resize_terminal(*SMALL)
        await pilot.pause()
        hidden = [panel.id for panel in screen.query(CanvasPanel) if not panel.display]
        assert hidden == ["latent"]


async def test_z_shows_the_panel_in_focus_large_and_goes_back(
    endless: RunConfig, tmp_path: Path
) -> None:
    async with running(endless, tmp_path) as (_, pilot):
        screen = dashboard(pilot)
        await pilot.pause()
        samples = screen.query_one(SamplePanel)
        before = samples.size.height
        samples.focus()
        await pilot.press("z")
        await pilot.pause()
        assert samples.size.height > 2 * before
        await pilot.press("z")
        await pilot.pause()
        assert samples.size.height == before
        assert all(panel.display for panel in screen.query(CanvasPanel))


async def test_what_is_hidden_is_not_asked_for(
    endless: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        asked: list[object] = []
        original = app.shown_run.request

        def spy(view: object) -> object:
            asked.append(view)
            return original(view)  # type: ignore[arg-type]

        monkeypatch.setattr(app.shown_run, "request", spy)
        await until(pilot, lambda: len(asked) >= 3)
        dashboard(pilot).query_one(LatentMapPanel).focus()
        await pilot.press("z")
        asked.clear()
        await until(pilot, lambda: LatentMap() in asked)
        asked.clear()
        step = app.shown_run.snapshot.step
        await until(pilot, lambda: app.shown_run.snapshot.step > step + 20)
        assert set(asked) <= {LatentMap()}


async def test_e_exports_the_panel_in_focus_and_capital_e_everything(
    small_config: RunConfig, tmp_path: Path
) -> None:
    async with running(small_config, tmp_path) as (app, pilot):
        await until(pilot, lambda: "finished" in message(pilot))
        run = tmp_path / "exports" / app.shown_run.snapshot.run
        dashboard(pilot).query_one(SamplePanel).focus()
        await pilot.press("e")
        await until(pilot, lambda: message(pilot) == f"wrote {run / 'vae_samples.png'}")
        assert [path.name for path in run.iterdir()] == ["vae_samples.png"]
        await pilot.press("E")
        await until(pilot, lambda: message(pilot).startswith(f"wrote {run}/: "))
        written = {path.name for path in run.iterdir()}
        assert written == {
            *("vae_train_loss.png", "vae_val_loss.png", "vae_recon_val.png"),
            *("vae_latent_scatter.png", "vae_samples.png"),
            *("interpolation.png", "traversal.png", "manifold.png"),
            *("vae_kl_heatmap.png", "vae_rate_distortion.png", "vae_diagnosis.png"),
        }


async def test_an_export_that_cannot_be_written_is_told_and_can_be_tried_again(
    small_config: RunConfig, tmp_path: Path
) -> None:
    async with running(small_config, tmp_path) as (_, pilot):
        await until(pilot, lambda: "finished" in message(pilot))
        (tmp_path / "exports").write_text("in the way")
        await pilot.press("e")
        await until(pilot, lambda: message(pilot).startswith("can't write to"))
        (tmp_path / "exports").unlink()
        await pilot.press("e")
        await until(pilot, lambda: message(pilot).startswith("wrote"))


async def test_x_asks_before_it_stops(endless: RunConfig, tmp_path: Path) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        await until(pilot, lambda: app.shown_run.snapshot.step > 3)
        await pilot.press("x")
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.press("n")
        step = app.shown_run.snapshot.step
        await until(pilot, lambda: app.shown_run.snapshot.step > step)
        await pilot.press("x", "y")
        await until(pilot, lambda: app.shown_run.snapshot.phase is Phase.STOPPED)
        await until(pilot, lambda: message(pilot).startswith("stopped at epoch"))
        await pilot.press("x")
        assert message(pilot) == "nothing to stop: the run is stopped"


async def test_q_asks_while_training_and_not_after(
    endless: RunConfig, small_config: RunConfig, tmp_path: Path
) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        await until(pilot, lambda: app.shown_run.snapshot.step > 3)
        await pilot.press("q")
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.press("enter")  # the answer in focus changes nothing
        assert isinstance(app.screen, Dashboard)
        await pilot.press("q", "y")
        await pilot.pause()
        assert not app.is_running or app._exit
    async with running(small_config, tmp_path / "b") as (app, pilot):
        await until(pilot, lambda: "finished" in message(pilot))
        await pilot.press("q")
        await pilot.pause()
        assert app._exit


async def test_help_lists_the_keys_and_where_things_are(endless: RunConfig, tmp_path: Path) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        await until(pilot, lambda: app.shown_run.directory is not None)
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        text = app.export_screenshot()
        for words in ("Draw&#160;new&#160;samples", "nats&#160;per&#160;image"):
            assert words in text
        await pilot.press("end")  # it is longer than the screen
        await until(pilot, lambda: "Colours:" in app.export_screenshot())
        await pilot.press("escape")
        assert isinstance(app.screen, Dashboard)


async def test_the_form_refuses_what_cannot_be_used_and_starts_what_can(
    endless: RunConfig, tmp_path: Path
) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        await until(pilot, lambda: app.shown_run.snapshot.step > 3)
        first = app.shown_run
        await pilot.press("n")
        form = app.screen
        assert isinstance(form, NewRunScreen)
        await pilot.press("tab", *("0",), "ctrl+s")  # hidden: replaces what was selected
        assert app.screen is form
        error = str(form.query_one(".dialog-error").render())
        assert error.startswith("hidden must be one or more widths")
        await pilot.press("backspace", *"16 8", "tab", *"3", "ctrl+s")
        await until(pilot, lambda: app.shown_run is not first)
        await until(pilot, lambda: app.shown_run.snapshot.step > 3)
        assert app.shown_run.config == replace(endless, hidden=(16, 8), latent_dim=3)
        await until(pilot, lambda: first.snapshot.phase is Phase.STOPPED)
        assert first.snapshot.saved_step == first.snapshot.step
        kept = {path.name for path in (tmp_path / "checkpoints").iterdir()}
        assert kept == {first.snapshot.run, app.shown_run.snapshot.run}


async def test_a_new_run_begins_with_empty_panels(
    endless: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        screen = dashboard(pilot)
        samples, latent = screen.query_one(SamplePanel), screen.query_one(LatentMapPanel)
        await until(pilot, lambda: "▀" in "".join(samples.render_line(y).text for y in range(6)))
        await until(pilot, lambda: "Trouser" in latent.render_line(1).text)
        monkeypatch.setattr(TrainingRun, "start", lambda _: None)  # it stays empty
        first = app.shown_run
        await pilot.press("n", "ctrl+s")
        await until(pilot, lambda: app.shown_run is not first)
        await pilot.pause()
        assert "waiting for the model" in samples.render_line(0).text
        assert "Trouser" not in latent.render_line(1).text
        chart = screen.query_one(MetricChart)
        assert "no steps trained yet" in chart.render_line(0).text


async def test_the_form_can_be_left_without_a_trace(endless: RunConfig, tmp_path: Path) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        await until(pilot, lambda: app.shown_run.snapshot.step > 3)
        await pilot.press("n", "tab", "5", "escape")
        assert isinstance(app.screen, Dashboard)
        assert len(app.runs) == 1
        assert app.shown_run.snapshot.phase is Phase.TRAINING


async def test_a_failure_is_told_with_its_cause_and_the_keys_still_work(
    small_config: RunConfig, tmp_path: Path
) -> None:
    config = replace(small_config, data=str(tmp_path / "nowhere"))
    async with running(config, tmp_path) as (_, pilot):
        await until(pilot, lambda: message(pilot).startswith("the run failed"))
        assert "nowhere" in message(pilot)
        await pilot.press("s", "r", "c", "i", "m", "left", "plus", "v", "o", "z", "z")
        await pilot.press("space")
        assert message(pilot) == "nothing to pause: the run is failed"
        await pilot.press("e")
        assert message(pilot) == "nothing to export yet"


async def test_an_alert_of_the_run_is_told(
    endless: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        await until(pilot, lambda: app.shown_run.snapshot.step > 3)
        assert app.shown_run._session is not None
        monkeypatch.setattr(app.shown_run._session, "alerts", (Alert(7, "the disk is full"),))
        await until(pilot, lambda: message(pilot) == "step 7: the disk is full")


async def test_the_palette_offers_every_action(endless: RunConfig, tmp_path: Path) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        await pilot.pause()
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert any("Draw new samples" in title for title in titles)
        assert len(titles) >= 14
