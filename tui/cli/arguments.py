"""What each command takes. The docstrings are the command line's help (tyro)."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from engine.config import Precision, PresetName, TrainingPlan
from engine.projection import Projection
from tui.terminal.capabilities import ColorChoice, ImageChoice


@dataclass(frozen=True, kw_only=True)
class TrainingArgs:
    """What begins a run, with the dashboard or without."""

    config: Annotated[TrainingPlan, tyro.conf.arg(name="")] = field(default_factory=TrainingPlan)
    preset: PresetName = "default"
    """Defaults of the other settings; report: the plain setting of the course report."""
    steering: Annotated[str | None, tyro.conf.arg(metavar="RUN")] = None
    """RUN or FILE: repeat how a run was steered. A stored run gives its first settings as well, if
    no flag gives others; a steering.csv only the changes."""
    branch: Annotated[str | None, tyro.conf.arg(metavar="RUN")] = None
    """RUN: begin with a stored run's weights; its settings hold if no flag gives others."""
    branch_from: Annotated[str | None, tyro.conf.arg(metavar="STATE")] = None
    """Which weights of that run: last (the default), best, or the name of a kept state."""
    name: str | None = None
    """Name of the run; by default made from the model and the time."""
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
    """Colours of the terminal, where detection fails (SSH seldom forwards them)."""
    bell: bool = False
    """Ring the terminal's bell at a new alert."""


@dataclass(frozen=True, kw_only=True)
class DashboardArgs(_Looks, TrainingArgs):
    """Train a variational autoencoder on Fashion-MNIST and watch it learn in the terminal.

    Press ? there for the keys.
    """

    detach: bool = False
    """Train without a terminal, and print how to attach."""


@dataclass(frozen=True, kw_only=True)
class TrainArgs(TrainingArgs):
    """Train without the dashboard: progress on stderr, the same files.

    Ctrl-C or SIGTERM stops training and saves the run.
    """

    resume: str | None = None
    """RUN: resume a stored run, where only --epochs, --device, --precision and --data may be set.
    auto: resume the run of this name, or the newest unfinished one of these settings; else begin
    a new run."""
    json: bool = False
    """At the end, print one line of JSON on stdout."""


@dataclass(frozen=True, kw_only=True)
class _Continuing:
    epochs: int | None = None
    """Total epochs, counted from the beginning of the run; more than before extend a finished
    run."""
    device: str | None = None
    """auto, cpu, mps, cuda or cuda:N; by default unchanged."""
    precision: Precision | None = None
    """Precision of the matrix products; by default unchanged."""
    data: str | None = None
    """Where the data set is now, if it was moved."""
    tensorboard: bool = False
    """Write TensorBoard event files into the run's directory, too (an extra package)."""
    checkpoints: Path = Path("checkpoints")
    """Directory of the runs."""


@dataclass(frozen=True, kw_only=True)
class ResumeArgs(_Looks, _Continuing):
    """Resume a stored run in the dashboard, from its last checkpoint.

    On the same machine's CPU it ends with the same weights, bit for bit, as without the
    interruption.
    """

    run: tyro.conf.Positional[str]
    """The run's name, or the path of its directory."""
    detach: bool = False
    """Train without a terminal, and print how to attach."""


@dataclass(frozen=True, kw_only=True)
class TrainResumeArgs(_Continuing):
    """Resume a stored run without the dashboard."""

    resume: str
    """The run's name, or the path of its directory."""
    json: bool = False
    """At the end, print one line of JSON on stdout."""


@dataclass(frozen=True, kw_only=True)
class AttachArgs(_Looks):
    """Watch runs of other processes, or finished ones, in the dashboard.

    Training is not disturbed; pause and stop work if its process can be reached.
    """

    runs: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="[RUN …]")] = ()
    """The runs' names, or the paths of their directories; without one, the list of all runs."""
    data: str | None = None
    """Where the runs' data set is now, if it was moved."""
    checkpoints: Path = Path("checkpoints")
    """Directory of the runs."""


