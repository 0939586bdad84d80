import math

import pytest

from engine.diagnosis import (
    MOST_DIAGNOSES,
    SubsetScore,
    Surgery,
    diagnosis_due,
    images_looked_at,
)


def due(epochs: int, steps_per_epoch: int = 422) -> list[int]:
    steps = range(epochs * steps_per_epoch + 1)
    return [step for step in steps if diagnosis_due(step, steps_per_epoch, epochs)]


def test_it_is_due_often_at_first_and_at_every_epochs_end() -> None:
    assert due(3) == [0, 1, 4, 16, 64, 256, 422, 844, 1266]


@pytest.mark.parametrize("epochs", [1, 199, 201, 1_000])
def test_of_a_long_run_there_are_not_more_and_the_last_is_there(epochs: int) -> None:
    found = due(epochs, steps_per_epoch=4)
    assert found[-1] == 4 * epochs
    assert len(found) <= MOST_DIAGNOSES + 2  # and those at steps 0 and 1
    assert len(found) >= min(epochs, MOST_DIAGNOSES)


def test_few_training_images_are_looked_at_by_few() -> None:
    assert images_looked_at(54_000, 6_000) == 2_000
    assert images_looked_at(54_000, 600) == 600
    assert images_looked_at(10_000, 1_000) == 400
    assert images_looked_at(360, 40) == 40
    assert images_looked_at(20, 40) == 20


def test_scores_are_minus_elbo_or_an_autoencoders_reconstruction() -> None:
    vae, autoencoder = SubsetScore(228.0, 12.0, 188.0), SubsetScore(228.0, math.nan, 188.0)
    assert (vae.score, vae.above_floor) == (240.0, 52.0)
    assert (autoencoder.score, autoencoder.above_floor) == (228.0, 40.0)


def test_the_parts_of_the_kl_add_up() -> None:
    surgery = Surgery(7.0, 9.0, 4.0, 1.5)
    assert (surgery.marginal_kl, surgery.total) == (5.5, 12.5)
