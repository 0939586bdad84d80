"""Stopping runs, starting others, and leaving: what must not happen by mistake is asked first."""

from collections.abc import Callable
from dataclasses import dataclass, fields

from textual.message import Message

from engine.config import TrainingPlan
from engine.engine import TrainingEngine
from engine.snapshot import Phase
from tui.screens.confirm import ConfirmScreen
from tui.screens.new_run import NewRunScreen
from tui.screens.run_screen import RunScreen


class RunControl(RunScreen):
    """A screen from which runs are stopped and started; the app does what its messages say."""

    @dataclass
    class NewRun(Message):
        """A person wants to train with these settings."""

        plan: TrainingPlan

    class Leave(Message):
        """A person wants to quit, and was asked if need be."""

    def action_stop(self) -> None:
        """Ask, then end training."""
        snapshot = self.engine.snapshot
        if not snapshot.phase.is_active:
            self.say(f"nothing to stop: the run is {snapshot.phase}")
            return
        self._ask(
            ConfirmScreen(
                f"Stop training at epoch {snapshot.epoch:.2f} of {snapshot.epochs}?",
                f"What was learnt is kept in {self.kept_in()}; it can be looked at and exported, "
                "but not trained on.",
                yes="stop",
                no="go on",
            ),
            self.engine.stop,
        )

    def action_new_run(self) -> None:
        """The form."""
        warning = ""
        if any(engine.snapshot.phase.is_active for engine in self.context.engines):
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

    def _training(self) -> TrainingEngine | None:
        """The run that quitting would cut off, whichever is on show."""
        for engine in self.context.engines:
            if engine.snapshot.phase in (Phase.TRAINING, Phase.PAUSED):
                return engine
        return None

    def _plan_of_now(self) -> TrainingPlan:
        config = self.engine.config
        settings = {field.name: getattr(config, field.name) for field in fields(TrainingPlan)}
        if len(self.context.engines) > 1:
            settings["model"] = "both"
        return TrainingPlan(**settings)
