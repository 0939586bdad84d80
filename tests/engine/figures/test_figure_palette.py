import itertools
import re

import pytest

from engine.figures.palette import CLASS_COLORS, CLASS_MARKERS, class_color, class_marker
from tests.support.color_vision import VISION, XYZ, contrast, distance, in_256_colours, linear


def test_there_are_ten_colours_and_ten_markers() -> None:
    assert len(set(CLASS_COLORS)) == len(set(CLASS_MARKERS)) == 10
    assert all(re.fullmatch("#[0-9A-F]{6}", color) for color in CLASS_COLORS)


@pytest.mark.parametrize("vision", VISION)
def test_any_two_colours_can_be_told_apart(vision: str) -> None:
    # A ΔE of 2.3 is just noticeable (Mahy et al. 1994); small marks need several times that.
    closest = min(distance(a, b, vision) for a, b in itertools.combinations(CLASS_COLORS, 2))
    assert closest > 14


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("mixed", [(0, 2, 4, 6), (5, 7, 9)], ids=["tops", "shoes"])
def test_classes_that_mix_in_the_latent_space_differ_most(
    vision: str, mixed: tuple[int, ...]
) -> None:
    pairs = itertools.combinations(mixed, 2)
    assert min(distance(CLASS_COLORS[a], CLASS_COLORS[b], vision) for a, b in pairs) > 29


def test_a_terminal_of_256_colours_shows_ten_different_ones() -> None:
    assert len({in_256_colours(color)[0] for color in CLASS_COLORS}) == 10


@pytest.mark.parametrize(
    ("vision", "smallest"), [("normal", 15.0), ("protanopia", 13.0), ("deuteranopia", 6.9)]
)
def test_any_two_can_be_told_apart_in_256_colours(vision: str, smallest: float) -> None:
    # Three times what is just noticeable, at least; the numbers are those of the module's text.
    shown = [in_256_colours(color)[1] for color in CLASS_COLORS]
    pairs = [
        (distance(shown[a], shown[b], vision), (a, b))
        for a, b in itertools.combinations(range(10), 2)
    ]
    closest, pair = min(pairs)
    assert closest == pytest.approx(smallest, abs=0.1)
    if vision == "deuteranopia":
        assert pair == (1, 6), "not Trouser and Shirt"
        assert min(d for d, other in pairs if other != pair) > 12
    for mixed in ((0, 2, 4, 6), (5, 7, 9)):
        assert min(d for d, (a, b) in pairs if {a, b} <= set(mixed)) > 25


def test_every_colour_is_visible_on_paper_and_in_a_dark_terminal() -> None:
    dark = float(XYZ[1] @ linear("#121212"))
    for color in CLASS_COLORS:
        luminance = float(XYZ[1] @ linear(color))
        assert contrast(luminance, 1.0) > 1.6, color
        assert contrast(luminance, dark) > 3.0, color


def test_more_than_ten_classes_repeat_colours_but_not_pairs() -> None:
    assert class_color(12) == CLASS_COLORS[2]
    pairs = {(class_color(i), class_marker(i)) for i in range(100)}
    assert len(pairs) == 100
