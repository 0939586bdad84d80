"""Branches under the runs that they began with."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rich.cells import cell_len

from tui.screens.runs.columns import COLUMNS, ListedRun

TREE = "as a tree"
"""The order that shows them so."""
_BRANCH = "└ "


def as_tree(rows: Sequence[ListedRun]) -> list[ListedRun]:
    """Each run followed by its branches, which are indented; the order is kept otherwise.

    A branch whose parent is not among them stands where it stood.
    """
    names = {row.run.name for row in rows}
    branches: dict[str, list[ListedRun]] = {}
    roots: list[ListedRun] = []
    for row in rows:
        parent = row.run.parent.run if row.run.parent else ""
        if parent in names and parent != row.run.name:
            branches.setdefault(parent, []).append(row)
        else:
            roots.append(row)
    found: list[ListedRun] = []
    waiting = [(row, 0) for row in reversed(roots)]
    while waiting:
        row, depth = waiting.pop()
        found.append(_indented(row, depth))
        waiting += [(branch, depth + 1) for branch in branches.pop(row.run.name, ())]
    return [*found, *_in_circles(branches.values())]


def _in_circles(left: Iterable[list[ListedRun]]) -> list[ListedRun]:
    """Runs that name each other as parents, which only files that were edited do."""
    return [row for rows in left for row in rows]


def _indented(row: ListedRun, depth: int) -> ListedRun:
    if depth == 0:
        return row
    name = "  " * (depth - 1) + _BRANCH + row.texts["name"]
    texts = {**row.texts, "name": name}
    return replace(row, texts=texts, widths=tuple(cell_len(texts[column]) for column in COLUMNS))
