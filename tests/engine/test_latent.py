import numpy as np
import pytest
from sklearn.decomposition import PCA

from engine.latent import principal_axes


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


def test_points_without_variance_explain_nothing_and_break_nothing() -> None:
    pca = principal_axes(np.ones((10, 3), np.float32), 2)
    assert pca.explained.tolist() == [0.0, 0.0]
    assert np.isfinite(pca.project(np.ones((10, 3)))).all()
