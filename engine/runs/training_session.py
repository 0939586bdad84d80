"""What a run's thread owns once torch is loaded: trainer, pictures, files.

One call is one short piece of work (`train_slice`, `evaluate`, `save`), so that the thread
can look at its commands between two of them.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from data import load_dataset
from engine.alerts import Alert
from engine.analysis.alert_rules.watch import AlertWatch
from engine.config import RunConfig, data_path
from engine.diagnosis import diagnosis_due
from engine.errors import ConfigError
from engine.history import History
from engine.inference.diagnosis import Diagnostician
from engine.inference.viewer import Viewer
from engine.metrics import Evaluation
from engine.model.device import (
    Memory,
    choose_threads,
    device_label,
    make_current,
    memory,
    resolve_device,
)
from engine.model.gpu_absence import unused_gpu
from engine.parent import Parent
from engine.runs.branch import begin_as_branch, note_on_validation
from engine.runs.resume import ResumedState, restore
from engine.runs.start_points import BranchRun, NewRun, ResumeRun, StartPoint
from engine.runs.tensorboard import EventLogs
from engine.runs.throughput import Throughput
from engine.runs.writer_thread import Kept, RunWriter, Steering, Work
from engine.snapshot import Phase, Snapshot
from engine.steering import SteeringChange, with_setting
from engine.storage import checkpoint
from engine.storage.config_json import read_config
from engine.storage.frames import thin
from engine.storage.kept_states import file_to_keep
from engine.storage.provenance import DataRecord, DeviceRecord, Provenance
from engine.storage.run_directory import RunDirectory
from engine.storage.run_lock import LostRunError
from engine.text import count, epoch_label, nats
from engine.training.early_stopping import EarlyStopping
from engine.training.out_of_memory import check_fits, explain_out_of_memory
from engine.training.precision import precision_note
from engine.training.trainer import Trainer
from engine.views import Frame

log = logging.getLogger(__name__)

HOST = torch.device("cpu")
SAVE_INTERVAL = 5.0
BEST_INTERVAL = 2.0
"""Seconds after the last save when the next is due, and if there was a best evaluation since.
The end of training always saves."""


class TrainingSession:
    """A run in progress. Only the run's thread may call it.

    Raises:
        DataError, ConfigError, RunError: if the data, the device or the directory can't be used.
    """

    def __init__(
        self,
        config: RunConfig,
        history: History,
        frames: list[Frame],
        start_point: StartPoint,
        status: Callable[[], Snapshot],
        on_lost: Callable[[], None] = lambda: None,
        *,
        tensorboard: bool = False,
    ) -> None:
        self._history = history
        self._frames = frames
        # Adam's averages of gradients that have become 0 (units that are dead) decay to denormal
        # numbers, with which processors are slow: a third of the rate. For this thread and those
        # that OpenMP makes for it, so before anything is computed.
        torch.set_flush_denormal(True)
        device = resolve_device(config.device)
        make_current(device)
        self.threads = choose_threads(config, _threads_before(start_point))
        torch.set_num_threads(self.threads)
        self.device_label = device_label(device)
        dataset = load_dataset(data_path(config))
        check_fits(config, device, len(dataset.labels))
        with explain_out_of_memory(config, device):
            self.trainer = Trainer(config, dataset, device)
        self.viewer = Viewer(config, self.trainer.model, self.trainer.images, self.trainer.average)
        self._diagnostician = Diagnostician(
            config, self.trainer.model, self.trainer.images, self.trainer.optimizer
        )
        self.provenance = Provenance.of_this_process(
            DeviceRecord(str(device), self.device_label, self.threads),
            DataRecord(dataset.source, dataset.fingerprint),
        )
        past = ResumedState()
        self.parent: Parent | None = None
        """Of a branch."""
        branch_note: str | None = None
        if isinstance(start_point, BranchRun):
            self.parent = begin_as_branch(start_point, self.trainer)
            branch_note = note_on_validation(start_point.parent, config)
            self.provenance = replace(self.provenance, parent=self.parent)
            start_point = start_point.new
        match start_point:
            case NewRun(checkpoints, name, steering):
                past = ResumedState(pending=steering)
                self.directory = RunDirectory.create(checkpoints, name, config, self.provenance)
            case ResumeRun(path):
                self.directory, past = restore(path, self.trainer, history, frames, self.provenance)
                self.parent = read_config(path)[1].parent
        log.info("run %s on %s, %d threads", self.directory.path.name, device, self.threads)

        self._steering = past.steering
        """The changes of the settings so far."""
        self._pending = list(past.pending)
        """Those to come, which are repeated."""
        notes = [*past.notes, *filter(None, [self.directory.problem])]
        self._alert_watch = AlertWatch(config)
        # Of a run that is resumed, the alerts of its past come first.
        self.alerts = (
            *self._alert_watch.read(history, self._steering),
            *(Alert(self.trainer.step, note) for note in notes),
        )
        for note in (
            unused_gpu(config.device, device),
            precision_note(config.precision, device),
            branch_note,
        ):
            if note is not None:
                self._warn(note)
        self._stored_evaluation = past.evaluation
        self._best_state: dict[str, Any] | None = None
        self._memory = Memory(0, 0)
        self._memory_read_at = -math.inf
        self._saved_at = time.monotonic()
        self._throughput = Throughput(past.train_seconds, past.evaluation_seconds)
        resumed = isinstance(start_point, ResumeRun)
        self._early_stopping = EarlyStopping()
        for evaluation in history.evaluations() if resumed else []:
            self._early_stopping.note(evaluation, self.config)
        for change in self._steering:
            self._early_stopping.begin_again(change.step / self.trainer.steps_per_epoch)
        self._events: EventLogs | None = None
        if tensorboard:
            # Where an evaluation is due, a run that is resumed makes it again.
            logged = self.trainer.step - int(self.trainer.evaluation_due())
            self._events = EventLogs(self.directory.path, logged + 1, self._alert)
        try:
            self._writer = RunWriter(self.directory, self.config, status, on_lost)
        except BaseException:
            self.directory.close()
            raise

    @property
    def config(self) -> RunConfig:
        """The current settings."""
        return self.trainer.config

    @property
    def evaluated_step(self) -> int:
        """The step of the latest evaluation; -1 before the first."""
        last = self._history.last
        return -1 if last is None else last.step

    @property
    def is_done(self) -> bool:
        """Whether all epochs are trained, or as many without a gain as there is patience for."""
        return self.trainer.finished or self._patience_left == 0.0

    @property
    def _patience_left(self) -> float | None:
        # At evaluations: only these can show a gain.
        return self._early_stopping.left(
            self.config, max(0, self.evaluated_step) / self.trainer.steps_per_epoch
        )

    def train_slice(self) -> None:
        """Train for about SLICE_SECONDS, at most up to the next evaluation.

        Raises:
            TrainingDivergedError: if the loss is no longer a number.
        """
        if self.trainer.finished:  # fewer epochs are wanted than were
            return
        steps = min(self._throughput.slice_steps, self.trainer.steps_to_evaluation())
        if self._pending:
            steps = min(steps, self._pending[0].step - self.trainer.step)
        before, started = self.trainer.images_seen, time.perf_counter()
        with explain_out_of_memory(self.config, self.trainer.device):
            points = self.trainer.train(steps)
        seconds = time.perf_counter() - started
        self._throughput.add_slice(steps, self.trainer.images_seen - before, seconds)
        self._history.add_train_points(points)
        for point in points:
            self.directory.add_train_point(point)
        if self._events is not None:
            self._events.add_train_points(points)

    def steer(self, setting: str, value: float) -> None:
        """Change a setting from the next step on, and have that written at once.

        What was to be repeated is given up: from here on it is another run.

        Raises:
            ConfigError: if it can't be changed to that; nothing has changed then.
        """
        config = self._with_setting(setting, value)
        if config == self.config:
            return
        self._pending.clear()
        self._change(config, setting)
        self.save()

    def keep(self, name: str) -> None:
        """Have the current state written under a name; a failure becomes an alert.

        Raises:
            RunError: if the name is taken or can't be used, or there are too many.
        """
        waiting = self._writer.keeping
        file = file_to_keep(self.directory.path, name, self.trainer.step, waiting)
        kept = Kept(name, file, checkpoint.copied(self._state(), HOST))
        self._writer.save(Work(kept=(kept,)))
        log.info("kept as %s at step %d", name, self.trainer.step)

    def repeat_changes(self) -> None:
        """Make the changes of a run before that are due at this step: before it is at its end."""
        while self._pending and self._pending[0].step <= self.trainer.step:
            change = self._pending.pop(0)
            try:
                config = self._with_setting(change.setting, change.after)
            except ConfigError as error:  # of another kind of run
                self._warn(f"{change.text} can't be repeated: {error}")
            else:
                if config != self.config:
                    self._change(config, change.setting)

    def _with_setting(self, setting: str, value: float) -> RunConfig:
        """The current settings, one of them changed.

        Raises:
            ConfigError: if it can't be changed to that now.
        """
        config = with_setting(self.config, setting, value)
        if config.epochs * self.trainer.steps_per_epoch < self.trainer.step:
            trained = epoch_label(self.trainer.epoch)
            problem = f"{config.epochs} is fewer than are trained, which is {trained}"
            raise ConfigError(setting, problem)
        return config

    def _change(self, config: RunConfig, setting: str) -> None:
        before, after = getattr(self.config, setting), getattr(config, setting)
        change = SteeringChange(self.trainer.step, setting, before, after)
        self.trainer.steer(config)
        self._early_stopping.begin_again(self.trainer.epoch)
        self._steering = (*self._steering, change)
        log.info("steered at step %d: %s", change.step, change.text)
        self._writer.save(Work(steering=Steering(config, (*self._steering, *self._pending))))

    def evaluate(self, on_batch: Callable[[], None]) -> None:
        """Measure on the validation split, and keep a frame.

        Args:
            on_batch: called before each batch.

        Raises:
            TrainingDivergedError: if the loss is no longer a number.
        """
        started = time.perf_counter()
        evaluation = self.trainer.evaluate(self._throughput.train_seconds, on_batch)
        before = self._stored_evaluation
        if before is not None and before.step == evaluation.step:
            # The frame and the weights are made again, the row is not: it has the learning rate
            # that was used, not that of a schedule that the run goes on under.
            evaluation = before
        average = self.trainer.evaluate_average(on_batch)
        frame = self.look().frame()
        self._frames.append(frame)
        thin(self._frames)
        self._throughput.evaluation_seconds += time.perf_counter() - started
        self._history.add_evaluation(evaluation)
        self._early_stopping.note(evaluation, self.config)
        for alert in self._alert_watch.read_last(self._history, self._steering):
            log.warning("%s", alert.text)
            self.alerts = (*self.alerts, alert)
        if self._history.best is evaluation:
            self._best_state = checkpoint.copied(self._state())  # on the device: no waiting
        self.directory.add_evaluation(evaluation)
        if average is not None:
            self.directory.add_average(evaluation, average.metrics, average.active_units)
        if self._events is not None:
            self._events.add_evaluation(evaluation, frame)
        if diagnosis_due(evaluation.step, self.trainer.steps_per_epoch, self.config.epochs):
            self._diagnose(evaluation, on_batch)

    def _diagnose(self, evaluation: Evaluation, on_batch: Callable[[], None]) -> None:
        started = time.perf_counter()
        diagnosis = self._diagnostician.look(evaluation, on_batch)
        self._throughput.evaluation_seconds += time.perf_counter() - started
        self._history.add_diagnosis(diagnosis)
        self.directory.add_diagnosis(diagnosis)

    def look(self) -> Viewer:
        """The pictures of the model as it is now."""
        last = self._history.last
        kl = last.kl_per_dim if last else None
        return self.viewer.at(self.trainer.step, self.trainer.epoch, kl)

    def report_early_end(self) -> None:
        """Say so if patience has run out before the epochs, or changes are left to repeat."""
        if self.is_done and self._pending:
            first = self._pending[0]
            self._warn(
                f"{count(len(self._pending), 'change')} of settings not repeated, the first "
                f"{first.text} at step {first.step:,}: the run has ended before"
            )
        if self.is_done and not self.trainer.finished:
            best = self._history.best
            epochs = f"{self.trainer.epoch:g}"
            gain = f"{self.config.min_gain:g} nats" if self.config.min_gain else "any"
            self._warn(
                f"ended early at epoch {epochs} of {self.config.epochs}: no gain ({gain}) over "
                f"{self.config.patience} epochs, best {nats(best.val.score if best else None)}"
            )

    def save_if_due(self) -> None:
        """Save if the last time is long enough ago, and the disk is done with that."""
        waited = time.monotonic() - self._saved_at
        due = waited >= (SAVE_INTERVAL if self._best_state is None else BEST_INTERVAL)
        if due and not self._writer.busy:
            self.save()

    def save(self) -> None:
        """Have the current weights, those of the best evaluation and what else waits written.

        A failure (a full disk, say) becomes an alert: training goes on, the files of the
        save before stay, and the next save tries again.
        """
        self._saved_at = time.monotonic()
        last = checkpoint.copied(self._state(), HOST)
        self._writer.save(Work(tuple(self._frames), last, self._take_best()))

    def finish_saving(self) -> None:
        """Wait until what was handed over is on disk."""
        self._writer.flush()

    def save_best(self) -> None:
        """Have all but the current weights written, which may be the ones that failed."""
        self._writer.save(Work(tuple(self._frames), best=self._take_best()))

    def close(self) -> None:
        """Write what waits, and let others have the run."""
        try:
            if self._events is not None:
                self._events.close()
        finally:
            self._writer.close()

    @property
    def lost(self) -> LostRunError | None:
        """Set once the run is another process's: this one can only end."""
        return self._writer.lost

    def snapshot(self, phase: Phase, activity: str) -> Snapshot:
        """The moment as anyone may read it."""
        trainer = self.trainer
        self._report_files()
        if time.monotonic() - self._memory_read_at > 1.0:
            self._memory, self._memory_read_at = self._read_memory(), time.monotonic()
        if not self._writer.can_save and phase.is_active:
            activity = f"{activity}, not saved: see the alert" if activity else "not saved"
        points = self._history.train_points(-1)
        return Snapshot(
            run=self.directory.path.name,
            phase=phase,
            activity=activity,
            device=self.device_label,
            threads=self.threads,
            step=trainer.step,
            total_steps=trainer.total_steps,
            epoch=trainer.epoch,
            epochs=self.config.epochs,
            images_seen=trainer.images_seen,
            images_per_second=self._throughput.images_per_second,
            elapsed=self._throughput.train_seconds + self._throughput.evaluation_seconds,
            eta=self._eta(),
            beta=trainer.beta,
            lr=trainer.lr,
            train=points[-1] if points else None,
            last=self._history.last,
            best=self._history.best,
            memory_used=self._memory.used,
            memory_total=self._memory.total,
            alerts=self.alerts,
            saved_step=self._writer.saved_step,
            patience_left=self._patience_left,
            steering=self._steering,
        )

    def _state(self) -> dict[str, Any]:
        seconds = [self._throughput.train_seconds, self._throughput.evaluation_seconds]
        return {**self.trainer.state_dict(), "seconds": seconds}

    def _read_memory(self) -> Memory:
        try:
            return memory(self.trainer.device)
        except Exception:  # of a device that has failed: training itself says so
            log.debug("no memory figures", exc_info=True)
            return self._memory

    def _take_best(self) -> dict[str, Any] | None:
        """The best weights in the host's memory, once: None if they were taken before."""
        best, self._best_state = self._best_state, None
        if best is None or self.trainer.device == HOST:
            return best  # a copy already
        copy: dict[str, Any] = checkpoint.copied(best, HOST)
        return copy

    def _report_files(self) -> None:
        for report in self._writer.reports():
            if report.error is None:
                self._alert(f"{report.file} is written again")
            else:
                cause = report.error.strerror or report.error
                text = (
                    f"can't write {report.file}: {cause}; training goes on, the next save retries"
                )
                self._alert(text)

    def _warn(self, text: str) -> None:
        """An alert, and a line of the run's log."""
        log.warning("%s", text)
        self._alert(text)

    def _alert(self, text: str) -> None:
        self.alerts = (*self.alerts, Alert(self.trainer.step, text))

    def _eta(self) -> float | None:
        steps_left = self.trainer.total_steps - self.trainer.step
        return self._throughput.seconds_left(
            steps_left * self.config.batch_size,
            steps_left / self.trainer.steps_per_epoch,
            self._history.evaluation_count,
        )


def _threads_before(start_point: StartPoint) -> int | None:
    """How many threads trained a run that is resumed."""
    if isinstance(start_point, ResumeRun):
        return read_config(start_point.path)[1].threads
    return None
