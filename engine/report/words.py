"""Numbers and lists in the report's words: plain text, to be escaped where it is written."""

import math
from collections.abc import Sequence

from engine.text import dimension_name

_MOST_NAMED = 12
"""Dimensions named one by one; a longer list says less than its length."""

UNKNOWN = "–"


def nats(value: float, signed: bool = False) -> str:
    """'243.28', '−0.54', with a sign in any case '+0.58'."""
    return fixed(value, 2, signed)


def fixed(value: float, decimals: int, signed: bool = False) -> str:
    """So many decimals; '–' if it isn't a number."""
    if not math.isfinite(value):
        return UNKNOWN
    text = f"{value:+,.{decimals}f}" if signed else f"{value:,.{decimals}f}"
    if not any(digit in text for digit in "123456789"):
        text = text.removeprefix("-").removeprefix("+")  # no sign for what rounds to nothing
    return text.replace("-", "−")


def small(value: float) -> str:
    """Three significant digits: '0.0160'."""
    return f"{value:#.3g}" if math.isfinite(value) else UNKNOWN


def percent(share: float) -> str:
    """'84.3 %', '5 %'."""
    return f"{fixed(100 * share, 1).removesuffix('.0')} %"


def epoch(value: float) -> str:
    """'4', or '2.37' within one."""
    return f"{value:.0f}" if value == round(value) else f"{value:.2f}"


def count(number: int, singular: str, plural: str = "") -> str:
    """'1 epoch', '6,000 images'."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def listed(items: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def dimensions(indices: Sequence[int]) -> str:
    """'z₁, z₃ and z₅'; of many only the first."""
    names = [dimension_name(index) for index in indices]
    if len(names) > _MOST_NAMED:
        names = [*names[:_MOST_NAMED], f"{len(names) - _MOST_NAMED} more"]
    return listed(names)


def duration(seconds: float) -> str:
    """'19 s', '4 min 07 s', '1 h 02 min'."""
    if not math.isfinite(seconds):
        return UNKNOWN
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_left:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
