"""Waiting for what another thread, process or screen brings about, and not a moment longer."""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.pilot import Pilot  # which the jobs of the helper process must not import

PATIENCE = 60.0
"""Seconds after which nothing more is expected, on however busy a machine."""


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Return as soon as the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "never came true"
        time.sleep(0.005)


async def until(pilot: "Pilot[None]", condition: Callable[[], object]) -> None:
    """Return as soon as the condition holds; meanwhile the app handles its messages."""
    deadline = time.monotonic() + PATIENCE
    while True:
        await pilot.pause()
        if condition():
            return
        assert time.monotonic() < deadline, f"never came true; it says {said(pilot)!r}"
        await asyncio.sleep(0.01)


def said(pilot: "Pilot[None]") -> str:
    """The message line of the screen on top."""
    from tui.widgets.message_line import MessageLine

    lines = pilot.app.screen.query(MessageLine)
    return lines.first().text if lines else ""
