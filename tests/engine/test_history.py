import pytest

from engine.history import MAX_TRAIN_POINTS, train_point_due


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


def test_the_training_curve_of_a_very_long_run_stays_bounded() -> None:
    total = 422 * 10_000
    due = sum(train_point_due(step, 10_000, total) for step in range(1, total + 1))
    assert due == MAX_TRAIN_POINTS
