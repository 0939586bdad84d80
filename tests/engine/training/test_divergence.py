"""Which number gave out, when, and what to try."""

import math
from dataclasses import replace

import pytest
import torch

from data import ImageDataset
from engine.config import RunConfig
from engine.metrics import Metrics
from engine.training.divergence import TrainingDivergedError, diverged
from engine.training.trainer import Trainer

CPU = torch.device("cpu")
CONFIG = RunConfig(lr=0.25, beta=4.0)


def told(config: RunConfig, metrics: Metrics, beta: float = 2.0) -> str:
    return str(diverged(config, metrics, step=1234, beta=beta, during="training"))


def test_a_reconstruction_that_is_no_number_is_named_with_the_learning_rate() -> None:
    assert told(CONFIG, Metrics(math.nan, math.nan, 3.25)) == (
        "diverged in training at step 1,234: the reconstruction term was nan (KL 3.2, β 2), "
        "in nats per image; try a learning rate below 0.25"
    )
    of_an_autoencoder = told(replace(CONFIG, model="ae"), Metrics(math.inf, math.inf, math.nan))
    assert ": the reconstruction term was inf, in nats per image; " in of_an_autoencoder


def test_a_kl_that_is_no_number_is_named_with_the_learning_rate() -> None:
    text = told(CONFIG, Metrics(math.inf, 543.4, math.inf))
    assert "the KL was inf (reconstruction 543.4, β 2)" in text
    assert text.endswith("try a learning rate below 0.25")


@pytest.mark.parametrize(
    ("beta", "kl", "advice"),
    [(1e38, 0.012, "a β below 4"), (3.0, 2e38, "a learning rate below 0.25")],
)
def test_a_product_that_overflows_is_blamed_on_its_larger_factor(
    beta: float, kl: float, advice: str
) -> None:
    text = told(CONFIG, Metrics(math.inf, 543.4, kl), beta)
    assert f"the loss overflowed: reconstruction 543.4 + β {beta:g} · KL {kl:.3g}" in text
    assert text.endswith(f"try {advice}")


def test_a_beta_whose_loss_overflows_float32_ends_training_at_its_first_step_and_is_blamed(
    small_config: RunConfig, small_dataset: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.config.MAX_BETA", math.inf)
    trainer = Trainer(replace(small_config, beta=1e38), small_dataset, CPU)
    with torch.no_grad():
        trainer.model.encoder[-1].bias.fill_(1.0)  # a KL of some nats
    expected = r"at step 1: the loss overflowed: .* β 1e\+38 .*; try a β below 1e\+38$"
    with pytest.raises(TrainingDivergedError, match=expected):
        trainer.train(12)
    assert trainer.step == 1


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_the_step_that_is_named_is_the_first_without_a_loss_however_long_the_slice(
    bad: float, small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    trainer = Trainer(replace(small_config, lr=1.0), small_dataset, CPU)
    trainer.train(3)
    with torch.no_grad():
        trainer.model.decoder[0].weight.fill_(bad)
    with pytest.raises(TrainingDivergedError, match=r"training at step 4: .* rate below 1$"):
        trainer.train(9)
    assert trainer.step == 4


def test_a_kl_that_gives_out_alone_ends_training_though_beta_is_0(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    trainer = Trainer(replace(small_config, beta=0.0), small_dataset, CPU)
    with torch.no_grad():
        trainer.model.encoder[-1].bias[0] = 1e25  # its square is beyond float32
        trainer.model.decoder[0].weight.zero_()
    with pytest.raises(TrainingDivergedError, match="step 1: the KL was inf"):
        trainer.train(1)


def test_weights_that_give_no_number_are_never_an_evaluation(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    trainer = Trainer(small_config, small_dataset, CPU)
    with torch.no_grad():
        trainer.model.decoder[0].weight.fill_(math.nan)
    with pytest.raises(TrainingDivergedError, match="in evaluation at step 0: the reconstruction"):
        trainer.evaluate(0.0)
