"""Walks through latent space with Pillow: interpolation, traversal and the manifold."""

from dataclasses import dataclass

from PIL import Image

from engine.figures import paper
from engine.figures.caption import Caption
from engine.figures.paper import GAP, GREY, HEADER, LABEL_SIZE, MARGIN, SMALL_SIZE, Origin
from engine.model.latent_geometry import normal_quantiles
from engine.text import dimension_name, fixed
from engine.views import InterpolationView, ManifoldView, TraversalView

SET_APART = 56
"""Pixels between what the model made and the images it was given."""

_COLUMN_LABELS = 66
_TWO_COLUMN_LABELS = 116
_END_NAMES = 330
_DIMENSION_NAMES = 480
_LABEL_DISTANCE = 28
_AXIS = 250
"""Beside and below a manifold: its axis's name and values."""
_MANIFOLD_LETTERS = 1.6
"""Larger than other figures' words, as a manifold is a larger figure."""
_MANIFOLD_TOP = round(_MANIFOLD_LETTERS * HEADER)


@dataclass(frozen=True, slots=True)
class WalkLayout:
    """Size of a page, and where decoded images and originals lie on it."""

    size: tuple[int, int]
    """Width and height of the figure in pixels."""
    scale: int
    """Pixels of the figure a pixel of an image."""
    origins: tuple[Origin, ...]
    """Left and top pixel of every decoded tile, row by row."""
    originals: tuple[Origin, ...]
    """The same of the images beside them: the two of each row, or the one."""


def interpolation_layout(rows: int, steps: int, with_originals: bool) -> WalkLayout:
    """A path per row, the original images at both ends set apart, the ends' names outside."""
    beside = 2 if with_originals else 0
    scale = paper.scale_for(steps + beside, rows)
    tile, apart = 28 * scale, SET_APART if with_originals else 0
    pitch, left = tile + GAP, MARGIN + _END_NAMES
    first = left + (tile + apart if with_originals else 0)
    last = first + steps * pitch - GAP + apart
    tops = [HEADER + _COLUMN_LABELS + row * pitch for row in range(rows)]
    right = last + (tile if with_originals else 0)
    return WalkLayout(
        size=(right + _END_NAMES + MARGIN, tops[-1] + tile + MARGIN),
        scale=scale,
        origins=tuple((first + step * pitch, top) for top in tops for step in range(steps)),
        originals=tuple((x, top) for top in tops for x in (left, last)) if with_originals else (),
    )


def interpolation_grid(view: InterpolationView, caption: Caption) -> Image.Image:
    """Grey image: from one end to the other, row by row."""
    rows, steps = view.images.shape[:2]
    layout = interpolation_layout(rows, steps, view.originals is not None)
    tile = 28 * layout.scale
    page = paper.page(
        layout.size,
        caption.title,
        paper.with_note(caption.subtitle(_path(view, caption)), view.images),
    )
    for step, fraction in enumerate(view.fractions.tolist()):
        text = f"{fraction:.2f}".rstrip("0").rstrip(".")
        _column_label(page, layout, layout.origins[step], f"t = {text}" if step == 0 else text)
    for origin in layout.originals[:2]:
        _column_label(page, layout, origin, "original")
    ends = layout.originals or tuple(
        layout.origins[row * steps + step] for row in range(rows) for step in (0, steps - 1)
    )
    for (a, b), left, right in zip(view.names, ends[::2], ends[1::2], strict=True):
        middle = left[1] + tile // 2
        width = _END_NAMES - _LABEL_DISTANCE
        place = (left[0] - _LABEL_DISTANCE, middle)
        paper.write(page, place, a, anchor="rm", width=width)
        place = (right[0] + tile + _LABEL_DISTANCE, middle)
        paper.write(page, place, b, anchor="lm", width=width)
    paper.paste(page, view.images.reshape(-1, 28, 28), layout.origins, layout.scale)
    if view.originals is not None:
        originals = view.originals.reshape(-1, 28, 28)
        paper.paste(page, originals, layout.originals, layout.scale)
    return page


def traversal_layout(rows: int, steps: int) -> WalkLayout:
    """A dimension per row, the original image right of the first."""
    scale = paper.scale_for(steps + 1, rows)
    tile = 28 * scale
    pitch, left = tile + GAP, MARGIN + _DIMENSION_NAMES
    top = HEADER + _TWO_COLUMN_LABELS
    original = left + steps * pitch - GAP + SET_APART
    return WalkLayout(
        size=(original + tile + MARGIN, top + rows * pitch - GAP + MARGIN),
        scale=scale,
        origins=tuple(
            (left + step * pitch, top + row * pitch) for row in range(rows) for step in range(steps)
        ),
        originals=((original, top),),
    )


