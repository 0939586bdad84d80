"""One switch of the process, and threads that want it differently."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Thread
from typing import Any

import pytest
import torch

from engine.config import RunConfig
from engine.model.matmul_precision import PrecisionSwitch, matmul_precision
from engine.model.networks import VAE, build_model

CPU, MPS = torch.device("cpu"), torch.device("mps")
WAIT = 20.0


class Backend:
    """torch's, as far as the switch knows it."""

    fp32_precision = "none"


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def switch(backend: Backend) -> PrecisionSwitch:
    return PrecisionSwitch(lambda: backend)


@pytest.fixture
def onednn() -> Iterator[Any]:
    """torch's own setting for products on CPUs, as before afterwards."""
    backend: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = backend.fp32_precision
    yield backend
    backend.fp32_precision = before


def test_the_setting_is_as_before_afterwards_also_after_an_error(
    switch: PrecisionSwitch, backend: Backend
) -> None:
    with switch.at("bf16"):
        assert backend.fp32_precision == "bf16"
    with contextlib.suppress(KeyError), switch.at("tf32"):
        assert backend.fp32_precision == "tf32"
        raise KeyError
    assert backend.fp32_precision == "none"


def test_float32_is_float32_whatever_the_process_was_set_to(onednn: Any) -> None:
    onednn.fp32_precision = "bf16"  # as torch.set_float32_matmul_precision("medium") does
    with matmul_precision("float32", CPU):
        assert onednn.fp32_precision == "ieee"
    assert onednn.fp32_precision == "bf16"


def test_those_who_want_the_same_go_on_together(switch: PrecisionSwitch) -> None:
    together = Barrier(3)

    def use() -> None:
        with switch.at("bf16"):
            together.wait(WAIT)

    with ThreadPoolExecutor(3) as pool:
        for use_of_one in [pool.submit(use) for _ in range(3)]:
            use_of_one.result(WAIT)


def test_who_wants_another_one_waits_and_nobody_sees_a_setting_that_is_not_his(
    switch: PrecisionSwitch, backend: Backend
) -> None:
    wrong: list[str] = []

    def use(precision: Any) -> None:
        for _ in range(300):
            with switch.at(precision):
                wrong.extend({backend.fp32_precision, backend.fp32_precision} - {precision})

    threads = [Thread(target=use, args=(p,)) for p in ("ieee", "bf16", "ieee", "bf16")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
        assert not thread.is_alive()
    assert not wrong
    assert backend.fp32_precision == "none"


def test_a_thread_that_waits_is_not_passed_by(switch: PrecisionSwitch) -> None:
    order: list[str] = []
    waits = Event()

    def evaluate() -> None:
        waits.set()
        with switch.at("ieee"):
            order.append("evaluation")

    thread = Thread(target=evaluate)
    with switch.at("bf16"):
        thread.start()
        assert waits.wait(WAIT)
        while not switch._waiting:
            assert thread.is_alive()
    with switch.at("bf16"):  # at once again, as the next slice of steps does
        order.append("next slice")
    thread.join(WAIT)
    assert order == ["evaluation", "next slice"]


def test_nesting_the_same_never_waits_though_another_does(switch: PrecisionSwitch) -> None:
    def use() -> None:
        with switch.at("bf16"):
            pass

    thread = Thread(target=use)
    with switch.at("ieee"):
        thread.start()
        while not switch._waiting:
            assert thread.is_alive()
        with switch.at("ieee"):
            pass
        with (
            pytest.raises(RuntimeError, match="bf16 inside of"),
            switch.at("bf16"),
        ):
            pass
    thread.join(WAIT)
    assert not thread.is_alive()


def test_a_device_without_such_a_setting_is_left_alone() -> None:
    with matmul_precision("float32", MPS):
        pass


def test_a_models_own_passes_are_float32(onednn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    model = build_model(RunConfig(hidden=(4,), latent_dim=2), 0)
    assert isinstance(model, VAE)
    for part in (model.encoder, model.decoder):
        part.register_forward_hook(lambda *_: seen.append(onednn.fp32_precision))
    onednn.fp32_precision = "bf16"
    x, z = torch.zeros(1, 784), torch.zeros(1, 2)
    model.posterior(x)
    model.embed(x)
    model.decode(z)
    model(x, z)
    plain = build_model(RunConfig(model="ae", hidden=(4,), latent_dim=2), 0)
    plain.encoder.register_forward_hook(lambda *_: seen.append(onednn.fp32_precision))
    plain.embed(x)
    assert seen == ["ieee"] * 6
