"""A run that is killed at random moments, again and again, ends as if it never was.

As a program (`python test_kills.py PLAN`) this file is what the test runs: a process that imports
torch once and forks a child for each attempt, so that an attempt costs a tenth of a second and not
three. Nothing may start a thread before a fork, so it can't be pytest's own process.
"""

import csv
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.config import RunConfig
from engine.history import History
from engine.storage import checkpoint
from engine.storage.config_json import read_config
from engine.storage.frames import read_frames
from engine.storage.history_reader import HistoryReader
from engine.storage.run_lock import RunLock, owner_of
from engine.storage.status_json import STATUS_FILE, read_status

KILLS, ENOUGH_KILLS = 30, 20
EPOCHS = 150
FAILED = 3


def drive(plan: dict[str, Any]) -> dict[str, Any]:
    """An uninterrupted run, and one that is killed; which moments were hit."""
    torch.set_num_threads(1)
    from engine.runs import training_session as session
    from engine.runs import writer_thread as writer
    from engine.training import trainer  # noqa: F401 (imported before the forks)

    # The writer is at work nearly always, so that many kills fall into a write.
    session.SAVE_INTERVAL, session.BEST_INTERVAL, writer.STATUS_INTERVAL = 0.03, 0.01, 0.005
    _import_adam()
    assert len(os.listdir("/proc/self/task")) == 1, "a thread would be lost in the fork"  # noqa: PTH208
    config = RunConfig.from_dict(plan["config"])
    checkpoints = Path(plan["checkpoints"])
    random_delays = random.Random(plan["seed"])
    start = _seconds(replace(config, epochs=1), checkpoints, "first")
    whole = _seconds(config, checkpoints, "whole")
    # So that most attempts train, and all together don't reach the end, however fast the machine.
    longest = start + 1.5 * (whole - start) / KILLS

    killed = checkpoints / "killed"
    hit: Counter[str] = Counter()
    steps: list[int] = []
    litter: set[Path] = set()
    while hit["kills"] < KILLS or (hit["kills"] < 2 * KILLS and not litter):
        child = _fork(config, checkpoints, "killed")
        time.sleep(random_delays.uniform(0.0, longest))
        os.kill(child, signal.SIGKILL)
        outcome = _outcome(child)
        assert outcome in (0, -signal.SIGKILL), f"failed after {steps}"
        if outcome == 0:
            break
        hit["kills"] += 1
        steps.append(_check_after_a_kill(killed, hit) if killed.exists() else -1)
        unfinished = {*killed.rglob(".tmp-*")}
        hit["while a file was written"] += not unfinished <= litter
        litter |= unfinished
    assert _outcome(_fork(config, checkpoints, "killed")) == 0, "the last attempt failed"
    return {"hit": hit, "steps": steps}


def _seconds(config: RunConfig, checkpoints: Path, name: str) -> float:
    """From a fork to the end of an uninterrupted run."""
    started = time.monotonic()
    assert _outcome(_fork(config, checkpoints, name)) == 0, "the uninterrupted run failed"
    return time.monotonic() - started


def _import_adam() -> None:
    """The first optimiser imports half of torch."""
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], fused=True)


def _fork(config: RunConfig, checkpoints: Path, name: str) -> int:
    child = os.fork()
    if child:
        return child
    code = FAILED
    try:
        code = _train(config, checkpoints, name)
    finally:
        os._exit(code)


def _train(config: RunConfig, checkpoints: Path, name: str) -> int:
    from engine.runs.start_points import NewRun, ResumeRun, StartPoint
    from engine.runs.training_run import TrainingRun
    from engine.snapshot import Phase

    origin: StartPoint = NewRun(checkpoints, name)
    if (checkpoints / name).exists():
        origin = ResumeRun(checkpoints / name)
    run = TrainingRun(config, origin)
    run.start()
    run.close(stop_training=False)
    run.join()
    snapshot = run.snapshot
    # Killed between the first best.pt and the first last.pt.
    notes = [alert.text for alert in snapshot.alerts if alert.rule is None]
    alerts = [text for text in notes if "nothing was saved yet" not in text]
    if snapshot.phase is Phase.FINISHED and not alerts:
        return 0
    print(name, snapshot.phase, snapshot.error, alerts, file=sys.stderr, flush=True)
    return FAILED


