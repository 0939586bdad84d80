"""Why a run does as it does, as figures: KL over time, rate and distortion, the diagnosis."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image

from data import CLASS_NAMES
from engine.config import RunConfig
from engine.diagnosis import Diagnosis, DimensionKind, layer_names
from engine.figures import chart
from engine.figures.caption import Caption
from engine.metrics import Evaluation, best_evaluation
from engine.text import count, dimension_name, epoch_label, fixed, nats
from engine.visible_range import drawable, visible_limits

Array = npt.NDArray[np.float64]

SIZE = (8.5, 5.5)
PAGE = (12.0, 8.2)
"""Inches at 300 dots."""
_TRAIL, _NOW, _BEST, _SLOPE = "#4477AA", "#EE7733", "#CC3311", "#AA3377"
_PARTS = ("#4477AA", "#228833", "#AA3377")
# Paul Tol, "bright" and "vibrant" (SRON technical note 3.2, 2021), as in the curves.
_KINDS: dict[DimensionKind | None, str] = {
    DimensionKind.ACTIVE: "#4477AA",
    DimensionKind.MIXED: "#EE7733",
    DimensionKind.PASSIVE: "#BBBBBB",
    None: "#888888",
}
_MOST_TICKS = 40
_TICK_SIZE = 7
_BELOW_HEADING = 0.91
"""Share of the page's height."""


