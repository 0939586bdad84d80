"""A colour and a mark for every run of a comparison: the mark tells what colour doesn't.

The first two colours are the dashboard's own. With them the other four have the largest smallest
distance among 36 candidates, most of them Okabe and Ito's and Paul Tol's: CIE 1976 ΔE 21.0, over
normal, protanope and deuteranope vision after Machado et al. 2009, as they are and as a terminal
of 256 colours shows them.
"""

from rich.style import Style

from tui.drawing.pixels import ImageMode
from tui.drawing.plot import hex_color
from tui.theme import TRAIN_COLOR, VALIDATION_COLOR, Rgb

RUN_COLORS: tuple[Rgb, ...] = (
    TRAIN_COLOR,
    VALIDATION_COLOR,
    (125, 211, 160),  # mint
    (224, 85, 95),  # red
    (255, 255, 255),
    (170, 68, 153),  # purple
)
RUN_MARKS = ("●", "■", "▲", "◆", "✚", "★")
"""Each a cell wide and without an emoji form, as in `tui.drawing.class_marks`."""


def run_color(index: int) -> Rgb:
    """The colour of the run in every panel; they repeat."""
    return RUN_COLORS[index % len(RUN_COLORS)]


def run_style(index: int) -> Style:
    """The same for text."""
    return Style(color=hex_color(run_color(index)))


def run_mark(index: int, mode: ImageMode) -> str:
    """The mark of the run, one character; in ASCII mode a digit.

    Shifted by one at every repetition of the colours, so that the pairs don't repeat with them.
    """
    if mode == "ascii":
        return f"{(index + 1) % 10}"
    return RUN_MARKS[(index + index // len(RUN_COLORS)) % len(RUN_MARKS)]
