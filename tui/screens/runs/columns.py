"""The columns of a list of runs: what is in them, and which of them fit a width."""

from collections.abc import Iterable, Mapping, Sequence

from rich.cells import cell_len

from engine.storage.listing import RunSummary
from engine.text import clock, one_line, size
from tui.screens.runs import words

COLUMNS = (
    *("name", "state", "model", "settings"),
    *("best", "last", "epochs", "time", "size", "when"),
)
RIGHT = frozenset({"best", "last", "epochs", "time", "size"})
"""Columns of numbers, flush right."""
OPTIONAL = ("size", "when", "last", "time")
"""Left out where there is no room, in this order."""
LAST_RESORT = ("settings", "model")
"""Left out too where even short names leave no room."""
LEAST_NAME, LEAST_SETTINGS = 8, 18
"""Cells below which they say too little."""
MOST_NAME = 30
"""Cells that a name gets before the settings have all they want."""


def texts(run: RunSummary, among: words.Differences) -> dict[str, str]:
    """What is in the columns, on one line each.

    Args:
        among: the runs of the list.
    """
    return {
        "name": one_line(run.name),
        "state": words.state(run).plain,
        "model": words.model(run),
        "settings": words.unusual_settings(run, among),
        "best": words.score(run, run.best),
        "last": words.score(run, run.last),
        "epochs": words.progress(run),
        "time": clock(run.seconds),
        "size": size(run.size),
        "when": words.when(run),
    }


def widths(rows: Sequence[Mapping[str, str]], labels: Iterable[str], room: int) -> dict[str, int]:
    """The columns that fit, and their widths.

    Args:
        rows: as `texts` makes them.
        labels: what the columns are called.
        room: cells for the columns, the gaps after them counted in.
    """
    natural = {
        name: max([cell_len(label), *(cell_len(row[name]) for row in rows)])
        for name, label in zip(COLUMNS, labels, strict=True)
    }
    shown = natural | {
        "name": min(natural["name"], MOST_NAME),
        "settings": min(natural["settings"], LEAST_SETTINGS),
    }
    if not any(row["settings"] for row in rows):
        del shown["settings"]
    gap = gap_for(room)
    for name in OPTIONAL:
        if _total(shown, gap) > room:
            del shown[name]
    least = min(LEAST_NAME, shown["name"])
    for name in LAST_RESORT:
        if name in shown and _total(shown | {"name": least}, gap) > room:
            del shown[name]
    spare = room - _total(shown, gap)
    if spare < 0:
        shown["name"] = max(least, shown["name"] + spare)
    for name in ("settings", "name"):
        if name in shown and spare > 0:
            more = min(spare, natural[name] - shown[name])
            shown[name] += more
            spare -= more
    return shown


def gap_for(room: int) -> int:
    """Cells between two columns."""
    return 2 if room >= 100 else 1


def _total(shown: Mapping[str, int], gap: int) -> int:
    return sum(width + gap for width in shown.values())
