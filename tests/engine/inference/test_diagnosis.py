import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from data import ImageDataset
from engine.config import ModelName, RunConfig
from engine.diagnosis import Diagnosis
from engine.inference.diagnosis import Diagnostician
from engine.metrics import pixel_entropies
from engine.model.networks import VAE
from engine.model.objective import bernoulli_nll
from engine.training.trainer import Trainer


def trained(config: RunConfig, dataset: ImageDataset, steps: int = 12) -> Trainer:
    trainer = Trainer(config, dataset, torch.device("cpu"))
    trainer.train(steps)
    return trainer


def diagnostician(trainer: Trainer) -> Diagnostician:
    return Diagnostician(trainer.config, trainer.model, trainer.images, trainer.optimizer)


def look(trainer: Trainer) -> Diagnosis:
    return diagnostician(trainer).look(trainer.evaluate(0.0))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["vae", "ae"])
def test_scores_are_those_of_the_whole_splits_where_all_images_are_looked_at(
    model: ModelName, small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    trainer = trained(replace(small_config, model=model), small_dataset)
    found = look(trainer)
    assert found.images == 40 == len(trainer.images.validation)
    val = trainer.evaluate(0.0).val
    # Other noise: a nat or so apart. The KL has none.
    assert found.validation.recon == pytest.approx(val.recon, abs=3.0 if model == "vae" else 1e-3)
    assert found.validation.kl == pytest.approx(val.kl, rel=1e-5, nan_ok=True)
    pixels = trainer.images.validation.pixels.numpy()
    assert found.floor == pytest.approx(pixel_entropies(pixels).mean())
    assert found.validation.floor == pytest.approx(found.floor)
    assert found.gap == pytest.approx(found.validation.above_floor - found.training.above_floor)
    assert (found.surgery is None) == (model == "ae")


def test_the_worst_images_and_the_classes_are_those_of_an_autoencoder_image_by_image(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    trainer = trained(replace(small_config, model="ae"), small_dataset)
    found = look(trainer)
    split = trainer.images.validation
    x = split.pixels / 255.0
    with torch.no_grad():
        errors = bernoulli_nll(trainer.model.decode(trainer.model.embed(x)), x).numpy()
    assert found.worst.tolist() == np.argsort(-errors, kind="stable")[:10].tolist()
    np.testing.assert_allclose(found.worst_scores, np.sort(errors)[::-1][:10], rtol=1e-5)
    by_class = [errors[split.labels == label].mean() for label in range(10)]
    np.testing.assert_allclose(found.class_recon, by_class, rtol=1e-5)


def test_the_parts_of_the_kl_add_up_to_the_mean_kl(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    trainer = trained(small_config, small_dataset)
    found = look(trainer)
    assert found.surgery is not None
    # One draw of each of 40 images, against the closed form.
    assert found.surgery.total == pytest.approx(found.validation.kl, rel=0.25)
    assert found.surgery.mutual_information <= math.log(40) + 1e-4


def test_it_says_the_same_of_the_same_weights_and_of_others_not(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    trainer = trained(small_config, small_dataset)
    ours = diagnostician(trainer)
    first = ours.look(trainer.evaluate(0.0))
    again, by_another = ours.look(trainer.evaluate(0.0)), look(trainer)
    for other in (again, by_another):
        assert other.validation == first.validation
        assert other.training == first.training
        assert other.surgery == first.surgery
        assert other.worst.tolist() == first.worst.tolist()
        assert [layer.gradient_norm for layer in other.layers] == [
            layer.gradient_norm for layer in first.layers
        ]
    trainer.train(3)
    assert ours.look(trainer.evaluate(0.0)).surgery != first.surgery


def test_the_images_are_those_of_the_split_whatever_the_seed(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    one = look(trained(small_config, small_dataset, 1))
    other = look(trained(replace(small_config, seed=9), small_dataset, 1))
    assert one.validation.floor == other.validation.floor
    assert one.training.floor == other.training.floor
    elsewhere = replace(small_config, split_seed=3)
    assert look(trained(elsewhere, small_dataset, 1)).training.floor != one.training.floor


def test_looking_changes_nothing_that_training_uses(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    looked, alone = (trained(small_config, small_dataset, 5) for _ in range(2))
    everywhere = torch.random.get_rng_state()
    ours = diagnostician(looked)
    for _ in range(3):
        ours.look(looked.evaluate(0.0))
        looked.train(4)
        alone.train(4)
    assert torch.equal(everywhere, torch.random.get_rng_state())
    mine, theirs = looked.state_dict(), alone.state_dict()
    assert torch.equal(mine["generator"], theirs["generator"])
    for name, weights in mine["model"].items():
        assert torch.equal(weights, theirs["model"][name]), name
    for index, state in mine["optimizer"]["state"].items():
        for name, value in state.items():
            assert torch.equal(value, theirs["optimizer"]["state"][index][name])


def test_a_diverged_model_is_diagnosed_without_an_error(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    trainer = trained(small_config, small_dataset)
    evaluation = trainer.evaluate(0.0)
    with torch.no_grad():
        trainer.model.encoder[0].weight.fill_(math.nan)
    found = diagnostician(trainer).look(evaluation)
    assert math.isnan(found.validation.recon)
    assert found.posterior.worst is None
    assert len(found.worst) == 10


def test_commands_are_looked_at_between_the_batches(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    trainer = trained(small_config, small_dataset)
    calls: list[None] = []
    diagnostician(trainer).look(trainer.evaluate(0.0), lambda: calls.append(None))
    assert len(calls) >= 4  # validation, training, surgery, gradients
    assert isinstance(trainer.model, VAE)
