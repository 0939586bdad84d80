import subprocess
import sys
from collections.abc import Sequence

import pytest

from engine.config import ModelName
from engine.errors import FigureError
from engine.figures.catalog import FIGURES, FigureName, figure_names, file_names, resolve_names


def files(names: Sequence[FigureName], model: ModelName) -> list[str]:
    return [file for name in names for file in file_names(name, model)]


def test_a_vaes_figures_have_the_names_of_the_report_and_of_the_walks() -> None:
    assert files(figure_names("vae"), "vae") == [
        "vae_train_loss.png",
        "vae_val_loss.png",
        "vae_recon_val.png",
        "vae_latent_scatter.png",
        "vae_samples.png",
        "interpolation.png",
        "traversal.png",
        "manifold.png",
        "vae_kl_heatmap.png",
        "vae_rate_distortion.png",
        "vae_diagnosis.png",
    ]


def test_an_autoencoder_exports_its_three_figures_unless_asked_for_more() -> None:
    assert files(resolve_names(None, "ae"), "ae") == [
        "ae_train_loss.png",
        "ae_val_loss.png",
        "ae_recon_val.png",
    ]
    assert resolve_names(["samples", "latent_scatter"], "ae") == ("samples", "latent_scatter")


def test_a_figure_may_be_named_by_its_file_and_is_made_once() -> None:
    assert resolve_names(["vae_samples", "samples", "val_loss"], "vae") == ("samples", "val_loss")
    assert resolve_names(["vae_film_strip", "film", "manifold"], "vae") == ("film", "manifold")


def test_film_and_comparison_are_made_on_request_only() -> None:
    everything = {figure.name for figure in FIGURES}
    assert everything - set(figure_names("vae")) == {"comparison", "film"}
    assert files(["comparison", "film"], "ae") == [
        "comparison.png",
        "ae_film.gif",
        "ae_film.png",
        "ae_film_strip.png",
    ]


def test_no_two_figures_share_a_file() -> None:
    names = [figure.name for figure in FIGURES]
    assert len(set(files(names, "vae"))) == len(files(names, "vae")) == len(names) + 2


@pytest.mark.parametrize(
    "name", ["loss", "ae_samples", "", "SAMPLES", "samples.png", "ae_film", "vae_manifold"]
)
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(FigureError) as caught:
        resolve_names(["samples", name], "vae")
    message = str(caught.value)
    assert repr(name) in message
    assert "train_loss, val_loss, recon_val, latent_scatter, samples, interpolation" in message
    assert "\n" not in message


def test_reading_the_table_imports_no_drawing_library() -> None:
    code = (
        "import sys, engine.figures, engine.figures.catalog, engine.figures.palette\n"
        "import engine.figures.export\n"
        "print(*sorted({'matplotlib', 'PIL', 'torch', 'textual'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
