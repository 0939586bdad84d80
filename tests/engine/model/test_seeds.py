import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.seeds import Stream, stream_seed

MASK = 2**32 - 1
seeds = st.integers(0, 2**32 - 1)


def seed_sequence_uint64(entropy: list[int]) -> int:
    """The first 64-bit word of NumPy's SeedSequence, for up to four 32-bit words of entropy.

    Written from O'Neill's seed_seq_fe128, which NumPy's documentation names as its algorithm.
    """
    hash_a = 0x43B0D7E5

    def hashed(value: int) -> int:
        nonlocal hash_a
        value ^= hash_a
        hash_a = hash_a * 0x931E8875 & MASK
        value = value * hash_a & MASK
        return value ^ value >> 16

    def mix(x: int, y: int) -> int:
        value = (x * 0xCA01F9DD - y * 0x4973F715) & MASK
        return value ^ value >> 16

    pool = [hashed(word) for word in [*entropy, 0, 0, 0, 0][:4]]
    for source, target in itertools.permutations(range(4), 2):
        pool[target] = mix(pool[target], hashed(pool[source]))
    words, hash_b = [], 0x8B51F9DD
    for word in pool[:2]:
        value = word ^ hash_b
        hash_b = hash_b * 0x58F38DED & MASK
        value = value * hash_b & MASK
        words.append(value ^ value >> 16)
    return words[0] | words[1] << 32


def test_the_numbers_of_the_streams_never_change() -> None:
    assert {stream.name: stream.value for stream in Stream} == {
        "INIT": 0,
        "TRAIN": 1,
        "EVALUATION": 2,
        "PREVIEW": 3,
        "WALK": 4,
        "MAP": 5,
        "DIAGNOSIS": 6,
    }


@given(seeds, st.sampled_from(Stream), seeds)
def test_a_stream_is_seeded_as_numpys_seed_sequence_is_documented(
    seed: int, stream: Stream, index: int
) -> None:
    expected = seed_sequence_uint64([seed, stream.value, index]) >> 1
    assert stream_seed(seed, stream, index) == expected


@given(seeds, st.sampled_from(Stream), st.integers(0, 10**6))
def test_seeds_are_what_torch_and_numpy_take(seed: int, stream: Stream, index: int) -> None:
    assert 0 <= stream_seed(seed, stream, index) < 2**63


def test_streams_seeds_and_indices_all_differ() -> None:
    every = itertools.product(range(20), Stream, range(20))
    found = {stream_seed(*which) for which in every}
    assert len(found) == 20 * len(Stream) * 20


@pytest.mark.parametrize("stream", list(Stream))
def test_a_stream_begins_at_index_0(stream: Stream) -> None:
    assert stream_seed(5, stream) == stream_seed(5, stream, 0) != stream_seed(5, stream, 1)
