"""What a lower precision of the matrix products does to the −ELBO: the same runs in each.

python -m tests.bench.precision [--epochs 10] [--seeds 1 2 3] [--device cuda] [--json]
"""

import argparse
import json
import statistics
from dataclasses import replace
from typing import Any, get_args

import torch

from data import load_dataset
from engine.config import PRESETS, Precision, RunConfig
from engine.errors import ConfigError
from engine.model.device import choose_threads, resolve_device
from engine.training.precision import check_precision
from engine.training.trainer import Trainer


def final_neg_elbo(config: RunConfig, device: torch.device) -> float:
    """Validation −ELBO in nats at the end of a run, measured in float32."""
    trainer = Trainer(config, load_dataset(None), device)
    while not trainer.finished:
        trainer.train(1_000)
    neg_elbo = trainer.evaluate(0.0).val.neg_elbo
    assert neg_elbo is not None
    return neg_elbo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    device = resolve_device(args.device)
    torch.set_num_threads(choose_threads(RunConfig()))
    torch.set_flush_denormal(True)  # as the engine's thread does
    results: dict[str, Any] = {}
    for preset, plan in PRESETS.items():
        for precision in get_args(Precision):
            try:
                check_precision(precision, device)
            except ConfigError:
                continue
            (config,) = replace(plan, epochs=args.epochs, precision=precision).runs()
            scores = [final_neg_elbo(replace(config, seed=s), device) for s in args.seeds]
            results[f"{preset}, {precision}"] = scores
            if not args.json:
                told = " ".join(f"{score:.2f}" for score in scores)
                print(f"{preset}, {precision}: {told}, mean {statistics.fmean(scores):.2f}")
    if args.json:
        print(json.dumps({"epochs": args.epochs, "seeds": args.seeds, "neg_elbo": results}))


if __name__ == "__main__":
    main()
