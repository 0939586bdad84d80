"""Makes a report: figures, report.md and report.html in one directory."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.errors import FigureError
from engine.figures.catalog import file_names
from engine.figures.comparison import export_comparison
from engine.figures.export import export_figures, render_figure
from engine.figures.options import FigureOptions
from engine.projection import Projection
from engine.report import html, text
from engine.report.facts import RunFacts
from engine.report.gather import OnActivity, gather
from engine.report.markup import link
from engine.report.text import CURVES, DIAGNOSIS, PICTURES, Pictures
from engine.runs.stored_run import StoredRun
from engine.storage.atomic_files import atomic_write


def write_report(
    runs: Sequence[StoredRun],
    directory: Path,
    projection: Projection,
    flags: Sequence[str],
    report: OnActivity,
) -> tuple[Path, Path]:
    """Write the report on some runs, and the figures that it shows.

    The first run's figures lie beside it, under the names that `export` gives them; those of the
    second in the folder `2-<name>`, and so on, so that no run's figures replace another's.

    Args:
        runs: one or more.
        directory: made if it is missing.
        projection: of the latent scatters.
        flags: of the command that asked for this, for the report to repeat.
        report: called with what is being done.

    Returns:
        The paths of report.md and report.html.

    Raises:
        RunError, DataError: if a run can't be measured.
        JobError: if latents can't be projected.
        OSError: if something can't be written.
    """
    names = _different([run.name for run in runs])
    facts: list[RunFacts] = []
    for run, name in zip(runs, names, strict=True):
        facts.append(replace(gather(run, _prefixed(report, name)), name=name))
    figures: dict[str, dict[str, str]] = {}
    for number, (run, name) in enumerate(zip(runs, names, strict=True), start=1):
        folder = directory if number == 1 else directory / f"{number}-{run.name}"
        figures[name] = _export(run, folder, directory, projection, report)
    pictures = Pictures(figures, _export_comparison(runs, directory, report), projection)
    report("writing")
    markdown = text.markdown(facts, pictures, flags)
    paths = [path for of_run in figures.values() for path in of_run.values()]
    paths += [pictures.comparison] if pictures.comparison else []
    images = {link(path): (directory / path).read_bytes() for path in paths}
    page = html.page(markdown, text.title(facts), images)
    written = directory / "report.md", directory / "report.html"
    for path, content in zip(written, (markdown, page), strict=True):
        atomic_write(path, content.encode())
    return written


def _export(
    run: StoredRun, folder: Path, directory: Path, projection: Projection, report: OnActivity
) -> dict[str, str]:
    """Write a run's figures; their paths relative to the report, by name."""
    paths: dict[str, str] = {}
    evaluated, is_vae = bool(run.evaluations()), run.config.model == "vae"
    missing = {
        "train_loss": not run.train_points(),
        "val_loss": not evaluated,
        "diagnosis": not run.diagnoses(),
        "rate_distortion": not (evaluated and is_vae),
        "kl_heatmap": not (evaluated and is_vae),
    }
    for name in (*CURVES, *DIAGNOSIS, *PICTURES):
        if missing.get(name):
            continue
        report(f"{run.name}: drawing {name}")
        [path] = export_figures(run, [name], folder, FigureOptions(projection=projection))
        paths[name] = path.relative_to(directory).as_posix()
    if run.frames():
        report(f"{run.name}: drawing the film")
        # Only the last of a film's files, its strip, can be printed and read on a page.
        path = folder / file_names("film", run.config.model)[-1]
        atomic_write(path, render_figure(run, "film"))
        paths["film"] = path.relative_to(directory).as_posix()
    return paths


def _export_comparison(runs: Sequence[StoredRun], directory: Path, report: OnActivity) -> str:
    """Write the comparison; its path relative to the report, empty if there is none."""
    if len(runs) < 2:
        return ""
    try:
        path = export_comparison(runs, directory, progress=lambda _, what: report(what))
    except FigureError:
        return ""
    return path.relative_to(directory).as_posix()


def _prefixed(report: OnActivity, name: str) -> OnActivity:
    return lambda what: report(f"{name}: {what}")


def _different(names: Sequence[str]) -> list[str]:
    """Names of which no two are equal: of runs of one name in two places, numbered."""
    found: list[str] = []
    for name in names:
        number, candidate = 1, name
        while candidate in found:
            number += 1
            candidate = f"{name} ({number})"
        found.append(candidate)
    return found
