"""In which precision training multiplies matrices. Everything else, measuring too, is float32."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from engine.config import Precision
from engine.errors import ConfigError
from engine.training.gradients import Bfloat16Matmul, Matmul


def check_precision(precision: Precision, device: torch.device) -> None:
    """See that the device has such products.

    Raises:
        ConfigError: if it hasn't.
    """
    if precision == "float32" or device.type == "cuda":
        return
    if precision == "tf32":
        problem = f"'tf32' needs an NVIDIA GPU, and this run is on {device.type}"
    elif device.type != "cpu":
        problem = f"'bf16' needs an NVIDIA GPU or a CPU, and this run is on {device.type}"
    elif not cpu_has_bfloat16():
        problem = "'bf16' can't be used: this CPU has no products of bfloat16"
    else:
        return
    raise ConfigError("precision", f"{problem}; float32 works everywhere")


def cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 by itself; else PyTorch would use float32."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def products(precision: Precision, device: torch.device) -> Matmul:
    """The products to train with; on a CPU it is `matmul_precision` that makes them bfloat16."""
    if precision == "bf16" and device.type == "cuda":
        return Bfloat16Matmul()
    return Matmul()


@contextmanager
def matmul_precision(precision: Precision, device: torch.device) -> Iterator[None]:
    """Set torch's backend, for this process: only the thread that owns the device may do it."""
    if precision == "bf16" and device.type == "cpu":
        backend: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    elif precision == "tf32" and device.type == "cuda":
        backend = torch.backends.cuda.matmul
    else:
        yield
        return
    before = backend.fp32_precision
    backend.fp32_precision = precision
    try:
        yield
    finally:
        backend.fp32_precision = before
