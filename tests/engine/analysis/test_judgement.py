"""Whether a rise is chance, over-fitting, or training that got worse."""

import pytest

from engine.analysis.judgement import Rise, judge_rise


@pytest.mark.parametrize(
    ("rise", "learnt", "least", "expected"),
    [
        (0.49, 3.0, 0.5, Rise.CHANCE),
        (0.5, 3.0, 0.5, Rise.OVER_FITTING),
        (0.5, 3.0, 1.2, Rise.CHANCE),
        (0.5, 0.0, 0.5, Rise.WORSE_TRAINING),
        (0.5, -3.0, 0.5, Rise.WORSE_TRAINING),
        (0.5, None, 0.5, Rise.UNKNOWN),
        (-2.0, None, 0.5, Rise.CHANCE),
    ],
)
def test_a_rise_is_judged_by_its_size_and_by_what_training_learnt(
    rise: float, learnt: float | None, least: float, expected: Rise
) -> None:
    assert judge_rise(rise, learnt, least) is expected
