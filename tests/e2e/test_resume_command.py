"""`train --resume` of the installed program: killed, stopped, gone on with, and refused."""

import csv
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from engine.history import History
from engine.snapshot import Phase
from engine.storage import checkpoint
from engine.storage.config_json import read_config
from engine.storage.run_lock import RunLock
from engine.storage.status_json import read_status
from tui.cli.main import main

PROGRAM = Path(sys.executable).with_name("fmnist-vae-tui")
SMALL = [
    *("--hidden", "32", "--latent-dim", "4", "--batch-size", "32", "--lr-schedule", "constant"),
    *("--device", "cpu", "--threads", "1"),
]


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.01)


def rows_of(path: Path) -> list[dict[str, str]]:
    with (path / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def last_step(path: Path) -> int:
    rows = rows_of(path)
    return int(rows[-1]["step"]) if rows else -1


def weights(path: Path) -> dict[str, torch.Tensor]:
    model: dict[str, torch.Tensor] = checkpoint.read(path / "last.pt")["model"]
    return model


def assert_same_weights(one: Path, two: Path) -> None:
    mine, other = weights(one), weights(two)
    assert all(torch.equal(mine[name], other[name]) for name in other)


@pytest.fixture
def settings(small_data: Path) -> list[str]:
    return ["--data", str(small_data), *SMALL]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    return tmp_path / "checkpoints"


class Told:
    """What a command line ended with."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err
        assert "Traceback" not in err

    @property
    def sentence(self) -> str:
        """The one line about input that can't be used."""
        assert (self.code, self.out) == (2, "")
        [line] = self.err.splitlines()
        assert line.startswith("fmnist-vae-tui: ")
        return line.removeprefix("fmnist-vae-tui: ")


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], folder: Path) -> Iterator[Callable[..., Told]]:
    """The command line in this process, which has torch loaded already."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = [signal.getsignal(number) for number in numbers]

    def run(*arguments: str) -> Told:
        capfd.readouterr()
        code = main(arguments)
        return Told(code, *capfd.readouterr())

    yield run
    logging.captureWarnings(capture=False)
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)


class Process:
    """`train` as a job without a terminal, as under nohup or systemd."""

    def __init__(self, cwd: Path, *arguments: str, before: tuple[str, ...] = ()) -> None:
        self.out, self.err = cwd / "out.txt", cwd / "err.txt"
        with self.out.open("w") as out, self.err.open("w") as err:
            self.child = subprocess.Popen(
                [*before, str(PROGRAM), *arguments],
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def wait_for_step(self, run: Path, step: int, *, saved: bool = False) -> None:
        """Until rows up to a step are there, and a checkpoint too if one must be."""
        files = [run / "metrics.csv", *([run / "last.pt"] if saved else [])]

        def reached() -> bool:
            assert self.child.poll() is None, self.err.read_text()
            return all(f.exists() for f in files) and last_step(run) >= step

        wait_for(reached)

    def kill(self) -> None:
        self.child.kill()
        assert self.child.wait(30) == -signal.SIGKILL

    def end(self, number: signal.Signals) -> int:
        self.child.send_signal(number)
        return self.child.wait(30)


def test_a_command_killed_twice_is_resumed_to_the_same_weights(
    settings: list[str], folder: Path, call: Callable[..., Told]
) -> None:
    """Weights are saved every few seconds: a few are trained again."""
    epochs = ["--epochs", "4000"]
    first = Process(folder.parent, "train", *settings, *epochs, "--name", "x")
    first.wait_for_step(folder / "x", 24, saved=True)
    first.kill()
    step = checkpoint.read(folder / "x" / "last.pt")["step"]
    before = rows_of(folder / "x")
    second = Process(folder.parent, "train", "--resume", "x")
    second.wait_for_step(folder / "x", max(step, int(before[-1]["step"])) + 120)
    second.kill()
    assert read_status(folder / "x", History()) is not None

    reached = int(checkpoint.read(folder / "x" / "last.pt")["step"])
    assert reached >= step
    [one] = read_config(folder / "x")[1].resumed
    assert one.step in (step, checkpoint.read(folder / "x" / "best.pt")["step"])
    end = reached // 12 + 2
    done = call("train", "--resume", "x", "--epochs", str(end), "--json")
    assert done.code == 0, done.err
    outcome = json.loads(done.out)
    assert (outcome["phase"], outcome["steps"], outcome["run"]) == ("finished", 12 * end, "x")
    assert f"x: finished at epoch {end} of {end}" in done.err
    whole = call("train", *settings, "--epochs", str(end), "--name", "whole", "--json")
    assert json.loads(whole.out)["val"] == outcome["val"]
    assert_same_weights(folder / "x", folder / "whole")
    assert [row["step"] for row in rows_of(folder / "x")] == [
        row["step"] for row in rows_of(folder / "whole")
    ]


def test_more_epochs_continue_a_finished_run_and_without_it_says_so(
    settings: list[str], folder: Path, call: Callable[..., Told]
) -> None:
    assert call("train", *settings, "--epochs", "2", "--name", "x").code == 0
    before = rows_of(folder / "x")
    again = call("train", "--resume", "x")
    assert again.code == 0
    assert "x: finished at epoch 2 of 2" in again.err
    assert rows_of(folder / "x") == before
    more = call("train", "--resume", str(folder / "x"), "--epochs", "4", "--json")
    assert more.code == 0
    assert json.loads(more.out)["epochs"] == 4
    rows = rows_of(folder / "x")
    assert rows[: len(before)] == before
    assert [row["epoch"] for row in rows[len(before) :]] == ["3.0", "4.0"]
    assert call("train", *settings, "--epochs", "4", "--name", "whole").code == 0
    assert_same_weights(folder / "x", folder / "whole")
    fewer = call("train", "--resume", "x", "--epochs", "3")
    assert fewer.code == 2
    assert "epochs 3 is fewer than run x has been trained for, which is 4" in fewer.err
    assert_same_weights(folder / "x", folder / "whole")


def test_automatic_begins_then_resumes_and_refuses_other_settings(
    settings: list[str], folder: Path, call: Callable[..., Told]
) -> None:
    auto = ["train", *settings, "--resume", "auto", "--name", "job"]
    assert call(*auto, "--epochs", "1").code == 0
    assert not read_config(folder / "job")[1].resumed
    assert call(*auto, "--epochs", "2", "--json").code == 0
    assert [entry.step for entry in read_config(folder / "job")[1].resumed] == [12]
    assert len(rows_of(folder / "job")) == 7
    refused = call(*auto, "--epochs", "3", "--lr", "0.5")
    assert refused.sentence == "run job is another one: its lr was 0.002"
    assert read_config(folder / "job")[0].epochs == 2
    assert [path.name for path in folder.iterdir()] == ["job"]


def test_a_slurm_job_finds_its_run_after_a_requeue(
    settings: list[str],
    folder: Path,
    call: Callable[..., Told],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    auto = ["train", *settings, "--resume", "auto"]
    assert call(*auto, "--epochs", "1").code == 0
    assert call(*auto, "--epochs", "2").code == 0
    assert [path.name for path in folder.iterdir()] == ["slurm-7"]
    assert int(rows_of(folder / "slurm-7")[-1]["step"]) == 24
    assert call(*auto, "--epochs", "1", "--name", "own").code == 0
    assert (folder / "own").exists(), "a name of one's own comes first"
    monkeypatch.setenv("SLURM_JOB_ID", "../up")
    assert "can't be used" in call(*auto).sentence


def test_two_runs_go_on_where_the_first_was_left(
    settings: list[str], folder: Path, call: Callable[..., Told]
) -> None:
    auto = ["train", *settings, "--model", "both", "--resume", "auto", "--epochs", "2"]
    assert "name is needed" in call(*auto).sentence
    assert call("train", *settings, "--epochs", "1", "--name", "pair-vae").code == 0
    done = call(*auto, "--name", "pair", "--json")
    assert done.code == 0
    vae, ae = map(json.loads, done.out.splitlines())
    assert (vae["run"], vae["steps"], ae["run"], ae["steps"]) == ("pair-vae", 24, "pair-ae", 24)
    assert [e.step for e in read_config(folder / "pair-vae")[1].resumed] == [12]
    assert not read_config(folder / "pair-ae")[1].resumed


def test_a_run_in_use_is_refused_with_who_has_it(
    settings: list[str], folder: Path, call: Callable[..., Told]
) -> None:
    assert call("train", *settings, "--epochs", "1", "--name", "x").code == 0
    lock = RunLock(folder / "x")
    before = {path: path.stat().st_mtime_ns for path in (folder / "x").rglob("*")}
    for arguments in (["--resume", "x"], [*settings, "--resume", "auto", "--name", "x"]):
        told = call("train", *arguments, "--epochs", "2").sentence
        assert told.startswith(f"run x is in use: process {os.getpid()} on ")
        assert told.endswith(" trains it; attach shows it")
    lock.release()
    after = {path: path.stat().st_mtime_ns for path in (folder / "x").rglob("*")}
    del before[folder / "x" / "lock"], after[folder / "x" / "lock"]
    assert after == before


def test_runs_that_are_none_are_refused(
    settings: list[str], folder: Path, call: Callable[..., Told]
) -> None:
    assert call("train", "--resume", "gone").sentence == (
        "no run 'gone' in checkpoints/: there are none yet"
    )
    (folder / "empty").mkdir(parents=True)
    assert call("train", "--resume", "empty").sentence == (
        "checkpoints/empty/ is no run: it has no config.json"
    )
    (folder / "empty" / "config.json").write_text("{")
    assert (
        "checkpoints/empty/config.json can't be read" in call("train", "--resume", "empty").sentence
    )
    (folder.parent / "somewhere").mkdir()
    assert (
        call("train", "--resume", "somewhere").sentence
        == "somewhere/ is no run: it has no config.json"
    )


def test_settings_that_a_run_keeps_are_not_flags_of_going_on(
    settings: list[str], folder: Path, call: Callable[..., Told]
) -> None:
    assert call("train", *settings, "--epochs", "1", "--name", "x").code == 0
    for flags in (["--lr", "0.1"], ["--name", "y"], ["--seed", "3"]):
        with pytest.raises(SystemExit) as caught:
            call("train", "--resume", "x", *flags)
        assert caught.value.code == 2
    assert "epochs must be 1 to" in call("train", "--resume", "x", "--epochs", "0").sentence
    assert "cuda:99" in call("train", "--resume", "x", "--device", "cuda:99").sentence
    nowhere = call("train", "--resume", "x", "--data", "nowhere").sentence
    assert str(folder.parent / "nowhere") in nowhere
    assert not read_config(folder / "x")[1].resumed


def test_a_directory_that_cannot_be_written_is_told_before_training(
    settings: list[str], folder: Path, call: Callable[..., Told]
) -> None:
    file = folder.parent / "file"
    file.touch()
    for place in (str(file), "/proc/1/none"):
        for resume in ([], ["--resume", "auto", "--name", "x"]):
            told = call("train", *settings, *resume, "--checkpoints", place)
            assert f"can't make a run directory in {place}/" in told.sentence
    assert call("train", *settings, "--epochs", "1", "--name", "x").code == 0
    (folder / "x" / "lock").unlink()
    (folder / "x" / "lock").mkdir()  # stands for a directory that can be read only
    assert "can't write to checkpoints/x/" in call("train", "--resume", "x").sentence
    assert int(rows_of(folder / "x")[-1]["step"]) == 12


def test_a_damaged_checkpoint_is_told_and_the_other_one_goes_on(
    settings: list[str], folder: Path, call: Callable[..., Told]
) -> None:
    assert call("train", *settings, "--epochs", "2", "--name", "x").code == 0
    (folder / "x" / "last.pt").write_bytes(b"PK")
    done = call("train", "--resume", "x", "--epochs", "3")
    assert done.code == 0
    told = " ".join(done.err.split())
    assert "checkpoints/x/last.pt is damaged or no checkpoint: resuming from best.pt" in told
    (folder / "x" / "last.pt").write_bytes(b"PK")
    (folder / "x" / "best.pt").write_bytes(b"PK")
    refused = call("train", "--resume", "x", "--epochs", "4").sentence
    assert "checkpoints/x/last.pt" in refused
    assert "checkpoints/x/best.pt" in refused


@pytest.fixture
def job(settings: list[str], folder: Path) -> Iterator[Callable[..., Process]]:
    processes: list[Process] = []

    def start(*before: str) -> Process:
        arguments = [*settings, "--epochs", "100000", "--name", "job", "--json"]
        process = Process(folder.parent, "train", *arguments, before=before)
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.child.poll() is None:
            process.child.kill()
            process.child.wait()


def test_a_job_under_nohup_goes_on_after_a_hang_up_and_keeps_all_when_it_is_ended(
    job: Callable[..., Process], folder: Path
) -> None:
    process = job("nohup")
    process.wait_for_step(folder / "job", 24)
    assert psutil.Process(process.child.pid).terminal() is None
    process.child.send_signal(signal.SIGHUP)
    step = int(rows_of(folder / "job")[-1]["step"])
    process.wait_for_step(folder / "job", step + 240)

    started = time.monotonic()
    assert process.end(signal.SIGTERM) == 0
    took = time.monotonic() - started
    assert took < 10, "a machine that shuts down waits some ten seconds"
    print(f"SIGTERM to exit: {took:.2f} s")
    path = folder / "job"
    outcome: dict[str, Any] = json.loads(process.out.read_text())
    assert outcome["phase"] == "stopped"
    last = checkpoint.read(path / "last.pt")["step"]
    assert last == outcome["steps"] == int(rows_of(path)[-1]["step"]) > step
    status = read_status(path, History())
    assert status is not None
    assert (status.phase, status.step, status.saved_step) == (Phase.STOPPED, last, last)
    assert "Traceback" not in process.err.read_text()
    assert "job: " in process.err.read_text().splitlines()[-1]
    RunLock(path).release()
