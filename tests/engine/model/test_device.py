import math
import os

import psutil
import pytest
import torch

from engine.config import RunConfig
from engine.errors import ConfigError
from engine.model.container_limits import Limits, container_limits
from engine.model.device import choose_threads, device_label, free_memory, memory, resolve_device


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine without any GPU; a test may put some in."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    return monkeypatch


def put_in_cuda_gpus(machine: pytest.MonkeyPatch, count: int) -> None:
    machine.setattr("torch.cuda.is_available", lambda: True)
    machine.setattr("torch.cuda.device_count", lambda: count)


def test_auto_takes_cuda_else_mps_else_the_cpu(machine: pytest.MonkeyPatch) -> None:
    assert resolve_device("auto") == torch.device("cpu")
    machine.setattr("torch.backends.mps.is_available", lambda: True)
    assert resolve_device("auto") == torch.device("mps")
    put_in_cuda_gpus(machine, 1)
    assert resolve_device("auto") == torch.device("cuda")


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:0", "cuda:1", "mps"])
def test_a_device_that_is_there_is_taken_as_asked_for(
    name: str, machine: pytest.MonkeyPatch
) -> None:
    put_in_cuda_gpus(machine, 2)
    machine.setattr("torch.backends.mps.is_available", lambda: True)
    assert resolve_device(name) == torch.device(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cuda", "device 'cuda' can't be used: torch finds no CUDA GPU here: no driver"),
        ("cuda:1", "device 'cuda:1' can't be used: torch finds no CUDA GPU here: no driver"),
        ("mps", "device 'mps' can't be used: torch finds no Apple GPU here: no Mac"),
    ],
)
def test_a_device_that_is_not_there_is_told_in_a_sentence(
    name: str, expected: str, machine: pytest.MonkeyPatch
) -> None:
    machine.setattr("engine.model.device.why_no_cuda", lambda: "no driver")
    machine.setattr("engine.model.device.why_no_mps", lambda: "no Mac")
    with pytest.raises(ConfigError) as caught:
        resolve_device(name)
    assert str(caught.value) == expected
    assert caught.value.field == "device"


def test_a_gpu_beyond_the_last_is_told_with_those_there_are(machine: pytest.MonkeyPatch) -> None:
    put_in_cuda_gpus(machine, 2)
    with pytest.raises(ConfigError, match=r"'cuda:2' can't be used: cuda:0 to cuda:1 exist"):
        resolve_device("cuda:2")


@pytest.mark.parametrize("name", ["cuda:00", "cuda:99999999999999", "cuda:256", "cuda:300"])
def test_an_odd_gpu_number_is_refused_as_a_setting(name: str, machine: pytest.MonkeyPatch) -> None:
    put_in_cuda_gpus(machine, 2)
    with pytest.raises(ConfigError):
        resolve_device(RunConfig(device=name).device)


def test_labels_are_for_people(machine: pytest.MonkeyPatch) -> None:
    machine.setattr("torch.cuda.get_device_name", lambda device: f"NVIDIA H200 at {device}")
    assert device_label(torch.device("cpu")) == "CPU"
    assert device_label(torch.device("mps")) == "MPS"
    assert device_label(torch.device("cuda:1")) == "NVIDIA H200 at cuda:1"


@pytest.mark.parametrize(
    ("physical", "allowed", "threads"),
    [
        (1, 2, 1),  # a core with two hyper-threads: nothing can be left
        (2, 2, 1),
        (4, 8, 3),
        (64, 128, 8),
        (64, 4, 3),  # a container's share
        (64, 1, 1),
        (None, 4, 3),  # psutil can't tell: the operating system's count
    ],
)
def test_a_core_is_left_for_the_dashboard(
    physical: int | None, allowed: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cpu_count(logical: bool) -> int | None:
        assert not logical
        return physical

    monkeypatch.setattr(psutil, "cpu_count", cpu_count)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(allowed)), raising=False)
    assert choose_threads(RunConfig()) == threads


@pytest.mark.parametrize(
    ("quota", "threads", "resumed"),
    [(None, 7, 6), (16.0, 7, 6), (4.0, 3, 6), (2.5, 1, 6), (1.0, 1, 6), (0.5, 1, 6)],
)
def test_a_containers_quota_leaves_a_processor_too_and_keeps_a_resumed_runs_bits(
    quota: float | None, threads: int, resumed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(processors=quota)
    monkeypatch.setattr("engine.model.device.container_limits", lambda: limits)
    monkeypatch.setattr("engine.model.device._usable_cores", lambda: 8)
    assert choose_threads(RunConfig()) == threads
    assert choose_threads(RunConfig(), before=6) == resumed


def test_a_containers_memory_is_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, machine = torch.device("cpu"), psutil.virtual_memory().total
    monkeypatch.setattr(
        "engine.model.device.container_limits", lambda: Limits(2_000_000_000, 1_500_000_000)
    )
    assert memory(cpu).total == 2_000_000_000
    assert free_memory(cpu) <= 1_500_000_000
    monkeypatch.setattr("engine.model.device.container_limits", lambda: Limits(1 << 59, 1 << 59))
    assert memory(cpu).total == machine
    assert free_memory(cpu) < machine


def test_where_the_system_knows_no_affinity_all_cores_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(psutil, "cpu_count", lambda **_: 6)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert choose_threads(RunConfig()) == 5


def test_threads_that_are_asked_for_are_taken() -> None:
    assert choose_threads(RunConfig(threads=100)) == 100


def test_on_the_cpu_memory_is_what_this_process_has_of_the_machines() -> None:
    found = memory(torch.device("cpu"))
    limit = container_limits().memory
    assert found.total == min(psutil.virtual_memory().total, limit or math.inf)
    # torch alone takes more than that; other tests may take or free some meanwhile.
    assert 50 * 2**20 < found.used < found.total
    # More than the allocator may have at hand of what other tests have freed.
    block = bytearray(600 * 2**20)
    block[::4096] = b"x" * len(block[::4096])
    assert memory(torch.device("cpu")).used - found.used > 300 * 2**20
    del block


def test_on_a_gpu_memory_is_what_all_have_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda _: (30, 100))
    found = memory(torch.device("cuda"))
    assert (found.used, found.total) == (70, 100)
