"""A run's series as CSV files: which columns there are, and reading rows while they grow."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from engine.config import MAX_EPOCHS, RunConfig
from engine.errors import RunError
from engine.metrics import Evaluation, Metrics, TrainPoint
from engine.storage.csv_log import Cell
from engine.storage.file_reading import MOST_COUNTED, MOST_SECONDS, cause, open_regular
from engine.text import count

METRICS_FILE, KL_FILE, STEPS_FILE = "metrics.csv", "kl.csv", "steps.csv"
EMA_FILE = "ema.csv"

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
EMA_COLUMNS = ("step", "epoch", "val_loss", "val_neg_elbo", "val_recon", "val_kl", "active_units")

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


def ema_row(e: Evaluation, average: Metrics, active_units: int | None) -> tuple[Cell, ...]:
    """What the average of the weights scores at an evaluation, as a row of ema.csv."""
    return (e.step, e.epoch, *_cells(average), active_units)


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


def evaluation_of(row: Values) -> Evaluation:
    """A row of metrics.csv, without the KL per dimension.

    Raises:
        ValueError: if a run can't have such numbers; as the two below.
    """
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


def kl_of(row: Values) -> tuple[int, npt.NDArray[np.float64]]:
    """A row of kl.csv: the step and the KL (D,) per dimension."""
    step, *kl = row.values()
    return whole(step), np.array(kl)


def train_point_of(row: Values) -> TrainPoint:
    """A row of steps.csv."""
    epoch = between(row["epoch"], 0, MAX_EPOCHS)
    return TrainPoint(whole(row["step"]), epoch, _metrics(row, ""))
