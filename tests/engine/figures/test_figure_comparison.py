import io
import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from engine.analysis.comparison import RunComparison, compare
from engine.analysis.jobs import Mixture
from engine.config import RunConfig
from engine.errors import FigureError
from engine.figures import chart, comparison_page
from engine.figures.caption import ComparisonCaption
from engine.figures.comparison import export_comparison, render_comparison
from engine.figures.comparison_page import comparison_layout
from engine.figures.comparison_table import settings_lines, table_row
from engine.figures.options import FigureOptions
from engine.metrics import Metrics
from engine.views import Decode, PriorSamples, Reconstructions, ReconstructionView
from tests.support.figure_source import CLASS_NAMES, FakeSource
from tests.support.tiles import assert_apart, enlarged, written

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("coarse")]


def opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    image.load()
    return image


def row_of(page: Image.Image, origins: tuple[tuple[int, int], ...]) -> list[Any]:
    tiles = []
    for x, y in origins:
        colors = np.asarray(page.crop((x, y, x + 280, y + 280)))
        assert (colors == colors[..., :1]).all(), "not grey"
        tiles.append(colors[..., 0])
    return tiles


def assert_shows(page: Image.Image, origins: tuple[tuple[int, int], ...], images: Any) -> None:
    assert len(origins) == len(images)
    for shown, image in zip(row_of(page, origins), images, strict=True):
        np.testing.assert_array_equal(shown, enlarged(image))


def test_every_row_shows_its_images_pixel_by_pixel(vae: FakeSource, ae: FakeSource) -> None:
    options = FigureOptions(samples=PriorSamples(seed=3))
    page = opened(render_comparison((vae, ae), options))
    layout = comparison_layout(2, 10)
    assert page.size == layout.size
    rows = (layout.originals, *layout.reconstructions, *layout.prior, *layout.mixture)
    assert_apart(tuple(origin for row in rows for origin in row), layout.size)
    view: ReconstructionView = vae.view(Reconstructions())
    assert_shows(page, layout.originals, view.originals[::2])
    for i, source in enumerate((vae, ae)):
        view = source.view(Reconstructions())
        assert_shows(page, layout.reconstructions[i], view.reconstructions[::2])
        prior = source.view(PriorSamples(seed=3)).images[:10]
        assert_shows(page, layout.prior[i], prior)
        (drawn,) = [r.latents for r in source.requests if isinstance(r, Decode)]
        dims = source.config.latent_dim
        fitted = Mixture(np.ones(1), np.ones((1, dims)), np.eye(dims)[None])
        np.testing.assert_array_equal(drawn, fitted.sample(10, 3))
        assert_shows(page, layout.mixture[i], source.view(Decode(drawn)).images)


def test_the_mixture_is_fitted_to_the_training_images(vae: FakeSource, ae: FakeSource) -> None:
    render_comparison((vae, ae))
    for source in (vae, ae):
        accuracy, mixture = source.jobs
        assert len(accuracy.train) == len(accuracy.train_labels) == len(mixture.latents) == 90
        assert len(accuracy.held_out) == len(accuracy.labels) == 30
        assert mixture.components == 10


