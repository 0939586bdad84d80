import math
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation, Slerp
from scipy.stats import norm
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from engine.model.latent_geometry import (
    classify,
    even_quantiles,
    lerp,
    nearest,
    nearest_to_one,
    normal_quantiles,
    principal_axes,
    slerp,
)
from engine.text import dimension_name


@pytest.fixture
def points() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6)) + 3.0).astype(np.float32)


def test_pca_is_that_of_scikit_learn_up_to_signs(points: np.ndarray) -> None:
    ours = principal_axes(points, 3)
    theirs = PCA(3).fit(points.astype(np.float64))
    signs = np.sign(np.sum(ours.axes * theirs.components_, axis=1))
    np.testing.assert_allclose(ours.axes * signs[:, None], theirs.components_, atol=1e-8)
    np.testing.assert_allclose(ours.explained, theirs.explained_variance_ratio_, rtol=1e-8)
    expected = theirs.transform(points.astype(np.float64)) * signs
    np.testing.assert_allclose(ours.project(points), expected, atol=1e-6)


def test_axes_are_turned_to_agree_with_the_ones_before(points: np.ndarray) -> None:
    first = principal_axes(points, 2)
    flipped = principal_axes(points, 2, like=-first.axes)
    np.testing.assert_array_equal(flipped.axes, -first.axes)


@pytest.mark.parametrize("count", [1, 2, 10])
def test_points_without_variance_break_nothing_and_no_share_of_it_is_told(count: int) -> None:
    pca = principal_axes(np.ones((count, 3), np.float32), 2)
    assert np.isnan(pca.explained).all()
    assert (pca.project(np.ones((count, 3))) == 0.0).all()
    np.testing.assert_allclose(pca.axes @ pca.axes.T, np.eye(2), atol=1e-12)


# Nearest points.


