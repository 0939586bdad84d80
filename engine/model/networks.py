"""The networks: a variational autoencoder and a plain one of the same shape.

Both flatten 28×28 images into 784 inputs, mirror their hidden layers and decode to logits.
`embed` and `decode` mean the same for both, so pictures need not know which they have.
"""

import itertools
import threading
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from engine.config import Activation, RunConfig
from engine.model.matmul_precision import float32_products

PIXELS = 28 * 28

_INITIALISING = threading.Lock()
"""PyTorch's layers draw from the process's one generator: two threads would mix their draws."""

MAX_LOGVAR = 10.0
"""σ ≤ 148. The prior's is 1, so no useful posterior is as wide; but one image that the encoder
sends astray gives e^(log σ²) nats of KL, and with it gradients that end the training: with two
latent dimensions at the default learning rate that happened within ten epochs."""

_ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


def _mlp(widths: Sequence[int], activation: Activation) -> list[nn.Module]:
    """Linear layers through `widths`, a non-linearity after each."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), _ACTIVATIONS[activation]()]
    return layers


class _MlpPair(nn.Module):
    """What both models share: an encoder with `outputs` numbers, a decoder that mirrors it.

    Whoever runs them gets float32, whatever trains in this process meanwhile. Training multiplies
    by itself, in its own precision (`engine.training.gradients`).
    """

    def __init__(self, config: RunConfig, outputs: int) -> None:
        super().__init__()
        hidden = config.hidden
        self.encoder = nn.Sequential(
            *_mlp((PIXELS, *hidden), config.activation), nn.Linear(hidden[-1], outputs)
        )
        self.decoder = nn.Sequential(
            *_mlp((config.latent_dim, *reversed(hidden)), config.activation),
            nn.Linear(hidden[0], PIXELS),
        )

    def encode(self, x: Tensor) -> Tensor:
        """The encoder's numbers (B, outputs) of images (B, 784) in [0, 1]."""
        with float32_products(x):
            encoded: Tensor = self.encoder(x)
            return encoded

    def decode(self, z: Tensor) -> Tensor:
        """Logits (B, 784) of latents (B, D)."""
        with float32_products(z):
            logits: Tensor = self.decoder(z)
            return logits


class VAE(_MlpPair):
    """Gaussian encoder, Bernoulli decoder, both MLPs. Kingma & Welling 2014, app. C."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config, outputs=2 * config.latent_dim)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """q(z|x) of images (B, 784) in [0, 1]: μ and log σ² ≤ `MAX_LOGVAR`, each (B, D)."""
        mu, logvar = self.encode(x).chunk(2, dim=1)
        return mu, logvar.clamp(max=MAX_LOGVAR)

    def embed(self, x: Tensor) -> Tensor:
        """The point that stands for an image: μ, (B, D)."""
        return self.posterior(x)[0]

    def forward(self, x: Tensor, eps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, μ and log σ² with z = μ + σ ⊙ ε, the noise ε (B, D) given by the caller.

        The noise is an argument, so that who draws it, and from which generator, is decided
        in one place: training and evaluation must never share one.
        """
        mu, logvar = self.posterior(x)
        z = mu + torch.exp(0.5 * logvar) * eps
        return self.decode(z), mu, logvar


class Autoencoder(_MlpPair):
    """The same networks without sampling and KL: z = f(x), a point instead of a density."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config, outputs=config.latent_dim)

    def embed(self, x: Tensor) -> Tensor:
        """The code (B, D) of images (B, 784) in [0, 1]."""
        return self.encode(x)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, 784) of the images' own codes."""
        return self.decode(self.embed(x))


Model = VAE | Autoencoder


def build_model(config: RunConfig, init_seed: int) -> Model:
    """A fresh model on the CPU, its weights drawn from `init_seed` alone.

    Drawn on the CPU for every device, so that the same seed starts from the same weights
    everywhere; the caller's global random state is left as it was.
    """
    with _INITIALISING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(init_seed)
        return VAE(config) if config.model == "vae" else Autoencoder(config)
