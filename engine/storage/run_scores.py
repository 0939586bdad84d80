"""`RunScores`: what a list of runs needs of a metrics.csv, read on as the file grows."""

from dataclasses import dataclass
from pathlib import Path

from engine.config import MAX_EPOCHS
from engine.metrics import Metrics, best_evaluation
from engine.storage.file_reading import MOST_SECONDS
from engine.storage.metrics_csv import between, metrics_reader, whole


@dataclass(frozen=True, slots=True)
class ScoredEpoch:
    """A row of metrics.csv."""

    step: float
    epoch: float
    seconds: float
    score: float


class RunScores:
    """The last and the best evaluation of a run; a look costs what is new, not all.

    Args:
        path: the run's directory.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begin()

    def _begin(self) -> None:
        self._reader = metrics_reader(self._path, _row)
        self.last: ScoredEpoch | None = None
        self.best: ScoredEpoch | None = None
        """The `best_evaluation` so far."""

    @property
    def problem(self) -> str:
        """Which lines were no rows, and are left out; empty if all were."""
        return self._reader.problem

    def update(self) -> None:
        """Read what is new.

        Raises:
            RunError: naming the file, if it can't be read.
        """
        if self._reader.was_cut:
            self._begin()
        while rows := self._reader.new_rows():
            self.last = rows[-1]
            known = [] if self.best is None else [self.best]
            self.best = best_evaluation([*known, *rows])
            if self._reader.is_at_end:
                break


def _row(values: dict[str, float]) -> ScoredEpoch:
    val = Metrics(values["val_loss"], values["val_recon"], values["val_kl"])
    return ScoredEpoch(
        step=whole(values["step"]),
        epoch=between(values["epoch"], 0, MAX_EPOCHS),
        seconds=between(values["seconds"], 0, MOST_SECONDS),
        score=val.score,
    )
