"""On stderr, how far slow work is, where that is a terminal that can show it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn

from engine.text import one_line
from tui.terminal.capabilities import is_dumb


class Report(Protocol):
    """Says how far the work is."""

    def __call__(self, share: float | None, activity: str, /) -> None:
        """`share` of 1, None if it isn't known."""


def new_bar(*columns: ProgressColumn, transient: bool = True) -> Progress:
    """The bar that all commands have, if stderr is a terminal and not a dumb one.

    Args:
        columns: behind what is being done, the bar and the percentage.
        transient: wiped at its end.
    """
    # Not rich's own judgement: FORCE_COLOR and others make it take a file for a terminal, and on a
    # dumb terminal it shows nothing at all.
    is_live = sys.stderr.isatty() and not is_dumb(os.environ)
    console = Console(stderr=True, force_terminal=is_live)
    return Progress(
        TextColumn("{task.description}", markup=False),  # a run's name may have brackets
        BarColumn(),
        TaskProgressColumn(),
        *columns,
        console=console,
        disable=not is_live,
        transient=transient,
        redirect_stdout=False,  # it would be redirected to stderr
    )


@contextmanager
def progress_bar(prefix: str = "") -> Iterator[Report]:
    """A bar from the first report on, until the work is done or given up.

    Args:
        prefix: in front of what is being done.
    """
    bar = new_bar()
    task = bar.add_task(prefix, total=None)

    def report(share: float | None, activity: str, /) -> None:
        bar.start()
        description = one_line(f"{prefix}{activity}")
        if share is None:
            bar.reset(task, total=None, description=description)
        else:
            bar.update(task, total=1.0, completed=share, description=description)
        bar.refresh()  # at once: some steps are over before the next tick

    try:
        yield report
    finally:
        if bar.live.is_started:
            bar.stop()
