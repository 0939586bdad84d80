"""What a run's diagnoses cost: their share of the CPU time of a default run.

    .venv/bin/python -m tests.bench.diagnosis [--epochs 3]

Thread time, which others on the machine change less than the clock: of whole epochs of training
with their evaluations, and of a diagnosis after each.
"""

import argparse
import time

import torch

from data import load_dataset
from engine.config import RunConfig
from engine.diagnosis import diagnosis_due
from engine.inference.diagnosis import Diagnostician
from engine.training.trainer import Trainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    measured = parser.parse_args().epochs
    config = RunConfig()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    trainer = Trainer(config, load_dataset(), torch.device("cpu"))
    diagnostician = Diagnostician(config, trainer.model, trainer.images, trainer.optimizer)
    training, looks, longest = [], [], 0.0
    for _ in range(measured):
        started = time.thread_time()
        trainer.train(trainer.steps_per_epoch)
        evaluation = trainer.evaluate(0.0)
        training.append(time.thread_time() - started)
        for _ in range(2):
            started = last = time.thread_time()
            gaps = []

            def note() -> None:
                nonlocal last
                gaps.append(time.thread_time() - last)  # noqa: B023  read at once
                last = time.thread_time()

            diagnostician.look(evaluation, note)
            looks.append(time.thread_time() - started)
            longest = max(longest, *gaps)
    due = [
        step
        for step in range(trainer.total_steps + 1)
        if diagnosis_due(step, trainer.steps_per_epoch, config.epochs)
    ]
    epoch, look = min(training), min(looks)
    share = len(due) * look / (config.epochs * epoch)
    print(
        f"epoch {epoch:.2f} s, diagnosis {1000 * look:.0f} ms, {len(due)} in {config.epochs} epochs"
    )
    print(f"share {100 * share:.1f} %; longest without a look at commands {1000 * longest:.0f} ms")


if __name__ == "__main__":
    main()
