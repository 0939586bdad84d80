"""Time that goes by at once: a screen that shows a run, brought up to date."""

from typing import Any

from textual.pilot import Pilot

from tui.screens.base import RunScreen


async def look(pilot: Pilot[Any], screen: RunScreen, times: int = 2) -> None:
    """Have every part updated: what is due is asked for at first, and drawn at the next look."""
    for _ in range(times):
        screen.look_now()
        await pilot.pause()
