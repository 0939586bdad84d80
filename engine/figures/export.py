"""Draw a run's figures and write them into a directory, each file whole or not at all.

May be called from any thread, and from several at once. Matplotlib and Pillow are imported when
the first figure is drawn.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.analysis.jobs import Progress, no_progress
from engine.analysis.run_source import RunSource
from engine.errors import FigureError
from engine.figures.catalog import FigureName, resolve_names
from engine.figures.comparison import export_comparison as export_comparison
from engine.figures.comparison import render_comparison as render_comparison
from engine.figures.drawing import File, draw_files
from engine.figures.matplotlib_setup import check_matplotlib
from engine.figures.options import FigureOptions
from engine.storage.atomic_files import atomic_write

_DEFAULTS = FigureOptions()


def export_figures(
    source: RunSource,
    names: Sequence[str] | None,
    directory: Path,
    options: FigureOptions = _DEFAULTS,
    progress: Progress = no_progress,
) -> Iterator[Path]:
    """Write one run's figures into a directory, one file at each step of the iterator.

    Nothing is drawn before the first step; the names are checked at once.

    Args:
        names: short names, or file names without their ending; None for the default set of
            the model.
        directory: made if it is missing; files of the same name in it are replaced.
        options: which images, draws, projection.
        progress: of the slow work that a figure may need.

    Returns:
        The paths, each after its file is written.

    Raises:
        FigureError: for a name that is not a figure of one run of this model, or (when it is
            its turn) if there is nothing to draw it from, or Matplotlib can't be used.
        OSError: if a file can't be written; what was there before is unchanged.
        Exception: what `source.view` and `source.work` raise.
    """
    wanted = resolve_names(names, source.config.model)
    if "comparison" in wanted:
        raise FigureError("a comparison needs two runs")
    return _written(source, wanted, directory, options, progress)


def render_files(
    source: RunSource, name: FigureName, options: FigureOptions = _DEFAULTS
) -> tuple[File, ...]:
    """The files of one figure of one run, by name; `export_figures` writes the same."""
    check_matplotlib()
    return draw_files(source, name, options)


def render_figure(source: RunSource, name: FigureName, options: FigureOptions = _DEFAULTS) -> bytes:
    """One figure of one run as the bytes of a PNG file; of the film, its strip."""
    return render_files(source, name, options)[-1][1]


def _written(
    source: RunSource,
    names: Sequence[FigureName],
    directory: Path,
    options: FigureOptions,
    progress: Progress,
) -> Iterator[Path]:
    check_matplotlib()
    for name in names:
        for file, content in draw_files(source, name, options, progress):
            path = directory / file
            atomic_write(path, content)
            yield path
