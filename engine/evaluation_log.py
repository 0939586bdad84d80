"""`EvaluationLog`: the evaluations of a run in little memory, however many there are.

As objects 10,000 of them would take 8 MB, strewn between what training allocates and frees; as
numbers side by side, of a VAE with 20 latent dimensions, it is 2.6 MB.
"""

import math
from array import array

import numpy as np
import numpy.typing as npt

from engine.metrics import Evaluation, Metrics

_WIDTH = 12
"""Numbers of an evaluation, without the KL per dimension."""
_NOT_TRAINED = Metrics(math.nan, math.nan, math.nan)


class EvaluationLog:
    """Append-only. One thread appends and any may read: the GIL makes an array's growth atomic."""

    def __init__(self) -> None:
        self._rows = array("d")
        self._kl = array("d")
        self._kl_ends = array("q")
        """Where each evaluation's are; appended to last, so that what is counted is whole."""

    def __len__(self) -> int:
        return len(self._kl_ends)

    def append(self, e: Evaluation) -> None:
        """Add one."""
        active_units = math.nan if e.active_units is None else e.active_units
        row = [e.step, e.epoch, e.beta, e.lr, active_units, e.seconds]
        for metrics in (e.val, e.train or _NOT_TRAINED):
            row += [metrics.loss, metrics.recon, metrics.kl]
        self._kl.extend(e.kl_per_dim.tolist())
        self._rows.extend(row)
        self._kl_ends.append(len(self._kl))

    def since(self, start: int) -> list[Evaluation]:
        """Those from an index on; new objects at each call."""
        end = len(self)
        if start >= end:
            return []
        bounds = [0] if start == 0 else []
        bounds += self._kl_ends[max(0, start - 1) : end].tolist()
        # Copies, for an array that is looked into can't grow.
        rows = np.frombuffer(self._rows[start * _WIDTH : end * _WIDTH]).reshape(-1, _WIDTH)
        kl_per_dim = np.split(
            np.frombuffer(self._kl[bounds[0] : bounds[-1]]), np.subtract(bounds[1:-1], bounds[0])
        )
        return [_evaluation(*both) for both in zip(rows.tolist(), kl_per_dim, strict=True)]


def _evaluation(row: list[float], kl_per_dim: npt.NDArray[np.float64]) -> Evaluation:
    step, epoch, beta, lr, active_units, seconds, *metrics = row
    return Evaluation(
        step=int(step),
        epoch=epoch,
        beta=beta,
        lr=lr,
        val=Metrics(*metrics[:3]),
        train=None if math.isnan(metrics[3]) else Metrics(*metrics[3:]),
        kl_per_dim=kl_per_dim,
        active_units=None if math.isnan(active_units) else int(active_units),
        seconds=seconds,
    )
