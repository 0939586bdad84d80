"""The table of figures: their names, what they show, which a run exports by default.

The command line reads it for its help, so nothing is imported here but the config.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.config import ModelName

FigureName = Literal["train_loss", "val_loss", "recon_val", "latent_scatter", "samples"]


class FigureError(ValueError):
    """A figure that can't be made; the message is one sentence for a person."""


@dataclass(frozen=True, slots=True)
class FigureEntry:
    """One row of the table."""

    name: FigureName
    default_for: tuple[ModelName, ...]
    """The models whose runs export it when no figure is named; any other run may ask for it."""
    shows: str
    """What one sees, for help texts."""


FIGURES: tuple[FigureEntry, ...] = (
    FigureEntry("train_loss", ("vae", "ae"), "the objective and its parts over training"),
    FigureEntry("val_loss", ("vae", "ae"), "the same on the validation split, the best marked"),
    FigureEntry("recon_val", ("vae", "ae"), "two validation images per class, and reconstructed"),
    FigureEntry("latent_scatter", ("vae",), "the validation images' places in latent space"),
    FigureEntry("samples", ("vae",), "an 8×8 grid of images decoded from z ~ N(0, I)"),
)


def figure_names(model: ModelName) -> tuple[FigureName, ...]:
    """The figures that a run of this model exports when none is named."""
    return tuple(figure.name for figure in FIGURES if model in figure.default_for)


def resolve_names(names: Sequence[str] | None, model: ModelName) -> tuple[FigureName, ...]:
    """The figures a person asked for, each once, in the order asked for.

    Args:
        names: short names (`samples`) or file names without `.png` (`vae_samples`); None for
            the default set of the model.

    Raises:
        FigureError: for a name that is not in the table, or a file name of another model.
    """
    if names is None:
        return figure_names(model)
    return tuple(dict.fromkeys(_resolve(name, model) for name in names))


def file_name(name: FigureName, model: ModelName) -> str:
    """The figure's file name: `vae_samples.png`."""
    return f"{model}_{name}.png"


def _resolve(name: str, model: ModelName) -> FigureName:
    for figure in FIGURES:
        if name in (figure.name, f"{model}_{figure.name}"):
            return figure.name
    known = ", ".join(figure.name for figure in FIGURES)
    raise FigureError(f"there is no figure {name!r} of this {model} run: choose from {known}")
