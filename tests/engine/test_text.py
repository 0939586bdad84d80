import json
import math
import unicodedata
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text import (
    clock,
    count,
    dimensions,
    duration,
    epoch_label,
    epochs,
    fixed,
    listed,
    nats,
    one_line,
    percent,
    size,
    small,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0:00"),
        (7.9, "0:07"),
        (59.99, "0:59"),
        (60.0, "1:00"),
        (754.0, "12:34"),
        (3599.9, "59:59"),
        (3600.0, "1:00:00"),
        (3723.0, "1:02:03"),
        (359_999.0, "99:59:59"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_a_running_duration_reads_like_a_clock(seconds: float | None, text: str) -> None:
    assert clock(seconds) == text


@given(st.floats(0, 86399))
def test_durations_within_a_day_are_those_of_the_standard_library(seconds: float) -> None:
    expected = str(timedelta(seconds=int(seconds)))
    assert clock(seconds) == expected.removeprefix("0:").removeprefix("0" * (seconds < 3600))


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 MiB"),
        (412 * 2**20, "412 MiB"),
        (2**30, "1.0 GiB"),
        (int(23.5 * 2**30), "23.5 GiB"),
        (141 * 2**30, "141.0 GiB"),
    ],
)
def test_sizes_are_in_binary_units(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (240.456, "240.46"),
        (-0.5, "−0.50"),
        (-0.001, "0.00"),
        (1243.5, "1,243.50"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_nats_have_two_decimals_or_a_dash(value: float | None, text: str) -> None:
    assert nats(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (3.0, "3"), (2.37, "2.37"), (2.5, "2.50"), (120.0, "120")]
)
def test_whole_epochs_are_written_whole(value: float, text: str) -> None:
    assert epochs(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(30.0, "30"), (12.34, "12.34"), (12.5, "12.5"), (0.0024, "0.0024"), (0, "0")],
)
def test_the_label_of_an_early_epoch_tells_it_from_the_beginning(value: float, text: str) -> None:
    assert epoch_label(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(19.4, "19 s"), (247.0, "4 min 07 s"), (3725.0, "1 h 02 min"), (math.nan, "–")],
)
def test_a_duration_in_a_sentence_has_its_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.58, "+0.58"), (-0.54, "−0.54"), (0.001, "0.00"), (-0.001, "0.00")]
)
def test_a_signed_number_has_no_sign_if_it_rounds_to_nothing(value: float, text: str) -> None:
    assert nats(value, signed=True) == text


def test_decimals_digits_and_shares() -> None:
    assert fixed(123_456.789, 1) == "123,456.8"
    assert (small(0.016), small(12.345), small(math.inf)) == ("0.0160", "12.3", "–")
    assert (percent(0.843), percent(0.05), percent(math.nan)) == ("84.3 %", "5 %", "–")


def test_lists_and_counts_are_those_of_a_sentence() -> None:
    assert [listed(["a", "b", "c"][:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert (count(1, "epoch"), count(6000, "image")) == ("1 epoch", "6,000 images")
    assert count(2, "axis", "axes") == "2 axes"
    assert dimensions([0, 11]) == "z₁ and z₁₂"
    assert dimensions(range(14)).endswith("z₁₂ and 2 more")


# Text from outside.


@pytest.mark.parametrize(
    "text", ["", "vae-20261122", "ü 日本", "a  b", " x ", "-0.5 [red]", "🙂", "e\u0301", "“β”"]
)
def test_text_that_can_be_printed_stays_as_it_is(text: str) -> None:
    assert one_line(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\r\tand a tab", r"two\nlines\r\tand a tab"),
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("\x9b31m \x85 \x7f", r"\x9b31m \x85 \x7f"),
        ("\u202eevil\u2066\u200f", r"\u202eevil\u2066\u200f"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        (b"latin-\xfc".decode("utf-8", "surrogateescape"), r"latin-\udcfc"),
        (json.loads('"half \\ud800"'), r"half \ud800"),
        ("\u200b\ufeff\U000e0041", r"\u200b\ufeff\U000e0041"),
    ],
)
def test_what_steers_a_terminal_or_hides_is_shown_by_its_name(text: str, shown: str) -> None:
    assert one_line(text) == shown


HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.text(st.characters(codec=None), max_size=60), st.integers(0, 20))
def test_the_line_is_one_line_that_can_be_written_and_is_no_longer_than_asked_for(
    text: str, most: int
) -> None:
    line = one_line(text, most)
    assert not HARMFUL & set(map(unicodedata.category, line))
    assert len(line.splitlines()) <= 1
    line.encode()
    if most:
        assert len(line) <= most
    if text.isprintable() and (not most or len(text) <= most):
        assert line == text


def test_of_a_long_text_the_beginning_is_shown() -> None:
    assert one_line("x" * 10**7, 5) == "xxxx…"
    assert (one_line("12345", 5), one_line("123456", 5)) == ("12345", "1234…")
    assert one_line("\n" * 5, 5) == r"\n\n…"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7.6e15, "7.6e15"),
        (65_198_269.01, "6.52e7"),
        (-1.234e20, "−1.23e20"),
        (999_999.0, "999,999.00"),
        (1e308, "1e308"),
    ],
)
def test_the_numbers_of_a_diverged_run_are_short(value: float, text: str) -> None:
    assert nats(value) == text
    assert small(7.6e15) == "7.6e15"


def test_counts_have_all_their_digits_for_longer_than_fractions() -> None:
    assert fixed(1_234_567.0, 0) == "1,234,567"
    assert fixed(1e12, 0) == "1e12"
    assert nats(7.6e15, signed=True) == "+7.6e15"
    assert nats(-7.6e15, signed=True) == "−7.6e15"


def test_a_position_that_is_no_number_is_unknown() -> None:
    assert epochs(math.nan) == epochs(math.inf) == "–"
