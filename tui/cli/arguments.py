"""What each command takes. The docstrings are the command line's help (tyro)."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from engine.config import Precision, PresetName, TrainingPlan
from engine.projection import Projection
from tui.terminal.capabilities import ColorChoice, ImageChoice


@dataclass(frozen=True, kw_only=True)
class _Training:
    config: Annotated[TrainingPlan, tyro.conf.arg(name="")] = field(default_factory=TrainingPlan)
    preset: PresetName = "default"
    """Where the other settings start from; report: the plain setting of the course report."""
    name: str | None = None
    """Name of the run; by default made from the time."""
    tensorboard: bool = False
    """Write TensorBoard event files into the run's directory, too (an extra package)."""
    checkpoints: Path = Path("checkpoints")
    """Directory of the runs."""


@dataclass(frozen=True, kw_only=True)
class _Looks:
    exports: Path = Path("exports")
    """Directory of the figures."""
    images: ImageChoice = "auto"
    """How pictures are drawn; auto: half-blocks where the terminal has the greys."""
    colors: ColorChoice = "auto"
    """The terminal's colours, where they aren't detected (SSH seldom tells)."""


@dataclass(frozen=True, kw_only=True)
class DashboardArgs(_Looks, _Training):
    """Train a variational autoencoder on Fashion-MNIST and watch it learn in the terminal.

    Other commands: `train` (without the dashboard), `resume RUN` (go on), `attach RUN` (watch a
    run of another process), `runs` (what there is), `export RUN` (figures as PNG), `evaluate RUN`
    (final scores), `report RUN …` (a page with all of it), `bench` (how fast it is here);
    `fmnist-vae-tui COMMAND --help` tells more. Keys: press ? there.
    """

    detach: bool = False
    """Train without a terminal from the beginning, and say how to attach."""


@dataclass(frozen=True, kw_only=True)
class TrainArgs(_Training):
    """Train without the dashboard: progress on stderr, files as always.

    Ctrl-C or SIGTERM stops and keeps what was learnt.
    """

    resume: str | None = None
    """RUN: go on with a stored run, where only --epochs, --device, --precision and --data may be
    set. auto: with the run of this name, or the newest unfinished one of these settings; else
    begin."""
    json: bool = False
    """At the end, print one line of JSON on stdout."""


@dataclass(frozen=True, kw_only=True)
class _Continuing:
    epochs: int | None = None
    """Passes over the training images in all, from the run's beginning; more than before
    continue a finished run."""
    device: str | None = None
    """auto, cpu, mps, cuda or cuda:N; by default as before."""
    precision: Precision | None = None
    """float32, tf32 or bf16; by default as before."""
    data: str | None = None
    """Where the data set lies now, if it was moved."""
    tensorboard: bool = False
    """Write TensorBoard event files into the run's directory, too (an extra package)."""
    checkpoints: Path = Path("checkpoints")
    """Directory of the runs."""


@dataclass(frozen=True, kw_only=True)
class ResumeArgs(_Looks, _Continuing):
    """Go on with a stored run in the dashboard, from its last checkpoint.

    On the same machine's CPU it ends with the same weights, bit for bit, as without the
    interruption.
    """

    run: tyro.conf.Positional[str]
    """The run's name, or the path of its directory."""
    detach: bool = False
    """Train without a terminal, and say how to attach."""


@dataclass(frozen=True, kw_only=True)
class TrainResumeArgs(_Continuing):
    """Go on with a stored run without the dashboard."""

    resume: str
    """The run's name, or the path of its directory."""
    json: bool = False
    """At the end, print one line of JSON on stdout."""


@dataclass(frozen=True, kw_only=True)
class AttachArgs(_Looks):
    """Watch runs of other processes, or finished ones, in the dashboard.

    Training is not touched; where its process can be asked, pause and stop work.
    """

    runs: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="[RUN …]")] = ()
    """The runs' names, or the paths of their directories; none opens the list of all."""
    checkpoints: Path = Path("checkpoints")
    """Directory of the runs."""


@dataclass(frozen=True, kw_only=True)
class RunsArgs:
    """List the stored runs: how each stands, its settings and its scores.

    In a terminal what doesn't fit is left out; in a pipe the columns are whole, with tabs between.
    """

    checkpoints: Path = Path("checkpoints")
    """Directory of the runs."""
    json: bool = False
    """Print one JSON array instead; the README tells its fields."""


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
    """A figure (may be given again): train_loss, val_loss, recon_val, latent_scatter, samples,
    interpolation, traversal, manifold, comparison (with --with), film. By default all of the
    model's own, without the last two."""
    with_run: Annotated[str | None, tyro.conf.arg(name="with", metavar="RUN")] = None
    """comparison: the other run."""
    projection: Projection = "pca"
    """latent_scatter: how dimensions become two; t-SNE and UMAP take a minute."""
    split: Literal["validation", "test", "train"] = "validation"
    """latent_scatter: whose images."""
    dims: Annotated[tuple[int, int] | None, tyro.conf.arg(metavar="I J")] = None
    """latent_scatter: two latent dimensions as they are, z₁ is 1."""
    seed: int = 0
    """samples, comparison: which draws."""
    temperature: float = 1.0
    """samples: standard deviation of the draws; 1 is the prior."""
    page: int = 0
    """recon_val, interpolation: another set of images or draws."""
    between: Literal["images", "prior"] = "images"
    """interpolation: between validation images, or draws from N(0, I)."""
    ends: Annotated[
        tyro.conf.UseAppendAction[tuple[tuple[int, int], ...]], tyro.conf.arg(metavar="I J")
    ] = ()
    """interpolation: a pair (may be given again), as positions in the validation split, or
    as numbers of draws; both begin at 0."""
    image: int = 0
    """traversal: position in the validation split."""
    exports: Path = Path("exports")
    """Directory of the figures."""


@dataclass(frozen=True, kw_only=True)
class EvaluateArgs(_Stored):
    """Score a stored run's weights on images that it was not trained on."""

    split: Literal["validation", "test"] = "validation"
    """test: images that neither training nor any choice ever sees, for a final figure."""
    json: bool = False
    """Print one line of JSON instead."""


@dataclass(frozen=True, kw_only=True)
class ReportArgs:
    """Write a report on stored runs: report.md and report.html, in `exports/<first run>/`.

    It has settings, scores, figures and what follows from them; of several runs a comparison.
    """

    runs: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="RUN [RUN …]")]
    """The runs' names, or the paths of their directories."""
    weights: Literal["last", "best"] = "last"
    """last: as at the end of each run. best: of its best evaluation."""
    projection: Projection = "pca"
    """How the map of the latent space gets its two dimensions; t-SNE and UMAP take a minute."""
    checkpoints: Path = Path("checkpoints")
    """Directory of the runs."""
    exports: Path = Path("exports")
    """Directory of the reports."""


@dataclass(frozen=True, kw_only=True)
class BenchArgs:
    """Measure training on this machine: a plain PyTorch loop, ours, its matrix products alone, and
    a whole run with the dashboard and without.

    Takes about four minutes. What counts are the ratios: each is of a round in which everything had
    its turn.
    """

    rounds: int = 3
    """How often everything is measured."""
    dashboard: bool = True
    """Measure whole runs, too, with the dashboard in a pseudo-terminal and without."""
    device: str = "auto"
    """auto (CUDA, else Apple's MPS, else CPU), cpu, mps, cuda or cuda:N."""
    threads: int = 0
    """CPU threads; 0 chooses as training does."""
    json: bool = False
    """Print JSON instead: an object for each preset."""
