"""Two or more runs on one page: curves, numbers, the same images, samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from engine.analysis.comparison import COMPARED_IMAGES, RunComparison
from engine.figures import chart, paper
from engine.figures.caption import ComparisonCaption
from engine.figures.comparison_table import (
    NAME_LETTERS,
    draw_table,
    settings_lines,
    table_height,
)
from engine.figures.paper import GAP, GREY, HEADER, MARGIN, SMALL_SIZE, TILE, Origin
from engine.figures.png import DPI
from engine.metrics import Evaluation
from engine.run_labels import short_names
from engine.text import count
from engine.visible_range import drawable, visible_limits

_ROW_LABELS = 560
_LABEL_DISTANCE = 28
_ROW_NAME = 20
"""Letters of a run's name beside a row; the table has more of it."""
_TITLE = 110
"""Letters of the title that can be read; of more runs it says how many."""
_WIDTH = 2 * MARGIN + _ROW_LABELS + COMPARED_IMAGES * (TILE + GAP) - GAP
_SECTION = 130
"""Height of a section's name, with the space above it."""
_CHART_HEIGHT = 1_230
_CLASS_NAMES = 56
_APART = 42

# Paul Tol, "bright" (SRON technical note 3.2, 2021); dashes and markers tell what colour doesn't.
_LINES = (
    ("#4477AA", "-", "o"),
    ("#EE6677", "--", "s"),
    ("#228833", "-.", "^"),
    ("#AA3377", ":", "D"),
    ("#CCBB44", "-", "v"),
    ("#66CCEE", "--", "P"),
)
_MARKED_UP_TO = 80
"""Evaluations; of more, only some have a marker."""
_MARKERS = 12
_LEGEND_INSIDE = 2
"""Runs whose names have room within the chart."""


@dataclass(frozen=True, slots=True)
class ComparisonLayout:
    """Where things lie on the page; rows of tiles by run."""

    size: tuple[int, int]
    chart: Origin
    table: Origin
    pictures: Origin
    samples: Origin
    originals: tuple[Origin, ...]
    reconstructions: tuple[tuple[Origin, ...], ...]
    prior: tuple[tuple[Origin, ...], ...]
    mixture: tuple[tuple[Origin, ...], ...]


@dataclass(frozen=True, slots=True)
class RunCurve:
    """One run's validation reconstruction."""

    name: str
    evaluations: Sequence[Evaluation]


def comparison_layout(runs: int, images: int, *, settings: bool = False) -> ComparisonLayout:
    """Places on the page of so many runs and validation images.

    Args:
        settings: whether the table has a line for each run's settings.
    """
    pitch = TILE + GAP
    left = MARGIN + _ROW_LABELS

    def row(top: int, count: int) -> tuple[Origin, ...]:
        return tuple((left + i * pitch, top) for i in range(count))

    chart_top = HEADER + _SECTION - 20
    table_top = chart_top + _CHART_HEIGHT + _SECTION
    pictures = table_top + table_height(runs, settings=settings) + _SECTION
    first = pictures + _CLASS_NAMES
    samples = first + (runs + 1) * pitch + _SECTION
    pair = 2 * pitch + _APART
    return ComparisonLayout(
        size=(_WIDTH, samples + runs * pair - GAP - _APART + MARGIN),
        chart=(MARGIN, chart_top),
        table=(MARGIN, table_top),
        pictures=(MARGIN, pictures),
        samples=(MARGIN, samples),
        originals=row(first, images),
        reconstructions=tuple(row(first + (i + 1) * pitch, images) for i in range(runs)),
        prior=tuple(row(samples + i * pair, COMPARED_IMAGES) for i in range(runs)),
        mixture=tuple(row(samples + i * pair + pitch, COMPARED_IMAGES) for i in range(runs)),
    )


def comparison_page(
    runs: Sequence[RunComparison], curves: Sequence[RunCurve], caption: ComparisonCaption
) -> Image.Image:
    """RGB page, 3,680 pixels wide."""
    numbers = [run.numbers for run in runs]
    settings = settings_lines([n.config for n in numbers], [n.steering for n in numbers])
    layout = comparison_layout(len(runs), len(runs[0].originals), settings=any(settings))
    title = caption.title if len(caption.title) <= _TITLE else f"{len(runs)} runs compared"
    page = paper.page(layout.size, title, caption.subtitle(), mode="RGB")
    _section(page, layout.chart, "Reconstruction of the validation images during training")
    page.paste(_curves(curves, runs), layout.chart)
    _section(page, layout.table, "Numbers")
    draw_table(page, layout.table, [run.numbers for run in runs], settings)
    _section(page, layout.pictures, "The same validation images, decoded at z = μ")
    _pictures(page, layout, runs)
    what = "Samples, decoded from N(0, I) and from a mixture fitted to the training images' μ"
    _section(page, layout.samples, what)
    _samples(page, layout, runs)
    return page


def _section(page: Image.Image, origin: Origin, name: str) -> None:
    place = (origin[0], origin[1] - 42)
    paper.write(page, place, name, anchor="ls", bold=True)


