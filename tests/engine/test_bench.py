"""What `bench` measures is what it says."""

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from data import ImageDataset
from engine import bench
from engine.config import PRESETS, PresetName, RunConfig
from engine.trainer import Trainer

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
    steps = bench.product_steps(config, CPU)
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
    monkeypatch.setattr("engine.bench.time.perf_counter", lambda: next(clock))

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
