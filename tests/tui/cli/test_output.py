"""Output that nobody reads: of the program itself in pipes, and of the stream behind it."""

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.made_runs import make_run
from tui.terminal.lasting_stream import LastingStream

pytestmark = pytest.mark.slow

PROGRAM = Path(sys.executable).with_name("fmnist-vae-tui")


def unread() -> int:
    """The writing end of a pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


class Busy(io.StringIO):
    """A terminal that isn't ready to be written to, once."""

    busy = True

    def write(self, text: str) -> int:
        if self.busy:
            self.busy = False
            raise BlockingIOError(errno.EAGAIN, "not ready")
        return super().write(text)


@pytest.mark.filterwarnings("error")
def test_what_a_gone_reader_does_not_read_is_lost_and_nothing_else_happens() -> None:
    with os.fdopen(unread(), "w") as file:
        stream = LastingStream(file)
        print("x" * 100_000, file=stream)  # more than is buffered
        assert isinstance(stream.error, BrokenPipeError)
        stream.write("more")
        stream.flush()
    assert isinstance(stream.error, BrokenPipeError), "closing writes what is left, to nowhere"


def test_a_terminal_that_is_not_ready_is_written_to_again() -> None:
    file = Busy()
    stream = LastingStream(file)
    stream.write("lost ")
    stream.write("shown")
    assert file.getvalue() == "shown"
    assert stream.encoding == file.encoding


def run_program(
    arguments: list[str], directory: Path, stdout: int, stderr: int = subprocess.PIPE
) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            [PROGRAM, *arguments],
            cwd=directory,
            stdout=stdout,
            stderr=stderr,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=120,
        )
    finally:
        os.close(stdout)


@pytest.mark.parametrize(
    "arguments", ["--help", "train --help", "--version", "runs", "runs --json"]
)
def test_a_command_whose_output_is_not_read_says_nothing_of_it(
    arguments: str, tmp_path: Path
) -> None:
    for number in range(3):
        make_run(tmp_path / "checkpoints", f"run-{number}")
    done = run_program(arguments.split(), tmp_path, unread())
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", ["--version", "runs"])
def test_a_full_disk_is_one_sentence(arguments: str, tmp_path: Path) -> None:
    make_run(tmp_path / "checkpoints")
    done = run_program(arguments.split(), tmp_path, os.open("/dev/full", os.O_WRONLY))
    assert done.returncode == 2
    assert done.stderr == (
        "fmnist-vae-tui: can't write to standard output: No space left on device\n"
    )


def test_training_goes_on_to_its_end_though_nobody_reads_of_it(
    small_data: Path, tmp_path: Path
) -> None:
    flags = ["--hidden", "8", "--latent-dim", "2", "--device", "cpu", "--epochs", "2"]
    arguments = ["train", "--model", "both", "--name", "x", "--data", str(small_data), *flags]
    stderr = unread()
    done = run_program([*arguments, "--json"], tmp_path, unread(), stderr)
    os.close(stderr)
    assert done.returncode == 0
    for name in ("x-vae", "x-ae"):
        status = json.loads((tmp_path / "checkpoints" / name / "status.json").read_text())
        assert (status["phase"], status["epoch"]) == ("finished", 2)
