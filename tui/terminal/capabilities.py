"""What the terminal can show: decided before Textual is imported, and shown in the help.

SSH seldom forwards COLORTERM, so Textual guesses by TERM and may guess low; hence `--colors`.
"""

import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Literal

from tui.terminal.characters import has_unicode

ColorChoice = Literal["auto", "truecolor", "256", "16", "none"]
ImageChoice = Literal["auto", "half", "ascii"]

_TEXTUAL_NAMES: dict[ColorChoice, str] = {
    "auto": "auto",
    "truecolor": "truecolor",
    "256": "256",
    "16": "standard",
    "none": "standard",
}


def why_unsupported(environ: MutableMapping[str, str]) -> str | None:
    """Why the dashboard can't run here, if it can't."""
    # None: closed by the shell.
    if not all(stream and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        return "the dashboard needs a terminal; use `fmnist-vae-tui train` without one"
    if is_dumb(environ):
        return f"TERM={environ['TERM']} can't show the dashboard; use `fmnist-vae-tui train`"
    return None


def is_dumb(environ: Mapping[str, str]) -> bool:
    """Whether a terminal prints lines only, and can't go back in them."""
    return environ.get("TERM", "").lower() in ("dumb", "unknown")


def set_colors(choice: ColorChoice, environ: MutableMapping[str, str] = os.environ) -> None:
    """Tell Textual, which reads the environment when it is imported."""
    # Also when nothing was chosen: a wrong value in the environment would crash Textual.
    if choice != "auto" or environ.get("TEXTUAL_COLOR_SYSTEM") not in _TEXTUAL_NAMES.values():
        environ["TEXTUAL_COLOR_SYSTEM"] = _TEXTUAL_NAMES[choice]
    if choice == "none":
        environ["NO_COLOR"] = "1"


def describe_colors(choice: ColorChoice, detected: str | None) -> str:
    """One sentence on the colours in use and where they come from.

    Args:
        detected: rich's name of the colour system, None for none.
    """
    names = {"standard": "16 colours", "256": "256 colours", "truecolor": "true colour"}
    found = names.get(detected or "", "no colours")
    if choice != "auto":
        return f"Colours: {choice}, as asked for."
    terminal, colorterm = os.environ.get("TERM", ""), os.environ.get("COLORTERM", "")
    why = f"TERM={terminal or 'unset'}, COLORTERM={colorterm or 'unset'}"
    hint = "" if detected == "truecolor" else "; --colors truecolor if your terminal has it"
    return f"Colours: {found} ({why}{hint})."


def terminal_has_unicode() -> bool:
    """Whether the dashboard's terminal shows more than ASCII."""
    return has_unicode(os.environ, getattr(sys.__stdout__, "encoding", None))


def describe_characters() -> str:
    """One sentence on a terminal that shows ASCII only; nothing about others."""
    if terminal_has_unicode():
        return ""
    return "Characters: ASCII only, as the locale is not UTF-8; LC_ALL=C.UTF-8 if the terminal is."


def image_mode(
    choice: ImageChoice, colors: str | None, *, unicode: bool = True
) -> Literal["half", "ascii"]:
    """Half-blocks where greys can be told apart: 16 colours have only four of them."""
    if not unicode:
        return "ascii"
    if choice != "auto":
        return choice
    return "half" if colors in ("256", "truecolor") else "ascii"
