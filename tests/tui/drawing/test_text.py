import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import RunConfig
from tui.drawing.text import duration, epochs, model_name, nats, settings, size


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
def test_durations_read_like_a_clock(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@given(st.floats(0, 86399))
def test_durations_within_a_day_are_those_of_the_standard_library(seconds: float) -> None:
    clock = str(timedelta(seconds=int(seconds)))
    assert duration(seconds) == clock.removeprefix("0:").removeprefix("0" * (seconds < 3600))


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
        (-0.5, "-0.50"),
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


def test_the_models_name_has_the_encoders_widths() -> None:
    assert model_name(RunConfig()) == "VAE 784-512-256-20"
    assert model_name(RunConfig(model="ae", hidden=(400,), latent_dim=2)) == "AE 784-400-2"


def test_beta_is_told_of_a_vae_only() -> None:
    vae = RunConfig(hidden=(400,), activation="relu", beta=0.5, seed=3)
    assert settings(vae) == "VAE 784-400-20 · relu · β 0.5 · seed 3"
    assert "β 4 ·" in settings(RunConfig(beta=4.0))
    ae = RunConfig(model="ae", hidden=(400,), activation="relu", beta=0.5, seed=3)
    assert settings(ae) == "AE 784-400-20 · relu · seed 3"
