"""Over-fitting and plateaus."""

import math

import numpy as np

from engine.config import RunConfig
from engine.metrics import Evaluation
from tests.support.made_histories import evaluation, raised, rules

LONG = RunConfig(model="ae", lr_schedule="constant", epochs=40)


def runs(validation: list[float], train: list[float] | None = None) -> list[Evaluation]:
    """An autoencoder's, an epoch apart."""
    means = train or validation
    return [
        evaluation(n, unseen, math.nan, train=seen)
        for n, (unseen, seen) in enumerate(zip(validation, means, strict=True), 1)
    ]


def valley(epochs: int, lowest: int, down: float = 2.0, up: float = 0.5) -> list[float]:
    return [
        240.0 + (down * (lowest - n) if n < lowest else up * (n - lowest))
        for n in range(1, epochs + 1)
    ]


def test_a_score_that_rises_while_training_falls_is_over_fitting_since_its_best() -> None:
    train = [260.0 - n for n in range(20)]
    (alert,) = raised(LONG, runs(valley(20, 8, down=0.5), train))
    assert alert.rule == "overfitting"
    assert alert.since_epoch == 8.0
    assert alert.since_step == 800
    assert "nats above its best of 240" in alert.evidence
    assert "around epoch 8, while training fell by" in alert.evidence
    assert alert.suggestion == "stop (x) and use best.pt; else a smaller net, --epochs 8"


def test_what_it_costs_is_the_rise_of_three_epochs_means() -> None:
    (alert,) = raised(LONG, runs(valley(20, 8), [260.0 - n for n in range(20)]))
    # Raised at the second epoch whose mean is 0.5 above the best one's.
    unseen = np.convolve(valley(20, 8), np.ones(3) / 3, "valid")
    assert alert.epoch is not None
    rise = unseen[int(alert.epoch) - 3] - unseen.min()
    assert f"validation {rise:.2f} nats above" in alert.evidence


def test_a_score_that_rises_with_training_is_no_over_fitting() -> None:
    worse = valley(20, 8)
    assert "overfitting" not in dict(rules(LONG, runs(worse, worse)))


def test_a_rise_within_chance_is_none_and_the_scatter_of_the_score_is_chance() -> None:
    train = [260.0 - n for n in range(20)]
    flat = valley(20, 8, up=0.0)
    flat[15:] = [240.4] * 5  # less than half a nat
    assert "overfitting" not in dict(rules(LONG, runs(flat, train)))
    rng = np.random.default_rng(1)
    noisy = (np.array(valley(20, 8, up=0.0)) + 2.0 * rng.standard_normal(20)).tolist()
    assert "overfitting" not in dict(rules(LONG, runs(noisy, train)))


def test_a_new_beta_begins_anew() -> None:
    config = RunConfig(kl_warmup=0.0, lr_schedule="constant", epochs=40)
    before = [evaluation(n, 240.0, 12.0, beta=1.0, train=260.0 - n) for n in range(1, 8)]
    # Another objective: 4 · 12 more than the best before, which is no rise.
    after = [evaluation(n, 240.0, 12.0, beta=4.0, train=260.0 - n) for n in range(8, 14)]
    assert rules(config, before + after) == []


def test_it_is_not_told_again_before_there_is_a_new_best() -> None:
    wavy = valley(12, 4) + [244.0, 240.2, 240.2, 240.2] + [244.0] * 6
    train = [260.0 - n for n in range(len(wavy))]
    assert [rule for rule, _ in rules(LONG, runs(wavy, train))].count("overfitting") == 1


def test_a_best_score_that_stands_still_for_ten_epochs_is_a_plateau() -> None:
    flat = [250.0 - 2.0 * n for n in range(6)] + [238.0] * 14
    alerts = raised(LONG, runs(flat))
    assert [a.rule for a in alerts] == ["plateau"]
    (alert,) = alerts
    assert alert.epoch is not None
    assert alert.since_epoch is not None
    assert alert.epoch - alert.since_epoch == 10.0
    assert "at lr 0.001" in alert.evidence
    assert "--lr-schedule cosine" in alert.suggestion


def test_a_longer_run_waits_a_fifth_of_its_epochs() -> None:
    flat = [250.0 - 2.0 * n for n in range(6)] + [238.0] * 14
    assert rules(RunConfig(model="ae", lr_schedule="constant", epochs=100), runs(flat)) == []


def test_what_as_many_epochs_more_would_bring_is_said() -> None:
    # 0.32 nats in the first five epochs, 0.16 in the next: 0.08 and 0.04 more.
    score, flat = 240.0, []
    for n in range(40):
        flat.append(score)
        score -= 8.0 * 0.5 ** (n / 5) * (1 - 0.5 ** (1 / 5))
    (alert,) = raised(LONG, runs(flat))
    gained, more = (float(alert.evidence.split(word)[1].split()[0]) for word in ("by ", "about "))
    assert 0.0 < more < gained <= 0.5
    assert abs(more - gained * 0.25) < 0.02, "two halvings"


def test_a_schedule_that_comes_to_its_end_is_no_plateau() -> None:
    config = RunConfig(model="ae", lr=1e-3, epochs=40)
    for lr, expected in ((0.4e-3, []), (0.9e-3, ["plateau"])):
        flat = [evaluation(n, 238.0, math.nan, lr=lr) for n in range(1, 16)]
        assert [rule for rule, _ in rules(config, flat)] == expected


def test_a_learning_rate_that_was_changed_begins_anew() -> None:
    flat = [evaluation(n, 238.0, math.nan, lr=1e-3 if n < 9 else 1e-4) for n in range(1, 18)]
    assert rules(LONG, flat) == []


def test_a_collapsed_run_stands_still_because_of_that() -> None:
    config = RunConfig(beta=20.0, kl_warmup=0.0, lr_schedule="constant", epochs=30)
    flat = [evaluation(n, 383.0, 0.01, beta=20.0, units=0) for n in range(1, 25)]
    assert "plateau" not in dict(rules(config, flat))
