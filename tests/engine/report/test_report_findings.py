"""Each sentence says the one or the other by its numbers, and has no number of its own."""

import math
import re
from dataclasses import replace
from typing import Any

import pytest

from engine.alerts import Alert, Rule
from engine.config import RunConfig
from engine.metrics import Metrics
from engine.report.comparing import comparison_findings
from engine.report.course import end_of_training, over_fitting, raised, stability
from engine.report.facts import ClassFacts, EpochFacts, NeighbourFacts, RunFacts
from engine.report.findings import (
    balance,
    classes,
    classes_in_latent_space,
    findings,
    latent_use,
    prior_match,
)
from tests.support.report_facts import ae, epochs, latent, metrics, score, split_facts, vae


def with_config(run: RunFacts, **settings: Any) -> RunFacts:
    return replace(run, config=replace(run.config, **settings))


# The latent space.


def test_dimensions_without_kl_are_counted_and_named() -> None:
    text = latent_use(vae())
    assert "No collapse as a whole, but 1 of 4 dimensions is idle: z₄ has a KL below 0.01" in text
    assert "The other 3 carry 12.00 of 12.00 nats; z₁ carries most, 6.00 nats." in text
    assert "3 of 4 vary with the image (variance of μ above 0.01)" in text
    two = latent_use(vae(latent=latent(kl_per_dim=(0.002, 5.0, 0.0, 7.5))))
    assert "2 of 4 dimensions are idle: z₁ and z₃ have a KL below 0.01 nats each" in two
    assert "The other 2 carry 12.50 of 12.50 nats; z₄ carries most, 7.50 nats." in two


def test_a_posterior_that_uses_every_dimension_has_not_collapsed() -> None:
    text = latent_use(vae(latent=latent(kl_per_dim=(6.0, 4.0, 2.0, 0.5))))
    assert text.startswith("No posterior collapse: the KL of 12.50 nats is spread over all 4 dim")
    assert "z₁ carries most, 6.00 nats, z₄ least, 0.500." in text
    assert "idle" not in text


def test_a_posterior_that_uses_none_has_collapsed() -> None:
    text = latent_use(vae(latent=latent(kl_per_dim=(0.001, 0.002, 0.0, 0.0005))))
    assert text.startswith("Posterior collapse: the KL of each of the 4 dimensions is below 0.01")
    assert "0.00350 together" in text
    one = with_config(vae(latent=latent(kl_per_dim=(0.001,))), latent_dim=1)
    assert latent_use(one).startswith("Posterior collapse: the KL of the only dimension is")


def test_with_one_dimension_no_least_one_is_named() -> None:
    text = latent_use(with_config(vae(latent=latent(kl_per_dim=(3.25,))), latent_dim=1))
    assert "spread over all 1 dimension; z₁ carries most, 3.25 nats. By" in text
    assert "least" not in text


def test_of_many_idle_dimensions_only_the_first_are_named() -> None:
    run = with_config(vae(latent=latent(kl_per_dim=(5.0, *[0.0] * 49))), latent_dim=50)
    assert "z₂, z₃, z₄, z₅, z₆, z₇, z₈, z₉, z₁₀, z₁₁, z₁₂, z₁₃ and 37 more have" in latent_use(run)


def test_an_autoencoder_is_not_said_to_have_a_kl() -> None:
    text = latent_use(ae())
    assert text.startswith("An autoencoder has no KL that could collapse")
    assert "3 of 4 vary with the image (variance of the code above 0.01)" in text
    assert balance(ae()) == ""


def test_the_elbo_is_taken_apart() -> None:
    text = balance(vae())
    assert "Of the validation −ELBO of 242.00, 187.00 are the pixels' own entropy, 43.00" in text
    assert "12.00 the KL. Without noise, from μ, the reconstruction is 226.00" in text
    assert "the noise in z costs 4.00." in text
    assert "From epoch 1 to 4 the reconstruction fell from 248.00 to 230.00" in text
    first, *_, last = epochs(250.0, 240.0).evaluations
    risen = replace(last, val=Metrics(260.0, 245.0, 15.0))
    changed = replace(epochs(250.0, 240.0), evaluations=(first, risen))
    assert "reconstruction rose from 238.00 to 245.00 and the KL rose from 12.00 to 15.00" in (
        balance(vae(training=changed)).replace("the reconstruction", "reconstruction")
    )


