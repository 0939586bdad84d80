"""Alerts of runs whose settings were changed while they trained."""

import math
from dataclasses import replace

import pytest

from engine.config import RunConfig
from engine.steering import SteeringChange
from tests.support.made_histories import STEPS, evaluation, points, raised, rules

PRESSED = RunConfig(beta=20.0, kl_warmup=0.0, lr_schedule="constant", epochs=40)
SAVED = SteeringChange(3 * STEPS, "beta", 20.0, 1.0)


def test_a_collapsed_run_that_is_saved_by_a_smaller_beta_is_told_once() -> None:
    before = [evaluation(n, 380.0, 0.1, beta=20.0, units=0) for n in (1, 2, 3)]
    after = [evaluation(n, 260.0 - n, 10.0, beta=1.0) for n in range(4, 10)]
    alerts = raised(PRESSED, before + after, changes=[SAVED])
    assert [str(a.rule) for a in alerts] == ["collapse"]
    assert "lower β (20 now" in alerts[0].suggestion


def test_a_warm_up_that_is_changed_counts_from_the_change_on() -> None:
    config = RunConfig(beta=1.0, kl_warmup=2.0)
    longer = SteeringChange(STEPS, "kl_warmup", 2.0, 8.0)
    low = [evaluation(n, 300.0, 1.5, beta=n / 8, units=3) for n in range(1, 8)]
    assert rules(config, low, changes=[longer]) == []
    assert "collapse" in dict(rules(config, low))


@pytest.mark.parametrize("given", ["at the start", "at the end"])
def test_the_settings_that_are_given_may_be_those_of_any_time(given: str) -> None:
    config = RunConfig(beta=1.0, kl_warmup=2.0 if given == "at the start" else 8.0)
    longer = SteeringChange(STEPS, "kl_warmup", 2.0, 8.0)
    low = [evaluation(n, 300.0, 1.5, beta=min(1.0, n / 8), units=3) for n in range(1, 12)]
    assert rules(config, low, changes=[longer]) == [("collapse", 9.0)]


def test_a_larger_beta_is_no_spike_and_no_jump() -> None:
    config = replace(PRESSED, beta=1.0)
    larger = SteeringChange(3 * STEPS, "beta", 1.0, 20.0)
    small = [evaluation(n, 240.0, 12.0, beta=1.0, train=260.0 - n) for n in (1, 2, 3)]
    large = [evaluation(n, 262.0, 5.0, beta=20.0, train=380.0 - n) for n in (4, 5, 6, 7)]
    curve = points([255.0] * 40 + [490.0] * 3 + [370.0] * 60)
    assert rules(config, small + large, curve, [larger]) == []


def test_changes_that_can_not_be_of_the_run_are_left_out() -> None:
    codes = [evaluation(n, 300.0 - n, math.nan, units=0) for n in range(1, 6)]
    assert rules(RunConfig(model="ae"), codes, changes=[SAVED]) == []
