"""A stored run in the words of a list: what `runs` prints and the run browser shows."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.text import Text

from engine.config import differing_settings
from engine.run_settings import setting_text
from engine.storage.listing import RunState, RunSummary
from engine.text import UNKNOWN, nats
from tui.theme import ERROR, PRIMARY, QUIET, SUCCESS, WARNING

STATES: Mapping[RunState, tuple[str, str]] = {
    RunState.RUNNING: ("●", SUCCESS),
    RunState.PAUSED: ("‖", WARNING),
    RunState.FINISHED: ("✓", PRIMARY),
    RunState.STOPPED: ("■", WARNING),
    RunState.FAILED: ("✗", f"bold {ERROR}"),
    RunState.DIED: ("†", f"bold {ERROR}"),
    RunState.UNREADABLE: ("?", QUIET),
}
"""Each state's mark and colour: never the colour alone."""
RECONSTRUCTION = "*"
"""After a score that is an autoencoder's reconstruction, for that has no −ELBO."""


@dataclass(frozen=True, slots=True)
class Differences:
    """What the settings of listed runs have in common, and what not."""

    names: tuple[str, ...] = ()
    """Settings that are not the same in all the runs, but for those with columns of their own."""
    usual: Mapping[str, Any] = field(default_factory=dict)
    """Of these settings the value that more than half of the runs have, where there is one."""


def differences(runs: Sequence[RunSummary]) -> Differences:
    """In which settings the runs of a list differ."""
    configs = [run.config for run in runs if run.config is not None]
    names = tuple(n for n in differing_settings(configs) if n not in ("model", "epochs"))
    usual = {}
    for name in names:
        values = [getattr(config, name) for config in configs if config.has(name)]
        [(value, count)] = Counter(values).most_common(1)
        if 2 * count > len(values):
            usual[name] = value
    return Differences(names, usual)


def state(run: RunSummary) -> Text:
    """'● running', in its colour."""
    mark, style = STATES[run.state]
    return Text(f"{mark} {run.state}", style)


def model(run: RunSummary) -> str:
    """'vae', 'ae', or '–' if it isn't known."""
    return run.config.model if run.config else UNKNOWN


def score(run: RunSummary, value: float | None) -> str:
    """−ELBO; an autoencoder's reconstruction with its mark."""
    text = nats(value)
    return text + RECONSTRUCTION if text != UNKNOWN and model(run) == "ae" else text


def progress(run: RunSummary) -> str:
    """'12.3/30': epochs trained, never rounded up to the end, and epochs wanted."""
    trained = math.floor(run.epoch * 10 + 1e-6) / 10
    return f"{trained:g}/{run.epochs}" if run.epochs else f"{trained:g}"


def when(run: RunSummary) -> str:
    """The local time at which it began; of an old run, at which it was last written."""
    return f"{(run.created or run.modified).astimezone():%Y-%m-%d %H:%M}"


def settings(run: RunSummary, names: Iterable[str]) -> str:
    """'latent_dim=2 beta=4': those of these settings that the run has."""
    config = run.config
    if config is None:
        return ""
    return " ".join(f"{name}={setting_text(config, name)}" for name in names if config.has(name))


def unusual_settings(run: RunSummary, among: Differences) -> str:
    """What sets a run apart in a list: without the values that most of its runs have."""
    own = [n for n in among.names if run.config and getattr(run.config, n) != among.usual.get(n)]
    # First where it is one of few: of a setting without a usual value every run has its own.
    return settings(run, sorted(own, key=lambda name: name not in among.usual))
