"""`RunThread`: what a run's thread is, whether it trains the run or follows it.

One thread owns the model. Others put commands into its queue and read the `Snapshot` that it swaps
in; nobody waits for it but `join`.
"""

import gc
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

from engine.config import RunConfig
from engine.errors import ViewError, describe
from engine.parent import Parent
from engine.runs.commands import Command, Commands
from engine.snapshot import Snapshot
from engine.views import ViewRequest

log = logging.getLogger(__name__)
T = TypeVar("T")


class RunThread(ABC):
    """What all `Run`s with a thread of their own share, from `start` to the end after `close`.

    Args:
        snapshot: of the moment before the thread has begun.
        name: of the thread.
        daemon: whether the program may end in the middle of what the thread does.
    """

    def __init__(self, config: RunConfig, snapshot: Snapshot, *, name: str, daemon: bool) -> None:
        self.config = config
        self.parent: Parent | None = None
        self._snapshot = snapshot
        self._commands = Commands()
        self._closing = False
        self._closed = False
        self._thread = Thread(target=self._main, name=name, daemon=daemon)

    @property
    def snapshot(self) -> Snapshot:
        """The latest snapshot."""
        return self._snapshot

    @property
    def failure(self) -> BaseException | None:
        """The exception behind a FAILED phase, if it was raised in this thread."""
        return None

    def start(self) -> None:
        """Start the thread. Returns at once; called again, it does nothing."""
        if self._thread.ident is None:
            self._thread.start()

    def request(self, view: ViewRequest[T]) -> "Future[T]":
        """Ask for a view of the model as it is when the question is reached.

        The future fails with `ViewError` if there is no model: it isn't loaded yet, nothing was
        saved, or the run is closed.
        """
        future: Future[T] = Future()
        self._put(lambda: self._answer(view, future))
        return future

    def close(self, *, stop_training: bool = True) -> None:  # noqa: ARG002  see TrainingRun
        """Let the thread end.

        Args:
            stop_training: end training, too, where it is this thread that trains.
        """
        self._closing = True
        self._commands.put(wake_up)

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread after `close`; whether it has ended (or was never started)."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    # Everything below runs in the thread.

    @abstractmethod
    def _live(self) -> None:
        """All that the thread does, until `_closing`."""

    @abstractmethod
    def _view(self, view: ViewRequest[T]) -> T:
        """The answer to a request.

        Raises:
            ViewError: if it can't be had, saying why.
        """

    def _main(self) -> None:
        try:
            self._live()
        finally:
            # A request that came while the thread was ending must not wait for ever.
            self._closed = True
            self._commands.do_waiting()

    def _promised(self, do: Callable[[], None]) -> "Future[None]":
        """Have something done in the thread; the future fails as it does."""
        done: Future[None] = Future()

        def command() -> None:
            if not done.set_running_or_notify_cancel():
                return
            try:
                do()
            except Exception as error:
                done.set_exception(error)
            else:
                done.set_result(None)

        self._put(command)
        return done

    def _put(self, command: Command) -> None:
        self._commands.put(command)
        if self._closed:
            self._commands.do_waiting()  # nobody else will: refuse it here

    def _answer(self, view: ViewRequest[T], future: "Future[T]") -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            if self._closed:
                raise ViewError("there is no model here (any more)")
            future.set_result(self._view(view))
        except ViewError as error:
            future.set_exception(error)
        except Exception as error:
            log.exception("view %r failed", view)
            future.set_exception(ViewError(f"can't draw this: {describe(error)}"))


def keep_libraries() -> None:
    """Leave what has been imported out of all later garbage collections; once torch has been.

    Some 150,000 objects that stay for good: looking through them again and again stops every
    thread for 50 to 100 ms, at about every fifteenth key.
    """
    if gc.get_freeze_count() == 0:
        gc.collect()
        gc.freeze()


def wake_up() -> None:
    """A command that makes a waiting thread look at its flags."""
