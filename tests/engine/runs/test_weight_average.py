"""The moving average of the weights: evaluated, saved, resumed, and what samples are drawn by."""

import csv
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.config import RunConfig
from engine.inference.sampling import draw
from engine.model.evaluation import evaluation_noise, measure
from engine.model.networks import Model
from engine.model.objective import objective_at
from engine.runs.start_points import NewRun, ResumeRun, continued_config
from engine.runs.stored_model import StoredModel
from engine.runs.stored_run import StoredRun
from engine.runs.training_run import TrainingRun
from engine.storage import checkpoint
from engine.views import PriorSamples, Reconstructions, Weights
from tests.engine.runs.test_steering import assert_same, train

pytestmark = pytest.mark.slow


@pytest.fixture
def config(small_config: RunConfig) -> RunConfig:
    """36 steps, 12 an epoch."""
    return replace(small_config, ema=0.9, kl_warmup=2.0)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch, config: RunConfig, tmp_path: Path) -> Path:
    train(monkeypatch, config, NewRun(tmp_path, "first"))
    return tmp_path / "first"


def averaged(path: Path) -> Mapping[str, torch.Tensor]:
    found: Mapping[str, torch.Tensor] = checkpoint.read(path / "last.pt")["average"]
    return found


@torch.no_grad()
def decoded(model: Model, latents: np.ndarray) -> np.ndarray:
    images: np.ndarray = torch.sigmoid(model.decode(torch.from_numpy(latents))).numpy()
    return images.reshape(-1, 28, 28)


def table(file: Path) -> list[dict[str, str]]:
    with file.open() as stream:
        return list(csv.DictReader(stream))


def test_both_are_evaluated_each_in_a_file_of_its_own(trained: Path, config: RunConfig) -> None:
    rows, raw = table(trained / "ema.csv"), table(trained / "metrics.csv")
    assert [row["step"] for row in rows] == [row["step"] for row in raw]
    assert rows[0]["val_neg_elbo"] == raw[0]["val_neg_elbo"]  # nothing is trained there
    assert rows[-1]["val_neg_elbo"] != raw[-1]["val_neg_elbo"]
    stored = StoredRun(trained)
    assert stored.average is not None
    pixels = stored.images.validation.pixels
    noise, full = evaluation_noise(config, len(pixels)), objective_at(config, 99.0)
    for model, row in ((stored.average, rows[-1]), (stored.model, raw[-1])):
        found = measure(model, pixels, noise, full)
        assert found.metrics.neg_elbo == pytest.approx(float(row["val_neg_elbo"]), rel=1e-6)
        assert found.metrics.loss == pytest.approx(float(row["val_loss"]), rel=1e-6)
        assert str(found.active_units) == row["active_units"]


def test_draws_from_the_prior_are_decoded_by_the_average_and_reconstructions_by_the_weights(
    trained: Path, config: RunConfig
) -> None:
    stored = StoredRun(trained)
    assert stored.average is not None
    request = PriorSamples()
    latents = draw(config, request)
    expected = decoded(stored.average, latents)
    np.testing.assert_array_equal(stored.view(request).images, expected)
    assert not np.allclose(decoded(stored.model, latents), expected, atol=1e-4)
    before = stored.view(Reconstructions()).reconstructions
    for parameter in stored.average.parameters():
        parameter.detach().zero_()
    np.testing.assert_array_equal(stored.view(Reconstructions()).reconstructions, before)


@pytest.mark.parametrize("cut", [0, 5, 12, 20])
def test_a_run_that_is_cut_ends_with_the_same_average_and_the_same_rows(
    cut: int, trained: Path, config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    train(monkeypatch, config, NewRun(tmp_path, "cut"), {cut: TrainingRun.stop})
    path = tmp_path / "cut"
    train(monkeypatch, continued_config(path), ResumeRun(path))
    assert_same(trained, path)
    one, other = averaged(trained), averaged(path)
    assert all(torch.equal(one[name], other[name]) for name in one)
    steps = {row["step"] for row in table(trained / "ema.csv")}
    found = [row for row in table(path / "ema.csv") if row["step"] in steps]
    assert found == table(trained / "ema.csv")


def test_who_watches_a_run_gets_both(trained: Path) -> None:
    stored, watched = StoredRun(trained), StoredModel(trained)
    content: Any = stored.view(Weights())
    assert len(content) < watched.most_checkpoint_bytes
    watched.set_weights(checkpoint.read_stream(io.BytesIO(content), trained), "it")
    np.testing.assert_array_equal(
        watched.view(PriorSamples()).images, stored.view(PriorSamples()).images
    )


def test_a_run_without_an_average_has_no_such_file_and_the_same_weights(
    trained: Path, config: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    train(monkeypatch, replace(config, ema=0.0), NewRun(tmp_path, "plain"))
    path = tmp_path / "plain"
    assert not (path / "ema.csv").exists()
    assert "average" not in checkpoint.read(path / "last.pt")
    assert_same(path, trained)
