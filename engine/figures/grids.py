"""Image grids with Pillow: reconstructions under their originals, and samples.

Every image is a tile of 280×280 pixels: each of its pixels a 10×10 square of one grey, rounded
to 8 bit once and never resampled, so that the figure shows what the model put out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from engine.figures.caption import Caption
from engine.views import Images, ReconstructionView, SampleView

SCALE = 10
TILE = 28 * SCALE
"""Side of a tile in pixels: 24 mm at 300 dpi."""

_MARGIN = 96
_GAP = 14
_PAIR_GAP = 56
_HEADER = 236
"""Height of title and subtitle, down to what stands below them."""
_CLASS_ROW = 66
_ROW_LABELS = 360

_PAPER, _INK, _GREY = 255, 26, 96
_TITLE_SIZE, _SUBTITLE_SIZE, _LABEL_SIZE, _SMALLEST = 54, 37, 42, 22

Origin = tuple[int, int]


@dataclass(frozen=True, slots=True)
class GridLayout:
    """Where the tiles lie."""

    size: tuple[int, int]
    """Width and height of the figure in pixels."""
    origins: tuple[Origin, ...]
    """Left and top pixel of every tile, in the order of the images."""


def reconstruction_layout(labels: npt.NDArray[np.uint8], class_count: int) -> GridLayout:
    """Places of the originals: a column per class, its images below each other.

    The reconstruction of an image lies `TILE + _GAP` pixels below it.
    """
    columns = max(class_count, int(labels.max(initial=0)) + 1)
    seen = [0] * columns
    origins: list[Origin] = []
    for label in labels.tolist():
        x = _MARGIN + _ROW_LABELS + label * (TILE + _GAP)
        y = _HEADER + _CLASS_ROW + seen[label] * _pair_pitch()
        origins.append((x, y))
        seen[label] += 1
    width = 2 * _MARGIN + _ROW_LABELS + columns * (TILE + _GAP) - _GAP
    pairs = max(1, *seen)
    height = _HEADER + _CLASS_ROW + pairs * _pair_pitch() - _PAIR_GAP + _MARGIN
    return GridLayout((width, height), tuple(origins))


def below(origin: Origin) -> Origin:
    """Where the reconstruction of the image at `origin` lies."""
    return origin[0], origin[1] + TILE + _GAP


def sample_layout(count: int) -> GridLayout:
    """Places of `count` tiles in a grid as near to a square as can be: 64 make 8×8."""
    columns = max(8, int(np.ceil(np.sqrt(count))))
    rows = max(1, -(-count // columns))
    origins = tuple(
        (_MARGIN + i % columns * (TILE + _GAP), _HEADER + i // columns * (TILE + _GAP))
        for i in range(count)
    )
    width = 2 * _MARGIN + columns * (TILE + _GAP) - _GAP
    height = _HEADER + rows * (TILE + _GAP) - _GAP + _MARGIN
    return GridLayout((width, height), origins)


def reconstruction_grid(view: ReconstructionView, caption: Caption) -> Image.Image:
    """Grey image: every class a column, each original over its reconstruction."""
    layout = reconstruction_layout(view.labels, len(view.class_names))
    page = _page(layout, caption.title, _with_note(caption.subtitle(), view.reconstructions))
    draw = ImageDraw.Draw(page)
    for label, name in enumerate(view.class_names):
        x = _MARGIN + _ROW_LABELS + label * (TILE + _GAP) + TILE // 2
        font = _fitting(name, _LABEL_SIZE, TILE)
        draw.text((x, _HEADER + _CLASS_ROW - 20), name, font=font, fill=_INK, anchor="ms")
    for y in sorted({origin[1] for origin in layout.origins}):
        for top, name in ((y, "original"), (y + TILE + _GAP, "reconstruction")):
            place = (_MARGIN + _ROW_LABELS - 28, top + TILE // 2)
            draw.text(place, name, font=_font(_LABEL_SIZE), fill=_GREY, anchor="rm")
    _paste(page, view.originals, layout.origins)
    _paste(page, view.reconstructions, [below(origin) for origin in layout.origins])
    return page


def sample_grid(view: SampleView, caption: Caption) -> Image.Image:
    """Grey image: the samples row by row."""
    layout = sample_layout(len(view.images))
    subtitle = _with_note(caption.subtitle(f"z of seed {view.seed}"), view.images)
    page = _page(layout, caption.title, subtitle)
    _paste(page, view.images, layout.origins)
    return page


def _pair_pitch() -> int:
    return 2 * TILE + _GAP + _PAIR_GAP


def _page(layout: GridLayout, title: str, subtitle: str) -> Image.Image:
    page = Image.new("L", layout.size, _PAPER)
    draw = ImageDraw.Draw(page)
    width = layout.size[0] - 2 * _MARGIN
    font = _fitting(title, _TITLE_SIZE, width, bold=True)
    draw.text((_MARGIN, 132), title, font=font, fill=_INK, anchor="ls")
    font = _fitting(subtitle, _SUBTITLE_SIZE, width)
    draw.text((_MARGIN, 194), subtitle, font=font, fill=_GREY, anchor="ls")
    return page


def _paste(page: Image.Image, images: Images, origins: Sequence[Origin]) -> None:
    # A model that diverged puts out NaN, which has no grey: black, and the subtitle says so.
    finite = np.nan_to_num(images, nan=0.0, posinf=1.0, neginf=0.0)
    greys = np.rint(np.clip(finite, 0.0, 1.0) * 255.0).astype(np.uint8)
    for grey, origin in zip(greys, origins, strict=True):
        page.paste(Image.fromarray(grey.repeat(SCALE, axis=0).repeat(SCALE, axis=1)), origin)


def _with_note(subtitle: str, images: Images) -> str:
    broken = int((~np.isfinite(images)).reshape(len(images), -1).any(axis=1).sum())
    return f"{subtitle} · {broken} images are not numbers, drawn black" if broken else subtitle


def _fitting(text: str, size: int, width: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The font in `size`, or in the largest smaller one in which the text is not too wide."""
    font = _font(size, bold)
    while font.getlength(text) > width and size > _SMALLEST:
        size -= 1
        font = _font(size, bold)
    return font


def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    # The font that Matplotlib brings along, so that grids and charts look alike, need no font
    # of the system, and have the −, β and μ that Pillow's own font lacks.
    file = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / file, size)
