"""`RunDirectory`: the directory of a run that is being trained. Its only writer.

checkpoints/<run>/
  config.json          settings, versions, device, fingerprint of the data
  metrics.csv  kl.csv  one row per evaluation
  ema.csv              the scores of the weights' moving average, if there is one
  steps.csv            the training curve
  steering.csv         the settings that were changed on the way, if any were
  diagnosis.csv  posterior.csv  why it does as it does (`engine.storage.diagnosis_csv`)
  last.pt  best.pt     weights, optimiser, random state, position
  kept/<step>-<name>.pt  states that a person kept (`engine.storage.kept_states`)
  frames/<step>.npz    the film: a frame per evaluation (`engine.storage.frames`)
  status.json          what the engine does (`engine.storage.status_json`)
  lock                 who trains it (`engine.storage.run_lock`)
  run.log              what was logged
"""

import errno
import secrets
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from engine.config import RunConfig
from engine.diagnosis import Diagnosis
from engine.errors import RunError
from engine.metrics import Evaluation, Metrics, TrainPoint
from engine.steering import SteeringChange
from engine.storage.atomic_files import atomic_write, refuse_link, remove_unfinished
from engine.storage.config_json import write_config, write_resumption, write_settings
from engine.storage.csv_log import CsvLog
from engine.storage.diagnosis_csv import (
    DIAGNOSIS_FILE,
    POSTERIOR_COLUMNS,
    POSTERIOR_FILE,
    diagnosis_columns,
    diagnosis_row,
    posterior_rows,
)
from engine.storage.frames import drop_frames
from engine.storage.metrics_csv import (
    EMA_COLUMNS,
    EMA_FILE,
    KL_FILE,
    METRICS_COLUMNS,
    METRICS_FILE,
    STEPS_COLUMNS,
    STEPS_FILE,
    ema_row,
    evaluation_row,
    kl_columns,
    kl_row,
    train_point_row,
)
from engine.storage.provenance import Provenance, Resumption
from engine.storage.run_lock import RunLock, rename_locked
from engine.storage.run_log import RunLog
from engine.storage.run_names import check_name, default_name
from engine.storage.steering_csv import STEERING_FILE, write_steering

_TAKEN = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR})
"""How a rename fails if another process has just made a directory of that name."""


