import gc
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from data import ImageDataset
from engine.config import RunConfig
from engine.errors import ConfigError
from engine.model.networks import build_model
from engine.runs.resume import NewRun
from engine.runs.training_run import TrainingRun
from engine.snapshot import Phase
from engine.training.out_of_memory import too_large
from engine.training.stepper import bytes_an_image
from engine.training.trainer import Trainer

CPU = torch.device("cpu")


def tensor_bytes() -> int:
    """Of all tensors there are; views of the same memory count once."""
    gc.collect()
    storages = [t.untyped_storage() for t in gc.get_objects() if issubclass(type(t), torch.Tensor)]
    return sum({s.data_ptr(): s.nbytes() for s in storages}.values())


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
    weights = 16 * sum(p.numel() for p in model.parameters())
    room = int((weights + 5_000 * bytes_an_image(model)) / 0.9)
    error = too_large(config, CPU, room + 10_000)
    assert str(error) == "batch_size 1,000,000 needs more memory than cpu has free; 4,096 would fit"
    # Less than was tried, whatever the memory seems to be now.
    assert "; 256 would fit" in str(too_large(replace(config, batch_size=600), CPU, 10**12))


def test_a_network_that_is_too_large_by_itself_is_told() -> None:
    error = too_large(RunConfig(hidden=(65_536, 65_536)), CPU, 10 * 10**9)
    assert error.field == "hidden"
    assert "needs 139." in str(error)
    assert "cpu has 10.0 GB free" in str(error)


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
