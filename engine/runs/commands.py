"""`Commands`: what other threads want a run's thread to do, in the order of asking."""

from collections.abc import Callable
from queue import Empty, SimpleQueue

Command = Callable[[], None]


class Commands:
    """Anyone may `put`; only the thread that does them calls the rest."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Command] = SimpleQueue()

    def put(self, command: Command) -> None:
        """Ask for something. Returns at once."""
        self._queue.put(command)

    def do_next(self, timeout: float | None = None) -> None:
        """Do the next one, waiting for it if there is none.

        Args:
            timeout: seconds to wait at most; None for as long as it takes.
        """
        try:
            command = self._queue.get(timeout=timeout)
        except Empty:
            return
        command()

    def do_waiting(self) -> None:
        """Do those that wait now."""
        while True:
            try:
                command = self._queue.get_nowait()
            except Empty:
                return
            command()