class RunDirectory:
    """Files that a run's process writes, and the lock that lets no other one do so.

    Made by `create` or `reopen`. Rows may be added by one thread and flushed by another.
    """

    def __init__(
        self,
        path: Path,
        lock: RunLock,
        config: RunConfig,
        last_step: int = -1,
        evaluated_step: int = -1,
    ) -> None:
        self.path = path
        self.lock = lock
        self._metrics = CsvLog(path / METRICS_FILE, METRICS_COLUMNS, evaluated_step)
        self._kl: CsvLog | None = None
        if config.model == "vae":
            self._kl = CsvLog(path / KL_FILE, kl_columns(config), evaluated_step)
        self._ema: CsvLog | None = None
        if config.ema > 0:
            self._ema = CsvLog(path / EMA_FILE, EMA_COLUMNS, evaluated_step)
        self._steps = CsvLog(path / STEPS_FILE, STEPS_COLUMNS, last_step)
        columns = diagnosis_columns(config)
        self._diagnoses = CsvLog(path / DIAGNOSIS_FILE, columns, evaluated_step)
        self._posterior = CsvLog(path / POSTERIOR_FILE, POSTERIOR_COLUMNS, evaluated_step)
        self._log = RunLog(path)

    @classmethod
    def create(
        cls, checkpoints: Path, name: str | None, config: RunConfig, provenance: Provenance
    ) -> "RunDirectory":
        """Make a new directory with its config.json; it appears whole, and locked.

        Args:
            name: None for one made from the time, which gets a number if it is taken.

        Raises:
            RunError: if the name is taken or can't be used, or nothing can be written there.
        """
        stem = check_name(name) if name else default_name(config, datetime.now())
        unnamed = checkpoints / f".new-{secrets.token_hex(8)}"
        try:
            unnamed.mkdir(parents=True)
            try:
                lock = RunLock(unnamed)
                write_config(unnamed, config, provenance)
                path = _claim(unnamed, lock, checkpoints, stem, numbered=name is None)
                if not lock.held:
                    lock = RunLock(path)
                return cls(path, lock, config)
            except BaseException:
                shutil.rmtree(unnamed, ignore_errors=True)
                raise
        except OSError as error:
            raise RunError(f"can't make a run directory in {checkpoints}/: {error}") from error

    @classmethod
    def reopen(
        cls, path: Path, lock: RunLock, config: RunConfig, last_step: int, evaluated_step: int
    ) -> "RunDirectory":
        """Continue writing a run: what is there of later steps is cut off.

        Args:
            lock: of this directory.
            last_step: of the training curve.
            evaluated_step: of the evaluations and the film.

        Raises:
            RunError: if nothing can be written there.
        """
        try:
            remove_unfinished(path)
            drop_frames(path, after=evaluated_step)
            return cls(path, lock, config, last_step, evaluated_step)
        except OSError as error:
            raise RunError(f"can't write to {path}/: {error}") from error

    def write_steering(self, changes: Sequence[SteeringChange]) -> None:
        """Replace steering.csv.

        Raises:
            OSError: if it could not be written; it is as before then.
        """
        write_steering(self.path / STEERING_FILE, changes)

    def write_settings(self, config: RunConfig, steered: int) -> None:
        """Put the current settings, and how many changes led to them, into config.json.

        Raises:
            RunError: if it can't be read.
            OSError: if it could not be written; it is as before then.
        """
        write_settings(self.path, config, steered=steered)

    def add_resumption(self, config: RunConfig, resumption: Resumption) -> None:
        """Put the current settings, and who resumes the run with them, into config.json.

        Raises:
            RunError: if it can't be read.
            OSError: if it could not be written.
        """
        write_resumption(self.path, config, resumption)

    def write_checkpoint(self, name: str, content: bytes) -> None:
        """Replace `<name>.pt`.

        Raises:
            OSError: if it could not be written; the one before is still there then.
        """
        atomic_write(self.path / f"{name}.pt", content)

    def write_kept(self, file: Path, content: bytes) -> None:
        """Write a state that a person kept (`engine.storage.kept_states.file_to_keep`).

        Raises:
            OSError: if it could not be written.
        """
        refuse_link(file.parent)
        atomic_write(file, content)

    def add_evaluation(self, evaluation: Evaluation) -> None:
        """Add its rows, in memory until `flush`."""
        if self._kl is not None:
            self._kl.append(kl_row(evaluation))
        self._metrics.append(evaluation_row(evaluation))

    def add_diagnosis(self, diagnosis: Diagnosis) -> None:
        """Add its rows, in memory until `flush`."""
        for row in posterior_rows(diagnosis):
            self._posterior.append(row)
        self._diagnoses.append(diagnosis_row(diagnosis))

    def add_average(
        self, evaluation: Evaluation, metrics: Metrics, active_units: int | None
    ) -> None:
        """Add what the average of the weights scores at an evaluation, in memory until `flush`."""
        assert self._ema is not None
        self._ema.append(ema_row(evaluation, metrics, active_units))

    def add_train_point(self, point: TrainPoint) -> None:
        """Add a row to steps.csv, in memory until `flush`."""
        self._steps.append(train_point_row(point))

    def flush(self) -> None:
        """Write the rows that wait.

        Raises:
            OSError: if some could not be written; they are still waiting then.
        """
        # The readers of metrics.csv look for each row's KL in kl.csv.
        if self._kl is not None:
            self._kl.flush()
        self._metrics.flush()
        if self._ema is not None:
            self._ema.flush()
        self._steps.flush()
        self._posterior.flush()  # likewise
        self._diagnoses.flush()

    def stop_logging(self) -> None:
        """Write no more to the run's log."""
        self._log.close()

    def close(self) -> None:
        """Stop logging to the run's log, and let others have the run."""
        try:
            self._log.close()
        finally:
            self.lock.release()

    @property
    def problem(self) -> str:
        """Why there is no run.log; empty if there is one."""
        return self._log.problem


def _claim(unnamed: Path, lock: RunLock, checkpoints: Path, stem: str, *, numbered: bool) -> Path:
    """Give a directory its name, unless something has that."""
    for number in range(1, 1000):
        path = checkpoints / (stem if number == 1 else f"{stem}-{number}")
        if not path.exists():  # renaming would replace an empty directory
            try:
                rename_locked(unnamed, path, lock)
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise
            else:
                return path
        if not numbered:
            raise RunError(f"run {stem!r} exists already in {checkpoints}/")
    raise RunError(f"can't find a free run name like {stem!r} in {checkpoints}/")
