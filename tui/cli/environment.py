"""What a person's environment may hold and this program can't use, put right at its start.

Done once, for the process and all that it starts, before any library is imported: most of them
read the environment then. What is dropped is either wrong, or is asked for by our own flags.
"""

import os
import re
import sys
import warnings
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path

_FORCED = ("FORCE_COLOR", "CLICOLOR_FORCE", "PY_COLORS", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
"""With these, rich and tyro write escapes into files; a terminal's colours are found without."""
_TEXTUAL = {
    "TEXTUAL_ANIMATIONS",
    "TEXTUAL_COLOR_SYSTEM",  # checked where colours are chosen
    "TEXTUAL_DISABLE_KITTY_KEY",
    "TEXTUAL_FPS",
    "TEXTUAL_SLOW_THRESHOLD",
    "TEXTUAL_SMOOTH_SCROLL",
}
"""All of Textual's that may be set: a foreign driver, keys pressed at the start, a screenshot in
place of the program, a log that can't be written are for developers of Textual."""
_SIZE = ("COLUMNS", "LINES")
_NARROWEST, _WIDEST = 40, 9_999
_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_COUNTS = re.compile(r"[1-9]\d{0,3}(,[1-9]\d{0,3})*", re.ASCII)


def settle() -> None:
    """Put right what this process has been given."""
    _open_standard_descriptors()
    _restart_with_docstrings()
    _let_warnings_be_warnings(os.environ)
    on_terminal = any(os.isatty(descriptor) for descriptor in (1, 2))
    drop_unusable(os.environ, on_terminal=on_terminal)


def drop_unusable(environ: MutableMapping[str, str], *, on_terminal: bool) -> None:
    """Remove the variables that would mislead us or a library.

    Args:
        on_terminal: whether there is one that can be asked how large it is.
    """
    textual = [name for name in environ if name.startswith("TEXTUAL") and name not in _TEXTUAL]
    for name in (*_FORCED, *textual):
        environ.pop(name, None)
    for name in _SIZE:
        # Exported, they are those of another time or terminal.
        if name in environ and (on_terminal or not _is_size(environ[name])):
            del environ[name]
    for name in _THREADS:
        # Several numbers are for nested regions. Of any other text libgomp complains on stderr.
        if name in environ and not _COUNTS.fullmatch(environ[name]):
            del environ[name]


def _is_size(text: str) -> bool:
    return text.isascii() and text.isdigit() and _NARROWEST <= int(text[:9]) <= _WIDEST


def _open_standard_descriptors() -> None:
    """Let those that the shell has closed lead to nowhere, before a file takes their place."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free


def _restart_with_docstrings() -> None:
    """With -OO or PYTHONOPTIMIZE=2 there are none, and they are the command line's help."""
    if sys.flags.optimize < 2 or sys.platform == "win32":
        return
    entry = Path(__file__).parents[2] / "fmnist_vae_tui.py"
    environ = {**os.environ, "PYTHONOPTIMIZE": "1"}
    os.execve(sys.executable, [sys.executable, "-P", str(entry), *sys.argv[1:]], environ)


def _let_warnings_be_warnings(environ: MutableMapping[str, str]) -> None:
    """A library's warning as an error (PYTHONWARNINGS=error, -W error) would end the program."""
    actions = [option.partition(":")[0].strip() for option in sys.warnoptions]
    if any(action and "error".startswith(action) for action in actions):
        warnings.simplefilter("default")
        sys.warnoptions.clear()
        environ.pop("PYTHONWARNINGS", None)
