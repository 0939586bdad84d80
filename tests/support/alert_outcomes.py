"""What became of recorded runs, in hindsight, and how well the alerts told it while they trained.

    python -m tests.support.alert_outcomes        the table: sick and sound runs, precision, recall

A run counts for a rule as sick or sound by its whole history, by other numbers than the rule looks
at while it trains; what is between the two counts as neither.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.alerts import Rule
from engine.analysis.alert_rules.posterior import VANISHED_NATS, VANISHING_EPOCHS
from engine.analysis.alert_rules.watch import raised_alerts
from engine.metrics import Evaluation
from tests.support.recorded_histories import Recorded, recorded_histories

HEALTHY = ("healthy", "healthy_ae", "full_default", "full_report", "full_ae")
FIRST_HELD_OUT = 13
"""Seed: the thresholds were set when only the runs before it had been recorded."""
UNTRAINED = 784 * math.log(2)


def is_healthy(run: Recorded) -> bool:
    return run.kind in HEALTHY


def is_held_out(run: Recorded) -> bool:
    return run.seed >= FIRST_HELD_OUT


@functools.cache
def raised(run: Recorded) -> frozenset[Rule]:
    history = run.history
    alerts = raised_alerts(run.config, history.evaluations(), history.train_points())
    rules = {alert.rule for alert in alerts if alert.rule is not None}
    early = run.config.kl_warmup + VANISHING_EPOCHS
    vanished = {e.step for e in ends(run) if e.epoch <= early and e.val.kl < VANISHED_NATS}
    if any(a.rule is Rule.COLLAPSE and a.step in vanished for a in alerts):
        rules.add(Rule.KL_VANISHING)  # at the same time it is called a collapse
    return frozenset(rules)


def ends(run: Recorded) -> list[Evaluation]:
    return [e for e in run.history.evaluations() if e.epoch >= 1 and e.epoch == round(e.epoch)]


def objectives(run: Recorded) -> tuple[np.ndarray, np.ndarray]:
    """Of validation and training, at the full β, from the epoch after the warm-up on."""
    warmup = run.config.kl_warmup if run.config.model == "vae" else 0.0
    settled = [e for e in ends(run) if e.epoch > warmup]
    beta = run.config.beta
    return (
        np.array([e.val.at_beta(beta) for e in settled]),
        np.array([e.train.at_beta(beta) for e in settled if e.train]),
    )


def _between(value: float, sound: float, sick: float) -> bool | None:
    """Whether it is sick; None where it is neither."""
    if sound < sick:
        return True if value >= sick else False if value <= sound else None
    return True if value <= sick else False if value >= sound else None


def collapse(run: Recorded) -> bool | None:
    """Mean KL of the last third of its epochs; or no active unit at the end."""
    if run.config.model == "ae":
        return False
    if ends(run)[-1].active_units == 0:
        return None if diverging(run) is not False else True
    kl = [e.val.kl for e in ends(run)]
    last = kl[-max(1, len(kl) // 3) :]
    return _between(float(np.mean(last)), 4.0, math.log(10))


def kl_vanishing(run: Recorded) -> bool | None:
    """The larger KL of the ends of the first two epochs."""
    if run.config.model == "ae" or run.config.kl_warmup > 1:
        return False
    return _between(max(e.val.kl for e in ends(run)[:2]), 2.0, 1.0)


def overfitting(run: Recorded) -> bool | None:
    """How far means over five epochs end above their best, while training falls."""
    unseen, seen = objectives(run)
    if len(unseen) < 6:
        return False
    if run.kind == "unstable":
        return None  # what jumps ends above its best as well
    means = np.convolve(unseen, np.ones(5) / 5, "valid")
    trained = np.convolve(seen, np.ones(5) / 5, "valid")
    if trained[-1] >= trained[means.argmin()]:
        return False
    return _between(float(means[-1] - means.min()), 0.3, 1.0)


def instability(run: Recorded) -> bool | None:
    """The largest rise from one epoch to the next."""
    unseen, _ = objectives(run)
    if diverging(run) is not False or len(unseen) < 2:
        return None  # it is unstable as well, and told so
    return _between(float(np.diff(unseen).max()), 4.0, 10.0)


def diverging(run: Recorded) -> bool | None:
    """The largest loss at the end of an epoch; only jolts in the first are neither."""
    if run.error:
        return True
    if max(e.val.loss for e in ends(run)) > 2 * UNTRAINED:
        return True
    return None if max(e.val.loss for e in run.history.evaluations()) > 2 * UNTRAINED else False


def plateau(run: Recorded) -> bool | None:
    """Nats an epoch in the last third of a long run, with a learning rate that stayed."""
    unseen, _ = objectives(run)
    if run.kind in HEALTHY:
        return False
    if run.kind != "plateau" or overfitting(run):
        return None  # where something else is wrong, standing still is part of it
    means = np.convolve(unseen, np.ones(5) / 5, "valid")
    begun = len(means) * 2 // 3
    gain = means[:begun].min() - means.min()
    return _between(float(gain) / (len(means) - begun), 0.12, 0.06)


def far_from_prior(run: Recorded) -> bool | None:
    """Nats of the last KL per latent dimension, beyond what the images can need."""
    if run.config.model == "ae":
        return False
    if diverging(run) is not False:
        return None
    images = 0.9 * run.images
    beyond = ends(run)[-1].val.kl - math.log(images)
    return _between(beyond / run.config.latent_dim, 1.5, 2.5)


OUTCOMES: dict[Rule, Callable[[Recorded], bool | None]] = {
    Rule.COLLAPSE: collapse,
    Rule.KL_VANISHING: kl_vanishing,
    Rule.OVERFITTING: overfitting,
    Rule.INSTABILITY: instability,
    Rule.DIVERGING: diverging,
    Rule.PLATEAU: plateau,
    Rule.FAR_FROM_PRIOR: far_from_prior,
}


@dataclass(frozen=True, slots=True)
class Score:
    """How well a rule tells sick runs from sound ones."""

    sick: int
    sound: int
    told: int
    """Sick runs with an alert."""
    false: int
    """Sound ones with an alert."""

    @property
    def precision(self) -> float:
        return self.told / (self.told + self.false) if self.told + self.false else math.nan

    @property
    def recall(self) -> float:
        return self.told / self.sick if self.sick else math.nan


def score(rule: Rule, runs: Sequence[Recorded]) -> Score:
    outcomes = [(OUTCOMES[rule](run), rule in raised(run)) for run in runs]
    return Score(
        sick=sum(sick is True for sick, _ in outcomes),
        sound=sum(sick is False for sick, _ in outcomes),
        told=sum(told for sick, told in outcomes if sick is True),
        false=sum(told for sick, told in outcomes if sick is False),
    )


def main() -> None:
    """Print the tables."""
    runs = recorded_histories()
    print(f"{'rule':<16}{'set':<10}{'sick':>5}{'sound':>6}{'told':>5}{'false':>6}  prec.  recall")
    for rule in Rule:
        for name, part in (
            ("tuning", [run for run in runs if not is_held_out(run)]),
            ("held out", [run for run in runs if is_held_out(run)]),
        ):
            s = score(rule, part)
            print(
                f"{rule:<16}{name:<10}{s.sick:>5}{s.sound:>6}{s.told:>5}{s.false:>6}"
                f"{s.precision:>7.2f}{s.recall:>8.2f}"
            )
    kinds = sorted({run.kind for run in runs})
    print("\nshare of a kind's runs with an alert")
    print(f"{'':<16}" + "".join(f"{kind[:10]:>12}" for kind in kinds))
    for rule in Rule:
        shares = []
        for kind in kinds:
            told = [rule in raised(run) for run in runs if run.kind == kind]
            shares.append(f"{sum(told)}/{len(told)}")
        print(f"{rule:<16}" + "".join(f"{share:>12}" for share in shares))


if __name__ == "__main__":
    main()
