"""Histories of real runs, healthy and sick; `tests.support.record_histories` made them."""

import functools
import json
import lzma
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.config import RunConfig
from engine.history import History
from engine.metrics import Evaluation, Metrics, TrainPoint

FILE = Path(__file__).parent / "recorded_histories.json.xz"
_DIGITS = 5
"""Significant ones that are kept, of at least 0.001."""


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """What is kept of a run; of the training curve the loss alone."""

    kind: str
    seed: int
    images: int
    config: RunConfig
    history: History
    error: str
    """Why it ended before its time, if it did."""


def record(run: Recorded) -> dict[str, Any]:
    """As JSON can hold it."""
    changed = run.config.changed_settings()
    settings = {name: value for name, value in run.config.to_dict().items() if name in changed}
    return {
        "kind": run.kind,
        "seed": run.seed,
        "images": run.images,
        "config": settings,
        "error": run.error,
        "evaluations": [_row(e) for e in run.history.evaluations()],
        "kl": [[_short(k) for k in e.kl_per_dim] for e in run.history.evaluations()],
        "steps": [p.step for p in run.history.train_points()],
        "losses": [_short(p.metrics.loss, 4) for p in run.history.train_points()],
    }


def packed(records: list[dict[str, Any]]) -> bytes:
    """All records as the content of `FILE`."""
    return lzma.compress(json.dumps(records, separators=(",", ":")).encode(), preset=9)


@functools.cache
def recorded_histories() -> tuple[Recorded, ...]:
    """Every recorded run."""
    return tuple(map(read_record, json.loads(lzma.decompress(FILE.read_bytes()))))


def read_record(values: dict[str, Any]) -> Recorded:
    """Back from `record`'s form."""
    config = RunConfig.from_dict(values["config"])
    evaluations = [
        _evaluation(row, kl) for row, kl in zip(values["evaluations"], values["kl"], strict=True)
    ]
    per_epoch = evaluations[-1].step / evaluations[-1].epoch if evaluations[-1].step else 1.0
    points = [
        TrainPoint(step, step / per_epoch, Metrics(_number(loss), math.nan, math.nan))
        for step, loss in zip(values["steps"], values["losses"], strict=True)
    ]
    return Recorded(
        values["kind"],
        values["seed"],
        values["images"],
        config,
        History(evaluations, points),
        values["error"],
    )


def _row(e: Evaluation) -> list[Any]:
    train = [] if e.train is None else [e.train.loss, e.train.recon, e.train.kl]
    numbers = [e.val.loss, e.val.recon, e.val.kl, *train]
    return [e.step, round(e.epoch, 5), e.beta, e.lr, e.active_units, *map(_short, numbers)]


def _evaluation(row: list[Any], kl: list[float | None]) -> Evaluation:
    step, epoch, beta, lr, active_units, *numbers = row
    values = [_number(n) for n in numbers]
    return Evaluation(
        step=step,
        epoch=epoch,
        beta=beta,
        lr=lr,
        val=Metrics(*values[:3]),
        train=Metrics(*values[3:]) if values[3:] else None,
        kl_per_dim=np.array([_number(k) for k in kl]),
        active_units=active_units,
        seconds=0.0,
    )


def _short(value: float, digits: int = _DIGITS) -> float | None:
    if not math.isfinite(value):
        return None
    return round(float(f"{value:.{digits}g}"), 3)


def _number(value: float | None) -> float:
    return math.nan if value is None else value
