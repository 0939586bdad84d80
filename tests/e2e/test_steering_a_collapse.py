"""A run that collapses, saved by hand in a real terminal."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.storage.config_json import read_config
from engine.storage.steering_csv import STEERING_FILE, read_steering
from tests.support.terminal_session import PROGRAM, TerminalSession

SMALL = ["--hidden", "32", "--latent-dim", "4", "--batch-size", "30", "--lr-schedule", "constant"]
COLLAPSING = ["--beta", "200", "--kl-warmup", "0", "--epochs", "100000", "--name", "x"]
HERE = ["--device", "cpu", "--threads", "1"]


@pytest.fixture
def session(small_data: Path, tmp_path: Path) -> Iterator[TerminalSession]:
    data = ["--data", str(small_data)]
    found = TerminalSession([*data, *SMALL, *COLLAPSING, *HERE], tmp_path)
    found.wait_for("samples from the prior")
    yield found
    found.close()


def status(cwd: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((cwd / "checkpoints/x/status.json").read_bytes())
    return found


def active_units(cwd: Path) -> list[int]:
    """At each evaluation."""
    file = cwd / "checkpoints/x/metrics.csv"
    lines = file.read_text().splitlines() if file.exists() else ["active_units"]
    column = lines[0].split(",").index("active_units")
    return [int(line.split(",")[column]) for line in lines[1:]]


def wait_until(session: TerminalSession, condition: Any) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, f"never came true:\n{session.text}"
        session.read()


def test_a_collapse_is_seen_steered_killed_resumed_and_branched(
    session: TerminalSession, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoints/x"
    wait_until(session, lambda: len(active_units(tmp_path)) > 12)
    wait_until(session, lambda: active_units(tmp_path)[-1] == 0)
    session.wait_for("0/4 active")
    session.send("!")
    session.wait_for("posterior collapse")
    session.wait_for("lower β")
    session.send("\x1b")
    session.wait_for(lambda text: "lower β" not in text)

    # Lower β; keys come in one piece, as over a slow connection.
    session.send("t")
    session.wait_for("Steer this run")
    session.send("\x7f0.05\r")
    session.wait_for("β 200 → 0.05 from step")
    wait_until(session, lambda: active_units(tmp_path)[-1] >= 2)
    session.wait_for(lambda text: "0/4 active" not in text)

    # Killed without a chance to save: the change is not lost.
    [change] = read_steering(path / STEERING_FILE).changes
    os.kill(session.child.pid, signal.SIGKILL)
    session.child.wait()
    epochs = int(status(tmp_path)["epoch"]) + 3
    resume = ["train", "--resume", "x", "--epochs", str(epochs)]
    subprocess.run([str(PROGRAM), *resume], cwd=tmp_path, check=True, capture_output=True)
    assert read_config(path)[0].beta == 0.05
    # Where the last checkpoint was earlier, the epochs were changed before it, and it came again.
    assert change in read_steering(path / STEERING_FILE).changes
    assert active_units(tmp_path)[-1] >= 2

    # A branch of it, beside its parent.
    again = TerminalSession(["attach", "x"], tmp_path)
    try:
        again.wait_for("finished")
        again.send("B")
        again.wait_for("Branch of x")
        again.send("\x13")  # Ctrl+S
        again.wait_for("━ parent")
        [branch] = (tmp_path / "checkpoints").glob("vae-*")
        parent = read_config(branch)[1].parent
        assert parent is not None
        assert (parent.run, parent.state) == ("x", "last")
        again.send("b")
        again.wait_for("branch of x at epoch")
        again.send(" j c")  # both marked, and compared
        again.wait_for("k-NN accuracy on μ", 90)
    finally:
        again.close()
