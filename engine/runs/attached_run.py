"""`AttachedRun`: a run of another process, or one that is over, watched by its directory.

Curves, film and state are read from files that the owner writes; pictures are computed here, from
the weights in its last checkpoint. Where the owner answers (`engine.runs.control_socket`), state
and weights are current, and it can be asked to pause, resume and stop. Nothing is ever written.
"""

import io
import logging
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from data import DataError
from engine.alerts import Alert
from engine.analysis.alert_rules.watch import AlertWatch
from engine.errors import ConfigError, ControlError, RunError, ViewError
from engine.history import History
from engine.run import Access
from engine.runs.control_socket import SOCKET_FILE, WEIGHTS_TIMEOUT, ask
from engine.runs.run_thread import RunThread, keep_libraries
from engine.snapshot import Phase, Snapshot
from engine.steering import SteeringChange, config_at
from engine.storage.config_json import read_config
from engine.storage.file_reading import MOST_JSON
from engine.storage.frames import FilmReader
from engine.storage.history_reader import HistoryReader
from engine.storage.run_lock import Owner, owner_of
from engine.storage.status_json import parse_status, read_status
from engine.views import Frame, ViewRequest

if TYPE_CHECKING:
    from engine.runs.stored_model import StoredModel

log = logging.getLogger(__name__)
T = TypeVar("T")

TICK = 0.1
"""Seconds between two looks at what others ask for."""
ASK_INTERVAL = 0.25
COMMAND_TIMEOUT = 12.0
"""Seconds for an owner that evaluates, or waits for its disk."""
READ_INTERVAL = 1.0
"""Seconds between two looks at the owner, and at the files."""
WEIGHTS_INTERVAL = 0.5
"""Seconds for which weights are new enough."""


