"""All rules over one run: as it goes on, or from what it has left."""

from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress

from engine.alerts import Alert, Rule
from engine.analysis.alert_rules.generalisation import OverFitting, Plateau
from engine.analysis.alert_rules.posterior import Collapse, FarFromPrior, KlVanishing
from engine.analysis.alert_rules.rule import Finding, RuleWatch, Verdict
from engine.analysis.alert_rules.stability import Diverging, Instability
from engine.config import RunConfig
from engine.errors import ConfigError
from engine.history import History
from engine.metrics import Evaluation, TrainPoint
from engine.steering import SteeringChange, config_at

_RULES: tuple[type[RuleWatch], ...] = (
    Diverging,
    Collapse,
    KlVanishing,
    Instability,
    FarFromPrior,
    OverFitting,
    Plateau,
)
"""In an order in which a rule comes after those that explain what it would find."""
_OF_A_VAE = frozenset({Rule.KL_VANISHING, Rule.COLLAPSE, Rule.FAR_FROM_PRIOR})
_EXPLAINED_BY: dict[Rule, frozenset[Rule]] = {
    Rule.KL_VANISHING: frozenset({Rule.DIVERGING, Rule.COLLAPSE}),
    Rule.COLLAPSE: frozenset({Rule.DIVERGING}),
    Rule.FAR_FROM_PRIOR: frozenset({Rule.DIVERGING, Rule.INSTABILITY}),
    Rule.INSTABILITY: frozenset({Rule.DIVERGING}),
    Rule.OVERFITTING: frozenset(
        {Rule.DIVERGING, Rule.INSTABILITY, Rule.COLLAPSE, Rule.KL_VANISHING}
    ),
    Rule.PLATEAU: frozenset(
        {Rule.DIVERGING, Rule.INSTABILITY, Rule.COLLAPSE, Rule.KL_VANISHING, Rule.OVERFITTING}
    ),
}
"""While one of these holds, the other is not raised: it would be the same trouble again."""


class AlertWatch:
    """Looks at a run's evaluations in turn. A rule that has raised its alert is silent until what
    it found is over, and then may raise it again.

    Args:
        config: with some or all of the changes that are made while it trains.
    """

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        vae = config.model == "vae"
        self._rules = [rule() for rule in _RULES if vae or rule.rule not in _OF_A_VAE]
        self._sound: dict[Rule, int] = {}
        """SOUND verdicts in a row of the rules that hold."""
        self._last_step = -1
        self._evaluations_read = self._points_read = 0

    @property
    def holding(self) -> frozenset[Rule]:
        """The rules whose finding is not over."""
        return frozenset(self._sound)

    def read(self, history: History, changes: Sequence[SteeringChange] = ()) -> list[Alert]:
        """The alerts that what is new in a history raises; always the same history.

        The points up to an evaluation are taken to be there before it is.

        Args:
            changes: of the settings, all there were so far.
        """
        if history.evaluation_count <= self._evaluations_read:
            return []
        alerts: list[Alert] = []
        for evaluation in history.evaluations(self._evaluations_read):
            alerts += self._read(history, evaluation, changes)
        return alerts

    def read_last(self, history: History, changes: Sequence[SteeringChange] = ()) -> list[Alert]:
        """The same where one evaluation is new: without a look at the others."""
        return [] if history.last is None else self._read(history, history.last, changes)

    def _read(
        self, history: History, evaluation: Evaluation, changes: Sequence[SteeringChange]
    ) -> list[Alert]:
        points = history.train_points(self._points_read)
        end = bisect_right(points, evaluation.step, key=lambda point: point.step)
        self._points_read += end
        self._evaluations_read += 1
        return self.note(evaluation, points[:end], changes)

    def note(
        self,
        evaluation: Evaluation,
        points: Sequence[TrainPoint] = (),
        changes: Sequence[SteeringChange] = (),
    ) -> list[Alert]:
        """The alerts that the next evaluation raises.

        Args:
            points: of the training curve, since the evaluation before.
            changes: as for `read`.
        """
        if evaluation.step <= self._last_step:  # made again by a run that is resumed
            return []
        self._last_step = evaluation.step
        config = self._config
        if changes:
            with suppress(ConfigError):  # of a damaged steering.csv, which others tell of
                # A change at this step comes after the evaluation.
                config = config_at(config, changes, evaluation.step - 1)
        alerts: list[Alert] = []
        for rule in self._rules:
            verdict = rule.note(evaluation, points, config)
            name = rule.rule
            if isinstance(verdict, Finding):
                is_told = name in self._sound
                if is_told or not self.holding & _EXPLAINED_BY.get(name, frozenset()):
                    self._sound[name] = 0
                    if not is_told:
                        alerts.append(_alert(name, evaluation, verdict))
            elif verdict is Verdict.SOUND and name in self._sound:
                self._sound[name] += 1
                if self._sound[name] >= rule.sound_again:
                    del self._sound[name]
        return alerts


def raised_alerts(
    config: RunConfig,
    evaluations: Sequence[Evaluation],
    points: Sequence[TrainPoint],
    changes: Sequence[SteeringChange] = (),
) -> list[Alert]:
    """All alerts of a run, oldest first, as they were raised while it trained."""
    return AlertWatch(config).read(History(evaluations, points), changes)


def _alert(rule: Rule, e: Evaluation, found: Finding) -> Alert:
    return Alert(
        step=e.step,
        text=f"{rule.label}: {found.evidence}; {found.suggestion}",
        rule=rule,
        epoch=e.epoch,
        since_step=found.since_step,
        since_epoch=found.since_epoch,
        evidence=found.evidence,
        suggestion=found.suggestion,
    )
