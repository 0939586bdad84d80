"""A report's facts against numpy, scikit-learn and torch, on a small real run."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import bernoulli
from sklearn.metrics import confusion_matrix
from sklearn.neighbors import KNeighborsClassifier

from data import ImageDataset, split_indices
from engine.config import RunConfig
from engine.errors import RunError
from engine.report.facts import RunFacts
from engine.report.findings import findings
from engine.report.gather import gather, gaussian_distance
from engine.report.neighbours import neighbour_facts, remote_share
from engine.report.write import write_report
from engine.runs.start_points import NewRun
from engine.runs.stored_run import StoredRun
from engine.runs.training_run import TrainingRun
from engine.views import Embedding
from tests.support.stored_runs import train_run
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow


def gathered(path: Path, **settings: Any) -> RunFacts:
    return gather(StoredRun(path, **settings), lambda _: None)


@pytest.fixture(scope="module")
def facts(stored_runs: dict[str, Path]) -> dict[str, RunFacts]:
    return {model: gathered(path) for model, path in stored_runs.items()}


@pytest.fixture
def copied(stored_runs: dict[str, Path], tmp_path: Path) -> Path:
    path = tmp_path / "copied"
    shutil.copytree(stored_runs["vae"], path)
    return path


def entropies(images: np.ndarray) -> np.ndarray:
    p = images.reshape(len(images), 784) / 255.0
    return np.asarray(bernoulli.entropy(p)).sum(axis=1)


# The data.


def test_the_floor_is_the_mean_entropy_of_the_images_pixels(
    facts: dict[str, RunFacts], small_dataset: ImageDataset
) -> None:
    split = split_indices(small_dataset.labels, 0.1, 0)
    data = facts["vae"].data
    test_images, test_labels = small_dataset.load_test()
    for found, images, labels in (
        (data.train, small_dataset.images[split.train], small_dataset.labels[split.train]),
        (
            data.validation,
            small_dataset.images[split.validation],
            small_dataset.labels[split.validation],
        ),
        (data.test, test_images, test_labels),
    ):
        assert found is not None
        expected = entropies(images)
        assert found.floor == pytest.approx(expected.mean(), rel=1e-12)
        assert found.images == len(images)
        assert list(found.class_counts) == [int((labels == c).sum()) for c in range(10)]
        for label in range(10):
            own = expected[labels == label]
            assert found.class_floors[label] == pytest.approx(own.mean(), rel=1e-12)
    assert data.fingerprint == small_dataset.fingerprint
    assert not data.is_fashion_mnist


def test_no_reconstruction_beats_its_floor(facts: dict[str, RunFacts]) -> None:
    for run in facts.values():
        assert all(score.excess > 0 for score in run.scores)
        assert all(c.excess > 0 for c in run.classes)


def test_without_test_images_the_report_says_why(copied: Path, small_data: Path) -> None:
    folder = copied.parent / "no-test"
    folder.mkdir()
    for file in small_data.glob("train*"):
        shutil.copy(file, folder)
    rewrite(copied, lambda content: content["config"].update(data=str(folder)))
    found = gathered(copied)
    assert found.data.test is None
    assert "has no test file" in found.data.test_problem
    assert found.score("test") is None
    assert found.score("validation") is not None


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    file = path / "config.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


# The run.


@pytest.mark.parametrize("model", ["vae", "ae"])
def test_the_scores_are_those_of_metrics_csv(
    model: str, facts: dict[str, RunFacts], stored_runs: dict[str, Path]
) -> None:
    run = facts[model]
    rows = pd.read_csv(stored_runs[model] / "metrics.csv")
    score = run.score("validation")
    assert score is not None
    assert score.metrics.recon == pytest.approx(rows["val_recon"].iloc[-1], rel=1e-12)
    assert score.active_units == rows["active_units"].iloc[-1]
    assert run.which in score.weights
    whole = rows[(rows["epoch"] % 1 == 0) & (rows["epoch"] > 0)]
    assert [e.epoch for e in run.training.evaluations] == whole["epoch"].tolist() == [1, 2, 3]
    assert [e.val.recon for e in run.training.evaluations] == whole["val_recon"].tolist()
    assert [e.train.recon for e in run.training.evaluations if e.train] == (
        whole["train_recon"].tolist()
    )
    assert run.training.seconds == rows["seconds"].iloc[-1]
    assert run.training.images_per_second == pytest.approx(3 * 360 / run.training.seconds)
    assert (run.training.steps, run.training.planned_steps) == (36, 36)
    assert run.training.device == "CPU"
    assert run.training.threads == 1
    assert dict(run.training.versions)["torch"] == torch.__version__


def test_the_training_images_are_scored_by_the_final_weights_and_not_by_a_running_mean(
    facts: dict[str, RunFacts], stored_runs: dict[str, Path], small_dataset: ImageDataset
) -> None:
    score = facts["ae"].score("train")
    assert score is not None
    stored = StoredRun(stored_runs["ae"])
    split = split_indices(small_dataset.labels, 0.1, 0)
    x = torch.tensor(small_dataset.images[split.train].reshape(-1, 784) / 255.0)
    weights = torch.load(stored.path / "last.pt", weights_only=True)["model"]
    p = torch.sigmoid(network(weights, "decoder", network(weights, "encoder", x)))
    bce = -(x * torch.log(p) + (1 - x) * torch.log1p(-p)).sum(dim=1).mean()
    assert score.metrics.recon == pytest.approx(bce.item(), rel=1e-5)
    last = facts["ae"].training.last
    assert last is not None
    assert last.train is not None
    assert score.metrics.recon < last.train.recon


def network(weights: dict[str, torch.Tensor], part: str, h: torch.Tensor) -> torch.Tensor:
    """One hidden layer with the exact GELU, as the small runs have."""
    w = {name: value.double() for name, value in weights.items()}
    h = h @ w[f"{part}.0.weight"].T + w[f"{part}.0.bias"]
    h = h * torch.distributions.Normal(0.0, 1.0).cdf(h)
    return h @ w[f"{part}.2.weight"].T + w[f"{part}.2.bias"]


def test_the_best_weights_are_scored_beside_the_last(
    stored_runs: dict[str, Path], copied: Path
) -> None:
    # The best evaluation is made an earlier one's weights: the first step's, of a run apart.
    state = torch.load(copied / "best.pt", weights_only=True)
    state["step"] = 12
    torch.save(state, copied / "best.pt")
    found = gathered(copied)
    kinds = [(score.weights, score.split, score.epoch) for score in found.scores]
    assert kinds == [
        (("last",), "train", 3.0),
        (("last",), "validation", 3.0),
        (("last",), "test", 3.0),
        (("best",), "validation", 1.0),
        (("best",), "test", 1.0),
    ]
    best = gathered(copied, which="best")
    assert best.which == "best"
    assert best.score("validation") == next(
        replace(s, weights=("best",)) for s in found.scores if s.weights == ("best",)
    )
    both = gathered(stored_runs["vae"])
    assert {score.weights for score in both.scores} == {("last", "best")}


def test_weights_that_are_missing_are_told_and_not_needed(copied: Path) -> None:
    (copied / "best.pt").unlink()
    found = gathered(copied)
    assert "best.pt is missing" in found.missing_weights
    assert {score.weights for score in found.scores} == {("last",)}


def test_a_run_without_its_curves_has_facts_all_the_same(copied: Path) -> None:
    (copied / "metrics.csv").unlink()
    (copied / "steps.csv").unlink()
    found = gathered(copied)
    assert found.training.evaluations == ()
    assert found.training.best is None
    assert found.training.last is None
    assert math.isnan(found.training.images_per_second)
    assert found.training.steps == 36
    assert found.score("validation") is not None


@pytest.mark.parametrize("junk", [None, [], "x", {"label": 3, "threads": "many"}])
def test_a_config_json_that_lacks_what_is_nice_to_know_does_no_harm(
    junk: object, copied: Path
) -> None:
    rewrite(copied, lambda content: content.update(device=junk, versions=junk, created=junk))
    found = gathered(copied)
    assert found.training.threads is None
    assert found.training.device == ""


def test_parameters_are_those_of_the_saved_weights(
    facts: dict[str, RunFacts], stored_runs: dict[str, Path]
) -> None:
    for model, run in facts.items():
        weights = torch.load(stored_runs[model] / "last.pt", weights_only=True)["model"]
        assert sum(layer.parameters for layer in run.layers) == sum(
            value.numel() for value in weights.values()
        )
    layers = [(x.part, x.inputs, x.outputs, x.activation) for x in facts["vae"].layers]
    assert layers == [
        ("encoder", 784, 32, "GELU"),
        ("encoder", 32, 8, ""),
        ("decoder", 4, 32, "GELU"),
        ("decoder", 32, 784, ""),
    ]


def test_a_diverged_run_is_refused_in_a_sentence(copied: Path) -> None:
    state = torch.load(copied / "last.pt", weights_only=True)
    state["model"]["encoder.2.bias"].fill_(math.nan)
    torch.save(state, copied / "last.pt")
    with pytest.raises(RunError, match="run copied's latents are not all numbers"):
        gathered(copied)


# The latent space.


def posterior(path: Path, dataset: ImageDataset) -> tuple[np.ndarray, np.ndarray]:
    """μ and σ² of the validation images."""
    split = split_indices(dataset.labels, 0.1, 0)
    x = torch.tensor(dataset.images[split.validation].reshape(-1, 784) / 255.0)
    weights = torch.load(path / "last.pt", weights_only=True)["model"]
    mu, logvar = network(weights, "encoder", x).split(4, dim=1)
    return mu.numpy(), np.exp(logvar.numpy())


def test_moments_and_kl_are_those_of_the_posteriors(
    facts: dict[str, RunFacts], stored_runs: dict[str, Path], small_dataset: ImageDataset
) -> None:
    mu, variance = posterior(stored_runs["vae"], small_dataset)
    found = facts["vae"].latent
    np.testing.assert_allclose(found.mean, mu.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found.variance, mu.var(axis=0), rtol=1e-4)
    np.testing.assert_allclose(found.noise, variance.mean(axis=0), rtol=1e-4)
    kl = 0.5 * (mu**2 + variance - 1 - np.log(variance)).mean(axis=0)
    np.testing.assert_allclose(found.kl_per_dim, kl, rtol=1e-4)
    np.testing.assert_allclose(found.total_variance, mu.var(axis=0) + variance.mean(axis=0), 1e-4)


def test_the_total_variance_is_that_of_draws_from_the_posteriors(
    facts: dict[str, RunFacts], stored_runs: dict[str, Path], small_dataset: ImageDataset
) -> None:
    mu, variance = posterior(stored_runs["vae"], small_dataset)
    rng = np.random.default_rng(0)
    draws = mu + np.sqrt(variance) * rng.standard_normal((20_000, *mu.shape))
    np.testing.assert_allclose(
        facts["vae"].latent.total_variance, draws.reshape(-1, 4).var(axis=0), rtol=0.01
    )


def test_an_autoencoders_codes_have_no_noise_and_no_kl(facts: dict[str, RunFacts]) -> None:
    found = facts["ae"].latent
    assert found.kl_per_dim == ()
    assert found.noise == (0.0,) * 4
    assert found.total_variance == found.variance


def test_the_distance_to_the_prior_is_the_kl_of_two_gaussians() -> None:
    rng = np.random.default_rng(0)
    root = rng.standard_normal((3, 3))
    mean, covariance = rng.standard_normal(3), root @ root.T + np.eye(3)
    q = torch.distributions.MultivariateNormal(torch.tensor(mean), torch.tensor(covariance))
    p = torch.distributions.MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())
    expected = torch.distributions.kl_divergence(q, p).item()
    assert gaussian_distance(mean, covariance) == pytest.approx(expected)
    assert math.isnan(gaussian_distance(mean, np.zeros((3, 3))))
    assert gaussian_distance(np.zeros(2), np.eye(2)) == 0.0


def test_the_distance_is_that_of_the_latents_of_all_images_with_their_noise(
    facts: dict[str, RunFacts], stored_runs: dict[str, Path], small_dataset: ImageDataset
) -> None:
    mu, variance = posterior(stored_runs["vae"], small_dataset)
    centred = mu - mu.mean(axis=0)
    covariance = centred.T @ centred / len(mu) + np.diag(variance.mean(axis=0))
    expected = gaussian_distance(mu.mean(axis=0), covariance)
    assert facts["vae"].latent.prior_distance == pytest.approx(expected, rel=1e-4)


def test_confusions_are_scikit_learns(
    facts: dict[str, RunFacts], stored_runs: dict[str, Path]
) -> None:
    stored = StoredRun(stored_runs["vae"])
    train, held_out = stored.view(Embedding("train")), stored.view(Embedding("validation"))
    classifier = KNeighborsClassifier(15).fit(train.latents, train.labels)
    predicted = classifier.predict(held_out.latents)
    found = facts["vae"].latent.neighbours
    expected = confusion_matrix(held_out.labels, predicted, labels=range(10))
    np.testing.assert_array_equal(found.confusions, expected)
    assert found.accuracy == pytest.approx((predicted == held_out.labels).mean())
    assert found.neighbours == 15


def test_there_are_never_more_neighbours_than_images() -> None:
    points = np.eye(3, 4, dtype=np.float32)
    labels = np.array([0, 1, 1], np.uint8)
    found = neighbour_facts(points, labels, points, labels, 3)
    assert found.neighbours == 3
    assert found.confusions == ((0, 1, 0), (0, 2, 0), (0, 0, 0))
    assert found.accuracy == pytest.approx(2 / 3)


def test_draws_from_the_images_own_distribution_are_remote_one_time_in_twenty() -> None:
    rng = np.random.default_rng(0)
    train, held_out, alike = (rng.standard_normal((2_000, 3)).astype("f4") for _ in range(3))
    assert remote_share(train, held_out, alike) == pytest.approx(0.05, abs=0.015)
    assert remote_share(train, held_out, alike * 4) > 0.5
    assert remote_share(train, held_out, alike * 0.2) < 0.01


def test_the_remote_share_is_by_the_distance_to_the_nearest_training_image() -> None:
    rng = np.random.default_rng(1)
    train, held_out, draws = (rng.standard_normal((300, 2)).astype("f4") for _ in range(3))
    draws *= 1.5

    def nearest(points: np.ndarray) -> np.ndarray:
        return np.linalg.norm(points[:, None] - train[None], axis=2).min(axis=1)

    expected = (nearest(draws) > np.quantile(nearest(held_out), 0.95)).mean()
    assert remote_share(train, held_out, draws) == pytest.approx(expected)


# Runs at the edge.


@pytest.mark.parametrize(
    "settings",
    [
        {"latent_dim": 1},
        {"latent_dim": 1, "model": "ae"},
        {"epochs": 1},
        {"kl_warmup": 5.0, "lr_schedule": "constant", "hidden": (16, 8)},
        {"beta": 50.0},
    ],
    ids=["1-D", "1-D autoencoder", "1 epoch", "still warming up", "collapsed"],
)
def test_facts_and_reports_of_runs_at_the_edge(
    settings: dict[str, Any], small_config: RunConfig, tmp_path: Path
) -> None:
    path = train_run(replace(small_config, **settings), tmp_path, "edge")
    found = gathered(path)
    dims = found.config.latent_dim
    assert len(found.latent.mean) == len(found.latent.total_variance) == dims
    text = " ".join(finding.text for finding in findings(found))
    assert "nan" not in text.split()
    assert "–" not in text
    if found.config.beta > 1:
        assert "Posterior collapse" in text
    paths = write_report([StoredRun(path)], tmp_path / "x", "pca", [], lambda _: None)
    assert all(finding.text.split()[0] in paths[0].read_text() for finding in findings(found))


def test_a_run_that_was_stopped_is_reported_as_far_as_it_came(
    small_config: RunConfig, tmp_path: Path
) -> None:
    config = replace(small_config, epochs=100_000)
    run = TrainingRun(config, NewRun(tmp_path, "cut"))
    run.start()
    wait_for(lambda: run.snapshot.step >= 30)
    run.stop()
    run.close()
    assert run.join(30)
    found = gathered(tmp_path / "cut")
    steps = StoredRun(tmp_path / "cut").step
    assert found.training.steps == steps < found.training.planned_steps == 1_200_000
    assert found.training.images_seen == steps // 12 * 360 + steps % 12 * 32
    last = found.training.last
    assert last is not None
    assert last.epoch == found.epoch == steps / 12
    assert "The run was stopped at epoch" in " ".join(f.text for f in findings(found))
