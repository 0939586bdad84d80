"""The rows of a comparison's table: what each is called, and what it says of a run.

The screen, the page (`engine.figures.comparison_table`) and the report show some of these each,
in an order of their own. Doesn't import torch.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from engine.config import RunConfig, differing_settings
from engine.run_settings import NAMES, short_setting_text
from engine.text import UNKNOWN, epochs, fixed, nats


class Scored(Protocol):
    """A run as far as it is compared; errors in nats per validation image."""

    @property
    def config(self) -> RunConfig:
        """Its settings."""
        ...

    @property
    def epoch(self) -> float:
        """Position in training of the weights that were measured."""
        ...

    @property
    def best_epoch(self) -> float | None:
        """Position of the trained evaluation with the lowest score."""
        ...

    @property
    def recon_bce(self) -> float:
        """Binary cross entropy at z = μ, or from the code."""
        ...

    @property
    def recon_mse(self) -> float:
        """Squared error of the same, mean over pixels in [0, 1]."""
        ...

    @property
    def expected_recon(self) -> float | None:
        """Reconstruction at a z drawn from q(z|x); None for an autoencoder."""
        ...

    @property
    def neg_elbo(self) -> float | None:
        """−ELBO; None for an autoencoder."""
        ...

    @property
    def knn_accuracy(self) -> float:
        """Share of the images that the 15 nearest training images classify, 0 to 1."""
        ...

    @property
    def active_units(self) -> int | None:
        """Latent dimensions that vary with the image (Burda et al. 2016)."""
        ...


RowName = Literal["epoch", "best_epoch", "bce", "mse", "sampled_bce", "neg_elbo", "knn", "active"]


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity."""

    label: str
    short: str
    """The label where there is little room."""
    heading: tuple[str, ...]
    """The label over a column, line by line."""
    cell: Callable[[Scored], str]
    """What it is of a run, in digits; '–' if it has none."""


ROWS: dict[RowName, Row] = {
    "epoch": Row("measured at epoch", "at epoch", ("epoch",), lambda r: epochs(r.epoch)),
    "best_epoch": Row(
        "best epoch",
        "best epoch",
        ("best", "epoch"),
        lambda r: UNKNOWN if r.best_epoch is None else epochs(r.best_epoch),
    ),
    "bce": Row("BCE at z = μ, nats", "BCE at μ", ("BCE", "at z = μ"), lambda r: nats(r.recon_bce)),
    "mse": Row(
        "MSE at z = μ, per pixel", "MSE at μ", ("MSE", "at z = μ"), lambda r: fixed(r.recon_mse, 5)
    ),
    "knn": Row(
        "k-NN accuracy on μ",
        "k-NN",
        ("15-NN", "accuracy"),
        lambda r: f"{fixed(100 * r.knn_accuracy, 1)} %",
    ),
    "active": Row(
        "active units",
        "active",
        ("active", "units"),
        lambda r: (
            UNKNOWN if r.active_units is None else f"{r.active_units} of {r.config.latent_dim}"
        ),
    ),
    "sampled_bce": Row(
        "reconstruction (sampled z), nats",
        "BCE at z~q",
        ("BCE", "at z ~ q(z|x)"),
        lambda r: nats(r.expected_recon),
    ),
    "neg_elbo": Row("−ELBO, nats", "−ELBO", ("−ELBO",), lambda r: nats(r.neg_elbo)),
}


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting in which the compared runs differ."""

    name: str
    label: str
    short: str
    cells: tuple[str, ...]
    """Its value in each run; '–' where it does nothing."""


def setting_rows(
    configs: Sequence[RunConfig],
    names: Collection[str] = NAMES,
    text: Callable[[RunConfig, str], str] = short_setting_text,
) -> list[SettingRow]:
    """The settings that are not the same in all the runs.

    Args:
        names: the settings to look at.
        text: a setting's value in words.
    """
    return [
        SettingRow(
            name,
            "β" if name == "beta" else name,
            NAMES.get(name, name),
            tuple(text(c, name) if c.has(name) else UNKNOWN for c in configs),
        )
        for name in differing_settings(configs)
        if name in names
    ]
