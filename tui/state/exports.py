"""Exports from the dashboard, in a worker thread."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import describe
from engine.figures.options import FigureOptions
from engine.runs.live_source import LiveSource
from tui.state.context import RunContext
from tui.state.run_messages import Level

log = logging.getLogger(__name__)
Outcome = tuple[str, Level]
"""How it went, for a person."""

COMPARISON = ("comparison",)
"""The figure that is of all runs on show."""


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What to export, with the pictures as they are on screen."""

    names: tuple[str, ...] | None
    """Figures by name; None for all of every run on show, and their comparison."""
    options: FigureOptions = field(default_factory=FigureOptions)


def export(context: RunContext, order: ExportOrder, report: Callable[[str], None]) -> Outcome:
    """Write figures to `exports/<run>/`, and say in the end how it went.

    Matplotlib is imported here, at the first export: a second that no start has to pay.

    Args:
        report: called with a message for every figure that is written.
    """
    directory = context.exports / _directory_name(context, order)
    written: list[Path] = []
    try:
        for path in _figures(context, order, directory):
            written.append(path)
            report(f"wrote {path} …")
    except OSError as error:
        return f"can't write to {directory}/: {error.strerror or error}", "error"
    except Exception as error:  # whatever a figure may raise, training and the screen continue
        log.exception("the export failed")
        return f"the export failed: {describe(error)}", "error"
    if len(written) == 1:
        return f"wrote {written[0]}", "done"
    return f"wrote {directory}/: {', '.join(path.name for path in written)}", "done"


def _figures(context: RunContext, order: ExportOrder, directory: Path) -> Iterator[Path]:
    from engine.figures.comparison import export_comparison
    from engine.figures.export import export_figures

    shown = LiveSource(context.run, context.worker)
    trained = [
        LiveSource(run, context.worker) for run in context.runs if run.snapshot.last is not None
    ]
    if order.names is None:
        for run in trained:
            yield from export_figures(run, None, directory, order.options)
    elif order.names != COMPARISON:
        yield from export_figures(shown, order.names, directory, order.options)
    if order.names == COMPARISON or (order.names is None and len(trained) > 1):
        yield export_comparison(trained, directory, order.options)


def _directory_name(context: RunContext, order: ExportOrder) -> str:
    """What is of more than one run goes to the first one's directory."""
    of_all = order.names is None or order.names == COMPARISON
    return (context.runs[0] if of_all else context.run).snapshot.run
