"""The table of figures: their names, what they show, which a run exports by default.

The command line reads it for its help, so nothing is imported here but the config.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.config import ModelName
from engine.errors import FigureError

FigureName = Literal[
    "train_loss",
    "val_loss",
    "recon_val",
    "latent_scatter",
    "samples",
    "interpolation",
    "traversal",
    "manifold",
    "kl_heatmap",
    "rate_distortion",
    "diagnosis",
    "comparison",
    "film",
]


@dataclass(frozen=True, slots=True)
class FigureEntry:
    """A figure that can be exported."""

    name: FigureName
    default_for: tuple[ModelName, ...]
    """The models whose runs export it when no figure is named; any other run may ask for it."""
    shows: str
    """What the figure shows, for help texts."""
    files: tuple[str, ...]
    """Names of its files, with {model} where they have one."""


_ALL: tuple[ModelName, ...] = ("vae", "ae")
_VAE: tuple[ModelName, ...] = ("vae",)

FIGURES: tuple[FigureEntry, ...] = (
    FigureEntry(
        "train_loss",
        _ALL,
        "the objective and its parts over training",
        ("{model}_train_loss.png",),
    ),
    FigureEntry(
        "val_loss",
        _ALL,
        "the same on the validation split, the best marked",
        ("{model}_val_loss.png",),
    ),
    FigureEntry(
        "recon_val",
        _ALL,
        "two validation images per class, and reconstructed",
        ("{model}_recon_val.png",),
    ),
    FigureEntry(
        "latent_scatter",
        _VAE,
        "the validation images in latent space",
        ("{model}_latent_scatter.png",),
    ),
    FigureEntry(
        "samples",
        _VAE,
        "an 8×8 grid of images decoded from z ~ N(0, I)",
        ("{model}_samples.png",),
    ),
    FigureEntry(
        "interpolation", _VAE, "paths between two images or two samples", ("interpolation.png",)
    ),
    FigureEntry("traversal", _VAE, "one image, each latent dimension moved", ("traversal.png",)),
    FigureEntry("manifold", _VAE, "a plane of latent space, decoded", ("manifold.png",)),
    FigureEntry(
        "kl_heatmap",
        _VAE,
        "the KL of every latent dimension over training",
        ("{model}_kl_heatmap.png",),
    ),
    FigureEntry(
        "rate_distortion",
        _VAE,
        "the run's trail of KL and reconstruction, and lines of equal −ELBO",
        ("{model}_rate_distortion.png",),
    ),
    FigureEntry(
        "diagnosis",
        _VAE,
        "where the KL goes, posterior, updates, generalisation",
        ("{model}_diagnosis.png",),
    ),
    FigureEntry("comparison", (), "two or more runs side by side", ("comparison.png",)),
    FigureEntry(
        "film",
        (),
        "the same images and samples over training",
        ("{model}_film.gif", "{model}_film.png", "{model}_film_strip.png"),
    ),
)


def figure_names(model: ModelName) -> tuple[FigureName, ...]:
    """The figures that a run of this model exports when none is named."""
    return tuple(figure.name for figure in FIGURES if model in figure.default_for)


def resolve_names(names: Sequence[str] | None, model: ModelName) -> tuple[FigureName, ...]:
    """The figures a person asked for, each once, in the order asked for.

    Args:
        names: short names (`samples`) or file names without their ending (`vae_samples`); None
            for the default set of the model.

    Raises:
        FigureError: for a name that is not in the table, or a file name of another model.
    """
    if names is None:
        return figure_names(model)
    return tuple(dict.fromkeys(_resolve(name, model) for name in names))


def file_names(name: FigureName, model: ModelName) -> tuple[str, ...]:
    """The names of the figure's files: `vae_samples.png`; a film has three."""
    (entry,) = (figure for figure in FIGURES if figure.name == name)
    return tuple(file.format(model=model) for file in entry.files)


def _resolve(name: str, model: ModelName) -> FigureName:
    for figure in FIGURES:
        files = file_names(figure.name, model)
        if name in (figure.name, *(file.rsplit(".", 1)[0] for file in files)):
            return figure.name
    known = ", ".join(figure.name for figure in FIGURES)
    raise FigureError(f"there is no figure {name!r} of this {model} run: choose from {known}")
