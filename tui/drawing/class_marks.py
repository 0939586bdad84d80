"""A mark and a colour for every class on a map, and how crowded its cell is.

The marks are those of the PNG files. Each is one cell wide and none has an emoji form, which
some terminals would draw instead, two cells wide: hence ◄ and ✕, not ◀ and ✖.
"""

from functools import lru_cache

from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style

from engine.figures.palette import class_color, class_marker
from tui.drawing.grid import EMPTY
from tui.drawing.pixels import ImageMode, runs
from tui.theme import BACKGROUND, WHITE, rgb

_GLYPHS = {
    "o": "●",
    "d": "◊",
    "s": "■",
    "v": "▼",
    "^": "▲",
    "<": "◄",
    "X": "✕",
    "P": "✚",
    "D": "◆",
    "*": "★",
}
_BACKGROUND, _FOREGROUND = ColorTriplet(*rgb(BACKGROUND)), ColorTriplet(*rgb(WHITE))
_FEW, _SOME, _MANY = range(3)


def class_mark(label: int, mode: ImageMode) -> str:
    """One character; in ASCII mode a digit."""
    return f"{label % 10}" if mode == "ascii" else _GLYPHS[class_marker(label)]


@lru_cache(maxsize=512)
def class_style(label: int, density: int = _SOME) -> Style:
    """The class's colour: darker where few images lie, lighter and bold where many do."""
    color = Color.parse(class_color(label)).get_truecolor()
    if density == _FEW:
        color = _mixed(color, _BACKGROUND, 0.38)
    elif density == _MANY:
        color = _mixed(color, _FOREGROUND, 0.25)
    # Bold tells more from less where there are no colours.
    return Style(color=Color.from_triplet(color), bold=True if density == _MANY else None)


def map_line(majority: list[int], density: list[int], mode: ImageMode) -> list[Segment]:
    """A row of cells: the mark of each one's class, equal neighbours in one segment."""
    codes = [
        EMPTY if label == EMPTY else label * 4 + level
        for label, level in zip(majority, density, strict=True)
    ]
    return [_segment(code, length, mode) for code, length in runs(codes)]


@lru_cache(maxsize=4096)
def _segment(code: int, length: int, mode: ImageMode) -> Segment:
    if code == EMPTY:
        return Segment(" " * length)
    label, density = divmod(code, 4)
    return Segment(class_mark(label, mode) * length, class_style(label, density))


def _mixed(color: ColorTriplet, other: ColorTriplet, share: float) -> ColorTriplet:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(color, other, strict=True))
    return ColorTriplet(red, green, blue)