def kl_heatmap(evaluations: Sequence[Evaluation], caption: Caption) -> Image.Image:
    """A row a dimension, the largest last KL on top, a column an evaluation; RGB."""
    known = [e for e in evaluations if len(e.kl_per_dim)]

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        chart.heading(axes, caption.title, caption.subtitle(), above=10)
        if not known:
            chart.message(axes, "no KL of any dimension is known")
            return
        kl = drawable(np.stack([e.kl_per_dim for e in known], axis=1))
        order = np.argsort(-np.nan_to_num(kl[:, -1]), kind="stable")
        image = axes.imshow(
            np.sqrt(np.clip(kl[order], 0, None)),
            aspect="auto",
            interpolation="nearest",
            cmap="magma",
            vmin=0,
        )
        bar = figure.colorbar(image, ax=axes, pad=0.01)
        top = float(np.sqrt(max(0.0, np.nanmax(kl)))) if np.isfinite(kl).any() else 1.0
        ticks = np.linspace(0, top, 5)
        bar.set_ticks(ticks.tolist(), labels=[f"{tick**2:.2g}" for tick in ticks])
        bar.ax.tick_params(labelsize=8, colors=chart.GREY)
        bar.set_label("KL (nats, √ scale)", fontsize=8.5, color=chart.INK)
        every = max(1, -(-len(order) // _MOST_TICKS))
        axes.set_yticks(
            range(0, len(order), every),
            [dimension_name(int(dim)) for dim in order[::every]],
            fontsize=_TICK_SIZE,
        )
        columns = np.unique(np.linspace(0, len(known) - 1, min(len(known), 12)).round().astype(int))
        axes.set_xticks(columns, [epoch_label(known[c].epoch) for c in columns], fontsize=8)
        chart.name_axes(axes, "epoch (many evaluations in the first)", "latent dimension")
        chart.footnote(axes, ["Mean KL of each dimension over the validation images, by last KL."])

    return chart.render(draw, SIZE)


def rate_distortion(
    evaluations: Sequence[Evaluation], config: RunConfig, caption: Caption
) -> Image.Image:
    """The run as a trail of (KL, reconstruction), lines of equal −ELBO, the slope −β; RGB.

    Alemi et al. 2018: at its optimum for β, a run's rate–distortion curve has the slope −β.
    """

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        chart.style_axes(axes)
        chart.heading(axes, caption.title, caption.subtitle(), above=28)
        table = drawable(
            np.array([(e.epoch, e.val.kl, e.val.recon) for e in evaluations]).reshape(-1, 3)
        )
        table = table[np.isfinite(table).all(axis=1)]
        if not len(table):
            chart.message(axes, "no rate: " + ("nothing evaluated yet" * (config.model == "vae")))
            return
        axes.grid(visible=False)
        epochs, kl, recon = table.T
        x, y = (visible_limits([(epochs, part)]) for part in (kl, recon))
        low = max(0.0, x.low)
        across = np.linspace(low, x.high, 2)
        levels = np.linspace(low + y.low, x.high + y.high, 12)[1:-1]
        for level in levels:
            axes.plot(across, level - across, color=chart.LINE, linewidth=0.8, zorder=1)
            middle = (max(low, level - y.high) + min(x.high, level - y.low)) / 2
            axes.annotate(
                f"{level:.0f}", (middle, level - middle), fontsize=7, color=chart.GREY, zorder=1
            )
        (trail,) = axes.plot(
            kl, recon, color=_TRAIL, linewidth=1.4, marker="o", markersize=2.5, label="the run"
        )
        last, best = evaluations[-1], best_evaluation(evaluations)
        reach = 0.15 * (x.high - low)
        ends = np.array([last.val.kl - reach, last.val.kl + reach])
        (slope,) = axes.plot(
            ends,
            last.val.recon - last.beta * (ends - last.val.kl),
            color=_SLOPE,
            linewidth=1.4,
            label=f"slope −β = −{last.beta:.3g}",
        )
        handles = [trail, slope]
        if best is not None:
            handles += axes.plot(
                [best.val.kl],
                [best.val.recon],
                linestyle="",
                marker="o",
                color=_BEST,
                markerfacecolor="white",
                markersize=7,
                zorder=5,
                label=f"best {nats(best.score)} (epoch {epoch_label(best.epoch)})",
            )
        axes.set_xlim(low, x.high)
        axes.set_ylim(y.low, y.high)
        chart.legend_above(axes, handles)
        chart.name_axes(axes, "KL: rate (nats)", "reconstruction: distortion (nats)")
        chart.footnote(axes, ["Grey lines: equal −ELBO; lower left is better."])

    return chart.render(draw, SIZE)


def diagnosis_page(
    diagnoses: Sequence[Diagnosis],
    evaluations: Sequence[Evaluation],
    config: RunConfig,
    caption: Caption,
) -> Image.Image:
    """Six charts of a run's diagnoses; RGB."""

    def draw(figure: Figure) -> None:
        if not diagnoses:
            axes = figure.add_subplot()
            chart.heading(axes, caption.title, caption.subtitle(), above=10)
            chart.message(axes, "no diagnosis was made of this run")
            return
        last = diagnoses[-1]
        kl = next((e.kl_per_dim for e in reversed(evaluations) if e.step <= last.step), np.empty(0))
        panels: list[Callable[[Axes], None]] = [
            lambda axes: _kl(axes, kl, last),
            lambda axes: _surgery(axes, diagnoses),
            lambda axes: _posterior(axes, last),
            lambda axes: _updates(axes, diagnoses, config),
            lambda axes: _gap(axes, diagnoses),
            lambda axes: _classes(axes, last),
        ]
        for axes, panel in zip(figure.subplots(2, 3).flat, panels, strict=True):
            chart.style_axes(axes)
            panel(axes)
        what = f"{count(last.images, 'validation image')} and as many of training"
        first = figure.axes[0]
        panels_texts = len(first.texts)
        chart.heading(first, caption.title, caption.subtitle(what), above=34)
        # The layout would widen the first chart's column for its heading.
        for text in first.texts[panels_texts:]:
            text.set_in_layout(False)
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.set(rect=(0, 0, 1, _BELOW_HEADING))  # type: ignore[call-arg]

    return chart.render(draw, PAGE)


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, fontsize=9, color=chart.INK, loc="left", parse_math=False)


def _dims(axes: Axes, dims: int) -> None:
    every = max(1, -(-dims // 20))
    places = range(0, dims, every)
    axes.set_xticks(places, [str(dim + 1) for dim in places], fontsize=_TICK_SIZE)


def _kl(axes: Axes, kl: Array, last: Diagnosis) -> None:
    _title(axes, "KL by dimension (nats)")
    if not len(kl):
        chart.message(axes, "an autoencoder has no KL")
        return
    kinds = last.posterior.kinds
    axes.bar(np.arange(len(kl)), drawable(kl), color=[_KINDS[kind] for kind in kinds], width=0.8)
    _dims(axes, len(kl))
    handles = [
        Patch(color=_KINDS[kind], label=f"{kinds.count(kind)} {kind}") for kind in DimensionKind
    ]
    axes.legend(handles=handles, fontsize=7, frameon=False, labelcolor=chart.INK)
    chart.name_axes(axes, "latent dimension", None)


def _surgery(axes: Axes, diagnoses: Sequence[Diagnosis]) -> None:
    _title(axes, "where the KL goes (nats)")
    found = [(d.epoch, d.surgery) for d in diagnoses if d.surgery is not None]
    if not found:
        chart.message(axes, "an autoencoder has no KL")
        return
    epochs = np.array([epoch for epoch, _ in found])
    series = {
        "I(x; z)": [s.mutual_information for _, s in found],
        "total correlation": [s.total_correlation for _, s in found],
        "dimension-wise KL": [s.dimension_kl for _, s in found],
    }
    values = [drawable(np.array(each)) for each in series.values()]
    for name, each, color in zip(series, values, _PARTS, strict=True):
        axes.plot(epochs, each, color=color, linewidth=1.4, label=f"{name} {fixed(each[-1], 2)}")
    images = diagnoses[-1].images
    ceiling = float(np.log(max(1, images)))
    axes.axhline(ceiling, color=_PARTS[0], linewidth=0.7, linestyle=":")
    axes.annotate(f"ln {images:,}", (0, ceiling), fontsize=7, color=chart.GREY, va="bottom")
    limits = visible_limits([(epochs, each) for each in values], floor=0.0)
    axes.set_ylim(limits.low, max(limits.high, 1.1 * ceiling if limits.high > ceiling / 2 else 0))
    axes.legend(fontsize=7, frameon=False, labelcolor=chart.INK)
    chart.name_axes(axes, "epoch", None)


def _posterior(axes: Axes, last: Diagnosis) -> None:
    posterior = last.posterior
    worst = posterior.worst
    told = ""
    if worst is not None:
        told = f" (worst KS {fixed(float(posterior.ks[worst]), 3)}, {dimension_name(worst)})"
    _title(axes, f"q(z), mean ± sd{told}")
    dims = len(posterior.mean)
    axes.axhspan(-1, 1, color="#eeeeee", zorder=0)
    colors = [_KINDS[kind] for kind in posterior.kinds]
    if worst is not None:
        colors[worst] = _BEST
    mean, spread = drawable(posterior.mean), np.sqrt(drawable(posterior.variance))
    axes.vlines(np.arange(dims), mean - spread, mean + spread, colors=colors, linewidth=2)
    axes.scatter(np.arange(dims), mean, c=colors, s=14, zorder=3)
    _dims(axes, dims)
    chart.name_axes(axes, "latent dimension; grey: the prior's ±1", None)


def _updates(axes: Axes, diagnoses: Sequence[Diagnosis], config: RunConfig) -> None:
    _title(axes, "last update / weights, by layer")
    epochs = np.array([d.epoch for d in diagnoses])
    drawn = False
    for index, name in enumerate(layer_names(config)):
        ratios = np.array([d.layers[index].update_ratio for d in diagnoses])
        ratios = np.where(np.isfinite(ratios) & (ratios > 0), ratios, np.nan)
        drawn = drawn or bool(np.isfinite(ratios).any())
        style = "-" if name.startswith("encoder") else "--"
        axes.plot(epochs, ratios, linewidth=1.2, linestyle=style, label=name)
    if not drawn:
        chart.message(axes, "no step was taken")
        return
    axes.set_yscale("log")
    axes.legend(fontsize=6.5, frameon=False, ncols=2, labelcolor=chart.INK)
    chart.name_axes(axes, "epoch", None)


def _gap(axes: Axes, diagnoses: Sequence[Diagnosis]) -> None:
    gap = fixed(diagnoses[-1].gap, 2, signed=True)
    _title(axes, f"nats above the pixels' entropy (gap {gap})")
    epochs = np.array([d.epoch for d in diagnoses])
    curves = []
    for name, color in (("validation", _NOW), ("training", _TRAIL)):
        values = drawable(np.array([getattr(d, name).above_floor for d in diagnoses]))
        axes.plot(epochs, values, color=color, linewidth=1.4, label=f"{name} {nats(values[-1])}")
        curves.append((epochs, values))
    limits = visible_limits(curves)
    axes.set_ylim(limits.low, limits.high)
    axes.legend(fontsize=7, frameon=False, labelcolor=chart.INK)
    chart.name_axes(axes, "epoch", None)


def _classes(axes: Axes, last: Diagnosis) -> None:
    _title(axes, "reconstruction by class (nats)")
    values = drawable(last.class_recon)
    order = np.argsort(np.nan_to_num(values, nan=-1.0))
    axes.barh(np.arange(len(order)), np.nan_to_num(values[order]), color=_TRAIL, height=0.7)
    axes.set_yticks(range(len(order)), [CLASS_NAMES[i] for i in order], fontsize=_TICK_SIZE)
