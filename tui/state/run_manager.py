"""`RunManager`: which runs are on show, and how others take their place.

It knows no Textual: the app asks a person, and does what was answered here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from engine.config import TrainingPlan
from engine.errors import RunError
from engine.run import Access, Run
from engine.runs.attached_run import AttachedRun
from engine.runs.branch import planned_branch
from engine.runs.start_points import NewRun, ResumeRun, continued_config
from engine.runs.training_run import TrainingRun, planned_runs, runs_in_turn
from tui.state.context import RunContext
from tui.state.exports import ExportOrder, Outcome, export


class RunManager:
    """Of the screen's thread: starts, attaches to and closes runs, and puts them on show.

    Args:
        context: its `runs` are on show, not yet started.
        tensorboard: write event files of the runs that begin here, too.
    """

    def __init__(self, context: RunContext, *, tensorboard: bool = False) -> None:
        self.context = context
        self._tensorboard = tensorboard
        self.all = list(context.runs)
        """Every run there ever was: whoever made the manager closes and joins them."""

    def start(self) -> None:
        """Start what is on show; again, it does nothing."""
        for run in self.context.runs:
            run.start()

    def begin(self, plan: TrainingPlan) -> None:
        """Stop and save the current runs, and train others.

        Raises:
            RunError: if they can't be logged as wanted; nothing has changed then.
        """
        self._replace(
            [], planned_runs(plan, self.context.checkpoints, tensorboard=self._tensorboard)
        )

    def branch(self, plan: TrainingPlan, parent: Path, state: str) -> None:
        """Stop and save the current runs, and train one that begins with another's weights.

        Args:
            parent: its directory; if it is trained here, the branch waits until it is saved.
            state: 'last', 'best', or the name of a kept one.

        Raises:
            RunError, ConfigError: if it can't be begun; nothing has changed then.
        """
        start = planned_branch(plan, NewRun(self.context.checkpoints), parent, state)
        own = [run for run in self.context.runs if isinstance(run, TrainingRun)]
        after = next((run for run in own if run.directory == parent), None)
        self._replace([], runs_in_turn([start], after, tensorboard=self._tensorboard))

    def resume(self, path: Path, epochs: int | None = None) -> None:
        """Stop and save the current runs, and train a stored one on.

        Args:
            epochs: in all; None for as many as were planned.

        Raises:
            RunError, ConfigError: if it can't be resumed; nothing has changed then.
        """
        start = (continued_config(path, epochs=epochs), ResumeRun(path))
        self._replace([], runs_in_turn([start], tensorboard=self._tensorboard))

    def open(self, paths: Sequence[Path]) -> list[str]:
        """Show stored runs, beside those that are trained here, which go on.

        Returns:
            A sentence for each that can't be shown. If none can, nothing has changed.
        """
        own = [run for run in self.context.runs if trains_here(run)]
        here = [run for run in own if run.directory in paths]
        shown = [run.directory for run in here]
        attached, problems = _attach(path for path in paths if path not in shown)
        if attached:
            self._replace(own, attached)
        elif here:
            self.context.shown = self.context.runs.index(here[0])
        return problems

    def borrow(self, paths: Sequence[Path]) -> tuple[list[Run], list[str]]:
        """Stored runs that are not put on show: those on show themselves, others attached to.

        Returns:
            The runs, in the order of their paths, and a sentence for each that can't be had.
        """
        on_show = {run.directory: run for run in self.context.runs}
        attached, problems = _attach(path for path in paths if path not in on_show)
        for run in attached:
            run.start()
        self.all += attached
        found = on_show | {run.directory: run for run in attached}
        return [found[path] for path in paths if path in found], problems

    def release(self, borrowed: Iterable[Run]) -> None:
        """Close borrowed runs, but those on show."""
        for run in borrowed:
            if run not in self.context.runs:
                run.close()

    def export(self, path: Path, report: Callable[[str], None]) -> Outcome:
        """Write every figure of a stored run: in a thread that may wait.

        Args:
            report: called with a message for every figure that is written.
        """
        try:
            run = AttachedRun(path)
        except RunError as error:
            return str(error), "error"
        run.start()
        try:
            return export(replace(self.context, runs=[run], shown=0), ExportOrder(None), report)
        finally:
            run.close()

    def _replace(self, kept: Sequence[Run], new: Sequence[Run]) -> None:
        """Show other runs, the first of the new ones; those not kept are closed."""
        context = self.context
        for run in context.runs:
            if run not in kept:
                run.close()
        context.runs = [*kept, *new]
        context.shown = len(kept)
        context.ends = (None, None)  # positions in another run's split, perhaps
        self.all += new
        self.start()


def _attach(paths: Iterable[Path]) -> tuple[list[Run], list[str]]:
    runs: list[Run] = []
    problems: list[str] = []
    for path in paths:
        try:
            runs.append(AttachedRun(path))
        except RunError as error:
            problems.append(str(error))
    return runs, problems


def trains_here(run: Run) -> bool:
    """Whether this process trains it, and isn't done."""
    return run.access is Access.OWNER and run.snapshot.phase.is_active


def training_here(runs: Iterable[Run]) -> Run | None:
    """The first that this process trains."""
    return next(filter(trains_here, runs), None)
