"""`report` of the installed program, without a terminal."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

PROGRAM = Path(sys.executable).with_name("fmnist-vae-tui")
SMALL = ["--hidden", "8", "--latent-dim", "3", "--batch-size", "64", "--epochs", "2"]
SMALL += ["--device", "cpu", "--threads", "1"]


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
    for name, model in (("v", "vae"), ("a", "ae")):
        train = ["train", "--data", str(small_data), "--model", model, "--name", name, *SMALL]
        done = run(train, folder)
        assert done.returncode == 0, done.stderr
    return folder


def test_the_two_paths_are_all_that_is_printed(trained: Path) -> None:
    done = run(["report", "v", "a", "--weights", "best"], trained)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["exports/v/report.md", "exports/v/report.html"]
    assert done.stderr == ""
    content = (trained / "exports/v/report.md").read_text()
    assert content.startswith("# Report on v (VAE) and a (AE)\n")
    assert "fmnist-vae-tui report v a --weights best" in content
    assert "best weights" in content


def test_a_run_given_twice_is_reported_once_and_may_be_given_by_its_path(trained: Path) -> None:
    done = run(["report", "a", "checkpoints/a", "--exports", "once"], trained)
    assert done.returncode == 0, done.stderr
    assert (trained / "once/a/report.md").read_text().startswith("# Report on a (AE)\n")


def test_the_projection_is_used_and_told(trained: Path) -> None:
    done = run(["report", "v", "--projection", "tsne", "--exports", "t"], trained)
    assert done.returncode == 0, done.stderr
    content = (trained / "t/v/report.md").read_text()
    assert "by t-SNE, coloured by class" in content
    assert "fmnist-vae-tui report v --projection tsne" in content
    plain = run(["report", "v", "--exports", "p"], trained)
    assert plain.returncode == 0, plain.stderr
    drawn = [(trained / d / "v/vae_latent_scatter.png").read_bytes() for d in "tp"]
    assert drawn[0] != drawn[1]


def test_on_a_terminal_progress_is_told_and_wiped(trained: Path) -> None:
    child = pexpect.spawn(
        str(PROGRAM),
        ["report", "a", "--exports", "tty"],
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
