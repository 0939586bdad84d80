"""The rows of a comparison's table: what each is called, and what it says of a run.

The screen, the page (`engine.figures.comparison_table`) and the report show some of these each,
in an order of their own. Doesn't import torch.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Literal

from engine.config import RunConfig, differing_settings
from engine.run_settings import NAMES, short_setting_text
from engine.steering import SteeringChange
from engine.text import UNKNOWN, active_of, epochs, fixed, nats

RowName = Literal["epoch", "best_epoch", "bce", "mse", "sampled_bce", "neg_elbo", "knn", "active"]


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity."""

    label: str
    short: str
    """The label where there is little room."""
    heading: tuple[str, ...]
    """The label over a column, line by line."""
    cell: Callable[[Any], str]
    """What it is of a run, in digits; '–' if it has none.

    Of `engine.analysis.comparison.RunNumbers`, or of the report's `RunFacts`: as far as the report
    shows a row, it has what that asks for under the same name.
    """


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
        lambda r: UNKNOWN if isnan(r.knn_accuracy) else f"{fixed(100 * r.knn_accuracy, 1)} %",
    ),
    "active": Row(
        "active units",
        "active",
        ("active", "units"),
        lambda r: active_of(r.active_units, r.config.latent_dim),
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
    steering: Sequence[Sequence[SteeringChange]] = (),
) -> list[SettingRow]:
    """The settings that are not the same in all the runs, or were not in one.

    Args:
        names: the settings to look at.
        text: a setting's value in words.
        steering: how each run was steered; empty if none was.
    """
    began_with = [*steering] or [()] * len(configs)
    differing = differing_settings(configs)
    steered = {change.setting for changes in began_with for change in changes}

    def cell(config: RunConfig, name: str, changes: Sequence[SteeringChange]) -> str:
        if not config.has(name):
            return UNKNOWN
        before = next((f"{c.before:g}→" for c in changes if c.setting == name), "")
        return before + text(config, name)

    return [
        SettingRow(
            name,
            "β" if name == "beta" else name,
            NAMES.get(name, name),
            tuple(cell(c, name, changes) for c, changes in zip(configs, began_with, strict=True)),
        )
        for name in configs[0].to_dict()
        if name in names and (name in differing or name in steered)
    ]
