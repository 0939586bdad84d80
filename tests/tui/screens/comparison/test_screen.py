"""The comparison of a VAE and an autoencoder, with real runs on a small data set."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from textual.pilot import Pilot

from engine.analysis.comparison import RunNumbers
from engine.config import RunConfig, TrainingPlan
from engine.snapshot import Phase
from engine.views import Embedding, PriorSamples, Reconstructions
from tests.support.dashboard_app import LARGE, SMALL, dashboard, message, running
from tests.support.tui_fakes import texts_of
from tests.support.waiting import until
from tui.app import FmnistVaeTui
from tui.screens.comparison.panels import CurvesPanel, LabelledPictures
from tui.screens.comparison.screen import SAMPLES, ComparisonScreen
from tui.screens.comparison.table import NumbersPanel
from tui.screens.dashboard.screen import Dashboard
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.widgets.message_line import MessageLine
from tui.widgets.panel import Panel

pytestmark = pytest.mark.slow


@pytest.fixture
def plan(small_config: RunConfig) -> TrainingPlan:
    settings = small_config.to_dict() | {"model": "both", "hidden": (32,)}
    return TrainingPlan(**settings)


@pytest.fixture
def endless(plan: TrainingPlan, slow_slices: None) -> TrainingPlan:
    """Outlasts any test."""
    return replace(plan, epochs=100_000)


@asynccontextmanager
async def compared(
    plan: TrainingPlan, tmp_path: Path, size: tuple[int, int] = LARGE
) -> AsyncIterator[tuple[FmnistVaeTui, Pilot[None], ComparisonScreen]]:
    async with running(plan, tmp_path, size) as (app, pilot):
        await until(pilot, lambda: app.context.runs[-1].snapshot.phase is Phase.FINISHED)
        await pilot.press("v")
        screen = app.screen
        assert isinstance(screen, ComparisonScreen)
        yield app, pilot, screen


def pictures(screen: ComparisonScreen, which: str) -> LabelledPictures:
    return screen.query_one(f"#compared-{which}", LabelledPictures)


def labels_of(panel: LabelledPictures) -> list[str]:
    return [f"{row.label} {row.what}".strip() for row in panel.rows]


def images_of(panel: LabelledPictures) -> list[np.ndarray]:
    return [row.images for row in panel.rows]


def table(screen: ComparisonScreen) -> dict[str, list[str]]:
    return {name: cells for name, *cells in screen.query_one(NumbersPanel).rows()}


async def test_both_runs_are_shown_by_the_same_measures(plan: TrainingPlan, tmp_path: Path) -> None:
    async with compared(plan, tmp_path) as (app, pilot, screen):
        await until(pilot, lambda: len(app.context.numbers) == 2)
        await until(pilot, lambda: "–" not in "".join(table(screen)["k-NN accuracy on μ"]))
        vae, ae = app.context.runs
        numbers = table(screen)
        assert numbers[""] == ["VAE", "AE"]
        assert numbers["measured at epoch"] == ["3", "3"]
        assert vae.snapshot.last is not None
        assert numbers["−ELBO, nats"] == [f"{vae.snapshot.last.val.neg_elbo:.2f}", "–"]
        for run, accuracy in zip((vae, ae), numbers["k-NN accuracy on μ"], strict=True):
            train = run.request(Embedding("train")).result(30)
            held_out = run.request(Embedding("validation")).result(30)
            classifier = KNeighborsClassifier(15).fit(train.latents, train.labels)
            assert accuracy == f"{classifier.score(held_out.latents, held_out.labels):.1%}".replace(
                "%", " %"
            )
        await until(pilot, lambda: len(labels_of(pictures(screen, "samples"))) == 4)
        assert labels_of(pictures(screen, "samples")) == [
            "VAE prior",
            "AE N(0, I)",
            "VAE GMM",
            "AE GMM",
        ]
        assert labels_of(pictures(screen, "images")) == ["original", "VAE", "AE"]
        for level, run in enumerate((vae, ae), start=1):
            view = run.request(Reconstructions()).result(30)
            stacks = images_of(pictures(screen, "images"))
            assert np.array_equal(stacks[0], view.originals)
            assert np.array_equal(stacks[level], view.reconstructions)
            drawn = run.request(PriorSamples(count=SAMPLES)).result(30)
            assert np.array_equal(images_of(pictures(screen, "samples"))[level - 1], drawn.images)
        title = screen.query_one(CurvesPanel).border_title
        assert str(title).startswith("validation reconstruction")
        assert "\x00" not in "".join(texts_of(screen.query_one(CurvesPanel)))


async def test_keys_choose_other_images_and_draws_for_both(
    plan: TrainingPlan, tmp_path: Path
) -> None:
    async with compared(plan, tmp_path) as (_, pilot, screen):
        samples, images = pictures(screen, "samples"), pictures(screen, "images")
        await until(pilot, lambda: len(labels_of(samples)) == 4 and len(labels_of(images)) == 3)
        before = [*images_of(samples), *images_of(images)]
        await pilot.press("s", "r")
        changed = lambda: all(  # noqa: E731
            not np.array_equal(old, new)
            for old, new in zip(before, [*images_of(samples), *images_of(images)], strict=True)
        )
        await until(pilot, changed)
        assert str(samples.border_title).endswith("seed 1")
        assert str(images.border_title).endswith("page 2")


async def test_a_small_terminal_shows_a_panel_at_a_time_and_tab_goes_round(
    plan: TrainingPlan, tmp_path: Path
) -> None:
    async with compared(plan, tmp_path, SMALL) as (_, pilot, screen):
        order = [panel.id for panel in screen.query(Panel)]
        seen = []
        for _ in range(5):
            await pilot.pause()
            [shown] = [panel.id for panel in screen.query(Panel) if panel.display]
            assert screen.focused is not None
            assert screen.focused.id == shown
            seen.append(shown)
            await pilot.press("tab")
        assert seen == [*order, order[0]]
        await pilot.resize_terminal(*LARGE)
        await pilot.pause()
        assert all(panel.display for panel in screen.query(Panel))
        await pilot.press("z")
        await pilot.pause()
        assert len([panel for panel in screen.query(Panel) if panel.display]) == 1


async def test_e_writes_the_comparison_and_capital_e_the_figures_of_both(
    plan: TrainingPlan, tmp_path: Path
) -> None:
    async with compared(plan, tmp_path) as (app, pilot, screen):
        said = screen.query_one(MessageLine)
        await pilot.press("e")
        directory = tmp_path / "exports" / app.context.runs[0].snapshot.run
        await until(pilot, lambda: said.text == f"wrote {directory / 'comparison.png'}")
        await pilot.press("E")
        await until(pilot, lambda: said.text.startswith(f"wrote {directory}/: "))
        written = {path.name for path in directory.iterdir()}
        of_the_report = {
            *("vae_train_loss.png", "vae_val_loss.png", "vae_recon_val.png"),
            *("vae_latent_scatter.png", "vae_samples.png"),
            *("ae_train_loss.png", "ae_val_loss.png", "ae_recon_val.png"),
        }
        assert of_the_report | {"comparison.png"} <= written


async def test_before_the_second_run_begins_there_is_one_side_and_no_export(
    endless: TrainingPlan, tmp_path: Path
) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        await until(pilot, lambda: app.shown_run.snapshot.last is not None)
        await pilot.press("v")
        screen = app.screen
        assert isinstance(screen, ComparisonScreen)
        await until(pilot, lambda: len(labels_of(pictures(screen, "images"))) == 2)
        assert labels_of(pictures(screen, "images")) == ["original", "VAE"]
        assert table(screen)["measured at epoch"] == ["–", "–"]
        await pilot.press("e")
        assert "not begun" in screen.query_one(MessageLine).text
        await pilot.press("u")
        await until(pilot, lambda: len(app.context.numbers) == 1)
        await until(pilot, lambda: table(screen)["measured at epoch"][0] != "–")
        await pilot.press("escape")
        assert isinstance(app.screen, Dashboard)


async def test_a_failure_of_the_helper_process_is_told_and_can_be_tried_again(
    plan: TrainingPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> RunNumbers:
        raise RuntimeError("no memory")

    monkeypatch.setattr("tui.screens.comparison.measuring.describe_run", broken)
    async with compared(plan, tmp_path) as (app, pilot, screen):
        text = lambda: "".join(texts_of(screen.query_one(NumbersPanel)))  # noqa: E731
        await until(pilot, lambda: "not computed: RuntimeError: no memory" in text())
        monkeypatch.undo()
        await pilot.press("u")
        await until(pilot, lambda: len(app.context.numbers) == 2)
        await until(pilot, lambda: "not computed" not in text())


async def test_one_run_alone_has_nothing_to_be_compared_with(
    endless: TrainingPlan, tmp_path: Path
) -> None:
    alone = replace(endless, model="ae")
    async with running(alone, tmp_path) as (app, pilot):
        # Or the message that it trains may come after the answer to the key.
        await until(pilot, lambda: "epochs; ? for help" in message(pilot))
        for key in ("v", "o"):
            await pilot.press(key)
            assert isinstance(app.screen, Dashboard)
            assert message(pilot).startswith("one run only")


async def test_the_dashboard_follows_the_run_that_trains_unless_one_was_chosen(
    plan: TrainingPlan, tmp_path: Path
) -> None:
    async with running(plan, tmp_path) as (app, pilot):
        await until(pilot, lambda: app.context.shown == 1)
        await until(pilot, lambda: "finished" in message(pilot))
        await pilot.press("o")
        assert app.context.shown == 0
        assert dashboard(pilot).query_one(Panel).model == "vae"
        dashboard(pilot).look_now()
        assert app.context.shown == 0
        await pilot.press("o")
        assert app.shown_run.config.model == "ae"


async def test_quitting_asks_also_when_the_run_on_show_is_not_the_one_that_trains(
    endless: TrainingPlan, tmp_path: Path
) -> None:
    async with running(endless, tmp_path) as (app, pilot):
        await until(pilot, lambda: app.shown_run.snapshot.step > 3)
        await pilot.press("o")
        assert app.shown_run.snapshot.phase is Phase.WAITING
        await pilot.press("q")
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.press("n")
        app.context.runs[0].stop()
        await until(pilot, lambda: app.context.runs[1].snapshot.step > 3)
        await pilot.press("o", "q")
        assert app.shown_run.snapshot.phase is Phase.STOPPED
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.press("n")
