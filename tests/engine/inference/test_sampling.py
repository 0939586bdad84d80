"""Draws: their distribution, and that the same question has the same answer."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from engine.config import RunConfig
from engine.inference.sampling import draw
from engine.views import PriorSamples

CONFIG = RunConfig(latent_dim=5, seed=1)
MANY = PriorSamples(seed=3, count=20_000)
CENTRE = (0.7, -1.2, 0.1, 2.0, -0.4)


def test_draws_are_standard_normal() -> None:
    z = draw(CONFIG, MANY)
    assert z.shape == (20_000, 5)
    assert z.dtype == np.float32
    assert kstest(z.ravel(), "norm").pvalue > 1e-3
    np.testing.assert_allclose(np.corrcoef(z.T), np.eye(5), atol=5 / np.sqrt(len(z)))


@pytest.mark.parametrize("temperature", [0.0, 0.5, 2.0])
def test_temperature_is_the_standard_deviation_of_the_same_draw(temperature: float) -> None:
    z = draw(CONFIG, replace(MANY, temperature=temperature))
    np.testing.assert_allclose(z, temperature * draw(CONFIG, MANY), rtol=1e-6)


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 40))
def test_a_larger_count_only_adds_draws(few: int, more: int, dims: int) -> None:
    few, more = sorted((few, more))
    config = replace(CONFIG, latent_dim=dims)
    start = draw(config, PriorSamples(seed=2, count=few))
    assert np.array_equal(draw(config, PriorSamples(seed=2, count=more))[:few], start)


def test_the_same_seeds_draw_the_same_and_others_differ() -> None:
    z = draw(CONFIG, PriorSamples(seed=3))
    assert np.array_equal(draw(replace(CONFIG, model="ae"), PriorSamples(seed=3)), z)
    assert not np.isin(draw(CONFIG, PriorSamples(seed=4)), z).any()
    assert not np.isin(draw(replace(CONFIG, seed=2), PriorSamples(seed=3)), z).any()


def test_more_like_this_begins_with_this() -> None:
    z = draw(CONFIG, replace(MANY, around=CENTRE))
    assert z[0].tolist() == np.array(CENTRE, np.float32).tolist()
    assert not np.isin(z[1:], z[0]).any()


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.9, 1.0])
def test_likeness_is_how_much_of_the_chosen_one_remains(rho: float) -> None:
    z = draw(CONFIG, replace(MANY, around=CENTRE, likeness=rho))[1:].astype(np.float64)
    error = 5 * np.sqrt(1 - rho**2) / np.sqrt(len(z))
    np.testing.assert_allclose(z.mean(axis=0), rho * np.array(CENTRE), atol=error + 1e-6)
    np.testing.assert_allclose(
        z.std(axis=0), np.sqrt(1 - rho**2), atol=5 / np.sqrt(2 * len(z)) + 1e-6
    )


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_draws_like_draws_from_the_prior_are_draws_from_the_prior(rho: float) -> None:
    """Variance stays 1, and the correlation with what was chosen is ρ."""
    chosen = draw(CONFIG, PriorSamples(seed=100, count=4000))
    like = np.array(
        [
            draw(CONFIG, PriorSamples(seed=n, count=2, around=tuple(c), likeness=rho))[1]
            for n, c in enumerate(chosen.tolist())
        ]
    )
    assert kstest(like.ravel(), "norm").pvalue > 1e-3
    correlation = np.corrcoef(chosen.ravel(), like.ravel())[0, 1]
    assert correlation == pytest.approx(rho, abs=5 / np.sqrt(like.size))


def test_temperature_warms_the_noise_around_the_chosen_one() -> None:
    warm = draw(CONFIG, replace(MANY, around=CENTRE, likeness=0.6, temperature=2.0))[1:]
    np.testing.assert_allclose(warm.std(axis=0), 0.8 * 2.0, rtol=0.03)


def test_no_draw_touches_the_random_numbers_of_others() -> None:
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    draw(CONFIG, replace(MANY, around=CENTRE))
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
