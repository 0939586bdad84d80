"""Stored runs of made-up numbers, and processes that hold them."""

import json
import math
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from engine.config import RunConfig
from engine.metrics import Evaluation, Metrics
from engine.snapshot import Phase, Snapshot
from engine.storage.config_json import CONFIG_FILE
from engine.storage.provenance import Provenance
from engine.storage.run_directory import RunDirectory
from engine.storage.status_json import write_status

CONFIG = RunConfig(hidden=(8,), latent_dim=2, epochs=4)
CREATED = "2026-11-22T10:00:00+00:00"
HOLD = """
import sys
from pathlib import Path
from engine.storage.run_lock import RunLock
lock = RunLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def evaluation(epoch: float, score: float, config: RunConfig = CONFIG) -> Evaluation:
    kl = 10.0 if config.model == "vae" else math.nan
    recon = score - 10.0 if config.model == "vae" else score
    return Evaluation(
        step=round(epoch * 100),
        epoch=epoch,
        beta=1.0,
        lr=1e-3,
        val=Metrics(score, recon, kl),
        train=None,
        kl_per_dim=np.zeros(config.latent_dim) if config.model == "vae" else np.empty(0),
        active_units=2,
        seconds=epoch * 7,
    )


def make_run(
    checkpoints: Path,
    name: str = "mine",
    scores: Mapping[float, float] | None = None,
    config: RunConfig = CONFIG,
    created: object = CREATED,
) -> Path:
    """A run that nobody trains, with the score at every epoch given."""
    run = RunDirectory.create(checkpoints, name, config, Provenance())
    file = run.path / CONFIG_FILE
    file.write_text(json.dumps({"created": created, **json.loads(file.read_text())}))
    for epoch, score in (scores or {}).items():
        run.add_evaluation(evaluation(epoch, score, config))
    run.flush()
    run.close()
    return run.path


def write_phase(path: Path, phase: Phase, **values: Any) -> None:
    write_status(path, Snapshot(path.name, phase, **values))


@contextmanager
def trained_by_another(path: Path) -> Iterator[int]:
    """Another process has the run; its number."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process.pid
        process.communicate()
