import errno
import importlib.metadata
import io
import json
import logging
import math
import os
import subprocess
import sys
import threading
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.config import RunConfig
from engine.errors import FigureError
from engine.figures.catalog import FIGURES, FigureName, figure_names, file_names
from engine.figures.export import export_figures, render_figure, render_files
from engine.figures.options import FigureOptions
from engine.views import (
    Interpolation,
    LatentMap,
    LatentView,
    Manifold,
    PriorSamples,
    Reconstructions,
    Traversal,
)
from tests.support.figure_source import FakeSource

pytestmark = pytest.mark.slow

ALL: list[FigureName] = [figure.name for figure in FIGURES if figure.name != "comparison"]
"""Of one run."""


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    image.load()
    return image


def title_of(source: FakeSource, name: FigureName, options: FigureOptions | None = None) -> str:
    return opened(render_figure(source, name, options or FigureOptions())).info["Title"]


def test_all_figures_of_a_vae_are_written_in_print_size(vae: FakeSource, tmp_path: Path) -> None:
    paths = list(export_figures(vae, None, tmp_path / "exports" / "vae-test"))
    files = [file for name in figure_names("vae") for file in file_names(name, "vae")]
    assert [path.name for path in paths] == files
    assert sorted(path.name for path in paths) == names_in(paths[0].parent)
    for path in paths:
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert image.width >= 2400, path
            assert image.height >= 1400, path
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
            greys = np.asarray(image.convert("L"))
        assert greys[0, 0] == 255, "paper"
        assert greys.std() > 5, f"{path} is flat"
        # Nothing is cut off by the edge of the paper.
        edge = np.concatenate((greys[0], greys[-1], greys[:, 0], greys[:, -1]))
        assert (edge == 255).all(), path


@pytest.mark.parametrize("name", ALL)
@pytest.mark.usefixtures("coarse")
def test_a_figure_says_in_its_file_what_it_is(vae: FakeSource, name: FigureName) -> None:
    info = opened(render_figure(vae, name)).info
    assert RunConfig.from_dict(json.loads(info["config"])) == vae.config
    assert (info["run"], info["figure"], info["model"]) == ("vae-test", name, "vae")
    assert (int(info["seed"]), int(info["step"]), float(info["epoch"])) == (0, 300, 6.0)
    assert info["Title"].startswith("VAE")
    assert info["Software"].startswith("fmnist-vae-tui ")


