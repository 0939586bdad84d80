"""Which pictures a comparison shows, row by row."""

from collections.abc import Sequence

from engine.run import Run
from engine.views import ReconstructionView
from tui.screens.comparison.compared_run import ComparedRun, differ
from tui.screens.comparison.panels import PictureRow, waiting


def image_rows(sides: Sequence[ComparedRun]) -> list[PictureRow]:
    """The images of the first run that has answered, and what each run makes of them.

    A run whose images turn out to be others is not asked for its own any more.
    """
    rows: list[PictureRow] = []
    first: ReconstructionView | None = None
    first_run: Run | None = None
    for side in sides:
        view = side.reconstructions
        if view is None or not side.reconstructs:
            continue
        if first is None or first_run is None:
            first, first_run = view, side.run
            rows.append(PictureRow("original", "", None, view.originals))
        decoded = view.reconstructions
        if view.page != first.page:  # one of the two is still to answer
            decoded = waiting(decoded)
        elif differ(first_run, side.run):
            side.reconstructs = False
            continue
        rows.append(PictureRow(side.label, "", side.index, decoded))
    return rows


def sample_rows(sides: Sequence[ComparedRun]) -> list[PictureRow]:
    """All runs' samples from N(0, I), then all from their mixtures."""
    rows = []
    for side in sides:
        if side.samples is not None:
            # An autoencoder has no prior: nothing made its codes look like N(0, I).
            prior = "prior" if side.run.config.model == "vae" else "N(0, I)"
            rows.append(PictureRow(side.label, prior, side.index, side.samples.images))
    mixtures = [(side, side.mixture_samples) for side in sides]
    of_mixtures = [PictureRow(s.label, "GMM", s.index, v.images) for s, v in mixtures if v]
    return rows + of_mixtures
