"""Stopping runs, starting others, and leaving: what must not happen by mistake is asked first."""

from collections.abc import Callable
from dataclasses import dataclass, fields

from textual.message import Message

from engine.config import TrainingPlan
from engine.run import Access, Run
from engine.snapshot import Phase
from tui.screens.base import READ_ONLY, RunScreen
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.new_run import NewRunScreen


def is_own(run: Run) -> bool:
    """Whether this process trains it."""
    return run.access is Access.OWNER


class RunControl(RunScreen):
    """A screen from which runs are stopped and started; the app does what its messages say."""

    @dataclass
    class NewRun(Message):
        """A person wants to train with these settings."""

        plan: TrainingPlan

    class Browse(Message):
        """A person wants to see all runs there are."""

    class Leave(Message):
        """A person wants to quit, and was asked if need be."""

    def action_stop(self) -> None:
        """Ask, then end training."""
        snapshot = self.run.snapshot
        if not snapshot.phase.is_active:
            self.say(f"nothing to stop: the run is {snapshot.phase}")
            return
        if self.run.access is Access.READ:
            self.say(READ_ONLY, "warning")
            return
        self._ask(
            ConfirmScreen(
                f"Stop training at epoch {snapshot.epoch:.2f} of {snapshot.epochs}?",
                f"What was learnt is kept in {self.kept_in()}: it can be looked at, exported, and "
                "gone on with.",
                yes="stop",
                no="go on",
            ),
            self.run.stop,
        )

    def action_new_run(self) -> None:
        """The form."""
        warning = ""
        if any(e.snapshot.phase.is_active for e in self.context.runs if is_own(e)):
            warning = "stops the run of now and keeps it"

        def answered(plan: TrainingPlan | None) -> None:
            if plan is not None:
                self.post_message(self.NewRun(plan))

        self.app.push_screen(NewRunScreen(self._plan_of_now(), warning), answered)

    def action_leave(self) -> None:
        """Quit, asking while training."""
        training = self._training()
        if training is None:
            self.post_message(self.Leave())
            return
        snapshot = training.snapshot
        self._ask(
            ConfirmScreen(
                f"Training is at epoch {snapshot.epoch:.2f} of {snapshot.epochs}. Quit?",
                "Training stops. The weights of now and of the best evaluation, the curves and "
                f"the settings are kept in {training.directory or snapshot.run}/.",
                yes="quit",
                no="go on",
            ),
            lambda: self.post_message(self.Leave()),
        )

    def _ask(self, question: ConfirmScreen, then: Callable[[], object]) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                then()

        self.app.push_screen(question, answered)

    def _training(self) -> Run | None:
        """The run that quitting would cut off, whichever is on show."""
        for run in self.context.runs:
            if is_own(run) and run.snapshot.phase in (Phase.TRAINING, Phase.PAUSED):
                return run
        return None

    def _plan_of_now(self) -> TrainingPlan:
        config = self.run.config
        settings = {field.name: getattr(config, field.name) for field in fields(TrainingPlan)}
        if len(self.context.runs) > 1:
            settings["model"] = "both"
        return TrainingPlan(**settings)
