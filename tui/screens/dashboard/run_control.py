"""Stopping runs, starting others, and leaving: what must not happen by mistake is asked first."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from textual.message import Message

from engine.config import TrainingPlan
from engine.run import Access, Run
from engine.snapshot import Phase
from tui.screens.base import READ_ONLY, RunScreen
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.new_run import NewRunScreen
from tui.state.run_manager import training_here, trains_here
from tui.state.settings import settings_of


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
                f"The run is saved in {self.kept_in()}: you can inspect, export or resume it.",
                yes="stop",
                no="cancel",
            ),
            self.run.stop,
        )

    def action_new_run(self) -> None:
        """The form for a new run."""
        warning = ""
        if training_here(self.context.runs):
            warning = "stops and saves the current run"

        def answered(plan: TrainingPlan | None) -> None:
            if plan is not None:
                self.post_message(self.NewRun(plan))

        self.app.push_screen(NewRunScreen(self._current_plan(), warning), answered)

    def action_leave(self) -> None:
        """Quit, asking while training."""
        training = self._interrupted()
        if training is None:
            self.post_message(self.Leave())
            return
        snapshot = training.snapshot
        self._ask(
            ConfirmScreen(
                f"Training is at epoch {snapshot.epoch:.2f} of {snapshot.epochs}. Quit?",
                "Training stops. The current weights, those of the best evaluation, the curves "
                f"and the settings are saved in {training.directory or snapshot.run}/.",
                yes="quit",
                no="cancel",
            ),
            lambda: self.post_message(self.Leave()),
        )

    def _ask(self, question: ConfirmScreen, then: Callable[[], object]) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                then()

        self.app.push_screen(question, answered)

    def _interrupted(self) -> Run | None:
        """The run that quitting would cut off, whichever is on show."""
        begun = (Phase.TRAINING, Phase.PAUSED)
        own = (run for run in self.context.runs if trains_here(run))
        return next((run for run in own if run.snapshot.phase in begun), None)

    def _current_plan(self) -> TrainingPlan:
        """The settings of the run on show; of both models, if its counterpart is open, too."""
        config = self.run.config
        both = any(
            other.config.model != config.model
            and replace(other.config, model=config.model) == config
            for other in self.context.runs
        )
        return TrainingPlan(**settings_of(config) | ({"model": "both"} if both else {}))
