"""The program itself: its name, its output, how another process of it is started."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO, cast

from engine.config import absolute_data
from engine.text import one_line
from tui.terminal.characters import REPLACE, has_unicode
from tui.terminal.lasting_stream import LastingStream

PROGRAM = "fmnist-vae-tui"
THIS_PROGRAM = (sys.executable, "-P", "-m", "fmnist_vae_tui")
"""The command line for another process of it; -P, so that no file where this was called is taken
for ours."""
MISUSE = 2
"""Exit code for input that can't be used."""
INTERRUPTED = 130
"""Exit code after Ctrl-C."""


def complain(sentence: str) -> int:
    """Say what is wrong with the input, which may be quoted; the exit code for it."""
    print(f"{PROGRAM}: {one_line(sentence)}", file=sys.stderr)
    return MISUSE


def moved_data(typed: str | None) -> Path | None:
    """Where a stored run's data set is now, as `--data` has it.

    Raises:
        ConfigError: if it can't be a path.
    """
    return Path(absolute_data(typed)) if typed else None


def print_path(path: Path) -> None:
    """Print where something was written: whole into a pipe, harmless on a terminal."""
    print(one_line(str(path)) if sys.stdout.isatty() else path)


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
        for name, stream, old in zip(names, streams, before, strict=True):
            opened.enter_context(_replacing(old))
            setattr(sys, name, cast(TextIO, stream))
        try:
            yield streams[0]
        finally:
            for name, stream, old in zip(names, streams, before, strict=True):
                stream.flush()
                setattr(sys, name, old)


@contextlib.contextmanager
def _replacing(stream: TextIO | None) -> Iterator[None]:
    """Meanwhile write something else for characters that the encoding, or the terminal, lacks."""
    if not isinstance(stream, io.TextIOWrapper):
        yield
        return
    errors, encoding = stream.errors, stream.encoding
    lacks = stream.isatty() and not has_unicode(os.environ, encoding)
    # A reader that has gone is noticed when something is written.
    with contextlib.suppress(OSError):
        stream.reconfigure(encoding="ascii" if lacks else encoding, errors=REPLACE)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            stream.reconfigure(encoding=encoding, errors=errors)
