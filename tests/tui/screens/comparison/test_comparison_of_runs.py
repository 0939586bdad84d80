"""The comparison of runs that were not started together, whatever they are."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

from engine.analysis.comparison import RunNumbers
from engine.analysis.helper_process import JobHandle, Worker
from engine.analysis.jobs import FitMixture, Mixture, Progress
from engine.analysis.run_source import RunSource
from engine.snapshot import Phase
from engine.views import PriorSamples, Reconstructions
from tests.support.compared_runs import (
    ComparedRun,
    ComparisonApp,
    config,
    numbers_of,
    settle,
    six,
    three,
    two_vaes,
    vae_and_autoencoder,
)
from tests.support.tui_fakes import texts_of
from tui.drawing.run_marks import RUN_MARKS
from tui.drawing.series import ChartMetric
from tui.screens.comparison.panels import CurvesPanel, LabelledPictures
from tui.screens.comparison.screen import ComparisonScreen
from tui.screens.comparison.table import NumbersPanel
from tui.state.exports import ExportOrder
from tui.widgets.message_line import MessageLine

pytestmark = pytest.mark.slow

LARGE, SMALL = (140, 45), (80, 24)


@asynccontextmanager
async def opened(
    runs: Sequence[ComparedRun], size: tuple[int, int] = LARGE, *, measured: bool = True
) -> AsyncIterator[tuple[ComparisonScreen, Pilot[None]]]:
    app = ComparisonApp(runs, measured=measured)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        yield app.comparison, pilot


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)


def table(screen: ComparisonScreen) -> dict[str, list[str]]:
    return {name: cells for name, *cells in screen.query_one(NumbersPanel).rows()}


def pictures(screen: ComparisonScreen, which: str) -> LabelledPictures:
    return screen.query_one(f"#compared-{which}", LabelledPictures)


def labels_of(panel: LabelledPictures) -> list[str]:
    return [f"{row.label} {row.what}".strip() for row in panel.rows]


def said(screen: ComparisonScreen) -> str:
    return screen.query_one(MessageLine).text


def title(screen: ComparisonScreen, panel: str) -> str:
    return str(screen.query_one(f"#{panel}").border_title)


# Names.


async def test_two_runs_of_one_model_are_called_by_their_names() -> None:
    async with opened(two_vaes()) as (screen, _):
        assert table(screen)[""] == ["beta-1", "beta-4"]
        assert table(screen)["model"] == ["VAE", "VAE"]
        assert labels_of(pictures(screen, "images")) == ["original", "beta-1", "beta-4"]
        assert labels_of(pictures(screen, "samples")) == [
            *("beta-1 prior", "beta-4 prior", "beta-1 GMM", "beta-4 GMM")
        ]
        legend = texts_of(screen.query_one(CurvesPanel))[0]
        assert legend.split() == ["●", "beta-1", "■", "beta-4"]


async def test_a_vae_and_an_autoencoder_are_called_that() -> None:
    async with opened(vae_and_autoencoder()) as (screen, _):
        assert table(screen)[""] == ["VAE", "AE"]
        assert "model" not in table(screen)


async def test_a_name_that_is_final_only_later_is_followed() -> None:
    runs = two_vaes()
    async with opened(runs) as (screen, pilot):
        runs[1].snapshot = replace(runs[1].snapshot, run="renamed")
        await settle(pilot)
        assert table(screen)[""] == ["beta-1", "renamed"]


async def test_six_runs_have_a_colour_and_a_mark_each_wherever_they_are() -> None:
    async with opened(six()) as (screen, pilot):
        curves = texts_of(screen.query_one(CurvesPanel))
        for mark in RUN_MARKS:
            assert mark in curves[0], "not in the legend"
            assert any(mark in line for line in curves[1:]), "not on its curve"
        await press(pilot, "i")
        assert "1 …baseline" in texts_of(screen.query_one(CurvesPanel))[0]
        assert any("6" in line[5:] for line in texts_of(screen.query_one(CurvesPanel))[1:-1])
        assert "2 …beta-4" in texts_of(screen.query_one(NumbersPanel))[0]


# The table.


async def test_the_table_has_the_settings_that_differ_and_no_others() -> None:
    async with opened(six()) as (screen, _):
        rows = table(screen)
        assert rows["latent_dim"] == ["20", "20", "20", "2", "20", "20"]
        assert rows["β"] == ["1", "4", "–", "1", "1", "1"]
        assert rows["lr"] == ["0.002", "0.002", "0.002", "0.002", "0.0001", "0.002"]
        assert rows["split_seed"] == ["0", "0", "0", "0", "0", "7"]
        assert "batch_size" not in rows
        assert "epochs" not in rows
        names = list(rows)
        assert names.index("split_seed") < names.index("epochs trained")
    async with opened(vae_and_autoencoder()) as (screen, _):
        assert list(table(screen))[:2] == ["", "epochs trained"]


async def test_what_costs_nothing_is_shown_before_the_slow_numbers_are_asked_for() -> None:
    runs = six()
    async with opened(runs, measured=False) as (screen, _):
        rows = table(screen)
        best = [run.history.best for run in runs]
        assert rows["best −ELBO, nats"] == [
            "–" if b is None or run.config.model == "ae" else f"{b.val.neg_elbo:.2f}"
            for b, run in zip(best, runs, strict=True)
        ]
        assert rows["epochs trained"][3:5] == ["7 of 30", "4 of 30"]
        assert rows["state"][2:5] == ["finished", "training", "failed"]
        assert set(rows["BCE at z = μ, nats"]) == {"–"}
        assert "u computes these" in "".join(texts_of(screen.query_one(NumbersPanel)))
        assert not screen._measuring.is_busy, "asked for by nobody"


@pytest.mark.parametrize("size", [(80, 24), (60, 16), (44, 14)])
async def test_every_number_can_be_read_whole_at_any_size(size: tuple[int, int]) -> None:
    runs = [*six(), ComparedRun(config(seed=9), "sweep-20260728-one-more")]
    async with opened(runs, size) as (screen, pilot):
        await press(pilot, "tab")
        panel = screen.query_one(NumbersPanel)
        short = {row.label: row.short for row in panel._rows}
        expected = {
            (short[name], run): cell
            for name, *cells in panel.rows()[1:]
            for run, cell in enumerate(cells)
        }
        seen: dict[tuple[str, int], str] = {}
        for _ in runs:
            for _ in expected:
                head, *lines = texts_of(panel)
                labels = [cell.split(" ", 1)[1] for cell in re.split(r"\s{2,}", head.strip())]
                on_show = [panel.rows()[0][1:].index(label) for label in labels]
                for line in lines:
                    name = next((s for s in short.values() if line.startswith(f" {s} ")), None)
                    if name is not None:
                        cells = re.split(r"\s{2,}", line[len(name) + 1 :].strip())
                        seen |= {
                            (name, run): cell for run, cell in zip(on_show, cells, strict=True)
                        }
                assert len(title(screen, "numbers")) <= size[0] - 4
                before = texts_of(panel)
                panel.move(1, 0)  # as by `down`, which would wait for the screen
                if texts_of(panel) == before:
                    break
            panel.move(-99, 1)
        assert seen == expected


async def test_scrolling_stops_at_the_ends() -> None:
    async with opened(six(), (60, 16)) as (screen, pilot):
        await press(pilot, "tab")
        panel = screen.query_one(NumbersPanel)
        first = texts_of(panel)
        await press(pilot, "up", "left")
        assert texts_of(panel) == first
        assert title(screen, "numbers") == "runs 1–4 of 6 ←→ · rows 1–11 of 16 ↑↓"
        await press(pilot, *["down"] * 30, *["right"] * 9)
        assert title(screen, "numbers") == "runs 3–6 of 6 ←→ · rows 6–16 of 16 ↑↓"
        await press(pilot, "up", "left")
        assert title(screen, "numbers") == "runs 2–5 of 6 ←→ · rows 5–15 of 16 ↑↓"


# The curves.


def drawn_metric(screen: ComparisonScreen) -> ChartMetric:
    return screen.query_one(CurvesPanel)._metric


async def test_c_goes_through_the_metrics_that_vaes_have() -> None:
    async with opened(two_vaes()) as (screen, pilot):
        titles = []
        charts = set()
        for _ in range(4):
            titles.append(title(screen, "curves"))
            charts.add("\n".join(texts_of(screen.query_one(CurvesPanel))))
            await press(pilot, "c")
        assert titles == [
            "validation reconstruction, nats per image",
            "validation −ELBO, nats per image",
            "validation KL, nats per image",
            "validation reconstruction, nats per image",
        ]
        assert len(charts) == 3


async def test_c_says_why_an_autoencoder_allows_reconstructions_only() -> None:
    async with opened(three()) as (screen, pilot):
        await press(pilot, "c")
        assert said(screen).startswith("only reconstructions can be compared: code (autoencoder)")
        assert title(screen, "curves").startswith("validation reconstruction")
        assert drawn_metric(screen) == "recon"


# The pictures.


@pytest.mark.parametrize(("panel", "tabs"), [("images", 2), ("samples", 3)])
async def test_rows_that_do_not_fit_are_told_of_and_scrolled_to(panel: str, tabs: int) -> None:
    async with opened(six(), SMALL) as (screen, pilot):
        await press(pilot, *["tab"] * tabs)
        shown = pictures(screen, panel)
        pinned = 1 if panel == "images" else 0
        count = len(shown.rows) - pinned
        assert f" of {count} ↑↓" in title(screen, f"compared-{panel}")
        assert "…" not in title(screen, f"compared-{panel}")
        seen = []
        for _ in range(count):
            text = "\n".join(texts_of(shown))
            assert ("original" in text) == bool(pinned)
            seen += [row for row in shown.rows if row.index is not None and row.label in text]
            await press(pilot, "down")
        assert {row.label for row in seen} == {row.label for row in shown.rows[pinned:]}
        assert shown.tiling is not None
        assert shown.tiling.size >= 12


async def test_every_run_reconstructs_the_same_images() -> None:
    runs = three()
    async with opened(runs) as (screen, pilot):
        await press(pilot, "r")
        original, *rows = pictures(screen, "images").rows
        for row, run in zip(rows, runs, strict=True):
            view = run.request(Reconstructions(1)).result()
            np.testing.assert_array_equal(original.images, view.originals)
            np.testing.assert_array_equal(row.images, view.reconstructions)


async def test_a_run_with_another_split_has_numbers_but_no_reconstructions() -> None:
    runs = six()
    async with opened(runs) as (screen, _):
        assert "…split-7" not in labels_of(pictures(screen, "images"))
        assert "…split-7 prior" in labels_of(pictures(screen, "samples"))
        assert table(screen)["BCE at z = μ, nats"][5] == "225.20"
        assert "1 on other images" in title(screen, "compared-images")
        assert said(screen).startswith("…split-7: validated on other images than …baseline")
        assert not [r for r in runs[5].requests if isinstance(r, Reconstructions)]


async def test_images_that_turn_out_to_be_others_are_not_set_against_the_first_runs() -> None:
    runs = [*two_vaes(), ComparedRun(config(seed=1), "elsewhere", other_images=True)]
    async with opened(runs) as (screen, pilot):
        assert labels_of(pictures(screen, "images")) == ["original", "beta-1", "beta-4"]
        assert "1 on other images" in title(screen, "compared-images")
        assert said(screen).startswith("elsewhere: validated on other images")
        asked = len(runs[2].requests)
        await press(pilot, "r")
        assert "page 2" in title(screen, "compared-images")
        assert len(runs[2].requests) == asked


async def test_a_run_that_is_not_loaded_yet_is_asked_for_nothing_and_joins_later() -> None:
    late = ComparedRun(config(seed=1), "late", epochs=None)
    async with opened([*two_vaes(), late], measured=False) as (screen, pilot):
        assert late.requests == []
        assert table(screen)["state"] == ["finished", "finished", "loading"]
        assert table(screen)["best −ELBO, nats"][2] == "–"
        assert "late" not in labels_of(pictures(screen, "images"))
        late.train_on()
        await settle(pilot)
        assert "late" in labels_of(pictures(screen, "images"))
        assert table(screen)["epochs trained"][2] == "1 of 30"


async def test_more_runs_than_colours_are_compared_too() -> None:
    runs = [ComparedRun(config(seed=n), f"seed-{n}", offset=n / 4) for n in range(9)]
    async with opened(runs) as (screen, _):
        assert table(screen)[""] == [f"seed-{n}" for n in range(9)]
        assert len(pictures(screen, "images").rows) == 10


# What goes wrong.


async def test_a_run_that_was_closed_gives_a_sentence_and_the_others_their_pictures() -> None:
    runs = three()
    runs[0].closed = True
    async with opened(runs) as (screen, pilot):
        assert said(screen) == "beta-1: there is no model here (any more)"
        assert labels_of(pictures(screen, "images")) == ["original", "beta-4", "code"]
        runs[2].closed = True
        before = pictures(screen, "samples").rows
        await press(pilot, "s")
        assert said(screen) == "code: there is no model here (any more)"
        after = pictures(screen, "samples").rows
        changed = [
            old.label
            for old, new in zip(before, after, strict=True)
            if not np.array_equal(old.images, new.images)
        ]
        assert "beta-4" in changed
        assert "code" not in changed


async def test_a_run_that_can_not_even_be_asked_gives_a_sentence() -> None:
    class Gone(ComparedRun):
        def request(self, _: object) -> "Future[Any]":
            raise OSError("the directory is gone")

    async with opened([*two_vaes(), Gone(config(), "gone")]) as (screen, _):
        assert said(screen) == "gone: OSError: the directory is gone"
        assert labels_of(pictures(screen, "images")) == ["original", "beta-1", "beta-4"]


async def test_a_closed_screen_asks_no_run_for_anything() -> None:
    runs = two_vaes()
    async with opened(runs) as (screen, pilot):
        await pilot.press("q")
        await pilot.pause()
        assert not screen.is_attached
        asked = [len(run.requests) for run in runs]
        for run in runs:
            run.train_on()
        await pilot.pause(2.5)
        assert [len(run.requests) for run in runs] == asked


async def test_work_that_nobody_waits_for_any_more_ends_with_the_screen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    working = threading.Event()
    described: list[str] = []

    def describe(source: RunSource, progress: Progress) -> RunNumbers:
        described.append(source.name)
        progress(0.3, f"{source.name}: nearest neighbours")
        working.set()
        source.work(FitMixture(np.zeros((1, 1), np.float32)))
        raise AssertionError("the job never ends")

    job: JobHandle[Mixture] = JobHandle()
    monkeypatch.setattr(Worker, "submit", lambda *_: job)
    monkeypatch.setattr("tui.screens.comparison.measuring.describe_run", describe)
    async with opened(two_vaes(), measured=False) as (screen, pilot):
        await pilot.press("u")
        assert await asyncio.to_thread(working.wait, 20)
        await settle(pilot)
        text = "".join(texts_of(screen.query_one(NumbersPanel)))
        assert "beta-1: nearest neighbours 30%" in text
        await pilot.press("u")
        assert said(screen) == "they are being computed already"
        await pilot.press("q")
        assert await asyncio.to_thread(screen._measuring.join, 10)
        assert job.future.cancelled()
        assert described == ["beta-1"], "the next was begun"


async def test_one_run_that_fails_does_not_keep_the_numbers_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = {run.snapshot.run: run for run in two_vaes()}

    def describe(source: RunSource, progress: Progress) -> RunNumbers:
        if source.name == "beta-1":
            raise RuntimeError("no memory")
        return numbers_of(runs[source.name])

    monkeypatch.setattr("tui.screens.comparison.measuring.describe_run", describe)
    async with opened(list(runs.values()), measured=False) as (screen, pilot):
        await press(pilot, "u")
        assert table(screen)["BCE at z = μ, nats"] == ["–", "230.50"]
        text = "".join(texts_of(screen.query_one(NumbersPanel)))
        assert "beta-1 not computed: RuntimeError: no memory" in text


async def test_u_computes_what_is_not_of_the_models_of_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = two_vaes()
    described: list[str] = []

    def describe(source: RunSource, progress: Progress) -> RunNumbers:
        described.append(source.name)
        return numbers_of(runs[1])

    monkeypatch.setattr("tui.screens.comparison.measuring.describe_run", describe)
    async with opened(runs) as (screen, pilot):
        await press(pilot, "u")
        assert said(screen) == "the table is of the current models already"
        runs[1].train_on()
        await press(pilot, "u")
        assert described == ["beta-4"]
        assert table(screen)["measured at epoch"] == ["30", "31"]


async def test_a_run_that_ends_while_it_is_watched_is_measured_unasked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = six()
    described: list[str] = []

    def describe(source: RunSource, progress: Progress) -> RunNumbers:
        described.append(source.name)
        return numbers_of(runs[3])

    monkeypatch.setattr("tui.screens.comparison.measuring.describe_run", describe)
    async with opened(runs, measured=False) as (_, pilot):
        assert described == []
        runs[3].snapshot = replace(runs[3].snapshot, phase=Phase.FINISHED)
        await settle(pilot)
        await settle(pilot)
        assert described == ["sweep-20260728-2d"]


async def test_two_runs_of_one_name_in_two_directories_have_numbers_of_their_own() -> None:
    runs = [ComparedRun(config(), "same"), ComparedRun(config(), "same", offset=2.0)]
    runs[1].directory = Path("elsewhere/same")
    async with opened(runs) as (screen, _):
        assert table(screen)[""] == ["1:same", "2:same"]
        assert table(screen)["BCE at z = μ, nats"] == ["224.50", "226.50"]


# What the screen does to other screens, and to the disk.


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[object], ExportOrder]]:
    given: list[tuple[list[object], ExportOrder]] = []

    def export(context: object, order: ExportOrder, _: Callable[[str], None]) -> tuple[str, str]:
        given.append((list(context.runs), order))  # type: ignore[attr-defined]
        return "wrote it", "done"

    monkeypatch.setattr("tui.screens.base.export", export)
    return given


async def test_e_exports_the_runs_that_are_compared(
    orders: list[tuple[list[object], ExportOrder]],
) -> None:
    late = ComparedRun(config(seed=1), "late", epochs=None)
    runs = [late, *two_vaes()]
    async with opened(runs) as (screen, pilot):
        await press(pilot, "e")
        [(exported, order)] = orders
        assert exported == runs
        assert order.names == ("comparison",)
        assert said(screen) == "wrote it"
        await press(pilot, "E")
        assert "would have one name" in said(screen)
        assert len(orders) == 1


async def test_runs_with_other_images_are_not_exported_on_one_page(
    orders: list[tuple[list[object], ExportOrder]],
) -> None:
    async with opened(six()) as (screen, pilot):
        await press(pilot, "e")
        assert said(screen).endswith("…split-7 had others")
        assert orders == []


async def test_the_way_pictures_are_drawn_is_kept_for_the_other_screens() -> None:
    async with opened(two_vaes()) as (screen, pilot):
        app = pilot.app
        assert isinstance(app, ComparisonApp)
        await press(pilot, "i")
        assert app.context.image_mode == "ascii"
        assert screen.context.runs is not app.context.runs


async def test_the_header_names_a_run_that_trains_for_that_is_the_one_to_pause() -> None:
    async with opened(six()) as (screen, _):
        assert screen.run.snapshot.run == "sweep-20260728-2d"
        assert [r for r in screen.run.requests if isinstance(r, PriorSamples)]  # type: ignore[attr-defined]
