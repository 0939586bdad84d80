"""Image grids with Pillow: reconstructions under their originals, and samples."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.figures import paper
from engine.figures.caption import Caption
from engine.figures.paper import GAP, GREY, HEADER, MARGIN, TILE, GridLayout, Origin
from engine.views import ReconstructionView, SampleView

_PAIR_GAP = 56
_CLASS_ROW = 66
_ROW_LABELS = 360


def reconstruction_layout(labels: npt.NDArray[np.uint8], class_count: int) -> GridLayout:
    """Places of the originals: a column per class, its images below each other.

    The reconstruction of an image lies `TILE + GAP` pixels below it.
    """
    columns = max(class_count, int(labels.max(initial=0)) + 1)
    seen = [0] * columns
    origins: list[Origin] = []
    for label in labels.tolist():
        x = MARGIN + _ROW_LABELS + label * (TILE + GAP)
        y = HEADER + _CLASS_ROW + seen[label] * _pair_pitch()
        origins.append((x, y))
        seen[label] += 1
    width = 2 * MARGIN + _ROW_LABELS + columns * (TILE + GAP) - GAP
    pairs = max(1, *seen)
    height = HEADER + _CLASS_ROW + pairs * _pair_pitch() - _PAIR_GAP + MARGIN
    return GridLayout((width, height), tuple(origins))


def below(origin: Origin) -> Origin:
    """Where the reconstruction of the image at `origin` lies."""
    return origin[0], origin[1] + TILE + GAP


def sample_layout(count: int) -> GridLayout:
    """Places of `count` tiles in a grid as near to a square as can be: 64 make 8×8."""
    columns = max(8, int(np.ceil(np.sqrt(count))))
    rows = max(1, -(-count // columns))
    origins = tuple(
        (MARGIN + i % columns * (TILE + GAP), HEADER + i // columns * (TILE + GAP))
        for i in range(count)
    )
    width = 2 * MARGIN + columns * (TILE + GAP) - GAP
    height = HEADER + rows * (TILE + GAP) - GAP + MARGIN
    return GridLayout((width, height), origins)


def reconstruction_grid(view: ReconstructionView, caption: Caption) -> Image.Image:
    """Grey image: every class a column, each original over its reconstruction."""
    layout = reconstruction_layout(view.labels, len(view.class_names))
    subtitle = paper.with_note(caption.subtitle(), view.reconstructions)
    page = paper.page(layout.size, caption.title, subtitle)
    for label, name in enumerate(view.class_names):
        x = MARGIN + _ROW_LABELS + label * (TILE + GAP) + TILE // 2
        paper.write(page, (x, HEADER + _CLASS_ROW - 20), name, anchor="ms", width=TILE)
    for y in sorted({origin[1] for origin in layout.origins}):
        for top, name in ((y, "original"), (y + TILE + GAP, "reconstruction")):
            place = (MARGIN + _ROW_LABELS - 28, top + TILE // 2)
            paper.write(page, place, name, anchor="rm", grey=GREY)
    paper.paste(page, view.originals, layout.origins)
    paper.paste(page, view.reconstructions, [below(origin) for origin in layout.origins])
    return page


def sample_grid(view: SampleView, caption: Caption) -> Image.Image:
    """Grey image: the samples row by row."""
    layout = sample_layout(len(view.images))
    request = view.request
    how = [f"z of seed {request.seed}"]
    if request.temperature != 1:
        how.append(f"temperature {request.temperature:g}")
    if request.around is not None:
        how.append(f"like one sample (ρ = {request.likeness:g})")
    page = paper.page(
        layout.size, caption.title, paper.with_note(caption.subtitle(*how), view.images)
    )
    paper.paste(page, view.images, layout.origins)
    return page


def _pair_pitch() -> int:
    return 2 * TILE + GAP + _PAIR_GAP
