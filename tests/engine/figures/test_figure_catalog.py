import subprocess
import sys

import pytest

from engine.figures.catalog import FigureError, figure_names, file_name, resolve_names


def test_a_vae_has_the_five_figures_of_the_report() -> None:
    assert [file_name(name, "vae") for name in figure_names("vae")] == [
        "vae_train_loss.png",
        "vae_val_loss.png",
        "vae_recon_val.png",
        "vae_latent_scatter.png",
        "vae_samples.png",
    ]


def test_an_autoencoder_exports_its_three_figures_unless_asked_for_more() -> None:
    assert [file_name(name, "ae") for name in resolve_names(None, "ae")] == [
        "ae_train_loss.png",
        "ae_val_loss.png",
        "ae_recon_val.png",
    ]
    assert resolve_names(["samples", "latent_scatter"], "ae") == ("samples", "latent_scatter")


def test_a_figure_may_be_named_by_its_file_and_is_made_once() -> None:
    assert resolve_names(["vae_samples", "samples", "val_loss"], "vae") == ("samples", "val_loss")


@pytest.mark.parametrize("name", ["loss", "ae_samples", "", "SAMPLES", "samples.png"])
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(FigureError) as caught:
        resolve_names(["samples", name], "vae")
    message = str(caught.value)
    assert repr(name) in message
    assert "train_loss, val_loss, recon_val, latent_scatter, samples" in message
    assert "\n" not in message


def test_reading_the_table_imports_no_drawing_library() -> None:
    code = (
        "import sys, engine.figures, engine.figures.catalog, engine.figures.palette\n"
        "import engine.figures.export\n"
        "print(*sorted({'matplotlib', 'PIL', 'torch', 'textual'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
