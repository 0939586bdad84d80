import itertools
import re

import numpy as np
import numpy.typing as npt
import pytest
from rich.color import Color, ColorSystem

from engine.figures.palette import CLASS_COLORS, CLASS_MARKERS, class_color, class_marker

Array = npt.NDArray[np.float64]

# Machado, Oliveira & Fernandes 2009, severity 1.0, for linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
# IEC 61966-2-1: linear sRGB to XYZ, white D65.
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(color: str) -> Array:
    srgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: Array) -> Array:
    """CIE 1976 L*a*b*."""
    ratio = np.clip(rgb, 0, 1) @ XYZ.T / XYZ.sum(axis=1)
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(a: float, b: float) -> float:
    """WCAG 2.1 contrast of two relative luminances."""
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)


def distance(a: str, b: str, vision: str) -> float:
    matrix = VISION[vision]
    return float(np.linalg.norm(lab(matrix @ linear(a)) - lab(matrix @ linear(b))))


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


def in_256_colours(color: str) -> tuple[int, str]:
    """The number that a terminal is told, and what xterm shows for it."""
    number = Color.parse(color).downgrade(ColorSystem.EIGHT_BIT).number
    assert number is not None
    if number >= 232:
        return number, "#" + f"{8 + 10 * (number - 232):02X}" * 3
    assert number >= 16, "a colour that the user's theme decides"
    red, green, blue = (number - 16) // 36, (number - 16) // 6 % 6, (number - 16) % 6
    levels = (0, 95, 135, 175, 215, 255)
    return number, "#" + "".join(f"{levels[level]:02X}" for level in (red, green, blue))


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
