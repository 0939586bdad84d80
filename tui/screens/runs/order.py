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
    "as a tree": _started,
}
"""The orders, by what the title says of them: the lowest, longest or largest first."""


def searched(run: RunSummary, settings: Sequence[str]) -> str:
    """A run's name, state, model and these settings, where a filter's letters are looked for."""
    parts = (run.name, run.state, words.model(run), words.settings(run, settings))
    return " ".join(parts).casefold()
