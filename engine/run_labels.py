"""What runs are called where several are named: short, and no two alike."""

from collections.abc import Sequence

from engine.config import ModelName
from engine.text import one_line

_SEPARATORS = "-_. "


def run_labels(names: Sequence[str], models: Sequence[ModelName], most: int) -> tuple[str, ...]:
    """'VAE' and 'AE' where no two models are the same, else the names as `short_names` has them.

    Args:
        names, models: by run.
        most: letters a label may have.
    """
    if len(set(models)) == len(models):
        return tuple(model.upper() for model in models)
    return short_names(names, most)


def short_names(names: Sequence[str], most: int) -> tuple[str, ...]:
    """Names on one line each, as short as asked for, and no two alike.

    Where they don't fit as they are, words that all begin with are left out, no more than must
    be, then the middle of those that are too long still. Where that makes two alike, all get a
    number.
    """
    whole = [one_line(name) for name in names]
    if _fit(whole, most):
        return tuple(whole)
    begun = whole
    for cut in _common_words(whole):
        begun = [f"…{name[cut:]}" for name in whole]
        if _fit(begun, most):
            return tuple(begun)
    for shorten in (_without_middle, _without_end):
        labels = [shorten(label, most) for label in begun]
        if _fit(labels, most):
            return tuple(labels)
    room = most - len(f"{len(names)}:")
    return tuple(f"{n}:{_without_middle(name, room)}" for n, name in enumerate(whole, start=1))


def _fit(labels: Sequence[str], most: int) -> bool:
    return max(map(len, labels)) <= most and len(set(labels)) == len(labels)


def _common_words(names: Sequence[str]) -> list[int]:
    """How many letters the words have that all the names begin with: one word, two, and so on."""
    common = 0
    for letters in zip(*names, strict=False):
        if len(set(letters)) > 1:
            break
        common += 1
    # Something must be left of each; and an ellipsis is a letter too.
    last = min(common, *(len(name) - 1 for name in names))
    return [cut for cut in range(2, last + 1) if names[0][cut - 1] in _SEPARATORS]


def _without_middle(label: str, most: int) -> str:
    if len(label) <= most:
        return label
    end = most // 2
    return f"{label[: most - 1 - end]}…{label[len(label) - end :]}"


def _without_end(label: str, most: int) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}…"
