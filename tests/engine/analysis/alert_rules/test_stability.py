"""A loss beyond any untrained model's, and one that jumps."""

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.alerts import Alert
from engine.analysis.alert_rules.watch import AlertWatch
from engine.config import RunConfig
from engine.metrics import Evaluation, Metrics
from engine.steering import SteeringChange
from tests.support.made_histories import STEPS, points, raised, rules
from tests.support.made_histories import evaluation as at_epoch

CONFIG = RunConfig(lr=0.25, beta=4.0)
STEADY = RunConfig(model="ae", lr_schedule="constant", epochs=30)


def evaluation(step: int, loss: float, kl: float = 12.0, epochs_each: float = 1.0) -> Evaluation:
    val = Metrics(loss, loss - kl, kl)
    return Evaluation(step, step * epochs_each, 1.0, 0.1, val, None, np.full(2, kl / 2), 2, 0.0)


def told(watch: AlertWatch, losses: list[float], epochs_each: float = 1.0) -> list[int]:
    evaluations = [evaluation(n, loss, epochs_each=epochs_each) for n, loss in enumerate(losses)]
    return [e.step for e in evaluations if any(a.rule == "diverging" for a in watch.note(e))]


def test_a_loss_beyond_twice_an_untrained_models_is_told_once_and_again_after_a_recovery() -> None:
    losses = [545.0, 1089.0, 1091.0, 7.6e15, 300.0, 250.0, 7.6e15]
    assert told(AlertWatch(CONFIG), losses) == [2, 6]


def test_in_the_first_epoch_a_single_jolt_is_not_told_and_two_in_a_row_are() -> None:
    losses = [545.0, 480.0, 3e3, 600.0, 4e3, 4e5, 3e3, 300.0, 3e3, 3e3]
    assert told(AlertWatch(CONFIG), losses, epochs_each=0.01) == [5, 9]


def test_the_alert_has_the_numbers() -> None:
    watch = AlertWatch(CONFIG)
    watch.note(evaluation(0, 545.0))
    (alert,) = watch.note(evaluation(1024, 7.6e15))
    assert alert.text == (
        "diverging: validation loss 7.6e15 nats per image at step 1,024, untrained 545.0; "
        "try a learning rate below 0.25"
    )
    assert (alert.step, alert.since_step) == (1024, 1024)


def test_without_the_evaluation_at_step_0_a_model_that_knows_nothing_is_the_measure() -> None:
    assert not AlertWatch(CONFIG).note(evaluation(5, 784 * math.log(2) * 1.99))
    assert AlertWatch(CONFIG).note(evaluation(5, 784 * math.log(2) * 2.01))


def test_a_kl_that_the_loss_leaves_free_is_no_divergence() -> None:
    # β = 0: −ELBO is thousands, and training is sound.
    assert told(AlertWatch(CONFIG), [545.0] + [230.0] * 4) == []
    free = [replace(evaluation(n, 230.0), val=Metrics(230.0, 230.0, 4000.0)) for n in range(4)]
    assert "diverging" not in [rule for rule, _ in rules(CONFIG, free)]


def test_a_large_beta_makes_the_untrained_loss_the_measure() -> None:
    assert told(AlertWatch(CONFIG), [9_000.0, 9_000.0, 17_000.0, 18_001.0]) == [3]


@pytest.mark.parametrize(
    ("settings", "free_kl"),
    [({"capacity": 25.0}, 100.0), ({"free_bits": 0.5, "latent_dim": 10}, 20.0)],
)
def test_what_no_kl_costs_is_no_divergence(settings: dict[str, float], free_kl: float) -> None:
    config = replace(CONFIG, **settings)  # type: ignore[arg-type]
    bound = 2.0 * (784 * math.log(2.0) + free_kl)
    assert told(AlertWatch(config), [545.0, bound - 1.0, bound + 1.0]) == [2]


def test_a_kl_that_rises_to_a_capacity_is_no_jump_and_a_loss_that_jumps_is() -> None:
    config = RunConfig(capacity=30.0, beta=100.0, kl_warmup=0.0, lr_schedule="constant")

    def rising(jump: float) -> list[Evaluation]:
        made = [at_epoch(n, 250.0 - n, 3.0 * n, beta=100.0, train=250.0 - n) for n in range(1, 9)]
        losses = [e.val.recon + 5.0 + (jump if n == 6 else 0.0) for n, e in enumerate(made)]
        return [
            replace(e, val=replace(e.val, loss=loss)) for e, loss in zip(made, losses, strict=True)
        ]

    assert rules(config, rising(0.0)) == []
    assert ("instability", 7.0) in rules(config, rising(15.0))


