"""A run's series as CSV files: which columns there are, and reading them while they grow."""

import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from engine.config import MAX_EPOCHS, RunConfig
from engine.errors import RunError
from engine.history import History
from engine.metrics import Evaluation, Metrics, TrainPoint
from engine.storage.csv_log import Cell
from engine.storage.file_reading import MOST_COUNTED, MOST_SECONDS, cause, open_regular
from engine.text import count

METRICS_FILE, KL_FILE, STEPS_FILE = "metrics.csv", "kl.csv", "steps.csv"

METRICS_COLUMNS = (
    "step",
    "epoch",
    "seconds",
    "beta",
    "lr",
    "train_loss",
    "train_neg_elbo",
    "train_recon",
    "train_kl",
    "val_loss",
    "val_neg_elbo",
    "val_recon",
    "val_kl",
    "active_units",
)
_FIRST_METRICS_COLUMNS = 14
"""The oldest runs have these: a column that is added later stands behind them."""
STEPS_COLUMNS = ("step", "epoch", "loss", "neg_elbo", "recon", "kl")

BLOCK = 1 << 20
"""Bytes of a file that are read and made into numbers at once: the rows of a long run are not."""

Row = TypeVar("Row")
Values = dict[str, float]


def kl_columns(config: RunConfig) -> tuple[str, ...]:
    """The columns of kl.csv: a VAE's mean KL of each latent dimension at each evaluation."""
    return ("step", *(f"kl_{dim}" for dim in range(1, config.latent_dim + 1)))


def evaluation_row(e: Evaluation) -> tuple[Cell, ...]:
    """An evaluation as a row of metrics.csv."""
    trained: tuple[Cell, ...] = (None,) * 4 if e.train is None else _cells(e.train)
    return (e.step, e.epoch, e.seconds, e.beta, e.lr, *trained, *_cells(e.val), e.active_units)


def kl_row(e: Evaluation) -> tuple[Cell, ...]:
    """An evaluation as a row of kl.csv."""
    return (e.step, *e.kl_per_dim.tolist())


def train_point_row(point: TrainPoint) -> tuple[Cell, ...]:
    """A point of the training curve as a row of steps.csv."""
    return (point.step, point.epoch, *_cells(point.metrics))


class RowReader(Generic[Row]):
    """The rows of a CSV file that a run's process appends to.

    A line that is no row costs itself alone. What spreadsheets and editors make of our files is
    read as well: a byte-order mark, CRLF, blank lines, quoted names.

    Args:
        file: need not exist yet.
        columns: what its first line has to name.
        make: a row from its numbers; an empty cell is NaN. ValueError if they can't be one.
        oldest: how many of the columns an older program's file may end after; the others are NaN
            then. None for no such files.
    """

    def __init__(
        self,
        file: Path,
        columns: tuple[str, ...],
        make: Callable[[Values], Row],
        oldest: int | None = None,
    ) -> None:
        self._file = file
        self._columns = columns
        self._make = make
        self._oldest = len(columns) if oldest is None else oldest
        self._found = columns
        self._lacking: Values = {}
        self._offset = 0
        self._line = 0
        self._read_last = b""
        self._bad_lines = 0
        self._first_problem = ""
        self.is_at_end = False
        """Whether the last call came to the end of what there is now."""
        self.problem = ""
        """Which lines were no rows; empty if all were."""

    @property
    def was_cut(self) -> bool:
        """Whether what was read last is not there any more: the run went back a little."""
        if self._offset == 0:
            return False
        try:
            with open_regular(self._file) as stream:
                stream.seek(self._offset - len(self._read_last))
                return stream.read(len(self._read_last)) != self._read_last
        except FileNotFoundError:
            return True
        except OSError:
            return False

    def new_rows(self) -> list[Row]:
        """Rows since the last call, of a block at most: call again until there are none.

        A line without its end is still being written, and comes later.

        Raises:
            RunError: naming the file, if it can't be read or isn't of these columns.
        """
        rows: list[Row] = []
        self.is_at_end = False
        while not rows and not self.is_at_end:
            whole = self._next_lines()
            if not whole:
                break
            # Of bytes that are no text only their line is lost.
            lines = whole.decode("utf-8", "replace").split("\n")[:-1]
            for number, line in enumerate(lines, self._line + 1):
                self._take(number, line.rstrip("\r"), rows)
            self._offset += len(whole)
            self._read_last = whole[whole.rfind(b"\n", 0, -1) + 1 :]
            self._line += len(lines)
        return rows

    def _next_lines(self) -> bytes:
        """The whole lines of the next block."""
        try:
            with open_regular(self._file) as stream:
                stream.seek(self._offset)
                content = stream.read(BLOCK)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise RunError(f"{self._file} can't be read: {cause(error)}") from error
        self.is_at_end = len(content) < BLOCK
        whole = content[: content.rfind(b"\n") + 1]
        if not whole and not self.is_at_end:
            raise RunError(f"{self._file} line {self._line + 1} is longer than any of ours")
        return whole

    def _take(self, number: int, line: str, rows: list[Row]) -> None:
        cells = line.split(",")
        if number == 1:
            names = tuple(cell.strip(' "') for cell in line.removeprefix("\ufeff").split(","))
            if len(names) < self._oldest or names != self._columns[: len(names)]:
                header = ",".join(self._columns)
                raise RunError(f"{self._file} line 1 is not the header {header}")
            self._found = names
            self._lacking = dict.fromkeys(self._columns[len(names) :], math.nan)
        elif line.strip():
            try:
                values = [float(cell) if cell else math.nan for cell in cells]
                row = dict(zip(self._found, values, strict=True))
                row.update(self._lacking)
                rows.append(self._make(row))
            except (ValueError, OverflowError):
                self._bad_lines += 1
                if self._bad_lines == 1:
                    first = f"{self._file} line {number} is not a row of {len(self._found)}"
                    self._first_problem = f"{first} numbers that a run can have"
                others = self._bad_lines - 1
                more = f", nor {'is' if others == 1 else 'are'} {count(others, 'other line')}"
                self.problem = self._first_problem + (more if others else "")


