import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from PIL import Image

from engine.config import RunConfig
from engine.figures import scatter
from engine.figures.caption import Caption
from engine.figures.export import render_figure
from engine.figures.options import FigureOptions
from engine.figures.palette import CLASS_COLORS
from engine.projection import Projection
from engine.views import LatentMap, LatentView
from tests.support.figure_source import CLASS_NAMES, FakeSource
from tests.support.made_views import latent_view

pytestmark = pytest.mark.slow

CAPTION = Caption("title", "latent_scatter", "r", RunConfig(), 1, 1.0)


@pytest.fixture
def view(vae: FakeSource) -> LatentView:
    latents: LatentView = vae.view(LatentMap())
    order = np.argsort(latents.labels, kind="stable")
    names = ("PC 1", "PC 2")
    points, labels = latents.points[order], latents.labels[order]
    return latent_view(points, labels, CLASS_NAMES, axis_names=names)


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


def test_hidden_classes_are_left_out_of_points_legend_and_count(vae: FakeSource) -> None:
    options = FigureOptions(hidden_classes=frozenset({0, 6}))
    shown: LatentView = scatter.without_classes(vae.view(LatentMap()), options.hidden_classes)
    assert set(shown.labels.tolist()) == {1, 2, 3, 4, 5, 7, 8, 9}
    whole: LatentView = vae.view(LatentMap())
    np.testing.assert_array_equal(shown.points, whole.points[shown.indices])
    np.testing.assert_array_equal(shown.latents, whole.latents[shown.indices])
    figure = Figure()
    FigureCanvasAgg(figure)
    scatter._draw(figure, shown, CAPTION, options.hidden_classes)
    legend = figure.axes[0].get_legend()
    assert legend is not None
    names = [text.get_text() for text in legend.get_texts()]
    assert names == [f"{name} (30)" for i, name in enumerate(CLASS_NAMES) if i not in (0, 6)]
    assert " 240 validation images " in title(vae, options)


@pytest.mark.usefixtures("coarse")
def test_all_classes_hidden_is_said(vae: FakeSource) -> None:
    assert " 0 validation images " in title(vae, FigureOptions(hidden_classes=frozenset(range(10))))


@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize(("projection", "name"), [("tsne", "t-SNE"), ("umap", "UMAP")])
def test_another_projection_is_made_of_the_splits_latents(
    vae: FakeSource, monkeypatch: pytest.MonkeyPatch, projection: Projection, name: str
) -> None:
    drawn: list[LatentView] = []
    monkeypatch.setattr(scatter, "latent_scatter", spy(drawn))
    options = FigureOptions(projection=projection, latent_map=LatentMap("test"))
    assert title(vae, options) == f"VAE posterior means μ of 300 test images ({name})"
    (job,) = vae.jobs
    (view,) = drawn
    given: LatentView = vae.view(LatentMap("test"))
    assert job.method == projection
    np.testing.assert_array_equal(job.latents, given.latents)
    np.testing.assert_array_equal(view.points, given.points * 7)
    assert view.axis_names == (f"{name} 1", f"{name} 2")
    assert view.plane is None


@pytest.mark.usefixtures("coarse")
def test_titles_name_the_split_and_the_dimensions(vae: FakeSource) -> None:
    assert "of 300 training images (PCA)" in title(
        vae, FigureOptions(latent_map=LatentMap("train"))
    )
    given: LatentView = vae.view(LatentMap())
    axes = ("z₃", "z₁")
    of_dims = replace(given, projection=None, axis_names=axes)
    assert title(vae, FigureOptions(latent_view=of_dims)).endswith("validation images (z₃, z₁)")
    flat = replace(of_dims, latents=given.latents[:, :2])
    assert title(vae, FigureOptions(latent_view=flat)).endswith("validation images")


def test_a_map_that_was_made_already_is_drawn_and_nothing_is_asked(
    vae: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = replace(vae.view(LatentMap()), step=123, projection="umap")
    vae.requests.clear()
    drawn: list[LatentView] = []
    hidden: list[object] = []
    monkeypatch.setattr(scatter, "latent_scatter", spy(drawn, hidden))
    options = FigureOptions(latent_view=given, projection="tsne", hidden_classes=frozenset({9}))
    assert title(vae, options).endswith("270 validation images (UMAP)")
    assert (vae.requests, vae.jobs) == ([], [])
    np.testing.assert_array_equal(drawn[0].points, given.points[given.labels != 9])
    assert drawn[0].step == 123
    assert hidden == [frozenset({9})]


def title(source: FakeSource, options: FigureOptions) -> str:
    png = render_figure(source, "latent_scatter", options)
    return str(Image.open(io.BytesIO(png)).info["Title"])


def spy(drawn: list[LatentView], more: list[object] | None = None) -> Any:
    draw = scatter.latent_scatter

    def noted(view: LatentView, *rest: Any) -> Image.Image:
        drawn.append(view)
        if more is not None:
            more.extend(rest[1:])
        return draw(view, *rest)

    return noted
