"""Panels with a column a latent dimension: its KL, and its aggregated posterior."""

import math

import numpy as np
from textual.geometry import Size
from textual.strip import Strip

from engine.diagnosis import MOST_IMAGES, DimensionKind
from engine.text import dimension_name, fixed, nats
from tui import theme
from tui.screens.diagnosis.panel import (
    KIND_COLORS,
    KIND_LETTERS,
    Cells,
    DiagnosisPanel,
    axis_label,
)
from tui.screens.diagnosis.readings import Readings

MARGIN = 4
"""Columns of the axis's labels."""
EIGHTHS, ASCII_EIGHTHS = " ▁▂▃▄▅▆▇█", "   ######"
LETTERS_ROWS = 1
KS_NOISE = 1.36
"""Over √N: what one in twenty samples of the prior itself exceeds (Kolmogorov's distribution)."""
MOST_SPREAD = 50.0
"""Of an axis: posteriors of a run that has diverged may be anywhere."""


def shown_dims(order: list[int], width: int) -> tuple[list[int], int]:
    """The dimensions that there is room for, and the columns of each."""
    room = max(1, width - MARGIN)
    pitch = next((p for p in (4, 3, 2) if p * len(order) <= room), 1)
    return order[: room // pitch], pitch


def put_numbers(cells: Cells, row: int, dims: list[int], pitch: int) -> None:
    """The dimensions' numbers, from 1, below one another digit by digit."""
    digits = len(str(max(dims) + 1))
    for column, dim in enumerate(dims):
        for place, digit in enumerate(f"{dim + 1:>{digits}}"):
            cells.put(row + place, MARGIN + column * pitch, digit, theme.rgb(theme.QUIET))


def number_rows(dims: list[int]) -> int:
    """Rows that their numbers take."""
    return len(str(max(dims) + 1))


class KlPanel(DiagnosisPanel):
    """The mean KL of every latent dimension, now."""

    export_names = ("kl_heatmap",)
    NOT_OF_AN_AUTOENCODER = (
        "An autoencoder has no KL: its codes are points, and nothing pulls them to a prior."
    )

    def caption(self) -> str:
        """Their sum, and how many of which kind."""
        readings = self.readings
        if readings is None or readings.last is None or not readings.is_vae:
            return "1 KL by dimension"
        counts = [readings.kinds().count(kind) for kind in DimensionKind]
        kinds = zip(counts, DimensionKind, strict=True)
        told = ", ".join(f"{count} {kind}" for count, kind in kinds if count)
        return f"1 KL {nats(readings.last.val.kl)}{' · ' * bool(told)}{told}"

    def reading(self, readings: Readings) -> str:
        """The letters."""
        order = "by KL" if readings.by_kl else "by number"
        return f"{order}: a active, m mixed, p passive (grey: σ ≈ 1, carries nothing)"

    def lines(self, size: Size, readings: Readings) -> list[Strip]:
        """Bars upwards, a letter and the number below each."""
        if readings.last is None:
            return []
        kl = readings.kl()
        dims, pitch = shown_dims(readings.order(), size.width)
        cells = Cells(size.width, size.height)
        rows = size.height - LETTERS_ROWS - number_rows(dims)
        if rows < 1:
            return cells.strips()
        highest = float(np.nanmax(kl)) if np.isfinite(kl).any() else 0.0
        highest = highest if 0 < highest < math.inf else 1.0
        axis = theme.AXES_COLOR
        for row, value in ((0, highest), (rows // 2, highest * (1 - rows // 2 / rows))):
            cells.put(row, 0, f"{axis_label(value):>{MARGIN - 1}}", axis)
        cells.put(rows - 1, 0, f"{'0':>{MARGIN - 1}}", axis)
        kinds = readings.kinds()
        for column, dim in enumerate(dims):
            color = KIND_COLORS[kinds[dim]]
            left = MARGIN + column * pitch
            value = float(kl[dim])
            eighths = round(8 * rows * value / highest) if math.isfinite(value) else 0
            for row in range(rows):
                level = min(8, max(0, eighths - 8 * row))
                bar = ASCII_EIGHTHS[level] if self.image_mode == "ascii" else EIGHTHS[level]
                cells.put(rows - 1 - row, left, bar * max(1, pitch - 1), color)
            cells.put(rows, left, KIND_LETTERS[kinds[dim]], color)
        put_numbers(cells, rows + LETTERS_ROWS, dims, pitch)
        return cells.strips()


class PosteriorPanel(DiagnosisPanel):
    """Mean ± standard deviation of the aggregated posterior of every dimension."""

    export_names = ("diagnosis",)

    def caption(self) -> str:
        """The dimension that is farthest from the prior."""
        title = "5 posterior and prior"
        diagnosis = None if self.readings is None else self.readings.diagnosis
        if diagnosis is None or diagnosis.posterior.worst is None:
            return title
        worst = diagnosis.posterior.worst
        distance = fixed(float(diagnosis.posterior.ks[worst]), 3)
        return f"{title} · worst KS {distance} ({dimension_name(worst)})"

    def reading(self, readings: Readings) -> str:
        """The lines, and what KS is."""
        if not readings.is_vae:
            what = "mean ± sd of the codes; lines: N(0, 1), which nothing asks of them"
            return f"{what}. KS: CDFs' gap"
        images = MOST_IMAGES if readings.diagnosis is None else readings.diagnosis.images
        noise = fixed(KS_NOISE / math.sqrt(images), 2)
        return f"mean ± sd of q(z); lines: the prior's ±1. KS: the CDFs' gap ({noise}: noise)"

    def lines(self, size: Size, readings: Readings) -> list[Strip]:
        """A vertical bar for each dimension, its mean marked; the worst in red."""
        if readings.diagnosis is None:
            return []
        posterior = readings.diagnosis.posterior
        dims, pitch = shown_dims(readings.order(), size.width)
        cells = Cells(size.width, size.height)
        rows = size.height - number_rows(dims)
        deviation = np.sqrt(posterior.variance)
        reach = np.abs(posterior.mean) + deviation
        finite = reach[np.isfinite(reach)]
        most = min(MOST_SPREAD, max(2.0, float(finite.max(initial=0.0)) * 1.05))

        def row_of(value: float) -> int:
            return round((most - value) / (2 * most) * (rows - 1))

        for value in (1.0, 0.0, -1.0):
            line = "─" if value else "┄"
            cells.put(row_of(value), MARGIN, line * size.width, theme.rgb(theme.LINE))
            cells.put(row_of(value), 0, f"{axis_label(value):>{MARGIN - 1}}", theme.AXES_COLOR)
        cells.put(0, 0, f"{axis_label(most):>{MARGIN - 1}}", theme.AXES_COLOR)
        kinds = readings.kinds()
        for column, dim in enumerate(dims):
            mean, spread = float(posterior.mean[dim]), float(deviation[dim])
            if not (math.isfinite(mean) and math.isfinite(spread)):
                continue
            left = MARGIN + column * pitch
            color = theme.rgb(theme.ERROR) if dim == posterior.worst else KIND_COLORS[kinds[dim]]
            top, bottom = (
                min(rows - 1, max(0, row_of(mean + sign * spread))) for sign in (1.0, -1.0)
            )
            for row in range(top, bottom + 1):
                cells.put(row, left, "│", color)
            if abs(mean) <= most:
                cells.put(row_of(mean), left, "o" if self.image_mode == "ascii" else "●", color)
        put_numbers(cells, rows, dims, pitch)
        return cells.strips()
