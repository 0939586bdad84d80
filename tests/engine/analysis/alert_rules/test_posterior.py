"""A posterior that says nothing, one whose KL vanishes at the start, one far from the prior."""

import math

import pytest

from engine.config import RunConfig
from engine.metrics import Evaluation
from tests.support.made_histories import STEPS, evaluation, raised, rules

PRESSED = RunConfig(beta=20.0, kl_warmup=0.0, latent_dim=10)
FREE = RunConfig(beta=0.0, kl_warmup=0.0, latent_dim=10)
ENTROPY_OF_TEN_CLASSES = math.log(10)


def ends(kls: list[float], beta: float = 20.0, units: int = 3) -> list[Evaluation]:
    """Of one loss, whatever the KL."""
    return [
        evaluation(n, 340.0 - beta * kl, kl, beta=beta, units=units) for n, kl in enumerate(kls, 1)
    ]


def test_a_kl_below_what_tells_classes_apart_at_two_epoch_ends_is_a_collapse() -> None:
    kls = [4.0, 2.2, 2.1, 1.9, 2.0]
    assert rules(PRESSED, ends(kls)) == [("collapse", 3.0)]
    above = [4.0, ENTROPY_OF_TEN_CLASSES + 0.01] * 3
    assert rules(PRESSED, ends(above)) == []
    once = [4.0, 2.2, 2.4, 2.2, 2.4, 2.2]
    assert rules(PRESSED, ends(once)) == []


def test_a_tenth_of_the_units_with_little_kl_is_a_collapse_and_with_much_it_is_not() -> None:
    assert rules(PRESSED, ends([4.0, 4.0, 4.0], units=1)) == [("collapse", 2.0)]
    assert rules(PRESSED, ends([5.0, 5.0, 5.0], units=1)) == []
    assert rules(PRESSED, ends([4.0, 4.0, 4.0], units=2)) == []


def test_no_active_unit_is_a_collapse_whatever_the_kl() -> None:
    assert rules(PRESSED, ends([4.0, 4.0, 4.0], units=0)) == [("collapse", 2.0)]


def test_a_kl_on_its_way_up_is_no_collapse_yet() -> None:
    assert rules(PRESSED, ends([0.1, 0.5, 1.5, 3.5])) == []


def test_it_is_told_again_after_it_was_over_for_some_epochs() -> None:
    kls = [2.0] * 3 + [6.0] * 3 + [2.0] * 3
    assert rules(PRESSED, ends(kls)) == [("collapse", 2.0), ("collapse", 8.0)]
    briefly = [2.0] * 3 + [6.0] + [2.0] * 3
    assert rules(PRESSED, ends(briefly)) == [("collapse", 2.0)]


@pytest.mark.parametrize("epochs", [1, 2, 4])
def test_the_warm_up_is_no_collapse(epochs: int) -> None:
    config = RunConfig(beta=1.0, kl_warmup=5.0)
    low = [evaluation(n, 300.0, 1.5, beta=n / 5, units=3) for n in range(1, epochs + 1)]
    assert rules(config, low) == []
    after = [evaluation(n, 300.0, 1.5, beta=min(1.0, n / 5), units=3) for n in range(1, 8)]
    assert rules(config, after) == [("collapse", 6.0)]


def test_a_cycle_that_rises_is_no_collapse_and_one_that_has_risen_is() -> None:
    config = RunConfig(kl_schedule="cyclical", kl_cycles=2, epochs=12)
    betas = [1 / 3, 2 / 3, 0.99, 1.0, 1.0, 1.0] * 2

    def low(full: float) -> list[Evaluation]:
        return [
            evaluation(n, 300.0, full if beta == 1.0 else 1.5, beta=beta, units=3)
            for n, beta in enumerate(betas, 1)
        ]

    assert rules(config, low(9.0)) == []
    assert rules(config, low(1.5)) == [("collapse", 5.0)]


