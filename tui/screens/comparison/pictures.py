"""Which pictures a comparison shows, row by row."""

from collections.abc import Sequence

from engine.run import Run
from engine.views import ReconstructionView
from tui.screens.comparison.compared_run import ComparedRun, differ
from tui.screens.comparison.panels import PictureRow, waiting


def image_rows(compared_runs: Sequence[ComparedRun]) -> list[PictureRow]:
    """The images of the first run that has answered, and what each run makes of them.

    A run whose images turn out to be others is not asked for its own any more.
    """
    rows: list[PictureRow] = []
    first: ReconstructionView | None = None
    first_run: Run | None = None
    for compared in compared_runs:
        view = compared.reconstructions
        if view is None or not compared.reconstructs:
            continue
        if first is None or first_run is None:
            first, first_run = view, compared.run
            rows.append(PictureRow("original", "", None, view.originals))
        decoded = view.reconstructions
        if view.page != first.page:  # one of the two is still to answer
            decoded = waiting(decoded)
        elif differ(first_run, compared.run):
            compared.reconstructs = False
            continue
        rows.append(PictureRow(compared.label, "", compared.index, decoded))
    return rows


def sample_rows(compared_runs: Sequence[ComparedRun]) -> list[PictureRow]:
    """All runs' samples from N(0, I), then all from their mixtures."""
    rows = []
    for compared in compared_runs:
        if compared.samples is not None:
            # An autoencoder has no prior: nothing made its codes look like N(0, I).
            prior = "prior" if compared.run.config.model == "vae" else "N(0, I)"
            rows.append(PictureRow(compared.label, prior, compared.index, compared.samples.images))
    mixtures = [(compared, compared.mixture_samples) for compared in compared_runs]
    of_mixtures = [PictureRow(s.label, "GMM", s.index, v.images) for s, v in mixtures if v]
    return rows + of_mixtures
