"""Two or more runs on one page: curves, numbers, the same images, samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from engine.comparison import COMPARED_IMAGES, RunComparison, RunNumbers
from engine.figures import chart, paper
from engine.figures.caption import ComparisonCaption, epoch_text, shortened
from engine.figures.paper import GAP, GREY, HEADER, MARGIN, SMALL_SIZE, TILE, Origin
from engine.figures.png import DPI
from engine.limits import visible_limits
from engine.metrics import Evaluation

_ROW_LABELS = 560
_LABEL_DISTANCE = 28
_ROW_NAME = 20
"""Letters of a run's name beside a row; the table has more of it."""
_WIDTH = 2 * MARGIN + _ROW_LABELS + COMPARED_IMAGES * (TILE + GAP) - GAP
_SECTION = 130
"""Height of a section's name, with the space above it."""
_CHART_HEIGHT = 1_230
_TABLE_HEAD = 120
_TABLE_ROW = 72
_TABLE_NOTES = 110
_NAME_COLUMN = 700
_CLASS_NAMES = 56
_APART = 42

# Paul Tol, "bright" (SRON technical note 3.2, 2021); the dashes tell what colour doesn't.
_LINES = (
    ("#4477AA", "-"),
    ("#EE6677", "--"),
    ("#228833", "-."),
    ("#AA3377", ":"),
    ("#CCBB44", "-"),
    ("#66CCEE", "--"),
)
_MARKED_UP_TO = 80

_COLUMNS = (
    ("model",),
    ("latent", "dimensions"),
    ("epoch",),
    ("best", "epoch"),
    ("BCE", "at z = μ"),
    ("MSE", "at z = μ"),
    ("BCE", "at z ~ q(z|x)"),
    ("−ELBO",),
    ("15-NN", "accuracy"),
    ("active", "units"),
)
_NOTE = (
    "Validation images. BCE and −ELBO in nats per image, MSE per pixel in [0, 1]; "
    "an autoencoder's μ is its code, and it has no ELBO."
)
UNKNOWN = "–"


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


def comparison_layout(runs: int, images: int) -> ComparisonLayout:
    """Places on the page of so many runs and validation images."""
    pitch = TILE + GAP
    left = MARGIN + _ROW_LABELS

    def row(top: int, count: int) -> tuple[Origin, ...]:
        return tuple((left + i * pitch, top) for i in range(count))

    chart_top = HEADER + _SECTION - 20
    table_top = chart_top + _CHART_HEIGHT + _SECTION
    pictures = table_top + _TABLE_HEAD + runs * _TABLE_ROW + _TABLE_NOTES + _SECTION
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
    layout = comparison_layout(len(runs), len(runs[0].originals))
    page = paper.page(layout.size, caption.title, caption.subtitle(), mode="RGB")
    _section(page, layout.chart, "Reconstruction of the validation images during training")
    page.paste(_curves(curves, runs), layout.chart)
    _section(page, layout.table, "Numbers")
    _table(page, layout.table, [run.numbers for run in runs])
    _section(page, layout.pictures, "The same validation images, decoded at z = μ")
    _pictures(page, layout, runs)
    what = "Samples, decoded from N(0, I) and from a mixture fitted to the training images' μ"
    _section(page, layout.samples, what)
    _samples(page, layout, runs)
    return page


def table_row(numbers: RunNumbers) -> tuple[str, ...]:
    """One run's cells, as the page shows them."""
    best = numbers.best
    return (
        numbers.config.model.upper(),
        str(numbers.config.latent_dim),
        epoch_text(numbers.epoch),
        epoch_text(best.epoch) if best else UNKNOWN,
        _fixed(numbers.recon_bce, 2),
        _fixed(numbers.recon_mse, 5),
        _fixed(numbers.expected_recon, 2),
        _fixed(numbers.neg_elbo, 2),
        f"{100 * numbers.knn_accuracy:.1f} %",
        f"{numbers.active_units} of {numbers.config.latent_dim}",
    )


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
    for number, (curve, model) in enumerate(zip(curves, models, strict=True)):
        color, dashes = _LINES[number % len(_LINES)]
        epochs = np.array([e.epoch for e in curve.evaluations], dtype=np.float64)
        recon = np.array([e.val.recon for e in curve.evaluations], dtype=np.float64)
        recon[~np.isfinite(recon)] = np.nan
        shown.append((epochs, recon))
        at = "at a z ~ q(z|x)" if model == "vae" else "from its code"
        (drawn,) = axes.plot(
            epochs,
            recon,
            color=color,
            linestyle=dashes,
            linewidth=1.6,
            marker="o" if len(epochs) <= _MARKED_UP_TO else "",
            markersize=2.6,
            label=f"{shortened(curve.name)} ({model.upper()}, {at})",
        )
        handles.append(drawn)
    if not any(np.isfinite(recon).any() for _, recon in shown):
        chart.message(axes, "nothing evaluated yet")
        return
    limits = visible_limits(shown)
    axes.set_ylim(limits.low, limits.high)
    legend = axes.legend(handles=handles, frameon=False, fontsize=9, loc="upper right")
    for text in legend.get_texts():
        text.set_parse_math(False)
    notes = []
    if outside := sum(limits.outside(recon) for _, recon in shown):
        notes.append(f"{outside} points lie outside the chart.")
    if "vae" in models:
        notes.append(
            "A VAE's is measured at one z drawn for each image, which costs it something; "
            "an autoencoder's at its code. The table compares all at z = μ."
        )
    chart.footnote(axes, [" ".join(notes)] if notes else [])


