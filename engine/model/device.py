"""Which processor trains, with how many threads, and how much memory is in use."""

import os
from dataclasses import dataclass

import psutil
import torch

from engine.config import RunConfig
from engine.errors import ConfigError
from engine.model.container_limits import container_limits, whole_processors
from engine.model.gpu_absence import cuda_is_available, why_no_cuda, why_no_mps

MAX_AUTO_THREADS = 8
"""Layers of this size gain nothing from more."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes in use, and bytes there are, on the device.

    On a CPU: of this process, and what its container allows it.
    """

    used: int
    total: int


def resolve_device(name: str) -> torch.device:
    """The torch device for a setting.

    Raises:
        ConfigError: if it isn't there.
    """
    if name == "auto":
        if cuda_is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda":
        count = torch.cuda.device_count() if cuda_is_available() else 0
        if count == 0:
            problem = f"{name!r} can't be used: torch finds no CUDA GPU here: {why_no_cuda()}"
            raise ConfigError("device", problem)
        if (device.index or 0) >= count:
            raise ConfigError("device", f"{name!r} can't be used: cuda:0 to cuda:{count - 1} exist")
    if device.type == "mps" and not torch.backends.mps.is_available():
        problem = f"'mps' can't be used: torch finds no Apple GPU here: {why_no_mps()}"
        raise ConfigError("device", problem)
    return device


def make_current(device: torch.device) -> None:
    """Make a GPU the one that this thread means when it names none; graphs are made on that."""
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)


def sum_dtype(device: torch.device) -> torch.dtype:
    """For sums over many images: float64, which Apple's GPUs don't have."""
    return torch.float32 if device.type == "mps" else torch.float64


def device_label(device: torch.device) -> str:
    """A name for people: 'CPU' or the GPU's model."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return device.type.upper()


def choose_threads(config: RunConfig, before: int | None = None) -> int:
    """CPU threads for training, the same for the same machine.

    One core is left for the dashboard: OpenMP's barriers stall when anything else takes one
    of the cores its threads run on, and then more threads are slower than one.

    Args:
        before: how many trained the run that goes on now: others would sum in another order, to
            other last bits. Not more than there are cores.
    """
    if config.threads:
        return config.threads
    cores = _usable_cores()
    if before is not None and before <= cores:
        return before
    # A quota is not a number of cores, but threads beyond it only wait for each other.
    quota = whole_processors(container_limits())
    return max(1, min(MAX_AUTO_THREADS, min(cores, quota or cores) - 1))


def _usable_cores() -> int:
    """Physical cores this process may use: hyper-threads share the units that multiply."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    return min(physical, allowed or physical)


def memory(device: torch.device) -> Memory:
    """Memory in use now."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return Memory(used=total - free, total=total)
    total = psutil.virtual_memory().total
    limit = container_limits().memory
    return Memory(
        used=psutil.Process().memory_info().rss, total=total if limit is None else min(total, limit)
    )


def free_memory(device: torch.device) -> int:
    """Bytes that a run could have: what is free, and what this process holds on a GPU."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device))
    available = int(psutil.virtual_memory().available)
    allowed = container_limits().free_memory
    return available if allowed is None else min(available, allowed)
