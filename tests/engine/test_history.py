from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.history import MAX_TRAIN_POINTS, History, train_point_due
from engine.metrics import Evaluation, Metrics

MEASURED = Evaluation(0, 0.0, 1.0, 0.1, Metrics(3.0, 2.0, 1.0), None, np.empty(0), 2, 0.0)


def evaluations(scores: list[int]) -> list[Evaluation]:
    return [
        replace(MEASURED, step=step, epoch=step / 4, val=Metrics(float(score), float(score), 0.0))
        for step, score in enumerate(scores)
    ]


@given(st.lists(st.integers(0, 9), max_size=20), st.integers(0, 22))
def test_it_knows_the_best_and_the_last_and_gives_what_came_since(
    scores: list[int], since: int
) -> None:
    added = evaluations(scores)
    history = History()
    for evaluation in added:
        history.add_evaluation(evaluation)
    best = min(added, key=lambda e: e.val.score, default=None)  # the first of equals
    assert history.best is best
    assert history.last is (added[-1] if added else None)
    assert history.evaluation_count == len(added)
    found = history.evaluations(since)
    assert list(map(repr, found)) == list(map(repr, added[since:]))
    for again, evaluation in zip(found, added[since:], strict=True):
        if evaluation is best or evaluation is added[-1]:
            assert again is evaluation


@pytest.mark.parametrize(("steps_per_epoch", "epochs"), [(422, 30), (422, 1), (12, 3), (1, 5)])
def test_the_training_curve_has_up_to_twenty_even_points_an_epoch_and_ends_with_it(
    steps_per_epoch: int, epochs: int
) -> None:
    total = steps_per_epoch * epochs
    due = [step for step in range(1, total + 1) if train_point_due(step, epochs, total)]
    assert len(due) == min(20, steps_per_epoch) * epochs
    assert set(range(steps_per_epoch, total + 1, steps_per_epoch)) <= set(due)
    gaps = {b - a for a, b in zip([0, *due], due, strict=False)}
    assert max(gaps) - min(gaps) <= 1


@pytest.mark.slow
def test_the_training_curve_of_a_very_long_run_stays_bounded() -> None:
    total = 422 * 10_000
    due = sum(train_point_due(step, 10_000, total) for step in range(1, total + 1))
    assert due == MAX_TRAIN_POINTS
