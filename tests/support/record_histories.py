"""Make the recorded histories that the alerts' rules are tested on: real runs, kept small.

    python -m tests.support.record_histories FOLDER            one file a run; what is there is kept
    python -m tests.support.record_histories FOLDER --pack     all of them in recorded_histories

Some 25 minutes of one core. Settings vary by seed within what makes a kind; images are a part of
the bundled ones, but for `full`, which trains on all of them.
"""

import json
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data import ImageDataset, load_dataset
from engine.config import PRESETS, RunConfig
from engine.history import History
from engine.training.divergence import TrainingDivergedError
from engine.training.trainer import Trainer
from tests.support.recorded_histories import FILE, Recorded, packed, record

Choice = tuple[RunConfig, int]
"""Settings, and how many images."""
ACTIVATIONS = ("relu", "leaky_relu", "gelu", "silu", "tanh")


def _small(draw: random.Random, seed: int) -> RunConfig:
    return RunConfig(
        hidden=draw.choice([(256, 128), (128, 64), (200,)]),
        latent_dim=draw.choice([8, 10, 16, 20, 32]),
        activation=draw.choice(ACTIVATIONS),
        batch_size=draw.choice([64, 128]),
        kl_warmup=draw.choice([0.0, 1.0, 2.0]),
        seed=seed,
    )


def _paced(draw: random.Random, config: RunConfig) -> RunConfig:
    """Learning rates that suit such nets."""
    if draw.random() < 0.5:
        return replace(config, lr=draw.choice([5e-4, 1e-3]), lr_schedule="constant")
    return replace(config, lr=draw.choice([1e-3, 2e-3, 3e-3]))


def _healthy(draw: random.Random, config: RunConfig) -> Choice:
    epochs = draw.choice([8, 15, 30])
    return replace(
        _paced(draw, config), beta=draw.choice([0.5, 1.0, 1.0, 2.0]), epochs=epochs
    ), 6000


def _healthy_ae(draw: random.Random, config: RunConfig) -> Choice:
    config = replace(_paced(draw, config), model="ae", epochs=draw.choice([8, 15, 30]))
    return config, 6000


def _collapse(draw: random.Random, config: RunConfig) -> Choice:
    beta, epochs = draw.choice([10.0, 20.0, 40.0, 80.0]), draw.choice([4, 8, 12])
    warmup = draw.choice([0.0, 0.0, 1.0])
    return replace(_paced(draw, config), beta=beta, kl_warmup=warmup, epochs=epochs), 4000


def _vanishing(draw: random.Random, config: RunConfig) -> Choice:
    config = replace(config, lr=draw.choice([2e-4, 4e-4, 1e-3]), lr_schedule="constant")
    return replace(config, beta=draw.choice([6.0, 8.0, 10.0]), kl_warmup=0.0, epochs=6), 4000


def _overfit(draw: random.Random, config: RunConfig) -> Choice:
    config = replace(
        config,
        model=draw.choice(["vae", "ae"]),
        hidden=draw.choice([(512, 256), (512,), (400, 200)]),
        latent_dim=draw.choice([10, 20]),
        beta=draw.choice([0.1, 0.3, 1.0]),
        lr=draw.choice([1e-3, 2e-3]),
        lr_schedule="constant",
        batch_size=16,
        epochs=100,
    )
    return config, draw.choice([300, 500, 800])


def _unstable(draw: random.Random, config: RunConfig) -> Choice:
    lr, batch = draw.choice([0.01, 0.015, 0.02, 0.03]), draw.choice([16, 32])
    model = draw.choice(["vae", "vae", "ae"])
    config = replace(config, model=model, lr=lr, lr_schedule="constant", batch_size=batch)
    return replace(config, epochs=10), 3000


def _diverging(draw: random.Random, config: RunConfig) -> Choice:
    lr = draw.choice([0.1, 0.3, 1.0])
    return replace(config, lr=lr, lr_schedule="constant", epochs=6), 3000