def _table(page: Image.Image, origin: Origin, runs: Sequence[RunNumbers]) -> None:
    left, top = origin
    draw = ImageDraw.Draw(page)
    right = page.width - MARGIN
    pitch = (right - left - _NAME_COLUMN) / len(_COLUMNS)
    edges = [round(left + _NAME_COLUMN + (i + 1) * pitch) for i in range(len(_COLUMNS))]
    bottom = top + _TABLE_HEAD
    paper.write(page, (left, bottom - 22), "run", anchor="ls", size=SMALL_SIZE, grey=GREY)
    for edge, lines in zip(edges, _COLUMNS, strict=True):
        for above, text in enumerate(reversed(lines)):
            place = (edge, bottom - 22 - 42 * above)
            paper.write(
                page, place, text, anchor="rs", size=SMALL_SIZE, grey=GREY, width=round(pitch)
            )
    draw.line((left, bottom, right, bottom), fill=paper.shade(GREY, page.mode), width=3)
    for number, run in enumerate(runs):
        baseline = bottom + number * _TABLE_ROW + 52
        name = shortened(run.name)
        place = (left, baseline)
        paper.write(page, place, name, anchor="ls", width=_NAME_COLUMN - _LABEL_DISTANCE)
        for edge, text in zip(edges, table_row(run), strict=True):
            place = (edge, baseline)
            paper.write(page, place, text, anchor="rs", size=SMALL_SIZE + 4, width=round(pitch) - 8)
    notes = [_NOTE]
    older = [
        f"{shortened(run.name)} (epoch {epoch_text(run.evaluation.epoch)})"
        for run in runs
        if run.neg_elbo is not None and run.evaluation and run.evaluation.step != run.step
    ]
    if older:
        notes.append(f"−ELBO at the last evaluation before these weights: {', '.join(older)}.")
    for number, text in enumerate(notes):
        place = (left, bottom + len(runs) * _TABLE_ROW + 52 + 46 * number)
        paper.write(page, place, text, anchor="ls", size=SMALL_SIZE, grey=GREY, width=right - left)


def _pictures(page: Image.Image, layout: ComparisonLayout, runs: Sequence[RunComparison]) -> None:
    first = runs[0]
    for label, (x, y) in zip(first.labels.tolist(), layout.originals, strict=True):
        name = first.class_names[label] if label < len(first.class_names) else f"class {label}"
        place = (x + TILE // 2, y - 20)
        paper.write(page, place, name, anchor="ms", size=SMALL_SIZE, grey=GREY, width=TILE)
    _row_label(page, layout.originals, "original", "")
    paper.paste(page, first.originals, layout.originals)
    for run, origins in zip(runs, layout.reconstructions, strict=True):
        _row_label(page, origins, run.numbers.name, _kind(run, "reconstruction"))
        paper.paste(page, run.reconstructions, origins)


def _samples(page: Image.Image, layout: ComparisonLayout, runs: Sequence[RunComparison]) -> None:
    for run, prior, mixture in zip(runs, layout.prior, layout.mixture, strict=True):
        is_vae = run.numbers.config.model == "vae"
        what = "from the prior N(0, I)" if is_vae else "from N(0, I), not its prior"
        _row_label(page, prior, run.numbers.name, _kind(run, what))
        paper.paste(page, run.prior_samples, prior)
        components = len(run.numbers.mixture.weights)
        what = f"from {components} fitted Gaussians"
        _row_label(page, mixture, run.numbers.name, _kind(run, what))
        paper.paste(page, run.mixture_samples, mixture)


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
    name = shortened(name, _ROW_NAME)
    paper.write(page, (right, middle - 6), name, anchor="rs", width=width)
    place = (right, middle + 12)
    paper.write(page, place, what, anchor="rt", size=SMALL_SIZE, grey=GREY, width=width)


def _fixed(value: float | None, decimals: int) -> str:
    return UNKNOWN if value is None or not np.isfinite(value) else f"{value:,.{decimals}f}"
