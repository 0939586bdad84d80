import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.history import History
from engine.metrics import Evaluation, Metrics, TrainPoint
from tests.support.tui_fakes import evaluation, history, metrics
from tui.drawing.curves import HistoryCurves


def read(history: History) -> HistoryCurves:
    curves = HistoryCurves(history)
    curves.read()
    return curves


def test_curves_are_the_metric_over_the_epochs_and_leave_out_what_is_no_number() -> None:
    points = [
        TrainPoint(1, 0.5, Metrics(1.0, 240.0, 10.0)),
        TrainPoint(2, 1.0, Metrics(1.0, 230.0, math.nan)),
        TrainPoint(3, 1.5, Metrics(1.0, math.inf, 11.0)),
        TrainPoint(4, 2.0, Metrics(1.0, 229.0, 12.0)),
    ]
    curves = read(History(train=points))
    elbo, recon, kl = (curves.train(metric) for metric in ("neg_elbo", "recon", "kl"))
    assert (elbo.epochs.tolist(), elbo.values.tolist()) == ([0.5, 2.0], [250.0, 241.0])
    assert (recon.epochs.tolist(), recon.values.tolist()) == ([0.5, 1.0, 2.0], [240, 230, 229])
    assert (kl.epochs.tolist(), kl.values.tolist()) == ([0.5, 1.5, 2.0], [10, 11, 12])


def test_the_validation_curve_begins_at_the_untrained_model() -> None:
    curve = read(History([evaluation(0.0), evaluation(2.0)])).validation("recon")
    assert curve.epochs.tolist() == [0.0, 2.0]
    assert curve.values.tolist() == pytest.approx([552.0, 229.0 + 315 * math.exp(-18) + 8 / math.e])


def test_no_points_are_an_empty_curve() -> None:
    curve = read(History()).train("kl")
    assert curve.epochs.shape == curve.values.shape == (0,)


@pytest.mark.slow
@given(st.lists(st.integers(0, 400), min_size=1, max_size=5))
def test_a_history_read_bit_by_bit_is_the_history_read_at_once(parts: list[int]) -> None:
    grown = History()
    curves = HistoryCurves(grown)
    whole = history(sum(parts), max(1, sum(parts)))
    points, evaluations, start = whole.train_points(), whole.evaluations(), 0
    for part in parts:
        grown.add_train_points(points[start : start + part])
        for e in evaluations[start : start + part]:
            grown.add_evaluation(e)
        start += part
        curves.read()
    at_once = read(grown)
    for metric in ("neg_elbo", "recon", "kl"):
        for one, other in (
            (curves.train(metric), at_once.train(metric)),
            (curves.validation(metric), at_once.validation(metric)),
        ):
            assert one.epochs.tolist() == other.epochs.tolist()
            assert one.values.tolist() == other.values.tolist()
    assert curves.train("kl").epochs.tolist() == [p.epoch for p in points[:start]]


def test_an_evaluation_is_found_by_its_step() -> None:
    curves = read(History([evaluation(0.0), evaluation(0.5), evaluation(2.0)]))
    assert curves.evaluated(200, "kl") == (0.5, metrics(0.5).kl)
    assert curves.evaluated(800, "neg_elbo") == (2.0, metrics(2.0).neg_elbo)
    assert [curves.evaluated(step, "kl") for step in (-1, 1, 799, 801)] == [None] * 4


@pytest.mark.slow
def test_a_long_curve_is_thinned_and_keeps_its_spikes() -> None:
    values = np.sin(np.arange(100_000) / 7)
    values[[12_345, 61_803]] = 9.0, -9.0
    points = [TrainPoint(i, i / 1000, Metrics(v, v, 0.0)) for i, v in enumerate(values.tolist())]
    curve = read(History(train=points)).train("recon")
    assert 2000 <= len(curve.values) <= 2048
    assert (curve.epochs[curve.values.argmax()], curve.values.max()) == (12.345, 9.0)
    assert (curve.epochs[curve.values.argmin()], curve.values.min()) == (61.803, -9.0)


class Counting(History):
    """Notes how much of it is handed out."""

    handed_out = 0

    def evaluations(self, since: int = 0) -> list[Evaluation]:
        found = super().evaluations(since)
        self.handed_out += len(found)
        return found

    def train_points(self, since: int = 0) -> list[TrainPoint]:
        found = super().train_points(since)
        self.handed_out += len(found)
        return found


def test_only_what_is_new_is_read_again() -> None:
    long = Counting(
        [evaluation(float(e)) for e in range(500)],
        [TrainPoint(i, i / 2, metrics(i / 2)) for i in range(1, 1001)],
    )
    curves = read(long)
    assert long.handed_out == 1500
    long.handed_out = 0
    curves.read()
    assert long.handed_out == 0
    long.add_train_points([TrainPoint(1001, 500.5, metrics(500.5))])
    curves.read()
    assert long.handed_out == 1
    assert curves.train("recon").epochs[-1] == 500.5
