"""In which precision training multiplies matrices. Everything else, measuring too, is float32."""

import torch

from engine.config import Precision
from engine.errors import ConfigError
from engine.model.matmul_precision import matmul_precision
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


def precision_note(precision: Precision, device: torch.device) -> str | None:
    """A sentence, if the products are not rounded though the device could; else None."""
    if precision != "bf16" or device.type != "cpu" or _cpu_rounds():
        return None
    return (
        "precision bf16 changes nothing here: oneDNN rounds to bfloat16 only on CPUs with AMX, "
        "and multiplies in float32 on this one"
    )


def _cpu_rounds() -> bool:
    """Whether a product in bf16 rounds its factors: found out, for oneDNN doesn't tell."""
    beyond_bfloat16 = torch.full((128, 256), 1.0 + 2.0**-10)
    with matmul_precision("bf16", beyond_bfloat16.device):
        product = beyond_bfloat16 @ torch.ones(256, 128)
    return bool((product == 256.0).all())


def products(precision: Precision, device: torch.device) -> Matmul:
    """The products to train with; on a CPU `matmul_precision` alone makes them bfloat16."""
    if precision == "bf16" and device.type == "cuda":
        return Bfloat16Matmul()
    return Matmul()
