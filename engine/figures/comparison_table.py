"""The table of a comparison's page: what each run is, and what it scores."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from engine.analysis.comparison import RunNumbers
from engine.analysis.comparison_rows import ROWS, RowName, setting_rows
from engine.config import RunConfig
from engine.figures import paper
from engine.figures.paper import GREY, MARGIN, SMALL_SIZE, Origin
from engine.run_labels import short_names
from engine.steering import SteeringChange
from engine.text import epochs

NAME_LETTERS = 32
"""Letters of a run's name that have room."""
_HEAD = 120
_ROW = 72
_SETTINGS_LINE = 40
"""What a row is higher where settings differ."""
_NOTES = 110
_NAME_COLUMN = 700
_NAME_DISTANCE = 28

_COLUMNS: tuple[RowName, ...] = (
    *("epoch", "best_epoch", "bce", "mse", "sampled_bce", "neg_elbo", "knn", "active"),
)
_HEADINGS = (("model",), ("latent", "dimensions"), *(ROWS[name].heading for name in _COLUMNS))
_NOTE = (
    "Validation images. BCE and −ELBO in nats per image, MSE per pixel in [0, 1]; "
    "an autoencoder's μ is its code, and it has no ELBO."
)


def table_height(runs: int, *, settings: bool) -> int:
    """Of the whole table, its notes included.

    Args:
        settings: whether there is a line for each run's settings.
    """
    return _HEAD + runs * (_ROW + settings * _SETTINGS_LINE) + _NOTES


def settings_lines(
    configs: Sequence[RunConfig], steering: Sequence[Sequence[SteeringChange]] = ()
) -> tuple[str, ...]:
    """What tells each run's settings from the others'; empty lines if nothing does.

    Args:
        steering: how each run was steered; empty if none was.
    """
    # The latent dimensions have a column; images held out are the same.
    rows = [
        row
        for row in setting_rows(configs, steering=steering)
        if row.name not in ("latent_dim", "data")
    ]
    return tuple(
        " · ".join(f"{row.short} {row.cells[i]}" for row in rows if config.has(row.name))
        for i, config in enumerate(configs)
    )


def table_row(numbers: RunNumbers) -> tuple[str, ...]:
    """One run's cells, as the page shows them."""
    config = numbers.config
    cells = (ROWS[name].cell(numbers) for name in _COLUMNS)
    return (config.model.upper(), str(config.latent_dim), *cells)


def draw_table(
    page: Image.Image, origin: Origin, runs: Sequence[RunNumbers], settings: Sequence[str]
) -> None:
    """Draw the table; `settings` are the `settings_lines`."""
    left, top = origin
    draw = ImageDraw.Draw(page)
    right = page.width - MARGIN
    pitch = (right - left - _NAME_COLUMN) / len(_HEADINGS)
    edges = [round(left + _NAME_COLUMN + (i + 1) * pitch) for i in range(len(_HEADINGS))]
    bottom = top + _HEAD
    paper.write(page, (left, bottom - 22), "run", anchor="ls", size=SMALL_SIZE, grey=GREY)
    for edge, lines in zip(edges, _HEADINGS, strict=True):
        for above, text in enumerate(reversed(lines)):
            place = (edge, bottom - 22 - 42 * above)
            paper.write(
                page, place, text, anchor="rs", size=SMALL_SIZE, grey=GREY, width=round(pitch)
            )
    draw.line((left, bottom, right, bottom), fill=paper.shade(GREY, page.mode), width=3)
    names = short_names([run.name for run in runs], NAME_LETTERS)
    pitch_down = _ROW + any(settings) * _SETTINGS_LINE
    width = _NAME_COLUMN - _NAME_DISTANCE
    for number, (run, name, line) in enumerate(zip(runs, names, settings, strict=True)):
        baseline = bottom + number * pitch_down + 52
        place = (left, baseline)
        paper.write(page, place, name, anchor="ls", width=width)
        if line:
            under = (left, baseline + _SETTINGS_LINE)
            paper.write(page, under, line, anchor="ls", size=SMALL_SIZE, grey=GREY, width=width)
        for edge, text in zip(edges, table_row(run), strict=True):
            place = (edge, baseline)
            paper.write(page, place, text, anchor="rs", size=SMALL_SIZE + 4, width=round(pitch) - 8)
    notes = [_NOTE]
    older = [
        f"{name} (epoch {epochs(run.evaluation.epoch)})"
        for run, name in zip(runs, names, strict=True)
        if run.neg_elbo is not None and run.evaluation and run.evaluation.step != run.step
    ]
    if older:
        notes.append(f"−ELBO at the last evaluation before these weights: {', '.join(older)}.")
    for number, text in enumerate(notes):
        place = (left, bottom + len(runs) * pitch_down + 52 + 46 * number)
        paper.write(page, place, text, anchor="ls", size=SMALL_SIZE, grey=GREY, width=right - left)
