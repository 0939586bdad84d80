"""A stored run that tells on stderr how far its slow jobs are, where that is a terminal."""

from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from engine.analysis import jobs
from engine.analysis.jobs import Job
from engine.runs.stored_run import StoredRun

T = TypeVar("T")


class RunWithProgress(StoredRun):
    """A stored run with a bar that is there while a job runs."""

    def work(self, job: Job[T], progress: jobs.Progress = jobs.no_progress) -> T:
        """Slow work, done here and now."""
        console = Console(stderr=True)
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
            # It would be redirected to stderr.
            redirect_stdout=False,
        ) as bar:
            task = bar.add_task(self.run, total=1.0)

            def tell(share: float, activity: str) -> None:
                bar.update(task, completed=share, description=f"{self.run} · {activity}")
                progress(share, activity)

            return super().work(job, tell)