def sorted_distances(points: np.ndarray, query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By the definition: all distances, in doubles."""
    distances = np.sqrt(np.sum((points.astype(np.float64) - query) ** 2, axis=1))
    order = np.argsort(distances, kind="stable")
    return order, distances[order]


@pytest.mark.parametrize("algorithm", ["auto", "brute"])
@pytest.mark.parametrize("dims", [3, 20])
def test_the_nearest_points_are_those_of_all_distances(
    algorithm: Literal["auto", "brute"], dims: int
) -> None:
    rng = np.random.default_rng(0)
    points, queries = rng.normal(size=(900, dims)), rng.normal(size=(1100, dims))
    done: list[int] = []
    indices, distances = nearest(points, queries, 15, algorithm=algorithm, on_batch=done.append)
    assert done == [500, 1000, 1100]
    for query, found, far in zip(queries, indices, distances, strict=True):
        order, expected = sorted_distances(points, query)
        assert found.tolist() == order[:15].tolist()
        np.testing.assert_allclose(far, expected[:15], rtol=1e-9)


def test_of_many_points_those_nearest_to_one_come_first() -> None:
    points = np.random.default_rng(0).normal(size=(5000, 4)).astype(np.float32)
    for query in points[:5] + 0.1:
        found, distances = nearest_to_one(points, query, 3000)
        order, expected = sorted_distances(points, query)
        assert found[:50].tolist() == order[:50].tolist()  # farther ones lie too close
        np.testing.assert_allclose(distances, expected[:3000], rtol=1e-4)
        assert np.all(np.diff(distances) >= 0)
        assert distances.dtype == np.float32


def test_there_are_no_more_nearest_points_than_points() -> None:
    points = np.eye(3)
    assert nearest(points, np.zeros((2, 3)), 15)[0].shape == (2, 3)
    assert sorted(nearest_to_one(points, np.zeros(3), 15)[0].tolist()) == [0, 1, 2]


def test_classes_are_those_of_scikit_learns_classifier_ties_and_equal_points_too() -> None:
    rng = np.random.default_rng(0)
    # Labels that hardly depend on where a point is, on a coarse grid: ties of all kinds.
    train = np.round(rng.normal(size=(800, 6))).astype(np.float32)
    queries = np.round(rng.normal(size=(1100, 6))).astype(np.float32)
    labels = rng.integers(2, 9, 800).astype(np.uint8)
    theirs = KNeighborsClassifier(15, algorithm="brute").fit(train, labels)
    ours = classify(train, labels, queries)
    np.testing.assert_array_equal(ours, theirs.predict(queries))
    assert ours.dtype == labels.dtype


def test_of_tied_classes_the_lowest_number_counts() -> None:
    points, labels = np.array([[0.0], [0.2], [1.0], [1.2]]), np.array([7, 3, 3, 7])
    assert classify(points, labels, np.array([[0.6]]), neighbours=4).tolist() == [3]


def test_fewer_points_than_neighbours_all_vote() -> None:
    points, labels = np.array([[0.0], [9.0], [9.1]]), np.array([1, 2, 2])
    assert classify(points, labels, np.zeros((1, 1))).tolist() == [2]


# Paths.


def vectors(dims: int = 5) -> st.SearchStrategy[np.ndarray]:
    numbers = st.floats(-10, 10, allow_nan=False).map(lambda v: round(v, 3))
    return arrays(np.float64, dims, elements=numbers)


FRACTIONS = np.linspace(0, 1, 9)


@given(vectors(), vectors())
def test_lerp_goes_straight_at_an_even_pace(a: np.ndarray, b: np.ndarray) -> None:
    way = lerp(a, b, FRACTIONS)
    np.testing.assert_allclose(way[[0, -1]], [a, b], atol=1e-12)
    np.testing.assert_allclose(np.diff(way, axis=0), np.tile((b - a) / 8, (8, 1)), atol=1e-12)


@pytest.mark.parametrize("degrees", [1, 30, 90, 150, 179])
def test_slerp_in_the_plane_is_a_rotation(degrees: float) -> None:
    def at(angle: float) -> list[float]:
        return [math.cos(math.radians(angle + 20)), math.sin(math.radians(angle + 20))]

    way = slerp(np.array(at(0)), np.array(at(degrees)), FRACTIONS)
    np.testing.assert_allclose(way, [at(t * degrees) for t in FRACTIONS], atol=1e-12)


def test_slerp_is_that_of_scipys_rotations() -> None:
    """Unit quaternions are points of a sphere in four dimensions."""
    for seed in range(20):
        ends = Rotation.random(2, random_state=seed)
        a, b = ends.as_quat()
        if a @ b < 0:  # of the two ways, scipy takes the shorter
            b = -b
        expected = Slerp([0, 1], ends)(FRACTIONS).as_quat()
        way = slerp(a, b, FRACTIONS)
        signs = np.sign(np.sum(way * expected, axis=1))[:, None]
        np.testing.assert_allclose(way, expected * signs, atol=1e-9)


@given(st.integers(0, 10_000), st.integers(2, 64))
def test_slerp_keeps_to_the_sphere(seed: int, dims: int) -> None:
    a, b = np.random.default_rng(seed).normal(size=(2, dims))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    way = slerp(3 * a, 3 * b, FRACTIONS)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), 3, atol=1e-6)
    np.testing.assert_allclose(way[[0, -1]], [3 * a, 3 * b], atol=1e-9)


@given(vectors(), vectors())
def test_slerp_begins_and_ends_where_it_should(a: np.ndarray, b: np.ndarray) -> None:
    way = slerp(a, b, FRACTIONS)
    np.testing.assert_allclose(way[[0, -1]], [a, b], atol=1e-6)
    assert np.isfinite(way).all()


A = np.array([1.0, 2.0, -2.0])


@pytest.mark.parametrize("b", [A, 2.5 * A, -A, -0.1 * A, 0 * A, A + np.array([0, 0, 1e-9])])
@pytest.mark.parametrize("a", [A, 0 * A])
def test_slerp_between_points_of_one_line_is_the_line(a: np.ndarray, b: np.ndarray) -> None:
    np.testing.assert_allclose(slerp(a, b, FRACTIONS), lerp(a, b, FRACTIONS), atol=1e-8)


# Quantiles.


@given(st.floats(1e-12, 1 - 1e-12))
def test_normal_quantiles_are_those_of_scipy(q: float) -> None:
    [z] = normal_quantiles(np.array([q]))
    assert z == pytest.approx(norm.ppf(q), abs=1e-12, rel=1e-12)


@given(st.integers(1, 200))
def test_even_quantiles_are_the_middles_of_equal_parts(count: int) -> None:
    edges = np.linspace(0, 1, count + 1)
    np.testing.assert_allclose(even_quantiles(count), (edges[1:] + edges[:-1]) / 2, atol=1e-12)


def test_dimensions_are_named_from_one() -> None:
    assert [dimension_name(n) for n in (0, 8, 9, 4095)] == ["z₁", "z₉", "z₁₀", "z₄₀₉₆"]