def metrics_reader(path: Path, make: Callable[[Values], Row]) -> RowReader[Row]:
    """Reads the metrics.csv of a run's directory, of today's program or of an older one."""
    return RowReader(path / METRICS_FILE, METRICS_COLUMNS, make, oldest=_FIRST_METRICS_COLUMNS)


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
        self._evaluations = metrics_reader(path, _evaluation)
        self._points = RowReader(path / STEPS_FILE, STEPS_COLUMNS, _train_point)
        self._kl = RowReader(path / KL_FILE, kl_columns(self._config), _kl)
        self._kl_per_dim: dict[int, npt.NDArray[np.float64]] = {}
        self._kl_step = -1

    @property
    def problem(self) -> str:
        """Which lines of a file were no rows, and are left out; empty if all were."""
        problems = [r.problem for r in (self._evaluations, self._kl, self._points)]
        return "; ".join(problem for problem in problems if problem)

    def update(self) -> History:
        """Read what is new; the history.

        Raises:
            RunError: naming a file that is not as it should be; the others are read all the same.
        """
        if self._evaluations.was_cut or self._kl.was_cut or self._points.was_cut:
            self._begin()
        error: RunError | None = None
        for read in (self._read_evaluations, self._read_points):
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


def _cells(m: Metrics) -> tuple[float, float, float, float]:
    return (m.loss, m.neg_elbo, m.recon, m.kl)


def _metrics(row: Values, prefix: str) -> Metrics:
    return Metrics(row[f"{prefix}loss"], row[f"{prefix}recon"], row[f"{prefix}kl"])


def whole(value: float, most: int = MOST_COUNTED) -> int:
    """A cell that counts.

    Raises:
        ValueError: if it isn't a whole number from 0 to this.
    """
    if not (0 <= value <= most and value.is_integer()):
        raise ValueError("not a count")
    return int(value)


def between(value: float, low: float, high: float) -> float:
    """A cell of this range.

    Raises:
        ValueError: if it isn't.
    """
    if not low <= value <= high:
        raise ValueError("not in its range")
    return value


def _evaluation(row: Values) -> Evaluation:
    return Evaluation(
        step=whole(row["step"]),
        epoch=between(row["epoch"], 0, MAX_EPOCHS),
        beta=between(row["beta"], 0, sys.float_info.max),
        lr=between(row["lr"], 0, sys.float_info.max),
        val=_metrics(row, "val_"),
        train=None if math.isnan(row["train_loss"]) else _metrics(row, "train_"),
        kl_per_dim=np.empty(0),
        active_units=None if math.isnan(row["active_units"]) else whole(row["active_units"]),
        seconds=between(row["seconds"], 0, MOST_SECONDS),
    )


def _kl(row: Values) -> tuple[int, npt.NDArray[np.float64]]:
    step, *kl = row.values()
    return whole(step), np.array(kl)


def _train_point(row: Values) -> TrainPoint:
    epoch = between(row["epoch"], 0, MAX_EPOCHS)
    return TrainPoint(whole(row["step"]), epoch, _metrics(row, ""))
