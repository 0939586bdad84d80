"""The numbers of a comparison against scikit-learn, torch.distributions and plain numpy."""

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier
from torch.distributions import Bernoulli

from data import load_dataset, split_indices
from engine.analysis.comparison import check_comparable, compare, compare_run, describe_run
from engine.config import ModelName, RunConfig
from engine.errors import FigureError
from engine.model.networks import Model, build_model
from engine.runs.start_points import NewRun
from engine.runs.stored_run import StoredRun
from engine.runs.training_run import TrainingRun
from engine.storage import checkpoint
from engine.views import Decode, PriorSamples
from tests.support.figure_source import FakeSource
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(
    small_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[ModelName, StoredRun]:
    checkpoints = tmp_path_factory.mktemp("checkpoints")

    def train(model: ModelName) -> StoredRun:
        config = RunConfig(
            model=model,
            hidden=(32,),
            latent_dim=4,
            beta=0.5,
            kl_warmup=0.0,
            batch_size=32,
            epochs=3,
            device="cpu",
            threads=1,
            data=str(small_data),
        )
        run = TrainingRun(config, NewRun(checkpoints, model))
        run.start()
        wait_for(lambda: not run.snapshot.phase.is_active)
        run.close()
        assert run.join(30)
        return StoredRun(checkpoints / model)

    return {"vae": train("vae"), "ae": train("ae")}


class Independent:
    """The same from the files, without what computes views."""

    def __init__(self, run: StoredRun) -> None:
        config = run.config
        model: Model = build_model(config, init_seed=0)
        model.load_state_dict(checkpoint.read(run.path / "last.pt")["model"])
        dataset = load_dataset(Path(config.data))
        split = split_indices(dataset.labels, config.validation_share, config.split_seed)
        self.model = model

        def part(chosen: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
            pixels = dataset.images[chosen].reshape(-1, 784)
            return torch.tensor(pixels, dtype=torch.float32) / 255, dataset.labels[chosen]

        self.x, self.labels = part(split.validation)
        train, self.train_labels = part(split.train)
        with torch.no_grad():
            self.mu, self.train_mu = model.embed(self.x), model.embed(train)


@pytest.mark.parametrize("name", ["vae", "ae"])
def test_reconstruction_errors_are_those_at_mu(
    runs: Mapping[ModelName, StoredRun], name: ModelName
) -> None:
    numbers, own = describe_run(runs[name]), Independent(runs[name])
    with torch.no_grad():
        logits = own.model.decode(own.mu)
    # Bernoulli's log_prob of a grey pixel is the same cross entropy.
    bernoulli = Bernoulli(logits=logits, validate_args=False)
    bce = -bernoulli.log_prob(own.x).sum(dim=1).double().mean()
    assert numbers.recon_bce == pytest.approx(float(bce), rel=1e-5)
    mse = (bernoulli.probs - own.x).square().double().mean()
    assert numbers.recon_mse == pytest.approx(float(mse), rel=1e-5)


@pytest.mark.parametrize("name", ["vae", "ae"])
def test_accuracy_and_mixture_are_scikit_learns_on_mu(
    runs: Mapping[ModelName, StoredRun], name: ModelName
) -> None:
    numbers, own = describe_run(runs[name]), Independent(runs[name])
    classifier = KNeighborsClassifier(15).fit(own.train_mu, own.train_labels)
    assert numbers.knn_accuracy == pytest.approx(classifier.score(own.mu, own.labels))
    # A fit to the training images' latents: far likelier than one to anything else.
    fitted = GaussianMixture(10, covariance_type="full", random_state=0).fit(own.train_mu)
    likeliest = fitted.score(own.train_mu)
    fitted.weights_, fitted.means_ = numbers.mixture.weights, numbers.mixture.means
    inverse = np.linalg.inv(numbers.mixture.covariances)
    fitted.precisions_cholesky_ = np.linalg.cholesky(inverse)
    assert fitted.score(own.train_mu) == pytest.approx(likeliest, abs=0.05)


def test_active_units_are_counted_on_the_validation_images() -> None:
    # Latents whose odd dimensions have a standard deviation of 0.05, a variance below 0.01.
    assert describe_run(FakeSource(RunConfig(latent_dim=5))).active_units == 3


def test_a_vaes_bound_is_that_of_the_evaluation_of_its_weights(
    runs: Mapping[ModelName, StoredRun],
) -> None:
    run = runs["vae"]
    numbers, measured = describe_run(run), run.measure("validation").metrics
    assert numbers.neg_elbo == pytest.approx(measured.neg_elbo, rel=1e-5)
    assert numbers.expected_recon == pytest.approx(measured.recon, rel=1e-5)
    # β is 0.5: the loss is not the bound.
    assert numbers.neg_elbo != pytest.approx(measured.loss, rel=1e-4)
    best = min((e for e in run.evaluations() if e.step), key=lambda e: e.val.neg_elbo)
    assert numbers.best == best
    assert (numbers.step, numbers.epoch) == (run.step, 3.0)
    assert (numbers.name, numbers.config) == ("vae", run.config)


def test_an_autoencoder_has_no_bound(runs: Mapping[ModelName, StoredRun]) -> None:
    numbers = describe_run(runs["ae"])
    assert numbers.neg_elbo is None
    assert numbers.expected_recon is None
    assert numbers.best is not None


def test_weights_between_two_evaluations_have_the_scores_of_the_one_before() -> None:
    source = FakeSource()
    later = [source.evaluation(320), source.evaluation(400)]
    source.evaluated = [e for e in source.evaluated if e.step < 300] + later
    numbers = describe_run(source)
    assert numbers.step == 300
    assert numbers.evaluation is not None
    assert numbers.evaluation.step == 250
    source.evaluated = []
    numbers = describe_run(source)
    assert (numbers.evaluation, numbers.neg_elbo, numbers.best) == (None, None, None)


def test_the_best_evaluation_is_a_finite_one() -> None:
    source = FakeSource()
    evaluations = source.evaluated
    broken = replace(evaluations[0].val, recon=-math.inf)
    source.evaluated = [
        source.evaluation(0, replace(evaluations[0].val, recon=900.0)),
        source.evaluation(50, broken),
        *evaluations[2:],
    ]
    assert describe_run(source).best == evaluations[-1]


def test_both_kinds_of_samples_are_decoded_from_what_they_are_drawn_from(
    runs: Mapping[ModelName, StoredRun],
) -> None:
    for run in runs.values():
        compared = compare_run(run, seed=4)
        prior = run.view(PriorSamples(seed=4)).images[:10]
        np.testing.assert_array_equal(compared.prior_samples, prior)
        drawn = compared.numbers.mixture.sample(10, 4)
        decoded = run.view(Decode(drawn)).images
        np.testing.assert_array_equal(compared.mixture_samples, decoded)
        assert not np.array_equal(compared.mixture_samples, compared.prior_samples)


def test_the_images_are_one_of_each_class_and_the_same_for_both_runs(
    runs: Mapping[ModelName, StoredRun],
) -> None:
    vae, ae = compare((runs["vae"], runs["ae"]))
    assert vae.labels.tolist() == ae.labels.tolist() == list(range(10))
    np.testing.assert_array_equal(vae.originals, ae.originals)
    own = Independent(runs["vae"])
    first = [int(np.flatnonzero(own.labels == label)[0]) for label in range(10)]
    np.testing.assert_array_equal(vae.originals.reshape(10, -1), own.x[first].numpy())
    with torch.no_grad():
        decoded = torch.sigmoid(own.model.decode(own.mu[first])).numpy()
    np.testing.assert_allclose(vae.reconstructions.reshape(10, -1), decoded, atol=1e-6)


@pytest.mark.parametrize("change", [{"split_seed": 1}, {"validation_share": 0.2}])
def test_runs_on_different_images_are_not_compared(change: dict[str, object]) -> None:
    other = FakeSource(replace(RunConfig(model="ae"), **change), name="other")
    with pytest.raises(FigureError) as caught:
        compare((FakeSource(), other))
    assert str(caught.value).startswith("runs vae-test and other can't be compared: ")
    assert "\n" not in str(caught.value)
    assert other.requests == []
    third = FakeSource(name="third")
    with pytest.raises(FigureError, match="vae-test and other"):
        compare((FakeSource(), third, other))


def test_the_same_path_may_hold_other_images_by_now() -> None:
    other = FakeSource(name="other", fingerprint="another")
    with pytest.raises(FigureError, match="vae-test and other can't be compared"):
        compare((FakeSource(), other))
    assert (other.requests, other.jobs) == ([], [])


def test_the_same_data_may_lie_at_another_path(
    runs: Mapping[ModelName, StoredRun], tmp_path: Path
) -> None:
    vae = runs["vae"]
    moved = tmp_path / "data"
    shutil.copytree(vae.config.data, moved)
    elsewhere = tmp_path / "run"
    shutil.copytree(vae.path, elsewhere)
    settings = json.loads((elsewhere / "config.json").read_text())
    assert settings["config"]["data"] == vae.config.data
    settings["config"]["data"] = str(moved)
    (elsewhere / "config.json").write_text(json.dumps(settings))
    other = StoredRun(elsewhere)
    assert other.config.data != vae.config.data
    check_comparable((vae, other))


def test_one_run_is_no_comparison() -> None:
    with pytest.raises(FigureError, match="two runs"):
        compare((FakeSource(),))


def test_progress_rises_from_0_to_the_end_of_the_last_run() -> None:
    told: list[tuple[float, str]] = []
    compare(
        (FakeSource(name="a"), FakeSource(name="b")), lambda share, what: told.append((share, what))
    )
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert 0.9 < shares[-1] <= 1
    assert all(what.startswith("a" if share < 0.5 else "b") for share, what in told)
