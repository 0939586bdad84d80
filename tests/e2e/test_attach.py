"""A run that one process trains, and others look at: the installed program, real data."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.terminal_session import PROGRAM, TerminalSession

Start = Callable[..., TerminalSession]


def command(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )


def listed(tmp_path: Path) -> dict[str, Any]:
    output = command(tmp_path, "runs", "--json").stdout
    return {run["name"]: run for run in json.loads(output)}


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.1)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    sessions: list[TerminalSession] = []

    def start_session(*arguments: str, **size: int) -> TerminalSession:
        sessions.append(TerminalSession(list(arguments), tmp_path, **size))
        return sessions[-1]

    yield start_session
    for session in sessions:
        session.close()


@pytest.fixture
def detached(tmp_path: Path) -> Iterator[psutil.Process]:
    """A run called far, which trains without a terminal."""
    # A terminal, as a person has, but the command ends before it would need one.
    told = command(tmp_path, "--detach", "--name", "far", "--epochs", "500", "--hidden", "32")
    assert told.returncode == 0, told.stderr
    found = re.fullmatch(
        r"far: process (\d+) trains without a terminal\n"
        r"watch it:  fmnist-vae-tui attach far\n"
        r"stop it:   kill (\d+)   \(saves the run\)\n",
        told.stdout,
    )
    assert found, told.stdout
    assert found[1] == found[2]
    process = psutil.Process(int(found[1]))
    yield process
    if process.is_running():
        process.kill()


def test_a_detached_run_is_watched_steered_stopped_and_gone_on_with(
    start: Start, detached: psutil.Process, tmp_path: Path
) -> None:
    assert detached.terminal() is None
    first, second = start("attach", "far"), start("attach", "checkpoints/far", columns=80, rows=24)
    for session in (first, second):
        session.wait_for("attached ● training")
        session.wait_for("samples from the prior · seed 0")
    first.send(" ")
    first.wait_for("attached ● paused")
    second.wait_for("attached ● paused")
    wait_for(lambda: listed(tmp_path)["far"]["state"] == "paused")
    second.send(" ")
    first.wait_for("attached ● training")
    second.send("q")
    assert second.wait_for_exit() == 0
    assert detached.is_running(), "leaving ends nothing"
    first.send("x")
    first.wait_for("Stop training at epoch")
    first.send("y")
    first.wait_for("read-only ● stopped")
    wait_for(lambda: not detached.is_running() or detached.status() == psutil.STATUS_ZOMBIE)
    assert listed(tmp_path)["far"]["state"] == "stopped"
    first.send("s")
    first.wait_for("samples from the prior · seed 1")
    first.send("q")
    assert first.wait_for_exit() == 0

    epoch = listed(tmp_path)["far"]["epoch"]
    again = start("resume", "far")
    again.wait_for(lambda text: f"epoch {int(epoch) + 2}." in text)
    refused = command(tmp_path, "train", "--resume", "far")
    assert refused.returncode == 2
    assert re.search(r"run far is in use: process \d+ on \S+ trains it", refused.stderr)
    again.send("q")
    again.wait_for("Quit?")
    again.send("y")
    assert again.wait_for_exit() == 0
    assert "resume:  fmnist-vae-tui resume checkpoints/far" in again.text


def test_a_killed_run_is_shown_and_gone_on_with_from_the_list(
    start: Start, detached: psutil.Process, tmp_path: Path
) -> None:
    wait_for(lambda: (tmp_path / "checkpoints/far/last.pt").exists())
    session = start("attach")  # the list of all, on top of the newest
    session.wait_for("● running")
    detached.kill()
    session.wait_for("† died")
    session.send("\r")
    session.wait_for("read-only ● died")
    session.wait_for("its process was killed at epoch")
    session.wait_for("samples from the prior")
    session.send("b")
    session.wait_for("† died")
    session.send("R")
    session.wait_for(lambda text: "● training" in text and "attached" not in text)
    session.send("q")
    session.wait_for("Quit?")
    session.send("y")
    assert session.wait_for_exit() == 0
    assert listed(tmp_path)["far"]["state"] == "stopped"


def test_what_cannot_be_begun_is_told_by_detach(tmp_path: Path) -> None:
    (tmp_path / "checkpoints/far").mkdir(parents=True)
    told = command(tmp_path, "--detach", "--name", "far")
    assert told.returncode == 2
    assert told.stderr.splitlines()[-1].endswith("run 'far' exists already in checkpoints/")
    assert told.stdout == ""


def test_there_is_nothing_to_attach_to(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, expected in (
        (["attach"], "there are no runs in checkpoints/"),
        (["attach", "far"], "no run 'far' in checkpoints/: there are none yet"),
        (["attach", "empty"], "empty/ is no run: it has no config.json"),
        (["resume", "far"], "no run 'far' in checkpoints/: there are none yet"),
    ):
        told = command(tmp_path, *arguments)
        assert told.returncode == 2
        assert told.stderr == f"fmnist-vae-tui: {expected}\n"
