"""A stored run in the words of a list: what `runs` prints and the run browser shows."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from rich.text import Text

from engine.config import RunConfig
from engine.storage.listing import RunState, RunSummary
from tui.drawing.text import nats

STATES: Mapping[RunState, tuple[str, str]] = {
    RunState.RUNNING: ("●", "#7fbf7f"),
    RunState.PAUSED: ("‖", "#f0aa46"),
    RunState.FINISHED: ("✓", "#7aa2f7"),
    RunState.STOPPED: ("■", "#f0aa46"),
    RunState.FAILED: ("✗", "bold #f26d6d"),
    RunState.DIED: ("†", "bold #f26d6d"),
    RunState.UNREADABLE: ("?", "#9aa0aa"),
}
"""Each state's mark and colour: never the colour alone."""
RECONSTRUCTION = "*"
"""After a score that is an autoencoder's reconstruction, for that has no −ELBO."""


def printable(text: str) -> str:
    """A name from the disk on one line: what can't be printed as Python writes it, '\\n'."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def state(run: RunSummary) -> Text:
    """'● running', in its colour."""
    mark, style = STATES[run.state]
    return Text(f"{mark} {run.state}", style)


def model(run: RunSummary) -> str:
    """'vae', 'ae', or '–' if it isn't known."""
    return run.config.model if run.config else "–"


def score(run: RunSummary, value: float | None) -> str:
    """−ELBO; an autoencoder's reconstruction has its mark."""
    text = nats(value)
    return text + RECONSTRUCTION if text != "–" and model(run) == "ae" else text


def progress(run: RunSummary) -> str:
    """'12.3/30': epochs trained, never rounded up to the end, and epochs wanted."""
    trained = math.floor(run.epoch * 10 + 1e-6) / 10
    return f"{trained:g}/{run.epochs}" if run.epochs else f"{trained:g}"


def when(run: RunSummary) -> str:
    """The local time at which it began; of an old run, at which it was last written."""
    return f"{(run.created or run.modified).astimezone():%Y-%m-%d %H:%M}"


def settings(run: RunSummary, names: Iterable[str]) -> str:
    """'latent_dim=2 beta=4', what is not the default first: it tells most where room is short."""
    config = run.config
    if config is None:
        return ""
    changed = changed_settings(config)
    ordered = sorted(names, key=lambda name: name not in changed)
    return " ".join(f"{name}={_value(getattr(config, name))}" for name in ordered)


def changed_settings(config: RunConfig) -> list[str]:
    """Settings that are not the defaults; the model is told apart from them."""
    default = RunConfig()
    names = [field.name for field in fields(RunConfig) if field.name != "model"]
    return [name for name in names if getattr(config, name) != getattr(default, name)]


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return "-".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}"
    return printable(str(value)) or "(bundled)"  # of the settings only `data` may be empty
