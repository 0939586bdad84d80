"""The metric series of a run: appended by the run's thread, read by anyone.

Appending to a Python list and slicing one are atomic under the GIL, so there is no lock: a
reader keeps how far it has read and asks for what came since.
"""

from collections.abc import Sequence

from engine.diagnosis import Diagnosis
from engine.evaluation_log import EvaluationLog
from engine.metrics import Evaluation, TrainPoint, best_evaluation

MAX_TRAIN_POINTS = 4_000
"""The training curve's length over a whole run: more than any chart has columns."""


POINTS_PER_EPOCH = 20
"""Finer than this, a point is the mean of so few batches that it shows which, not how well."""


def train_point_due(step: int, epochs: int, total_steps: int) -> bool:
    """Whether the training curve gets a point after this step.

    Points are spread evenly over the run, one at every epoch's end. Counted in steps, not in
    time, so that a run's series is the same on any machine.
    """
    points = min(MAX_TRAIN_POINTS, POINTS_PER_EPOCH * epochs, total_steps)
    return step * points // total_steps > (step - 1) * points // total_steps


class History:
    """Append-only series of evaluations, training points and diagnoses."""

    def __init__(
        self, evaluations: Sequence[Evaluation] = (), train: Sequence[TrainPoint] = ()
    ) -> None:
        self._evaluations = EvaluationLog()
        self._train = list(train)
        self._diagnoses: list[Diagnosis] = []
        self._best: Evaluation | None = None
        self._last: Evaluation | None = None
        for evaluation in evaluations:
            self.add_evaluation(evaluation)

    def add_evaluation(self, evaluation: Evaluation) -> None:
        """Append; only the run's thread does this."""
        self._best = best_evaluation(e for e in (self._best, evaluation) if e is not None)
        self._last = evaluation
        self._evaluations.append(evaluation)

    def add_train_points(self, points: Sequence[TrainPoint]) -> None:
        """Append; only the run's thread does this."""
        self._train.extend(points)

    def add_diagnosis(self, diagnosis: Diagnosis) -> None:
        """Append; only the run's thread does this."""
        self._diagnoses.append(diagnosis)

    def evaluations(self, since: int = 0) -> list[Evaluation]:
        """Evaluations from index `since` on, oldest first.

        All but the best and the last are new objects at each call: ask for what is new.
        """
        known = {e.step: e for e in (self._best, self._last) if e is not None}
        return [known.get(e.step, e) for e in self._evaluations.since(since)]

    @property
    def evaluation_count(self) -> int:
        """How many evaluations there are."""
        return len(self._evaluations)

    def train_points(self, since: int = 0) -> list[TrainPoint]:
        """Training points from index `since` on, oldest first."""
        return self._train[since:]

    def diagnoses(self, since: int = 0) -> list[Diagnosis]:
        """Diagnoses from index `since` on, oldest first: of a few evaluations only."""
        return self._diagnoses[since:]

    @property
    def diagnosis(self) -> Diagnosis | None:
        """The newest diagnosis."""
        return self._diagnoses[-1] if self._diagnoses else None

    @property
    def last(self) -> Evaluation | None:
        """The newest evaluation."""
        return self._last

    @property
    def best(self) -> Evaluation | None:
        """The `best_evaluation` so far."""
        return self._best
