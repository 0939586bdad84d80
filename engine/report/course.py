"""What a run's numbers say of the course of its training, in sentences; see `findings`."""

import itertools
import math

from engine.analysis.judgement import CLEAR, Rise, judge_rise
from engine.metrics import score_name
from engine.report.facts import FEWEST_IMAGES, EpochFacts, RunFacts
from engine.text import count, epoch_label, epochs, nats, percent

NOISE_DEVIATIONS = 2.0
"""Standard deviations of what draws of ε make: less than this says nothing either."""
MEMORISED = 0.05
"""How much worse unseen images may be than seen ones, as a share: one in twenty."""
LAST_PART = 4
"""The end of training is the last quarter of its epochs,"""
LAST_EPOCHS = 5
"""but no more than these."""


def chance(run: RunFacts) -> float:
    """Nats by which two scores of the run may differ by chance: those of seeds, or of ε."""
    # The difference of two scores scatters √2 as much as each.
    return max(CLEAR, NOISE_DEVIATIONS * math.sqrt(2) * run.score_noise)


def over_fitting(run: RunFacts) -> str:
    """Unseen images against seen ones, by the same weights; and the last epoch against the best."""
    seen, unseen = run.score("train"), run.score("validation")
    if seen is None or unseen is None:
        return ""
    if run.data.validation.images < FEWEST_IMAGES:
        return (
            f"{count(run.data.validation.images, 'validation image')} can't tell: one of another "
            f"kind would change the score by more than training does (fewest: {FEWEST_IMAGES})."
        )
    name = run.minimised
    own_seen, own_unseen = (run.objective(s.metrics) - s.floor for s in (seen, unseen))
    more = own_unseen / own_seen - 1 if own_seen > 0 else math.nan
    if math.isnan(more):
        return (
            f"The {name} of training images, {nats(run.objective(seen.metrics))}, is no more than "
            "their own entropy: there is nothing of the model's own to compare."
        )
    noise = NOISE_DEVIATIONS * run.score_noise
    is_worse = more > MEMORISED and own_unseen - own_seen > noise
    if is_worse:
        verdict = "Unseen images fare clearly worse than seen ones"
    else:
        verdict = "Unseen images fare about as well as seen ones"
    threshold = f"threshold: {percent(MEMORISED)}"
    if more > MEMORISED and not is_worse:
        threshold += f", and more than the {nats(noise)} nats that draws of ε make"
    text = (
        f"{verdict}: with the same weights (epoch {epochs(run.epoch)}), the model's own part of "
        f"the {name}, above the floor, is {nats(own_seen)} nats on training "
        f"images and {nats(own_unseen)} on validation images, {percent(abs(more))} "
        f"{'less' if more < 0 else 'more'} ({threshold}). "
        f"The {name} itself, {nats(run.objective(seen.metrics))} and "
        f"{nats(run.objective(unseen.metrics))}, has the images' own entropy in it, too, which "
        f"differs by {nats(unseen.floor - seen.floor, signed=True)}."
    )
    return f"{text} {_since_best(run, is_worse=is_worse)}".strip()


def _since_best(run: RunFacts, *, is_worse: bool) -> str:
    """What became of the score after its best.

    Args:
        is_worse: unseen images fare clearly worse, so nothing here may acquit the run.
    """
    training = run.training
    best, last = training.best, training.last
    if best is None or last is None or len(training.evaluations) + len(training.early) < 2:
        return ""
    lost = last.val.score - best.val.score
    when = f"at epoch {epochs(best.epoch)}"
    if lost <= 0:
        end = "it had not begun to rise" if is_worse else "no over-fitting"
        return f"The validation score was best at the end ({when}): {end}."
    least = chance(run)
    text = f"The validation score was best {when} ({nats(best.val.score)}) and ended "
    text += f"{nats(lost)} nats above that, "
    if judge_rise(lost, None, least) is Rise.CHANCE:
        why = "seeds may differ by" if least == CLEAR else "draws of ε may differ by"
        return f"{text}less than what {why} ({least:.2g})."
    text += f"which is more than chance ({least:.2g}): "
    text += "the best weights are the ones to use"
    if run.is_vae and run.config.beta != 1:
        return f"{text} where −ELBO counts. {_judged_by_loss(run, best, last, least)}".strip()
    if best.train is None or last.train is None:
        return f"{text}."
    learnt = best.train.score - last.train.score
    means = f"the training epochs' mean went from {nats(best.train.score)} to "
    means += nats(last.train.score)
    if judge_rise(lost, learnt, least) is Rise.OVER_FITTING:
        return f"{text}. Meanwhile {means}: over-fitting."
    end = "training itself got worse" if is_worse else "not over-fitting, training itself got worse"
    return f"{text}. Meanwhile {means} as well: {end}."