def test_the_evidence_is_in_numbers_and_the_suggestion_names_the_flags() -> None:
    (alert,) = raised(PRESSED, ends([4.0, 2.2, 0.05]))
    assert alert.evidence == (
        "KL 0.0500 nats at epoch 3, less than tells ten classes apart (ln 10 = 2.3), "
        "10 of 10 dimensions idle, 3 of 10 units active; reconstruction 339.00"
    )
    assert "lower β (20 now" in alert.suggestion
    assert "--beta 1 --kl-warmup 2" in alert.suggestion
    assert (alert.since_step, alert.since_epoch) == (2 * STEPS, 2.0)
    assert (alert.step, alert.epoch) == (3 * STEPS, 3.0)
    assert alert.text == f"posterior collapse: {alert.evidence}; {alert.suggestion}"


def test_what_presses_is_named_beta_then_the_missing_warm_up_then_the_learning_rate() -> None:
    def suggestion(config: RunConfig, beta: float) -> str:
        return raised(config, ends([2.0] * 4, beta))[0].suggestion

    assert suggestion(RunConfig(beta=4.0), 4.0).startswith("lower β (4 now")
    assert suggestion(RunConfig(kl_warmup=0.0), 1.0) == (
        "let β rise slowly: a new run with --kl-warmup 2"
    )
    assert suggestion(RunConfig(kl_warmup=1.0), 1.0).startswith("lower the learning rate (0.002: ")


def early(kls: list[float]) -> list[Evaluation]:
    """After 1, 2, 4, ... steps of the first epoch."""
    return [evaluation(2**n / STEPS, 500.0, kl, beta=4.0) for n, kl in enumerate(kls)]


def test_a_kl_near_0_in_two_evaluations_of_the_first_epoch_vanishes() -> None:
    config = RunConfig(beta=4.0, kl_warmup=0.0)
    begun = [0.03, 0.05, 0.1, 0.4, 2.0]
    assert rules(config, early([*begun, 0.9, 0.8])) == [("kl_vanishing", 0.64)]
    assert rules(config, early([*begun, 0.9, 1.1])) == []
    assert rules(config, early([*begun, 0.2, 0.6])) == [], "on its way up"
    assert rules(config, early([0.03, 0.02, 0.02, 0.02])) == [], "every KL is 0 at the start"


def test_a_vanished_kl_is_a_matter_of_the_start() -> None:
    config = RunConfig(beta=4.0, kl_warmup=0.0)
    late = [evaluation(n, 300.0, 5.0 if n < 8 else 0.1, beta=4.0) for n in range(1, 12)]
    assert rules(config, late) == [("collapse", 9.0)]


def test_more_kl_than_the_images_can_need_is_far_from_the_prior() -> None:
    images = STEPS * FREE.batch_size
    least = 2.0 * 10 + math.log(images)
    far = [evaluation(n, 240.0, least + 0.1, beta=0.0) for n in range(1, 4)]
    (alert,) = raised(FREE, far)
    assert (alert.rule, alert.epoch, alert.since_epoch) == ("far_from_prior", 2.0, 1.0)
    assert "at least 2.0 in each of 10 dimensions more than 12,800 images can need" in alert.text
    assert "raise β (0 now" in alert.suggestion
    near = [evaluation(n, 240.0, least - 0.1, beta=0.0) for n in range(1, 4)]
    assert rules(FREE, near) == []


def test_an_autoencoder_has_no_posterior_to_judge() -> None:
    config = RunConfig(model="ae")
    codes = [evaluation(n, 300.0 - n, math.nan, units=0) for n in range(1, 6)]
    assert rules(config, codes) == []


def test_a_run_that_diverges_is_told_so_and_nothing_else() -> None:
    config = RunConfig(kl_warmup=0.0)
    gone = [evaluation(n, 1e6, 0.0, units=0) for n in range(1, 6)]
    assert rules(config, gone) == [("diverging", 1.0)]