def _outcome(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _check_after_a_kill(run: Path, hit: Counter[str]) -> int:
    """That what is on disk fits together; the step it is resumed from, -1 if there is none."""
    _, provenance = read_config(run)
    assert provenance.data.fingerprint
    states = {}
    for file in run.glob("*.pt"):
        states[file.stem] = checkpoint.read(file)
    step = int(states["last"]["step"]) if "last" in states else -1
    best_step = int(states["best"]["step"]) if "best" in states else -1

    history = HistoryReader(run, read_config(run)[0]).update()
    evaluations = [e for e in history.evaluations() if e.step <= max(step, best_step)]
    due = [0, 1, 2, 4, 8, *range(12, max(step, best_step) + 1, 12)]
    measured = [e.step for e in evaluations]
    # The evaluation at the step itself may come after the checkpoint.
    assert [s for s in measured if s < step] == [s for s in due if s < step]
    points = [p.step for p in history.train_points() if p.step <= step]
    assert points == list(range(1, step + 1)), "a point a step, as 12 an epoch are fewer than 20"
    frames = {frame.step for frame in read_frames(run)}
    assert frames >= {s for s in due if s < step}

    # No weights are lost: the best evaluation up to the newer of the files is in one of them.
    newest = max(step, best_step)
    best = min((e for e in evaluations if e.step < newest), key=_score, default=None)
    if best is not None and best_step < newest:
        assert best_step == best.step

    with (run / "lock").open() as file:
        named = file.read()
    assert owner_of(run) is None, "the lock of a killed process is stale"
    RunLock(run).release()
    (run / "lock").write_text(named)

    if (run / STATUS_FILE).exists():
        assert read_status(run, History()) is not None
    hit["before the first checkpoint"] += not states
    hit["best.pt newer than last.pt"] += best_step > step
    hit["rows ahead of the checkpoint"] += history.train_points()[-1:] != [] and (
        history.train_points()[-1].step > newest
    )
    hit["frames ahead of the checkpoint"] += max(frames, default=-1) > newest
    hit["saved at an evaluation"] += step in due
    return newest


def _score(evaluation: Any) -> float:
    return float(evaluation.val.score)


# What pytest runs.


def flat(state: Any, name: str = "") -> dict[str, Any]:
    """Nested mappings and sequences as one mapping."""
    if isinstance(state, dict):
        items = [(str(key), value) for key, value in state.items()]
    elif isinstance(state, list | tuple):
        items = [(str(key), value) for key, value in enumerate(state)]
    else:
        return {name: state}
    parts = [flat(value, f"{name}.{key}") for key, value in items]
    return dict(itertools.chain.from_iterable(part.items() for part in parts))


def assert_same_state(file: Path, other: Path) -> None:
    one, two = flat(checkpoint.read(file)), flat(checkpoint.read(other))
    assert one.keys() == two.keys()
    for name in one:
        if name.startswith(".seconds"):
            continue
        if isinstance(one[name], torch.Tensor):
            assert torch.equal(one[name], two[name]), f"{file.name}: {name} differs"
        else:
            assert one[name] == two[name], f"{file.name}: {name} differs"


def rows_without_seconds(file: Path) -> list[dict[str, str]]:
    with file.open() as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        row.pop("seconds", None)
    return rows


@pytest.fixture
def long_config(small_config: RunConfig) -> RunConfig:
    """Some seconds of training, whose best evaluation is not the last one."""
    return replace(small_config, epochs=EPOCHS, kl_warmup=5.0, lr=2e-2, lr_schedule="constant")


def test_a_run_killed_again_and_again_ends_with_the_same_bits(
    long_config: RunConfig, tmp_path: Path
) -> None:
    plan = {"config": long_config.to_dict(), "checkpoints": str(tmp_path), "seed": 7}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path / "plan.json")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    moments = json.loads(done.stdout)
    print(moments)
    assert moments["hit"]["kills"] >= ENOUGH_KILLS
    survived = [step for step in moments["steps"] if step > 0]
    assert len(set(survived)) >= 5, "kills fell at many places of the run"
    assert moments["hit"]["while a file was written"], "kills fell into writes"

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert_same_state(killed / "last.pt", whole / "last.pt")
    assert_same_state(killed / "best.pt", whole / "best.pt")
    assert 0 < checkpoint.read(whole / "best.pt")["step"] < 12 * EPOCHS, "best is not just last"
    assert rows_without_seconds(killed / "metrics.csv") == rows_without_seconds(
        whole / "metrics.csv"
    )
    for name in ("kl.csv", "steps.csv"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    film, expected = read_frames(killed), read_frames(whole)
    assert [f.step for f in film] == [f.step for f in expected]
    for one, two in zip(film, expected, strict=True):
        assert np.array_equal(one.reconstructions, two.reconstructions)
        assert np.array_equal(one.samples, two.samples)
    with (killed / "metrics.csv").open() as stream:
        seconds = [float(row["seconds"]) for row in csv.DictReader(stream)]
    assert seconds == sorted(seconds), "time goes on where it was"
    resumed = read_config(killed)[1].resumed
    assert [entry.step for entry in resumed][-1] == max(survived)
    assert {p.name for p in killed.iterdir()} == {p.name for p in whole.iterdir()}, "no litter"


if __name__ == "__main__":
    print(json.dumps(drive(json.loads(Path(sys.argv[1]).read_text()))))
