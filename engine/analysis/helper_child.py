"""What runs in the helper process, and how parent and child talk.

Each sends the other pickles over the child's stdin and stdout, every one preceded by its length;
nobody else writes to these pipes. The child ends when its parent does, also in the middle of a
job.
"""

import contextlib
import os
import pickle
import queue
import signal
import struct
import sys
import threading
import traceback
from typing import IO, Any

from engine.analysis.jobs import Job
from engine.errors import JobError

_LENGTH = struct.Struct(">Q")
_NICENESS = 10


def send(pipe: IO[bytes], message: bytes) -> None:
    """Write a message, its length first."""
    pipe.write(_LENGTH.pack(len(message)))
    pipe.write(message)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes:
    """The next message.

    Raises:
        EOFError: if the other side is gone.
    """
    (length,) = _LENGTH.unpack(_read(pipe, _LENGTH.size))
    return _read(pipe, length)


def _read(pipe: IO[bytes], length: int) -> bytes:
    read = pipe.read(length)
    if len(read) < length:
        raise EOFError
    return read


def sentence(error: Exception) -> str:
    """What to tell a person of an error that no job foresees."""
    if isinstance(error, ImportError):
        return f"A library that this needs can't be loaded: {error}."
    return f"It failed unexpectedly ({type(error).__name__}: {error})."


def main() -> None:
    """Do the jobs that come over stdin, one after the other, until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(AttributeError, OSError):
        os.nice(_NICENESS)
    # What a library prints must not get between the messages.
    orders, messages = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    # `import umap` would load it where it is installed, for a class that isn't used.
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    received: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders, received), daemon=True).start()
    while True:
        send(messages, _done(received.get(), messages))


def _listen(orders: IO[bytes], received: "queue.SimpleQueue[bytes]") -> None:
    """Read from a thread, to see that the parent has gone even in the middle of a job."""
    try:
        while True:
            received.put(receive(orders))
    finally:
        os._exit(0)


def _done(order: bytes, messages: IO[bytes]) -> bytes:
    """Do a pickled job and say what came of it."""

    def progress(share: float, activity: str) -> None:
        send(messages, pickle.dumps(("progress", (share, activity))))

    try:
        job: Job[Any] = pickle.loads(order)
        return pickle.dumps(("done", job.run(progress)), pickle.HIGHEST_PROTOCOL)
    except JobError as error:
        return pickle.dumps(("failed", (str(error), "")))
    except Exception as error:
        return pickle.dumps(("failed", (sentence(error), traceback.format_exc())))
