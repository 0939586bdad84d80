import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch

from data import ImageDataset
from engine.config import Precision, RunConfig
from engine.errors import ConfigError
from engine.model.matmul_precision import _SWITCHES, matmul_precision
from engine.model.networks import build_model
from engine.runs.start_points import NewRun
from engine.runs.training_run import TrainingRun
from engine.snapshot import Phase
from engine.training.precision import _cpu_rounds, check_precision, precision_note
from engine.training.stepper import _Step
from engine.training.trainer import Trainer

CPU, CUDA, MPS = (torch.device(name) for name in ("cpu", "cuda", "mps"))
needs_bfloat16 = pytest.mark.skipif(
    not _cpu_rounds(), reason="needs a CPU on which oneDNN multiplies bfloat16 (AMX)"
)


@pytest.fixture
def backends() -> Iterator[tuple[Any, Any]]:
    """oneDNN's and CUDA's settings, as they were before afterwards."""
    cpu: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    cuda: Any = torch.backends.cuda.matmul
    before = cpu.fp32_precision, cuda.fp32_precision
    yield cpu, cuda
    cpu.fp32_precision, cuda.fp32_precision = before


def test_precisions_that_a_device_has_not_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for device in (CPU, CUDA, MPS):
        check_precision("float32", device)
    check_precision("tf32", CUDA)
    check_precision("bf16", CUDA)
    with pytest.raises(ConfigError, match=r"^precision 'tf32' needs an NVIDIA GPU, .* on cpu; "):
        check_precision("tf32", CPU)
    with pytest.raises(ConfigError, match=r"^precision 'bf16' needs .* on mps; float32 works"):
        check_precision("bf16", MPS)
    monkeypatch.setattr("engine.training.precision.cpu_has_bfloat16", lambda: False)
    with pytest.raises(ConfigError, match="this CPU has no products of bfloat16"):
        check_precision("bf16", CPU)
    monkeypatch.setattr("engine.training.precision.cpu_has_bfloat16", lambda: True)
    check_precision("bf16", CPU)


@pytest.mark.parametrize(
    ("precision", "device", "expected"),
    [
        ("float32", CPU, ("ieee", "ieee")),
        ("bf16", CPU, ("bf16", "ieee")),
        ("tf32", CUDA, ("ieee", "tf32")),
        ("bf16", CUDA, ("ieee", "ieee")),  # there the factors are cast
    ],
)
def test_the_backend_is_set_for_the_time_of_training_only(
    precision: Precision,
    device: torch.device,
    expected: tuple[str, str],
    backends: tuple[Any, Any],
) -> None:
    for backend in backends:
        backend.fp32_precision = "ieee"
    with contextlib.suppress(KeyError), matmul_precision(precision, device):
        assert tuple(backend.fp32_precision for backend in backends) == expected
        raise KeyError  # a step that fails
    assert [backend.fp32_precision for backend in backends] == ["ieee", "ieee"]


@needs_bfloat16
def test_bfloat16_trains_alike_and_is_measured_in_float32(
    small_config: RunConfig, small_dataset: ImageDataset
) -> None:
    config = replace(small_config, epochs=15)
    exact = Trainer(config, small_dataset, CPU)
    coarse = Trainer(replace(config, precision="bf16"), small_dataset, CPU)
    for trainer in (exact, coarse):
        while not trainer.finished:
            trainer.train(100)
    apart = [
        (a - b).abs().max().item()
        for a, b in zip(exact.model.parameters(), coarse.model.parameters(), strict=True)
    ]
    assert max(apart) > 1e-4, "it should be another precision"
    ours, theirs = coarse.evaluate(0.0).val, exact.evaluate(0.0).val
    assert ours.neg_elbo == pytest.approx(theirs.neg_elbo, rel=0.02)
    exact.model.load_state_dict(coarse.model.state_dict())
    assert exact.evaluate(0.0).val == ours, "the same weights score the same"


def test_a_run_in_a_precision_that_is_not_there_ends_before_it_writes_anything(
    small_config: RunConfig, tmp_path: Path
) -> None:
    config = replace(small_config, device="cpu", precision="tf32")
    run = TrainingRun(config, NewRun(tmp_path))
    run.start()
    run.close(stop_training=False)
    assert run.join(60)
    assert run.snapshot.phase is Phase.FAILED
    assert isinstance(run.failure, ConfigError)
    assert not list(tmp_path.iterdir())


def test_a_model_that_is_scored_while_a_slice_trains_in_bfloat16_waits_and_is_float32(
    small_config: RunConfig,
    small_dataset: ImageDataset,
    monkeypatch: pytest.MonkeyPatch,
    backends: tuple[Any, Any],
) -> None:
    cpu, _ = backends
    monkeypatch.setattr("engine.training.precision.cpu_has_bfloat16", lambda: True)
    trainer = Trainer(replace(small_config, precision="bf16"), small_dataset, CPU)
    scored, scored_in = build_model(small_config, 0), list[str]()
    scored.decoder.register_forward_hook(lambda *_: scored_in.append(cpu.fp32_precision))
    score = Thread(target=lambda: scored.decode(torch.zeros(1, small_config.latent_dim)))
    take = _Step.take

    def take_while_scored(*args: Any) -> None:
        if score.ident is None:
            score.start()
            while score.is_alive() and not _SWITCHES["cpu"]._waiting:
                time.sleep(0.001)
        assert cpu.fp32_precision == "bf16"
        take(*args)
        assert cpu.fp32_precision == "bf16"

    monkeypatch.setattr(_Step, "take", take_while_scored)
    trainer.train(2)
    score.join(20)
    assert scored_in == ["ieee"]


def test_products_that_are_not_rounded_after_all_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.training.precision._cpu_rounds", lambda: False)
    note = precision_note("bf16", CPU)
    assert note is not None
    assert "multiplies in float32 on this one" in note
    assert precision_note("bf16", CUDA) is None
    assert precision_note("float32", CPU) is None
    monkeypatch.setattr("engine.training.precision._cpu_rounds", lambda: True)
    assert precision_note("bf16", CPU) is None
