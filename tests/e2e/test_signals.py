"""What signals do to a run, in any order: it trains on, or is saved and gone."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.terminal_session import PROGRAM, TerminalSession
from tests.support.waiting import wait_for

SMALL = ["--hidden", "16", "--latent-dim", "3", "--device", "cpu", "--threads", "1"]
ENDLESS = ["--epochs", "100000", "--name", "x"]
HUP, TERM, INT, USR1, USR2, XCPU, QUIT = (
    *(signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2),
    *(signal.SIGXCPU, signal.SIGQUIT),
)


def status(cwd: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((cwd / "checkpoints/x/status.json").read_bytes())
    except FileNotFoundError:
        return {"step": -1}
    return found


def wait_until_it_trains_on(cwd: Path) -> None:
    before, deadline = status(cwd)["step"], time.monotonic() + 90
    while status(cwd)["step"] <= max(before, 5):
        assert time.monotonic() < deadline, "it does not train"
        time.sleep(0.05)


@pytest.fixture
def headless(small_data: Path, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        [str(PROGRAM), "train", "--data", str(small_data), *SMALL, *ENDLESS],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_until_it_trains_on(tmp_path)
        yield process
        process.kill()


@pytest.fixture
def dashboard(small_data: Path, tmp_path: Path) -> Iterator[TerminalSession]:
    session = TerminalSession(["--data", str(small_data), *SMALL, *ENDLESS], tmp_path)
    session.wait_for("samples from the prior")
    yield session
    session.close()


def assert_saved(cwd: Path) -> None:
    last = status(cwd)
    assert last["phase"] == "stopped"
    assert last["saved_step"] == last["step"] > 0
    assert (cwd / "checkpoints/x/lock").read_bytes() == b""


# Each start costs seconds: one program shows what it trains through, and what ends it. What every
# signal means is also told without a program: tests/tui/terminal/test_signals.py.
@pytest.mark.parametrize(
    ("trained_through", "ended_by"),
    [([HUP, HUP], [TERM, HUP]), ([USR2, USR2], [HUP, TERM, TERM]), ([], [QUIT, USR2])],
    ids=str,
)
def test_training_goes_on_until_it_is_saved_and_gone(
    trained_through: list[signal.Signals],
    ended_by: list[signal.Signals],
    headless: "subprocess.Popen[bytes]",
    tmp_path: Path,
) -> None:
    for number in trained_through:
        headless.send_signal(number)
        wait_until_it_trains_on(tmp_path)
    for number in ended_by:
        headless.send_signal(number)
    assert headless.wait(30) == 0
    assert_saved(tmp_path)


@pytest.mark.parametrize(
    ("trained_through", "ended_by"),
    [([HUP, HUP, HUP], [TERM, HUP]), ([], [HUP, TERM]), ([], [USR2, INT, HUP, HUP])],
    ids=str,
)
def test_a_dashboard_trains_on_until_it_is_saved_and_gone(
    trained_through: list[signal.Signals],
    ended_by: list[signal.Signals],
    dashboard: TerminalSession,
    tmp_path: Path,
) -> None:
    for number in trained_through:
        os.kill(dashboard.child.pid, number)
        wait_until_it_trains_on(tmp_path)
    for number in ended_by:
        os.kill(dashboard.child.pid, number)
    assert dashboard.wait_for_exit() == 0
    assert_saved(tmp_path)


def test_a_terminal_that_nobody_reads_does_not_keep_a_dashboard_that_should_end(
    dashboard: TerminalSession, tmp_path: Path
) -> None:
    for _ in range(3):  # of some seconds, in which the terminal's buffer fills up
        wait_until_it_trains_on(tmp_path)
    os.kill(dashboard.child.pid, TERM)
    wait_for(lambda: not dashboard.child.isalive(), 30)
    assert_saved(tmp_path)


def test_closed_standard_streams_are_no_file_of_the_run(small_data: Path, tmp_path: Path) -> None:
    line = " ".join([str(PROGRAM), "train", "--data", str(small_data), *SMALL, *ENDLESS])
    with subprocess.Popen(["sh", "-c", f"exec {line} <&- >&- 2>&-"], cwd=tmp_path) as process:
        wait_until_it_trains_on(tmp_path)
        process.send_signal(HUP)
        wait_until_it_trains_on(tmp_path)
        for number in (USR1, XCPU):  # either alone would end a program that doesn't know it
            process.send_signal(number)
        assert process.wait(30) == 0
    assert_saved(tmp_path)
