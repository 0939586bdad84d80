"""What the diagnosis's panels have in common: a body, and below it a word on how to read it."""

import math
import textwrap
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip

from engine.diagnosis import DimensionKind
from engine.text import compact
from tui import theme
from tui.drawing.pixels import runs
from tui.drawing.plot import hex_color
from tui.screens.diagnosis.readings import Readings
from tui.theme import Rgb
from tui.widgets.canvas import CanvasPanel

PLAIN = Style(color=theme.WHITE)
QUIET = Style(color=theme.QUIET)
FAINT = Style(color=theme.FAINT)
READING_LINES = 2
"""Lines for how to read a panel, at most."""
LEAST_BODY = 5

SERIES_COLORS: tuple[Rgb, ...] = (
    theme.TRAIN_COLOR,
    (125, 211, 160),  # mint
    theme.CURSOR_COLOR,
)
KIND_COLORS: dict[DimensionKind | None, Rgb] = {
    DimensionKind.ACTIVE: theme.TRAIN_COLOR,
    DimensionKind.MIXED: theme.VALIDATION_COLOR,
    DimensionKind.PASSIVE: theme.rgb(theme.FAINT),
    None: theme.rgb(theme.QUIET),
}
KIND_LETTERS: dict[DimensionKind | None, str] = {
    DimensionKind.ACTIVE: "a",
    DimensionKind.MIXED: "m",
    DimensionKind.PASSIVE: "p",
    None: "·",
}


class DiagnosisPanel(CanvasPanel):
    """Shows one thing of a run; a subclass draws it."""

    NOT_OF_AN_AUTOENCODER: ClassVar[str] = ""
    """Why an autoencoder has none of it; empty if it has."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.readings: Readings | None = None
        self._version: tuple[object, ...] = ()

    def clear(self) -> None:
        """Wait for the numbers of another run."""
        self.readings, self._version = None, ()
        self.repaint()

    def show(self, readings: Readings, *others: object) -> None:
        """Draw what is new since the last call, if anything is.

        Args:
            others: what else is shown: drawn again when it changes.
        """
        self.readings = readings
        version = (*readings.version, *others)
        if version != self._version:
            self._version = version
            self.repaint()

    def caption(self) -> str:
        """The panel's title."""
        raise NotImplementedError

    def reading(self, readings: Readings) -> str:
        """How to read it, in a sentence."""
        raise NotImplementedError

    def lines(self, size: Size, readings: Readings) -> list[Strip]:
        """The body, of the width at most; empty while there is nothing to show."""
        raise NotImplementedError

    def paint(self, size: Size) -> list[Strip]:
        """Body and reading, as they fit."""
        if self.readings is None:
            self.set_title(self.caption())
            return [strip(" waiting for the model", FAINT)]
        readings = self.readings
        if self.NOT_OF_AN_AUTOENCODER and not readings.is_vae:
            self.set_title(self.caption())
            lines = textwrap.wrap(self.NOT_OF_AN_AUTOENCODER, max(8, size.width))
            return [strip(line, QUIET) for line in lines]
        hint = textwrap.wrap(self.reading(readings), max(8, size.width))[:READING_LINES]
        if size.height - len(hint) < LEAST_BODY:
            hint = []
        room = Size(size.width, size.height - len(hint))
        body = self.lines(room, readings) or [strip(" not measured yet", FAINT)]
        self.set_title(self.caption())
        body = [*body, *[strip("")] * (room.height - len(body))]
        return [*body[: room.height], *(strip(line, FAINT) for line in hint)]


class Cells:
    """Characters and colours by row and column, to be filled in and made into strips."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._characters = np.full((height, width), " ", "<U1")
        self._colors: npt.NDArray[np.int64] = np.zeros((height, width), np.int64)

    def put(self, row: int, column: int, text: str, color: Rgb) -> None:
        """Write a text; what lies outside is left out."""
        if not 0 <= row < self.height:
            return
        for at, character in enumerate(text, column):
            if 0 <= at < self.width:
                self._characters[row, at] = character
                self._colors[row, at] = int.from_bytes((1, *color))

    def strips(self) -> list[Strip]:
        """The rows, equal colours in one run."""
        return [
            _colored(characters, colors)
            for characters, colors in zip(
                self._characters.tolist(), self._colors.tolist(), strict=True
            )
        ]


def _colored(characters: Sequence[str], colors: Sequence[int]) -> Strip:
    segments, start = [], 0
    for color, length in runs(colors):
        text = "".join(characters[start : start + length])
        rgb = color.to_bytes(5)[-3:]
        style = Style(color=hex_color((rgb[0], rgb[1], rgb[2]))) if color else None
        segments.append(Segment(text, style))
        start += length
    return Strip(segments, len(characters))


def strip(text: str, style: Style = PLAIN) -> Strip:
    """A line of one style."""
    return parts((text, style))


def parts(*texts: tuple[str, Style]) -> Strip:
    """A line of several styles."""
    segments = []
    for text, style in texts:
        # Spaces in front have none: an exported SVG's viewers cut them off a styled piece.
        start = len(text) - len(text.lstrip())
        segments += [Segment(text[:start]), Segment(text[start:], style)]
    return Strip([segment for segment in segments if segment.text])


def axis_label(value: float) -> str:
    """A number in at most four columns: '0.5', '12', '.03', '7e6'."""
    if not math.isfinite(value):
        return "–"
    size, sign = abs(value), "−" if value < 0 else ""
    if size >= 1000:
        return compact(value, 1)
    text = f"{size:.0f}" if size >= 10 or size == round(size) else f"{size:.1f}"
    return sign + (text if size >= 0.1 or size == 0 else f"{size:.2f}".lstrip("0"))


SPARKS = "▁▂▃▄▅▆▇█"
ASCII_SPARKS = "_.:-=+*#"


def sparkline(values: Sequence[float], width: int, *, ascii_only: bool = False) -> str:
    """The last `width` values as small bars between their lowest and highest; · for a gap."""
    ramp = ASCII_SPARKS if ascii_only else SPARKS
    shown = np.array(values[-width:], np.float64)
    finite = shown[np.isfinite(shown)]
    if not len(finite):
        return "·" * len(shown)
    low, span = finite.min(), np.ptp(finite)
    levels = (shown - low) / span * (len(ramp) - 1) if span > 0 else np.zeros_like(shown)
    return "".join(
        ramp[round(level)] if np.isfinite(level) else "·"
        for level in np.where(np.isfinite(shown), levels, np.nan).tolist()
    )
