"""What to tell a person when a run doesn't fit into its device's memory."""

from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import torch

from engine.config import RunConfig
from engine.errors import ConfigError
from engine.model.networks import build_model
from engine.training.stepper import bytes_an_image

BYTES_A_WEIGHT = 4 * 4
"""A weight, its gradient and Adam's two moments, float32 each."""
SAFE_SHARE = 0.9
"""Of the free memory: allocators round up, libraries need some for themselves."""


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


def too_large(config: RunConfig, device: torch.device, free: int) -> ConfigError:
    """What to change, with `free` bytes for the run."""
    with torch.device("meta"):  # shapes without memory
        model = build_model(config, 0)
    weights = BYTES_A_WEIGHT * sum(parameter.numel() for parameter in model.parameters())
    fitting = int((SAFE_SHARE * free - weights) / bytes_an_image(model))
    if fitting < 1:
        return ConfigError(
            "hidden",
            f"needs {weights / 1e9:.1f} GB for the weights and Adam's moments, "
            f"and {device} has {free / 1e9:.1f} GB free: choose smaller widths",
        )
    fitting = min(fitting, config.batch_size // 2)
    return ConfigError(
        "batch_size",
        f"{config.batch_size:,} needs more memory than {device} has free; "
        f"{1 << (fitting.bit_length() - 1):,} would fit",
    )


def free_memory(device: torch.device) -> int:
    """Bytes that a run could have: what is free, and what this process holds on a GPU."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device))
    return int(psutil.virtual_memory().available)


def _is_out_of_memory(error: RuntimeError) -> bool:
    # PyTorch has a class of error for GPUs only.
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
