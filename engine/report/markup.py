"""Text from outside, made harmless for Markdown and for the HTML that is made from it.

Run names, class names, paths and versions are anybody's words. Every expression of the template
is escaped, if it is not `Markup` made here.
"""

import re
from collections.abc import Sequence
from urllib.parse import quote

from engine.text import one_line

_MARKS = re.compile(r"[\\`*_{}\[\]#]")
# What is HTML in Markdown, and GitHub's ~~ and $.
_ENTITIES = {ord(c): f"&#{ord(c)};" for c in "&<>~$"}


class Markup(str):
    """Markdown that is meant as such."""

    __slots__ = ()


def escape(value: object) -> Markup:
    """Text that reads as it is, on one line; `Markup` stays."""
    if isinstance(value, Markup):
        return value
    return Markup(_MARKS.sub(r"\\\g<0>", one_line(str(value))).translate(_ENTITIES))


def code(text: str) -> Markup:
    """A block of code, whatever is in it."""
    # A line of the code could be a fence itself.
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup("\n".join((fence, *map(one_line, text.split("\n")), fence)))


def image(path: str, shows: str) -> Markup:
    """An image by its path relative to the report."""
    return Markup(f"![{escape(shows)}]({link(path)})")


def link(path: str) -> str:
    """What is written for a relative path."""
    return quote(path.encode("utf-8", "surrogateescape"))


def table(rows: Sequence[Sequence[object]]) -> Markup:
    """A table of words; the first row is its head."""
    return _table(rows, "---")


def number_table(rows: Sequence[Sequence[object]]) -> Markup:
    """A table of numbers, but for the first row and column."""
    return _table(rows, "---:")


def _table(rows: Sequence[Sequence[object]], alignment: str) -> Markup:
    # A bar ends the cell, even one in code.
    lines = [[escape(cell).replace("|", "&#124;") for cell in row] for row in rows]
    lines.insert(1, ["---", *[alignment] * (len(lines[0]) - 1)])
    return Markup("\n".join(f"| {' | '.join(line)} |" for line in lines))