# Over-fitting, the end, stability.


def test_the_gap_between_seen_and_unseen_images_is_told_without_the_images_own_entropy() -> None:
    text = over_fitting(vae())
    assert text.startswith(
        "Unseen images fare about as well as seen ones: with the same weights (epoch"
    )
    # 241 − 188 and 242 − 187.
    assert "is 53.00 nats on training images and 55.00 on validation images, 3.8 % more" in text
    assert "The −ELBO itself, 241.00 and 242.00, has" in text
    assert "which differs by −1.00." in text


def test_a_large_gap_is_called_what_it_is() -> None:
    scores = (score("train", 225.0, 188.0), score("validation", 230.0, 187.0))
    text = over_fitting(vae(scores=scores))
    assert text.startswith("Unseen images fare clearly worse than seen ones: with the same")
    assert "49.00 nats on training images and 55.00 on validation images, 12.2 % more" in text
    assert "about as well" not in text


def test_a_gap_that_is_all_the_images_own_is_not_over_fitting() -> None:
    scores = (score("train", 220.0, 180.0), score("validation", 230.0, 190.0))
    text = over_fitting(vae(scores=scores))
    assert text.startswith("Unseen images fare about as well")
    assert "52.00 nats on training images and 52.00 on validation images, 0 % more" in text
    assert "which differs by +10.00." in text


def test_unseen_images_that_are_reconstructed_better_are_told_as_such() -> None:
    scores = (score("train", 230.0, 188.0), score("validation", 226.0, 187.0))
    assert "54.00 nats on training images and 51.00 on validation images, 5.6 % less" in (
        over_fitting(vae(scores=scores))
    )


def test_best_at_the_end() -> None:
    text = over_fitting(vae())
    assert "The validation score was best at the end (at epoch 4): no over-fitting." in text


def test_a_score_that_got_worse_while_training_went_on_learning_is_over_fitting() -> None:
    training = epochs(250.0, 240.0, 242.0, 244.0, train=(251.0, 239.0, 235.0, 231.0))
    text = over_fitting(vae(training=training))
    assert "was best at epoch 2 (240.00) and ended 4.00 nats above that" in text
    assert "the training epochs' mean went from 239.00 to 231.00: over-fitting." in text
    assert "no harm" not in text


def test_a_score_that_got_worse_with_the_training_score_is_not_over_fitting() -> None:
    training = epochs(250.0, 240.0, 242.0, 244.0, train=(251.0, 239.0, 241.0, 243.0))
    text = over_fitting(vae(training=training))
    assert "went from 239.00 to 243.00 as well: not over-fitting" in text


def test_a_loss_since_the_best_that_seeds_may_make_is_not_made_much_of() -> None:
    text = over_fitting(vae(training=epochs(250.0, 240.0, 240.3)))
    assert "ended 0.30 nats above that, less than what seeds may differ by (0.5)" in text
    assert "Meanwhile" not in text


def test_the_best_within_the_first_epoch_is_the_one_of_best_pt() -> None:
    training = epochs(250.0, 252.0, 254.0, train=(260.0, 240.0, 230.0))
    early = epochs(249.0, 241.0, train=(300.0, 280.0)).evaluations
    early = tuple(replace(e, epoch=e.epoch / 10) for e in early)
    run = vae(training=replace(training, early=early))
    assert run.training.best == early[1]
    text = over_fitting(run)
    assert "was best at epoch 0.20 (241.00) and ended 13.00 nats above that" in text
    assert "went from 280.00 to 230.00: over-fitting." in text


