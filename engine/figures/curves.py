"""Training and validation curves with Matplotlib.

A VAE's chart shows −ELBO and its reconstruction part above, its KL part below, as the two differ
by an order of magnitude. The loss has a panel of its own where the optimiser minimises something
else than −ELBO. An autoencoder has a reconstruction loss only, and no ELBO.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from engine.config import RunConfig
from engine.figures import chart
from engine.figures.caption import Caption
from engine.metrics import Evaluation, Metrics, TrainPoint, best_evaluation
from engine.run_settings import penalty_text
from engine.text import UNKNOWN, compact, epoch_label, fixed
from engine.visible_range import Limits, drawable, visible_limits

Array = npt.NDArray[np.float64]

SIZE = (8.5, 5.5)
"""Inches: 2550×1650 pixels."""
_EXTRA_PANEL = 0.95
"""Inches that a third panel adds to the height."""
_SIDE = 0.012
"""Free space left and right of the curves, so that the points at the ends are whole."""

_STEERED = "#777777"
_MOST_CHANGES = 3
"""Changes of settings that a footnote names."""

# Paul Tol, "bright" (SRON technical note 3.2, 2021).
_SCORE, _RECON, _LOSS, _KL, _BEST = "#4477AA", "#66AFCE", "#BBA033", "#AA3377", "#CC3311"

_SMOOTHED_ABOVE = 200
"""Curves of more points are drawn as a running mean, over a fiftieth of them."""
_MARKED_UP_TO = 80
_LONGEST_NUMBER = 1e6


@dataclass(frozen=True, slots=True)
class _Series:
    """The curves by position; all arrays are (N,), with NaN where a number is missing."""

    epochs: Array
    score: Array
    recon: Array
    kl: Array
    loss: Array


@dataclass(frozen=True, slots=True)
class _Line:
    """A curve of a panel: its name in the legend, its values, how it is drawn."""

    name: str
    values: Array
    color: str
    width: float


@dataclass(frozen=True, slots=True)
class _Panel:
    """Curves that share axes; the first is the one the panel is about."""

    axis_name: str
    lines: tuple[_Line, ...]
    floor: float | None = None


def train_curve(points: Sequence[TrainPoint], caption: Caption) -> Image.Image:
    """The running training metrics, in RGB, 2550 pixels wide.

    Above 200 points the lines are running means, with the values as measured behind them.
    """
    series = _series([p.epoch for p in points], [p.metrics for p in points])
    return _chart(series, caption, "no steps trained yet", best=None)


def validation_curve(evaluations: Sequence[Evaluation], caption: Caption) -> Image.Image:
    """The validation metrics with the best trained evaluation marked; RGB, 2550 pixels wide."""
    series = _series([e.epoch for e in evaluations], [e.val for e in evaluations])
    best = best_evaluation(evaluations)
    index = next((i for i, e in enumerate(evaluations) if e is best), None)
    return _chart(series, caption, "nothing evaluated yet", index)


def running_mean(values: Array, window: int) -> Array:
    """Centred mean over `window` values, fewer at the ends; NaN are left out, and stay NaN."""
    if window <= 1:
        return values
    known = np.isfinite(values)
    before = (window - 1) // 2
    # Each window is summed by itself: of differences of running sums one huge value would leave
    # nothing to all that come after it.
    weights = np.ones(window)
    first = window - 1 - before
    shares = np.where(known, values, 0.0) / window  # so that no sum overflows
    sums = np.convolve(shares, weights)[first : first + len(values)]
    counts = np.convolve(known.astype(np.float64), weights)[first : first + len(values)]
    return np.where(known, sums * (window / np.maximum(counts, 1.0)), np.nan)


def _series(epochs: Sequence[float], metrics: Sequence[Metrics]) -> _Series:
    columns = [(m.score, m.recon, m.kl, m.loss) for m in metrics]
    table = np.array(columns, dtype=np.float64).reshape(-1, 4)
    # A line through infinity has no place on an axis; a gap says that a number is missing.
    table = drawable(table)
    score, recon, kl, loss = table.T
    return _Series(np.array(epochs, dtype=np.float64), score, recon, kl, loss)


def _panels(series: _Series, config: RunConfig) -> list[_Panel]:
    if config.model == "ae":
        line = _Line("reconstruction BCE", series.score, _SCORE, 1.8)
        return [_Panel("reconstruction BCE (nats per image)", (line,))]
    elbo = _Line("−ELBO", series.score, _SCORE, 1.8)
    recon = _Line("reconstruction", series.recon, _RECON, 1.2)
    kl = _Line("KL", series.kl, _KL, 1.5)
    # A KL that falls to 0 is a collapse, so 0 is on the axis.
    panels = [_Panel("−ELBO (nats per image)", (elbo, recon)), _Panel("KL (nats)", (kl,), 0.0)]
    rises = config.full_beta_epoch > 0 and config.beta > 0
    if rises or config.beta != 1 or config.penalty:
        how = "rising to" if config.kl_schedule == "linear" else "in cycles up to"
        weight = f"β {how} {config.beta:g}" if rises else f"β = {config.beta:g}"
        terms = ", ".join(filter(None, [weight, penalty_text(config)]))
        loss = _Line(f"loss ({terms})", series.loss, _LOSS, 1.5)
        panels.append(_Panel("loss (nats)", (loss,)))
    return panels


def _chart(series: _Series, caption: Caption, empty: str, best: int | None) -> Image.Image:
    if np.isfinite(series.score).any():
        panels = _panels(series, caption.config)
        width, height = SIZE
        size = (width, height + _EXTRA_PANEL * max(0, len(panels) - 2))
        return chart.render(lambda figure: _draw(figure, series, panels, caption, best), size)
    why = "no value is a finite number" if len(series.epochs) else empty
    return chart.render(lambda figure: _draw_empty(figure, series, caption, why), SIZE)


def _draw_empty(figure: Figure, series: _Series, caption: Caption, why: str) -> None:
    axes = figure.add_subplot()
    chart.style_axes(axes)
    chart.message(axes, why)
    chart.name_axes(axes, "epoch", _panels(series, caption.config)[0].axis_name)
    chart.heading(axes, caption.title, caption.subtitle(), above=12)


def _draw(
    figure: Figure,
    series: _Series,
    panels: Sequence[_Panel],
    caption: Caption,
    best: int | None,
) -> None:
    ratios = [3, *[1] * (len(panels) - 1)]
    stack = figure.subplots(len(panels), 1, sharex=True, height_ratios=ratios, squeeze=False)[:, 0]
    handles: list[Artist] = []
    cut: list[str] = []
    for axes, panel in zip(stack, panels, strict=True):
        drawn, limits = _draw_panel(axes, series.epochs, panel)
        handles += drawn
        chart.name_axes(axes, None, panel.axis_name)
        about = panel.lines[0]
        if outside := limits.outside(about.values):
            cut.append(
                f"{outside:,} of {about.name} (up to {_short(np.nanmax(about.values), 0)} nats)"
            )
    for axes in stack:
        for change in caption.steering:
            epoch = caption.epoch_of(change)
            axes.axvline(epoch, color=_STEERED, linestyle=":", linewidth=1.0, zorder=1)
    if best is not None:
        handles.insert(1, _mark_best(stack[0], series, best))
    chart.name_axes(stack[-1], "epoch", None)
    figure.align_ylabels()
    chart.legend_above(stack[0], handles)
    chart.heading(stack[0], caption.title, caption.subtitle(), above=28)
    chart.footnote(stack[-1], _notes(series, cut, caption))


def _draw_panel(axes: Axes, epochs: Array, panel: _Panel) -> tuple[list[Artist], Limits]:
    chart.style_axes(axes)
    window = _window(len(epochs))
    handles: list[Artist] = []
    shown: list[Array] = []
    for order, line in enumerate(panel.lines):
        values = running_mean(line.values, window)
        shown.append(values)
        (drawn,) = axes.plot(
            epochs,
            values,
            color=line.color,
            linewidth=line.width,
            marker="o" if len(epochs) <= _MARKED_UP_TO else "",
            markersize=2.6,
            label=f"{line.name} {_last(values)}",
            zorder=3 - 0.1 * order,  # the score lies over its parts
        )
        handles.append(drawn)
    about = panel.lines[0]
    if window > 1 and np.isfinite(about.values).any():
        axes.plot(epochs, about.values, color=about.color, alpha=0.3, linewidth=0.5)
        # The scatter of single points has a place on the chart, but its extremes don't decide.
        shown.append(np.clip(about.values, *np.nanquantile(about.values, (0.02, 0.95))))
    limits = visible_limits([(epochs, values) for values in shown], floor=panel.floor)
    axes.set_ylim(limits.low, limits.high)
    end = float(epochs[-1]) or 1.0
    axes.set_xlim(-_SIDE * end, (1 + _SIDE) * end)
    return handles, limits


def _mark_best(axes: Axes, series: _Series, best: int) -> Artist:
    epoch, score = float(series.epochs[best]), float(series.score[best])
    (drawn,) = axes.plot(
        [epoch],
        [score],
        linestyle="",
        marker="o",
        markersize=6.5,
        color=_BEST,
        markerfacecolor="white",
        markeredgewidth=1.6,
        label=f"best {_short(score, 1)} (epoch {epoch_label(epoch)})",
        clip_on=False,
        zorder=5,
    )
    return drawn


def _window(count: int) -> int:
    return max(3, count // 50) if count > _SMOOTHED_ABOVE else 1


def _last(values: Array) -> str:
    finite = values[np.isfinite(values)]
    return _short(float(finite[-1]), 1) if len(finite) else UNKNOWN


def _short(nats: float, decimals: int) -> str:
    return fixed(nats, decimals) if abs(nats) < _LONGEST_NUMBER else compact(nats)


def _notes(series: _Series, cut: Sequence[str], caption: Caption) -> list[str]:
    count = len(series.epochs)
    reading = "Numbers above: the last value of each line."
    if (window := _window(count)) > 1:
        span = window * float(series.epochs[-1]) / count
        reading += f" Lines: mean over {window} points ({epoch_label(span)} epochs)."
        reading += " Behind: as measured."
    rest = [f"Points not shown: {', '.join(cut)}."] if cut else []
    if caption.steering:
        changes = [f"{c.text} (epoch {epoch_label(caption.epoch_of(c))})" for c in caption.steering]
        shown = ", ".join(changes[:_MOST_CHANGES])
        more = len(changes) - _MOST_CHANGES
        rest.append(f"Dotted: {shown}{f' and {more} more' if more > 0 else ''}.")
    if missing := int(np.isnan(series.score).sum()):
        rest.append(f"Left out: {missing:,} points that are not finite numbers.")
    return [reading, " ".join(rest)] if rest else [reading]
