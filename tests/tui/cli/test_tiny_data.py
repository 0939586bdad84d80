"""Data sets that are hardly any: trained on, or refused in a sentence."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.dataset_files import Array, random_dataset, write_idx_folder
from tui.cli.main import main

IMAGES = random_dataset(100)[0]
SETS = {
    "one class": np.full(100, 3, np.uint8),
    "a class of one image": np.array([9] + [0] * 49, np.uint8),
    "two of each": np.arange(20, dtype=np.uint8) % 10,
}


def train(tmp_path: Path, images: Array, labels: Array, *flags: str) -> int:
    data = write_idx_folder(tmp_path / "data", (images, labels))
    small = ["--hidden", "8", "--latent-dim", "2", "--epochs", "2", "--device", "cpu"]
    place = ["--checkpoints", str(tmp_path / "runs"), "--name", "r"]
    return main(["train", "--data", str(data), *small, *place, *flags])


# All are fewer than the 128 of a batch; the last share leaves one image for validation.
@pytest.mark.slow
@pytest.mark.parametrize("labels", SETS.values(), ids=SETS)
@pytest.mark.parametrize("model", ["vae", "ae"])
@pytest.mark.parametrize("share", ["0.1", "one"])
def test_a_tiny_set_is_trained_on(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    labels: Array,
    model: str,
    share: str,
) -> None:
    share = str(1 / len(labels)) if share == "one" else share
    flags = ("--model", model, "--validation-share", share)
    assert train(tmp_path, IMAGES[: len(labels)], labels, *flags) == 0
    assert "finished at epoch 2 of 2" in capsys.readouterr().err
    assert (tmp_path / "runs/r/best.pt").exists()


def test_black_images_are_trained_on(tmp_path: Path) -> None:
    assert train(tmp_path, np.zeros_like(IMAGES), np.arange(100, dtype=np.uint8) % 10) == 0


@pytest.mark.parametrize("share", ["0.001", "0.999"])
def test_an_empty_part_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], share: str
) -> None:
    flags = ("--validation-share", share)
    assert train(tmp_path, IMAGES, np.arange(100, dtype=np.uint8) % 10, *flags) == 2
    assert "expected at least one for each" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_fewer_than_twenty_images_are_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path, IMAGES[:19], np.zeros(19, np.uint8)) == 2
    assert "has 19 training images, expected at least 20" in capsys.readouterr().err