def traversal_grid(view: TraversalView, caption: Caption) -> Image.Image:
    """Grey image: what every dimension does to one image."""
    rows, steps = view.images.shape[:2]
    layout = traversal_layout(rows, steps)
    tile = 28 * layout.scale
    is_vae = caption.config.model == "vae"
    rest = "at the image's μ" if is_vae else "as in the image's code"
    what = f"validation image {view.index:,}: one dimension moved, the others {rest}"
    subtitle = caption.subtitle(what)
    page = paper.page(layout.size, caption.title, paper.with_note(subtitle, view.images))
    labels = MARGIN + _DIMENSION_NAMES - _LABEL_DISTANCE
    # The prior's quantiles are the same in every dimension; codes have quantiles of their own.
    lines = [
        (
            "quantile of N(0, 1)" if is_vae else "quantile of the codes",
            [f"{q:.2f}" for q in view.quantiles.tolist()],
        )
    ]
    if is_vae:
        lines.append(("z", [fixed(value, 2) for value in view.values[0].tolist()]))
    for number, (name, texts) in enumerate(lines):
        y = HEADER + 46 + 50 * (number + 2 - len(lines))
        paper.write(page, (labels, y), name, anchor="rs", size=SMALL_SIZE, grey=GREY)
        for text, (x, _) in zip(texts, layout.origins[:steps], strict=True):
            place = (x + tile // 2, y)
            paper.write(page, place, text, anchor="ms", size=SMALL_SIZE, grey=GREY, width=tile)
    weight = "KL" if is_vae else "variance"
    for row, dim in enumerate(view.dims.tolist()):
        middle = layout.origins[row * steps][1] + tile // 2
        text = f"{dimension_name(dim)}  {weight} {fixed(float(view.weights[row]), 2)}"
        width = _DIMENSION_NAMES - _LABEL_DISTANCE
        if is_vae:
            paper.write(page, (labels, middle), text, anchor="rm", width=width)
            continue
        low, high = (fixed(value, 2) for value in view.values[row, [0, -1]].tolist())
        paper.write(page, (labels, middle - 6), text, anchor="rs", width=width)
        span = f"{low} … {high}"
        paper.write(page, (labels, middle + 12), span, anchor="rt", size=SMALL_SIZE, grey=GREY)
    x, y = layout.originals[0]
    place = (x + tile // 2, y - 20)
    paper.write(page, place, "original", anchor="ms", size=SMALL_SIZE, grey=GREY, width=tile)
    paper.paste(page, view.images.reshape(-1, 28, 28), layout.origins, layout.scale)
    paper.paste(page, view.original[None], layout.originals, layout.scale)
    return page


def manifold_layout(rows: int, columns: int) -> WalkLayout:
    """One picture without gaps, with room for its axes."""
    scale = paper.scale_for(columns, rows, gap=0)
    tile = 28 * scale
    # A single row has no second axis.
    left = MARGIN + (_AXIS if rows > 1 else 0)
    return WalkLayout(
        size=(left + columns * tile + MARGIN, _MANIFOLD_TOP + rows * tile + _AXIS + MARGIN),
        scale=scale,
        origins=tuple(
            (left + column * tile, _MANIFOLD_TOP + row * tile)
            for row in range(rows)
            for column in range(columns)
        ),
        originals=(),
    )


def manifold_grid(view: ManifoldView, caption: Caption) -> Image.Image:
    """Grey image: the plane as one picture, as Kingma & Welling 2014, fig. 4."""
    rows, columns = view.images.shape[:2]
    layout = manifold_layout(rows, columns)
    tile = 28 * layout.scale
    left, top = layout.origins[0]
    right, bottom = left + columns * tile, top + rows * tile
    how = "z = Φ⁻¹(u), u even in (0, 1)"
    names = view.axis_names
    if caption.config.model == "ae":
        how = "Φ⁻¹(u) standard deviations from the mean code, u even in (0, 1)"
        names = (f"{names[0]}, in its σ from the mean", f"{names[1]}, in its σ from the mean")
    subtitle = paper.with_note(caption.subtitle(how), view.images)
    page = paper.page(layout.size, caption.title, subtitle, larger=_MANIFOLD_LETTERS)
    size, small = round(_MANIFOLD_LETTERS * LABEL_SIZE), round(_MANIFOLD_LETTERS * SMALL_SIZE)
    for i, value in enumerate(normal_quantiles(view.quantiles).tolist()):
        place = (left + i * tile + tile // 2, bottom + 26)
        text = fixed(value, 2)
        paper.write(page, place, text, anchor="mt", size=small, grey=GREY, width=tile - 12)
        if rows > 1:
            place = (left - 24, bottom - i * tile - tile // 2)
            paper.write(page, place, text, anchor="rm", size=small, grey=GREY, width=_AXIS - 100)
    place = ((left + right) // 2, bottom + 128)
    paper.write(page, place, names[0], anchor="mt", size=size, width=right - left)
    if rows > 1:
        place = (MARGIN + 30, (top + bottom) // 2)
        paper.write_upwards(page, place, names[1], size=size, width=bottom - top)
    paper.paste(page, view.images.reshape(-1, 28, 28), layout.origins, layout.scale)
    return page


def _path(view: InterpolationView, caption: Caption) -> str:
    if view.method == "slerp":
        draws = "slerp between draws from N(0, I)"
        return draws if caption.config.model == "vae" else f"{draws}, which is not its prior"
    return "lerp between μ" if caption.config.model == "vae" else "lerp between codes"


def _column_label(page: Image.Image, layout: WalkLayout, origin: Origin, text: str) -> None:
    tile = 28 * layout.scale
    place = (origin[0] + tile // 2, origin[1] - 20)
    paper.write(page, place, text, anchor="ms", size=SMALL_SIZE, grey=GREY, width=tile)
