"""Every objective against a plain loop written from the papers, with autograd."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from data import ImageDataset, split_indices
from engine.config import RunConfig
from engine.model.seeds import Stream, stream_seed
from engine.training.trainer import Trainer
from tests.engine.training.test_stepper import Graphs

CPU = torch.device("cpu")
STEPS = 24
"""Two epochs of 12, the last batch of each short."""
OBJECTIVES: list[dict[str, Any]] = [
    {"grad_clip": 20.0},
    {"free_bits": 0.3},
    {"capacity": 4.0, "capacity_warmup": 1.5},
    {"tc_weight": 5.0},
    {"kl_schedule": "cyclical", "kl_cycles": 3, "free_bits": 0.05, "grad_clip": 30.0},
]


def plain_loop(config: RunConfig, dataset: ImageDataset) -> list[torch.Tensor]:
    """The weights after `STEPS` steps."""
    model: Any = Trainer(config, dataset, CPU).model  # the same initial weights
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr, fused=False)
    generator = torch.Generator().manual_seed(stream_seed(config.seed, Stream.TRAIN))
    train = split_indices(dataset.labels, 0.1, 0).train
    images = torch.tensor(dataset.images[train].reshape(-1, 784) / 255.0, dtype=torch.float32)
    step = 0
    for _epoch in range(2):
        for chosen in torch.randperm(len(images), generator=generator).split(config.batch_size):
            x = images[chosen]
            mu, logvar = model.encoder(x).chunk(2, dim=1)
            q = Normal(mu, (0.5 * logvar).exp())
            z = mu + q.stddev * torch.randn(mu.shape, generator=generator)
            p = Bernoulli(logits=model.decoder(z), validate_args=False)
            kl = kl_divergence(q, Normal(0.0, 1.0))
            beta = config.beta
            if config.kl_schedule == "cyclical":
                share = step % (36 / config.kl_cycles) / (36 / config.kl_cycles)
                beta *= share / 0.5 if share < 0.5 else 1.0
            latent = kl.sum(dim=1).mean()
            if config.free_bits:
                latent = kl.mean(dim=0).clamp(min=config.free_bits).sum()
            if config.capacity:
                risen = min(1.0, step / (config.capacity_warmup * 12))
                latent = (latent - config.capacity * risen).abs()
            if config.tc_weight != 1:
                # Chen et al. 2018: log q(z_i) and log q(z_id) by minibatch-weighted sampling, of
                # which constants aside log q(z|x) − log p(z), here the exact KL, is one part.
                densities = Normal(mu[None], q.stddev[None]).log_prob(z[:, None])
                marginals = densities.logsumexp(dim=1).sum(dim=1)
                tc = densities.sum(dim=2).logsumexp(dim=1) - marginals
                latent = latent + (config.tc_weight - 1.0) * tc.mean()
            loss = -p.log_prob(x).sum(dim=1).mean() + beta * latent
            optimizer.zero_grad()
            loss.backward()
            if config.grad_clip:
                gradients = [parameter.grad for parameter in model.parameters()]
                norm = math.sqrt(sum(g.double().square().sum().item() for g in gradients))
                for gradient in gradients:
                    gradient.mul_(min(1.0, config.grad_clip / norm))
            optimizer.step()
            step += 1
    return [parameter.detach() for parameter in model.parameters()]


@pytest.fixture
def config(small_config: RunConfig) -> RunConfig:
    return replace(small_config, lr_schedule="constant", beta=2.0)


def trained(config: RunConfig, dataset: ImageDataset) -> list[torch.Tensor]:
    trainer = Trainer(config, dataset, CPU)
    while trainer.step < STEPS:
        trainer.train(7)
    return [parameter.detach() for parameter in trainer.model.parameters()]


@pytest.mark.parametrize("settings", OBJECTIVES, ids=str)
def test_steps_are_those_of_a_plain_loop(
    settings: dict[str, Any], config: RunConfig, small_dataset: ImageDataset
) -> None:
    config = replace(config, **settings)
    ours = trained(config, small_dataset)
    for one, other in zip(ours, plain_loop(config, small_dataset), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("settings", OBJECTIVES, ids=str)
def test_every_setting_changes_the_weights_and_graphs_do_not(
    settings: dict[str, Any], config: RunConfig, small_dataset: ImageDataset
) -> None:
    with_it = replace(config, **settings)
    plain, ours = trained(config, small_dataset), trained(with_it, small_dataset)
    assert not all(torch.equal(a, b) for a, b in zip(plain, ours, strict=True))
    trainer, graphs = Trainer(with_it, small_dataset, CPU), Graphs()
    trainer._stepper.capture = graphs.capture
    while trainer.step < STEPS:
        trainer.train(5)
    assert graphs.replayed > 0
    assert all(torch.equal(a, b) for a, b in zip(trainer.model.parameters(), ours, strict=True))


def test_the_average_of_the_weights_is_that_of_all_steps_and_changes_none_of_them(
    config: RunConfig, small_dataset: ImageDataset
) -> None:
    decay = 0.8
    trainer = Trainer(replace(config, ema=decay), small_dataset, CPU)
    assert trainer.average is not None
    trainer._stepper.capture = Graphs().capture
    passed: list[list[torch.Tensor]] = []
    while trainer.step < STEPS:
        trainer.train(1)
        passed.append([p.detach().double() for p in trainer.model.parameters()])
    plain = trained(config, small_dataset)
    assert all(torch.equal(a, b.float()) for a, b in zip(plain, passed[-1], strict=True))
    # Kingma & Ba 2015, section 7.2: an exponential average from 0, divided by 1 − d^T.
    for number, average in enumerate(trainer.average.parameters()):
        expected = torch.zeros_like(average, dtype=torch.float64)
        for weights in passed:
            expected = decay * expected + (1.0 - decay) * weights[number]
        expected /= 1.0 - decay**STEPS
        torch.testing.assert_close(average.double(), expected, rtol=1e-5, atol=1e-7)


def test_the_average_is_measured_as_the_weights_are(
    config: RunConfig, small_dataset: ImageDataset
) -> None:
    trainer = Trainer(replace(config, ema=0.9), small_dataset, CPU)
    assert trainer.average is not None
    trainer.train(7)
    found = trainer.evaluate_average()
    trainer.model.load_state_dict(trainer.average.state_dict())
    assert found is not None
    assert found.metrics == trainer.evaluate(0.0).val
    assert Trainer(config, small_dataset, CPU).evaluate_average() is None


@pytest.mark.parametrize("cut", [0, 5, 12, 20])
def test_a_restored_average_ends_bit_identical(
    cut: int, config: RunConfig, small_dataset: ImageDataset
) -> None:
    def ends(trainer: Trainer) -> list[torch.Tensor]:
        assert trainer.average is not None
        while trainer.step < STEPS:
            trainer.train(7)
        return [p.clone() for p in trainer.average.parameters()]

    config = replace(config, ema=0.9)
    expected = ends(Trainer(config, small_dataset, CPU))
    first = Trainer(config, small_dataset, CPU)
    while first.step < cut:
        first.train(min(12, cut - first.step))
    second = Trainer(config, small_dataset, CPU)
    second.load_state_dict(first.state_dict())
    ends(first)  # going on with the first must not touch the second
    assert all(torch.equal(a, b) for a, b in zip(ends(second), expected, strict=True))


def test_a_longer_gradient_is_shortened_to_the_limit_and_a_shorter_one_left(
    config: RunConfig, small_dataset: ImageDataset
) -> None:
    def gradients(clip: float) -> torch.Tensor:
        trainer = Trainer(replace(config, grad_clip=clip), small_dataset, CPU)
        trainer.train(1)
        return torch.cat(
            [p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None]
        )

    whole = gradients(0.0)
    norm = whole.norm().item()
    torch.testing.assert_close(gradients(norm / 4), whole / 4)
    assert torch.equal(gradients(norm * 1.01), whole)


@pytest.mark.parametrize("capture", [False, True])
@pytest.mark.parametrize(("setting", "value"), [("grad_clip", 5.0), ("free_bits", 0.5)])
def test_a_change_holds_from_the_next_step_on_in_a_graph_as_well(
    setting: str, value: float, capture: bool, config: RunConfig, small_dataset: ImageDataset
) -> None:
    def trained_to(step: int, change: bool) -> list[torch.Tensor]:
        trainer = Trainer(config, small_dataset, CPU)
        trainer._stepper.capture = Graphs().capture if capture else None
        trainer.train(7)
        if change:
            trainer.steer(replace(config, **{setting: value}))
            trainer.steer(replace(config, **{setting: 0.0}))
            trainer.steer(replace(config, **{setting: value}))
        while trainer.step < step:
            trainer.train(step - trainer.step)
        return [p.detach().clone() for p in trainer.model.parameters()]

    for step, same in ((7, True), (8, False)):
        pairs = zip(trained_to(step, False), trained_to(step, True), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs) == same
