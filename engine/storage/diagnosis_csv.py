"""A run's diagnoses as CSV files: diagnosis.csv a row each, posterior.csv a row a dimension."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.config import MAX_EPOCHS, MAX_WIDTH, RunConfig
from engine.diagnosis import (
    CLASSES,
    MOST_IMAGES,
    WORST,
    AggregatedPosterior,
    Diagnosis,
    Doubles,
    LayerState,
    SubsetScore,
    Surgery,
    layer_names,
)
from engine.errors import RunError
from engine.storage.csv_log import Cell
from engine.storage.metrics_csv import RowReader, Values, between, whole

DIAGNOSIS_FILE, POSTERIOR_FILE = "diagnosis.csv", "posterior.csv"

_SCALARS = (
    "step",
    "epoch",
    "images",
    "pixel_entropy",
    "val_recon",
    "val_kl",
    "val_pixel_entropy",
    "train_recon",
    "train_kl",
    "train_pixel_entropy",
    "mutual_information",
    "mutual_information_upper",
    "total_correlation",
    "dimension_kl",
)
_CLASS_COLUMNS = tuple(f"recon_class_{label}" for label in range(CLASSES))
_WORST_COLUMNS = tuple(
    f"{what}_{place}" for place in range(1, WORST + 1) for what in ("worst", "worst_score")
)
_MOMENTS = ("mean", "variance", "sigma", "sigma_spread", "confident", "near_prior", "ks")
"""Fields of `AggregatedPosterior`."""
POSTERIOR_COLUMNS = ("step", "dimension", *_MOMENTS)
_NO_SURGERY: tuple[Cell, ...] = (None,) * 4


def diagnosis_columns(config: RunConfig) -> tuple[str, ...]:
    """The columns of diagnosis.csv; three of each layer come last."""
    layers = tuple(
        f"{what}_{name.replace(' ', '_')}"
        for name in layer_names(config)
        for what in ("gradient", "update", "dead")
    )
    return (*_SCALARS, *_CLASS_COLUMNS, *_WORST_COLUMNS, *layers)


def diagnosis_row(d: Diagnosis) -> tuple[Cell, ...]:
    """A diagnosis as a row of diagnosis.csv."""
    surgery = _NO_SURGERY
    if (s := d.surgery) is not None:
        surgery = (
            s.mutual_information,
            s.mutual_information_upper,
            s.total_correlation,
            s.dimension_kl,
        )
    missing = WORST - len(d.worst)
    worst: list[Cell] = [
        cell
        for pair in zip(d.worst.tolist(), d.worst_scores.tolist(), strict=True)
        for cell in pair
    ]
    layers: list[Cell] = [
        cell for layer in d.layers for cell in (layer.gradient_norm, layer.update_ratio, layer.dead)
    ]
    return (
        *(d.step, d.epoch, d.images, d.floor),
        *(d.validation.recon, d.validation.kl, d.validation.floor),
        *(d.training.recon, d.training.kl, d.training.floor),
        *surgery,
        *d.class_recon.tolist(),
        *worst,
        *(None,) * (2 * missing),
        *layers,
    )


def posterior_rows(d: Diagnosis) -> list[tuple[Cell, ...]]:
    """A diagnosis as rows of posterior.csv: dimensions count from 1."""
    columns = np.stack([getattr(d.posterior, name) for name in _MOMENTS], axis=1)
    return [(d.step, dim, *row) for dim, row in enumerate(columns.tolist(), 1)]


@dataclass(frozen=True, slots=True)
class _DimensionRow:
    step: int
    dimension: int
    moments: tuple[float, ...]


class DiagnosisReader:
    """The diagnoses of a stored run, read on as they grow. A run without the files has none.

    Args:
        path: the run's directory.
        with_posterior: whether posterior.csv is read, too, the larger file.
    """

    def __init__(self, path: Path, config: RunConfig, *, with_posterior: bool = True) -> None:
        self._config = config
        self._with_dims = with_posterior
        columns = diagnosis_columns(config)
        self._rows = RowReader(path / DIAGNOSIS_FILE, columns, self._diagnosis)
        self._dims = RowReader(path / POSTERIOR_FILE, POSTERIOR_COLUMNS, _dimension_row)
        self._moments: dict[int, Doubles] = {}
        """(7, D) by step, of steps whose row of diagnosis.csv hasn't come yet."""
        self._dims_step = -1

    @property
    def problem(self) -> str:
        """Which lines were no rows, and are left out; empty if all were."""
        return "; ".join(r.problem for r in (self._rows, self._dims) if r.problem)

    @property
    def was_cut(self) -> bool:
        """Whether the run went back to a checkpoint."""
        return self._rows.was_cut or self._dims.was_cut

    def read(self, add: Callable[[Diagnosis], None]) -> None:
        """Hand over what is new.

        Raises:
            RunError: naming a file that isn't as it should be; what the other has is handed over.
        """
        while rows := self._rows.new_rows():
            try:
                self._read_dims(rows[-1].step)
            finally:
                for row in rows:
                    add(self._with_posterior(row))

    def _read_dims(self, step: int) -> None:
        """Up to this step's last at least: posterior.csv is written first, so it has them."""
        while self._with_dims and self._dims_step <= step and (rows := self._dims.new_rows()):
            for row in rows:
                self._take(row)
            self._dims_step = rows[-1].step

    def _take(self, row: _DimensionRow) -> None:
        dims = self._config.latent_dim
        if row.step not in self._moments:
            self._moments[row.step] = np.full((len(_MOMENTS), dims), math.nan)
        if row.dimension <= dims:
            self._moments[row.step][:, row.dimension - 1] = row.moments

    def _with_posterior(self, diagnosis: Diagnosis) -> Diagnosis:
        moments = self._moments.pop(diagnosis.step, None)
        if moments is None:
            return diagnosis
        return replace(diagnosis, posterior=AggregatedPosterior(*moments))

    def _diagnosis(self, row: Values) -> Diagnosis:
        surgery = None
        if not math.isnan(row["mutual_information"]):
            surgery = Surgery(
                row["mutual_information"],
                row["mutual_information_upper"],
                row["total_correlation"],
                row["dimension_kl"],
            )
        layers = [name.replace(" ", "_") for name in layer_names(self._config)]
        worst = [
            (whole(row[f"worst_{place}"]), row[f"worst_score_{place}"])
            for place in range(1, WORST + 1)
            if not math.isnan(row[f"worst_{place}"])
        ]
        return Diagnosis(
            step=whole(row["step"]),
            epoch=between(row["epoch"], 0, MAX_EPOCHS),
            images=whole(row["images"], MOST_IMAGES),
            floor=row["pixel_entropy"],
            validation=_subset_score(row, "val"),
            training=_subset_score(row, "train"),
            surgery=surgery,
            posterior=AggregatedPosterior(
                *np.full((len(_MOMENTS), self._config.latent_dim), math.nan)
            ),
            class_recon=np.array([row[name] for name in _CLASS_COLUMNS]),
            worst=np.array([index for index, _ in worst], np.int64),
            worst_scores=np.array([score for _, score in worst], np.float64),
            layers=tuple(
                LayerState(row[f"gradient_{name}"], row[f"update_{name}"], row[f"dead_{name}"])
                for name in layers
            ),
        )


def last_diagnosis(path: Path, config: RunConfig) -> Diagnosis | None:
    """The newest diagnosis of a stored run, without its posterior; None if none can be read."""
    found: list[Diagnosis] = []
    try:
        DiagnosisReader(path, config, with_posterior=False).read(found.append)
    except RunError:
        return None
    return found[-1] if found else None


def _subset_score(row: Values, prefix: str) -> SubsetScore:
    return SubsetScore(row[f"{prefix}_recon"], row[f"{prefix}_kl"], row[f"{prefix}_pixel_entropy"])


def _dimension_row(row: Values) -> _DimensionRow:
    step, dimension = whole(row["step"]), whole(row["dimension"], MAX_WIDTH)
    if dimension < 1:
        raise ValueError("dimensions count from 1")
    return _DimensionRow(step, dimension, tuple(row[name] for name in _MOMENTS))