def test_cycles_of_beta_are_no_jumps() -> None:
    config = RunConfig(kl_schedule="cyclical", kl_cycles=4, epochs=16, lr_schedule="constant")
    cycle = [(0.5, 20.0), (1.0, 14.0), (1.0, 12.0), (1.0, 60.0)]
    made = [at_epoch(n + 1, 240.0, kl, beta=beta) for n, (beta, kl) in enumerate((cycle * 4)[:13])]
    assert "instability" not in dict(rules(config, made))


def test_free_bits_that_are_changed_are_no_jump() -> None:
    config = RunConfig(free_bits=2.0, kl_warmup=0.0, lr_schedule="constant", epochs=30)
    made = [at_epoch(n, 240.0, 12.0 if n < 8 else 32.0) for n in range(1, 15)]
    change = SteeringChange(7 * STEPS, "free_bits", 0.0, 2.0)
    assert "instability" not in dict(rules(config, made, changes=[change]))
    assert "instability" in dict(rules(config, made))


def falling(epochs: int, start: float = 260.0, by: float = 2.0) -> list[float]:
    return [start - by * n for n in range(epochs)]


def runs(losses: list[float], train: list[float] | None = None) -> list[Evaluation]:
    """An autoencoder's, an epoch apart."""
    means = train or losses
    return [
        at_epoch(n, loss, math.nan, train=mean)
        for n, (loss, mean) in enumerate(zip(losses, means, strict=True), 1)
    ]


def test_one_large_jump_of_the_validation_loss_is_unstable() -> None:
    losses = falling(8)
    losses[5] += 15.0
    assert rules(STEADY, runs(losses)) == [("instability", 6.0)]
    losses[5] -= 7.0
    assert rules(STEADY, runs(losses)) == []


def test_two_jumps_within_five_epochs_are_unstable_and_farther_apart_they_are_not() -> None:
    near, far = falling(16), falling(16)
    near[5], near[8] = near[5] + 8.0, near[8] + 8.0
    far[3], far[12] = far[3] + 8.0, far[12] + 8.0
    assert rules(STEADY, runs(near)) == [("instability", 9.0)]
    assert rules(STEADY, runs(far)) == []


def test_a_score_that_scatters_by_as_much_has_no_jump() -> None:
    scattered = [260.0 + 2.4 * (-1) ** n for n in range(10)]
    rises = [252.0, 258.0, 252.0, 258.0]
    assert "instability" not in dict(rules(STEADY, runs(scattered + rises)))
    assert "instability" in dict(rules(STEADY, runs([255.0] * 10 + rises)))


def test_spikes_of_the_training_curve_are_unstable_where_one_is_not() -> None:
    curve = [250.0 + (n % 3) for n in range(40)]
    curve[25] = 320.0
    evaluations = runs(falling(3))
    assert rules(STEADY, evaluations, points(curve)) == []
    curve[30] = 400.0
    (alert,) = raised(STEADY, evaluations, points(curve))
    assert (alert.rule, alert.epoch) == ("instability", 3.0)
    assert "2 spikes of the training loss in epoch 3, by up to 149.00 nats" in alert.evidence
    assert alert.since_step == 105 + 5 * 25


def test_what_is_unstable_is_told_once_while_it_lasts() -> None:
    losses = [260.0 + 15.0 * (n % 3 == 2) for n in range(25)]
    alerts: list[Alert] = raised(STEADY, runs(losses))
    assert [a.rule for a in alerts] == ["instability"]


@pytest.mark.parametrize("warmup", [0.0, 6.0])
def test_a_rise_that_beta_makes_is_none(warmup: float) -> None:
    config = RunConfig(kl_warmup=warmup, beta=4.0, lr_schedule="constant", epochs=30)
    rising = [at_epoch(n, 240.0 - n, 12.0, beta=min(4.0, 4.0 * n / 6)) for n in range(1, 10)]
    assert rules(config, rising) == []
