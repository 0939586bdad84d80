"""Blocks of steps, with a stand-in for CUDA's graphs: it does the recorded work again.

What is recorded reads and writes memory at fixed places, as in a graph. That a GPU's graph does the
same is tested in test_cuda.py.
"""

import logging
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from data import ImageDataset
from engine.config import RunConfig
from engine.training.stepper import STEPS_A_REPLAY, WARM_UP_STEPS, Capture, Work
from engine.training.trainer import Trainer

CPU = torch.device("cpu")
# 72 steps of 5 of the 360 training images.
CONFIG = {"hidden": (16,), "latent_dim": 4, "epochs": 2, "seed": 3, "batch_size": 5}


@dataclass
class Graphs:
    """Stands in for CUDA's graphs, and counts."""

    captured: int = 0
    replayed: int = 0
    fail: bool = False

    def capture(self, work: Work) -> Work:
        if self.fail:
            raise RuntimeError("operation not permitted when stream is capturing")
        self.captured += 1

        def replay() -> None:
            self.replayed += 1
            work()

        return replay


def trained(
    config: RunConfig, dataset: ImageDataset, capture: Capture | None, slices: list[int]
) -> tuple[Trainer, list[torch.Tensor]]:
    trainer = Trainer(config, dataset, CPU)
    trainer._stepper.capture = capture
    number = 0
    while not trainer.finished:
        trainer.train(slices[number % len(slices)])
        number += 1
    return trainer, [p.detach().clone() for p in trainer.model.parameters()]


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [5, 7, 128, 1000])
@pytest.mark.parametrize("model", ["vae", "ae"])
def test_graphs_change_no_bit_however_steps_are_cut(
    batch_size: int, model: str, small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    config = replace(small_config, **CONFIG | {"model": model, "batch_size": batch_size})
    plain, expected = trained(config, small_dataset, None, [10**6])
    # 20, for then 32 steps of 7 are left of the epoch, the last of them short.
    for slices in ([10**6], [20, 10**6], [1, 40, 3, 33, 64]):
        graphs = Graphs()
        trainer, weights = trained(config, small_dataset, graphs.capture, slices)
        assert all(torch.equal(a, b) for a, b in zip(weights, expected, strict=True))
        np.testing.assert_array_equal(trainer._epoch_sums, plain._epoch_sums)
        assert (graphs.captured > 0) == (trainer.total_steps > WARM_UP_STEPS)


def test_many_steps_are_one_replay(small_config: RunConfig, small_dataset: ImageDataset) -> None:
    config = replace(small_config, **CONFIG)
    graphs = Graphs()
    trained(config, small_dataset, graphs.capture, [10**6])
    assert graphs.captured == 2  # of 32 steps, and of one
    first, second = 72 - WARM_UP_STEPS, 72
    assert graphs.replayed == sum(divmod(first, STEPS_A_REPLAY)) + sum(
        divmod(second, STEPS_A_REPLAY)
    )


def test_what_is_steered_within_an_epoch_reaches_the_graphs(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    config = replace(small_config, **CONFIG)
    found = []
    for capture in (None, Graphs().capture):
        trainer = Trainer(config, small_dataset, CPU)
        trainer._stepper.capture = capture
        trainer.train(40)  # graphs were made and replayed
        trainer.steer(replace(config, lr=0.02, beta=3.0))
        while not trainer.finished:
            trainer.train(10**6)
        found.append([p.detach().clone() for p in trainer.model.parameters()])
    plain, replayed = found
    assert all(torch.equal(a, b) for a, b in zip(plain, replayed, strict=True))
    _, unsteered = trained(config, small_dataset, None, [10**6])
    assert not any(torch.equal(a, b) for a, b in zip(plain, unsteered, strict=True))


def test_where_no_graph_can_be_made_training_goes_on_without_and_the_log_says_so(
    small_config: RunConfig, small_dataset: ImageDataset, caplog: pytest.LogCaptureFixture
) -> None:
    config = replace(small_config, **CONFIG)
    _, expected = trained(config, small_dataset, None, [10**6])
    with caplog.at_level(logging.WARNING):
        trainer, weights = trained(config, small_dataset, Graphs(fail=True).capture, [50])
    assert all(torch.equal(a, b) for a, b in zip(weights, expected, strict=True))
    assert trainer._stepper.capture is None
    assert [r.message for r in caplog.records] == [
        "no CUDA graph can be made; going on step by step"
    ]


def test_a_restored_trainer_makes_its_graphs_anew(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    config = replace(small_config, **CONFIG)
    _, expected = trained(config, small_dataset, None, [10**6])
    first = Trainer(config, small_dataset, CPU)
    first._stepper.capture = Graphs().capture
    first.train(45)
    second = Trainer(config, small_dataset, CPU)
    second._stepper.capture = Graphs().capture
    second.train(50)  # elsewhere, with graphs of its own, before it is restored
    stale = second._stepper
    second.load_state_dict(first.state_dict())
    assert second._stepper is not stale  # whose graphs hold other moments than Adam has now
    second._stepper.capture = Graphs().capture
    while not second.finished:
        second.train(40)
    assert all(torch.equal(a, b) for a, b in zip(second.model.parameters(), expected, strict=True))


def test_the_state_holds_the_settings_learning_rate_not_the_steps_tensor(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    trainer = Trainer(small_config, small_dataset, CPU)
    trainer.train(5)
    assert trainer.state_dict()["optimizer"]["param_groups"][0]["lr"] == small_config.lr
