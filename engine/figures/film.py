"""The film of a run with Pillow: an animation as GIF and APNG, and its frames on one page.

The animation is in 256 greys, so a GIF's palette holds every one of them exactly.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.figures import paper
from engine.figures.caption import Caption
from engine.figures.paper import GAP, GREY, HEADER, MARGIN, SMALL_SIZE, TILE, GridLayout, Origin
from engine.figures.png import png_chunks
from engine.text import epoch_label
from engine.views import Frame, Images, Labels

SCREEN_SCALE = 3
SCREEN_TILE = 28 * SCREEN_SCALE
FRAME_MS = 150
LAST_FRAME_MS = 1_500
MAX_SHOWN = 200
"""Frames of an animation: half a minute, some 50 MB as GIF."""
STRIP_COLUMNS = 10
STRIP_ROWS = 5
"""Of reconstructions, and as many of samples."""

_SCREEN_MARGIN = 24
_SCREEN_GAP = 6
_TITLE_LINE = 84
"""Height of the title line with the first block's name."""
_BLOCK_NAME = 46
_SAMPLE_COLUMNS = 8
_SCREEN_TITLE, _SCREEN_LABEL = 26, 18

_COLUMN_LABELS = 66
_ROW_LABELS = 360
_APART = 56
_EARLY = 100.0
"""The strip's columns are even in log(1 + 100 · share of the training): denser at its start."""