def _plateau(draw: random.Random, config: RunConfig) -> Choice:
    config = replace(
        config,
        model=draw.choice(["vae", "vae", "ae"]),
        hidden=draw.choice([(64,), (32,), (64, 32)]),
        latent_dim=draw.choice([2, 3, 4]),
        lr=draw.choice([3e-3, 5e-3]),
        lr_schedule="constant",
        epochs=60,
    )
    return config, 6000


def _far(draw: random.Random, config: RunConfig) -> Choice:
    beta, epochs = draw.choice([0.0, 1e-3, 0.01, 0.03, 0.05]), draw.choice([6, 10, 15])
    return replace(_paced(draw, config), beta=beta, epochs=epochs), 4000


KINDS: dict[str, tuple[int, Callable[[random.Random, RunConfig], Choice]]] = {
    "healthy": (30, _healthy),
    "healthy_ae": (20, _healthy_ae),
    "collapse": (24, _collapse),
    "vanishing": (24, _vanishing),
    "overfit": (28, _overfit),
    "unstable": (60, _unstable),
    "diverging": (24, _diverging),
    "plateau": (36, _plateau),
    "far": (24, _far),
}
"""How many of each, and what makes it."""
FULL = {
    "default": RunConfig(),
    "report": PRESETS["report"].runs()[0],
    "ae": RunConfig(model="ae"),
}


def choose(kind: str, seed: int) -> Choice:
    """The settings of a recorded run, and its images."""
    if kind.startswith("full_"):
        return replace(FULL[kind.removeprefix("full_")], seed=seed), 60_000
    draw = random.Random(f"{kind} {seed}")
    return KINDS[kind][1](draw, _small(draw, seed))


def part_of(dataset: ImageDataset, images: int, seed: int) -> ImageDataset:
    """Some of the images, drawn by the seed."""
    if images >= len(dataset.labels):
        return dataset
    chosen = np.random.default_rng(seed).choice(len(dataset.labels), images, replace=False)
    return replace(dataset, images=dataset.images[chosen], labels=dataset.labels[chosen])


def train(config: RunConfig, dataset: ImageDataset) -> tuple[History, str]:
    """The history of a run, and why it ended early."""
    trainer, history = Trainer(config, dataset, torch.device("cpu")), History()
    try:
        while True:
            if trainer.evaluation_due():
                history.add_evaluation(trainer.evaluate(0.0))
            if trainer.finished:
                return history, ""
            history.add_train_points(trainer.train(trainer.steps_to_evaluation()))
    except TrainingDivergedError as error:
        return history, str(error)


def main(folder: Path, kinds: list[str]) -> None:
    """Record what isn't there yet, a seed of each kind after another."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    bundled = load_dataset()
    full = [(f"full_{name}", 1) for name in FULL] if "full" in kinds else []
    wanted = full or [(kind, many) for kind, (many, _) in KINDS.items() if kind in (kinds or KINDS)]
    for seed in range(max(many for _, many in wanted)):
        for kind, many in wanted:
            file = folder / f"{kind}-{seed}.json"
            if seed >= many or file.exists():
                continue
            config, images = choose(kind, seed)
            history, error = train(config, part_of(bundled, images, seed))
            text = json.dumps(record(Recorded(kind, seed, images, config, history, error)))
            file.write_text(text)
            last = history.last
            print(kind, seed, last.val if last else None, last and last.active_units, flush=True)


def pack(folder: Path) -> None:
    """Write the one file that the tests read."""
    records: list[Any] = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]
    FILE.write_bytes(packed(sorted(records, key=lambda r: (r["kind"], r["seed"]))))
    print(f"{len(records)} runs, {FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    if "--pack" in sys.argv:
        pack(Path(sys.argv[1]))
    else:
        main(Path(sys.argv[1]), sys.argv[2:])
