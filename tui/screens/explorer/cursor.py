"""`LatentCursor`: a position on a latent map, and the latent point that it stands for."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.views import LatentView, Split
from tui.drawing.grid import Grid, is_shown, nearest_point


@dataclass(frozen=True, slots=True, eq=False)
class LatentPoint:
    """What is known at the cursor without asking the model."""

    latent: npt.NDArray[np.float32]
    """(D,) what is decoded."""
    coordinates: tuple[tuple[str, float], ...]
    """Axis and value; empty where the map's axes mean nothing by themselves."""
    split: Split
    index: int | None
    """Position in the split of the image nearest on the map, of the classes that are shown."""
    label: int | None
    """That image's class."""
    counts: tuple[tuple[int, int], ...]
    """(class, images) in the cursor's cell, the most frequent first."""
    class_names: tuple[str, ...]


class LatentCursor:
    """Stays where it is while the map under it learns; between kinds of map, it stays with the
    image under it.
    """

    def __init__(self) -> None:
        self.x = self.y = 0.0
        self.view: LatentView | None = None
        self._hidden: frozenset[int] = frozenset()
        self._nearest: int | None = None

    @property
    def nearest(self) -> int | None:
        """The row in the view of the image nearest to the cursor on the map."""
        return self._nearest

    def clear(self) -> None:
        """Forget the map: it is of another run."""
        self.view = self._nearest = None

    def show(self, view: LatentView) -> None:
        """Be on another map."""
        before, self.view = self.view, view
        if before is None or not self._stays(before, view):
            row = None
            if before is not None and before.split == view.split and self._nearest is not None:
                row = row_of(view, int(before.indices[self._nearest]))
            self.x, self.y = _finite_position(view, row)
        self._look()

    def move_to(self, x: float, y: float) -> None:
        """Go to a position."""
        self.x, self.y = x, y
        self._look()

    def hide(self, classes: frozenset[int]) -> None:
        """Leave classes out when the nearest image is looked for."""
        self._hidden = classes
        self._look()

    def point(self, grid: Grid) -> LatentPoint | None:
        """What is here; None if nothing can be decoded.

        Args:
            grid: the cells that the map is drawn with.
        """
        view, row = self.view, self._nearest
        if view is None:
            return None
        if view.plane is not None:
            latent = view.plane.latent(self.x, self.y)[0]
            names = [name.split(" (")[0] for name in view.axis_names]
            values = (self.x, self.y)
            coordinates = tuple(zip(names, values, strict=True))[: max(1, min(2, len(latent)))]
        elif row is not None:
            # A position between the points of a t-SNE stands for nothing: the cursor snaps to one.
            latent, coordinates = view.latents[row], ()
        else:
            return None
        return LatentPoint(
            latent=latent,
            coordinates=coordinates,
            split=view.split,
            index=None if row is None else int(view.indices[row]),
            label=None if row is None else int(view.labels[row]),
            counts=self._counts(view, grid),
            class_names=view.class_names,
        )

    def _counts(self, view: LatentView, grid: Grid) -> tuple[tuple[int, int], ...]:
        columns, rows = grid.cells(view.points)
        column, row = grid.cell(self.x, self.y)
        here = (columns == column) & (rows == row) & is_shown(view.labels, self._hidden)
        counts = np.bincount(view.labels[here], minlength=len(view.class_names)).tolist()
        found = sorted(enumerate(counts), key=lambda pair: -pair[1])
        return tuple((label, count) for label, count in found if count)

    def _look(self) -> None:
        if self.view is not None:
            shown = is_shown(self.view.labels, self._hidden)
            self._nearest = nearest_point(self.view.points, shown, (self.x, self.y))

    @staticmethod
    def _stays(before: LatentView, now: LatentView) -> bool:
        if before.plane is None or now.plane is None or before.projection != now.projection:
            return False
        # The names of principal components hold the explained variance, which changes.
        return now.projection is not None or before.axis_names == now.axis_names


def row_of(view: LatentView, index: int | None) -> int | None:
    """Where an image of the split is in a view; None if it isn't."""
    rows = [] if index is None else np.flatnonzero(view.indices == index).tolist()
    return rows[0] if rows else None


def _finite_position(view: LatentView, row: int | None) -> tuple[float, float]:
    """A point's position, or the mean of all."""
    points = view.points[[row]] if row is not None else view.points
    finite = points[np.isfinite(points).all(axis=1)]
    if not len(finite):
        return 0.0, 0.0
    x, y = finite.astype(np.float64).mean(axis=0).tolist()
    return x, y
