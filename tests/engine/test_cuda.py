"""What only an NVIDIA GPU can show; skipped where there is none."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from data import ImageDataset
from engine.config import RunConfig
from engine.device import device_label, memory, resolve_device
from engine.engine import TrainingEngine
from engine.origin import Beginning
from engine.trainer import Trainer
from engine.views import LatentMap, PriorSamples, Reconstructions

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
]


def test_auto_chooses_the_gpu_and_tells_its_name_and_memory() -> None:
    device = resolve_device("auto")
    assert device.type == "cuda"
    assert device_label(device) == torch.cuda.get_device_name()
    assert 0 < memory(device).used < memory(device).total


def test_the_same_seed_starts_from_the_same_weights_as_on_the_cpu_and_learns_alike(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    config = replace(small_config, epochs=15)
    cpu = Trainer(config, small_dataset, torch.device("cpu"))
    gpu = Trainer(config, small_dataset, torch.device("cuda"))
    assert gpu.evaluate(0.0).val.neg_elbo == pytest.approx(cpu.evaluate(0.0).val.neg_elbo, rel=1e-4)
    for trainer in (cpu, gpu):
        while not trainer.finished:
            trainer.train(5)
    assert gpu.evaluate(0.0).val.neg_elbo == pytest.approx(cpu.evaluate(0.0).val.neg_elbo, rel=0.05)


def test_a_run_on_the_gpu_ends_with_its_files_and_answers_views(
    small_config: RunConfig, tmp_path: Path
) -> None:
    engine = TrainingEngine(replace(small_config, device="cuda"), Beginning(tmp_path))
    engine.start()
    assert engine.request(PriorSamples()).result(120).images.shape == (64, 28, 28)
    assert engine.request(Reconstructions()).result(60).originals.shape == (20, 28, 28)
    assert engine.request(LatentMap()).result(60).points.shape == (40, 2)
    engine.close(stop_training=False)
    assert engine.join(120)
    assert engine.snapshot.saved_step == 36
