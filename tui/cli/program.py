"""The program itself: its name, its output, how another process of it is started."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO, cast

from engine.text import one_line
from tui.terminal.lasting_stream import LastingStream

PROGRAM = "fmnist-vae-tui"
THIS_PROGRAM = (sys.executable, "-P", "-m", "tui")
"""The command line for another process of it; -P, so that no directory called data where this was
called is taken for ours."""
MISUSE = 2
"""Exit code for input that can't be used."""
INTERRUPTED = 130
"""Exit code after Ctrl-C."""


def complain(sentence: str) -> int:
    """Say what is wrong with the input, which may be quoted; the exit code for it."""
    print(f"{PROGRAM}: {one_line(sentence)}", file=sys.stderr)
    return MISUSE


@contextlib.contextmanager
def lasting_output() -> Iterator[LastingStream]:
    """Standard output and error that nobody has to read: `fmnist-vae-tui runs | head -1`.

    Yields:
        Standard output; its `error` says why something was lost.
    """
    names = ("stdout", "stderr")
    before = [getattr(sys, name) for name in names]
    with contextlib.ExitStack() as opened:
        # None if it was closed by the shell (>&-): the first file opened takes its place then.
        streams = [
            LastingStream(s or opened.enter_context(open(os.devnull, "w")))  # noqa: PTH123
            for s in before
        ]
        for name, stream in zip(names, streams, strict=True):
            setattr(sys, name, cast(TextIO, stream))
        try:
            yield streams[0]
        finally:
            for name, stream, old in zip(names, streams, before, strict=True):
                stream.flush()
                setattr(sys, name, old)