@dataclass(frozen=True, kw_only=True)
class RunsArgs:
    """List the stored runs: state, settings that differ, scores.

    A terminal shows the columns that fit; a pipe gets all of them, separated by tabs.
    """

    checkpoints: Path = Path("checkpoints")
    """Directory of the runs."""
    json: bool = False
    """Print one JSON array instead; the README lists its fields."""


@dataclass(frozen=True, kw_only=True)
class _Stored:
    run: tyro.conf.Positional[str]
    """The run's name, or the path of its directory."""
    weights: Literal["last", "best"] = "last"
    """last: as at the end of the run. best: of its best evaluation."""
    data: str | None = None
    """Where the data set is now, if it was moved."""
    checkpoints: Path = Path("checkpoints")
    """Directory of the runs."""


@dataclass(frozen=True, kw_only=True)
class ExportArgs(_Stored):
    """Write figures of a stored run as PNG files, to `exports/<run>/`."""

    figure: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A figure (repeatable): train_loss, val_loss, recon_val, latent_scatter, samples,
    interpolation, traversal, manifold, kl_heatmap, rate_distortion, diagnosis, comparison (with
    --with), film. By default all that the model has, without the last two."""
    with_run: Annotated[str | None, tyro.conf.arg(name="with", metavar="RUN")] = None
    """comparison: the other run."""
    projection: Projection = "pca"
    """latent_scatter: projection to two dimensions; t-SNE and UMAP take a minute."""
    split: Literal["validation", "test", "train"] = "validation"
    """latent_scatter: the split of its images."""
    dims: Annotated[tuple[int, int] | None, tyro.conf.arg(metavar="I J")] = None
    """latent_scatter: two latent dimensions, not projected; the first is 1."""
    seed: int = 0
    """samples, comparison: seed of the draws."""
    temperature: float = 1.0
    """samples: standard deviation of the draws; 1 is the prior."""
    page: int = 0
    """recon_val, interpolation: page of images or draws, from 0."""
    between: Literal["images", "prior"] = "images"
    """interpolation: between validation images, or draws from N(0, I)."""
    ends: Annotated[
        tyro.conf.UseAppendAction[tuple[tuple[int, int], ...]], tyro.conf.arg(metavar="I J")
    ] = ()
    """interpolation: a pair (repeatable): positions in the validation split, or numbers of draws;
    both from 0."""
    image: int = 0
    """traversal: position in the validation split."""
    exports: Path = Path("exports")
    """Directory of the figures."""


@dataclass(frozen=True, kw_only=True)
class EvaluateArgs(_Stored):
    """Score a stored run's weights on images that it was not trained on."""

    split: Literal["validation", "test"] = "validation"
    """test: images that neither training nor any choice ever sees, for a final score."""
    json: bool = False
    """Print one line of JSON instead."""


@dataclass(frozen=True, kw_only=True)
class ReportArgs:
    """Write a report on stored runs: report.md and report.html, in `exports/<first run>/`.

    It has settings, scores, figures and findings; of several runs, a comparison.
    """

    runs: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="RUN [RUN …]")]
    """The runs' names, or the paths of their directories."""
    weights: Literal["last", "best"] = "last"
    """last: as at the end of each run. best: of its best evaluation."""
    data: str | None = None
    """Where the runs' data set is now, if it was moved."""
    projection: Projection = "pca"
    """Projection of the latent space to two dimensions; t-SNE and UMAP take a minute."""
    checkpoints: Path = Path("checkpoints")
    """Directory of the runs."""
    exports: Path = Path("exports")
    """Directory of the reports."""


@dataclass(frozen=True, kw_only=True)
class BenchArgs:
    """Measure training on this machine: a plain PyTorch loop, ours, its matrix products alone, and
    a whole run with the dashboard and without.

    Takes about four minutes. Compare the ratios: each is taken within a round, in which everything
    is measured in turn.
    """

    rounds: int = 3
    """Rounds of measurement."""
    dashboard: bool = True
    """Also measure whole runs, with the dashboard in a pseudo-terminal and without."""
    device: str = "auto"
    """auto (CUDA, else Apple's MPS, else CPU), cpu, mps, cuda or cuda:N."""
    threads: int = 0
    """CPU threads; 0 chooses as training does."""
    json: bool = False
    """Print JSON instead: an object for each preset."""