def test_where_beta_is_not_1_training_is_judged_by_its_loss() -> None:
    """−ELBO rises with the KL that β = 0 does not hold down: that is no over-fitting."""

    def evaluation(epoch: float, recon: float, kl: float, mean: float) -> EpochFacts:
        return EpochFacts(epoch, metrics(recon, kl), metrics(mean, kl))

    falling = (evaluation(1, 250.0, 20.0, 255.0), evaluation(2, 230.0, 300.0, 228.0))
    unheeded = with_config(vae(training=replace(epochs(), evaluations=falling)), beta=0.0)
    text = over_fitting(unheeded)
    assert "was best at epoch 1 (270.00) and ended 260.00 nats above that" in text
    assert "Training lowers the loss (β = 0), not −ELBO" in text
    assert "went from 250.00 to 230.00 meanwhile, so −ELBO rose by the choice of β" in text
    assert "the model's own part of the loss (β = 0), above the floor, is 41.00 nats" in text
    rising = (evaluation(1, 230.0, 20.0, 255.0), evaluation(2, 240.0, 300.0, 210.0))
    text = over_fitting(with_config(vae(training=replace(epochs(), evaluations=rising)), beta=0.0))
    assert "from 255.00 to 210.00: over-fitting." in text


def test_what_draws_of_noise_may_make_is_no_verdict() -> None:
    rose = epochs(250.0, 240.0, 242.0)
    noisy = over_fitting(vae(training=rose, score_noise=1.0))
    assert "2.00 nats above that, less than what draws of ε may differ by (2.8)." in noisy
    scores = (score("train", 225.0, 188.0), score("validation", 230.0, 187.0))
    assert over_fitting(vae(scores=scores, score_noise=2.5)).startswith(
        "Unseen images fare clearly"
    )
    vague = over_fitting(vae(scores=scores, score_noise=3.5))
    assert vague.startswith("Unseen images fare about as well")
    assert "(threshold: 5 %, and more than the 7.00 nats that draws of ε make)" in vague
    assert "steady run" in stability(vae(training=rose, score_noise=1.0))
    assert "levelled off" in end_of_training(vae(training=rose, score_noise=1.0))


def test_a_run_that_is_said_to_be_clearly_worse_is_not_acquitted_in_the_same_paragraph() -> None:
    scores = (score("train", 225.0, 188.0), score("validation", 230.0, 187.0))
    for training in (
        epochs(250.0, 240.0),
        epochs(250.0, 240.0, 244.0, train=(251.0, 239.0, 243.0)),
    ):
        text = over_fitting(vae(scores=scores, training=training))
        assert text.startswith("Unseen images fare clearly worse")
        assert "no over-fitting" not in text
        assert "not over-fitting" not in text


def test_a_handful_of_validation_images_is_no_ground_for_a_verdict() -> None:
    data = replace(vae().data, validation=replace(split_facts(0, 187.0), class_counts=(1, 0, 0)))
    text = over_fitting(vae(data=data))
    assert text.startswith("1 validation image can't tell")
    assert "worse" not in text


def test_over_fitting_needs_both_scores() -> None:
    assert over_fitting(vae(scores=(score("validation", 230.0, 187.0),))) == ""


def test_a_falling_score_was_still_improving() -> None:
    text = end_of_training(vae())
    assert "still improving: from epoch 3 to 4 the validation −ELBO went from 245.00 to 242" in text
    assert "The cosine schedule had brought the learning rate to 0" in text
    assert "a new run of more than 4 epochs" in text
    constant = end_of_training(with_config(vae(), lr_schedule="constant"))
    assert "cosine" not in constant


def test_a_flat_or_rising_score_is_told_as_such() -> None:
    flat = end_of_training(vae(training=epochs(250.0, 242.3, 242.2)))
    assert "It had levelled off: from epoch 2 to 3" in flat
    rising = end_of_training(vae(training=epochs(250.0, 242.0, 244.0)))
    assert "It was getting worse: from epoch 2 to 3" in rising


def test_of_a_long_run_the_last_five_epochs_count() -> None:
    scores = [300.0 - e for e in range(1, 41)]
    text = end_of_training(with_config(vae(training=epochs(*scores)), epochs=40))
    assert "from epoch 35 to 40 the validation −ELBO went from 265.00 to 260.00" in text


def test_too_few_epochs_are_said_to_be_too_few() -> None:
    one = end_of_training(with_config(vae(training=epochs(250.0)), epochs=1))
    assert "too few epochs to tell whether it was still improving" in one
    warm = with_config(vae(training=epochs(250.0, 240.0)), kl_warmup=2.0, epochs=2)
    assert "too few epochs after the KL warm-up to tell" in end_of_training(warm)
    no_warmup = with_config(ae(training=epochs(250.0, 240.0, kl=math.nan)), kl_warmup=2.0)
    assert end_of_training(no_warmup).startswith("It was still improving")


