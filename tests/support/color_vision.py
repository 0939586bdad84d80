"""How far apart two colours are, for whom, and in which terminal."""

import numpy as np
import numpy.typing as npt
from rich.color import Color, ColorSystem

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