def test_a_figure_is_made_even_if_the_program_is_not_installed(
    vae: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.figures import caption

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    caption._software.cache_clear()
    try:
        assert "fmnist-vae-tui" in opened(render_figure(vae, "samples")).info["Software"]
    finally:
        caption._software.cache_clear()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.usefixtures("coarse")
def test_an_autoencoders_figures_never_speak_of_an_elbo(ae: FakeSource, name: FigureName) -> None:
    title = title_of(ae, name)
    assert title.startswith("AE")
    assert "ELBO" not in title
    assert "VAE" not in title
    assert "posterior" not in title


@pytest.mark.usefixtures("coarse")
def test_titles_say_what_is_shown(vae: FakeSource, ae: FakeSource) -> None:
    assert title_of(ae, "samples") == "AE decoded from N(0, I), which it was not trained for"
    assert "reconstruction BCE" in title_of(ae, "train_loss")
    assert "−ELBO" in title_of(vae, "train_loss")
    cooler = FigureOptions(samples=PriorSamples(temperature=0.7))
    assert title_of(vae, "samples", cooler) == "VAE samples, decoded from z ~ N(0, 0.7² I)"
    like = FigureOptions(samples=PriorSamples(around=(0.0,) * 20))
    assert title_of(vae, "samples", like) == "VAE samples, decoded from draws like one sample"
    assert title_of(vae, "samples") == "VAE samples, decoded from z ~ N(0, I)"
    assert title_of(vae, "traversal") == "VAE latent traversal: Ankle boot"
    assert title_of(vae, "manifold").endswith("first two principal components of μ")
    assert title_of(ae, "manifold").endswith("first two principal components of the codes")
    assert title_of(FakeSource(RunConfig(latent_dim=2)), "manifold") == "VAE manifold"
    assert title_of(vae, "latent_scatter") == "VAE posterior means μ of 300 validation images (PCA)"
    assert title_of(ae, "latent_scatter") == "AE codes of 300 validation images (PCA)"


def test_the_wanted_page_and_seed_are_asked_for(vae: FakeSource, tmp_path: Path) -> None:
    pages, seeds = Reconstructions(page=3), PriorSamples(seed=7, count=16)
    names = ["recon_val", "samples"]
    list(export_figures(vae, names, tmp_path, FigureOptions(reconstructions=pages, samples=seeds)))
    assert vae.requests == [pages, seeds]
    walks = FigureOptions(
        interpolation=Interpolation("prior", page=2, rows=3),
        traversal=Traversal(image=5, rows=2),
        manifold=Manifold(size=3),
        latent_map=LatentMap("test", (2, 0)),
    )
    names = ["interpolation", "traversal", "manifold", "latent_scatter"]
    list(export_figures(vae, names, tmp_path, walks))
    assert vae.requests[2:] == [
        walks.interpolation,
        walks.traversal,
        walks.manifold,
        walks.latent_map,
    ]


def test_the_bytes_of_a_figure_are_those_that_are_written(vae: FakeSource, tmp_path: Path) -> None:
    (path,) = export_figures(vae, ["traversal"], tmp_path)
    assert render_figure(vae, "traversal") == path.read_bytes()
    assert render_files(vae, "traversal") == (("traversal.png", path.read_bytes()),)


def test_a_comparison_is_no_figure_of_one_run(vae: FakeSource, tmp_path: Path) -> None:
    with pytest.raises(FigureError, match="two runs"):
        export_figures(vae, ["samples", "comparison"], tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_wrong_name_stops_the_export_before_anything_is_drawn(
    vae: FakeSource, tmp_path: Path
) -> None:
    with pytest.raises(FigureError):
        export_figures(vae, ["samples", "nonsense"], tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_figures_appear_one_by_one(vae: FakeSource, tmp_path: Path) -> None:
    figures = export_figures(vae, ["samples", "recon_val"], tmp_path)
    assert names_in(tmp_path) == []
    assert next(figures) == tmp_path / "vae_samples.png"
    assert names_in(tmp_path) == ["vae_samples.png"]


def test_a_full_disk_leaves_the_old_figure_and_no_litter(
    vae: FakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = export_figures(vae, ["samples"], tmp_path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        list(
            export_figures(vae, ["samples"], tmp_path, FigureOptions(samples=PriorSamples(seed=1)))
        )
    assert names_in(tmp_path) == ["vae_samples.png"]
    assert path.read_bytes() == before


def test_a_failing_view_leaves_the_old_figure(vae: FakeSource, tmp_path: Path) -> None:
    (path,) = export_figures(vae, ["samples"], tmp_path)
    before = path.read_bytes()

    def broken(request: object) -> Any:
        raise RuntimeError("the engine has stopped")

    vae.view = broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="engine has stopped"):
        list(export_figures(vae, ["samples"], tmp_path))
    assert names_in(tmp_path) == ["vae_samples.png"]
    assert path.read_bytes() == before


def test_exports_at_the_same_time_draw_what_single_ones_draw(
    vae: FakeSource, ae: FakeSource, tmp_path: Path
) -> None:
    names = ["train_loss", "latent_scatter", "recon_val"]
    alone = {p.name: p.read_bytes() for s in (vae, ae) for p in export_figures(s, names, tmp_path)}
    together = tmp_path / "together"
    barrier = threading.Barrier(2)
    failures: list[BaseException] = []

    def work(source: FakeSource) -> None:
        try:
            barrier.wait(timeout=10)
            list(export_figures(source, names, together))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(s,)) for s in (vae, ae)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    assert {path.name: path.read_bytes() for path in together.iterdir()} == alone


def test_pyplot_and_its_global_state_stay_out() -> None:
    code = (
        "import sys\n"
        "import engine.figures.curves, engine.figures.scatter, engine.figures.grids\n"
        "import engine.figures.walks, engine.figures.film\n"
        "print('matplotlib.pyplot' in sys.modules, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("run", ["a$_b$c", "$\\frac{$", "näme\nwith lines", "x" * 200, "\udcff"])
@pytest.mark.usefixtures("coarse")
def test_any_run_name_can_be_drawn(vae: FakeSource, run: str) -> None:
    vae.name = run
    for name in ("train_loss", "samples"):
        image = opened(render_figure(vae, name))
        greys = np.asarray(image.convert("L"))
        assert (greys[: greys.shape[0] // 10, -10:] > 200).all(), "the title is cut off"
    assert "\n" not in image.info["run"]


def latents(source: FakeSource, **changes: Any) -> None:
    view: LatentView = source.view(LatentMap())
    changed = replace(view, **changes)
    source.view = lambda _: changed  # type: ignore[method-assign]


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((300, 2), np.float32),
        np.full((300, 2), np.nan, np.float32),
        np.full((300, 2), 1e6, np.float32),
        np.stack((np.arange(300), np.zeros(300)), axis=1).astype(np.float32),
    ],
    ids=["collapsed", "nan", "far", "one-dimensional"],
)
@pytest.mark.usefixtures("coarse")
def test_odd_latents_are_drawn_without_a_word_on_the_terminal(
    vae: FakeSource, points: Any, caplog: pytest.LogCaptureFixture
) -> None:
    latents(vae, points=points)
    with caplog.at_level(logging.WARNING), warnings.catch_warnings():
        warnings.simplefilter("error")
        image = opened(render_figure(vae, "latent_scatter"))
    assert np.asarray(image).std() > 1
    assert caplog.records == []


def test_diverged_images_are_drawn_and_said_to_be_no_numbers(vae: FakeSource) -> None:
    view = vae.view(PriorSamples())
    images = view.images.copy()
    images[3] = math.nan
    vae.view = lambda _: replace(view, images=images)  # type: ignore[method-assign]
    broken = np.asarray(opened(render_figure(vae, "samples")))
    vae.view = lambda _: view  # type: ignore[method-assign]
    sound = np.asarray(opened(render_figure(vae, "samples")))
    assert (broken[:230] != sound[:230]).any(), "the subtitle says nothing"


@pytest.mark.usefixtures("coarse")
def test_the_seed_of_the_draws_is_in_the_files_of_what_is_drawn(vae: FakeSource) -> None:
    options = FigureOptions(
        samples=PriorSamples(seed=7, temperature=0.5, around=(0.25, -1.0), likeness=0.8),
        interpolation=Interpolation(between="prior", page=3),
    )
    info = opened(render_figure(vae, "samples", options)).info
    assert (info["draw_seed"], info["temperature"]) == ("7", "0.5")
    assert (info["around"], info["likeness"]) == ("0.25 -1.0", "0.8")
    assert opened(render_figure(vae, "interpolation", options)).info["draw_seed"] == "3"
    assert "draw_seed" not in opened(render_figure(vae, "recon_val", options)).info
