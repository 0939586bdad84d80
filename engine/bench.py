"""How fast a training step is here: against a plain loop, and against its matrix products alone.

Everything is measured in short turns, one after the other and round after round, because a machine
is never equally fast for long; what counts are ratios within a round.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from data import ImageDataset, load_dataset
from engine.config import RunConfig
from engine.device import choose_threads, device_label, resolve_device
from engine.models import PIXELS, VAE, build_model
from engine.trainer import Trainer

TURN_SECONDS = 1.0
"""How long one thing is measured before it is the next one's turn."""
CHUNK = 8
"""Steps between two looks at the clock."""

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
    """Images a second of `reference`, `ours` and `products`, a number for each round."""

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
        model.train()
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


def our_steps(config: RunConfig, dataset: ImageDataset, device: torch.device) -> Steps:
    """The trainer's own loop, as the engine's thread calls it."""
    trainer = Trainer(config, dataset, device)

    def steps(count: int) -> int:
        before = trainer.images_seen
        trainer.train(count)  # ends where it reads the metrics: the device is done then
        return trainer.images_seen - before

    return steps


def product_steps(config: RunConfig, device: torch.device) -> Steps:
    """The matrix products of a step and nothing else: what any loop over this network has to do.

    Forward, the weights' gradients, and the inputs' gradients but for the images'.
    """
    batch = config.batch_size
    products: list[tuple[Tensor, Tensor, Tensor]] = []
    model = build_model(config, init_seed=0)
    layers = [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)]
    for number, layer in enumerate(layers):
        x = torch.randn(batch, layer.in_features, device=device)
        weight = torch.randn(layer.out_features, layer.in_features, device=device)
        y = torch.randn(batch, layer.out_features, device=device)
        products.append((x, weight.t(), torch.empty_like(y)))
        products.append((y.t(), x, torch.empty_like(weight)))
        if number > 0:
            products.append((y, weight, torch.empty_like(x)))

    def steps(count: int) -> int:
        with torch.no_grad():
            for _ in range(count):
                for a, b, out in products:
                    torch.mm(a, b, out=out)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return count * batch

    return steps


def step_flops(config: RunConfig) -> int:
    """Floating-point operations in the matrix products of a step."""
    layers = [m for m in build_model(config, 0).modules() if isinstance(m, torch.nn.Linear)]
    sizes = [layer.in_features * layer.out_features for layer in layers]
    return 2 * config.batch_size * (3 * sum(sizes) - sizes[0])


def measure_steps(config: RunConfig, rounds: int, tell: Callable[[str], None]) -> StepRates:
    """Measure a setting on the bundled images.

    Args:
        tell: called with what is measured next.

    Raises:
        ConfigError: if the device isn't there.
    """
    device = resolve_device(config.device)
    threads = choose_threads(config)
    torch.set_num_threads(threads)
    dataset = load_dataset(None)
    rates = measure_in_turn(
        {
            "reference": reference_steps(config, dataset, device),
            "ours": our_steps(config, dataset, device),
            "products": product_steps(config, device),
        },
        rounds,
        tell,
        TURN_SECONDS,
    )
    steps_per_second = float(np.median(rates["products"])) / config.batch_size
    gflops = steps_per_second * step_flops(config) / 1e9
    return StepRates(device_label(device), threads, gflops, rates)


def measure_in_turn(
    things: Mapping[str, Steps], rounds: int, tell: Callable[[str], None], seconds: float
) -> dict[str, list[float]]:
    """Images a second of each, in every round; each is warmed up first."""
    for name, steps in things.items():
        tell(f"{name}: warming up")
        steps(CHUNK)
    rates: dict[str, list[float]] = {name: [] for name in things}
    for number in range(rounds):
        for name, steps in things.items():
            tell(f"{name}: round {number + 1} of {rounds}")
            rates[name].append(_rate(steps, seconds))
    return rates


def _rate(steps: Steps, seconds: float) -> float:
    started, images = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - started) < seconds:
        images += steps(CHUNK)
    return images / elapsed
