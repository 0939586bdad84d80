"""How fast a training step is here: against a plain loop, and against its matrix products alone.

Everything is measured in short turns, one after the other and round after round, because a machine
is never equally fast for long; what counts are ratios within a round.
"""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from data import ImageDataset, load_dataset
from engine.config import Precision, RunConfig
from engine.errors import ConfigError
from engine.model.device import choose_threads, device_label, make_current, resolve_device
from engine.model.networks import PIXELS, VAE, build_model
from engine.training.precision import check_precision
from engine.training.stepper import STEPS_A_REPLAY, Work, capture_cuda_graph
from engine.training.trainer import Trainer

TURN_SECONDS = 1.0
"""How long one thing is measured before it is the next one's turn."""
CHUNK = 8
GPU_CHUNK = 8 * STEPS_A_REPLAY
"""Steps between two looks at the clock, on a CPU and on a GPU, where each look waits for it."""

Steps = Callable[[int], int]
"""Takes so many steps, or a few less; the images trained on. Returns when the device is done."""


@dataclass(frozen=True, slots=True)
class StepRates:
    """What was measured of one setting."""

    device: str
    threads: int
    gflops: float
    """Of the matrix products alone, 10⁹ floating-point operations a second."""
    rates: dict[str, list[float]]
    """Images a second, a number for each round: of `reference`, `ours`, `products`, and `roofline`,
    the rate that the device's limits allow. On a GPU also of `eager`, ours without CUDA graphs; of
    `memory`, a step's bytes being moved and nothing else; and of `launch`, steps of one tiny kernel
    each. `ours_tf32` and `ours_bf16`, where the device has such products."""

    def ratios(self, one: str, other: str) -> list[float]:
        """Round by round."""
        return [a / b for a, b in zip(self.rates[one], self.rates[other], strict=True)]


class PerSample(Dataset[Tensor]):
    """Images that are decoded one at a time when they are asked for, as torchvision's are."""

    def __init__(self, images: npt.NDArray[np.uint8]) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Tensor:
        """One image as torchvision's `ToTensor` makes it: float32 in [0, 1]."""
        from PIL import Image

        image = Image.fromarray(self._images[index])
        pixels = torch.from_numpy(np.array(image, np.uint8, copy=True))
        return pixels.view(1, 28, 28).to(torch.float32).div(255)


def reference_steps(config: RunConfig, dataset: ImageDataset, device: torch.device) -> Steps:
    """The loop of PyTorch's VAE example (pytorch/examples, vae/main.py), for this network."""
    model = build_model(config, init_seed=0).to(device)
    assert isinstance(model, VAE)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr)
    loader = DataLoader(PerSample(dataset.images), config.batch_size, shuffle=True)

    def batches() -> Iterator[Tensor]:
        while True:
            yield from loader

    source = batches()
    state = {"loss": 0.0}

    def steps(count: int) -> int:
        images = 0
        for batch in itertools.islice(source, count):
            x = batch.to(device).view(-1, PIXELS)
            optimizer.zero_grad()
            mu, logvar = model.posterior(x)
            z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
            recon = torch.sigmoid(model.decode(z))
            bce = F.binary_cross_entropy(recon, x, reduction="sum")
            kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
            loss = bce + kld
            loss.backward()  # type: ignore[no-untyped-call]
            state["loss"] += loss.item()
            optimizer.step()
            images += len(x)
        return images

    return steps


def our_steps(
    config: RunConfig, dataset: ImageDataset, device: torch.device, *, graphs: bool = True
) -> Steps:
    """The trainer's own loop, as the engine's thread calls it.

    Args:
        graphs: as CUDA graphs, where that is possible.
    """
    trainer = Trainer(config, dataset, device)
    if not graphs:
        trainer.use_no_graphs()

    def steps(count: int) -> int:
        before = trainer.images_seen
        torch.set_flush_denormal(True)  # as the engine's thread does; the reference's doesn't
        try:
            trainer.train(count)  # ends where it reads the metrics: the device is done then
        finally:
            torch.set_flush_denormal(False)
        return trainer.images_seen - before

    return steps


def matmul_steps(config: RunConfig, device: torch.device) -> Steps:
    """The matrix products of a step and nothing else: what any loop over this network has to do.

    Forward, the weights' gradients, and the inputs' gradients but for the images'.
    """
    batch = config.batch_size
    products: list[tuple[Tensor, Tensor, Tensor]] = []
    for number, layer in enumerate(_linear_layers(config)):
        x = torch.randn(batch, layer.in_features, device=device)
        weight = torch.randn(layer.out_features, layer.in_features, device=device)
        y = torch.randn(batch, layer.out_features, device=device)
        products.append((x, weight.t(), torch.empty_like(y)))
        products.append((y.t(), x, torch.empty_like(weight)))
        if number > 0:
            products.append((y, weight, torch.empty_like(x)))

    def step() -> None:
        for a, b, out in products:
            torch.mm(a, b, out=out)

    return _issued(step, batch, device)


