"""`RunWriter`: in which order files are written, what a failing or a hanging disk does."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

from engine.config import RunConfig
from engine.history import History
from engine.metrics import Evaluation, Metrics, TrainPoint
from engine.runs import writer_thread as writer
from engine.runs.writer_thread import RunWriter, Work
from engine.snapshot import Phase, Snapshot
from engine.storage import checkpoint
from engine.storage.frames import read_frames
from engine.storage.history_reader import HistoryReader
from engine.storage.provenance import Provenance
from engine.storage.run_directory import RunDirectory
from engine.storage.run_lock import LostRunError, RunLock, owner_of
from engine.storage.status_json import read_status
from engine.views import Frame
from tests.support.waiting import wait_for

CONFIG = RunConfig(latent_dim=2)


def state(step: int) -> dict[str, Any]:
    return {"model": {}, "step": step}


def frame(step: int) -> Frame:
    images = np.full((2, 28, 28), step % 256, np.uint8)
    return Frame(step, step / 12, images, images)


def evaluation(step: int) -> Evaluation:
    metrics = Metrics(240.0, 230.0, 10.0)
    kl = np.array([6.0, 4.0])
    return Evaluation(step, step / 12, 1.0, 1e-3, metrics, None, kl, 2, 0.5)


@dataclass
class Disk:
    """Every write of a run's files: its order, and what can go wrong."""

    write: Callable[[Path, bytes], None]
    done: list[str] = field(default_factory=list)
    """Names of the files, in order."""
    full: Callable[[Path], bool] = lambda _: False
    hanging: Event | None = None
    """Every write waits for it."""
    reached: Event = field(default_factory=Event)
    """Set when a write begins."""

    def __call__(self, path: Path, content: bytes) -> None:
        self.reached.set()
        if self.hanging is not None:
            assert self.hanging.wait(30)
        if self.full(path):
            raise OSError(28, "No space left on device")
        self.write(path, content)
        self.done.append(path.name)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    from engine.storage import atomic_files as files

    found = Disk(files.atomic_write)
    for module in ("run_directory", "frames", "status_json"):
        monkeypatch.setattr(f"engine.storage.{module}.atomic_write", found)
    return found


@dataclass
class Made:
    writer: RunWriter
    directory: RunDirectory
    path: Path
    snapshot: Snapshot


@pytest.fixture
def made(tmp_path: Path, disk: Disk) -> Iterator[Made]:
    directory = RunDirectory.create(tmp_path, "x", CONFIG, Provenance())
    found = Made(None, directory, directory.path, Snapshot(run="x"))  # type: ignore[arg-type]
    found.writer = RunWriter(directory, CONFIG, lambda: found.snapshot)
    found.writer.flush()
    disk.done.clear()
    yield found
    disk.full = lambda _: False
    if disk.hanging is not None:
        disk.hanging.set()
    if found.writer._thread.is_alive():
        found.writer.close()


def step_of(made: Made, name: str) -> int:
    return int(checkpoint.read(made.path / f"{name}.pt")["step"])


def test_what_was_handed_over_is_on_disk_after_a_flush(made: Made) -> None:
    assert made.writer.saved_step is None
    assert not made.writer.busy
    for step in (0, 12):
        made.directory.add_evaluation(evaluation(step))
    made.directory.add_train_point(TrainPoint(5, 0.4, Metrics(1.0, 2.0, 3.0)))
    made.writer.save(Work(frames=[frame(0), frame(12)], last=state(15), best=state(12)))
    made.writer.flush()
    assert not made.writer.busy
    assert made.writer.saved_step == 15
    assert (step_of(made, "last"), step_of(made, "best")) == (15, 12)
    assert checkpoint.read(made.path / "last.pt")["config"] == CONFIG.to_dict()
    assert [f.step for f in read_frames(made.path)] == [0, 12]
    history = HistoryReader(made.path, CONFIG).update()
    assert [e.step for e in history.evaluations()] == [0, 12]
    assert [p.step for p in history.train_points()] == [5]
    assert made.writer.reports() == []


