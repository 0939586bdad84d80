"""What a run's numbers say, in sentences that have the numbers in them.

Each function takes facts and gives plain text, and says the one thing or its opposite by what
the numbers are. Whatever a sentence claims beyond a number is decided by a constant below.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from engine.report.course import end_of_training, over_fitting, raised, stability
from engine.report.facts import REMOTE_SHARE, Numbers, RunFacts
from engine.text import (
    count,
    dimension_name,
    dimensions,
    epochs,
    fixed,
    listed,
    nats,
    percent,
    small,
)

IDLE_KL = 0.01
"""Nats. KL_j is an upper bound on the information in z_j: below this a dimension is idle."""
OFF_VARIANCE = 0.2
"""A dimension's variance this far from the prior's 1 is named."""
MANY_REMOTE = 2 * REMOTE_SHARE
"""Twice the share that a perfect match would have."""
MIXED_PAIRS = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """A heading of some words, and sentences."""

    title: str
    text: str


def findings(run: RunFacts) -> tuple[Finding, ...]:
    """All that is to say of a run by itself."""
    found = (
        ("Use of the latent space", latent_use(run)),
        ("Reconstruction and KL", balance(run)),
        ("Over-fitting", over_fitting(run)),
        ("End of training", end_of_training(run)),
        ("Stability", stability(run)),
        ("Alerts", raised(run)),
        ("Classes", classes(run)),
        ("Classes in latent space", classes_in_latent_space(run)),
        ("Latents and the prior", prior_match(run)),
    )
    return tuple(Finding(title, text) for title, text in found if text)


def latent_use(run: RunFacts) -> str:
    """Whether the posterior collapsed, and which dimensions carry nothing."""
    dims = run.config.latent_dim
    burda = f"{run.active_units} of {dims} vary with the image (variance of {_point(run)} above "
    burda += "0.01)."
    if run.active_units is None:
        burda = f"of {count(run.data.validation.images, 'image')} no dimension has any variance."
    if not run.is_vae:
        return f"An autoencoder has no KL that could collapse; of its code's dimensions {burda}"
    kl = run.latent.kl_per_dim
    idle = [j for j in range(dims) if kl[j] < IDLE_KL]
    total = sum(kl)
    if len(idle) == dims:
        return (
            f"Posterior collapse: the KL of {_every(dims)} is below {IDLE_KL:g} nats "
            f"({small(total)} together), so a latent says nothing of its image. {_sentence(burda)}"
        )
    by_kl = sorted(range(dims), key=lambda j: -kl[j])
    led_by = f"{dimension_name(by_kl[0])} carries most, {nats(kl[by_kl[0]])} nats"
    if not idle:
        least = by_kl[-1]
        return (
            f"No posterior collapse: the KL of {nats(total)} nats is spread over all "
            f"{count(dims, 'dimension')}; {led_by}"
            + (f", {dimension_name(least)} least, {small(kl[least])}. " if dims > 1 else ". ")
            + f"By variance, {burda}"
        )
    carrying = dims - len(idle)
    return (
        f"No collapse as a whole, but {len(idle)} of {count(dims, 'dimension')} "
        f"{'is' if len(idle) == 1 else 'are'} idle: {dimensions(idle)} "
        f"{'has' if len(idle) == 1 else 'have'} a KL below {IDLE_KL:g} nats"
        f"{'' if len(idle) == 1 else ' each'}. "
        f"The other {carrying} {'carries' if carrying == 1 else 'carry'} "
        f"{nats(total - sum(kl[j] for j in idle))} of {nats(total)} nats; {led_by}. "
        f"By variance, {burda}"
    )


def balance(run: RunFacts) -> str:
    """What the −ELBO is made of, and whether its parts rose or fell."""
    score = run.score("validation")
    if score is None or not run.is_vae:
        return ""
    m = score.metrics
    noise = m.recon - run.recon_bce
    text = (
        f"Of the validation −ELBO of {nats(m.neg_elbo)}, {nats(score.floor)} are the pixels' own "
        f"entropy, {nats(score.excess)} what the reconstruction adds to it and {nats(m.kl)} the "
        f"KL. Without noise, from μ, the reconstruction is {nats(run.recon_bce)}: the noise in z "
        f"costs {nats(noise)}."
    )
    evaluations = run.training.evaluations
    if len(evaluations) < 2:
        return text
    first, last = evaluations[0], evaluations[-1]
    parts = [
        f"{name} {'fell' if now < before else 'rose'} from {nats(before)} to {nats(now)}"
        for name, before, now in (
            ("the reconstruction", first.val.recon, last.val.recon),
            ("the KL", first.val.kl, last.val.kl),
        )
    ]
    return f"{text} From epoch {epochs(first.epoch)} to {epochs(last.epoch)} {listed(parts)}."


def classes(run: RunFacts) -> str:
    """Which classes are reconstructed best and worst, with and without their own entropy."""
    if len(run.classes) < 2:
        return ""
    if len({(c.bce, c.mse) for c in run.classes}) < 2:
        return "All classes are reconstructed equally well: their images may be the same."
    low, *_, high = sorted(run.classes, key=lambda c: c.bce)
    best, *_, worst = sorted(run.classes, key=lambda c: c.excess)
    sharp, *_, blurred = sorted(run.classes, key=lambda c: c.mse)
    same = "the same two are first and last" if (best, worst) == (low, high) else "it is different"
    return (
        f"Decoded from {_point(run)}, {low.name} has the lowest BCE ({nats(low.bce)}) and "
        f"{high.name} the highest ({nats(high.bce)}), but {nats(low.floor)} and "
        f"{nats(high.floor)} of that are the entropy of the images' own greys. Above this floor "
        f"{same}: {best.name} is reconstructed best ({nats(best.excess)}) and {worst.name} worst "
        f"({nats(worst.excess)}). By squared error best is {sharp.name} ({small(sharp.mse)}), "
        f"worst {blurred.name} ({small(blurred.mse)})."
    )


def classes_in_latent_space(run: RunFacts) -> str:
    """How well the latents separate the classes, and which classes mix."""
    facts, names = run.latent.neighbours, run.data.class_names
    if math.isnan(run.knn_accuracy):
        return (
            "The training images are of one class, so there is nothing for latents to tell apart."
        )
    counts = [sum(row) for row in facts.confusions]
    chance = max(counts) / sum(counts)
    text = (
        f"{percent(facts.accuracy)} of the validation images have the class of most of their "
        f"{count(facts.neighbours, 'nearest training image')} in latent space (the largest class "
        f"alone would give {percent(chance)})"
    )
    if facts.accuracy > 2 * chance:
        text += ": without having seen a label, the encoder puts images of a class together."
    else:
        text += ": the latents say little of the class."
    pairs = sorted(_mixed(facts.confusions), reverse=True)[:MIXED_PAIRS]
    if not pairs:
        return f"{text} No two classes mix."
    mixed = [
        f"{names[a]} and {names[b]} ({wrong:,} of {counts[a] + counts[b]:,})"
        for wrong, a, b in pairs
    ]
    recalls = {c: facts.confusions[c][c] / n for c, n in enumerate(counts) if n}
    hard = min(recalls, key=lambda c: recalls[c])
    return (
        f"{text} Most often taken for each other: {listed(mixed)}. Hardest to tell is "
        f"{names[hard]}: {percent(recalls[hard])}."
    )


def _mixed(confusions: tuple[tuple[int, ...], ...]) -> Iterator[tuple[int, int, int]]:
    """Images taken for the other class of a pair, and the pair; where there are any."""
    for a, b in itertools.combinations(range(len(confusions)), 2):
        wrong = confusions[a][b] + confusions[b][a]
        if wrong:
            yield wrong, a, b


def prior_match(run: RunFacts) -> str:
    """How the latents of images are distributed, against N(0, I), and what that does to samples."""
    latent = run.latent
    if not math.isfinite(latent.remote_draws):
        images = count(run.data.validation.images, "validation image")
        return f"{_moments(run)} {images} can't tell how far from the images draws lie.".strip()
    share = (
        f"{percent(latent.remote_draws)} of the draws from N(0, I) lie outside the images' region, "
        f"that is farther from every training image than {percent(1 - REMOTE_SHARE)} of the "
        f"validation images' {'z' if run.is_vae else 'codes'}; it would be "
        f"{percent(REMOTE_SHARE)} if both were distributed alike"
    )
    many = latent.remote_draws > MANY_REMOTE
    if run.is_vae:
        meaning = (
            "so some samples come from where the decoder has learnt little"
            if many
            else "so samples come from where the decoder has learnt"
        )
    else:
        meaning = (
            "so decoding N(0, I) shows mostly what the decoder does away from its codes"
            if latent.remote_draws > 0.5
            else "so decoding part of N(0, I) leaves the codes behind"
            if many
            else "so here, though nothing in training asked for it, N(0, I) can be decoded"
        )
    return f"{_moments(run)} {share}. {_sentence(meaning)}."


def _moments(run: RunFacts) -> str:
    latent = run.latent
    means, variances = latent.mean, latent.total_variance
    if not all(map(math.isfinite, variances)):
        return "One image has no variance, so the latents can't be set against the prior."
    far = max(range(len(means)), key=lambda j: abs(means[j]))
    off = [j for j, v in enumerate(variances) if abs(v - 1.0) > OFF_VARIANCE]
    text = (
        f"Over the validation images, the mean of {'z' if run.is_vae else 'the code'} is at most "
    )
    text += f"{fixed(abs(means[far]), 2)} from 0 ({dimension_name(far)}) and its variance "
    if not off:
        text += f"{_range(variances)}, near the prior's 1 in each dimension."
    else:
        worst = max(off, key=lambda j: abs(variances[j] - 1.0))
        text += f"{_range(variances)}; {len(off)} of {count(len(variances), 'dimension')} "
        text += f"{'is' if len(off) == 1 else 'are'} more than {OFF_VARIANCE:g} off the prior's 1, "
        text += f"most of all {dimension_name(worst)} ({fixed(variances[worst], 2)})."
    if math.isfinite(latent.prior_distance):
        text += " A Gaussian with this mean and covariance is "
        text += f"{nats(latent.prior_distance)} nats (KL) from N(0, I)."
    return text


def _point(run: RunFacts) -> str:
    return "μ" if run.is_vae else "the code"


def _range(values: Numbers) -> str:
    low, high = fixed(min(values), 2), fixed(max(values), 2)
    return low if low == high else f"{low} to {high}"


def _every(dims: int) -> str:
    return "the only dimension" if dims == 1 else f"each of the {dims} dimensions"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
