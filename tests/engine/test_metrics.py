"""The best evaluation and active units, against other ways to compute them."""

import math
import random
import warnings
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from engine.history import History
from engine.metrics import Metrics, active_units, best_evaluation, pixel_entropies
from tests.support.made_runs import evaluation


@dataclass(frozen=True)
class Scored:
    epoch: float
    score: float


def test_the_best_is_the_lowest_score_and_the_first_of_equal_ones() -> None:
    rows = [Scored(0, 10.0), Scored(0.5, 9.0), Scored(1, 7.0), Scored(2, 7.0), Scored(3, 8.0)]
    assert best_evaluation(rows) is rows[2]
    assert best_evaluation(reversed(rows)) is rows[3]


def test_the_best_of_a_run_that_only_got_worse_is_the_untrained_model() -> None:
    rows = [Scored(0, 544.0), Scored(0.1, 7.6e15), Scored(1, 65198269.01)]
    assert best_evaluation(rows) is rows[0]


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_never_the_best(odd: float) -> None:
    rows = [Scored(1, odd), Scored(2, 5.0), Scored(3, odd)]
    assert best_evaluation(rows) is rows[1]
    assert best_evaluation([rows[0]]) is None
    assert best_evaluation([]) is None


def test_a_history_knows_the_best_of_all_its_evaluations_at_any_time() -> None:
    rng = random.Random(0)
    scores = [rng.choice([250.0, 249.5, 251.0, 248.0, math.nan]) for _ in range(60)]
    history = History()
    for epoch, score in enumerate(scores):
        history.add_evaluation(evaluation(epoch, score))
        seen = [(s, e) for e, s in enumerate(scores[: epoch + 1]) if not math.isnan(s)]
        best = history.best
        assert (None if best is None else (best.val.score, best.epoch)) == min(seen, default=None)


def test_an_autoencoders_score_has_no_kl_in_it() -> None:
    found = replace(evaluation(1, 240.0), val=Metrics(3.0, 2.0, math.nan))
    assert found.score == 2.0


def test_units_are_active_above_a_variance_of_a_hundredth_over_the_data() -> None:
    wave = np.linspace(-1, 1, 100)
    wave = wave / wave.std(ddof=1)
    mu = np.stack([wave * 0.09, wave * 0.11, wave * 0.0 + 5.0], axis=1).astype(np.float32)
    assert active_units(mu) == 1


def test_active_units_are_those_that_torch_counts() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        spread = rng.choice([0.0, 0.05, 0.099, 0.101, 1.0], size=30)
        mu = (rng.normal(size=(500, 30)) * spread + rng.normal(size=30)).astype(np.float32)
        expected = (torch.from_numpy(mu).double().var(dim=0) > 0.01).sum()
        assert active_units(mu) == int(expected)


def test_units_of_a_diverged_model_are_not_active_and_nothing_is_said_of_it() -> None:
    mu = np.array([[np.nan, np.inf, 1e30], [1.0, 2.0, -1e30], [3.0, 4.0, 0.0]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert active_units(mu) == 1
        assert active_units(mu[:1]) is None, "one image has no variance"
        assert active_units(mu[:0]) is None


def test_black_and_white_pixels_have_no_entropy_and_grey_ones_at_most_ln_2() -> None:
    images = np.zeros((3, 28, 28), np.uint8)
    images[1] = 255
    images[2] = 127
    found = pixel_entropies(images)
    assert found[:2].tolist() == [0.0, 0.0]
    assert found[2] == pytest.approx(784 * math.log(2), rel=1e-4)
    assert pixel_entropies(images[:0]).tolist() == []
