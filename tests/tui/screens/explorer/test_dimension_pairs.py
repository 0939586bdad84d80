import pytest

from tui.screens.explorer.dimension_pairs import DimensionPairs

KL = [9.0, 0.1, 0.2, 0.3, 0.4]


def test_pairs_come_by_kl_and_round_again() -> None:
    pairs = DimensionPairs(5)
    assert pairs.count == 3
    # Of five, the last pair has one dimension of the pair before.
    found = [pairs.begin(KL, +1), *(pairs.go(+1) for _ in range(3))]
    assert found == [(0, 4), (3, 2), (2, 1), (0, 4)]
    assert pairs.number == 0


def test_backwards_the_last_pair_comes_first() -> None:
    pairs = DimensionPairs(5)
    assert pairs.begin(KL, -1) == (2, 1)
    assert pairs.number == 2
    assert [pairs.go(-1), pairs.go(-1), pairs.go(-1)] == [(3, 2), (0, 4), (2, 1)]


@pytest.mark.parametrize("kl", [None, [1.0] * 4])
def test_without_a_difference_in_kl_they_come_by_index(kl: list[float] | None) -> None:
    pairs = DimensionPairs(4)
    assert [pairs.begin(kl, +1), pairs.go(+1)] == [(0, 1), (2, 3)]


def test_the_order_is_kept_until_it_begins_again() -> None:
    pairs = DimensionPairs(4)
    kl = [4.0, 3.0, 2.0, 1.0]
    assert pairs.begin(kl, +1) == (0, 1)
    kl.reverse()
    assert pairs.go(+1) == (2, 3)
    assert pairs.begin(kl, +1) == (3, 2)
