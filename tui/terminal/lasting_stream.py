"""Output whose reader may go away: a terminal that hangs up, a pipe into `head`, a full disk."""

import os
from contextlib import suppress
from typing import Any, TextIO


class LastingStream:
    """A stream that swallows what can't be written, and remembers why.

    Its writer carries on: a training run must not end because nobody reads its progress.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | ValueError | None = None
        """The first failure to write."""

    def write(self, text: str) -> int:
        """Write, if that can be done."""
        try:
            return self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding or "ascii"
            return self.write(text.encode(encoding, "replace").decode(encoding))
        except (OSError, ValueError) as error:  # ValueError: it is closed
            self._lose(error)
            return len(text)

    def flush(self) -> None:
        """Send what is buffered, if that can be done."""
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._lose(error)

    def _lose(self, error: OSError | ValueError) -> None:
        self.error = self.error or error
        # What is still in the buffer would fail again, at the latest when Python exits. A terminal
        # that isn't ready (EAGAIN) has not gone away.
        if not isinstance(error, BlockingIOError):
            with suppress(OSError, ValueError):
                discard(self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        """Everything else is the stream's own."""
        return getattr(self._stream, name)


def discard(*descriptors: int) -> None:
    """Let file descriptors lead to nowhere from now on."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