def test_the_page_names_every_row_and_column_and_cuts_no_word(
    vae: FakeSource, ae: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = written(monkeypatch)
    render_comparison((vae, ae))
    assert words[0] == "VAE vae-test and AE ae-test compared"
    assert set(CLASS_NAMES) < set(words)
    for expected in (
        "original",
        "VAE: reconstruction",
        "AE: reconstruction",
        "VAE: from the prior N(0, I)",
        "AE: from N(0, I), not its prior",
        "VAE: from 1 fitted Gaussians",
        "AE: from 1 fitted Gaussians",
    ):
        assert words.count(expected) == 1, expected
    assert words.count("vae-test") == words.count("ae-test") == 1 + 1 + 2
    assert not any("AE" in word and "ELBO of ae" in word for word in words)


def test_the_longest_names_and_numbers_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    words = written(monkeypatch)
    config = RunConfig(latent_dim=400, epochs=1_000_000)
    sources = [FakeSource(config, name="W" * 100 + str(i)) for i in range(2)]
    for source in sources:
        huge = Metrics(1e6, 123_456.789, 1e5)
        source.evaluated = [source.evaluation(290, huge)]
    render_comparison(sources)
    assert "223,456.79" in words


def test_the_table_has_a_number_or_a_dash_for_every_column(vae: FakeSource, ae: FakeSource) -> None:
    first, second = (run.numbers for run in compare((vae, ae)))
    last = vae.evaluated[-1].val
    assert table_row(first) == (
        "VAE",
        "20",
        "6",
        "6",
        "228.12",
        "0.01706",
        f"{last.recon:.2f}",
        f"{last.recon + last.kl:.2f}",
        "83.8 %",
        "10 of 20",
    )
    assert table_row(second)[0] == "AE"
    assert table_row(second)[6:8] == ("–", "–")
    assert table_row(replace(second, best=None, recon_bce=float("nan")))[3:5] == ("–", "–")


def test_a_bound_that_is_not_of_these_weights_is_said_to_be_older(
    vae: FakeSource, ae: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = written(monkeypatch)
    render_comparison((vae, ae))
    assert not any("the last evaluation" in word for word in words)
    for source in (vae, ae):
        del source.evaluated[-1]
    render_comparison((vae, ae))
    (note,) = [word for word in words if "the last evaluation" in word]
    assert note.endswith("before these weights: vae-test (epoch 5).")


@pytest.fixture
def charts(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    figures: list[Figure] = []

    class Recorded(Figure):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            figures.append(self)

    monkeypatch.setattr(chart, "Figure", Recorded)
    return figures


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def test_the_chart_sets_reconstruction_against_reconstruction(
    vae: FakeSource, ae: FakeSource, charts: list[Figure]
) -> None:
    beta = FakeSource(RunConfig(beta=4.0), name="beta")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        render_comparison((vae, ae, beta))
    (figure,) = charts
    (axes,) = figure.axes
    assert axes.get_ylabel() == "reconstruction BCE (nats per image)"
    assert len(axes.lines) == 3
    for line, source in zip(axes.lines, (vae, ae, beta), strict=True):
        np.testing.assert_allclose(
            np.asarray(line.get_ydata()), [e.val.recon for e in source.evaluated]
        )
        np.testing.assert_allclose(
            np.asarray(line.get_xdata()), [e.epoch for e in source.evaluated]
        )
        assert str(line.get_label()).startswith(source.name)
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == 3
    assert "ELBO" not in texts(figure)
    assert "one z drawn for each image" in texts(figure)
    legend = axes.get_legend()
    assert legend is not None
    assert "vae-test (VAE, at a z ~ q(z|x))" in texts(figure)
    assert "ae-test (AE, from its code)" in texts(figure)


def test_two_autoencoders_need_no_caveat(ae: FakeSource, charts: list[Figure]) -> None:
    render_comparison((ae, replace(ae, name="second")))
    assert "drawn" not in texts(charts[0])


def test_runs_without_evaluations_are_compared_by_the_rest(
    vae: FakeSource, ae: FakeSource, charts: list[Figure]
) -> None:
    vae.evaluated, ae.evaluated = [], []
    page = opened(render_comparison((vae, ae)))
    assert "nothing evaluated yet" in texts(charts[0])
    assert page.size == comparison_layout(2, 10).size


def test_three_runs_have_a_row_each(vae: FakeSource, ae: FakeSource) -> None:
    third = FakeSource(RunConfig(latent_dim=2), name="third")
    page = opened(render_comparison((vae, ae, third)))
    layout = comparison_layout(3, 10, settings=True)
    assert page.size == layout.size
    prior = third.view(PriorSamples()).images[:10]
    assert_shows(page, layout.prior[2], prior)


def sweep(count: int) -> list[FakeSource]:
    """Runs of one model, whose long names differ at their end."""
    return [
        FakeSource(
            RunConfig(beta=float(n), seed=n), name=f"vae-20260728-120000-of-a-sweep-beta-{n}"
        )
        for n in range(1, count + 1)
    ]


def test_two_runs_of_one_model_are_named_by_what_tells_them_apart(
    monkeypatch: pytest.MonkeyPatch, charts: list[Figure]
) -> None:
    words = written(monkeypatch)
    render_comparison(sweep(2))
    for number in (1, 2):
        in_table, beside_rows = f"…120000-of-a-sweep-beta-{number}", f"…of-a-sweep-beta-{number}"
        assert words.count(in_table) == 1
        assert words.count(beside_rows) == 1 + 2  # the reconstructions, two rows of samples
        assert f"β {number} · seed {number}" in words
        assert f"{in_table} (VAE, at a z ~ q(z|x))" in texts(charts[0])


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
def test_up_to_six_runs_have_rows_lines_and_names_of_their_own(
    count: int, charts: list[Figure], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = written(monkeypatch)  # asserts that none is cut or over another
    sources = [*sweep(count - 1), FakeSource(RunConfig(model="ae"), name="ae-20260728")]
    page = opened(render_comparison(sources))
    layout = comparison_layout(count, 10, settings=True)
    assert page.size == layout.size
    rows = (layout.originals, *layout.reconstructions, *layout.prior, *layout.mixture)
    assert_apart(tuple(origin for row in rows for origin in row), layout.size)
    for i, source in enumerate(sources):
        view: ReconstructionView = source.view(Reconstructions())
        assert_shows(page, layout.reconstructions[i], view.reconstructions[::2])
    (axes,) = charts[0].axes
    lines = axes.lines
    assert len({line.get_color() for line in lines}) == count
    assert len({line.get_marker() for line in lines}) == count
    assert len({str(line.get_label()) for line in lines}) == count
    assert words[0].startswith("VAE " if count < 4 else f"{count} runs")


def test_a_long_run_has_markers_at_other_places_than_the_next(
    vae: FakeSource, charts: list[Figure]
) -> None:
    long = [replace(vae, epochs=200, name=name) for name in ("a", "b")]
    render_comparison(long)
    first, second = (line.get_markevery() for line in charts[0].axes[0].lines)
    assert first == (0, 16)
    assert second == (8, 16)


def test_only_settings_that_differ_are_told_and_only_of_models_that_have_them() -> None:
    vae, ae = RunConfig(lr=1e-3), RunConfig(model="ae", beta=3.0, lr=1e-4)
    assert settings_lines((vae, ae)) == ("lr 0.001", "lr 0.0001")
    assert settings_lines((vae, replace(ae, lr=1e-3, kl_warmup=9.0))) == ("", "")
    deeper = RunConfig(lr=1e-3, hidden=(400,), beta=4.0, epochs=3, threads=2)
    assert settings_lines((vae, deeper)) == ("hidden 512-256 · β 1", "hidden 400 · β 4")
    assert settings_lines((vae, deeper, ae))[2] == "hidden 512-256 · lr 0.0001"


def test_the_file_says_what_it_is_of(vae: FakeSource, ae: FakeSource, tmp_path: Path) -> None:
    path = export_comparison((vae, ae), tmp_path / "exports")
    assert path == tmp_path / "exports" / "comparison.png"
    with Image.open(path) as image:
        info = image.info
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        greys = np.asarray(image.convert("L"))
    edge = np.concatenate((greys[0], greys[-1], greys[:, 0], greys[:, -1]))
    assert (edge == 255).all()
    assert info["figure"] == "comparison"
    assert json.loads(info["runs"]) == ["vae-test", "ae-test"]
    assert json.loads(info["models"]) == ["vae", "ae"]
    assert [RunConfig.from_dict(c) for c in json.loads(info["configs"])] == [vae.config, ae.config]
    assert json.loads(info["steps"]) == [300, 300]


def test_runs_that_can_not_be_compared_leave_no_file(vae: FakeSource, tmp_path: Path) -> None:
    other = FakeSource(RunConfig(split_seed=1), name="other")
    with pytest.raises(FigureError, match="can't be compared"):
        export_comparison((vae, other), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_diverged_images_are_drawn_black(vae: FakeSource, ae: FakeSource) -> None:
    runs = compare((vae, ae))
    images = runs[0].prior_samples.copy()
    images[0] = np.nan
    broken: tuple[RunComparison, ...] = (replace(runs[0], prior_samples=images), runs[1])
    caption = ComparisonCaption(("a", "b"), (vae.config, ae.config), (1, 1), 0)
    curves = [comparison_page.RunCurve(s.name, s.evaluations()) for s in (vae, ae)]
    page = comparison_page.comparison_page(broken, curves, caption)
    layout = comparison_layout(2, 10)
    first, *rest = row_of(page, layout.prior[0])
    assert (first == 0).all()
    np.testing.assert_array_equal(rest[0], enlarged(images[1]))