def test_a_run_that_was_stopped_is_said_to_be_stopped() -> None:
    training = replace(epochs(250.0, 240.0), planned_steps=40)
    text = end_of_training(vae(training=training))
    assert text.startswith("The run was stopped at epoch 2 of 4 (step 20 of 40).")
    # Its learning rate had not come to 0.
    assert "cosine" not in text


def test_without_evaluations_nothing_is_claimed() -> None:
    run = vae(training=replace(epochs(), evaluations=()))
    assert end_of_training(run).startswith("No evaluation was kept (metrics.csv)")
    assert stability(run) == ""
    assert "best" not in over_fitting(run)
    assert "From epoch" not in balance(run)


def test_the_largest_rise_is_told_and_whether_it_was_made_good() -> None:
    assert stability(vae()) == "The validation score fell at every epoch from 1 to 4."
    steady = stability(vae(training=epochs(250.0, 240.0, 240.2, 239.0)))
    assert "was 0.20 nats, from epoch 2 to 3: less than 0.5, a steady run" in steady
    mended = stability(vae(training=epochs(250.0, 240.0, 247.0, 241.0, 239.0)))
    assert "was 7.00 nats, from epoch 2 to 3; it was made good by epoch 5." in mended
    lasting = stability(vae(training=epochs(250.0, 240.0, 247.0, 241.0)))
    assert "from epoch 2 to 3, and it did not come back to 240.00." in lasting


# Classes.


def test_classes_are_ranked_with_and_without_their_own_entropy() -> None:
    text = classes(vae())
    assert "Shoe has the lowest BCE (150.00) and Hat the highest (280.00)" in text
    assert "120.00 and 252.00 of that" in text
    assert "it is different: Hat is reconstructed best (28.00) and Sock worst (59.00)" in text
    assert "best is Shoe (0.0100), worst Sock (0.0260)" in text


def test_where_the_entropy_changes_nothing_it_is_said_so() -> None:
    facts = tuple(ClassFacts(n, 5, 100.0 + i, 0.01 + i, 50.0) for i, n in enumerate("abc"))
    text = classes(vae(classes=facts))
    assert "the same two are first and last: a is reconstructed best (50.00) and c worst" in text


def test_one_class_is_not_ranked() -> None:
    assert classes(vae(classes=vae().classes[:1])) == ""


def test_the_classes_that_mix_most_are_named() -> None:
    text = classes_in_latent_space(vae())
    assert text.startswith("86.7 % of the validation images have the class of most of their 15 ")
    assert "(the largest class alone would give 33.3 %): without having seen a label" in text
    assert "Shoe and Sock (7 of 40) and Shoe and Hat (1 of 40)." in text
    assert "Hardest to tell is Sock: 70 %." in text


def test_classes_that_do_not_mix_are_not_said_to() -> None:
    apart = NeighbourFacts(15, ((20, 0, 0), (0, 20, 0), (0, 0, 20)))
    text = classes_in_latent_space(vae(latent=latent(neighbours=apart)))
    assert "No two classes mix." in text
    assert "Hardest" not in text


def test_latents_no_better_than_chance_say_little() -> None:
    mixed = NeighbourFacts(15, ((8, 6, 6), (6, 8, 6), (6, 6, 8)))
    text = classes_in_latent_space(vae(latent=latent(neighbours=mixed)))
    assert text.startswith("40 % of")
    assert "the latents say little of the class" in text
    assert "puts images of a class together" not in text


# The prior.


def test_latents_like_the_prior_are_called_near_it() -> None:
    text = prior_match(vae())
    assert "the mean of z is at most 0.03 from 0 (z₃) and its variance 0.95 to 1.00, near" in text
    assert "A Gaussian with this mean and covariance is 0.25 nats (KL) from N(0, I)." in text
    assert "6 % of the draws from N(0, I) lie outside" in text
    assert "So samples come from where the decoder has learnt." in text


