"""White paper with words and tiles on it: what all figures drawn with Pillow share.

An image is a tile: each of its pixels a square of one grey, rounded to 8 bit once and never
resampled, so that a figure shows what the model put out.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from engine.errors import FigureError
from engine.figures.matplotlib_setup import font_file
from engine.views import Images, to_uint8

SCALE = 10
TILE = 28 * SCALE
"""Side of a tile in pixels: 24 mm at 300 dpi."""
SMALL_SCALE = 5
"""Of grids of so many tiles that the figure would get larger than a printer's page."""
MARGIN = 96
GAP = 14
"""Pixels between two tiles."""
HEADER = 236
"""Height of title and subtitle, down to what stands below them."""

PAPER, INK, GREY = 255, 26, 96
TITLE_SIZE, SUBTITLE_SIZE, LABEL_SIZE, SMALL_SIZE = 54, 37, 42, 32

_LARGEST = 6_000
_SMALLEST_LETTERS = 22

Greys = npt.NDArray[np.uint8]
Origin = tuple[int, int]


@dataclass(frozen=True, slots=True)
class GridLayout:
    """Size of a page of tiles, and the place of each."""

    size: tuple[int, int]
    """Width and height of the figure in pixels."""
    origins: tuple[Origin, ...]
    """Left and top pixel of every tile, in the order of the images."""


def scale_for(columns: int, rows: int, gap: int = GAP) -> int:
    """How large a grid's tiles are drawn: 10, or 5 where that would be too large a figure."""
    return SCALE if max(columns, rows) * (TILE + gap) <= _LARGEST else SMALL_SCALE


def page(
    size: tuple[int, int], title: str, subtitle: str, *, mode: str = "L", larger: float = 1.0
) -> Image.Image:
    """White paper with its heading.

    Args:
        larger: how much larger than usual the heading is; it is `larger * HEADER` high.
    """
    paper = Image.new(mode, size, "white")
    for text, size_, baseline, grey, bold in (
        (title, TITLE_SIZE, 132, INK, True),
        (subtitle, SUBTITLE_SIZE, 194, GREY, False),
    ):
        write(
            paper,
            (MARGIN, round(larger * baseline)),
            text,
            anchor="ls",
            size=round(larger * size_),
            grey=grey,
            width=size[0] - 2 * MARGIN,
            bold=bold,
        )
    return paper


def write(
    paper: Image.Image,
    place: tuple[int, int],
    text: str,
    *,
    anchor: str,
    size: int = LABEL_SIZE,
    grey: int = INK,
    width: int | None = None,
    bold: bool = False,
) -> None:
    """One line of text.

    Args:
        place: the pixel that `anchor` (Pillow's two letters) lies at.
        width: what the line must fit into, if it must; smaller letters are taken then.
    """
    font = letters(size, bold) if width is None else fitting(text, size, width, bold)
    fill = shade(grey, paper.mode)
    ImageDraw.Draw(paper).text(place, text, font=font, fill=fill, anchor=anchor)


def write_upwards(
    paper: Image.Image, place: tuple[int, int], text: str, *, width: int, size: int = LABEL_SIZE
) -> None:
    """One line of text that reads from below, with its middle at `place`."""
    font = fitting(text, size, width)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text))
    line = Image.new(paper.mode, (right - left, bottom - top), "white")
    ImageDraw.Draw(line).text((-left, -top), text, font=font, fill=shade(INK, paper.mode))
    turned = line.transpose(Image.Transpose.ROTATE_90)
    paper.paste(turned, (place[0] - turned.width // 2, place[1] - turned.height // 2))


def paste(
    paper: Image.Image, images: Images, origins: Sequence[Origin], scale: int = SCALE
) -> None:
    """Put images (N, 28, 28) at their places."""
    paste_greys(paper, to_greys(images), origins, scale)


def paste_greys(
    paper: Image.Image, greys: Greys, origins: Sequence[Origin], scale: int = SCALE
) -> None:
    """Put images (N, 28, 28) that are in 256 greys already at their places."""
    for grey, origin in zip(greys, origins, strict=True):
        tile = grey.repeat(scale, axis=0).repeat(scale, axis=1)
        paper.paste(Image.fromarray(tile).convert(paper.mode), origin)


def to_greys(images: Images) -> Greys:
    """Images in 256 greys; those of a model that diverged are not numbers, and black."""
    finite = np.nan_to_num(images, nan=0.0, posinf=1.0, neginf=0.0)
    return to_uint8(np.clip(finite, 0.0, 1.0))


def with_note(subtitle: str, images: Images) -> str:
    """The subtitle, and how many of the images (…, 28, 28) are not numbers, if any."""
    flat = images.reshape(-1, images.shape[-2] * images.shape[-1])
    broken = int((~np.isfinite(flat)).any(axis=1).sum())
    return f"{subtitle} · {broken} images are not numbers, drawn black" if broken else subtitle


def shade(grey: int, mode: str) -> int | tuple[int, int, int]:
    """A grey as the colour of an image of this mode."""
    return grey if mode == "L" else (grey, grey, grey)


def fitting(text: str, size: int, width: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The font in `size`, or in the largest smaller one in which the text is not too wide."""
    font = letters(size, bold)
    while font.getlength(text) > width and size > _SMALLEST_LETTERS:
        size -= 1
        font = letters(size, bold)
    return font


def letters(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The font of all figures, in a size in pixels: that of the charts, whatever the system has.

    Raises:
        FigureError: if it can't be used.
    """
    file = font_file(bold=bold)
    try:
        # Given a path, Pillow would take a font of that name from the system instead. The other
        # layout, its default, is there only where FriBiDi is installed, and sets letters otherwise.
        content = io.BytesIO(_content(file))
        return ImageFont.truetype(content, size, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise FigureError(
            f"the font {file} is damaged ({error}): install Matplotlib again"
        ) from None


@cache
def _content(file: Path) -> bytes:
    return file.read_bytes()
