"""The figure of several runs: asks them, draws the page, writes it whole or not at all.

May be called from any thread; what draws and computes is imported then. The numbers come from
`engine.analysis.comparison`, the page from `engine.figures.comparison_page`.
"""

from collections.abc import Sequence
from pathlib import Path

from engine.analysis.jobs import Progress, no_progress
from engine.analysis.run_source import RunSource
from engine.figures.caption import ComparisonCaption
from engine.figures.catalog import file_names
from engine.figures.matplotlib_setup import check_matplotlib
from engine.figures.options import FigureOptions
from engine.storage.atomic_files import atomic_write

_DEFAULTS = FigureOptions()


def export_comparison(
    sources: Sequence[RunSource],
    directory: Path,
    options: FigureOptions = _DEFAULTS,
    progress: Progress = no_progress,
) -> Path:
    """Write `comparison.png` of two or more runs; its path.

    Raises:
        FigureError: if the runs can't be compared.
        OSError: if the file can't be written; what was there before is unchanged.
        Exception: what a source's `view` and `work` raise.
    """
    (file,) = file_names("comparison", "vae")
    path = directory / file
    atomic_write(path, render_comparison(sources, options, progress))
    return path


def render_comparison(
    sources: Sequence[RunSource],
    options: FigureOptions = _DEFAULTS,
    progress: Progress = no_progress,
) -> bytes:
    """Two or more runs on one page, as the bytes of a PNG file.

    Args:
        options: `samples.seed` says which draws are decoded.
        progress: told before each part.
    """
    check_matplotlib()
    from engine.analysis.comparison import compare
    from engine.figures.comparison_page import RunCurve, comparison_page
    from engine.figures.png import encode_png

    seed = options.samples.seed
    runs = compare(sources, progress, seed)
    curves = [RunCurve(source.name, source.evaluations()) for source in sources]
    caption = ComparisonCaption(
        runs=tuple(run.numbers.name for run in runs),
        configs=tuple(run.numbers.config for run in runs),
        steps=tuple(run.numbers.step for run in runs),
        seed=seed,
    )
    return encode_png(comparison_page(runs, curves, caption), caption)