def memory_steps(config: RunConfig, device: torch.device) -> Steps:
    """As many bytes moved as a step has to, and nothing else."""
    source = torch.empty(step_bytes(config) // 2, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)

    def step() -> None:
        target.copy_(source)

    return _issued(step, config.batch_size, device)


def launch_steps(config: RunConfig, device: torch.device) -> Steps:
    """Steps of one kernel that does next to nothing: each waits for the one before."""
    one = torch.zeros(1, device=device)

    def step() -> None:
        one.add_(1.0)

    return _issued(step, config.batch_size, device)


def _issued(step: Work, batch: int, device: torch.device) -> Steps:
    """Steps of some work, on a GPU as graphs as long as training's."""
    at_once = STEPS_A_REPLAY if device.type == "cuda" else 1

    def several() -> None:
        for _ in range(at_once):
            step()

    step()  # libraries set themselves up
    replay = capture_cuda_graph(several) if device.type == "cuda" else None

    @torch.no_grad()
    def steps(count: int) -> int:
        play = replay or several  # of both one is played, and the other one keeps its tensors
        times = -(-count // at_once)
        for _ in range(times):
            play()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return times * at_once * batch

    return steps


def _linear_layers(config: RunConfig) -> list[torch.nn.Linear]:
    layers = build_model(config, init_seed=0).modules()
    return [layer for layer in layers if isinstance(layer, torch.nn.Linear)]


def step_flops(config: RunConfig) -> int:
    """Floating-point operations in the matrix products of a step."""
    sizes = [layer.in_features * layer.out_features for layer in _linear_layers(config)]
    return 2 * config.batch_size * (3 * sum(sizes) - sizes[0])


def step_bytes(config: RunConfig) -> int:
    """Bytes that a step has to read and write if nothing stays in a cache.

    Of each weight: read forwards and backwards; its gradient is written; Adam reads weight,
    gradient and two moments, and writes all but the gradient: 10 float32. Of each layer's output
    for an image: written and read forwards, its gradient likewise backwards, and read once more for
    the weights' gradient: 5 float32. And the images.
    """
    layers = _linear_layers(config)
    weights = sum(p.numel() for layer in layers for p in layer.parameters())
    outputs = sum(layer.out_features for layer in layers)
    return 4 * (10 * weights + 5 * outputs * config.batch_size) + PIXELS * config.batch_size


def measure_steps(config: RunConfig, rounds: int, tell: Callable[[str], None]) -> StepRates:
    """Measure a setting on the bundled images.

    Args:
        tell: called with what is measured next.

    Raises:
        ConfigError: if the device isn't there.
    """
    device = resolve_device(config.device)
    make_current(device)
    threads = choose_threads(config)
    torch.set_num_threads(threads)
    dataset = load_dataset(None)
    things = {
        "reference": reference_steps(config, dataset, device),
        "ours": our_steps(config, dataset, device),
        "products": matmul_steps(config, device),
    }
    for precision in _other_precisions(device):
        other = replace(config, precision=precision)
        things[f"ours_{precision}"] = our_steps(other, dataset, device)
    chunk = CHUNK
    if device.type == "cuda":
        things["eager"] = our_steps(config, dataset, device, graphs=False)
        things["memory"] = memory_steps(config, device)
        things["launch"] = launch_steps(config, device)
        chunk = GPU_CHUNK
    rates = measure_in_turn(things, rounds, tell, TURN_SECONDS, chunk)
    rates["roofline"] = roofline(rates)
    steps_per_second = float(np.median(rates["products"])) / config.batch_size
    gflops = steps_per_second * step_flops(config) / 1e9
    return StepRates(device_label(device), threads, gflops, rates)


def roofline(rates: Mapping[str, Sequence[float]]) -> list[float]:
    """The rate that the device's limits allow, round by round.

    A CPU's is that of the matrix products. A GPU's step can't be shorter than its products or than
    its bytes take to move, whichever is longer, and one launch.
    """
    if "memory" not in rates:
        return list(rates["products"])
    rounds = zip(rates["products"], rates["memory"], rates["launch"], strict=True)
    return [
        1.0 / (1.0 / min(products, memory) + 1.0 / launch) for products, memory, launch in rounds
    ]


def _other_precisions(device: torch.device) -> list[Precision]:
    """Those that the device has beside float32."""
    there: list[Precision] = []
    for precision in get_args(Precision)[1:]:
        with contextlib.suppress(ConfigError):
            check_precision(precision, device)
            there.append(precision)
    return there


def measure_in_turn(
    things: Mapping[str, Steps],
    rounds: int,
    tell: Callable[[str], None],
    seconds: float,
    chunk: int = CHUNK,
) -> dict[str, list[float]]:
    """Images a second of each, in every round; each is warmed up first."""
    for name, steps in things.items():
        tell(f"{name}: warming up")
        steps(chunk)
    rates: dict[str, list[float]] = {name: [] for name in things}
    for number in range(rounds):
        for name, steps in things.items():
            tell(f"{name}: round {number + 1} of {rounds}")
            rates[name].append(_rate(steps, seconds, chunk))
    return rates


def _rate(steps: Steps, seconds: float, chunk: int) -> float:
    started, images = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - started) < seconds:
        images += steps(chunk)
    return images / elapsed
