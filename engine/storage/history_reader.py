"""`HistoryReader`: the history of a stored run, from its CSV files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.config import RunConfig
from engine.errors import RunError
from engine.history import History
from engine.metrics import Evaluation
from engine.storage.diagnosis_csv import DiagnosisReader
from engine.storage.metrics_csv import (
    KL_FILE,
    STEPS_COLUMNS,
    STEPS_FILE,
    RowReader,
    evaluation_of,
    kl_columns,
    kl_of,
    metrics_reader,
    train_point_of,
)


class HistoryReader:
    """The history of a stored run, read once or again and again while it grows.

    Args:
        path: the run's directory.
    """

    def __init__(self, path: Path, config: RunConfig) -> None:
        self._path, self._config = path, config
        self._begin()

    def _begin(self) -> None:
        path = self._path
        self.history = History()
        """What was read so far; another object after the run went back to a checkpoint."""
        self._evaluations = metrics_reader(path, evaluation_of)
        self._points = RowReader(path / STEPS_FILE, STEPS_COLUMNS, train_point_of)
        self._kl = RowReader(path / KL_FILE, kl_columns(self._config), kl_of)
        self._diagnoses = DiagnosisReader(path, self._config)
        self._kl_per_dim: dict[int, npt.NDArray[np.float64]] = {}
        self._kl_step = -1

    @property
    def problem(self) -> str:
        """Which lines of a file were no rows, and are left out; empty if all were."""
        readers = (self._evaluations, self._kl, self._points, self._diagnoses)
        problems = [reader.problem for reader in readers]
        return "; ".join(problem for problem in problems if problem)

    def update(self) -> History:
        """Read what is new; the history.

        Raises:
            RunError: naming a file that is not as it should be; the others are read all the same.
        """
        readers = (self._evaluations, self._kl, self._points, self._diagnoses)
        if any(reader.was_cut for reader in readers):
            self._begin()
        error: RunError | None = None
        for read in (self._read_evaluations, self._read_points, self._read_diagnoses):
            try:
                read()
            except RunError as problem:
                error = error or problem
        if error is not None:
            raise error
        return self.history

    def _read_evaluations(self) -> None:
        while evaluations := self._evaluations.new_rows():
            # After the metrics: kl.csv is written before them, so it has whatever they have.
            try:
                self._read_kl(evaluations[-1].step)
            finally:
                self._add(evaluations)

    def _read_points(self) -> None:
        while points := self._points.new_rows():
            self.history.add_train_points(points)

    def _read_diagnoses(self) -> None:
        self._diagnoses.read(self.history.add_diagnosis)

    def _read_kl(self, step: int) -> None:
        """Up to this step's at least."""
        if self._config.model == "vae":
            while self._kl_step < step and (rows := self._kl.new_rows()):
                self._kl_per_dim.update(rows)
                self._kl_step = rows[-1][0]

    def _add(self, evaluations: list[Evaluation]) -> None:
        for evaluation in evaluations:
            per_dim = self._kl_per_dim.pop(evaluation.step, None)
            self.history.add_evaluation(
                evaluation if per_dim is None else replace(evaluation, kl_per_dim=per_dim)
            )
