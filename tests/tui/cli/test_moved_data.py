"""A stored run whose data set lies elsewhere by now, or nowhere."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.config import RunConfig
from tests.support.dataset_files import random_dataset, write_idx_folder
from tests.support.stored_runs import train_run
from tui.cli.main import main


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """The directory that the data is in now; the run is ck/r."""
    images, _ = random_dataset(40)
    data = write_idx_folder(tmp_path / "before", (images, np.arange(40, dtype=np.uint8) % 10))
    config = RunConfig(data=str(data), hidden=(8,), latent_dim=2, epochs=1, threads=1, device="cpu")
    train_run(config, tmp_path / "ck", "r")
    return data.rename(tmp_path / "now")


def run(command: str, tmp_path: Path, *flags: str) -> int:
    exports = [] if command == "evaluate" else ["--exports", str(tmp_path / "x")]
    return main([command, "r", "--checkpoints", str(tmp_path / "ck"), *exports, *flags])


@pytest.mark.slow
def test_figures_that_need_no_data_are_written_and_the_others_named(
    moved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert moved.is_dir()
    figures = ("--figure", "val_loss", "--figure", "samples", "--figure", "recon_val")
    assert run("export", tmp_path, *figures) == 2
    out, err = capsys.readouterr()
    assert [Path(line).name for line in out.split()] == ["vae_val_loss.png"]
    [line] = err.splitlines()
    assert str(tmp_path / "before") in line
    assert "--data says where it is now" in line
    assert "recon_val" in line


def test_data_is_found_where_it_is_said_to_be(
    moved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluate", tmp_path, "--data", str(moved), "--json") == 0
    assert json.loads(capsys.readouterr().out)["neg_elbo"] > 0
    assert run("export", tmp_path, "--data", str(moved), "--figure", "recon_val") == 0


def test_other_data_is_refused_by_its_fingerprint(
    moved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert moved.is_dir()
    images, _ = random_dataset(40, seed=1)
    labels = np.arange(40, dtype=np.uint8) % 10
    other = write_idx_folder(tmp_path / "other", (images, labels))
    assert run("evaluate", tmp_path, "--data", str(other)) == 2
    assert "is not the data that run r was trained on" in capsys.readouterr().err
