"""Lines as braille characters: eight dots a cell, two across and four down."""

import numpy as np
import numpy.typing as npt

DOTS_ACROSS, DOTS_DOWN = 2, 4
BLANK = 0x2800
_DOT_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""(4, 2) what each dot of a cell adds to the character's code, from the top."""

Dots = npt.NDArray[np.intp]


def dots_of(values: npt.NDArray[np.float64], low: float, high: float, count: int) -> Dots:
    """Which of `count` dots each value (N,) falls on: `low` on the first, `high` on the last."""
    share = (values - low) / (high - low)
    # Rounded first: 9.999999999 is 10.
    return np.floor(np.round(0.5 + (count - 1) * share, 8)).astype(np.intp)


def line_dots(x: Dots, y: Dots) -> tuple[Dots, Dots]:
    """All dots of the line through dots (N,), N ≥ 1, without gaps."""
    dx, dy = np.diff(x), np.diff(y)
    steps = np.maximum(np.abs(dx), np.abs(dy))
    part = np.repeat(np.arange(len(steps)), steps)
    along = (np.arange(len(part)) - (np.cumsum(steps) - steps)[part]) / steps[part]
    return (
        np.append(np.rint(x[part] + dx[part] * along), x[-1]).astype(np.intp),
        np.append(np.rint(y[part] + dy[part] * along), y[-1]).astype(np.intp),
    )


def cells_of(x: Dots, y: Dots, columns: int, rows: int) -> tuple[Dots, Dots, list[str]]:
    """The cells in which dots (N,), from the top left, lie: rows, columns (M,), characters."""
    grid = np.zeros((rows * DOTS_DOWN, columns * DOTS_ACROSS), np.bool_)
    grid[y, x] = True
    dots = grid.reshape(rows, DOTS_DOWN, columns, DOTS_ACROSS)
    codes = np.einsum("rdca,da->rc", dots, _DOT_BITS)
    cell_rows, cell_columns = np.nonzero(codes)
    return (
        cell_rows,
        cell_columns,
        [chr(BLANK + c) for c in codes[cell_rows, cell_columns].tolist()],
    )
