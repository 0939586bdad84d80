"""Why a GPU is not used, in words: what torch, the driver and the environment say."""

import os
import platform
import warnings
from pathlib import Path

import torch

from engine.text import one_line

_ROOT = Path("/")
_MOST_TOLD = 200
_told_by_torch: list[str] = []
"""Its warnings while it looked for GPUs: it gives them once in a process."""


def cuda_is_available() -> bool:
    """Whether torch can use an NVIDIA GPU (or AMD's, with a build for those)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    _told_by_torch.extend(str(warning.message) for warning in caught)
    return available


def why_no_cuda() -> str:
    """One clause: the nearest reason that can be found."""
    if _told_by_torch:
        return _sentence(_told_by_torch[-1])
    cuda, rocm = (getattr(torch.version, name, None) for name in ("cuda", "hip"))
    if cuda is None and rocm is None:
        return f"this torch ({torch.__version__}) is built without CUDA"
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
        hidden = os.environ.get(name)
        if hidden is not None and hidden.strip() in ("", "-1", "NoDevFiles"):
            return f"{name} is {hidden!r}, which hides every GPU"
    if gpu_traces() is None:
        return "this machine shows none"
    built = f"ROCm {rocm}" if rocm else f"CUDA {cuda}"
    return (
        f"its driver gives this torch (for {built}) none: "
        "is it installed, loaded, and visible in this container?"
    )


def why_no_mps() -> str:
    """The same of Apple's GPUs."""
    if platform.system() != "Darwin":
        return "this is no Mac"
    if not torch.backends.mps.is_built():
        return f"this torch ({torch.__version__}) is built without MPS"
    return "MPS needs macOS 14 or newer, and a Mac with an Apple or AMD GPU"


def unused_gpu(name: str, device: torch.device) -> str | None:
    """A sentence, if a run trains on the CPU of a machine that seems to have a GPU.

    Args:
        name: the setting; a CPU that was asked for is no surprise.
        device: what was made of it.
    """
    if name != "auto" or device.type != "cpu":
        return None
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return f"training on the CPU, not on Apple's GPU: {why_no_mps()}"
    found = gpu_traces() or ("a GPU that torch warns of" if _told_by_torch else None)
    if found is None:
        return None
    return f"training on the CPU, though there seems to be {found}: {why_no_cuda()}"


def gpu_traces(root: Path = _ROOT) -> str | None:
    """What of a GPU can be seen without any driver's help: a few words, or None."""
    for pattern, words in (
        ("proc/driver/nvidia/gpus/*", "an NVIDIA GPU"),
        ("dev/nvidia[0-9]*", "an NVIDIA GPU"),
        ("dev/kfd", "an AMD GPU"),
        ("dev/dxg", "a GPU under WSL"),
    ):
        if any(root.glob(pattern)):
            return words
    for vendor in root.glob("sys/bus/pci/devices/*/vendor"):
        try:
            is_nvidia = vendor.read_text().strip() == "0x10de"
            # Class 03 is display controllers; NVIDIA also makes sound and USB controllers.
            if is_nvidia and (vendor.parent / "class").read_text().startswith("0x03"):
                return "an NVIDIA GPU"
        except (OSError, ValueError):
            continue
    return None


def _sentence(warning: str) -> str:
    """The first sentence of a warning of torch's, without where in its source it comes from."""
    text = warning.partition(" (Triggered internally")[0].removeprefix("CUDA initialization: ")
    return one_line(text.strip().partition(". ")[0].rstrip("."), _MOST_TOLD)
