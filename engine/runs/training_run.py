"""`TrainingRun`: training in a thread of its own; commands in, snapshots out.

The thread owns the model and the device. It never waits for a reader: it swaps in a new
`Snapshot` after every slice of steps and appends to a `History`, and whoever shows them
looks when it likes. Importing this module doesn't import torch: the thread does.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from engine.config import RunConfig, TrainingPlan
from engine.errors import INPUT_ERRORS, ControlError, ViewError, describe
from engine.history import History
from engine.run import Access
from engine.runs.control_socket import WEIGHTS_TIMEOUT, Answer, ControlServer
from engine.runs.run_thread import RunThread, keep_libraries, wake_up
from engine.runs.start_points import BranchRun, NewRun, ResumeRun, StartPoint, planned_starts
from engine.runs.tensorboard import check_tensorboard
from engine.snapshot import Phase, Snapshot
from engine.steering import SteeringChange
from engine.storage.file_reading import Fields
from engine.storage.run_lock import LostRunError
from engine.storage.run_names import default_name
from engine.storage.status_json import status_bytes
from engine.views import Frame, ViewRequest, Weights

if TYPE_CHECKING:
    from engine.runs.training_session import TrainingSession

log = logging.getLogger(__name__)
T = TypeVar("T")

COMMAND_TIMEOUT = 10.0
"""Seconds in which what another process asks for has to be done."""
WAITING_TICK = 0.1
"""Seconds between two looks of a waiting run at whether it is stopped."""


class TrainingRun(RunThread):
    """One run, from loading to its end, in a background thread.

    After training has ended the thread keeps answering requests for views until `close`.

    Args:
        start_point: where a new run is made and its name, or the stored run to resume.
        after: a run whose training should end before this one's begins.
        tensorboard: write event files, too.
    """

    def __init__(
        self,
        config: RunConfig,
        start_point: StartPoint,
        after: "TrainingRun | None" = None,
        *,
        tensorboard: bool = False,
    ) -> None:
        snapshot = Snapshot(
            run=_name_of(start_point, config), activity="starting", epochs=config.epochs
        )
        # Not a daemon: a run is never cut off in the middle of a write.
        super().__init__(config, snapshot, name="training", daemon=False)
        self._tensorboard = tensorboard
        self._history = History()
        self._start_point = start_point
        self._session: TrainingSession | None = None
        self._directory: Path | None = None
        self._data_fingerprint = ""
        self._control: ControlServer | None = None
        self._frames: list[Frame] = []
        self._stopping = self._ending = False
        self._failure: BaseException | None = None
        self._after = after
        self._trained = Event()

    @property
    def history(self) -> History:
        """The metric series so far."""
        return self._history

    @property
    def directory(self) -> Path | None:
        """The run's directory, once it exists."""
        return self._directory

    @property
    def data_fingerprint(self) -> str:
        """Of the data; empty until they are loaded."""
        return self._data_fingerprint

    @property
    def frames(self) -> list[Frame]:
        """The film of the run so far, oldest first."""
        return list(self._frames)

    @property
    def access(self) -> Access:
        """It is this process that trains."""
        return Access.OWNER

    @property
    def failure(self) -> BaseException | None:
        """The exception behind a FAILED phase."""
        return self._failure

    def pause(self) -> None:
        """Halt after the slice in progress; views are still answered."""
        self._commands.put(lambda: self._move(Phase.TRAINING, Phase.PAUSED))

    def resume(self) -> None:
        """Continue after a pause."""
        self._commands.put(lambda: self._move(Phase.PAUSED, Phase.TRAINING))

    def save(self) -> None:
        """Have the current weights written soon; training goes on."""
        self._commands.put(self._save)

    def stop(self) -> None:
        """End training after the slice in progress and keep what was learnt."""
        self._stopping = True
        self._commands.put(wake_up)

    def steer(self, setting: str, value: float) -> "Future[None]":
        """Change a setting from the next slice on."""

        def do() -> None:
            self._session_in_training().steer(setting, value)
            self._publish(self._snapshot.phase, self._snapshot.activity)

        return self._promised(do)

    def keep(self, name: str) -> "Future[None]":
        """Have the current state written under a name."""
        return self._promised(lambda: self._session_in_training().keep(name))

    def close(self, *, stop_training: bool = True) -> None:
        """Let the thread end: now (what was learnt is kept), or when training has ended."""
        self._stopping = self._stopping or stop_training
        super().close(stop_training=stop_training)
        self.resume()  # nobody is left to end a pause

    # Everything below runs in the thread.

    def _live(self) -> None:
        try:
            session = self._load()
            if session is None:
                self._publish(Phase.STOPPED)
            else:
                self._train(session)
        # The curves stay on screen, with the cause. Whatever it is: a library may exit as it is
        # imported, and the signals' KeyboardInterrupt comes in the main thread alone.
        except BaseException as error:
            self._fail(error)
        finally:
            self._trained.set()
        while not self._closing:
            self._commands.do_next()
        self._session = None

    def _load(self) -> "TrainingSession | None":
        """The session, ready to train; None if stopped meanwhile: nothing is written then."""
        if self._after is not None:
            self._publish(Phase.WAITING, f"until {self._after.snapshot.run} has ended")
            while not self._after._trained.wait(WAITING_TICK):
                if self._stopping:
                    return None
        self._publish(Phase.LOADING, "loading torch")
        from engine.runs.training_session import TrainingSession  # imports torch: a second or more

        keep_libraries()
        if self._stopping:
            return None
        self._publish(Phase.LOADING, "loading the data")
        self._session = TrainingSession(
            self.config,
            self._history,
            self._frames,
            self._start_point,
            lambda: self._snapshot,
            lambda: self._commands.put(wake_up),
            tensorboard=self._tensorboard,
        )
        self.parent = self._session.parent
        self._directory = self._session.directory.path
        self._data_fingerprint = self._session.provenance.data.fingerprint
        self._publish(Phase.TRAINING)
        self._control = ControlServer(self._directory, self._answers())
        return self._session

    def _answers(self) -> dict[str, Answer]:
        """What other processes may ask for, answered in threads of the server."""
        return {
            "pause": lambda _: self.pause(),
            "resume": lambda _: self.resume(),
            "stop": lambda _: self.stop(),
            "steer": self._steer_for_another,
            "keep": lambda q: self.keep(q.text("name") or "").result(COMMAND_TIMEOUT),
            "status": lambda _: status_bytes(self._snapshot),
            "weights": lambda _: self.request(Weights()).result(WEIGHTS_TIMEOUT),
        }

    def _steer_for_another(self, question: Fields) -> None:
        value = question.number("value", -sys.float_info.max, sys.float_info.max)
        if value is None:
            raise ControlError("steering needs a value")
        self.steer(question.text("setting") or "", value).result(COMMAND_TIMEOUT)

    def _train(self, session: "TrainingSession") -> None:
        while not self._stopping and session.lost is None:
            # A resumed run may have been evaluated here before it was cut off.
            due = session.trainer.evaluation_due()
            if due and session.trainer.step != session.evaluated_step:
                self._publish(self._snapshot.phase, "evaluating")
                session.evaluate(on_batch=self._commands.do_waiting)
            session.repeat_changes()
            if session.is_done:
                break
            self._commands.do_waiting()
            while self._snapshot.phase is Phase.PAUSED and not self._must_end(session):
                self._commands.do_next()
            if not self._must_end(session):
                session.train_slice()
                session.save_if_due()
                self._publish(Phase.TRAINING)
        if session.lost is None:
            self._finish(session)
        if session.lost is not None:
            raise session.lost

    def _must_end(self, session: "TrainingSession") -> bool:
        return self._stopping or session.lost is not None

    def _finish(self, session: "TrainingSession") -> None:
        self._ending = True
        if session.trainer.step != session.evaluated_step:
            self._publish(Phase.TRAINING, "evaluating")
            session.evaluate(on_batch=self._commands.do_waiting)
        self._publish(Phase.TRAINING, "saving")
        session.save()
        session.finish_saving()
        if session.lost is not None:
            return
        self._stop_answering()
        session.report_early_end()
        self._publish(Phase.FINISHED if session.is_done else Phase.STOPPED)
        log.info("%s at step %d", self._snapshot.phase, session.trainer.step)
        session.close()

    def _fail(self, error: BaseException) -> None:
        """End the run, each step whether or not the others fail, as all do on a broken device."""
        self._failure = error
        if not isinstance(error, (*INPUT_ERRORS, LostRunError)):
            log.error("the run failed", exc_info=error)
        session = self._session
        if session is not None:
            # The current weights may be the ones that failed: what is on disk is kept.
            if session.lost is None:
                self._attempt(session.save_best)
            self._attempt(session.finish_saving)
            self._attempt(lambda: self._publish(Phase.TRAINING, "ending"))
        self._attempt(self._stop_answering)
        self._snapshot = replace(
            self._snapshot, phase=Phase.FAILED, activity="", error=describe(error)
        )
        if session is not None:
            self._attempt(session.close)

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except BaseException as error:  # the first one is told
            log.error("while the run was ended: %s", describe(error), exc_info=error)

    def _stop_answering(self) -> None:
        """Other processes ask no more: training has ended."""
        if self._control is not None:
            self._control.close()

    def _publish(self, phase: Phase, activity: str = "") -> None:
        if self._session is None:
            self._snapshot = replace(self._snapshot, phase=phase, activity=activity)
        else:
            self.config = self._session.config
            self._snapshot = self._session.snapshot(phase, activity)

    def _save(self) -> None:
        if self._session is not None and self._snapshot.phase.is_active:
            self._session.save()

    def _move(self, before: Phase, target: Phase) -> None:
        if self._snapshot.phase is before:
            self._publish(target)

    def _session_in_training(self) -> "TrainingSession":
        """The session, if it is training.

        Raises:
            ControlError: if it isn't.
        """
        phase = self._snapshot.phase
        if phase in (Phase.WAITING, Phase.LOADING):
            raise ControlError("training has not begun")
        if self._session is None or self._ending or not phase.is_active:
            raise ControlError("training is over")
        return self._session

    def _view(self, view: ViewRequest[T]) -> T:
        if self._session is None:
            raise ViewError("there is no model here (any more)")
        return self._session.look().compute(view, self._commands.do_waiting)


