"""How soon a run answers while it trains: a pause, views of the model, an evaluation.

python -m tests.bench.latency [--preset report] [--device cuda] [--rounds 20] [--json]
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engine.config import PRESETS, PresetName
from engine.runs.start_points import NewRun
from engine.runs.training_run import TrainingRun
from engine.snapshot import Phase, Snapshot
from engine.views import LatentMap, PriorSamples, Reconstructions
from tests.bench.figures import Figure, report

EPOCHS = 10_000
"""More than any machine trains meanwhile."""
GOAL = 100.0
"""Milliseconds in which a person is to be answered."""
BETWEEN = 0.05
"""Seconds of training between two questions."""


def wait_for(run: TrainingRun, condition: Callable[[Snapshot], bool]) -> None:
    """Until something is so, or the run has failed."""
    while not condition(run.snapshot):
        if run.snapshot.phase is Phase.FAILED:
            sys.exit(run.snapshot.error)
        time.sleep(0.0005)


def measure(run: TrainingRun, rounds: int) -> dict[str, list[float]]:
    """Milliseconds from each question to its answer."""
    seconds: dict[str, list[float]] = {}

    def timed(name: str, ask: Callable[[], object]) -> None:
        time.sleep(BETWEEN)
        started = time.perf_counter()
        ask()
        seconds.setdefault(name, []).append((time.perf_counter() - started) * 1e3)

    def pause() -> None:
        run.pause()
        wait_for(run, lambda s: s.phase is Phase.PAUSED)

    for _ in range(rounds):
        timed("pause", pause)
        run.resume()
        wait_for(run, lambda s: s.phase is Phase.TRAINING)
        timed("samples", lambda: run.request(PriorSamples()).result(60))
        timed("reconstructions", lambda: run.request(Reconstructions()).result(60))
        timed("latent map", lambda: run.request(LatentMap()).result(60))
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=list(PRESETS), default="report")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    preset: PresetName = args.preset
    (config,) = replace(PRESETS[preset], device=args.device, epochs=EPOCHS).runs()
    with tempfile.TemporaryDirectory() as folder:
        run = TrainingRun(config, NewRun(Path(folder)))
        run.start()
        try:
            wait_for(run, lambda s: s.epoch >= 1)
            answers = measure(run, args.rounds)
            snapshot = run.snapshot
        finally:
            run.close()
            run.join()
    title = f"{preset} on {snapshot.device}, answers while it trains"
    figures = [Figure(name, "ms", GOAL, times) for name, times in answers.items()]
    report(title, figures, as_json=args.json)


if __name__ == "__main__":
    main()