def _judged_by_loss(run: RunFacts, best: EpochFacts, last: EpochFacts, least: float) -> str:
    """−ELBO is not what was trained where β is not 1: its rise alone is no over-fitting."""
    before, after = run.objective(best.val), run.objective(last.val)
    text = f"Training lowers the {run.minimised}, not −ELBO: on validation images it went from "
    text += f"{nats(before)} to {nats(after)} meanwhile"
    if judge_rise(after - before, None, least) is Rise.CHANCE:
        return f"{text}, so −ELBO rose by the choice of β, not by over-fitting."
    if best.train is None or last.train is None:
        return f"{text}."
    seen_before, seen_after = run.objective(best.train), run.objective(last.train)
    text += f", and over the training epochs from {nats(seen_before)} to {nats(seen_after)}"
    rise = judge_rise(after - before, seen_before - seen_after, least)
    return f"{text}: {'over-fitting' if rise is Rise.OVER_FITTING else 'training got worse'}."


def end_of_training(run: RunFacts) -> str:
    """Whether the validation score was still falling."""
    training, config = run.training, run.config
    last = training.last
    if last is None:
        return "No evaluation was kept (metrics.csv), so nothing can be said of how it ended."
    sentences = []
    if training.steps < training.planned_steps:
        sentences.append(
            f"The run was stopped at epoch {epochs(last.epoch)} of {config.epochs} "
            f"(step {training.steps:,} of {training.planned_steps:,})."
        )
    warmup = config.full_beta_epoch
    since = max(warmup, last.epoch - _window(last.epoch))
    earlier = [e for e in training.evaluations[:-1] if e.epoch >= since]
    if not earlier:
        after = " after the KL warm-up" if warmup > 0 else ""
        sentences.append(f"There are too few epochs{after} to tell whether it was still improving.")
        return " ".join(sentences)
    least = chance(run)
    change = last.val.score - earlier[0].val.score
    span = f"from epoch {epochs(earlier[0].epoch)} to {epochs(last.epoch)} the validation "
    span += f"{score_name(run.model)} went from {nats(earlier[0].val.score)} to "
    span += nats(last.val.score)
    if change < -least:
        sentences.append(f"It was still improving: {span}.")
    elif change > least:
        sentences.append(f"It was getting worse: {span}.")
    else:
        sentences.append(f"It had levelled off: {span}, a change of less than {least:.2g}.")
    if config.lr_schedule == "cosine" and training.steps >= training.planned_steps:
        sentences.append(
            "The cosine schedule had brought the learning rate to 0 by then: to see whether "
            f"there is more to gain takes a new run of more than {count(config.epochs, 'epoch')}."
        )
    return " ".join(sentences)


def _window(epochs: float) -> float:
    return min(float(LAST_EPOCHS), max(1.0, epochs / LAST_PART))


def stability(run: RunFacts) -> str:
    """The largest rise of the validation score from one epoch to the next."""
    evaluations = run.training.evaluations
    if len(evaluations) < 2:
        return ""
    before, after = max(itertools.pairwise(evaluations), key=_rise)
    rise = _rise((before, after))
    if rise <= 0:
        span = f"from {epochs(evaluations[0].epoch)} to {epochs(evaluations[-1].epoch)}"
        return f"The validation score fell at every epoch {span}."
    where = f"from epoch {epochs(before.epoch)} to {epochs(after.epoch)}"
    text = f"The largest rise of the validation score was {nats(rise)} nats, {where}"
    least = chance(run)
    if rise < least:
        return f"{text}: less than {least:.2g}, a steady run."
    recovered = next(
        (e for e in evaluations if e.epoch > after.epoch and e.val.score <= before.val.score),
        None,
    )
    if recovered is None:
        return f"{text}, and it did not come back to {nats(before.val.score)}."
    return f"{text}; it was made good by epoch {epochs(recovered.epoch)}."


def raised(run: RunFacts) -> str:
    """What the dashboard's rules found while it trained."""
    if not run.alerts:
        return "No alert was raised while it trained."
    said = [
        f"At epoch {epoch_label(alert.epoch)}, {alert.rule.label} since epoch "
        f"{epoch_label(alert.since_epoch)}: {alert.evidence}. Suggested: {alert.suggestion}."
        for alert in run.alerts
        if alert.rule is not None and alert.epoch is not None and alert.since_epoch is not None
    ]
    return f"{count(len(said), 'alert')} came while it trained. {' '.join(said)}"


def _rise(pair: tuple[EpochFacts, EpochFacts]) -> float:
    return pair[1].val.score - pair[0].val.score
