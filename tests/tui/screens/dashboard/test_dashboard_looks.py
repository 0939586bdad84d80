"""How the dashboard looks, against stored pictures (`pytest --snapshot-update` renews them)."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.config import TrainingPlan
from tests.support.canned_run import canned_runs
from tests.support.dashboard_app import dashboard
from tests.support.looking import look
from tui.app import FmnistVaeTui

pytestmark = pytest.mark.slow

SnapCompare = Callable[..., bool]


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> FmnistVaeTui:
    # The help says which colours were found: those of the terminal that runs the tests.
    monkeypatch.setattr("tui.app.describe_colors", lambda *_: "Colours: true colour.")
    checkpoints = Path("checkpoints")
    runs = canned_runs(TrainingPlan(), checkpoints, None)
    return FmnistVaeTui(runs, checkpoints, Path("exports"), images="half")


async def settle(pilot: Pilot[None]) -> None:
    """Until every panel has looked at the canned run, been answered and been drawn."""
    await pilot.pause()
    await look(pilot, dashboard(pilot))


def pressing(*keys: str) -> Callable[[Pilot[None]], object]:
    async def press(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press(*keys)
        await settle(pilot)

    return press


@pytest.mark.parametrize("size", [(140, 45), (80, 24), (50, 16)])
def test_dashboard(app: FmnistVaeTui, snap_compare: SnapCompare, size: tuple[int, int]) -> None:
    assert snap_compare(app, terminal_size=size, run_before=settle)


def test_ascii_pictures(app: FmnistVaeTui, snap_compare: SnapCompare) -> None:
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing("i"))


def test_kl_chart_zoomed(app: FmnistVaeTui, snap_compare: SnapCompare) -> None:
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing("c", "c", "z"))


def test_help(app: FmnistVaeTui, snap_compare: SnapCompare) -> None:
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing("question_mark"))


def test_question_before_quitting(app: FmnistVaeTui, snap_compare: SnapCompare) -> None:
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing("q"))


def test_form_for_a_new_run_with_a_mistake(app: FmnistVaeTui, snap_compare: SnapCompare) -> None:
    # The cursor of an input blinks; a select has none.
    keys = ("n", "tab", "tab", "0", "tab")
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing(*keys))
