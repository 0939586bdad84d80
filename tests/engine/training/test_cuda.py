"""What only an NVIDIA GPU can show; skipped where there is none."""

import gc
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
import torch

from data import ImageDataset
from engine.config import ModelName, Precision, RunConfig
from engine.errors import ConfigError
from engine.inference.diagnosis import Diagnostician
from engine.model.device import device_label, memory, resolve_device
from engine.model.networks import VAE, build_model
from engine.model.objective import bernoulli_nll, gaussian_kl_per_dim
from engine.runs.start_points import NewRun
from engine.runs.training_run import TrainingRun
from engine.snapshot import Phase
from engine.training.benchmark import matmul_steps
from engine.training.gradients import Bfloat16Matmul, Matmul, backpropagation
from engine.training.stepper import capture_cuda_graph
from engine.training.trainer import Trainer
from engine.views import LatentMap, PriorSamples, Reconstructions

CUDA = torch.device("cuda")
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
    means = []
    for device in ("cpu", "cuda"):
        begun, ended = [], []
        for seed in range(4):  # of one, the noise alone makes 6 % here, on either device
            trainer = Trainer(replace(config, seed=seed), small_dataset, torch.device(device))
            begun.append(trainer.evaluate(0.0).val.neg_elbo)
            while not trainer.finished:
                trainer.train(5)
            ended.append(trainer.evaluate(0.0).val.neg_elbo)
        means.append((begun, sum(ended) / 4))
    (cpu_begun, cpu), (gpu_begun, gpu) = means
    assert gpu_begun == pytest.approx(cpu_begun, rel=1e-4)
    assert gpu == pytest.approx(cpu, rel=0.05)


def trained(config: RunConfig, dataset: ImageDataset, *, graphs: bool = True) -> Trainer:
    trainer = Trainer(config, dataset, CUDA)
    if not graphs:
        trainer.use_no_graphs()
    while not trainer.finished:
        trainer.train(50)
    return trainer


