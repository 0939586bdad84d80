"""What a run's numbers say of the course of its training, in sentences; see `findings`."""

import itertools

from engine.metrics import score_name
from engine.report.facts import EpochFacts, RunFacts
from engine.text import count, epochs, nats, percent

CLEAR = 0.5
"""Nats per image. Seeds of one setting differ by some tenths: less than this says nothing."""
MEMORISED = 0.05
"""How much worse unseen images may be than seen ones, as a share: one in twenty."""
LAST_PART = 4
"""The end of training is the last quarter of its epochs,"""
LAST_EPOCHS = 5
"""but no more than these."""


def over_fitting(run: RunFacts) -> str:
    """Unseen images against seen ones, by the same weights; and the last epoch against the best."""
    seen, unseen = run.score("train"), run.score("validation")
    if seen is None or unseen is None:
        return ""
    own_seen, own_unseen = (s.metrics.score - s.floor for s in (seen, unseen))
    more = own_unseen / own_seen - 1
    if more > MEMORISED:
        verdict = "Unseen images fare clearly worse than seen ones"
    else:
        verdict = "Unseen images fare about as well as seen ones"
    text = (
        f"{verdict}: with the same weights (epoch {epochs(run.epoch)}), the model's own part of "
        f"the {score_name(run.model)}, above the floor, is {nats(own_seen)} nats on training "
        f"images and {nats(own_unseen)} on validation images, {percent(abs(more))} "
        f"{'less' if more < 0 else 'more'} (threshold: {percent(MEMORISED)}). "
        f"The {score_name(run.model)} itself, {nats(seen.metrics.score)} and "
        f"{nats(unseen.metrics.score)}, has the images' own entropy in it, too, which differs by "
        f"{nats(unseen.floor - seen.floor, signed=True)}."
    )
    return f"{text} {_since_best(run)}".strip()


def _since_best(run: RunFacts) -> str:
    best, last = run.training.best, run.training.last
    if best is None or last is None or len(run.training.evaluations) < 2:
        return ""
    lost = last.val.score - best.val.score
    when = f"at epoch {epochs(best.epoch)}"
    if lost <= 0:
        return f"The validation score was best at the end ({when}): no over-fitting."
    text = f"The validation score was best {when} ({nats(best.val.score)}) and ended "
    text += f"{nats(lost)} nats above that, "
    if lost < CLEAR:
        return f"{text}less than what seeds may differ by ({CLEAR:g})."
    text += f"which is more than chance ({CLEAR:g}): the best weights are the ones to use. "
    if best.train is None or last.train is None:
        return text.strip()
    learnt = best.train.score - last.train.score
    means = f"the training epochs' mean went from {nats(best.train.score)} to "
    means += nats(last.train.score)
    if learnt > 0:
        return f"{text}Meanwhile {means}: over-fitting."
    return f"{text}Meanwhile {means} as well: not over-fitting, training itself got worse."


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
    warmup = config.kl_warmup if run.is_vae else 0.0
    since = max(warmup, last.epoch - _window(last.epoch))
    earlier = [e for e in training.evaluations[:-1] if e.epoch >= since]
    if not earlier:
        after = " after the KL warm-up" if run.is_vae and warmup > 0 else ""
        sentences.append(f"There are too few epochs{after} to tell whether it was still improving.")
        return " ".join(sentences)
    change = last.val.score - earlier[0].val.score
    span = f"from epoch {epochs(earlier[0].epoch)} to {epochs(last.epoch)} the validation "
    span += f"{score_name(run.model)} went from {nats(earlier[0].val.score)} to "
    span += nats(last.val.score)
    if change < -CLEAR:
        sentences.append(f"It was still improving: {span}.")
    elif change > CLEAR:
        sentences.append(f"It was getting worse: {span}.")
    else:
        sentences.append(f"It had levelled off: {span}, a change of less than {CLEAR:g}.")
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
    if rise < CLEAR:
        return f"{text}: less than {CLEAR:g}, a steady run."
    recovered = next(
        (e for e in evaluations if e.epoch > after.epoch and e.val.score <= before.val.score),
        None,
    )
    if recovered is None:
        return f"{text}, and it did not come back to {nats(before.val.score)}."
    return f"{text}; it was made good by epoch {epochs(recovered.epoch)}."


def _rise(pair: tuple[EpochFacts, EpochFacts]) -> float:
    return pair[1].val.score - pair[0].val.score
