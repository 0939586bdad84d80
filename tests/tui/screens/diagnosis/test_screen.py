from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot

from engine.config import RunConfig
from engine.history import History
from engine.views import Reconstructions
from tests.support.diagnosed_run import DiagnosedRun, DiagnosisApp, made_evaluation
from tests.support.looking import look
from tui.screens.diagnosis.dimensions import KlPanel, PosteriorPanel
from tui.screens.diagnosis.generalisation import GapPanel, WorstPanel
from tui.screens.diagnosis.heatmap import HeatmapPanel
from tui.screens.diagnosis.layers import LayersPanel
from tui.screens.diagnosis.panel import axis_label, sparkline
from tui.screens.diagnosis.plane import PlanePanel
from tui.screens.diagnosis.surgery import SurgeryPanel
from tui.widgets.canvas import CanvasPanel
from tui.widgets.message_line import MessageLine
from tui.widgets.panel import Panel

LARGE, SMALL = (140, 45), (80, 24)


def texts(app: DiagnosisApp, panel: type[CanvasPanel]) -> list[str]:
    found = app.screen_shown.query_one(panel)
    return [found.render_line(y).text.rstrip() for y in range(found.size.height)]


def title(app: DiagnosisApp, panel: type[Panel]) -> str:
    return str(app.screen_shown.query_one(panel).border_title)


async def seen(pilot: Pilot[None]) -> None:
    assert isinstance(pilot.app, DiagnosisApp)
    await pilot.pause()
    await look(pilot, pilot.app.screen_shown)


@pytest.mark.slow
async def test_what_is_measured_is_on_the_panels() -> None:
    run = DiagnosedRun()
    app = DiagnosisApp(run)
    async with app.run_test(size=LARGE) as pilot:
        await seen(pilot)
        diagnosis, last = run.history.diagnosis, run.history.last
        assert diagnosis is not None
        assert diagnosis.surgery is not None
        assert last is not None
        assert f"KL {last.val.kl:.2f} ·" in title(app, KlPanel)
        assert "10 active, 5 mixed, 5 passive" in title(app, KlPanel)
        assert f"I(x;z) {diagnosis.surgery.mutual_information:.2f}" in texts(app, SurgeryPanel)[0]
        assert "ln N = 7.6" in " ".join(texts(app, SurgeryPanel))
        assert "worst KS 0.120 (z₂₀)" in title(app, PosteriorPanel)
        assert f"gap {diagnosis.gap:+.2f}" in title(app, GapPanel)
        assert f"val {diagnosis.validation.above_floor:.2f}" in texts(app, GapPanel)[0]
        assert any("enc 2" in line and "1/256" in line for line in texts(app, LayersPanel))
        assert f"best {last.score:.2f}" in title(app, PlanePanel)
        worst = diagnosis.worst_scores
        assert f"{worst.max():.0f} to {worst.min():.0f} nats" in title(app, WorstPanel)


async def test_it_updates_at_evaluations_and_asks_for_the_worst_images_once_each() -> None:
    run = DiagnosedRun()
    app = DiagnosisApp(run)
    async with app.run_test(size=LARGE) as pilot:
        await seen(pilot)
        await seen(pilot)
        first = run.history.diagnoses()[-1]
        assert run.asked == [Reconstructions(indices=tuple(first.worst.tolist()))]
        before = title(app, GapPanel), texts(app, SurgeryPanel)
        run.evaluate(6.0)
        await seen(pilot)
        assert len(run.asked) == 2
        assert (title(app, GapPanel), texts(app, SurgeryPanel)) != before


async def test_nothing_is_asked_for_while_it_is_covered_or_the_images_are_hidden() -> None:
    run = DiagnosedRun()
    app = DiagnosisApp(run)
    async with app.run_test(size=SMALL) as pilot:
        await seen(pilot)
        assert run.asked == []
        await pilot.press("8")
        await seen(pilot)
        assert len(run.asked) == 1
        await pilot.press("question_mark")
        await pilot.pause()
        run.evaluate(6.0)
        await look(pilot, app.screen_shown)
        assert len(run.asked) == 1


async def test_in_a_small_terminal_tab_goes_through_the_panels() -> None:
    app = DiagnosisApp(DiagnosedRun())
    async with app.run_test(size=SMALL) as pilot:
        await seen(pilot)
        shown = []
        for _ in range(9):
            visible = [panel.id for panel in app.screen_shown.query(Panel) if panel.display]
            shown += visible
            assert len(visible) == 1
            await pilot.press("tab")
            await seen(pilot)
        assert len(set(shown[:8])) == 8
        assert shown[8] == shown[0]
        await pilot.press("shift+tab")
        assert app.screen_shown.query_one("#kl").display


async def test_zoom_shows_one_panel_alone_and_all_again() -> None:
    app = DiagnosisApp(DiagnosedRun())
    async with app.run_test(size=LARGE) as pilot:
        await seen(pilot)
        await pilot.press("4", "z")
        assert [p.id for p in app.screen_shown.query(Panel) if p.display] == ["surgery"]
        await pilot.press("z")
        assert len([p for p in app.screen_shown.query(Panel) if p.display]) == 8


