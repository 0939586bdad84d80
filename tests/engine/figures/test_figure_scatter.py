from typing import Any

import numpy as np
import pytest
from figure_source import CLASS_NAMES, FakeSource
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from engine.config import RunConfig
from engine.figures import scatter
from engine.figures.caption import Caption
from engine.figures.palette import CLASS_COLORS
from engine.views import LatentMap, LatentView

CAPTION = Caption("title", "latent_scatter", "r", RunConfig(), 1, 1.0)


@pytest.fixture
def view(vae: FakeSource) -> LatentView:
    latents: LatentView = vae.view(LatentMap())
    order = np.argsort(latents.labels, kind="stable")
    return LatentView(
        1, 1.0, latents.points[order], latents.labels[order], CLASS_NAMES, "PCA", ("PC 1", "PC 2")
    )


def drawn(view: LatentView) -> tuple[Figure, PathCollection]:
    figure = Figure()
    FigureCanvasAgg(figure)
    scatter._draw(figure, view, CAPTION)
    (collection,) = figure.axes[0].collections
    assert isinstance(collection, PathCollection)
    return figure, collection


def hexes(colors: Any) -> list[str]:
    return ["#" + "".join(f"{round(255 * c):02X}" for c in color[:3]) for color in colors]


def test_every_point_has_the_colour_and_marker_of_its_class(view: LatentView) -> None:
    _, collection = drawn(view)
    label_at = {tuple(p): int(c) for p, c in zip(view.points.tolist(), view.labels, strict=True)}
    labels = [label_at[tuple(p)] for p in np.asarray(collection.get_offsets()).tolist()]
    assert len(labels) == 300
    assert hexes(collection.get_facecolor()) == [CLASS_COLORS[label] for label in labels]
    shapes = {
        label: path.vertices.tobytes()
        for label, path in zip(labels, collection.get_paths(), strict=True)
    }
    assert len(set(shapes.values())) == 10
    for label, path in zip(labels, collection.get_paths(), strict=True):
        assert path.vertices.tobytes() == shapes[label]


def test_no_class_is_drawn_over_the_others(view: LatentView) -> None:
    _, collection = drawn(view)
    last_fifty = hexes(collection.get_facecolor())[-50:]
    assert len(set(last_fifty)) >= 8


def test_the_legend_names_every_class_once_outside_the_axes(view: LatentView) -> None:
    figure, _ = drawn(view)
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()] == [f"{name} (30)" for name in CLASS_NAMES]
    figure.canvas.draw()
    assert legend.get_window_extent().x0 >= figure.axes[0].get_window_extent().x1


def test_both_axes_have_the_same_scale_and_the_views_names(view: LatentView) -> None:
    figure, _ = drawn(view)
    axes = figure.axes[0]
    figure.canvas.draw()
    box = axes.get_window_extent()
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert box.width / (right - left) == pytest.approx(box.height / (top - bottom))
    assert left < view.points[:, 0].min()
    assert top > view.points[:, 1].max()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("PC 1", "PC 2")