class AttachedRun(RunThread):
    """A `Run` that is only looked at.

    What its files say is there at once; `start` follows it, until `close`: the run goes on. Views
    are of the weights that can be had, the owner's or the last saved ones.

    Args:
        path: the run's directory.
        data: where the data set lies now, if it was moved.

    Raises:
        RunError: if it has no config.json that can be read.
    """

    def __init__(self, path: Path, data: Path | None = None) -> None:
        config, provenance = read_config(path)
        snapshot = Snapshot(run=path.resolve().name, epochs=config.epochs)
        # A daemon: it writes nothing that could be cut off.
        super().__init__(config, snapshot, name="attached", daemon=True)
        self._path, self._data = path, data
        self._data_fingerprint = provenance.data.fingerprint
        self.parent = provenance.parent
        self._reader = HistoryReader(path, config)
        self._film = FilmReader(path)
        self._access = Access.READ
        self._alert_watch, self._watched = AlertWatch(config), self._reader.history
        self._raised: tuple[Alert, ...] = ()
        """By the rules, from what its files say: those of its status.json have no evidence."""
        self._problems: list[str] = []
        """What can't be read of its files."""
        self._model: StoredModel | None = None
        self._version: object = None
        """Which checkpoint the model's weights are from; None for the owner's."""
        self._weights_at = -WEIGHTS_INTERVAL
        self._read_files()
        self._show(owner_of(path), None)

    @property
    def history(self) -> History:
        """What is in the CSV files."""
        return self._reader.history

    @property
    def directory(self) -> Path:
        """The run's directory."""
        return self._path

    @property
    def data_fingerprint(self) -> str:
        """As its config.json has it."""
        return self._data_fingerprint

    @property
    def frames(self) -> list[Frame]:
        """The film as it is on disk."""
        return list(self._film.frames)

    @property
    def access(self) -> Access:
        """Whether the owner answers."""
        return self._access

    def pause(self) -> None:
        """Ask the owner to halt training."""
        self._commands.put(lambda: self._ask_owner("pause"))

    def resume(self) -> None:
        """Ask the owner to continue after a pause."""
        self._commands.put(lambda: self._ask_owner("resume"))

    def stop(self) -> None:
        """Ask the owner to end training and keep what was learnt."""
        self._commands.put(lambda: self._ask_owner("stop"))

    def steer(self, setting: str, value: float) -> "Future[None]":
        """Ask the owner to change a setting."""
        return self._asked("steer", setting=setting, value=value)

    def keep(self, name: str) -> "Future[None]":
        """Ask the owner to write its current state under a name."""
        return self._asked("keep", name=name)

    def _asked(self, question: str, **fields: object) -> "Future[None]":
        def do() -> None:
            ask(self._path, question, COMMAND_TIMEOUT, MOST_JSON, fields)
            self._look()

        return self._promised(do)

    # Everything below runs in the thread.

    def _live(self) -> None:
        looked_at = -READ_INTERVAL
        while not self._closing:
            interval = ASK_INTERVAL if self._access is Access.CONTROL else READ_INTERVAL
            if time.monotonic() - looked_at >= interval:
                self._look()
                looked_at = time.monotonic()
            self._commands.do_next(timeout=TICK)
            self._commands.do_waiting()

    def _look(self) -> None:
        owner = owner_of(self._path)
        status = self._ask_for_status() if owner is not None else None
        self._access = Access.READ if status is None else Access.CONTROL
        # After the owner was looked at: if it is gone, all that it wrote is there.
        self._read_files()
        self._show(owner, status)

    def _show(self, owner: Owner | None, status: bytes | None) -> None:
        problems = list(self._problems)
        snapshot = None
        try:
            if status is not None:
                snapshot = parse_status(status, self._path / SOCKET_FILE, self.history)
        except RunError as error:
            problems.append(str(error))
        if snapshot is None:
            try:
                snapshot = read_status(self._path, self.history)
            except RunError as error:
                problems.append(str(error))
            snapshot = snapshot or self._without_status()
            if owner is None and snapshot.phase.is_active:
                snapshot = replace(snapshot, phase=Phase.DIED, activity="", eta=None)
        if snapshot.steering != self._snapshot.steering:
            try:
                self.config = config_at(self.config, snapshot.steering, snapshot.step)
            except ConfigError as error:
                problems.append(f"how it was steered can't be read: {error}")
        notes = [alert for alert in snapshot.alerts if alert.rule is None]
        alerts = sorted(
            [*notes, *self._raised_alerts(snapshot.steering)], key=lambda alert: alert.step
        )
        alerts += [Alert(snapshot.step, problem) for problem in problems]
        self._snapshot = replace(snapshot, alerts=tuple(alerts))

    def _raised_alerts(self, steering: tuple[SteeringChange, ...]) -> tuple[Alert, ...]:
        if self._watched is not self.history:  # it went back to an earlier checkpoint
            self._watched, self._raised = self.history, ()
            self._alert_watch = AlertWatch(self.config)
        self._raised = (*self._raised, *self._alert_watch.read(self._watched, steering))
        return self._raised

    def _ask_for_status(self) -> bytes | None:
        try:
            return ask(self._path, "status")
        except ControlError:
            return None

    def _read_files(self) -> None:
        """What each file has; what is wrong with it is an alert, and the next look tries again."""
        problems: list[str] = []
        for update in (self._reader.update, self._film.update):
            try:
                update()
            except (RunError, OSError) as error:
                problems.append(str(error))
        problems += map(str, self._film.problems[:1])
        if self._reader.problem:
            problems.append(self._reader.problem)
        self._problems = problems

    def _without_status(self) -> Snapshot:
        """Of a run that was killed in its first second, or hasn't had one yet."""
        last = self.history.last
        return replace(
            self._snapshot,
            activity="",
            step=last.step if last else 0,
            epoch=last.epoch if last else 0.0,
            last=last,
            best=self.history.best,
            alerts=(),
        )

    def _ask_owner(self, what: str) -> None:
        try:
            ask(self._path, what)
        except ControlError as error:
            log.warning("%s: %s", what, error)
        self._look()

    def _view(self, view: ViewRequest[T]) -> T:
        try:
            return self._fresh_model().view(view)
        except (RunError, DataError) as error:
            raise ViewError(str(error)) from error

    def _fresh_model(self) -> "StoredModel":
        """The model with the newest weights that can be had."""
        import torch

        from engine.runs.stored_model import StoredModel

        if self._model is None:
            keep_libraries()
            torch.set_num_threads(1)  # of this thread: the cores are the owner's
            self._model = StoredModel(self._path, self._data)
        now = time.monotonic()
        if now - self._weights_at >= WEIGHTS_INTERVAL:
            self._refresh(self._model)
            self._weights_at = time.monotonic()
        return self._model

    def _refresh(self, model: "StoredModel") -> None:
        from engine.storage import checkpoint

        if self._access is Access.CONTROL:
            try:
                content = ask(self._path, "weights", WEIGHTS_TIMEOUT, model.most_checkpoint_bytes)
            except ControlError as error:
                log.warning("no weights from the run's process: %s", error)
            else:
                origin = self._path / SOCKET_FILE
                model.set_weights(checkpoint.read_stream(io.BytesIO(content), origin), str(origin))
                self._version = None
                return
        version = [_version(self._path / name) for name in ("last.pt", "best.pt")]
        if version != self._version:
            state, file, _ = checkpoint.read_either(self._path, "last")
            model.set_weights(state, str(file))
            self._version = version


def _version(file: Path) -> Any:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
