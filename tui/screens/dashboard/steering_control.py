"""Changing the run on show while it trains, taking that back, keeping a state and branching."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

from textual.message import Message

from engine.config import TrainingPlan
from engine.errors import describe
from engine.run import Access
from engine.snapshot import Phase
from engine.steering import last_to_undo
from engine.storage.kept_states import kept_states
from engine.text import one_line
from tui.screens.base import READ_ONLY
from tui.screens.dashboard.run_control import RunControl
from tui.screens.dialogs.branch import Branch, BranchScreen
from tui.screens.dialogs.keep import KeepScreen
from tui.screens.dialogs.steer import SteerScreen, Values
from tui.state.run_manager import training_here

LOWER_LR = 10.0
"""What the learning rate of a run that failed is divided by, for a branch of it."""


class SteeringControl(RunControl):
    """A screen from which the run on show is steered, kept and branched."""

    @dataclass
    class BranchRun(Message):
        """A person wants a new run that begins with another's weights."""

        plan: TrainingPlan
        parent: Path
        state: str

    def action_steer(self) -> None:
        """The form of the settings that can be changed now; of a failed run, that of a branch."""
        if self.run.snapshot.phase is Phase.FAILED:
            self.action_branch()
        elif self._can_steer():
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

    # What is kept, and what begins with it.

    def action_keep(self) -> None:
        """The form for the name of the current state."""
        run = self.run
        if run.directory is None or not self._can_steer():
            return

        def answered(name: str | None) -> None:
            if name is not None:
                done = f"kept as {name}: B begins a branch with it"
                self._say_when_done(run.keep(name), lambda: done)

        kept = kept_states(run.directory)
        self.app.push_screen(KeepScreen(run.snapshot.epoch, kept), answered)

    def action_branch(self) -> None:
        """The form for a new run that begins with this one's weights.

        One that failed most likely diverged: its best weights and a lower rate are offered.
        """
        run, path = self.run, self.run.directory
        if path is None or run.snapshot.last is None:
            self.say("there are no weights to branch from yet", "warning")
            return

        def answered(branch: Branch | None) -> None:
            if branch is not None:
                self.post_message(self.BranchRun(branch.plan, path, branch.state))

        config, states = run.config, ["last", "best"]
        if run.snapshot.phase is Phase.FAILED:
            config, states = replace(config, lr=config.lr / LOWER_LR), ["best", "last"]
        states += [kept.name for kept in reversed(kept_states(path))]
        warning = "stops and saves the current run" if training_here(self.context.runs) else ""
        self.app.push_screen(BranchScreen(path.name, config, states, warning), answered)

    def _say_when_done(self, future: "Future[None]", done: Callable[[], str]) -> None:
        """Say what was done, unless that is nothing, or why it could not be."""

        def said(_: object) -> None:  # in the thread that has done it, or could not
            error = future.exception()
            if error is not None:
                self.post_message(self.Said(one_line(describe(error)), "error"))
            elif text := done():
                self.post_message(self.Said(text, "done"))

        future.add_done_callback(said)

    def _can_steer(self) -> bool:
        """Whether the run can be steered from here; says why not."""
        phase = self.run.snapshot.phase
        if not phase.is_active:
            state = "the run's process was killed" if phase is Phase.DIED else f"the run is {phase}"
            self.say(f"{state}: b, then R trains it on, for more epochs if it was done")
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

            def made(before: int = before) -> str:
                changes = ", ".join(change.text for change in run.snapshot.steering[before:])
                return changes and f"{changes} from step {run.snapshot.step:,} on"

            self._say_when_done(run.steer(setting, value), made)
        self.look_now()
