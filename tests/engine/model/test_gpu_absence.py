"""What is said where no GPU is used."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import ConfigError
from engine.model import gpu_absence
from engine.model.device import resolve_device
from engine.model.gpu_absence import cuda_is_available, gpu_traces, unused_gpu, why_no_cuda

CPU = torch.device("cpu")
TOO_OLD = (
    "CUDA initialization: The NVIDIA driver on your system is too old (found version 11040). "
    "Please update your GPU driver by downloading and installing a new version from the URL: "
    "http://www.nvidia.com/Download/index.aspx (Triggered internally at ../c10/CUDA.cpp:108.)"
)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A build with CUDA, a GPU in the machine, and a torch that can't use it."""
    monkeypatch.setattr("torch.version.cuda", "12.8")
    monkeypatch.setattr("torch.version.hip", None)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr(gpu_absence, "gpu_traces", lambda: "an NVIDIA GPU")
    monkeypatch.setattr(gpu_absence, "_told_by_torch", [])
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def warn_and_find_none() -> bool:
    warnings.warn(TOO_OLD, stacklevel=2)
    return False


def both_ways() -> tuple[str | None, str]:
    """What `--device auto` says, and `--device cuda`."""
    said = unused_gpu("auto", resolve_device("auto"))
    with pytest.raises(ConfigError) as caught:
        resolve_device("cuda")
    assert caught.value.field == "device"
    return said, str(caught.value)


def test_a_driver_that_is_too_old_is_told_in_torchs_words(machine: pytest.MonkeyPatch) -> None:
    machine.setattr("torch.cuda.is_available", warn_and_find_none)
    machine.setattr(gpu_absence, "gpu_traces", lambda: None)  # the warning alone is trace enough
    reason = "The NVIDIA driver on your system is too old (found version 11040)"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said, refused = both_ways()
    assert said == (
        f"training on the CPU, though there seems to be a GPU that torch warns of: {reason}"
    )
    assert refused == (f"device 'cuda' can't be used: torch finds no CUDA GPU here: {reason}")


def test_what_torch_warns_of_once_in_a_process_is_told_of_every_run(
    machine: pytest.MonkeyPatch,
) -> None:
    machine.setattr("torch.cuda.is_available", warn_and_find_none)
    assert not cuda_is_available()
    machine.setattr("torch.cuda.is_available", lambda: False)
    assert not cuda_is_available()
    assert "too old" in why_no_cuda()


@pytest.mark.parametrize("hidden", ["", "-1", " "])
def test_gpus_that_the_environment_hides_are_told_by_its_variable(
    hidden: str, machine: pytest.MonkeyPatch
) -> None:
    machine.setenv("CUDA_VISIBLE_DEVICES", hidden)
    for text in both_ways():
        assert text is not None
        assert text.endswith(f": CUDA_VISIBLE_DEVICES is {hidden!r}, which hides every GPU")


def test_a_build_without_cuda_is_told(machine: pytest.MonkeyPatch) -> None:
    machine.setattr("torch.version.cuda", None)
    for text in both_ways():
        assert text is not None
        assert text.endswith(f": this torch ({torch.__version__}) is built without CUDA")


@pytest.mark.parametrize(("cuda", "hip"), [("12.8", None), (None, "6.3")])
def test_a_gpu_that_the_driver_does_not_give_is_told_with_what_torch_is_built_for(
    cuda: str | None, hip: str | None, machine: pytest.MonkeyPatch
) -> None:
    machine.setattr("torch.version.cuda", cuda)
    machine.setattr("torch.version.hip", hip)
    built = "ROCm 6.3" if hip else "CUDA 12.8"
    for text in both_ways():
        assert text is not None
        assert f": its driver gives this torch (for {built}) none: is it installed" in text


def test_a_machine_without_a_gpu_is_no_surprise_and_a_chosen_cpu_is_none(
    machine: pytest.MonkeyPatch,
) -> None:
    assert unused_gpu("cpu", CPU) is None
    assert unused_gpu("auto", torch.device("cuda")) is None
    machine.setattr(gpu_absence, "gpu_traces", lambda: None)
    said, refused = both_ways()
    assert said is None
    assert refused.endswith(": this machine shows none")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, None),
        ({"proc/driver/nvidia/gpus/0000:01:00.0/information": ""}, "an NVIDIA GPU"),
        ({"dev/nvidia0": ""}, "an NVIDIA GPU"),
        ({"dev/nvidiactl": ""}, None),
        ({"dev/kfd": ""}, "an AMD GPU"),
        ({"dev/dxg": ""}, "a GPU under WSL"),
        (
            {
                "sys/bus/pci/devices/0000:01:00.0/vendor": "0x10de\n",
                "sys/bus/pci/devices/0000:01:00.0/class": "0x030200\n",
            },
            "an NVIDIA GPU",
        ),
        (
            {
                "sys/bus/pci/devices/0000:01:00.1/vendor": "0x10de\n",
                "sys/bus/pci/devices/0000:01:00.1/class": "0x040300\n",  # its sound
            },
            None,
        ),
        ({"sys/bus/pci/devices/0000:01:00.1/vendor": "0x10de\n"}, None),
    ],
)
def test_traces_of_a_gpu_need_no_driver(
    files: dict[str, str], words: str | None, tmp_path: Path
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert gpu_traces(tmp_path) == words


@pytest.mark.parametrize("built", [True, False])
def test_apples_gpu_that_is_not_used_is_told(built: bool, machine: pytest.MonkeyPatch) -> None:
    machine.setattr("platform.system", lambda: "Darwin")
    machine.setattr("platform.machine", lambda: "arm64")
    machine.setattr("torch.backends.mps.is_built", lambda: built)
    text = unused_gpu("auto", CPU)
    assert text is not None
    assert ("macOS 14" if built else "is built without MPS") in text
    with pytest.raises(ConfigError, match="torch finds no Apple GPU here: "):
        resolve_device("mps")


def test_a_warning_can_bring_no_escape_sequence(machine: pytest.MonkeyPatch) -> None:
    told: Any = gpu_absence._told_by_torch
    told.append("CUDA initialization: \x1b[2J a\nb. And more")
    assert why_no_cuda() == "\\x1b[2J a\\nb"