async def test_dimensions_are_sorted_by_kl_or_by_number() -> None:
    run = DiagnosedRun(RunConfig(latent_dim=3))
    app = DiagnosisApp(run)
    async with app.run_test(size=LARGE) as pilot:
        await seen(pilot)
        assert run.history.last is not None
        order = np.argsort(-run.history.last.kl_per_dim) + 1

        def numbers() -> list[int]:
            lines = [line.split() for line in texts(app, KlPanel)]
            return next([int(n) for n in line] for line in lines if sorted(line) == ["1", "2", "3"])

        assert numbers() == order.tolist()
        await pilot.press("s")
        await seen(pilot)
        assert numbers() == [1, 2, 3]


async def test_an_autoencoder_says_what_does_not_apply_and_shows_the_rest() -> None:
    app = DiagnosisApp(DiagnosedRun(RunConfig(model="ae"), "ae"))
    async with app.run_test(size=LARGE) as pilot:
        await seen(pilot)
        for panel in (KlPanel, HeatmapPanel, PlanePanel, SurgeryPanel):
            assert "autoencoder" in " ".join(texts(app, panel))
        for panel in (PosteriorPanel, LayersPanel, GapPanel):
            assert "autoencoder" not in " ".join(texts(app, panel))
        await pilot.press("s")
        assert "no KL" in app.screen_shown.query_one(MessageLine).text
        await pilot.press("e")
        assert "no such figure" in app.screen_shown.query_one(MessageLine).text


async def test_a_run_of_an_older_version_shows_what_its_curves_have() -> None:
    app = DiagnosisApp(DiagnosedRun(diagnosed=False))
    async with app.run_test(size=LARGE) as pilot:
        await seen(pilot)
        assert "not measured yet" in texts(app, SurgeryPanel)[0]
        assert "█" in "".join(texts(app, KlPanel))
        assert "▀" in "".join(texts(app, HeatmapPanel))
        assert "no diagnosis" in app.screen_shown.query_one(MessageLine).text
        await pilot.press("s")
        await seen(pilot)
        assert "by number" in app.screen_shown.query_one(MessageLine).text


@pytest.mark.slow
@pytest.mark.parametrize("size", [LARGE, SMALL, (30, 8), (12, 5)])
@pytest.mark.parametrize("dims", [1, 20, 300])
async def test_any_size_and_any_number_of_dimensions_are_drawn(
    size: tuple[int, int], dims: int
) -> None:
    app = DiagnosisApp(DiagnosedRun(RunConfig(latent_dim=dims)), film_step=10)
    async with app.run_test(size=size) as pilot:
        await seen(pilot)
        for key in "12345678":
            await pilot.press(key)
            await seen(pilot)
            (panel,) = [p for p in app.screen_shown.query(CanvasPanel) if p.has_class("-shown")]
            for y in range(panel.size.height):
                line = panel.render_line(y)
                assert line.cell_length == panel.size.width
                assert "can't be drawn" not in line.text


async def test_numbers_that_are_missing_or_infinite_are_drawn_around() -> None:
    run = DiagnosedRun(epochs=(0.0, 1.0))
    last = run.history.diagnosis
    assert last is not None
    posterior = last.posterior
    nothing = np.full(20, np.nan)
    run.history.add_evaluation(
        replace(made_evaluation(run.config, 2.0), kl_per_dim=np.full(20, np.inf))
    )
    run.history.add_diagnosis(
        replace(
            last,
            step=200,
            epoch=2.0,
            posterior=replace(posterior, mean=nothing, variance=nothing * np.inf, ks=nothing),
            class_recon=np.full(10, np.nan),
            worst=np.empty(0, np.int64),
            worst_scores=np.empty(0),
        )
    )
    app = DiagnosisApp(run)
    async with app.run_test(size=LARGE) as pilot:
        await seen(pilot)
        for panel in app.screen_shown.query(CanvasPanel):
            lines = [panel.render_line(y).text for y in range(panel.size.height)]
            assert "can't be drawn" not in " ".join(lines), panel.id


async def test_a_history_that_went_back_to_a_checkpoint_is_read_again(tmp_path: Path) -> None:
    run = DiagnosedRun()
    app = DiagnosisApp(run)
    async with app.run_test(size=LARGE) as pilot:
        await seen(pilot)
        run.history = History()
        run.evaluate(0.0)
        await seen(pilot)
        assert "KL 0.00 ·" in title(app, KlPanel)


def test_small_curves_and_labels() -> None:
    assert sparkline([1.0, 2.0, 3.0], 3) == "▁▅█" or sparkline([1.0, 2.0, 3.0], 3) == "▁▄█"
    assert sparkline([5.0, float("nan"), 5.0], 5) == "▁·▁"
    assert sparkline([float("nan")], 5) == "·"
    assert len(sparkline(list(range(100)), 7)) == 7
    labels = [axis_label(v) for v in (3.23, 12.6, 0.034, -1.0, 0.0, float("inf"), 7e6)]
    assert labels == ["3.2", "13", ".03", "−1", "0", "–", "7e6"]
