"""The app with a run that trains, driven by keys: what the tests of its screens share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from engine.config import RunConfig, TrainingPlan
from tui.app import FmnistVaeTui
from tui.screens.dashboard.screen import Dashboard
from tui.widgets.message_line import MessageLine

LARGE, SMALL = (140, 45), (80, 24)


def message(pilot: Pilot[None]) -> str:
    """What the dashboard says, also under other screens."""
    return dashboard(pilot).query_one(MessageLine).text


def dashboard(pilot: Pilot[None]) -> Dashboard:
    """It, also under other screens."""
    found = [s for s in pilot.app.screen_stack if isinstance(s, Dashboard)]
    assert found
    return found[0]


@asynccontextmanager
async def running(
    plan: RunConfig | TrainingPlan, tmp_path: Path, size: tuple[int, int] = LARGE
) -> AsyncIterator[tuple[FmnistVaeTui, Pilot[None]]]:
    """The app with its runs, which are closed in the end."""
    app = FmnistVaeTui(plan, tmp_path / "checkpoints", tmp_path / "exports", images="half")
    try:
        async with app.run_test(size=size) as pilot:
            yield app, pilot
    finally:
        for run in app.runs:
            run.close()
            assert await asyncio.to_thread(run.join, 30)
