import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from engine.config import RunConfig
from engine.diagnosis import layer_names, layer_units
from engine.inference.layer_states import UnitWatch, gradient_norms, linear_layers, update_ratios
from engine.model.networks import VAE, build_model
from engine.model.objective import bernoulli_nll, gaussian_kl_per_dim

pytestmark = pytest.mark.slow

CONFIG = RunConfig(hidden=(16, 8), latent_dim=3)


def images(count: int = 40) -> torch.Tensor:
    return torch.rand(count, 784, generator=torch.Generator().manual_seed(0))


def test_layers_are_named_in_their_order() -> None:
    names = ("encoder 1", "encoder 2", "encoder out", "decoder 1", "decoder 2", "decoder out")
    assert layer_names(CONFIG) == names
    widths = [layer.out_features for layer in linear_layers(build_model(CONFIG, 1))]
    assert widths == [16, 8, 6, 8, 16, 784]
    assert layer_units(CONFIG) == (16, 8, None, 8, 16, None)


@pytest.mark.parametrize("kind", ["vae", "ae"])
def test_gradients_are_those_of_the_loss_and_trainings_own_stay(kind: str) -> None:
    model = build_model(replace(CONFIG, model=kind), 1)
    x, eps = images(), torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    before = [torch.full_like(p, 7.0) for p in model.parameters()]
    for parameter, gradient in zip(model.parameters(), before, strict=True):
        parameter.grad = gradient.clone()
    with torch.no_grad():  # as an evaluation is
        found = gradient_norms(model, x, eps, beta=0.5)
    for parameter, gradient in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter.grad, gradient)

    model.zero_grad()
    if isinstance(model, VAE):
        logits, mu, logvar = model(x, eps)
        loss = bernoulli_nll(logits, x) + 0.5 * gaussian_kl_per_dim(mu, logvar).sum(dim=1)
    else:
        loss = bernoulli_nll(model(x), x)
    loss.mean().backward()
    expected = [
        math.hypot(float(layer.weight.grad.norm()), float(layer.bias.grad.norm()))
        for layer in linear_layers(model)
    ]
    assert found == pytest.approx(expected, rel=1e-4)


def test_updates_are_what_adam_has_just_done() -> None:
    model = build_model(CONFIG, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    assert all(math.isnan(ratio) for ratio in update_ratios(model, optimizer, 3e-3))
    for _ in range(3):
        before = [p.detach().clone() for p in model.parameters()]
        optimizer.zero_grad()
        x = images()
        bernoulli_nll(model(x, torch.zeros(40, 3))[0], x).mean().backward()
        optimizer.step()
    found = update_ratios(model, optimizer, 3e-3)
    moved = [(p.detach() - old).norm() for p, old in zip(model.parameters(), before, strict=True)]
    sizes = [p.detach().norm() for p in model.parameters()]
    expected = [
        math.hypot(*moved[i : i + 2]) / math.hypot(*sizes[i : i + 2])
        for i in range(0, len(moved), 2)
    ]
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("non_linearity", "dead_bias", "live_bias"),
    [
        (nn.ReLU(), -1.0, 1.0),
        (nn.LeakyReLU(), -1.0, 1.0),
        (nn.GELU(), -9.0, -1.0),
        (nn.SiLU(), -12.0, -3.0),
        (nn.Tanh(), 5.0, 1.0),
        (nn.Tanh(), -5.0, -1.0),
    ],
)
def test_a_unit_is_dead_if_no_gradient_passes_for_any_image(
    non_linearity: nn.Module, dead_bias: float, live_bias: float
) -> None:
    mlp = nn.Sequential(nn.Linear(2, 3), non_linearity, nn.Linear(3, 1))
    with torch.no_grad():
        mlp[0].weight.copy_(torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.1, 0.1]]))
        mlp[0].bias.copy_(torch.tensor([dead_bias, live_bias, live_bias]))
    watch = UnitWatch(mlp)
    x = torch.rand(20, 2)
    assert torch.equal(watch.run(x), mlp(x).detach())
    dead, output = watch.dead()
    assert dead == 1
    assert math.isnan(output)


def test_one_image_brings_a_unit_to_life() -> None:
    mlp = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
    with torch.no_grad():
        mlp[0].weight.fill_(1.0)
        mlp[0].bias.fill_(0.0)
    watch = UnitWatch(mlp)
    watch.run(torch.full((5, 1), -1.0))
    assert watch.dead()[0] == 1
    watch.run(torch.tensor([[-1.0], [2.0]]))
    assert watch.dead()[0] == 0
