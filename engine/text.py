"""Numbers, lists and foreign text in the words of screens, figures, reports and logs.

Plain text of one line, without markup or escapes of any medium. A number that isn't known or
isn't finite is '–', a minus is '−', thousands have commas.
"""

import math
from collections.abc import Sequence

UNKNOWN = "–"

_COMPACT_FROM = 1e6
"""Fractions of a number as large as this say nothing, and of a diverged run it may be any size,"""
_COMPACT_WHOLE_FROM = 1e12
"""and of counts and rates all digits say something for longer."""
_MOST_NAMED = 12
"""Dimensions named one by one; a longer list says less than its length."""


def one_line(text: str, most: int = 0) -> str:
    r"""Text from outside (a name, an error, a label from the disk), harmless wherever it is shown.

    What isn't printable is written as Python escapes it ('\n', '\x1b', '\u202e', '\udcfc'):
    control characters of both sets, what turns the direction of writing, line separators, and
    the surrogates that stand for a file name's bytes that are not UTF-8. Other text is unchanged.

    Args:
        most: letters that it may have, 1 or more; what is longer ends in '…'. 0: any number.
    """
    # A foreign file may hold megabytes: no more is looked at than can be shown.
    shown = text[:most] if most else text
    if not shown.isprintable():
        shown = "".join(
            c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown
        )
    is_whole = not most or len(text) <= most >= len(shown)
    return shown if is_whole else f"{shown[: most - 1]}…"


def fixed(value: float | None, decimals: int, *, signed: bool = False) -> str:
    """'1,243.28' with so many decimals; a plus, too, if it is `signed`; '7.6e15' if it is huge."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if abs(value) >= (_COMPACT_FROM if decimals else _COMPACT_WHOLE_FROM):
        return f"{'+' * (signed and value > 0)}{compact(value)}"
    # z: no sign for what rounds to nothing.
    text = f"{value:z,.{decimals}f}"
    is_positive = signed and any(digit in text for digit in "123456789") and value > 0
    return f"+{text}" if is_positive else text.replace("-", "−")


def compact(value: float, digits: int = 3) -> str:
    """At most so many significant digits: '7.6e15', '−1.25e8', '240'."""
    if not math.isfinite(value):
        return UNKNOWN
    mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
    return (f"{mantissa}e{int(exponent)}" if exponent else mantissa).replace("-", "−")


def nats(value: float | None, *, signed: bool = False) -> str:
    """'243.28', '−0.54': two decimals, as the seeds of a run differ by some tenths."""
    return fixed(value, 2, signed=signed)


def small(value: float) -> str:
    """Three significant digits: '0.0160'; '7.6e15' if it is huge."""
    if not math.isfinite(value) or abs(value) >= _COMPACT_FROM:
        return compact(value)
    return f"{value:#.3g}"


def active_of(units: int | None, dimensions: int) -> str:
    """'12 of 20' active units; '–' where they can't be told, as of a single image."""
    return UNKNOWN if units is None else f"{units} of {dimensions}"


def percent(share: float) -> str:
    """'84.3 %', '5 %' of a share from 0 to 1."""
    return f"{fixed(100 * share, 1).removesuffix('.0')} %" if math.isfinite(share) else UNKNOWN


def epochs(value: float) -> str:
    """Epochs trained: '3' at an epoch's end, else '2.37'."""
    if not math.isfinite(value):
        return UNKNOWN
    return f"{value:.0f}" if value == round(value) else f"{value:.2f}"


def epoch_label(value: float) -> str:
    """A position in training, in the fewest digits that tell early ones apart: '12.5', '0.0024'."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value >= 0.1 or value == 0 else f"{value:.2g}"


def clock(seconds: float | None) -> str:
    """A duration that is running: '0:07', '12:34', '1:02:03'."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration(seconds: float) -> str:
    """A duration in a sentence: '19 s', '4 min 07 s', '1 h 02 min'."""
    if not math.isfinite(seconds):
        return UNKNOWN
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_left:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def size(count: int) -> str:
    """Bytes in binary units: '412 MiB', '23.5 GiB'."""
    mebibytes = round(count / 2**20)
    return f"{count / 2**30:.1f} GiB" if mebibytes >= 1024 else f"{mebibytes} MiB"


def count(number: int, singular: str, plural: str = "") -> str:
    """'1 epoch', '6,000 images'."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def listed(items: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def dimension_name(index: int) -> str:
    """'z₁' for the first latent dimension."""
    return "z" + "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(index + 1))


def dimensions(indices: Sequence[int]) -> str:
    """'z₁, z₃ and z₅'; of many only the first."""
    names = [dimension_name(index) for index in indices]
    if len(names) > _MOST_NAMED:
        names = [*names[:_MOST_NAMED], f"{len(names) - _MOST_NAMED} more"]
    return listed(names)
