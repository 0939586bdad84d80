"""Which runs a list shows, and in which order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.storage.listing import RunState, RunSummary
from tui.screens.runs import words

_STATES = list(RunState)
_MODELS = ("vae", "ae")


def _started(run: RunSummary) -> float:
    return -(run.created or run.modified).timestamp()


def _best(run: RunSummary) -> tuple[int, float]:
    """The best first; an autoencoder's reconstruction is no −ELBO, so those come after."""
    model = words.model(run)
    rank = _MODELS.index(model) if model in _MODELS else len(_MODELS)
    return (rank, float("inf") if run.best is None else run.best)


SORTS: Mapping[str, Callable[[RunSummary], Any]] = {
    "newest first": _started,
    "by name": lambda run: run.name.casefold(),
    "by best −ELBO": _best,
    "by state": lambda run: (_STATES.index(run.state), _started(run)),
    "by time": lambda run: -run.seconds,
    "by size": lambda run: -run.size,
}
"""The orders, by what the title says of them: the lowest, longest or largest first."""


def matches(run: RunSummary, settings: Sequence[str], wanted: str) -> bool:
    """Whether a run's name, state, model or one of these settings has the letters wanted."""
    parts = (run.name, run.state, words.model(run), words.settings(run, settings))
    return wanted.casefold() in " ".join(parts).casefold()
