"""Which characters a terminal or a file can show, and what stands for those that it can't."""

import codecs
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from rich.cells import get_character_cell_size

REPLACE = "fmnist-vae-tui.replace"
"""Name of the error handler for streams: no character ever ends the writing."""

_NEEDED = "▀─⣿−βz₁…"
_WORDS = {
    "…": "...",
    "×": "x",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "α": "alpha",
    "β": "beta",
    "ε": "epsilon",
    "θ": "theta",
    "μ": "mu",
    "σ": "sigma",
}
_CELLS = {
    **dict.fromkeys("−–—‐‑─━╌╍┄┅┈┉═╴╶╸╺⎯", "-"),
    **dict.fromkeys("│┃║╎╏┆┇┊┋╵╷╹╻▏▎▍▌▐▕", "|"),
    **dict.fromkeys("█▉▊▋▓▇▆▅▄▀■▪◼◾", "#"),
    **dict.fromkeys("▒░▃▂▔", "="),
    **dict.fromkeys("▁", "_"),
    **dict.fromkeys("·∙•⋅", "."),
    **dict.fromkeys("✓✔", "v"),
    **dict.fromkeys("✗✘✕×", "x"),
    **dict.fromkeys("●◉⬤○◯◌◦", "o"),
    **dict.fromkeys("▶▸►→⟶›»", ">"),
    **dict.fromkeys("◀◂◄←⟵‹«", "<"),
    **dict.fromkeys("▲△▴↑⇧", "^"),
    **dict.fromkeys("▼▽▾↓⇩", "v"),
    **dict.fromkeys("◆◇✚✛┼⊕✦", "+"),
    **dict.fromkeys("★☆✱✳", "*"),
    **dict.fromkeys("‘’′", "'"),
    **dict.fromkeys("“”″", '"'),
    **dict.fromkeys("≤≥≈∼", "~"),
    "…": ".",
    "α": "a",
    "β": "b",
    "ε": "e",
    "θ": "t",
    "μ": "u",
    "µ": "u",
    "σ": "s",
    "↵": "<",
    "⏎": "<",
    "␣": "_",
    "∞": "8",
    "□": "#",
}
_BOX, _BRAILLE = range(0x2500, 0x2580), range(0x2800, 0x2900)
_UPPER_DOTS, _LOWER_DOTS = 0b00011011, 0b11100100


def has_unicode(environ: Mapping[str, str], encoding: str | None) -> bool:
    """Whether a terminal shows more than ASCII.

    Args:
        environ: its locale is what the terminal was told, or tells us.
        encoding: what Python writes to it. In the locales C and POSIX that is UTF-8 nevertheless.
    """
    try:
        _NEEDED.encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    asked_for = environ.get("PYTHONIOENCODING", "").partition(":")[0]
    if asked_for or environ.get("PYTHONUTF8") == "1":
        return True
    names = (environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next(filter(None, names), "")
    if locale:
        return "utf8" in locale.lower().replace("-", "")
    # Without a locale these draw an underscore for what isn't ASCII; containers often have none,
    # and a terminal that has UTF-8.
    return not (environ.get("TMUX") or environ.get("STY"))


def in_cells(text: str) -> str:
    """A text in ASCII, each character in as many cells as it has: for a screen that is laid out."""
    return text if text.isascii() else "".join(map(_in_cells, text))


@lru_cache(maxsize=4096)
def _in_cells(character: str) -> str:
    if character.isascii():
        return character
    code, width = ord(character), get_character_cell_size(character)
    if character in _CELLS:
        found = _CELLS[character]
    elif code in _BRAILLE:
        dots = code - _BRAILLE.start
        upper, lower = bool(dots & _UPPER_DOTS), bool(dots & _LOWER_DOTS)
        found = {(True, True): ":", (True, False): "'", (False, True): "."}.get((upper, lower), " ")
    elif code in _BOX:
        found = "+"
    else:
        found = _without_marks(character)
    return (found or "?" * width)[:width].ljust(width)


def _without_marks(character: str) -> str:
    """'u' of 'ü', '1' of '₁'; nothing, if there is no such thing."""
    return "".join(c for c in unicodedata.normalize("NFKD", character) if c.isascii())


def in_words(character: str) -> str:
    r"""What stands for a character in a line of text: 'beta', '-', 'u', or '\u4e2d'."""
    if "\ud800" <= character <= "\udfff":  # a byte of a file name that is not UTF-8
        return f"\\u{ord(character):04x}"
    code = ord(character)
    found = _WORDS.get(character) or _CELLS.get(character) or ("+" if code in _BOX else "")
    # As JSON has it, should the text be a line of that.
    units = character.encode("utf-16-be").hex()
    escaped = "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
    return found or _without_marks(character) or escaped


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(in_words, error.object[error.start : error.end])), error.end


codecs.register_error(REPLACE, _replace)
