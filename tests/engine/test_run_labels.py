import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import ModelName
from engine.run_labels import run_labels, short_names


def test_models_that_differ_are_the_labels() -> None:
    assert run_labels(["a", "b"], ["vae", "ae"], 10) == ("VAE", "AE")


@pytest.mark.parametrize("models", [["vae", "vae"], ["ae", "ae"]])
def test_runs_of_one_model_are_called_by_their_names(models: list[ModelName]) -> None:
    assert run_labels(["beta-1", "beta-4"], models, 10) == ("beta-1", "beta-4")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["beta-0.5", "beta-1"], ("beta-0.5", "beta-1")),
        (["vae-20260728-120000", "vae-20260728-130501"], ("…120000", "…130501")),
        # Words are left out whole: "0" is what both times begin with.
        (["vae-20260728-090000", "vae-20260728-095901"], ("…090000", "…095901")),
        (["vae-20260728-120000", "vae-20260728-120000-2"], ("…120000", "…120000-2")),
        (["a-b-c-d-e-first", "a-b-c-d-e-2nd"], ("…d-e-first", "…d-e-2nd")),
        (["a-name-that-is-long", "b"], ("a-nam…-long", "b")),
        (["begin-with-one-end", "begun-with-two-end"], ("begin…e-end", "begun…o-end")),
        (["the same", "the same"], ("1:the same", "2:the same")),
        (["two\nlines", "caf\udce9"], (r"two\nlines", r"caf\udce9")),
    ],
)
def test_names_are_shortened_by_what_they_share(names: list[str], expected: tuple[str]) -> None:
    assert short_names(names, 11) == expected


@given(st.lists(st.text(alphabet="ab-_ .0", max_size=40), min_size=2, max_size=9))
def test_no_two_are_alike_or_too_long(names: list[str]) -> None:
    labels = short_names(names, 12)
    assert len(labels) == len(names) == len(set(labels))
    assert max(map(len, labels)) <= 12