def test_dimensions_with_another_variance_than_the_priors_are_counted() -> None:
    text = prior_match(vae(latent=latent(variance=(1.5, 0.9, 0.4, 0.001), remote_draws=0.2)))
    assert (
        "0.55 to 1.51; 2 of 4 dimensions are more than 0.2 off the prior's 1, most of all z₁"
        in (text)
    )
    assert "So some samples come from where the decoder has learnt little." in text


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        (0.98, "shows mostly what the decoder does away from its codes"),
        (0.3, "decoding part of N(0, I) leaves the codes behind"),
        (0.05, "though nothing in training asked for it, N(0, I) can be decoded"),
    ],
)
def test_what_decoding_the_prior_means_for_an_autoencoder(remote: float, expected: str) -> None:
    run = ae(latent=replace(ae().latent, remote_draws=remote))
    assert expected in prior_match(run)
    assert "the mean of the code is at most 4.00 from 0 (z₁) and its variance 1.00 to 9.00" in (
        prior_match(run)
    )


def test_a_singular_covariance_has_no_distance() -> None:
    text = prior_match(vae(latent=latent(prior_distance=math.nan)))
    assert "nan" not in text
    assert "Gaussian" not in text


# Several runs.


def comparison(*runs: RunFacts) -> dict[str, str]:
    return {finding.title: finding.text for finding in comparison_findings(runs)}


def test_one_run_is_compared_with_nothing() -> None:
    assert comparison_findings([vae()]) == ()


def test_a_vae_and_an_autoencoder_are_never_compared_by_loss() -> None:
    found = comparison(vae(), ae())
    assert "are different quantities and not compared here" in found["What can be compared"]
    assert "Evidence lower bound" not in found
    assert "242.00" not in " ".join(found.values())
    errors = found["Reconstruction"]
    assert "The squared error of second (AE) is 0.78 times that of first (VAE)" in errors
    assert "(0.0125 against 0.0160)" in errors
    assert "above the floor of 187.00 nats, its BCE is 33.00 against 39.00." in errors
    assert "as good as the same" not in errors


def test_the_better_reconstruction_is_the_one_with_the_lower_error_whoever_has_it() -> None:
    errors = comparison(vae(recon_mse=0.01), ae(recon_mse=0.02))["Reconstruction"]
    assert "The squared error of first (VAE) is 0.50 times that of second (AE)" in errors
    alike = comparison(vae(recon_mse=0.0199), ae(recon_mse=0.02))["Reconstruction"]
    assert "which is as good as the same" in alike


def test_two_vaes_are_compared_by_their_elbo() -> None:
    other = vae(name="other", scores=(score("validation", 226.0, 187.0),))
    found = comparison(vae(), other)
    assert "What can be compared" not in found
    assert (
        "that of other (VAE): 238.00; then first (VAE) with 242.00, 4.00 nats more."
        in (found["Evidence lower bound"])
    )
    near = vae(name="near", scores=(score("validation", 229.8, 187.0),))
    assert (
        "less than 0.5 nats, as two seeds might" in comparison(vae(), near)["Evidence lower bound"]
    )


def told(right: int, of: int) -> NeighbourFacts:
    return NeighbourFacts(15, ((right, of - right), (0, 0)))


def test_accuracies_differ_only_beyond_chance() -> None:
    def pair(first: int, second: int, images: int) -> str:
        data = replace(
            vae().data, validation=replace(vae().data.validation, class_counts=(images, 0, 0))
        )
        a = vae(data=data, latent=latent(neighbours=told(first, images)))
        b = ae(data=data, latent=replace(ae().latent, neighbours=told(second, images)))
        return comparison(a, b)["Classes in latent space"]

    clear = pair(900, 800, 1000)
    assert "first (VAE) 90 % and second (AE) 80 %." in clear
    # √(0.9 · 0.1 / 1000 + 0.8 · 0.2 / 1000) = 1.58 %
    assert "first (VAE) is ahead of second (AE) by 10.0 points (standard error 1.6" in clear
    assert "The 10.0 points between first (VAE) and second (AE) are no clear" in pair(9, 8, 10)


