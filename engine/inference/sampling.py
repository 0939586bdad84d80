"""Random latents: draws from the prior, from a stream of their own."""

import math

import numpy as np
import torch

from engine.config import RunConfig
from engine.model.seeds import Stream, stream_seed
from engine.views import Latents, PriorSamples


def draw(config: RunConfig, request: PriorSamples) -> Latents:
    """The latents (count, D) of `PriorSamples`, the same on every device."""
    generator = torch.Generator().manual_seed(
        stream_seed(config.seed, Stream.PREVIEW, request.seed)
    )
    # torch.randn draws sixteen at a time, the last of them again: whole blocks, so that a larger
    # count only adds to a smaller one.
    drawn = torch.randn(-(-request.count // 16) * 16, config.latent_dim, generator=generator)
    eps: Latents = drawn[: request.count].numpy()
    z = request.temperature * eps
    if request.around is not None:
        centre = np.array(request.around, dtype=np.float32)
        rho = request.likeness
        z = rho * centre + math.sqrt(1.0 - rho * rho) * z
        z[:1] = centre
    return z.astype(np.float32)
