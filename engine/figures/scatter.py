"""The latent scatter with Matplotlib: where a split's images lie, by class."""

import dataclasses
from collections.abc import Collection

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path as MarkerPath
from matplotlib.transforms import Affine2D, IdentityTransform
from PIL import Image

from engine.figures import chart
from engine.figures.caption import Caption
from engine.figures.palette import class_color, class_marker
from engine.views import LatentView

SIZE = (8.5, 6.9)
"""Inches: 2550×2070 pixels."""

_MARK_POINTS = 3.4
_MARK_SCALE = {"s": 0.88, "D": 0.82, "d": 1.12, "P": 1.1, "X": 1.12, "*": 1.4}
"""So that all markers cover about the same area."""
_ALPHA = 0.7
_EDGE = 0.65
"""An edge in a darker shade keeps the pale colours visible on paper."""
_DRAW_ORDER_SEED = 0


def latent_scatter(view: LatentView, caption: Caption, hidden: Collection[int] = ()) -> Image.Image:
    """Points by class in colour and marker, both axes in the same scale; RGB, 2550×2070.

    Args:
        view: without the points of the hidden classes.
        hidden: classes that the legend leaves out.
    """
    return chart.render(lambda figure: _draw(figure, view, caption, hidden), SIZE)


def without_classes(view: LatentView, hidden: Collection[int]) -> LatentView:
    """The map without the points of some classes; the axes stay what they were."""
    if not hidden:
        return view
    shown = ~np.isin(view.labels, list(hidden))
    return dataclasses.replace(
        view,
        points=view.points[shown],
        labels=view.labels[shown],
        indices=view.indices[shown],
        latents=view.latents[shown],
    )


def _draw(figure: Figure, view: LatentView, caption: Caption, hidden: Collection[int] = ()) -> None:
    axes = figure.add_subplot()
    chart.style_axes(axes)
    known = np.isfinite(view.points).all(axis=1)
    missing = int((~known).sum())
    more = [f"{missing:,} points are not finite numbers"] if missing else []
    chart.heading(axes, caption.title, caption.subtitle(*more), above=12)
    chart.name_axes(axes, *view.axis_names)
    if not known.any():
        chart.message(axes, "no point is a finite number" if missing else "no images to show")
        return
    # In the order of the file, or by class, the last drawn would hide the others.
    order = np.random.default_rng(_DRAW_ORDER_SEED).permutation(np.flatnonzero(known))
    points, labels = view.points[order].astype(np.float64), view.labels[order].tolist()
    classes = sorted({*range(len(view.class_names)), *labels} - set(hidden))
    marks = {label: _mark(class_marker(label)) for label in classes}
    faces = {label: to_rgba(class_color(label), _ALPHA) for label in classes}
    edges = {label: to_rgba(_darker(class_color(label)), _ALPHA) for label in classes}
    # One collection with a marker per point, as a collection per class could not be shuffled.
    collection = PathCollection(
        [marks[label] for label in labels],
        sizes=[_MARK_POINTS**2],
        offsets=points,
        offset_transform=axes.transData,
        facecolors=[faces[label] for label in labels],
        edgecolors=[edges[label] for label in labels],
        linewidths=[0.25],
    )
    collection.set_transform(IdentityTransform())
    axes.add_collection(collection, autolim=False)
    _fit(axes, points)
    axes.set_aspect("equal", adjustable="datalim")
    _legend(axes, view, classes, labels)


def _fit(axes: Axes, points: npt.NDArray[np.float64]) -> None:
    low, high = points.min(axis=0), points.max(axis=0)
    # A collapsed posterior puts all images into one point: that must not become an axis of 1e-9.
    padding = 0.04 * max(float((high - low).max()), 1e-2)
    axes.update_datalim([low - padding, high + padding])
    axes.margins(0)
    axes.autoscale_view()


def _legend(axes: Axes, view: LatentView, classes: list[int], labels: list[int]) -> None:
    counts = np.bincount(labels, minlength=max(classes) + 1)
    handles = [
        Line2D(
            [],
            [],
            linestyle="",
            marker=class_marker(label),
            markersize=6.5 * _MARK_SCALE.get(class_marker(label), 1.0),
            markerfacecolor=class_color(label),
            markeredgecolor=_darker(class_color(label)),
            markeredgewidth=0.5,
            label=f"{_name(view, label)} ({counts[label]:,})",
        )
        for label in classes
    ]
    legend = axes.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        frameon=False,
        fontsize=8.5,
        labelcolor=chart.INK,
        labelspacing=0.75,
        borderpad=0.0,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _mark(marker: str) -> MarkerPath:
    style = MarkerStyle(marker)
    scale = _MARK_SCALE.get(marker, 1.0)
    return style.get_path().transformed(style.get_transform()).transformed(Affine2D().scale(scale))


def _darker(color: str) -> tuple[float, float, float]:
    red, green, blue = to_rgb(color)
    return red * _EDGE, green * _EDGE, blue * _EDGE


def _name(view: LatentView, label: int) -> str:
    return view.class_names[label] if label < len(view.class_names) else f"class {label}"