def test_the_run_whose_latents_the_prior_suits_is_named_if_there_is_one() -> None:
    found = comparison(vae(), ae())["Sampling from N(0, I)"]
    assert "first (VAE) 6 % and second (AE) 98 %" in found
    assert "N(0, I) suits the decoder of first (VAE) best." in found
    same = ae(latent=replace(ae().latent, remote_draws=0.07))
    assert "best" not in comparison(vae(), same)["Sampling from N(0, I)"]


def test_runs_on_different_images_are_not_compared() -> None:
    other_data = ae(data=replace(ae().data, fingerprint="cd" * 32))
    assert comparison(vae(), other_data) == {
        "Not comparable": "first (VAE) and second (AE) were trained on different data."
    }
    other_split = ae(config=replace(ae().config, split_seed=1))
    assert (
        "keep different images for validation" in comparison(vae(), other_split)["Not comparable"]
    )


# All of it.

MADE_UP = [vae(), ae(), vae(training=epochs(250.0, 240.0, 247.0, 241.0))]


@pytest.mark.parametrize("run", MADE_UP)
def test_no_number_is_said_that_is_not_a_facts_or_a_threshold(run: RunFacts) -> None:
    """Other facts, other numbers: what stays the same is a threshold or a name."""

    def numbers(facts: RunFacts) -> set[str]:
        text = " ".join(finding.text for finding in findings(facts))
        # Of one digit there are too few for two texts to have none in common.
        return set(re.findall(r"(?<![\d.,])\d[\d.,]*\d(?![\d₀-₉])", text))

    shared = numbers(run) & numbers(otherwise(run))
    assert shared <= {"0.01", "0.5", "0.2", "95"}


def otherwise(run: RunFacts) -> RunFacts:
    """The same with every number another."""
    nan_kl = math.nan if not run.is_vae else 17.31
    counts = ((131, 17, 12), (13, 117, 35), (29, 18, 119))
    facts = vae() if run.is_vae else ae()
    old = run.training.evaluations
    shifted = epochs(*(e.val.score + 33.37 + 2.11 * i for i, e in enumerate(old)), kl=nan_kl)
    shifted = replace(
        shifted,
        evaluations=tuple(replace(e, epoch=e.epoch + 6) for e in shifted.evaluations),
        steps=77,
        planned_steps=77,
    )
    return replace(
        facts,
        config=RunConfig(model=run.model, hidden=(9,), latent_dim=6, epochs=13, kl_warmup=0.0),
        epoch=13.0,
        training=shifted,
        scores=(
            replace(score("train", 276.77, 178.39, nan_kl), active_units=2),
            replace(score("validation", 283.19, 179.46, nan_kl), active_units=2),
        ),
        recon_bce=271.33,
        recon_mse=0.0377,
        classes=tuple(
            replace(c, bce=c.bce * 1.37 + 3, mse=c.mse * 1.73, floor=c.floor * 1.21)
            for c in reversed(run.classes)
        ),
        latent=replace(
            run.latent,
            kl_per_dim=(7.37, 2.93, 0.0, 1.77, 3.91, 1.33) if run.is_vae else (),
            mean=(0.43, 0.0, 0.0, 0.0, 0.0, -0.71),
            variance=(2.71, 0.37, 0.63, 0.61, 0.67, 0.83),
            noise=(0.0,) * 6,
            prior_distance=7.77,
            neighbours=NeighbourFacts(14, counts),
            remote_draws=0.373,
        ),
    )


def test_the_alerts_are_told_with_their_evidence_and_what_to_do() -> None:
    assert raised(vae()) == "No alert was raised while it trained."
    alert = Alert(7, "", Rule.PLATEAU, 12.0, 2, 2.0, "0.10 nats in 10 epochs", "stop at 240")
    later = replace(alert, rule=Rule.COLLAPSE, epoch=20.0, since_epoch=18.0)
    assert raised(vae(alerts=(alert, later))) == (
        "2 alerts came while it trained. At epoch 12, plateau since epoch 2: 0.10 nats in 10 "
        "epochs. Suggested: stop at 240. At epoch 20, posterior collapse since epoch 18: 0.10 "
        "nats in 10 epochs. Suggested: stop at 240."
    )
    assert [f.text for f in findings(vae(alerts=(alert,))) if f.title == "Alerts"] == [
        raised(vae(alerts=(alert,)))
    ]
