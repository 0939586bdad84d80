"""Gradients, updates and dead units, layer by layer."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from engine.model.matmul_precision import float32_products
from engine.model.networks import VAE, Model
from engine.model.objective import bernoulli_nll, gaussian_kl_per_dim

NO_SLOPE = 0.01
"""A unit whose non-linearity is no steeper than this passes no gradient to what is before it: a
ReLU below 0, the low side of a leaky one, GELU below −3.1, SiLU below −6.8, tanh beyond ±3."""


def linear_layers(model: Model) -> tuple[nn.Linear, ...]:
    """In the order of `engine.diagnosis.layer_names`."""
    modules = (*model.encoder, *model.decoder)
    return tuple(module for module in modules if isinstance(module, nn.Linear))


def gradient_norms(model: Model, x: Tensor, eps: Tensor, beta: float) -> list[float]:
    """‖∂ loss / ∂ (weights, biases)‖ of every layer, for the mean loss of a batch.

    By autograd, which leaves the parameters' `.grad`, training's own, as it is.

    Args:
        x: (B, 784) in [0, 1].
        eps: (B, D) noise for a VAE.
        beta: β_t of the loss = reconstruction + β_t · KL.
    """
    with torch.enable_grad():
        if isinstance(model, VAE):
            logits, mu, logvar = model(x, eps)
            loss = bernoulli_nll(logits, x) + beta * gaussian_kl_per_dim(mu, logvar).sum(dim=1)
        else:
            loss = bernoulli_nll(model(x), x)
        parameters = [p for layer in linear_layers(model) for p in (layer.weight, layer.bias)]
        gradients = torch.autograd.grad(loss.mean(), parameters)
    return _norms(list(gradients))


@torch.no_grad()
def update_ratios(model: Model, optimizer: torch.optim.Adam, lr: float) -> list[float]:
    """‖Δ‖ / ‖w‖ of every layer at the last step taken; NaN before the first.

    Adam's last update is what its averages say (Kingma & Ba 2015, algorithm 1): there is nothing
    to be kept from before the step, and nothing that the step would have to wait for.

    Args:
        lr: of that step.
    """
    (group,) = optimizer.param_groups
    beta1, beta2 = group["betas"]
    updates: list[Tensor] = []
    weights: list[Tensor] = []
    for layer in linear_layers(model):
        for parameter in (layer.weight, layer.bias):
            state = optimizer.state.get(parameter, {})
            if "exp_avg" not in state:
                return [math.nan] * len(linear_layers(model))
            steps = state["step"].to(parameter.device)
            mean = state["exp_avg"] / (1.0 - beta1**steps)
            deviation = (state["exp_avg_sq"] / (1.0 - beta2**steps)).sqrt()
            updates.append(lr * mean / (deviation + group["eps"]))
            weights.append(parameter)
    pairs = zip(_norms(updates), _norms(weights), strict=True)
    return [update / weight if weight else math.nan for update, weight in pairs]


class UnitWatch:
    """Runs images through an encoder or a decoder, and sees which hidden units pass a gradient."""

    def __init__(self, mlp: nn.Sequential) -> None:
        self._modules = list(mlp)
        self._passes: list[Tensor] = []

    @torch.no_grad()
    def run(self, x: Tensor) -> Tensor:
        """The output (B, O) for inputs (B, I): what the module itself gives."""
        hidden = 0
        with float32_products(x):
            for module in self._modules:
                if isinstance(module, nn.Linear):
                    x = module(x)
                    continue
                x, steep = _with_slope(module, x)
                if hidden == len(self._passes):
                    self._passes.append(steep)
                else:
                    self._passes[hidden] |= steep
                hidden += 1
        return x

    def dead(self) -> list[float]:
        """Of each linear layer; NaN of the last, which has no non-linearity."""
        return [*(float((~steep).sum()) for steep in self._passes), math.nan]


def _with_slope(non_linearity: Callable[[Tensor], Tensor], before: Tensor) -> tuple[Tensor, Tensor]:
    """What comes out, and (units,) whether its derivative is above `NO_SLOPE` for any image."""
    with torch.enable_grad():
        inputs = before.detach().requires_grad_()
        after = non_linearity(inputs)
        (slope,) = torch.autograd.grad(after.sum(), inputs)
    return after.detach(), (slope.abs() > NO_SLOPE).any(dim=0)


def _norms(tensors: list[Tensor]) -> list[float]:
    """Of each layer's weights and biases together; the tensors are those of layers in turn."""
    pairs = zip(tensors[::2], tensors[1::2], strict=True)
    squares = [weight.square().sum() + bias.square().sum() for weight, bias in pairs]
    norms: list[float] = torch.stack(squares).sqrt().tolist()
    return norms
