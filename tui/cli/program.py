"""The program itself: its name, how another process of it is started, how it refuses input."""

import sys

from engine.text import one_line

PROGRAM = "fmnist-vae-tui"
THIS_PROGRAM = (sys.executable, "-P", "-m", "tui")
"""The command line for another process of it; -P, so that no directory called data where this was
called is taken for ours."""
MISUSE = 2
"""Exit code for input that can't be used."""


def complain(sentence: str) -> int:
    """Say what is wrong with the input, which may be quoted; the exit code for it."""
    print(f"{PROGRAM}: {one_line(sentence)}", file=sys.stderr)
    return MISUSE
