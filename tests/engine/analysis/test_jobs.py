"""The jobs against scikit-learn and plain numpy, and on latents that are hardly a set of points."""

import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from engine.analysis.jobs import (
    FitMixture,
    Job,
    Mixture,
    NeighbourAccuracy,
    Project,
)
from engine.errors import JobError
from engine.projection import NonlinearProjection

pytestmark = pytest.mark.slow

METHODS: tuple[NonlinearProjection, ...] = ("tsne", "umap")
Reports = list[tuple[float, str]]


def clusters(count: int, seed: int = 0, dims: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Points (count, dims) of five stretched clusters that touch nowhere, and their clusters."""
    rng = np.random.default_rng(seed)
    which = np.arange(count) % 5
    centres = 14.0 * np.eye(5, dims)
    points = centres[which] + rng.normal(size=(count, dims)) * np.geomspace(2.0, 0.2, dims)
    return points.astype(np.float32), which


def followed(job: Job[Any]) -> tuple[Any, Reports]:
    reports: Reports = []
    result = job.run(lambda share, activity: reports.append((share, activity)))
    return result, reports


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As in the helper process; several that wait for each other crawl on a busy machine."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def maps() -> dict[str, tuple[np.ndarray, Reports]]:
    """Both maps of 300 clustered points, made once: UMAP compiles itself at first."""
    points, _ = clusters(300)
    return {method: followed(Project(points, method, seed=3)) for method in METHODS}


@pytest.mark.parametrize("method", METHODS)
def test_a_map_keeps_neighbours_and_clusters_together(
    maps: dict[str, tuple[np.ndarray, Reports]], method: str
) -> None:
    points, which = clusters(300)
    mapped, _ = maps[method]
    assert mapped.shape == (300, 2)
    assert mapped.dtype == np.float32
    assert trustworthiness(points, mapped, n_neighbors=10) > 0.9
    nearest = KNeighborsClassifier(5).fit(mapped, which)
    assert nearest.score(mapped, which) == 1.0


@pytest.mark.parametrize("method", METHODS)
def test_a_map_is_the_same_for_the_same_seed_only(
    maps: dict[str, tuple[np.ndarray, Reports]], method: NonlinearProjection
) -> None:
    points, _ = clusters(300)
    np.testing.assert_array_equal(Project(points, method, seed=3).run(), maps[method][0])
    # openTSNE takes chance for its jitter at the start only: of 1e-6, but chaos does the rest.
    assert not np.array_equal(Project(points, method, seed=4).run(), maps[method][0])


@pytest.mark.parametrize("method", METHODS)
def test_a_map_tells_how_far_it_is(
    maps: dict[str, tuple[np.ndarray, Reports]], method: str
) -> None:
    _, reports = maps[method]
    shares = [share for share, _ in reports]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    if method == "tsne":
        assert (250 / 750, "t-SNE: 250 of 750 iterations") in reports
        assert len(reports) == 31
    else:
        assert reports[-1][1] == "UMAP: 500 of 500 epochs"
        assert "UMAP: finding neighbours" in {activity for _, activity in reports}


def of_one_point() -> np.ndarray:
    return np.full((50, 20), 0.3)


def of_two_points() -> np.ndarray:
    return np.repeat(np.eye(2, 20), 40, axis=0)


def nearly_all_equal() -> np.ndarray:
    return np.concatenate([np.zeros((100, 20)), np.eye(3, 20)])


def of_one_dimension() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(50, 1))


def enormous() -> np.ndarray:
    return 1e20 * np.random.default_rng(0).normal(size=(50, 20))


def normal(count: int) -> Callable[[], np.ndarray]:
    return lambda: np.random.default_rng(0).normal(size=(count, 20))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "made",
    [
        of_one_point,
        of_two_points,
        nearly_all_equal,
        of_one_dimension,
        enormous,
        *(pytest.param(normal(n), id=f"{n}_points") for n in (1, 2, 3, 4, 5, 8, 14, 31)),
    ],
)
def test_a_map_of_anything_finite_is_finite(
    method: NonlinearProjection, made: Callable[[], np.ndarray]
) -> None:
    points = made().astype(np.float32)
    before = points.copy()
    mapped = Project(points, method).run()
    assert mapped.shape == (len(points), 2)
    assert mapped.dtype == np.float32
    assert np.isfinite(mapped).all()
    np.testing.assert_array_equal(points, before)


def test_equal_points_are_mapped_to_one_and_three_keep_their_distances() -> None:
    assert not Project(of_one_point().astype(np.float32), "umap").run().any()
    three = normal(3)().astype(np.float32)
    mapped = Project(three, "tsne").run()
    for a, b in ((0, 1), (0, 2), (1, 2)):
        np.testing.assert_allclose(
            np.linalg.norm(mapped[a] - mapped[b]), np.linalg.norm(three[a] - three[b]), rtol=1e-5
        )


@pytest.mark.parametrize("method", METHODS)
def test_a_map_prints_nothing(
    method: NonlinearProjection,
    capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    Project(clusters(60)[0], method).run()
    assert not caplog.records  # without a handler Python prints those
    assert capfd.readouterr() == ("", "")
    assert not [str(w.message) for w in recwarn]


def jobs_on(latents: np.ndarray) -> list[Job[Any]]:
    good, which = clusters(20)
    labels = np.zeros(len(latents), np.int64)
    return [
        Project(latents, "tsne"),
        Project(latents, "umap"),
        FitMixture(latents),
        NeighbourAccuracy(latents, labels, good, which),
        NeighbourAccuracy(good, which, latents, labels),
    ]


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_latents_that_are_not_finite_are_refused(number: int, bad: float) -> None:
    latents = clusters(40)[0]
    latents[17, 5] = bad
    with pytest.raises(JobError, match=r"not finite"):
        jobs_on(latents)[number].run()


@pytest.mark.parametrize("number", range(5))
def test_no_latents_are_refused(number: int) -> None:
    with pytest.raises(JobError, match="no latents"):
        jobs_on(np.empty((0, 20), np.float32))[number].run()


@pytest.fixture(scope="module")
def overlapping() -> np.ndarray:
    """Points that a mixture of 10 needs more than one report's iterations to fit."""
    rng = np.random.default_rng(1)
    return np.tanh(rng.normal(size=(2000, 6)) @ rng.normal(size=(6, 6))).astype(np.float32)


def test_a_mixture_is_the_fit_of_scikit_learn(overlapping: np.ndarray) -> None:
    theirs = GaussianMixture(10, random_state=2).fit(overlapping.astype(np.float64))
    assert theirs.converged_
    assert theirs.n_iter_ > 5, "or it would not show that the parts of the fit join"
    ours, reports = followed(FitMixture(overlapping, seed=2))
    np.testing.assert_array_equal(ours.weights, theirs.weights_)
    np.testing.assert_array_equal(ours.means, theirs.means_)
    np.testing.assert_array_equal(ours.covariances, theirs.covariances_)
    shares = [share for share, _ in reports]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert (0.05, "mixture: 5 of ≤ 100 iterations") in reports


def test_a_mixture_gives_up_after_100_iterations_silently(
    overlapping: np.ndarray, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    fits = 0
    fit = GaussianMixture.fit

    def never_converging(self: GaussianMixture, points: np.ndarray) -> GaussianMixture:
        nonlocal fits
        fits += 1
        self.tol = 0.0
        return fit(self, points)

    monkeypatch.setattr(GaussianMixture, "fit", never_converging)
    FitMixture(overlapping[:300]).run()
    assert fits == 20
    assert not list(recwarn)


SKEWED = Mixture(
    weights=np.array([0.2, 0.5, 0.3]),
    means=np.array([[-4.0, 0.0, 1.0], [3.0, 1.0, 0.0], [0.0, 6.0, -2.0]]),
    covariances=np.array(
        [
            [[1.0, 0.8, 0.0], [0.8, 1.0, 0.0], [0.0, 0.0, 0.1]],
            [[2.0, -0.5, 0.3], [-0.5, 0.5, 0.0], [0.3, 0.0, 1.0]],
            [[0.2, 0.0, 0.0], [0.0, 3.0, 1.5], [0.0, 1.5, 1.0]],
        ]
    ),
)


def theirs(mixture: Mixture) -> GaussianMixture:
    """scikit-learn's mixture with the same parameters."""
    model = GaussianMixture(len(mixture.weights), random_state=0)
    model.weights_, model.means_ = mixture.weights, mixture.means
    model.covariances_ = mixture.covariances
    model.precisions_cholesky_ = np.linalg.cholesky(np.linalg.inv(mixture.covariances))
    return model


def test_samples_are_distributed_as_scikit_learns() -> None:
    # Every difference of two means of n independent values each is normal to a good
    # approximation with the standard error below; 5 of them for 13 statistics happen by
    # chance in fewer than 1 of 100,000 seeds, and with 200,000 samples they are below 2 %.
    count = 200_000
    ours = SKEWED.sample(count, seed=5).astype(np.float64)
    model = theirs(SKEWED)
    expected, _ = model.sample(count)

    def statistics(points: np.ndarray, components: np.ndarray) -> np.ndarray:
        pairs = [points[:, i] * points[:, j] for i in range(3) for j in range(i, 3)]
        shares = [components == k for k in range(3)]
        return np.column_stack([points, *pairs, *shares, model.score_samples(points)])

    a = statistics(ours, model.predict(ours))
    b = statistics(expected, model.predict(expected))
    error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / count)
    difference = np.abs(a.mean(axis=0) - b.mean(axis=0))
    assert (difference < 5 * error).all(), difference / error

    weights = np.bincount(model.predict(ours)) / count
    np.testing.assert_allclose(weights, SKEWED.weights, atol=0.01)  # the clusters hardly overlap
    for k in range(3):
        of_k = ours[model.predict(ours) == k]
        np.testing.assert_allclose(np.cov(of_k.T), SKEWED.covariances[k], atol=0.05)


def test_samples_follow_from_the_seed_and_leave_numpys_global_one_alone() -> None:
    np.random.seed(0)  # noqa: NPY002
    before = pickle.dumps(np.random.get_state())  # noqa: NPY002
    first = SKEWED.sample(64, seed=1)
    assert pickle.dumps(np.random.get_state()) == before  # noqa: NPY002
    assert first.shape == (64, 3)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(SKEWED.sample(64, seed=1), first)
    assert not np.array_equal(SKEWED.sample(64, seed=2), first)
    assert SKEWED.sample(0, seed=1).shape == (0, 3)


def test_samples_are_in_no_order_of_the_components() -> None:
    component = theirs(SKEWED).predict(SKEWED.sample(500, seed=0).astype(np.float64))
    changes = np.count_nonzero(np.diff(component))
    # Two independent draws differ with probability 1 − Σ w² = 0.62.
    assert changes > 250


@pytest.mark.parametrize(("count", "components"), [(1, 1), (2, 2), (7, 7), (40, 10)])
def test_a_mixture_has_no_more_components_than_points(count: int, components: int) -> None:
    points = clusters(count)[0]
    mixture = FitMixture(points).run()
    assert mixture.weights.shape == (components,)
    assert mixture.means.shape == (components, 20)
    assert mixture.covariances.shape == (components, 20, 20)
    assert np.isfinite(mixture.sample(100, seed=0)).all()
    if count < 10:
        np.testing.assert_allclose(np.sort(mixture.means, axis=0), np.sort(points, axis=0))


def test_points_that_repeat_count_once() -> None:
    points = np.repeat(np.eye(3, 4, dtype=np.float32), 50, axis=0)
    mixture = FitMixture(points).run()
    np.testing.assert_allclose(mixture.weights, np.full(3, 1 / 3))
    samples = mixture.sample(300, seed=0)
    nearest = np.abs(samples[:, None] - np.eye(3, 4)).max(axis=2).min(axis=1)
    assert nearest.max() < 0.01  # a standard deviation is 0.001, from reg_covar


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_collapsed_dimensions_stay_collapsed(scale: float) -> None:
    points = np.zeros((500, 20), np.float32)
    points[:, :3] = scale * np.random.default_rng(0).normal(size=(500, 3))
    points[:, 3] = points[:, 0] - points[:, 1]
    samples = FitMixture(points).run().sample(2000, seed=0)
    np.testing.assert_allclose(samples[:, 4:], 0.0, atol=0.01)
    np.testing.assert_allclose(
        samples[:, 3], samples[:, 0] - samples[:, 1], atol=0.01 + 1e-5 * scale
    )
    np.testing.assert_allclose(samples[:, :3].std(axis=0), points[:, :3].std(axis=0), rtol=0.1)


def plain_accuracy(job: NeighbourAccuracy) -> float:
    """Written from the definition: all distances, stable order, first of the commonest."""
    right = 0
    for point, label in zip(job.held_out.astype(np.float64), job.labels, strict=True):
        distances = np.sum((job.train.astype(np.float64) - point) ** 2, axis=1)
        nearest = np.argsort(distances, kind="stable")[: job.neighbours]
        votes = np.bincount(job.train_labels[nearest], minlength=10)
        right += int(votes.argmax() == label)
    return right / len(job.labels)


def test_neighbour_accuracy_is_that_of_a_plain_search_ties_too() -> None:
    rng = np.random.default_rng(0)
    # Labels that hardly depend on where a point is: many ties among 15.
    train = rng.normal(size=(800, 20)).astype(np.float32)
    held_out = rng.normal(size=(700, 20)).astype(np.float32)
    job = NeighbourAccuracy(
        train,
        ((train[:, 0] > 0) * 5 + rng.integers(0, 5, 800)).astype(np.uint8),
        held_out,
        ((held_out[:, 0] > 0) * 5 + rng.integers(0, 5, 700)).astype(np.uint8),
    )
    accuracy, reports = followed(job)
    assert isinstance(accuracy, float)
    assert accuracy == plain_accuracy(job)
    assert 0.1 < accuracy < 0.5
    assert reports[1:] == [
        (500 / 700, "neighbours: 500 of 700 images"),
        (1.0, "neighbours: 700 of 700 images"),
    ]


def test_jobs_and_results_can_be_pickled() -> None:
    points, which = clusters(30)
    for job in (Project(points, "tsne"), FitMixture(points, 2), SKEWED):
        copy = pickle.loads(pickle.dumps(job))
        assert type(copy) is type(job)
    copy = pickle.loads(pickle.dumps(NeighbourAccuracy(points, which, points, which, 3)))
    np.testing.assert_array_equal(copy.train, points)
    assert copy.neighbours == 3


def test_the_libraries_are_not_imported_before_a_job_runs() -> None:
    code = "import sys, engine.analysis.jobs, engine.analysis.helper_process; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"sklearn", "umap", "openTSNE", "torch", "numba", "scipy"} & set(out.stdout.split())
