"""What the numbers of several runs say of each other: only of what is the same quantity in both.

An autoencoder's loss is a reconstruction error of codes without noise and a VAE's −ELBO is more
than that: the two are never set side by side. What all models share is the reconstruction at
z = μ (or from the code) and where images lie in latent space.
"""

import itertools
import math
from collections.abc import Sequence

from engine.report.course import chance
from engine.report.facts import FEWEST_IMAGES, RunFacts
from engine.report.findings import Finding
from engine.text import count, fixed, listed, nats, percent, small

ALIKE = 0.02
"""Relative difference of squared errors below which neither is the better."""
STANDARD_ERRORS = 2.0
"""Two accuracies differ if they are farther apart than so many standard errors."""


def comparison_findings(runs: Sequence[RunFacts]) -> tuple[Finding, ...]:
    """All that is to say of several runs; nothing of one alone."""
    if len(runs) < 2:
        return ()
    if problem := incomparable(runs):
        return (Finding("Not comparable", problem),)
    found = (
        ("What can be compared", _quantities(runs)),
        ("Evidence lower bound", _elbos(runs)),
        ("Reconstruction", _reconstruction(runs)),
        ("Classes in latent space", _accuracies(runs)),
        ("Sampling from N(0, I)", _sampling(runs)),
    )
    return tuple(Finding(title, text) for title, text in found if text)


def called(run: RunFacts) -> str:
    """A run by its name and kind: 'v (VAE)'."""
    return f"{run.name} ({run.model.upper()})"


def incomparable(runs: Sequence[RunFacts]) -> str:
    """Why the runs' scores can't be compared; empty if they can."""
    first = runs[0]
    for run in runs[1:]:
        if run.validation_images.differ_from(first.validation_images):
            if run.data.fingerprint != first.data.fingerprint:
                return f"{called(first)} and {called(run)} were trained on different data."
            return (
                f"{called(first)} and {called(run)} keep different images for validation "
                "(validation_share or split_seed differ)."
            )
    return ""


def _quantities(runs: Sequence[RunFacts]) -> str:
    vaes, aes = _named(runs, vae=True), _named(runs, vae=False)
    if not vaes or not aes:
        return ""
    return (
        f"The loss of {listed(aes)} is a reconstruction error, the −ELBO of {listed(vaes)} is one "
        "with noise in z, plus a KL: they are different quantities and not compared here. "
        "Compared is what every model has: reconstructions decoded from μ (of an autoencoder, "
        "from the code), and where the images lie in latent space."
    )


def _named(runs: Sequence[RunFacts], *, vae: bool) -> list[str]:
    return [called(run) for run in runs if run.is_vae is vae]


def _elbos(runs: Sequence[RunFacts]) -> str:
    scores = [(s.metrics.score, r) for r in runs if r.is_vae and (s := r.score("validation"))]
    if len(scores) < 2:
        return ""
    (best, run), (second, runner_up), *_ = sorted(scores, key=lambda pair: pair[0])
    text = f"The lowest validation −ELBO is that of {called(run)}: {nats(best)}; then "
    text += f"{called(runner_up)} with {nats(second)}"
    least = max(chance(run), chance(runner_up))
    if second - best < least:
        return f"{text}. They differ by less than {least:.2g} nats, as two seeds might."
    return f"{text}, {nats(second - best)} nats more."


def _reconstruction(runs: Sequence[RunFacts]) -> str:
    return " ".join(_errors(a, b) for a, b in itertools.combinations(runs, 2))


def _errors(a: RunFacts, b: RunFacts) -> str:
    better, worse = sorted((a, b), key=lambda run: run.recon_mse)
    if worse.recon_mse <= 0:
        return f"Neither {called(a)} nor {called(b)} makes any squared error."
    ratio = better.recon_mse / worse.recon_mse
    floor = a.data.validation.floor
    numbers = f"{small(better.recon_mse)} against {small(worse.recon_mse)}"
    text = f"The squared error of {called(better)} is {fixed(ratio, 2)} times that of "
    text += f"{called(worse)} ({numbers})"
    if ratio > 1 - ALIKE:
        text += ", which is as good as the same"
    above = f"{nats(better.recon_bce - floor)} against {nats(worse.recon_bce - floor)}"
    return f"{text}; above the floor of {nats(floor)} nats, its BCE is {above}."


def _accuracies(runs: Sequence[RunFacts]) -> str:
    if any(math.isnan(run.knn_accuracy) for run in runs):
        return "The images are of one class: there is nothing for latents to tell apart."
    by_accuracy = sorted(runs, key=lambda run: -run.knn_accuracy)
    best, second = by_accuracy[:2]
    given = [f"{called(run)} {percent(run.knn_accuracy)}" for run in by_accuracy]
    text = f"Told by their {count(best.latent.neighbours.neighbours, 'nearest neighbour')}, "
    text += f"images get their own class: {listed(given)}. "
    p, q = best.knn_accuracy, second.knn_accuracy
    images = best.data.validation.images
    if images < FEWEST_IMAGES:
        return f"{text}That is of {count(images, 'image')}, too few to tell the runs apart."
    error = math.sqrt((p * (1 - p) + q * (1 - q)) / images)
    points = f"{fixed(100 * (p - q), 1)} points"
    of_error = f"(standard error {fixed(100 * error, 1)}, as of {count(images, 'image')} each)"
    if p - q > STANDARD_ERRORS * error:
        return f"{text}{called(best)} is ahead of {called(second)} by {points} {of_error}."
    return (
        f"{text}The {points} between {called(best)} and {called(second)} are no clear difference "
        f"{of_error}."
    )


def _sampling(runs: Sequence[RunFacts]) -> str:
    if any(math.isnan(run.latent.remote_draws) for run in runs):
        images = count(runs[0].data.validation.images, "validation image")
        return f"{images} can't tell how far from the images draws lie."
    by_share = sorted(runs, key=lambda run: run.latent.remote_draws)
    given = [f"{called(run)} {percent(run.latent.remote_draws)}" for run in by_share]
    text = "Share of draws from N(0, I) that lie outside the region of the images (section 6): "
    text += f"{listed(given)}."
    least, most = by_share[0], by_share[-1]
    if most.latent.remote_draws > 2 * least.latent.remote_draws:
        text += f" N(0, I) suits the decoder of {called(least)} best."
    return text