@pytest.mark.parametrize("model", ["vae", "ae"])
def test_diagnoses_leave_training_as_it_is_and_say_what_they_say_on_a_cpu(
    model: ModelName, small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    config = replace(small_config, model=model, batch_size=5, epochs=4)
    looked, alone = (Trainer(config, small_dataset, CUDA) for _ in range(2))
    diagnostician = Diagnostician(config, looked.model, looked.images, looked.optimizer)
    while not looked.finished:
        looked.train(50)
        alone.train(50)
        evaluation = looked.evaluate(0.0)
        found = diagnostician.look(evaluation)
    for name, weights in looked.model.state_dict().items():
        assert torch.equal(weights, alone.model.state_dict()[name]), name

    cpu = Trainer(config, small_dataset, torch.device("cpu"))
    cpu.model.load_state_dict(looked.model.state_dict())
    expected = Diagnostician(config, cpu.model, cpu.images, None).look(evaluation)
    assert found.gap == pytest.approx(expected.gap, abs=0.05)
    np.testing.assert_allclose(found.posterior.ks, expected.posterior.ks, atol=1e-3)
    assert [layer.gradient_norm for layer in found.layers] == pytest.approx(
        [layer.gradient_norm for layer in expected.layers], rel=1e-2
    )
    if expected.surgery is not None:
        assert found.surgery is not None
        assert found.surgery.total == pytest.approx(expected.surgery.total, abs=0.01)


@pytest.mark.parametrize("model", ["vae", "ae"])
@pytest.mark.parametrize("batch_size", [5, 7])
def test_steps_in_graphs_are_the_steps_without(
    batch_size: int, model: str, small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    # 72 steps an epoch; 52 with the last batch short: graphs of 32 steps, of 1, of the last.
    config = replace(small_config, model=model, batch_size=batch_size, epochs=5)
    with_graphs = trained(config, small_dataset)
    without = trained(config, small_dataset, graphs=False)
    assert with_graphs._stepper.capture is not None, "no graph could be made: see the log"
    replays = {key: block.replay is not None for key, block in with_graphs._stepper._blocks.items()}
    assert replays[batch_size, 32]
    assert replays[batch_size, 1]
    assert with_graphs._epoch_sums.tolist() == pytest.approx(
        without._epoch_sums.tolist(), rel=1e-4, nan_ok=True
    )
    for a, b in zip(with_graphs.model.parameters(), without.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(
    "settings",
    [
        {"grad_clip": 20.0},
        {"free_bits": 0.3},
        {"capacity": 4.0, "capacity_warmup": 1.5},
        {"tc_weight": 5.0},
        {"ema": 0.9},
    ],
    ids=str,
)
def test_every_objective_is_the_same_in_graphs(
    settings: dict[str, Any], small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    config = replace(small_config, batch_size=5, epochs=4, **settings)
    with_graphs = trained(config, small_dataset)
    without = trained(config, small_dataset, graphs=False)
    assert with_graphs._stepper.capture is not None, "no graph could be made: see the log"
    assert with_graphs._epoch_sums.tolist() == pytest.approx(without._epoch_sums.tolist(), rel=1e-3)
    average, other = with_graphs.evaluate_average(), without.evaluate_average()
    assert (average is None) == (other is None) == ("ema" not in settings)
    if average is not None and other is not None:
        assert average.metrics.neg_elbo == pytest.approx(other.metrics.neg_elbo, rel=1e-3)


@pytest.mark.parametrize(("setting", "value"), [("grad_clip", 5.0), ("free_bits", 2.0)])
def test_what_is_steered_holds_in_graphs(
    setting: str, value: float, small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    config = replace(small_config, batch_size=5, epochs=3)
    found: list[Trainer] = []
    for graphs, change in ((True, True), (False, True), (True, False)):
        trainer = Trainer(config, small_dataset, CUDA)
        if not graphs:
            trainer.use_no_graphs()
        trainer.train(60)
        if change:
            trainer.steer(replace(config, **{setting: value}))
        while not trainer.finished:
            trainer.train(72)
        found.append(trainer)
    with_graphs, without, plain = (trainer._epoch_sums[0] for trainer in found)
    assert found[0]._stepper.capture is not None, "no graph could be made: see the log"
    assert with_graphs == pytest.approx(without, rel=1e-3)
    assert plain != pytest.approx(without, rel=1e-3)


def test_gradients_and_sums_are_autograds_on_the_gpu() -> None:
    model = build_model(RunConfig(hidden=(48, 32), latent_dim=8), 1).to(CUDA)
    assert isinstance(model, VAE)
    x, eps = torch.rand(16, 784, device=CUDA), torch.randn(16, 8, device=CUDA)
    logits, mu, logvar = model(x, eps)
    recon, kl = bernoulli_nll(logits, x).sum(), gaussian_kl_per_dim(mu, logvar).sum()
    expected = torch.autograd.grad((recon + 0.5 * kl) / 16, list(model.parameters()))
    for products, tolerance in ((Matmul(), 1e-4), (Bfloat16Matmul(), 0.1)):
        backward, sums = backpropagation(model, 16, products), torch.zeros(4, device=CUDA)
        with torch.no_grad():
            backward.run(
                x, eps, torch.tensor(0.5, device=CUDA), torch.tensor(0.0, device=CUDA), sums
            )
        assert sums[1:3].tolist() == pytest.approx([recon.item(), kl.item()], rel=tolerance)
        for parameter, gradient in zip(model.parameters(), expected, strict=True):
            assert parameter.grad is not None
            scale = gradient.abs().max().item()
            torch.testing.assert_close(
                parameter.grad, gradient, rtol=tolerance, atol=tolerance * scale
            )


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_other_precisions_learn_alike(
    precision: Precision, small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    config = replace(small_config, epochs=15)
    exact = trained(config, small_dataset).evaluate(0.0)
    other = trained(replace(config, precision=precision), small_dataset).evaluate(0.0)
    assert other.val.neg_elbo == pytest.approx(exact.val.neg_elbo, rel=0.02)


def test_a_restored_trainer_goes_on_as_the_first_would_have(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    config = replace(small_config, batch_size=5, epochs=4)
    first = Trainer(config, small_dataset, CUDA)
    while first.step < 100:
        first.train(50)
    second = Trainer(config, small_dataset, CUDA)
    second.train(60)  # its own graphs must not live on
    second.load_state_dict(first.state_dict())
    for trainer in (first, second):
        while not trainer.finished:
            trainer.train(50)
    assert second._epoch_sums.tolist() == pytest.approx(first._epoch_sums.tolist(), rel=1e-4)


def test_graphs_are_made_while_another_thread_uses_the_gpu(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    stop = Event()

    def busy() -> None:
        # Not the process's own generator: that is every graph's, and refuses others meanwhile.
        generator = torch.Generator(CUDA)
        while not stop.is_set():
            torch.randn(256, 256, device=CUDA, generator=generator).sum().item()

    thread = Thread(target=busy)
    thread.start()
    try:
        config = replace(small_config, batch_size=5)
        trainer = trained(config, small_dataset)
    finally:
        stop.set()
        thread.join()
    assert trainer._stepper.capture is not None, "no graph could be made: see the log"


def test_a_bench_of_graphs_writes_into_nobody_elses_memory() -> None:
    config = RunConfig(hidden=(64,), latent_dim=8)
    steps = matmul_steps(config, CUDA)
    others = [torch.zeros(1 << 16, device=CUDA) for _ in range(64)]
    steps(64)
    torch.cuda.synchronize()
    assert [float(other.sum()) for other in others] == [0.0] * len(others)


def test_a_graph_is_made_although_an_earlier_one_is_garbage() -> None:
    counts = torch.zeros(8, device=CUDA)

    def work() -> None:
        garbage = [[] for _ in range(10_000)]  # type: ignore[var-annotated]
        garbage[0].append(garbage)
        counts.add_(1.0)

    work()
    for _ in range(5):
        before = gc.get_threshold()
        gc.set_threshold(10)  # collected at once, were it not held back
        try:
            replay = capture_cuda_graph(work)
        finally:
            gc.set_threshold(*before)
        circle: list[object] = [replay]
        circle.append(circle)
        del replay, circle
    assert gc.isenabled()


def test_what_is_steered_within_an_epoch_reaches_the_graphs(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    found = []
    for graphs in (True, False):
        config = replace(small_config, batch_size=5, epochs=2)
        trainer = Trainer(config, small_dataset, CUDA)
        if not graphs:
            trainer.use_no_graphs()
        trainer.train(40)
        trainer.steer(replace(config, lr=0.02, beta=5.0))
        trainer.train(32)
        assert not graphs or trainer._stepper.capture is not None
        found.append(trainer._epoch_sums.tolist())
    assert found[0] == pytest.approx(found[1], rel=1e-4)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two NVIDIA GPUs")
def test_the_second_gpu_is_used_when_asked_for(small_config: RunConfig, tmp_path: Path) -> None:
    run = TrainingRun(replace(small_config, device="cuda:1", batch_size=5), NewRun(tmp_path))
    run.start()
    run.close(stop_training=False)
    assert run.join(120)
    assert run.snapshot.phase is Phase.FINISHED
    assert torch.cuda.max_memory_allocated(1) > torch.cuda.max_memory_allocated(0)
    assert run.directory is not None
    log = (run.directory / "run.log").read_text()
    assert "no CUDA graph" not in log


def test_a_batch_too_large_is_told_with_one_that_fits(
    small_config: RunConfig, tmp_path: Path
) -> None:
    torch.cuda.empty_cache()
    held = torch.cuda.memory_allocated()
    _, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction((held + 50_000_000) / total)
    try:
        config = replace(small_config, hidden=(16_000,), batch_size=360, device="cuda")
        run = TrainingRun(config, NewRun(tmp_path))
        run.start()
        run.close(stop_training=False)
        assert run.join(120)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert isinstance(run.failure, ConfigError)
    assert run.failure.field in ("batch_size", "hidden")


def test_a_run_on_the_gpu_ends_with_its_files_and_answers_views(
    small_config: RunConfig, tmp_path: Path
) -> None:
    run = TrainingRun(replace(small_config, device="cuda"), NewRun(tmp_path))
    run.start()
    assert run.request(PriorSamples()).result(120).images.shape == (64, 28, 28)
    assert run.request(Reconstructions()).result(60).originals.shape == (20, 28, 28)
    assert run.request(LatentMap()).result(60).points.shape == (40, 2)
    run.close(stop_training=False)
    assert run.join(120)
    assert run.snapshot.saved_step == 36
