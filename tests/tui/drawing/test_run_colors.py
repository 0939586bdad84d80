"""The colours of compared runs, in the terminal, by the measures of the classes' palette."""

import itertools

import pytest

from tests.support.color_vision import VISION, XYZ, contrast, distance, in_256_colours, linear
from tui.drawing.plot import hex_color
from tui.drawing.run_marks import RUN_COLORS
from tui.theme import THEME

COLORS = [hex_color(color) for color in RUN_COLORS]


@pytest.mark.parametrize(
    "colors", [COLORS, [in_256_colours(color)[1] for color in COLORS]], ids=["rgb", "256"]
)
def test_any_two_can_be_told_apart_by_any_eye(colors: list[str]) -> None:
    closest = min(
        distance(a, b, vision) for a, b in itertools.combinations(colors, 2) for vision in VISION
    )
    assert closest > 21.0


@pytest.mark.parametrize("color", COLORS)
def test_each_can_be_read_on_the_background(color: str) -> None:
    assert THEME.background is not None
    luminance, ground = (float(XYZ[1] @ linear(c)) for c in (color, THEME.background))
    assert contrast(luminance, ground) > 3.0
