"""The columns of a list of runs: what is in them, and which of them fit a width."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from engine.storage.listing import RunSummary
from engine.text import clock, one_line, size
from tui.screens.runs import words
from tui.screens.runs.order import searched

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


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run of a list, and what is shown of it."""

    run: RunSummary
    among: words.Differences
    """The runs that it was listed with."""
    texts: Mapping[str, str]
    """As the function of this name makes them; scores have their digits under each other."""
    widths: tuple[int, ...]
    """As `cell_lengths` finds them."""
    searched: str
    """What a filter's letters are looked for in."""


def listed_run(run: RunSummary, among: words.Differences) -> ListedRun:
    """A run as a list shows it."""
    shown = texts(run, among)
    shown |= {name: _aligned(shown[name]) for name in ("best", "last")}
    return ListedRun(run, among, shown, cell_lengths(shown), searched(run, among.names))


def cell_lengths(shown: Mapping[str, str]) -> tuple[int, ...]:
    """The cells of each text, in the order of `COLUMNS`."""
    return tuple(cell_len(shown[name]) for name in COLUMNS)


def _aligned(score: str) -> str:
    """Digits under digits, whether a mark follows them or not."""
    return score if score.endswith(words.RECONSTRUCTION) else f"{score} "


def natural_widths(rows: Iterable[Sequence[int]], labels: Mapping[str, str]) -> dict[str, int]:
    """The cells that each column would like to have; those without a text have none.

    Args:
        rows: of each, what `cell_lengths` finds.
        labels: what the columns are called.
    """
    longest = map(max, zip(*rows, [0] * len(COLUMNS), strict=True))
    natural = dict(zip(COLUMNS, longest, strict=True))
    has_settings = natural["settings"] > 0
    natural = {name: max(width, cell_len(labels[name])) for name, width in natural.items()}
    return natural if has_settings else natural | {"settings": 0}


def widths(natural: Mapping[str, int], room: int) -> dict[str, int]:
    """The columns that fit, and their widths.

    Args:
        natural: as `natural_widths` finds them.
        room: cells for the columns, the gaps after them counted in.
    """
    shown = dict(natural) | {
        "name": min(natural["name"], MOST_NAME),
        "settings": min(natural["settings"], LEAST_SETTINGS),
    }
    if not natural["settings"]:
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
