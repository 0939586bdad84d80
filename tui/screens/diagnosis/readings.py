"""`Readings`: what the panels show of a run, read on as its history grows."""

from collections.abc import Sequence

import numpy as np

from engine.config import RunConfig
from engine.diagnosis import Diagnosis, DimensionKind, Doubles
from engine.history import History
from engine.metrics import Evaluation
from engine.snapshot import Snapshot
from tui.drawing.curves import HistoryCurves


class Readings:
    """Of one history.

    Args:
        config: of its run.
    """

    def __init__(self, config: RunConfig, history: History) -> None:
        self.config, self.history = config, history
        self.curves = HistoryCurves(history)
        self.evaluations: list[tuple[int, float]] = []
        """Step and epoch of each."""
        self.diagnoses: list[Diagnosis] = []
        self.last: Evaluation | None = None
        self.by_kl = True
        """Whether dimensions are in the order of their KL, or of their numbers."""
        self._kl: list[Doubles] = []
        self.snapshot: Snapshot | None = None

    @property
    def version(self) -> tuple[object, ...]:
        """Changes with what there is to show."""
        return (id(self), len(self.evaluations), len(self.diagnoses), self.by_kl)

    @property
    def is_vae(self) -> bool:
        """Whether there is a KL."""
        return self.config.model == "vae"

    @property
    def diagnosis(self) -> Diagnosis | None:
        """The newest."""
        return self.diagnoses[-1] if self.diagnoses else None

    def read(self, snapshot: Snapshot) -> None:
        """Take in what came since the last call."""
        self.snapshot = snapshot
        self.curves.read()
        dims = self.config.latent_dim
        for evaluation in self.history.evaluations(len(self.evaluations)):
            kl = evaluation.kl_per_dim
            # A damaged file may lack an evaluation's.
            self._kl.append(kl if len(kl) == dims else np.full(dims, np.nan))
            self.evaluations.append((evaluation.step, evaluation.epoch))
            self.last = evaluation
        self.diagnoses += self.history.diagnoses(len(self.diagnoses))

    def kl(self) -> Doubles:
        """(D,) mean KL of each dimension at the newest evaluation; NaN where it isn't known."""
        return self._kl[-1] if self._kl else np.full(self.config.latent_dim, np.nan)

    def kl_over_time(self, at: Sequence[int]) -> Doubles:
        """(D, len(at)) of the evaluations at these indices."""
        return np.stack([self._kl[index] for index in at], axis=1)

    def order(self) -> list[int]:
        """The dimensions, from 0, as they are shown: the largest KL first, or by number."""
        if not self.by_kl or not self.is_vae:
            return list(range(self.config.latent_dim))
        found: list[int] = np.argsort(-np.nan_to_num(self.kl()), kind="stable").tolist()
        return found

    def kinds(self) -> Sequence[DimensionKind | None]:
        """What each dimension does; None where it isn't known (yet)."""
        if self.diagnosis is None:
            return (None,) * self.config.latent_dim
        return self.diagnosis.posterior.kinds
