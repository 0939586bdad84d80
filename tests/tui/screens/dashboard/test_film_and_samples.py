"""The dashboard's film and its ways of sampling, with a real run on a small data set."""

from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from engine.config import RunConfig
from engine.views import PriorSamples
from tests.support.dashboard_app import dashboard, message, running
from tests.support.tui_fakes import texts_of
from tests.support.waiting import until
from tui.screens.dashboard.chart import MetricChart
from tui.screens.dashboard.samples import SamplePanel
from tui.screens.dashboard.screen import Dashboard
from tui.screens.dialogs.sampling import SamplingScreen
from tui.widgets.pictures import ReconstructionPanel

pytestmark = pytest.mark.slow


def title(pilot: Pilot[None]) -> str:
    return str(dashboard(pilot).query_one(SamplePanel).border_title or "")


async def test_the_film_moves_curve_reconstructions_and_samples_together(
    small_config: RunConfig, tmp_path: Path
) -> None:
    async with running(small_config, tmp_path) as (app, pilot):
        await until(pilot, lambda: "finished" in message(pilot))
        screen = dashboard(pilot)
        samples, images = screen.query_one(SamplePanel), screen.query_one(ReconstructionPanel)
        await until(pilot, lambda: "seed 0" in title(pilot))
        await until(pilot, lambda: bool(images.border_title))
        frames = app.shown_run.frames
        evaluations = app.shown_run.history.evaluations()
        assert [f.step for f in frames] == [e.step for e in evaluations]
        chart = screen.query_one(MetricChart)
        assert "│ epoch" not in str(chart.border_title)
        await pilot.press("home")
        await until(pilot, lambda: f"film 1 of {len(frames)}, step 0" in title(pilot))
        assert f"film 1 of {len(frames)}, step 0" in str(images.border_title)
        await until(pilot, lambda: "epoch 0: " in str(chart.border_title))
        for index in (1, 2):
            await pilot.press("right")
            step = frames[index].step
            await until(pilot, lambda step=step: f"step {step}" in title(pilot))
            for panel, shown in ((samples, frames[index].samples), (images, None)):
                if shown is not None:
                    np.testing.assert_allclose(panel._stacks[0], shown / 255.0, atol=1e-6)
            made = frames[index].reconstructions / 255.0
            np.testing.assert_allclose(images._stacks[1], made, atol=1e-6)
            value = f"{evaluations[index].val.neg_elbo:.2f}"
            await until(pilot, lambda value=value: value in str(chart.border_title))
        assert message(pilot).startswith(f"film 3 of {len(frames)}: epoch ")
        await pilot.press("end")
        await until(pilot, lambda: "film" not in title(pilot))
        await until(pilot, lambda: "film" not in str(images.border_title))
        assert "│ epoch" not in str(chart.border_title)
        await pilot.press("left")
        await until(pilot, lambda: f"step {frames[-1].step}" in title(pilot))
        await pilot.press("right")
        await until(pilot, lambda: "film" not in title(pilot))


async def test_plus_and_minus_change_the_temperature(
    small_config: RunConfig, tmp_path: Path
) -> None:
    async with running(small_config, tmp_path) as (_, pilot):
        await until(pilot, lambda: "seed 0" in title(pilot))
        await pilot.press("minus", "minus", "minus")
        await until(pilot, lambda: title(pilot).endswith("T = 0.7"))
        await pilot.press("plus")
        await until(pilot, lambda: title(pilot).endswith("T = 0.8"))
        await pilot.press("equals_sign", "plus")
        await until(pilot, lambda: title(pilot).endswith("seed 0"))


async def test_the_dialog_sets_seed_and_temperature(
    small_config: RunConfig, tmp_path: Path
) -> None:
    async with running(small_config, tmp_path) as (app, pilot):
        await until(pilot, lambda: "seed 0" in title(pilot))
        await pilot.press("S")
        assert isinstance(app.screen, SamplingScreen)
        app.screen.query_one("#seed", Input).value = "41"
        app.screen.query_one("#temperature", Input).value = "0.5"
        await pilot.press("enter")
        await until(pilot, lambda: title(pilot).endswith("seed 41 · T = 0.5"))
        await pilot.press("S")
        assert isinstance(app.screen, SamplingScreen)
        assert app.screen.query_one("#seed", Input).value == "41"
        await pilot.press("escape")
        assert isinstance(app.screen, Dashboard)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("seed", "-1", "seed must be a whole number of 0 to"),
        ("seed", "two", "seed must be a whole number"),
        ("seed", "²", "seed must be a whole number"),
        ("temperature", "hot", "temperature must be a number of 0 to 3, not 'hot'"),
        ("temperature", "-1", "temperature must be a number of 0 to 3"),
        ("temperature", "nan", "temperature must be a number of 0 to 3"),
        ("temperature", "3.1", "temperature must be a number of 0 to 3"),
    ],
)
async def test_the_dialog_says_what_is_wrong(
    small_config: RunConfig, tmp_path: Path, field: str, value: str, problem: str
) -> None:
    async with running(small_config, tmp_path) as (app, pilot):
        await pilot.press("S")
        app.screen.query_one(f"#{field}", Input).value = value
        await pilot.press("enter")
        assert isinstance(app.screen, SamplingScreen)
        assert str(app.screen.query_one(".dialog-error", Static).content).startswith(problem)
        await pilot.press("escape")


async def test_more_like_one_of_the_samples(small_config: RunConfig, tmp_path: Path) -> None:
    async with running(small_config, tmp_path) as (app, pilot):
        await until(pilot, lambda: "finished" in message(pilot))
        await until(pilot, lambda: "seed 0" in title(pilot))
        panel = dashboard(pilot).query_one(SamplePanel)
        await pilot.press("m", "right")
        assert panel.marked == 1
        chosen = panel._latents.copy()
        await pilot.press("enter")
        await until(pilot, lambda: title(pilot) == "more like the first · seed 0")
        first = tuple(panel._latents[0].tolist())
        assert first in {tuple(latent.tolist()) for latent in chosen[1:]}
        expected = app.shown_run.request(PriorSamples(around=first)).result(30)
        assert np.array_equal(panel._stacks[0], expected.images)
        await pilot.press("s")
        await until(pilot, lambda: title(pilot) == "more like the first · seed 1")
        assert tuple(panel._latents[0].tolist()) == first
        await pilot.press("M")
        await until(pilot, lambda: title(pilot) == "samples from the prior · seed 1")


async def test_in_the_film_there_is_nothing_to_pick_from(
    small_config: RunConfig, tmp_path: Path
) -> None:
    async with running(small_config, tmp_path) as (_, pilot):
        await until(pilot, lambda: "finished" in message(pilot))
        await until(pilot, lambda: "seed 0" in title(pilot))
        await pilot.press("left")
        await until(pilot, lambda: "film" in title(pilot))
        await pilot.press("m")
        assert message(pilot) == "no sample on the screen to choose from"
        assert "".join(texts_of(dashboard(pilot).query_one(SamplePanel))).strip()
