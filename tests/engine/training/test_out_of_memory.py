import gc
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from data import ImageDataset
from engine.config import RunConfig
from engine.errors import ConfigError
from engine.model.networks import build_model
from engine.runs.start_points import NewRun
from engine.runs.training_run import TrainingRun
from engine.snapshot import Phase
from engine.training.latent_terms import latent_term
from engine.training.out_of_memory import PAIRWISE_TENSORS, check_fits, too_large
from engine.training.stepper import bytes_an_image
from engine.training.trainer import Trainer

CPU = torch.device("cpu")


def tensor_bytes() -> int:
    """Of all tensors there are; views of the same memory count once."""
    gc.collect()
    storages = [t.untyped_storage() for t in gc.get_objects() if issubclass(type(t), torch.Tensor)]
    return sum({s.data_ptr(): s.nbytes() for s in storages}.values())


@pytest.mark.slow
@pytest.mark.parametrize("model", ["vae", "ae"])
def test_the_bytes_of_a_batch_are_those_that_a_trainer_takes(
    model: str, small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    config = replace(small_config, model=model, hidden=(64, 32), batch_size=300)
    trainer = Trainer(config, small_dataset, CPU)
    before = tensor_bytes()
    trainer.train(1)
    weights = sum(p.numel() for p in trainer.model.parameters())
    taken = tensor_bytes() - before - 3 * 4 * weights  # gradients and moments
    assert bytes_an_image(trainer.model) * 300 == pytest.approx(taken, rel=0.02)


def test_a_batch_that_is_too_large_is_told_with_one_that_fits() -> None:
    config = RunConfig(batch_size=1_000_000)
    model = build_model(config, 0)
    weights = 56 * sum(p.numel() for p in model.parameters())
    room = int((weights + 5_000 * bytes_an_image(model)) / 0.9)
    error = too_large(config, CPU, room + 10_000)
    assert str(error) == "batch_size 1,000,000 needs more memory than cpu has free; 4,096 would fit"
    # Less than was tried, whatever the memory seems to be now.
    assert "; 256 would fit" in str(too_large(replace(config, batch_size=600), CPU, 10**12))


def test_a_batch_in_which_each_image_is_compared_with_each_takes_room_for_pairs() -> None:
    config = RunConfig(batch_size=100_000, tc_weight=4.0, latent_dim=10)
    weights = 56 * sum(p.numel() for p in build_model(config, 0).parameters())
    pairs = 6 * 4 * 10 * 2_048**2
    room = int((weights + 2_048 * bytes_an_image(build_model(config, 0)) + pairs) / 0.9) + 10_000
    assert str(too_large(config, CPU, room)).endswith("; 2,048 would fit")
    assert "; 32,768 would fit" in str(too_large(replace(config, tc_weight=1.0), CPU, room))


def test_the_pairs_of_a_batch_take_no_more_than_is_said(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    config = replace(small_config, tc_weight=4.0, batch_size=200, latent_dim=10)
    latent = latent_term(config)
    z, mu, logvar = torch.randn(3, 200, 10).unbind()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        latent.correlate(z, mu, logvar, torch.tensor(1.0), torch.zeros(4))
    held, most = 0, 0
    for event in profiled.profiler.kineto_results.events():  # type: ignore[union-attr]
        held += event.nbytes() if event.name() == "[memory]" else 0
        most = max(most, held)
    assert 0.6 < most / (PAIRWISE_TENSORS * 4 * 10 * 200**2) < 1.05


def test_a_network_that_is_too_large_by_itself_is_told_with_one_of_its_shape_that_fits() -> None:
    config = RunConfig(hidden=(65_536, 32_768))
    error = too_large(config, CPU, 10 * 10**9)
    assert error.field == "hidden"
    assert "needs 70." in str(error)
    assert "and 176." in str(error)
    assert "cpu has 10.0 GB free" in str(error)
    found = re.search(r": (\d+) (\d+) would fit$", str(error))
    assert found is not None
    first, second = map(int, found.groups())
    assert first == pytest.approx(2 * second, abs=2)
    with free_bytes(10 * 10**9):
        check_fits(replace(config, hidden=(first, second)), CPU, 1_000)
    with free_bytes(10 * 10**9), pytest.raises(ConfigError):
        check_fits(replace(config, hidden=(first * 5 // 4, second * 5 // 4)), CPU, 1_000)


@contextmanager
def free_bytes(count: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.training.out_of_memory.free_memory", lambda _: count)
        yield


def test_where_not_even_the_smallest_network_fits_nothing_is_promised() -> None:
    assert str(too_large(RunConfig(), CPU, 1_000)).endswith("free: no network fits")


@pytest.mark.parametrize(
    ("settings", "images", "field"),
    [
        ({"hidden": (40_000,) * 8}, 60_000, "hidden"),
        ({"hidden": (4_096,), "batch_size": 60_000}, 60_000, "batch_size"),
        ({}, 3_000_000, "data"),
    ],
)
def test_a_run_that_cannot_fit_is_refused_before_it_takes_the_memory(
    settings: dict[str, Any], images: int, field: str
) -> None:
    with free_bytes(2 * 10**9), pytest.raises(ConfigError) as caught:
        check_fits(RunConfig(**settings), CPU, images)
    assert caught.value.field == field
    assert re.search(r"would fit$|2\.0 GB free$", str(caught.value))


def test_a_batch_is_never_larger_than_the_data() -> None:
    with free_bytes(2 * 10**9):
        check_fits(RunConfig(batch_size=1_000_000), CPU, 400)


def test_a_gpu_with_room_is_refused_where_the_host_could_never_save(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = RunConfig(hidden=(16_384, 16_384))
    rooms = {"cuda": 100 * 10**9, "cpu": 4 * 10**9}
    monkeypatch.setattr("engine.training.out_of_memory.free_memory", lambda d: rooms[d.type])
    with pytest.raises(
        ConfigError, match=r"^hidden needs .* and cpu has 4\.0 GB free: .* would fit"
    ):
        check_fits(config, torch.device("cuda"), 60_000)
    rooms["cpu"] = 100 * 10**9
    check_fits(config, torch.device("cuda"), 60_000)


PEAK = """
import re, sys
from pathlib import Path
from tui.cli.main import main
code = main(sys.argv[1:])
# Not ru_maxrss: after a fork and exec that is at least what the parent had.
print(code, re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def peak_bytes(data: str, folder: Path, *flags: str) -> int:
    arguments = ["train", "--data", data, "--epochs", "1", "--device", "cpu", "--threads", "1"]
    where = ["--checkpoints", str(folder)]
    ended = subprocess.run(
        [sys.executable, "-c", PEAK, *arguments, *where, *flags],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    code, kilobytes = map(int, ended.stdout.split()[-2:])
    assert code == 0, ended.stderr
    return kilobytes * 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_the_estimate_is_within_a_third_of_what_a_run_takes_at_its_peak(
    small_config: RunConfig, tmp_path: Path
) -> None:
    config = replace(small_config, hidden=(2_000, 1_500), batch_size=64)
    small = peak_bytes(small_config.data, tmp_path, "--hidden", "8")
    flags = ["--hidden", "2000", "1500", "--batch-size", "64"]
    taken = peak_bytes(small_config.data, tmp_path, *flags) - small
    with free_bytes(taken * 4 // 3):
        check_fits(config, CPU, 400)
    with free_bytes(taken * 2 // 3), pytest.raises(ConfigError):
        check_fits(config, CPU, 400)


@pytest.mark.parametrize(
    "problem",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate"),
    ],
)
def test_a_run_out_of_memory_ends_with_that_sentence_and_as_bad_input(
    problem: RuntimeError,
    small_config: RunConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise problem

    monkeypatch.setattr("engine.training.stepper._Step.take", full)
    monkeypatch.setattr("engine.training.out_of_memory.free_memory", lambda _: 10**9)
    run = TrainingRun(replace(small_config, batch_size=100), NewRun(tmp_path))
    run.start()
    run.close(stop_training=False)
    assert run.join(60)
    assert run.snapshot.phase is Phase.FAILED
    assert isinstance(run.failure, ConfigError)
    assert run.snapshot.error == (
        "batch_size 100 needs more memory than cpu has free; 32 would fit"
    )


def test_other_failures_are_told_as_they_are(
    small_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr("engine.training.stepper._Step.take", broken)
    run = TrainingRun(small_config, NewRun(tmp_path))
    run.start()
    run.close(stop_training=False)
    assert run.join(60)
    assert run.snapshot.error.startswith("RuntimeError: CUDA error: an illegal memory access")
