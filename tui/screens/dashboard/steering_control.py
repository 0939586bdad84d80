"""Changing the settings of the run on show while it trains, and taking that back."""

from concurrent.futures import Future

from engine.errors import describe
from engine.run import Access
from engine.steering import last_to_undo
from engine.text import one_line
from tui.screens.base import READ_ONLY
from tui.screens.dashboard.run_control import RunControl
from tui.screens.dialogs.steer import SteerScreen, Values


class SteeringControl(RunControl):
    """A screen from which the run on show is steered."""

    def action_steer(self) -> None:
        """The form of the settings that can be changed now."""
        if self._can_steer():
            run = self.run

            def answered(values: Values | None) -> None:
                if values is not None and run is self.run:
                    self._change(values)

            self.app.push_screen(SteerScreen(run.config, run.snapshot), answered)

    def action_undo(self) -> None:
        """Take the last change back."""
        if self._can_steer():
            change = last_to_undo(self.run.snapshot.steering)
            if change is None:
                self.say("nothing to undo: no setting of this run was changed")
            else:
                self._change({change.setting: change.before})

    def _can_steer(self) -> bool:
        """Whether the run can be steered from here; says why not."""
        phase = self.run.snapshot.phase
        if not phase.is_active:
            self.say(f"the run is {phase}: b, then R trains it on, for more epochs if it was done")
        elif self.run.access is Access.READ:
            self.say(READ_ONLY, "warning")
        else:
            return True
        return False

    def _change(self, values: Values) -> None:
        run = self.run
        if not values:
            self.say("nothing was changed")
        for setting, value in values.items():
            before = len(run.snapshot.steering)

            def done(future: "Future[None]", before: int = before) -> None:
                error = future.exception()
                if error is not None:
                    self.post_message(self.Said(one_line(describe(error)), "error"))
                    return
                made = [change.text for change in run.snapshot.steering[before:]]
                step = f"{run.snapshot.step:,}"
                if made:
                    self.post_message(self.Said(f"{', '.join(made)} from step {step} on", "done"))

            run.steer(setting, value).add_done_callback(done)
        self.look_now()
