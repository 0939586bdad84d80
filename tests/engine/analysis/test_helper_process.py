"""The helper process, with jobs that fail, hang, print and die."""

import asyncio
import concurrent.futures
import gc
import logging
import os
import pty
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import psutil
import pytest

import engine
from engine.analysis.helper_process import JobHandle, Worker
from engine.analysis.jobs import FitMixture, NeighbourAccuracy, Project
from engine.errors import JobError
from tests.support.helper_jobs import (
    SOON,
    Append,
    Busy,
    Die,
    Fail,
    Make,
    ModulesAfter,
    Sum,
    Surroundings,
    Wait,
    Zeros,
    a_lock,
    pid_when_running,
)
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.close()


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_the_process_starts_with_the_first_job_and_stays_for_the_next(worker: Worker) -> None:
    before = children()
    first, second = (worker.submit(Surroundings()).future.result(SOON) for _ in range(2))
    assert first["pid"] == second["pid"] != os.getpid()
    assert children() - before == {first["pid"]}


def test_nothing_a_job_prints_gets_between_the_messages_or_to_the_terminal(
    worker: Worker, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        found = worker.submit(Surroundings()).future.result(SOON)
    assert found["stdin"] == ""
    assert capfd.readouterr() == ("", "")


def test_the_process_takes_one_core_and_steps_back_for_training(worker: Worker) -> None:
    found = worker.submit(Surroundings()).future.result(SOON)
    assert found["threads"] == "11"
    assert found["niceness"] == min(19, os.nice(0) + 10)
    assert found["group"] != os.getpgrp(), "Ctrl-C would reach it"


def test_jobs_are_done_in_order_with_waiting_ones_waiting(worker: Worker, tmp_path: Path) -> None:
    log, go = tmp_path / "log", tmp_path / "go"
    blocker = worker.submit(Wait(go))
    assert blocker.progress[1] in ("waiting", "starting") or blocker.progress[0] == 0.5
    handles = [worker.submit(Append(log, line)) for line in "abcdef"]
    pid_when_running(blocker)
    assert {handle.progress for handle in handles} == {(0.0, "waiting")}
    assert not log.exists()
    go.touch()
    assert [handle.future.result(SOON) for handle in handles] == list("abcdef")
    assert log.read_text() == "abcdef"
    assert blocker.future.result(SOON) == "waited"


def test_a_job_is_starting_until_it_tells_more(worker: Worker) -> None:
    handle = worker.submit(Append(Path(os.devnull), ""))
    handle.future.result(SOON)
    assert handle.progress == (0.0, "starting")


def test_threads_may_submit_at_once(worker: Worker) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        handles = list(pool.map(lambda i: worker.submit(Sum(np.array([i, 1]))), range(40)))
    assert [handle.future.result(SOON) for handle in handles] == [i + 1 for i in range(40)]


def test_megabytes_go_both_ways_and_never_keep_the_caller(worker: Worker, tmp_path: Path) -> None:
    go = tmp_path / "go"
    worker.submit(Wait(go))
    megabytes = np.ones(4_000_000)
    # A pipe holds some 64 KiB, and the job before doesn't end before all are submitted.
    handles = [worker.submit(Sum(megabytes)) for _ in range(3)]
    zeros = worker.submit(Zeros(4_000_000))
    go.touch()
    assert [handle.future.result(SOON) for handle in handles] == [4_000_000.0] * 3
    assert zeros.future.result(SOON).shape == (4_000_000,)


def test_a_cancelled_waiting_job_is_never_begun(worker: Worker, tmp_path: Path) -> None:
    log, go = tmp_path / "log", tmp_path / "go"
    blocker = worker.submit(Wait(go))
    pid = pid_when_running(blocker)
    first, second, third = (worker.submit(Append(log, line)) for line in "abc")
    second.cancel()
    assert second.future.cancelled()
    assert psutil.pid_exists(pid), "only a running job costs the process"
    go.touch()
    assert blocker.future.result(SOON) == "waited"
    assert (first.future.result(SOON), third.future.result(SOON)) == ("a", "c")
    assert log.read_text() == "ac"


def test_a_cancelled_waiting_job_is_forgotten_at_once(worker: Worker, tmp_path: Path) -> None:
    pid_when_running(worker.submit(Wait(tmp_path / "never")))
    megabytes = np.ones(10)
    kept = weakref.ref(megabytes)
    handle = worker.submit(Sum(megabytes))
    del megabytes
    gc.collect()
    assert kept() is not None
    handle.cancel()
    gc.collect()
    assert kept() is None


def test_a_finished_job_is_forgotten(worker: Worker) -> None:
    megabytes = np.ones(10)
    kept = weakref.ref(megabytes)
    handle = worker.submit(Sum(megabytes))
    del megabytes
    assert handle.future.result(SOON) == 10.0
    wait_for(lambda: kept() is None)


def test_a_job_that_is_cancelled_while_it_is_sent_is_not_done(
    worker: Worker, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    worker.submit(Append(log, "a")).future.result(SOON)
    handles: list[JobHandle[str]] = []

    class CancelledMeanwhile(Append):
        def __reduce__(self) -> tuple[object, ...]:
            wait_for(lambda: handles)
            handles[0].cancel()
            return Append, (self.path, self.line)

    handles.append(worker.submit(CancelledMeanwhile(log, "b")))
    assert worker.submit(Append(log, "c")).future.result(SOON) == "c"
    assert log.read_text() == "ac"


def test_cancelling_a_running_job_kills_it_and_keeps_the_others(
    worker: Worker, tmp_path: Path
) -> None:
    running = worker.submit(Busy())
    waiting = [worker.submit(Append(tmp_path / "log", line)) for line in "ab"]
    pid = pid_when_running(running)
    running.cancel()
    assert running.future.cancelled()
    wait_for(lambda: gone(pid))
    assert [handle.future.result(SOON) for handle in waiting] == ["a", "b"]
    assert concurrent.futures.wait([running.future], SOON).done, "waiters must be told too"


def test_cancelling_at_any_moment_loses_no_other_job(worker: Worker) -> None:
    # From not yet started to just done: whichever moment it hits, what comes after is done.
    for step in range(40):
        victim = worker.submit(Sum(np.ones(3)))
        after = worker.submit(Sum(np.ones(step)))
        if step % 4:
            time.sleep(0.001 * (step % 4) ** 3)
        victim.cancel()
        assert after.future.result(SOON) == step
        assert victim.future.cancelled() or victim.future.result(0) == 3.0


def test_cancelling_a_finished_job_changes_nothing(worker: Worker) -> None:
    first = worker.submit(Surroundings())
    pid = first.future.result(SOON)["pid"]
    first.cancel()
    assert first.future.result(0)["pid"] == pid
    assert worker.submit(Surroundings()).future.result(SOON)["pid"] == pid


async def test_a_cancelled_await_cancels_the_job(worker: Worker) -> None:
    handle = worker.submit(Busy())
    waiter = asyncio.ensure_future(asyncio.wrap_future(handle.future))
    pid = await asyncio.to_thread(pid_when_running, handle)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    await asyncio.to_thread(wait_for, handle.future.cancelled)
    await asyncio.to_thread(wait_for, lambda: gone(pid))


def test_a_jobs_own_sentence_arrives_as_it_is(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    handle = worker.submit(Fail(JobError("A sentence for the person.")))
    with pytest.raises(JobError, match=r"^A sentence for the person\.$"):
        handle.future.result(SOON)
    assert not caplog.records


def test_an_unexpected_error_is_one_sentence_with_its_traceback_in_the_log(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    handle = worker.submit(Fail(ZeroDivisionError("of all things")))
    with pytest.raises(JobError, match=r"^It failed .*\(ZeroDivisionError: of all things\)\.$"):
        handle.future.result(SOON)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.name.startswith("engine")
    assert "in run\n    raise self.error" in record.getMessage()
    assert worker.submit(Sum(np.ones(2))).future.result(SOON) == 2.0


def test_a_missing_library_is_named(worker: Worker) -> None:
    handle = worker.submit(Fail(ModuleNotFoundError("No module named 'umap'")))
    with pytest.raises(JobError, match=r"can't be loaded: No module named 'umap'"):
        handle.future.result(SOON)


def test_a_job_that_the_process_cannot_import_fails(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_here = ModuleType("only_here")
    only_here.Elsewhere = type("Elsewhere", (Zeros,), {"__module__": "only_here"})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "only_here", only_here)
    with pytest.raises(JobError, match="can't be loaded: No module named 'only_here'"):
        worker.submit(only_here.Elsewhere(1)).future.result(SOON)
    assert worker.submit(Sum(np.ones(2))).future.result(SOON) == 2.0


def test_what_cannot_be_pickled_fails_on_either_way(worker: Worker) -> None:
    with pytest.raises(JobError, match="can't be sent"):
        worker.submit(Make(lambda: 1)).future.result(SOON)
    with pytest.raises(JobError, match="TypeError: cannot pickle"):
        worker.submit(Make(a_lock)).future.result(SOON)
    assert worker.submit(Sum(np.ones(2))).future.result(SOON) == 2.0


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        (signal.SIGKILL, "killed: perhaps there is too little memory"),
        (signal.SIGSEGV, "signal 11"),
        (None, "exit code 3"),
    ],
)
def test_a_process_that_dies_fails_its_job_only(
    worker: Worker, cause: int | None, told: str
) -> None:
    dying = worker.submit(Die(cause))
    after = worker.submit(Sum(np.ones(2)))
    with pytest.raises(JobError) as raised:
        dying.future.result(SOON)
    assert str(raised.value) == f"The helper process ended ({told})."
    assert after.future.result(SOON) == 2.0


def test_a_process_that_died_between_jobs_is_replaced(worker: Worker) -> None:
    pid = worker.submit(Surroundings()).future.result(SOON)["pid"]
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # all its threads are gone
    assert worker.submit(Sum(np.ones(2))).future.result(SOON) == 2.0
    assert not psutil.pid_exists(pid), "it stays as a zombie"


def test_a_process_that_cannot_start_fails_the_job(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(JobError, match=r"can't be started: .*nowhere"):
            worker.submit(Sum(np.ones(2))).future.result(SOON)
    assert worker.submit(Sum(np.ones(2))).future.result(SOON) == 2.0


def test_closing_kills_cancels_and_refuses() -> None:
    threads = set(threading.enumerate())
    worker = Worker()
    running = worker.submit(Busy())
    waiting = worker.submit(Sum(np.ones(2)))
    pid = pid_when_running(running)
    worker.close()
    worker.close()
    assert running.future.cancelled()
    assert waiting.future.cancelled()
    wait_for(lambda: not psutil.pid_exists(pid))  # nor a zombie
    with pytest.raises(JobError, match="closing"):
        worker.submit(Sum(np.ones(2))).future.result(0)
    wait_for(lambda: set(threading.enumerate()) <= threads)


def test_closing_an_idle_worker_ends_its_process() -> None:
    worker = Worker()
    pid = worker.submit(Surroundings()).future.result(SOON)["pid"]
    assert isinstance(pid, int)
    worker.close()
    wait_for(lambda: not psutil.pid_exists(pid))


def test_a_worker_that_was_never_used_has_no_process_and_closes() -> None:
    before = children()
    worker = Worker()
    assert children() <= before
    worker.close()
    with pytest.raises(JobError, match="closing"):
        worker.submit(Sum(np.ones(2))).future.result(0)


def test_a_callback_may_use_the_worker(worker: Worker) -> None:
    chained: concurrent.futures.Future[float] = concurrent.futures.Future()

    def go_on(_: object) -> None:
        handle = worker.submit(Sum(np.ones(5)))
        handle.future.add_done_callback(lambda f: chained.set_result(f.result()))

    worker.submit(Sum(np.ones(2))).future.add_done_callback(go_on)
    assert chained.result(SOON) == 5.0


PARENT = """
import sys
from engine.analysis.helper_process import Worker
from tests.support.helper_jobs import Busy, pid_when_running
print(pid_when_running(Worker().submit(Busy())), flush=True)
{then}
"""


@pytest.mark.parametrize("then", ["import os; os.kill(os.getpid(), 9)", "sys.exit()"])
def test_the_process_ends_with_its_parent_in_the_middle_of_a_job(then: str) -> None:
    code = PARENT.format(then=then)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=SOON)
    pid = int(done.stdout)
    wait_for(lambda: gone(pid))
    assert done.stderr == b""


@pytest.mark.parametrize("where", ["current directory", "PYTHONPATH"])
def test_another_engine_elsewhere_is_not_taken_for_ours(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    for name in ("engine", "data", "numpy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('the wrong one')")
    if where == "PYTHONPATH":
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    else:
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend("")  # as in `python -c` and an interactive session
    found = worker.submit(Surroundings()).future.result(SOON)
    assert found["cwd"] == str(Path.cwd())
    assert found["engine"] == engine.__file__


def test_it_works_where_the_standard_streams_are_no_files(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Captured:
        """As Textual's while an app runs."""

        def fileno(self) -> int:
            return -1

    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, Captured())
    assert worker.submit(Sum(np.ones(2))).future.result(SOON) == 2.0


TERMINAL = """
import time, numpy
from textual.app import App
from engine.analysis.helper_process import Worker
from tests.support.helper_jobs import Sum, Surroundings

class Small(App[float]):
    async def on_mount(self):
        import asyncio
        worker = Worker()
        await asyncio.wrap_future(worker.submit(Surroundings()).future)
        self.exit(await asyncio.wrap_future(worker.submit(Sum(numpy.ones(7))).future))
        worker.close()

open({result!r}, "w").write(str(Small().run()))
"""


def test_it_works_under_a_textual_app_on_a_terminal(tmp_path: Path) -> None:
    result = tmp_path / "result"
    ours, theirs = pty.openpty()
    app = subprocess.Popen(
        [sys.executable, "-c", TERMINAL.format(result=str(result))],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(theirs)
    reader = threading.Thread(target=read_all, args=(ours,), daemon=True)
    reader.start()
    try:
        assert app.wait(SOON) == 0
    finally:
        app.kill()
        app.wait()
    assert result.read_text() == "7.0"


def read_all(descriptor: int) -> None:
    try:
        while os.read(descriptor, 65536):
            pass
    except OSError:  # how Linux says that the other side is closed
        pass


def test_the_real_jobs_run_there_and_leave_torch_alone(worker: Worker) -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 5)).astype(np.float32)
    labels = np.arange(60) % 3
    mapped = worker.submit(Project(points, "tsne", seed=1))
    assert mapped.future.result(SOON).shape == (60, 2)
    assert mapped.progress == (1.0, "t-SNE: 750 of 750 iterations")
    mixture = worker.submit(FitMixture(points, components=3)).future.result(SOON)
    assert mixture.sample(4, seed=0).shape == (4, 5)
    accuracy = NeighbourAccuracy(points, labels, points, labels)
    assert worker.submit(accuracy).future.result(SOON) == accuracy.run()
    modules = worker.submit(ModulesAfter(Project(points, "umap"))).future.result(2 * SOON)
    assert {"umap", "openTSNE", "sklearn"} <= modules
    assert not {"torch", "tensorflow", "textual"} & modules
