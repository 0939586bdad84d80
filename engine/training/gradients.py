"""The loss of a batch and its gradients, written out instead of left to autograd.

A network this small costs much between its matrix products. Here what is large lies in memory that
is kept from step to step, the loss shares what its gradient needs, and the images' gradient, which
nobody needs, is not made. Nothing waits for the device, so that a CUDA graph can hold whole steps.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.model.networks import MAX_LOGVAR, VAE, Model
from engine.training.latent_terms import LatentTerm

_aten = torch.ops.aten


class Matmul:
    """Matrix products in the precision that torch's backend is set to."""

    def product(self, a: Tensor, b: Tensor, out: Tensor) -> Tensor:
        """a·b, into `out`."""
        return torch.mm(a, b, out=out)

    def affine(self, x: Tensor, layer: nn.Linear, out: Tensor) -> Tensor:
        """A layer's output (B, O) for inputs (B, I), into `out`."""
        return torch.addmm(layer.bias, x, layer.weight.t(), out=out)


class Bfloat16Matmul(Matmul):
    """Factors rounded to bfloat16, sums in float32. Only NVIDIA's GPUs have this product."""

    def product(self, a: Tensor, b: Tensor, out: Tensor) -> Tensor:
        """a·b, into `out`."""
        return torch.mm(a.bfloat16(), b.bfloat16(), out_dtype=torch.float32, out=out)

    def affine(self, x: Tensor, layer: nn.Linear, out: Tensor) -> Tensor:
        """A layer's output (B, O) for inputs (B, I), into `out`."""
        return self.product(x, layer.weight.t(), out).add_(layer.bias)


@dataclass(frozen=True, slots=True)
class _NonLinearity:
    """Both write into their last argument, elementwise."""

    forward: Callable[[Tensor, Tensor], object]
    """(before, after)"""
    backward: Callable[[Tensor, Tensor, Tensor], object]
    """(before, after, gradient): from the gradient by `after` to that by `before`, in place."""


_NON_LINEARITIES: dict[type[nn.Module], _NonLinearity] = {
    nn.ReLU: _NonLinearity(
        lambda before, after: torch.clamp_min(before, 0.0, out=after),
        lambda _, after, g: _aten.threshold_backward.grad_input(g, after, 0.0, grad_input=g),
    ),
    nn.LeakyReLU: _NonLinearity(
        lambda before, after: _aten.leaky_relu.out(before, out=after),
        lambda before, _, g: _aten.leaky_relu_backward.grad_input(
            g, before, 0.01, False, grad_input=g
        ),
    ),
    nn.GELU: _NonLinearity(
        lambda before, after: _aten.gelu.out(before, out=after),
        lambda before, _, g: _aten.gelu_backward.grad_input(g, before, grad_input=g),
    ),
    nn.SiLU: _NonLinearity(
        lambda before, after: _aten.silu.out(before, out=after),
        lambda before, _, g: _aten.silu_backward.grad_input(g, before, grad_input=g),
    ),
    nn.Tanh: _NonLinearity(
        lambda before, after: torch.tanh(before, out=after),
        lambda _, after, g: _aten.tanh_backward.grad_input(g, after, grad_input=g),
    ),
}


class MlpPass:
    """Forward and back through linear layers with a non-linearity between each two.

    Args:
        batch: images of every pass; what comes out is overwritten by the next one.
        to_input: whether the gradient by the input is wanted, too.
    """

    def __init__(self, mlp: nn.Sequential, batch: int, products: Matmul, *, to_input: bool) -> None:
        modules = list(mlp)
        self._layers = [module for module in modules if isinstance(module, nn.Linear)]
        self._non_linearities = [_NON_LINEARITIES[type(module)] for module in modules[1::2]]
        self._products = products
        like = self._layers[0].weight.detach()
        self._before = [like.new_empty(batch, layer.out_features) for layer in self._layers]
        self._after = [torch.empty_like(before) for before in self._before[:-1]]
        self._by_input = [like.new_empty(batch, layer.in_features) for layer in self._layers]
        if not to_input:
            self._by_input[0] = like.new_empty(0)
        self._inputs = [like] * len(self._layers)
        for layer in self._layers:
            for parameter in (layer.weight, layer.bias):
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)

    @property
    def output(self) -> Tensor:
        """(B, O), where `forward` writes."""
        return self._before[-1]

    @property
    def nbytes(self) -> int:
        """Of the memory that is kept, the parameters' gradients aside."""
        return sum(t.nbytes for t in (*self._before, *self._after, *self._by_input))

    def forward(self, x: Tensor) -> Tensor:
        """The last layer's output (B, O) for inputs (B, I)."""
        last = len(self._layers) - 1
        for number, layer in enumerate(self._layers):
            self._inputs[number] = x
            before = self._before[number]
            self._products.affine(x, layer, before)
            if number < last:
                x = self._after[number]
                self._non_linearities[number].forward(before, x)
        return self.output

    def backward(self, grad: Tensor) -> Tensor:
        """From the loss's gradient by the output (B, O) to the parameters' `.grad`.

        Returns:
            The gradient by the input (B, I), if it is wanted.
        """
        for number in reversed(range(len(self._layers))):
            layer = self._layers[number]
            assert layer.weight.grad is not None
            self._products.product(grad.t(), self._inputs[number], layer.weight.grad)
            torch.sum(grad, 0, out=layer.bias.grad)
            if self._by_input[number].numel():
                grad = self._products.product(grad, layer.weight, self._by_input[number])
            if number > 0:
                before, after = self._before[number - 1], self._after[number - 1]
                self._non_linearities[number - 1].backward(before, after, grad)
        return grad


