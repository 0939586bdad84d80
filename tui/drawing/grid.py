"""A plane's points on a grid of terminal cells, and back. Only numpy, no terminal."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.views import Labels

EMPTY = -1
RANGE_QUANTILE = 0.001
"""The share of points on each side that may lie beyond the map's edge: strays would shrink it."""
CELL_ASPECT = 2.0
"""A terminal cell's height over its width, about."""

Cells = npt.NDArray[np.intp]
Points = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells laid over a plane, one scale for both axes; the second axis points up.

    A cell is (column, row), from the top left; a point is (x, y) in the plane's units.
    """

    columns: int
    rows: int
    centre: tuple[float, float] = (0.0, 0.0)
    """The point in the middle of the grid."""
    scale: float = 1.0
    """Units of the plane in a cell's width."""
    aspect: float = CELL_ASPECT
    """A cell's height over its width."""

    @classmethod
    def around(cls, points: Points, columns: int, rows: int, aspect: float = CELL_ASPECT) -> "Grid":
        """The grid on which points (N, 2) are as large as fits; what isn't finite is ignored."""
        finite = points[np.isfinite(points).all(axis=1)].astype(np.float64)
        if not len(finite):
            return cls(columns, rows, aspect=aspect)
        # Without interpolation: of few images the outermost are the edge, not beyond it.
        low = np.quantile(finite, RANGE_QUANTILE, axis=0, method="lower")
        high = np.quantile(finite, 1 - RANGE_QUANTILE, axis=0, method="higher")
        x, y = ((low + high) / 2).tolist()
        width, height = np.maximum(1.001 * (high - low), 1e-9).tolist()
        return cls(columns, rows, (x, y), max(width / columns, height / (rows * aspect)), aspect)

    def cells(self, points: Points) -> tuple[Cells, Cells]:
        """Columns and rows (N,) of points (N, 2); EMPTY, EMPTY for those off the grid."""
        offset = (points.astype(np.float64) - self.centre) / self.scale
        with np.errstate(invalid="ignore"):
            x = np.floor(offset[:, 0] + self.columns / 2)
            y = np.floor(self.rows / 2 - offset[:, 1] / self.aspect)
            inside = (x >= 0) & (x < self.columns) & (y >= 0) & (y < self.rows)
        columns, rows = (np.where(inside, part, EMPTY).astype(np.intp) for part in (x, y))
        return columns, rows

    def cell(self, x: float, y: float) -> tuple[int, int]:
        """The cell of a point; beyond the edge, the nearest one."""
        column = (x - self.centre[0]) / self.scale + self.columns / 2
        row = self.rows / 2 - (y - self.centre[1]) / (self.scale * self.aspect)
        # Clipped before they are rounded: a point may be too far off for an integer.
        return (
            int(min(max(column, 0.0), self.columns - 1.0)),
            int(min(max(row, 0.0), self.rows - 1.0)),
        )

    def point(self, column: int, row: int) -> tuple[float, float]:
        """The middle of a cell."""
        x = self.centre[0] + (column + 0.5 - self.columns / 2) * self.scale
        y = self.centre[1] - (row + 0.5 - self.rows / 2) * self.scale * self.aspect
        return x, y


@dataclass(frozen=True, slots=True, eq=False)
class Occupancy:
    """How many images of which class lie in every cell."""

    counts: npt.NDArray[np.intp]
    """(rows, columns, classes)"""
    majority: Cells
    """(rows, columns) the most frequent class, EMPTY where no image lies."""
    density: npt.NDArray[np.intp]
    """(rows, columns) 0, 1, 2: few, some, many images in the cell."""


def occupancy(
    grid: Grid,
    points: Points,
    labels: Labels,
    classes: int,
    hidden: frozenset[int] = frozenset(),
) -> Occupancy:
    """Count points (N, 2) by cell and class.

    Args:
        hidden: classes not to count.
    """
    columns, rows = grid.cells(points)
    counted = (columns != EMPTY) & is_shown(labels, hidden)
    flat = (rows[counted] * grid.columns + columns[counted]) * classes + labels[counted]
    counts = np.bincount(flat, minlength=grid.rows * grid.columns * classes)
    counts = counts.reshape(grid.rows, grid.columns, classes)
    totals = counts.sum(axis=2)
    majority = np.where(totals > 0, counts.argmax(axis=2), EMPTY)
    return Occupancy(counts, majority, _density(totals))


def is_shown(labels: Labels, hidden: frozenset[int]) -> npt.NDArray[np.bool_]:
    """(N,) whether the class of each image is not hidden."""
    return ~np.isin(labels, sorted(hidden)) if hidden else np.ones(len(labels), np.bool_)


def _density(totals: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    occupied = totals[totals > 0]
    # The fullest cells of a collapsed posterior hold everything: they must not dim the rest.
    top = np.quantile(occupied, 0.95) if len(occupied) else 0.0
    if top <= 1:
        return np.ones_like(totals)
    return np.digitize(totals, [max(1.0, top / 6) + 0.5, max(3.0, top / 2)])


def nearest_point(
    points: Points, shown: npt.NDArray[np.bool_], target: tuple[float, float]
) -> int | None:
    """The row of the point nearest to `target`, of those that are shown; None if there is none."""
    squares = np.square(points.astype(np.float64) - target).sum(axis=1)
    squares[~shown | ~np.isfinite(squares)] = np.inf
    if not len(squares):
        return None
    row = int(squares.argmin())
    return row if np.isfinite(squares[row]) else None