def _curves(curves: Sequence[RunCurve], runs: Sequence[RunComparison]) -> Image.Image:
    size = ((_WIDTH - 2 * MARGIN) / DPI, _CHART_HEIGHT / DPI)
    models = [run.numbers.config.model for run in runs]
    image = chart.render(lambda figure: _draw_curves(figure, curves, models), size)
    # Tests draw charts in a lower resolution.
    return image.resize((_WIDTH - 2 * MARGIN, _CHART_HEIGHT))


def _draw_curves(figure: Figure, curves: Sequence[RunCurve], models: Sequence[str]) -> None:
    axes = figure.add_subplot()
    chart.style_axes(axes)
    chart.name_axes(axes, "epoch", "reconstruction BCE (nats per image)")
    handles = []
    shown = []
    names = short_names([curve.name for curve in curves], NAME_LETTERS)
    for number, (curve, model, name) in enumerate(zip(curves, models, names, strict=True)):
        color, dashes, marker = _LINES[number % len(_LINES)]
        epochs = np.array([e.epoch for e in curve.evaluations], dtype=np.float64)
        recon = np.array([e.val.recon for e in curve.evaluations], dtype=np.float64)
        recon = drawable(recon)
        shown.append((epochs, recon))
        at = "at a z ~ q(z|x)" if model == "vae" else "from its code"
        # Every one, or some, and not the same ones of every run: lines may lie close.
        apart = 1 if len(epochs) <= _MARKED_UP_TO else len(epochs) // _MARKERS
        (drawn,) = axes.plot(
            epochs,
            recon,
            color=color,
            linestyle=dashes,
            linewidth=1.6,
            marker=marker,
            markersize=2.6 if apart == 1 else 4,
            markevery=(number * apart // len(curves), apart),
            label=f"{name} ({model.upper()}, {at})",
        )
        handles.append(drawn)
    if not any(np.isfinite(recon).any() for _, recon in shown):
        chart.message(axes, "nothing evaluated yet")
        return
    limits = visible_limits(shown)
    axes.set_ylim(limits.low, limits.high)
    legend = axes.legend(handles=handles, frameon=False, fontsize=9, **_legend_place(len(curves)))
    for text in legend.get_texts():
        text.set_parse_math(False)
    notes = []
    if outside := sum(limits.outside(recon) for _, recon in shown):
        notes.append(f"{count(outside, 'point')} not shown.")
    if "vae" in models:
        notes.append(
            "A VAE's is measured at one z drawn for each image, so its BCE is slightly higher; "
            "an autoencoder's at its code. The table compares all at z = μ."
        )
    chart.footnote(axes, [" ".join(notes)] if notes else [])


def _legend_place(runs: int) -> dict[str, Any]:
    """In the corner that falling curves leave, or above the chart where it would cover them."""
    if runs <= _LEGEND_INSIDE:
        return {"loc": "upper right"}
    return {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "ncols": 2, "borderpad": 0.0}


def _pictures(page: Image.Image, layout: ComparisonLayout, runs: Sequence[RunComparison]) -> None:
    first = runs[0]
    for label, (x, y) in zip(first.labels.tolist(), layout.originals, strict=True):
        name = first.class_names[label] if label < len(first.class_names) else f"class {label}"
        place = (x + TILE // 2, y - 20)
        paper.write(page, place, name, anchor="ms", size=SMALL_SIZE, grey=GREY, width=TILE)
    _row_label(page, layout.originals, "original", "")
    paper.paste(page, first.originals, layout.originals)
    names = _row_names(runs)
    for run, name, origins in zip(runs, names, layout.reconstructions, strict=True):
        _row_label(page, origins, name, _kind(run, "reconstruction"))
        paper.paste(page, run.reconstructions, origins)


def _samples(page: Image.Image, layout: ComparisonLayout, runs: Sequence[RunComparison]) -> None:
    names = _row_names(runs)
    for run, name, prior, mixture in zip(runs, names, layout.prior, layout.mixture, strict=True):
        is_vae = run.numbers.config.model == "vae"
        what = "from the prior N(0, I)" if is_vae else "from N(0, I), not its prior"
        _row_label(page, prior, name, _kind(run, what))
        paper.paste(page, run.prior_samples, prior)
        components = len(run.numbers.mixture.weights)
        what = f"from {components} fitted Gaussians"
        _row_label(page, mixture, name, _kind(run, what))
        paper.paste(page, run.mixture_samples, mixture)


def _row_names(runs: Sequence[RunComparison]) -> tuple[str, ...]:
    return short_names([run.numbers.name for run in runs], _ROW_NAME)


def _kind(run: RunComparison, what: str) -> str:
    return f"{run.numbers.config.model.upper()}: {what}"


def _row_label(page: Image.Image, origins: Sequence[Origin], name: str, what: str) -> None:
    x, y = origins[0]
    middle = y + TILE // 2
    width = _ROW_LABELS - _LABEL_DISTANCE
    right = x - _LABEL_DISTANCE
    if not what:
        paper.write(page, (right, middle), name, anchor="rm", width=width)
        return
    paper.write(page, (right, middle - 6), name, anchor="rs", width=width)
    place = (right, middle + 12)
    paper.write(page, place, what, anchor="rt", size=SMALL_SIZE, grey=GREY, width=width)
