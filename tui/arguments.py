"""What each command takes. The docstrings are the command line's help (tyro)."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from engine.config import PresetName, RunConfig
from tui.terminal import ColorChoice, ImageChoice


@dataclass(frozen=True, kw_only=True)
class _Training:
    config: Annotated[RunConfig, tyro.conf.arg(name="")] = field(default_factory=RunConfig)
    preset: PresetName = "default"
    """Where the other settings start from; report: the plain setting of the course report."""
    name: str | None = None
    """Name of the run; by default made from the time."""
    checkpoints: Path = Path("checkpoints")
    """Directory of the runs."""


@dataclass(frozen=True, kw_only=True)
class DashboardArgs(_Training):
    """Train a variational autoencoder on Fashion-MNIST and watch it learn in the terminal.

    Other commands: `train` (without the dashboard), `export RUN` (figures as PNG), `evaluate
    RUN` (final scores); `fmnist-vae-tui COMMAND --help` tells more. Keys: press ? there.
    """

    exports: Path = Path("exports")
    """Directory of the figures."""
    images: ImageChoice = "auto"
    """How pictures are drawn; auto: half-blocks where the terminal has the greys."""
    colors: ColorChoice = "auto"
    """The terminal's colours, where they aren't detected (SSH seldom tells)."""


@dataclass(frozen=True, kw_only=True)
class TrainArgs(_Training):
    """Train without the dashboard: progress on stderr, files as always.

    Ctrl-C or SIGTERM stops and keeps what was learnt.
    """

    json: bool = False
    """At the end, print one line of JSON on stdout."""


@dataclass(frozen=True, kw_only=True)
class _Stored:
    run: tyro.conf.Positional[str]
    """The run's name, or the path of its directory."""
    weights: Literal["last", "best"] = "last"
    """last: as at the end of the run. best: of its best evaluation."""
    checkpoints: Path = Path("checkpoints")
    """Directory of the runs."""


@dataclass(frozen=True, kw_only=True)
class ExportArgs(_Stored):
    """Write figures of a stored run as PNG files, to `exports/<run>/`."""

    figure: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A figure (may be given again): train_loss, val_loss, recon_val, latent_scatter, samples.
    By default all of the model's own."""
    exports: Path = Path("exports")
    """Directory of the figures."""


@dataclass(frozen=True, kw_only=True)
class EvaluateArgs(_Stored):
    """Score a stored run's weights on images that it was not trained on."""

    split: Literal["validation", "test"] = "validation"
    """test: the images that nothing else ever reads, for a final figure."""
    json: bool = False
    """Print one line of JSON instead."""
