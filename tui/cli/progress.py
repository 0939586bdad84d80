"""On stderr, how far slow work is, where that is a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from engine.analysis import jobs


@contextmanager
def progress_bar(prefix: str = "") -> Iterator[jobs.Progress]:
    """A bar from the first report on, until the work is done or given up.

    Args:
        prefix: in front of what is being done.
    """
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
        # It would be redirected to stderr.
        redirect_stdout=False,
    )
    task = bar.add_task(prefix, total=1.0)

    def report(share: float, activity: str) -> None:
        bar.start()
        bar.update(task, completed=share, description=f"{prefix}{activity}")

    try:
        yield report
    finally:
        if bar.live.is_started:
            bar.stop()