@dataclass(frozen=True, slots=True)
class FrameLayout:
    """Where an animation's tiles lie."""

    size: tuple[int, int]
    originals: tuple[Origin, ...]
    reconstructions: tuple[Origin, ...]
    samples: tuple[Origin, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FilmImages:
    """What the frames of a film are shown with."""

    originals: Images
    """(N, 28, 28) the images behind `Frame.reconstructions`."""
    labels: Labels
    """(N,) their classes."""
    class_names: tuple[str, ...]

    def one_per_class(self) -> npt.NDArray[np.int64]:
        """Positions of the first image of each class."""
        positions: npt.NDArray[np.int64] = np.unique(self.labels, return_index=True)[1]
        return positions


def evenly(frames: Sequence[Frame], most: int) -> list[Frame]:
    """At most so many frames, evenly chosen, the first and the last among them."""
    if len(frames) <= most:
        return list(frames)
    return [frames[i] for i in np.linspace(0, len(frames) - 1, most).round().astype(int)]


def milestones(frames: Sequence[Frame], most: int = STRIP_COLUMNS) -> list[Frame]:
    """At most so many frames, the early training closer than the late; first and last always."""
    if len(frames) <= most:
        return list(frames)
    steps = np.array([frame.step for frame in frames], dtype=np.float64)
    share = (steps - steps[0]) / (steps[-1] - steps[0])
    places = np.log1p(_EARLY * share)
    wanted = np.linspace(0.0, places[-1], most)
    chosen = {int(np.abs(places - place).argmin()) for place in wanted}
    while len(chosen) < most:  # two places had the same nearest frame: the widest gap gets one
        distances = np.abs(places[:, None] - places[sorted(chosen)]).min(axis=1)
        chosen.add(int(distances.argmax()))
    return [frames[i] for i in sorted(chosen)]


def frame_layout(images: int, samples: int) -> FrameLayout:
    """Originals over their reconstructions, and below them the samples in rows of eight."""
    pitch = SCREEN_TILE + _SCREEN_GAP
    columns = max(images, _SAMPLE_COLUMNS)
    width = 2 * _SCREEN_MARGIN + columns * pitch - _SCREEN_GAP
    left = (width - images * pitch + _SCREEN_GAP) // 2
    first = _TITLE_LINE + _SCREEN_MARGIN
    top = first + 2 * pitch - _SCREEN_GAP + _BLOCK_NAME
    sample_left = (width - _SAMPLE_COLUMNS * pitch + _SCREEN_GAP) // 2
    rows = -(-samples // _SAMPLE_COLUMNS)
    return FrameLayout(
        size=(width, top + rows * pitch - _SCREEN_GAP + _SCREEN_MARGIN),
        originals=tuple((left + i * pitch, first) for i in range(images)),
        reconstructions=tuple((left + i * pitch, first + pitch) for i in range(images)),
        samples=tuple(
            (sample_left + i % _SAMPLE_COLUMNS * pitch, top + i // _SAMPLE_COLUMNS * pitch)
            for i in range(samples)
        ),
    )


def gif(frames: Sequence[Frame], images: FilmImages, caption: Caption) -> bytes:
    """The animation as a GIF that loops for ever; the title is its comment."""
    shown = evenly(frames, MAX_SHOWN)
    buffer = io.BytesIO()
    first, *rest = _pictures(shown, images, caption)
    comment = f"{caption.title} · {caption.subtitle()}".encode()[:_LONGEST_COMMENT]
    first.save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=rest,
        duration=_durations(shown),
        loop=0,
        comment=comment,
        # Each frame whole: Pillow's differences between frames need a colour for "as before".
        disposal=1,
        optimize=False,
    )
    return buffer.getvalue()


def apng(frames: Sequence[Frame], images: FilmImages, caption: Caption) -> bytes:
    """The same as an animated PNG, with the text chunks of all figures."""
    shown = evenly(frames, MAX_SHOWN)
    buffer = io.BytesIO()
    first, *rest = _pictures(shown, images, caption)
    first.save(
        buffer,
        format="PNG",
        save_all=True,
        append_images=rest,
        duration=_durations(shown),
        loop=0,
        pnginfo=png_chunks(caption),
    )
    return buffer.getvalue()


def strip_layout(columns: int, rows: int) -> tuple[GridLayout, tuple[Origin, ...]]:
    """A frame per column, `rows` of reconstructions over `rows` of samples, row by row.

    Returns:
        The frames' tiles, and the places of the originals, left of the reconstructions.
    """
    pitch = TILE + GAP
    originals_left = MARGIN + _ROW_LABELS
    left = originals_left + TILE + _APART
    top = HEADER + _COLUMN_LABELS
    tops = [top + row * pitch + (_APART if row >= rows else 0) for row in range(2 * rows)]
    width = left + columns * pitch - GAP + MARGIN
    origins = tuple((left + column * pitch, y) for y in tops for column in range(columns))
    originals = tuple((originals_left, y) for y in tops[:rows])
    return GridLayout((width, tops[-1] + TILE + MARGIN), origins), originals


def strip(frames: Sequence[Frame], images: FilmImages, caption: Caption) -> Image.Image:
    """Grey image: training from left to right, in tiles of full size."""
    shown = milestones(frames)
    classes = images.one_per_class()
    rows = min(STRIP_ROWS, len(classes))
    chosen = classes[np.linspace(0, len(classes) - 1, rows).round().astype(int)]
    layout, originals = strip_layout(len(shown), rows)
    page = paper.page(layout.size, caption.title, caption.subtitle())
    for frame, (x, y) in zip(shown, layout.origins, strict=False):
        place = (x + TILE // 2, y - 20)
        text = f"epoch {epoch_label(frame.epoch)}"
        paper.write(page, place, text, anchor="ms", size=SMALL_SIZE, grey=GREY, width=TILE)
    x, y = originals[0]
    place = (x + TILE // 2, y - 20)
    paper.write(page, place, "original", anchor="ms", size=SMALL_SIZE, grey=GREY)
    names = [_class_name(images, int(images.labels[i])) for i in chosen]
    names += [f"sample {i + 1}" for i in range(rows)]
    for name, (_, y) in zip(names, layout.origins[:: len(shown)], strict=True):
        place = (MARGIN + _ROW_LABELS - 28, y + TILE // 2)
        paper.write(page, place, name, anchor="rm", width=_ROW_LABELS - 28)
    paper.paste(page, images.originals[chosen], originals)
    tiles = [frame.reconstructions[i] for i in chosen for frame in shown]
    tiles += [frame.samples[i] for i in range(rows) for frame in shown]
    paper.paste_greys(page, np.array(tiles), layout.origins)
    return page


_LONGEST_COMMENT = 1_000


def _pictures(
    frames: Sequence[Frame], images: FilmImages, caption: Caption
) -> Iterator[Image.Image]:
    chosen = images.one_per_class()
    layout = frame_layout(len(chosen), len(frames[0].samples))
    ground = Image.new("L", layout.size, paper.PAPER)
    what = "validation images and reconstructions"
    paper.write(
        ground, (_SCREEN_MARGIN, _TITLE_LINE + 10), what, anchor="ls", size=_SCREEN_LABEL, grey=GREY
    )
    is_vae = caption.config.model == "vae"
    what = "samples, z ~ N(0, I)" if is_vae else "decoded from N(0, I), not this model's prior"
    left, top = layout.samples[0]
    place = (left, top - 14)
    paper.write(ground, place, what, anchor="ls", size=_SCREEN_LABEL, grey=GREY)
    paper.paste(ground, images.originals[chosen], layout.originals, SCREEN_SCALE)
    width = layout.size[0] - 2 * _SCREEN_MARGIN
    for frame in frames:
        picture = ground.copy()
        text = f"epoch {epoch_label(frame.epoch)} · step {frame.step:,}"
        place = (_SCREEN_MARGIN, 46)
        paper.write(picture, place, text, anchor="ls", size=_SCREEN_TITLE, bold=True, width=width)
        paper.paste_greys(
            picture, frame.reconstructions[chosen], layout.reconstructions, SCREEN_SCALE
        )
        paper.paste_greys(picture, frame.samples, layout.samples, SCREEN_SCALE)
        yield picture


def _durations(frames: Sequence[Frame]) -> list[int]:
    return [FRAME_MS] * (len(frames) - 1) + [LAST_FRAME_MS]


def _class_name(images: FilmImages, label: int) -> str:
    names = images.class_names
    return names[label] if label < len(names) else f"class {label}"
