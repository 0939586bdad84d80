"""What `bench` measures is what it says."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from data import ImageDataset
from engine.config import PRESETS, PresetName, RunConfig
from engine.training import benchmark as bench
from engine.training.trainer import Trainer

CPU = torch.device("cpu")


@pytest.fixture(params=["report", "default"])
def config(request: pytest.FixtureRequest, small_config: RunConfig) -> RunConfig:
    """A preset's network, on a small data set."""
    preset: PresetName = request.param
    (config,) = PRESETS[preset].runs()
    return replace(config, data=small_config.data, device="cpu", threads=1)


def test_a_step_of_ours_has_the_products_that_are_counted_and_no_other(
    config: RunConfig, small_dataset: ImageDataset
) -> None:
    trainer = Trainer(config, small_dataset, CPU)
    counter: Any = FlopCounterMode(display=False)
    with counter:
        trainer.train(1)
    assert counter.get_total_flops() == bench.step_flops(config)


def test_the_products_alone_are_those(config: RunConfig) -> None:
    counter: Any = FlopCounterMode(display=False)
    steps = bench.matmul_steps(config, CPU)
    with counter:
        assert steps(3) == 3 * config.batch_size
    assert counter.get_total_flops() == 3 * bench.step_flops(config)


def test_the_reference_learns_as_ours_does(
    small_config: RunConfig, small_dataset: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses: list[float] = []
    item = torch.Tensor.item

    def spy(self: torch.Tensor) -> Any:
        value = item(self)
        if self.requires_grad:
            losses.append(float(value))
        return value

    monkeypatch.setattr(torch.Tensor, "item", spy)
    config = replace(small_config, batch_size=50)
    # 400 images: every eighth step ends an epoch, and the next one goes on.
    assert bench.reference_steps(config, small_dataset, CPU)(60) == 60 * 50
    assert len(losses) == 60, "it reads the loss at every step"
    assert losses[-1] < 0.8 * losses[0]
    assert 100 < losses[-1] / 50 < 600, "summed over pixels"


def test_everything_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    clock = itertools.count(step=0.5)
    monkeypatch.setattr("engine.training.benchmark.time.perf_counter", lambda: next(clock))

    def counted(name: str, images: int) -> bench.Steps:
        def steps(count: int) -> int:
            calls.append(name)
            return images * count

        return steps

    told: list[str] = []
    things = {"a": counted("a", 10), "b": counted("b", 40)}
    rates = bench.measure_in_turn(things, 2, told.append, seconds=1.0)
    # The clock goes on by half a second a look: one call, and the look that ends the turn.
    assert calls == ["a", "b", *["a", "b"] * 2]
    assert rates == {"a": [10 * bench.CHUNK] * 2, "b": [40 * bench.CHUNK] * 2}
    assert told[-1] == "b: round 2 of 2"
    measured = bench.StepRates("CPU", 1, 1.0, rates)
    assert measured.ratios("b", "a") == [4.0, 4.0]


def test_on_a_cpu_the_products_alone_are_the_limit() -> None:
    assert bench.roofline({"ours": [1.0], "products": [3.0]}) == [3.0]


def test_on_a_gpu_the_limit_is_the_longer_of_products_and_bytes_and_a_launch() -> None:
    rates = {"products": [100.0, 100.0], "memory": [50.0, 400.0], "launch": [200.0, 100.0]}
    # Seconds an image: 1/50 + 1/200, and 1/100 + 1/100.
    assert bench.roofline(rates) == pytest.approx([40.0, 50.0])


def test_a_steps_bytes_are_those_counted_by_hand() -> None:
    config = RunConfig(hidden=(2,), latent_dim=1, batch_size=10)
    # 784→2, 2→2 (μ, log σ²), 1→2, 2→784, with biases.
    weights = (784 * 2 + 2) + (2 * 2 + 2) + (1 * 2 + 2) + (2 * 784 + 784)
    outputs = (2 + 2 + 2 + 784) * 10
    assert bench.step_bytes(config) == 4 * 10 * weights + 4 * 5 * outputs + 784 * 10
    moved = bench.memory_steps(config, CPU)
    assert moved(3) == 30
    assert bench.launch_steps(config, CPU)(4) == 40


def test_denormals_slow_the_reference_as_they_would_elsewhere_and_not_ours(
    small_config: RunConfig, small_dataset: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny, seen = torch.tensor([1e-40]), []

    def look(*_: object) -> None:
        seen.append((tiny * 1.0).item() > 0.0)

    monkeypatch.setattr("engine.training.stepper._Adam.step", look)
    monkeypatch.setattr(torch.optim.Adam, "step", look)
    ours = bench.our_steps(small_config, small_dataset, CPU)
    reference = bench.reference_steps(small_config, small_dataset, CPU)
    for steps in (ours, reference, ours, reference):
        steps(1)
    assert seen == [False, True, False, True]
