"""What to tell a person when a run doesn't fit into its device's memory."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch

from engine.config import RunConfig
from engine.errors import ConfigError
from engine.model.device import free_memory
from engine.model.networks import PIXELS, Model, build_model
from engine.training.stepper import bytes_an_image

BYTES_A_WEIGHT = 4 * 4
"""A weight, its gradient and Adam's two moments, float32 each."""
BYTES_TO_KEEP_BEST = 3 * 4
"""The best weights and their moments, which stay on the device until they are saved."""
BYTES_TO_SAVE = 7 * 4
"""On the host: a weight and its moments copied, once more as the bytes of a file, and what a
buffer that grows takes beside. Measured on a CPU, all in all 42 to 66 bytes a weight at the peak:
it depends on whether the best weights are on disk already when the last ones are saved."""
PAIRWISE_TENSORS = 6
"""Tensors (batch, batch, latent_dim) that there are at once (`latent_terms.TotalCorrelation`)."""
SAFE_SHARE = 0.9
"""Of the free memory: allocators round up, libraries need some for themselves."""
_EVALUATED_AT_ONCE = 500
_HOST = torch.device("cpu")


@contextmanager
def explain_out_of_memory(config: RunConfig, device: torch.device) -> Iterator[None]:
    """Say what is too large, when what is done here runs out of memory.

    Raises:
        ConfigError: then, with the batch size that would fit.
    """
    try:
        yield
    except RuntimeError as error:
        if not _is_out_of_memory(error):
            raise
        raise too_large(config, device, free_memory(device)) from error


def check_fits(config: RunConfig, device: torch.device, images: int) -> None:
    """See that a run has enough memory, before it is asked for: Linux kills who takes too much.

    Args:
        images: of the data set, which is copied to the device.

    Raises:
        ConfigError: with what would fit.
    """
    free = free_memory(device)
    left = free - images * PIXELS
    if left <= 0:
        raise ConfigError(
            "data",
            f"has {images:,} images, which take {images * PIXELS / 1e9:.1f} GB, "
            f"and {device} has {free / 1e9:.1f} GB free",
        )
    model = _shapes(config)
    # Two layers' outputs for what is evaluated at once; training's batch is counted in full.
    evaluation = 4 * 2 * max(PIXELS, *config.hidden) * min(images, _EVALUATED_AT_ONCE)
    at_once = min(config.batch_size, images)
    batch = at_once * bytes_an_image(model) + at_once**2 * _bytes_a_pair(config)
    if _of_weights(config, device) + max(batch, evaluation) > left:
        raise too_large(config, device, left)
    if device.type == "cuda" and _weights(config) * BYTES_TO_SAVE > (free := free_memory(_HOST)):
        raise too_large(config, _HOST, free)


def too_large(config: RunConfig, device: torch.device, free: int) -> ConfigError:
    """What to change, with `free` bytes for the run."""
    fitting = _fitting_batch(config, device, free)
    if fitting < 1:
        kept = _weights(config) * BYTES_A_WEIGHT
        copies = _of_weights(config, device) - kept
        return ConfigError(
            "hidden",
            f"needs {kept / 1e9:.1f} GB for the weights and Adam's moments and "
            f"{copies / 1e9:.1f} GB for copies to be saved, and {device} has {free / 1e9:.1f} GB "
            f"free: {_smaller_widths(config, device, free)}",
        )
    fitting = max(1, min(fitting, config.batch_size // 2))
    return ConfigError(
        "batch_size",
        f"{config.batch_size:,} needs more memory than {device} has free; "
        f"{1 << (fitting.bit_length() - 1):,} would fit",
    )


def _fitting_batch(config: RunConfig, device: torch.device, free: int) -> int:
    """The largest batch; less than 1 if there is none."""
    left = SAFE_SHARE * free - _of_weights(config, device)
    linear, pair = bytes_an_image(_shapes(config)), _bytes_a_pair(config)
    if pair == 0 or left <= 0:
        return math.floor(left / linear)
    return math.floor((math.sqrt(linear**2 + 4 * pair * left) - linear) / (2 * pair))


def _bytes_a_pair(config: RunConfig) -> int:
    """Of two images of a batch, where the total correlation compares each with each."""
    return PAIRWISE_TENSORS * 4 * config.latent_dim if config.penalty == "tc_weight" else 0


def _smaller_widths(config: RunConfig, device: torch.device, free: int) -> str:
    """Widths of the same proportions for which there is room, with a batch of some size."""
    low, high = 0.0, 1.0  # how much smaller
    for _ in range(20):
        middle = (low + high) / 2
        fitting = _fitting_batch(_scaled(config, middle), device, free)
        low, high = (middle, high) if fitting >= min(config.batch_size, 128) else (low, middle)
    if _fitting_batch(_scaled(config, low), device, free) < 1:
        return "no network fits"
    return f"{' '.join(map(str, _scaled(config, low).hidden))} would fit"


def _scaled(config: RunConfig, factor: float) -> RunConfig:
    return replace(config, hidden=tuple(max(1, int(width * factor)) for width in config.hidden))


def _of_weights(config: RunConfig, device: torch.device) -> int:
    a_weight = BYTES_A_WEIGHT + BYTES_TO_KEEP_BEST
    if device.type != "cuda":  # Apple's GPUs share the host's memory
        a_weight += BYTES_TO_SAVE
    if config.ema > 0:  # one more of what is a weight and two moments, and no gradient
        a_weight += 4 + math.ceil((a_weight - BYTES_A_WEIGHT) / 3)
    return a_weight * _weights(config)


def _weights(config: RunConfig) -> int:
    return sum(parameter.numel() for parameter in _shapes(config).parameters())


def _shapes(config: RunConfig) -> Model:
    with torch.device("meta"):  # without memory
        return build_model(config, 0)


def _is_out_of_memory(error: RuntimeError) -> bool:
    # PyTorch has a class of error for GPUs only.
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
