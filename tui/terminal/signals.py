"""`Signals`: what the system's signals mean to training, from its beginning to its last write.

| signals                              | meaning                                                   |
|--------------------------------------|-----------------------------------------------------------|
| SIGINT, SIGTERM, SIGQUIT, SIGXCPU,   | stop training, save it, and end: a batch system announces |
| SIGUSR1                              | the end of a job's time by some of these                  |
| SIGHUP                               | the terminal is gone: train on without it                 |
| SIGUSR2                              | save now, and train on                                    |

In any order, and however often: who is told to stop stops, whatever else comes. One place for the
dashboard and `train`, as a signal may come before the dashboard's event loop, or after it.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import FrameType
from typing import Protocol

from tui.terminal.lasting_stream import discard

STOPPING = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGXCPU", "SIGUSR1")
SAVING = ("SIGUSR2",)
PATIENCE = 4.0
"""Seconds in which a terminal should have taken what is written to it at the end."""
WAKING = "SIGURG"
"""Ignored by all who don't ask for it."""
WAKE_UPS = 5
"""A second apart: a thread may begin to wait just after the first."""


class Signalled(Protocol):
    """A run that is trained here."""

    def stop(self) -> None:
        """End training and keep what was learnt."""

    def save(self) -> None:
        """Have the current weights written."""


class Signals:
    """Handles them from now on, in the main thread; there is one for a process.

    Args:
        runs: gives those that are trained here, at any time.
    """

    def __init__(self, runs: Callable[[], Iterable[Signalled]]) -> None:
        self._runs = runs
        # Now: one that has hung up is no terminal any more.
        self._terminals = _terminals()
        self._listener: Callable[[], None] = lambda: None
        self.stopping = False
        """Whether training should end."""
        self.interrupted = False
        """Whether that was a person's Ctrl-C."""
        self.hung_up = False
        """Whether the terminal went away."""
        for names, handler in (
            (STOPPING, self._stop),
            (("SIGHUP",), self._hang_up),
            (SAVING, self._save),
            ((WAKING,), _wake_up),
        ):
            for name in names:
                if hasattr(signal, name):  # Windows has few of them
                    signal.signal(getattr(signal, name), handler)

    def listen(self, listener: Callable[[], None]) -> None:
        """Have a function called when `stopping` or `hung_up` is set; at once, if one is."""
        self._listener = listener
        if self.stopping or self.hung_up:
            listener()

    def detach_terminal(self) -> None:
        """Let what leads to a terminal lead nowhere; what was redirected stays."""
        discard(*self._terminals)

    def give_up_terminal_later(self) -> None:
        """Detach from the terminal in a while: it may take nothing any more.

        A write to a terminal that nobody reads never ends, and with it neither would the process.
        """
        timer = threading.Timer(PATIENCE, self._give_up_terminal)
        timer.daemon = True
        timer.start()

    def _give_up_terminal(self) -> None:
        self.detach_terminal()
        # A write that waits is still to the terminal, whatever the descriptor leads to now. A
        # signal interrupts it, and Python writes the rest to where that leads. (Linux wakes no
        # writer of a pseudo-terminal when its output is flushed.)
        for _ in range(WAKE_UPS):
            for thread in threading.enumerate():
                if thread.ident is not None and hasattr(signal, "pthread_kill"):
                    with suppress(OSError):  # it has ended
                        signal.pthread_kill(thread.ident, getattr(signal, WAKING))
            time.sleep(1.0)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self.stopping = True
        self.interrupted = self.interrupted or number == signal.SIGINT
        for run in self._runs():
            run.stop()
        self._tell()

    def _hang_up(self, _number: int, _frame: FrameType | None) -> None:
        self.hung_up = True
        self._tell()

    def _save(self, _number: int, _frame: FrameType | None) -> None:
        for run in self._runs():
            run.save()

    def _tell(self) -> None:
        with suppress(RuntimeError):  # the event loop has ended
            self._listener()


def _wake_up(_number: int, _frame: FrameType | None) -> None:
    """Nothing: that it came has interrupted what the thread waited for."""


def _terminals() -> list[int]:
    found = []
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        with suppress(AttributeError, OSError, ValueError):  # closed, or never there
            if stream.isatty():  # type: ignore[union-attr]
                found.append(stream.fileno())  # type: ignore[union-attr]
    return found