def planned_runs(
    plan: TrainingPlan,
    checkpoints: Path,
    name: str | None = None,
    *,
    steering: Sequence[SteeringChange] = (),
    tensorboard: bool = False,
) -> list[TrainingRun]:
    """The runs of a plan, to be started together: each waits for the one before.

    Args:
        name: of the run; two get '-vae' and '-ae' behind it. None for one made from the time.
        steering: changes of the settings to repeat.

    Raises:
        RunError: if event files are wanted and there is no `tensorboard` package.
    """
    start_points = planned_starts(plan, checkpoints, name, steering)
    return runs_in_turn(start_points, tensorboard=tensorboard)


def runs_in_turn(
    start_points: Iterable[tuple[RunConfig, StartPoint]],
    after: TrainingRun | None = None,
    *,
    tensorboard: bool = False,
) -> list[TrainingRun]:
    """A `TrainingRun` each, to be started together: each waits for the one before.

    Args:
        after: what the first one waits for.

    Raises:
        RunError: if event files are wanted and there is no `tensorboard` package.
    """
    if tensorboard:
        check_tensorboard()
    runs: list[TrainingRun] = []
    for config, start_point in start_points:
        before = runs[-1] if runs else after
        runs.append(TrainingRun(config, start_point, before, tensorboard=tensorboard))
    return runs


def _name_of(start_point: StartPoint, config: RunConfig) -> str:
    match start_point:
        case NewRun(_, name) | BranchRun(NewRun(_, name)):
            return name or default_name(config, datetime.now())
        case ResumeRun(path):
            return path.resolve().name