def test_of_what_waits_the_newest_of_a_kind_is_written(made: Made, disk: Disk) -> None:
    disk.hanging = Event()
    disk.reached.clear()
    made.writer.save(Work(last=state(1)))
    assert disk.reached.wait(10)  # the first is being written
    made.writer.save(Work(frames=[frame(0)], last=state(2), best=state(2)))
    made.writer.save(Work(frames=[frame(0), frame(3)], last=state(3)))
    made.writer.save(Work(last=state(4)))
    disk.hanging.set()
    made.writer.flush()
    assert (step_of(made, "last"), step_of(made, "best")) == (4, 2)
    assert [f.step for f in read_frames(made.path)] == [0, 3]
    files = [name for name in disk.done if name != "status.json"]
    assert files.count("last.pt") == 2, "2 and 3 were never written"
    assert made.writer.saved_step == 4


def test_rows_then_frames_then_best_then_last(
    made: Made, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between any two of them, the run goes on from what is whole."""
    original = RunDirectory.flush

    def flush(self: RunDirectory) -> None:
        original(self)
        disk.done.append("rows")

    monkeypatch.setattr(RunDirectory, "flush", flush)
    made.snapshot = Snapshot(run="x", step=12)
    made.writer.save(Work(frames=[frame(0), frame(12)], last=state(15), best=state(12)))
    made.writer.flush()
    files = ["rows", "000000000.npz", "000000012.npz", "best.pt", "last.pt", "status.json"]
    assert disk.done[disk.done.index("000000000.npz") - 1 :][:6] == files


@pytest.mark.parametrize(
    ("file", "told"),
    [("last.pt", "last.pt"), ("best.pt", "best.pt"), ("000000012.npz", "the film")],
)
def test_a_full_disk_is_told_once_tried_again_and_told_when_well(
    file: str, told: str, made: Made, disk: Disk
) -> None:
    made.writer.save(Work(frames=[frame(0)], last=state(1), best=state(1)))
    made.writer.flush()
    disk.full = lambda path: path.name == file
    for step in (12, 13, 14):
        made.writer.save(Work(frames=[frame(0), frame(12)], last=state(step), best=state(12)))
        made.writer.flush()
        assert not made.writer.busy, "training may save again"
    [report] = made.writer.reports()
    assert report.file == told
    assert report.error is not None
    assert report.error.errno == 28
    assert made.writer.reports() == [], "told once"
    # The file of before is whole, and last.pt never runs ahead of a best.pt that is missing.
    if file == "best.pt":
        assert (step_of(made, "last"), step_of(made, "best")) == (1, 1)
    elif file == "last.pt":
        assert (step_of(made, "last"), step_of(made, "best")) == (1, 12)
        assert made.writer.saved_step == 1
    else:
        assert [f.step for f in read_frames(made.path)] == [0]
    assert list(made.path.rglob(".tmp-*")) == []

    disk.full = lambda _: False
    made.writer.flush()
    [report] = made.writer.reports()
    assert (report.file, report.error) == (told, None)
    assert (step_of(made, "last"), step_of(made, "best")) == (14, 12)
    assert made.writer.saved_step == 14
    assert [f.step for f in read_frames(made.path)] == [0, 12]


def test_rows_that_could_not_be_written_come_with_the_next_ones(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.directory.add_evaluation(evaluation(0))
    made.writer.flush()
    with monkeypatch.context() as patched:

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        patched.setattr("engine.storage.csv_log.os.fdopen", full)
        made.directory.add_evaluation(evaluation(1))
        made.writer.flush()
        made.writer.flush()
        [report] = made.writer.reports()
        assert report.file == "metrics.csv"
    made.directory.add_evaluation(evaluation(2))
    made.writer.flush()
    history = HistoryReader(made.path, CONFIG).update()
    assert [e.step for e in history.evaluations()] == [0, 1, 2]
    assert [report.error for report in made.writer.reports()] == [None]


def test_what_failed_gives_way_to_what_is_newer(made: Made, disk: Disk) -> None:
    disk.full = lambda path: path.suffix == ".pt"
    made.writer.save(Work(last=state(1), best=state(1)))
    made.writer.flush()
    disk.full = lambda _: False
    made.writer.save(Work(last=state(2)))
    made.writer.flush()
    assert (step_of(made, "last"), step_of(made, "best")) == (2, 1)
    assert disk.done.count("last.pt") == 1


def test_saving_never_waits_for_a_disk_that_hangs(made: Made, disk: Disk) -> None:
    disk.hanging = Event()
    disk.reached.clear()
    started = time.monotonic()
    for step in range(100):
        made.directory.add_train_point(TrainPoint(step, 0.0, Metrics(1.0, 2.0, 3.0)))
        made.writer.save(Work(frames=[frame(0)], last=state(step)))
        assert made.writer.busy
        made.writer.reports()
    assert disk.reached.wait(10)
    assert time.monotonic() - started < 5
    assert not (made.path / "last.pt").exists()
    flushed = Event()
    flushing = Thread(target=lambda: (made.writer.flush(), flushed.set()))
    flushing.start()
    assert not flushed.wait(0.05), "a flush does wait"
    disk.hanging.set()
    assert flushed.wait(10)
    flushing.join()
    assert step_of(made, "last") == 99
    assert not made.writer.busy


def test_a_flush_waits_for_all_that_was_put_before_it(made: Made) -> None:
    for step in range(20):
        made.writer.save(Work(last=state(step)))
        made.writer.flush()
        assert step_of(made, "last") == made.writer.saved_step == step


def test_closing_writes_what_waits_and_the_last_status_and_lets_go(made: Made, disk: Disk) -> None:
    disk.hanging = Event()
    disk.reached.clear()
    made.writer.save(Work(last=state(1)))
    assert disk.reached.wait(10)
    made.writer.save(Work(last=state(2)))
    made.directory.add_evaluation(evaluation(2))
    made.snapshot = Snapshot(run="x", phase=Phase.STOPPED, step=2)
    assert owner_of(made.path) is not None
    disk.hanging.set()
    made.writer.close()
    assert step_of(made, "last") == 2
    assert len(HistoryReader(made.path, CONFIG).update().evaluations()) == 1
    assert read_status(made.path, History()) == made.snapshot
    assert owner_of(made.path) is None
    RunLock(made.path).release()
    assert not any(thread.name == "writer" for thread in threading.enumerate())


def test_closing_on_a_full_disk_ends_all_the_same(made: Made, disk: Disk) -> None:
    made.writer.save(Work(last=state(1)))
    made.writer.flush()
    disk.full = lambda _: True
    made.snapshot = Snapshot(run="x", phase=Phase.FINISHED)
    made.writer.save(Work(frames=[frame(0)], last=state(2), best=state(2)))
    made.writer.close()
    assert step_of(made, "last") == 1
    assert {report.file for report in made.writer.reports()} == {
        *("the film", "best.pt", "status.json")
    }
    assert owner_of(made.path) is None


def test_status_is_written_while_nothing_else_is(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "STATUS_INTERVAL", 0.01)
    monkeypatch.setattr(writer, "BEAT_INTERVAL", 0.0)
    directory = RunDirectory.create(tmp_path, "x", CONFIG, Provenance())
    snapshot = Snapshot(run="x")
    run_writer = RunWriter(directory, CONFIG, lambda: snapshot)

    def shown(expected: Snapshot) -> bool:
        return read_status(directory.path, History()) == expected

    try:
        directory.add_evaluation(evaluation(7))
        file = directory.path / "metrics.csv"
        wait_for(lambda: file.exists() and "\n7," in file.read_text())  # rows too
        for step in range(3):
            snapshot = Snapshot(run="x", step=step)
            wait_for(partial(shown, snapshot))
        lock = directory.path / "lock"
        beaten = lock.stat().st_mtime_ns
        wait_for(lambda: lock.stat().st_mtime_ns > beaten)
        count = disk.done.count("status.json")
        beaten = lock.stat().st_mtime_ns
        wait_for(lambda: lock.stat().st_mtime_ns > beaten)
        assert disk.done.count("status.json") == count, "what hasn't changed isn't written again"
    finally:
        run_writer.close()


def test_a_failure_of_ours_in_a_write_is_told_and_ends_no_run(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too little memory for a copy, say: training goes on, and its end is not waited for."""

    def no_memory(*_: object) -> bytes:
        raise MemoryError("out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "to_bytes", no_memory)
        made.writer.save(Work(last=state(1)))
        wait_for(lambda: not made.writer.busy)
    [report] = made.writer.reports()
    assert report.file == "last.pt"
    assert "out of memory" in str(report.error)
    made.writer.flush()
    assert step_of(made, "last") == 1


def test_a_run_that_another_process_has_taken_is_never_written_again(
    made: Made, disk: Disk
) -> None:
    """On a file system without locks, while this process was suspended."""
    made.writer.save(Work(last=state(1)))
    made.writer.flush()
    file = made.path / "lock"
    rows = (made.path / "metrics.csv").read_bytes()
    other = json.dumps({"pid": 4242, "host": "another-machine"})
    file.unlink()
    file.write_text(other)
    disk.done.clear()
    made.directory.add_evaluation(evaluation(1))
    made.snapshot = Snapshot(run="x", step=2)
    made.writer.save(Work(frames=[frame(0)], last=state(2), best=state(2)))
    made.writer.flush()
    assert isinstance(made.writer.lost, LostRunError)
    assert "process 4242 on another-machine" in str(made.writer.lost)
    logged = (made.path / "run.log").read_bytes()
    made.writer.close()
    logging.getLogger("engine").error("not into the other one's log")
    assert disk.done == []
    assert file.read_text() == other
    assert (made.path / "metrics.csv").read_bytes() == rows
    assert (made.path / "run.log").read_bytes() == logged


def test_a_directory_that_is_gone_is_told_nothing_is_made_and_all_comes_when_it_is_back(
    made: Made, tmp_path: Path
) -> None:
    made.directory.add_evaluation(evaluation(0))
    made.writer.save(Work(last=state(1)))
    made.writer.flush()
    away = tmp_path / "away"
    made.path.rename(away)
    made.directory.add_evaluation(evaluation(1))
    made.writer.save(Work(frames=[frame(0)], last=state(2), best=state(2)))
    made.writer.flush()
    assert not made.path.exists(), "no husk of it"
    assert made.writer.saved_step is None
    assert not made.writer.can_save
    assert "directory is gone" in str(made.writer.reports()[0].error)
    away.rename(made.path)
    made.writer.flush()
    assert made.writer.saved_step == 2
    assert made.writer.can_save
    history = HistoryReader(made.path, CONFIG).update()
    assert [e.step for e in history.evaluations()] == [0, 1]


def test_rows_go_on_behind_what_somebody_left_of_a_series(made: Made) -> None:
    for name, left in (("steps.csv", ""), ("metrics.csv", None)):
        for step in (1, 2):
            made.directory.add_train_point(TrainPoint(step, 0.4, Metrics(1.0, 2.0, 3.0)))
            made.directory.add_evaluation(evaluation(step))
            made.writer.flush()
        file = made.path / name
        file.unlink() if left is None else file.write_text(left)
        made.directory.add_train_point(TrainPoint(3, 0.4, Metrics(1.0, 2.0, 3.0)))
        made.directory.add_evaluation(evaluation(3))
        made.writer.flush()
        rows = file.read_bytes().decode().splitlines()
        assert rows[0].startswith("step,epoch"), "no gap of zeros"
        assert [row.split(",")[0] for row in rows[1:]] == ["3"]
        made.writer.flush()
