"""How the run browser looks, against stored pictures (`pytest --snapshot-update` renews them)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.config import RunConfig
from engine.storage.listing import RunState, RunSummary
from engine.storage.run_lock import Owner
from tests.support.runs_app import Browser, RunsApp

SnapCompare = Callable[..., bool]
FOLDER = Path("checkpoints")


def summary(
    name: str,
    state: RunState,
    config: RunConfig | None,
    epoch: float,
    best: float | None = None,
    problem: str = "",
    owner: Owner | None = None,
) -> RunSummary:
    created = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    return RunSummary(
        path=FOLDER / name,
        name=name,
        state=state,
        problem=problem,
        config=config,
        epoch=epoch,
        epochs=config.epochs if config else 0,
        last=None if best is None else best + 0.25,
        best=best,
        best_epoch=None if best is None else int(epoch),
        seconds=epoch * 7.3,
        created=created,
        modified=created,
        size=round(epoch * 2**20),
        owner=owner,
    )


VAE = RunConfig(seed=1)
ME = Owner(4711, "gpu-box")
RUNS = [
    summary("vae-20261122-093015", RunState.RUNNING, VAE, 12.37, 239.5, owner=ME),
    summary("beta-4", RunState.PAUSED, replace(VAE, beta=4.0), 3.5, 262.31, owner=ME),
    summary("vae-20261121-200501", RunState.FINISHED, replace(VAE, seed=2), 30.0, 235.01),
    summary("ae-20261121-200501", RunState.FINISHED, replace(VAE, model="ae"), 30.0, 211.13),
    summary("sweep-of-β-with-a-name-too-long-for-the-table", RunState.STOPPED, VAE, 0.5),
    summary(
        "two-dimensions",
        RunState.DIED,
        replace(VAE, latent_dim=2, hidden=(400,), lr=5e-4, data="/data/kmnist"),
        7.2,
        262.8,
    ),
    summary(
        "nan",
        RunState.FAILED,
        replace(VAE, lr=0.9),
        1.02,
        510.4,
        "the loss is not finite at step 431: try a lower learning rate",
    ),
    summary(
        "[red]odd[b]\n",
        RunState.UNREADABLE,
        None,
        0.0,
        problem="checkpoints/odd/config.json is not a run's config.json: it has no settings",
    ),
]


pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("in_utc")]


@pytest.fixture(autouse=True)
def known_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.screens.runs.list.RunIndex.look", lambda _: iter([list(RUNS)]))


def pressing(*keys: str) -> Callable[[Pilot[None]], object]:
    async def press(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, RunsApp)
        browser = Browser(app, pilot)
        await browser.until(lambda: app.browser.is_mounted and app.browser.runs)
        await pilot.pause()
        await browser.press(*keys)

    return press


@pytest.mark.parametrize("size", [(80, 24), (140, 45), (50, 16)])
def test_browser(snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    keys = ("down", "space", "down", "space", "down", "down", "down")
    assert snap_compare(RunsApp(FOLDER), terminal_size=size, run_before=pressing(*keys))


def test_problem_of_a_failed_run_under_a_filter(snap_compare: SnapCompare) -> None:
    keys = ("slash", "l", "r", "equals_sign", "0", "full_stop", "9")
    assert snap_compare(RunsApp(FOLDER), terminal_size=(80, 24), run_before=pressing(*keys))


def test_question_before_deleting(snap_compare: SnapCompare) -> None:
    keys = ("down", "down", "d")
    assert snap_compare(RunsApp(FOLDER), terminal_size=(80, 24), run_before=pressing(*keys))


def test_renaming_with_a_mistake(snap_compare: SnapCompare) -> None:
    keys = ("down", "down", "r", "slash", "enter")
    assert snap_compare(RunsApp(FOLDER), terminal_size=(80, 24), run_before=pressing(*keys))
