"""`report` of the installed program, without a terminal."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pexpect
import pytest
from PIL import Image

from engine.config import RunConfig
from tests.support.stored_runs import train_run

PROGRAM = Path(sys.executable).with_name("fmnist-vae-tui")


def run(arguments: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAM), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def trained(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the runs v and a in its checkpoints."""
    folder = tmp_path_factory.mktemp("work")
    config = RunConfig(
        hidden=(8,),
        latent_dim=3,
        batch_size=64,
        epochs=2,
        device="cpu",
        threads=1,
        data=str(small_data),
    )
    train_run(config, folder / "checkpoints", "v")
    train_run(replace(config, model="ae"), folder / "checkpoints", "a")
    return folder


@pytest.fixture(scope="module")
def reported(trained: Path) -> subprocess.CompletedProcess[str]:
    """The report on both, in its usual place: each costs seconds."""
    return run(["report", "v", "a", "--weights", "best"], trained)


def test_the_two_paths_are_all_that_is_printed(
    trained: Path, reported: subprocess.CompletedProcess[str]
) -> None:
    done = reported
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["exports/v/report.md", "exports/v/report.html"]
    assert done.stderr == ""
    content = (trained / "exports/v/report.md").read_text()
    assert content.startswith("# Report on v (VAE) and a (AE)\n")
    assert "fmnist-vae-tui report v a --weights best" in content
    assert "best weights" in content


@pytest.mark.usefixtures("reported")
def test_the_projection_is_used_and_told(trained: Path) -> None:
    flags = ["--weights", "best", "--projection", "tsne"]
    done = run(["report", "v", *flags, "--exports", "t"], trained)
    assert done.returncode == 0, done.stderr
    content = (trained / "t/v/report.md").read_text()
    assert "by t-SNE, coloured by class" in content
    assert "fmnist-vae-tui report v --weights best --projection tsne" in content
    # The other one is of the same weights.
    drawn = [Image.open(trained / d / "v/vae_latent_scatter.png") for d in ("t", "exports")]
    assert not np.array_equal(*map(np.asarray, drawn))


def test_a_run_given_twice_is_reported_once_and_on_a_terminal_progress_is_told_and_wiped(
    trained: Path,
) -> None:
    child = pexpect.spawn(
        str(PROGRAM),
        ["report", "a", "checkpoints/a", "--exports", "tty"],
        cwd=str(trained),
        env={**os.environ, "TERM": "xterm-256color"},
        dimensions=(24, 100),
        timeout=300,
        encoding="utf-8",
    )
    told = child.read()
    child.wait()
    assert child.exitstatus == 0
    assert "a: drawing samples" in told
    after = told.rsplit("\x1b[2K", 1)[1]  # where the bar's line is wiped
    assert re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", after).split() == [
        "tty/a/report.md",
        "tty/a/report.html",
    ]
    assert (trained / "tty/a/report.md").read_text().startswith("# Report on a (AE)\n")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "report needs a run"),
        (["gone"], "no run 'gone'"),
        (["v", "gone"], "no run 'gone'"),
        (["v", "--exports", "/proc/nowhere"], "can't write to /proc/nowhere/v/"),
        (["empty"], "last.pt is missing: nothing was saved yet"),
    ],
)
def test_unusable_input_is_one_sentence_on_stderr_and_exit_code_2(
    arguments: list[str], expected: str, trained: Path
) -> None:
    empty = trained / "checkpoints" / "empty"
    if not empty.exists():
        empty.mkdir()
        shutil.copy(trained / "checkpoints/v/config.json", empty)
    done = run(["report", *arguments], trained)
    assert done.returncode == 2
    assert done.stdout == ""
    [sentence] = done.stderr.splitlines()
    assert sentence.startswith("fmnist-vae-tui: ")
    assert expected in sentence
