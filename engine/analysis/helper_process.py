"""One helper process that does jobs one after the other, beside training and the screen.

`engine.analysis.helper_child` is what runs there: on one core, at a lower priority than training,
with its libraries kept loaded from job to job.
"""
# Why not Pebble 5.2, loky 3.7 or concurrent.futures (all measured): spawning needs a real
# `sys.stderr`, which Textual has taken ("bad value(s) in fds_to_keep"); the child imports the
# user's `__main__`, prints on the screen, outlives a killed parent and tells no progress.

import contextlib
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from engine.analysis.helper_child import receive, send, sentence
from engine.analysis.jobs import Job
from engine.errors import JobError

T = TypeVar("T")

log = logging.getLogger(__name__)

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
)
# It finds every package where the parent does, and ours (by the import of `fmnist_vae_tui`),
# whatever PYTHONPATH and the current directory hold.
_CHILD = (
    "import sys; sys.path[:] = sys.argv[1:]; import fmnist_vae_tui; "
    "from engine.analysis.helper_child import main; main()"
)
_ROOT = str(Path(__file__).parents[2])
_CLOSED = "The application is closing: no more work is begun."


class JobHandle(Generic[T]):
    """A submitted job."""

    def __init__(self) -> None:
        self.future: Future[T] = Future()
        """The result or a JobError. Its callbacks run in the worker's thread."""
        self.progress: tuple[float, str] = (0.0, "waiting")
        """How far it is, 0 to 1, and what it does; replaced as a whole."""

    def cancel(self) -> None:
        """Drop the job if it waits, kill it if it runs; the same as `future.cancel()`."""
        self.future.cancel()


class Worker:
    """Runs jobs in a process that starts with the first. All methods can be called anywhere."""

    def __init__(self) -> None:
        # Guards all the fields. Never held while a future is changed: that runs its callbacks.
        self._changed = threading.Condition()
        self._waiting: deque[tuple[JobHandle[Any], Job[Any]]] = deque()
        self._running: JobHandle[Any] | None = None
        self._child: _Child | None = None
        self._retired: list[_Child] = []
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, job: Job[T]) -> JobHandle[T]:
        """Have a job done after those submitted before; returns at once.

        The job is pickled later: what it refers to must not change.
        """
        handle: JobHandle[T] = JobHandle()
        handle.future.add_done_callback(lambda _: self._drop_if_cancelled(handle))
        with self._changed:
            closed = self._closed
            if not closed:
                self._waiting.append((handle, job))
                self._changed.notify()
                if self._thread is None:
                    self._thread = threading.Thread(target=self._serve, name="worker", daemon=True)
                    self._thread.start()
        if closed:
            handle.future.set_exception(JobError(_CLOSED))
        return handle

    def close(self) -> None:
        """Kill the process and cancel all jobs; later ones fail. Doesn't wait for the end."""
        with self._changed:
            self._closed = True
            unfinished = [handle for handle, _ in self._waiting]
            if self._running is not None:
                unfinished.append(self._running)
            self._waiting.clear()
            self._retire()
            self._changed.notify()
        for handle in unfinished:
            handle.cancel()

    def _drop_if_cancelled(self, handle: JobHandle[Any]) -> None:
        # The future is never marked as running, so that anyone can cancel it at any time, also
        # asyncio.wrap_future's.
        if not handle.future.cancelled():
            return
        handle.future.set_running_or_notify_cancel()  # for concurrent.futures.wait
        with self._changed:
            self._waiting = deque(order for order in self._waiting if order[0] is not handle)
            if self._running is handle:
                self._retire()

    def _retire(self) -> None:
        """Kill the child, if there is one; the next job starts another."""
        if self._child is not None:
            self._child.kill()
            self._retired.append(self._child)
            self._child = None

    def _serve(self) -> None:
        while (order := self._next()) is not None:
            handle, job = order
            try:
                settle = _result(handle, self._do(handle, job))
            except JobError as error:
                settle = _failure(handle, error)
            except Exception as error:
                log.exception("the helper process can't be used")
                with self._changed:
                    self._retire()
                settle = _failure(handle, JobError(sentence(error)))
            with contextlib.suppress(InvalidStateError):  # cancelled meanwhile
                settle()
            del order, handle, job, settle  # and their megabytes, before the long wait

    def _next(self) -> tuple[JobHandle[Any], Job[Any]] | None:
        """Wait for the next order; None when closed."""
        with self._changed:
            self._running = None
            self._changed.wait_for(lambda: self._closed or self._waiting)
            retired, self._retired = self._retired, []
            order = None
            if not self._closed:
                order = self._waiting.popleft()
                self._running = order[0]
        for child in retired:
            child.end()
        return order

    def _do(self, handle: JobHandle[T], job: Job[T]) -> T:
        try:
            order = pickle.dumps(job, pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            raise JobError(f"A job can't be sent to the helper process: {error}.") from error
        with self._changed:
            if self._closed or handle.future.cancelled():
                raise JobError(_CLOSED)  # which nobody receives
            if self._child is not None and not self._child.lives():
                self._retire()
            if self._child is None:
                self._child = _Child()
            child = self._child
        handle.progress = (0.0, "starting")
        try:
            return child.do(order, handle)
        except (EOFError, OSError):
            raise JobError(f"The helper process ended ({child.end()}).") from None


def _result(handle: JobHandle[T], result: T) -> Callable[[], None]:
    return lambda: handle.future.set_result(result)


def _failure(handle: JobHandle[Any], error: JobError) -> Callable[[], None]:
    return lambda: handle.future.set_exception(error)


class _Child:
    """The parent's side of a helper process."""

    def __init__(self) -> None:
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CHILD, *(entry or _ROOT for entry in sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **dict.fromkeys(_THREADS, "1")},
                start_new_session=True,  # Ctrl-C is for the parent
            )
        except OSError as error:
            raise JobError(f"The helper process can't be started: {error}.") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders: IO[bytes] = self._process.stdin
        self._messages: IO[bytes] = self._process.stdout

    def lives(self) -> bool:
        return self._process.poll() is None

    def do(self, order: bytes, handle: JobHandle[T]) -> T:
        """Send a pickled job and follow it to its end.

        Raises:
            JobError: if it fails.
            EOFError, OSError: if the process ends before.
        """
        send(self._orders, order)
        while True:
            kind, content = pickle.loads(receive(self._messages))
            if kind == "progress":
                handle.progress = content
            elif kind == "failed":
                sentence, trace = content
                if trace:
                    log.error("a job failed in the helper process:\n%s", trace)
                raise JobError(sentence)
            else:
                result: T = content
                return result

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> str:
        """Make sure that it is gone, and say how it went."""
        self.kill()
        code = self._process.wait()
        for pipe in (self._orders, self._messages):
            with contextlib.suppress(OSError):
                pipe.close()
        if code == -getattr(signal, "SIGKILL", 0):
            return "killed: perhaps there is too little memory"
        return f"signal {-code}" if code < 0 else f"exit code {code}"
