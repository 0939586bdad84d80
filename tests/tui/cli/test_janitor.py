"""What is left of a command's children and folders, however the command ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow

PARENT = """
import subprocess, sys, time
from pathlib import Path
from tui.cli.janitor import cleaned_up_after_us
with cleaned_up_after_us(Path(sys.argv[1])) as janitor:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(1000)"],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(2)
    ]
    for child in children:
        janitor.watch(child.pid)
    if sys.argv[2] == "release":
        janitor.release(children[1].pid)
    print(*[child.pid for child in children], flush=True)
    if sys.argv[2] != "release":
        time.sleep(1000)
"""


def start(folder: Path, how: str = "") -> tuple["subprocess.Popen[str]", list[int]]:
    folder.mkdir()
    (folder / "file").touch()
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder), how],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    return parent, [int(pid) for pid in parent.stdout.readline().split()]


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_to_the_whole_group_leaves_no_child_and_no_folder(
    number: signal.Signals, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    parent, children = start(folder)
    assert all(map(lives, children))
    os.killpg(parent.pid, number)
    parent.communicate()
    deadline = time.monotonic() + 30
    while folder.exists() or any(map(lives, children)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_is_released_lives_on(tmp_path: Path) -> None:
    parent, [watched, released] = start(tmp_path / "folder", "release")
    try:
        parent.communicate()
        assert not (tmp_path / "folder").exists()
        assert not lives(watched)
        assert lives(released)
    finally:
        os.kill(released, signal.SIGKILL)
