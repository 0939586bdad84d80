"""What is written on a figure and into its file: title, run, position in training, config."""

import functools
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from engine.config import RunConfig
from engine.figures.catalog import FigureName
from engine.steering import SteeringChange
from engine.text import epoch_label, one_line

_MAX_RUN_NAME = 32
"""Letters of a run's name in a subtitle; the file's metadata holds all of it."""


@dataclass(frozen=True, slots=True)
class Caption:
    """Title and subtitle of a figure of one run, and the text chunks of its file."""

    title: str
    figure: FigureName
    run: str
    config: RunConfig
    step: int
    epoch: float
    """Position in training of what is shown."""
    draws: Mapping[str, str] = field(default_factory=dict)
    """What it takes to make the same draws again, by keyword: 'draw_seed'."""
    steering: tuple[SteeringChange, ...] = ()
    """How the run's settings were changed, `config` being what they are at the end."""

    def epoch_of(self, change: SteeringChange) -> float:
        """When a change was made."""
        return change.step * self.epoch / self.step if self.step else 0.0

    def subtitle(self, *more: str) -> str:
        """One line that says which run and when, and whatever more is to say."""
        config = self.config
        dimensions = "latent dimension" if config.latent_dim == 1 else "latent dimensions"
        parts = [f"run {shortened(self.run)}", f"{config.latent_dim} {dimensions}"]
        if config.model == "vae":
            parts.append(f"β = {config.beta:g}")
        parts += [f"seed {config.seed}", f"epoch {epoch_label(self.epoch)}", f"step {self.step:,}"]
        return " · ".join([*parts, *more])

    def text_chunks(self) -> dict[str, str]:
        """Keyword and text of the PNG's text chunks; `config` is compact JSON."""
        return {
            "Title": self.title,
            "Software": _software(),
            "run": one_line(self.run),
            "figure": self.figure,
            "model": self.config.model,
            "seed": str(self.config.seed),
            "step": str(self.step),
            "epoch": repr(float(self.epoch)),
            "config": _compact(self.config.to_dict()),
            **({"steering": _compact([asdict(c) for c in self.steering])} if self.steering else {}),
            **self.draws,
        }


@dataclass(frozen=True, slots=True)
class ComparisonCaption:
    """The words of a page about several runs."""

    runs: tuple[str, ...]
    configs: tuple[RunConfig, ...]
    steps: tuple[int, ...]
    """Position in training of each run's weights."""
    seed: int
    """Which draws are decoded."""

    @property
    def title(self) -> str:
        """'VAE v and AE a compared'."""
        names = [
            f"{config.model.upper()} {shortened(run)}"
            for run, config in zip(self.runs, self.configs, strict=True)
        ]
        return f"{', '.join(names[:-1])} and {names[-1]} compared"

    def subtitle(self) -> str:
        """One line that says what was the same for all."""
        config = self.configs[0]
        return (
            f"the same {100 * config.validation_share:g} % of the training file held out "
            f"(split seed {config.split_seed}) · draws of seed {self.seed}"
        )

    def text_chunks(self) -> dict[str, str]:
        """Keyword and text of the PNG's text chunks; lists by run are compact JSON."""
        return {
            "Title": self.title,
            "Software": _software(),
            "figure": "comparison",
            "draw_seed": str(self.seed),
            "runs": _compact([one_line(run) for run in self.runs]),
            "models": _compact([config.model for config in self.configs]),
            "seeds": _compact([config.seed for config in self.configs]),
            "steps": _compact(self.steps),
            "configs": _compact([config.to_dict() for config in self.configs]),
        }


def shortened(name: str, most: int = _MAX_RUN_NAME) -> str:
    """A run's name in a line of text, its middle left out if it is long."""
    name = one_line(name)
    if len(name) <= most:
        return name
    # Names that differ often differ at the end (a date, a number).
    half = (most - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def _compact(values: Sequence[Any] | dict[str, Any]) -> str:
    return json.dumps(values, separators=(",", ":"))


@functools.cache
def _software() -> str:
    try:
        return f"fmnist-vae-tui {importlib.metadata.version('fmnist-vae-tui')}"
    except importlib.metadata.PackageNotFoundError:
        return "fmnist-vae-tui (not installed)"