class _BernoulliLoss:
    """Σ −log p(x|z) of a batch from logits, and the gradient of its mean. See `bernoulli_nll`."""

    def __init__(self, like: Tensor) -> None:
        self._nll = torch.empty_like(like)
        self._grad = torch.empty_like(like)
        self._zero = like.new_zeros(())

    @property
    def nbytes(self) -> int:
        return self._nll.nbytes + self._grad.nbytes

    def sum_into(self, total: Tensor, logits: Tensor, x: Tensor) -> Tensor:
        """Write the sum (a scalar) to `total`; the gradient of the mean, (B, 784)."""
        # −log p(x) = log(e^(−x l) + e^((1 − x) l)). Written so, and not as softplus(l) − x l, for
        # that cancels where the pixel is white and the logit large: all its digits above 20.
        by_white = torch.addcmul(self._zero, x, logits, value=-1.0, out=self._grad)
        by_black = torch.lerp(logits, self._zero, x, out=self._nll)  # (1 − x) l, to its last digit
        torch.sum(torch.logaddexp(by_white, by_black, out=self._nll), (0, 1), out=total)
        return torch.sigmoid(logits, out=self._grad).sub_(x).mul_(1.0 / len(x))


class Backpropagation(ABC):
    """The mean over a batch of loss = −log p(x|z) + β · latent term, and its gradient.

    It must be run under `torch.no_grad()`.
    """

    noise_dim = 0
    """How many numbers of noise an image takes."""

    def __init__(self, model: Model, batch: int, products: Matmul) -> None:
        self._encoder = MlpPass(model.encoder, batch, products, to_input=False)
        self._decoder = MlpPass(model.decoder, batch, products, to_input=True)
        self._bernoulli = _BernoulliLoss(self._decoder.output)

    @property
    def nbytes(self) -> int:
        """Of the memory that is kept, the parameters' gradients aside."""
        return self._encoder.nbytes + self._decoder.nbytes + self._bernoulli.nbytes

    @abstractmethod
    def run(self, x: Tensor, eps: Tensor, beta: Tensor, capacity: Tensor, sums: Tensor) -> None:
        """Write the parameters' `.grad`, and the batch's sums.

        Args:
            x: (B, 784) in [0, 1].
            eps: (B, noise_dim) of N(0, 1).
            beta, capacity: β_t and C_t, scalars.
            sums: (4,), overwritten: loss, reconstruction, KL (NaN without one), images.
        """


class _VaePass(Backpropagation):
    def __init__(self, model: Model, batch: int, products: Matmul, latent: LatentTerm) -> None:
        super().__init__(model, batch, products)
        self._latent = latent
        self._grad = torch.empty_like(self._encoder.output)
        self.noise_dim = self._grad.shape[1] // 2

    def run(self, x: Tensor, eps: Tensor, beta: Tensor, capacity: Tensor, sums: Tensor) -> None:
        mu, unlimited = self._encoder.forward(x).chunk(2, dim=1)
        logvar = unlimited.clamp(max=MAX_LOGVAR)
        sigma = torch.exp(0.5 * logvar)
        spread = sigma * eps
        z = mu + spread
        logits = self._decoder.forward(z)

        by_logits = self._bernoulli.sum_into(sums[1], logits, x)
        variance = sigma.square_()
        kl = torch.addcmul(variance, mu, mu).sub_(logvar).sub_(1.0).mul_(0.5)
        torch.sum(kl, (0, 1), out=sums[2])
        weight = self._latent.weigh(kl, beta, capacity, sums)
        correlation = self._latent.correlate(z, mu, logvar, beta, sums)
        sums[3].fill_(len(x))

        # With z = μ + σ ε: by μ it is (by z) + β μ, by log σ² it is ½ ((by z) σ ε + β (σ² − 1)),
        # and 0 where log σ² was limited. β is the latent term's slope here.
        by_z = self._decoder.backward(by_logits)
        if correlation is not None:
            by_z.add_(correlation[0])
        by_mu, by_logvar = self._grad.chunk(2, dim=1)
        torch.addcmul(by_z, mu, weight, out=by_mu)
        torch.addcmul(by_z.mul_(spread), variance.sub_(1.0), weight, out=by_logvar)
        by_logvar.mul_(0.5)
        if correlation is not None:
            by_mu.add_(correlation[1])
            by_logvar.add_(correlation[2])
        by_logvar.mul_(unlimited <= MAX_LOGVAR)
        self._encoder.backward(self._grad)


class _AutoencoderPass(Backpropagation):
    def run(self, x: Tensor, _eps: Tensor, _beta: Tensor, _capacity: Tensor, sums: Tensor) -> None:
        logits = self._decoder.forward(self._encoder.forward(x))
        by_logits = self._bernoulli.sum_into(sums[1], logits, x)
        sums[0].copy_(sums[1])
        sums[2].fill_(math.nan)
        sums[3].fill_(len(x))
        by_code = self._decoder.backward(by_logits)
        self._encoder.backward(by_code)


def backpropagation(
    model: Model, batch: int, products: Matmul, latent: LatentTerm | None = None
) -> Backpropagation:
    """For batches of one size.

    Args:
        latent: what β weighs; None: the KL.
    """
    if isinstance(model, VAE):
        return _VaePass(model, batch, products, latent or LatentTerm())
    return _AutoencoderPass(model, batch, products)
