"""The command `runs`, its table and its JSON, against runs of known numbers."""

import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pexpect
import pytest
from rich.cells import cell_len

from engine.snapshot import Phase
from engine.storage.run_directory import RunDirectory
from engine.storage.run_lock import RunLock
from tests.support.made_diagnoses import made_diagnosis
from tests.support.made_runs import CONFIG, make_run, trained_by_another, write_phase
from tui.cli.main import main
from tui.screens.runs.columns import COLUMNS

PROGRAM = Path(sys.executable).with_name("fmnist-vae-tui")


pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("in_utc")]


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A VAE that was stopped, one with another β that died, and an autoencoder."""
    stopped = make_run(
        tmp_path, "a", {0: 540.0, 1: 243.456, 2: 244.0}, created="2026-11-22T10:00:00+00:00"
    )
    write_phase(stopped, Phase.STOPPED, epoch=2.29, epochs=4, elapsed=75.5)
    died = make_run(
        tmp_path,
        "b",
        {1: 250.0, 2: math.nan},
        replace(CONFIG, beta=4.0, hidden=(16, 8)),
        created="2026-11-21T10:00:00+00:00",
    )
    write_phase(died, Phase.TRAINING, epoch=2.5, epochs=4, elapsed=3600.0)
    make_run(
        tmp_path,
        "c",
        {4: 225.125},
        replace(CONFIG, model="ae"),
        created="2026-11-20T12:00:00+02:00",
    )
    return tmp_path


def lines_of(capsys: pytest.CaptureFixture[str], checkpoints: Path, *flags: str) -> list[str]:
    assert main(["runs", "--checkpoints", str(checkpoints), *flags]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out.splitlines()


def json_of(capsys: pytest.CaptureFixture[str], checkpoints: Path) -> list[dict[str, Any]]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    text = "\n".join(lines_of(capsys, checkpoints, "--json"))
    found: list[dict[str, Any]] = json.loads(text, parse_constant=refuse)
    return found


# Into a pipe.


def test_into_a_pipe_all_columns_go_separated_by_tabs(
    three: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [line.split("\t") for line in lines_of(capsys, three)]
    assert rows[0] == list(COLUMNS)
    assert {row.pop(-2) for row in rows[1:]} == {"0 MiB"}
    assert [" | ".join(row) for row in rows[1:]] == [
        "a | stopped | vae | hidden=8 beta=1 | 243.46 | 244.00 | 2.2/4 | 1:15 | 2026-11-22 10:00",
        "b | died | vae | hidden=16-8 beta=4 | 250.00 | – | 2.5/4 | 1:00:00 | 2026-11-21 10:00",
        "c | finished | ae | hidden=8 | 225.12* | 225.12* | 4/4 | 0:28 | 2026-11-20 10:00",
    ]


def test_what_is_empty_has_a_dash_so_that_columns_stay_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path, "alone")
    _, row = lines_of(capsys, tmp_path)
    assert row.split("\t")[:7] == ["alone", "died", "vae", "–", "–", "–", "0/4"]


def test_in_a_pipe_scores_are_numbers_of_any_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path, "a", {1: 1234567.5})
    _, row = lines_of(capsys, tmp_path)
    assert float(row.split("\t")[4]) == 1234567.5


def test_long_names_and_settings_are_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path, "n" * 100, config=replace(CONFIG, data="/d" * 200))
    make_run(tmp_path, "m")
    text = "\n".join(lines_of(capsys, tmp_path))
    assert "n" * 100 + "\t" in text
    assert "data=" + "/d" * 200 + "\t" in text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("[red]x[b]", "[red]x[b]"),
        ("ü 日本", "ü 日本"),
        ("two\nlines\tand a tab", r"two\nlines\tand a tab"),
        ("\x1b[31mred", r"\x1b[31mred"),
        (b"latin-\xfc".decode("utf-8", "surrogateescape"), r"latin-\udcfc"),
    ],
)
@pytest.mark.parametrize("terminal", [True, False])
def test_odd_names_are_shown_as_they_can_be(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    shown: str,
    terminal: bool,
) -> None:
    make_run(tmp_path, "mine").rename(tmp_path / name)
    (foreign := tmp_path / "[b]").mkdir()
    (foreign / "config.json").write_text('{"format": "[/red]\\u001b"}')
    if terminal:
        monkeypatch.setenv("COLUMNS", "300")
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    lines = lines_of(capsys, tmp_path)
    assert any(line.startswith(shown) for line in lines), lines
    assert len(lines) == (4 if terminal else 3), "a line a run, and in a terminal what is wrong"
    assert json_of(capsys, tmp_path)[-1]["name"] == name


# In a terminal.


def in_terminal(checkpoints: Path, width: int) -> list[str]:
    command = [str(PROGRAM), "runs", "--checkpoints", str(checkpoints)]
    env = {"TERM": "xterm-256color", "TZ": "UTC", "LANG": "C.UTF-8"}
    output = pexpect.run(" ".join(command), env=env, dimensions=(24, width), timeout=60)
    text = re.sub(r"\x1b\[[0-9;]*m", "", output.decode())
    return [line.rstrip() for line in text.splitlines()]


@pytest.mark.parametrize(
    ("width", "missing"),
    [(140, []), (98, ["size", "when"]), (60, ["size", "when", "last", "time"])],
)
def test_in_a_terminal_the_least_columns_are_left_out(
    three: Path, width: int, missing: list[str]
) -> None:
    make_run(three, "a-run-with-a-name-of-some-length")
    lines = in_terminal(three, width)
    assert lines[0].split() == [name for name in COLUMNS if name not in missing]
    assert all(cell_len(line) <= width for line in lines)
    assert "* reconstruction; the others' is −ELBO" in lines
    row = next(line for line in lines if line.startswith("b "))
    assert "† died" in row
    assert "beta=4" in row


def test_in_a_terminal_a_name_is_whole_and_a_problem_is_told(three: Path) -> None:
    name = "x" * 45 + "y" * 45
    broken = make_run(three, name)
    (broken / "config.json").write_text("{}")
    lines = in_terminal(three, 80)
    cells = "".join(line.split(" ")[0] for line in lines if line.startswith(("x", "y")))
    assert cells.startswith(name)
    assert any(line.startswith(f"{name}: ") for line in lines)
    assert lines[-1].endswith("it has no settings")


# As JSON.


def test_json_has_numbers_as_numbers_and_nan_as_null(
    three: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b, c = json_of(capsys, three)
    size, modified = a.pop("size"), a.pop("modified")
    assert isinstance(size, int)
    assert size == sum(file.stat().st_size for file in (three / "a").iterdir())
    assert modified.startswith("20")
    assert modified.endswith("+00:00")
    assert a == {
        "name": "a",
        "path": str(three / "a"),
        "state": "stopped",
        "problem": "",
        "config": CONFIG.to_dict(),
        "epoch": 2.29,
        "epochs": 4,
        "score": "neg_elbo",
        "last": 244.0,
        "best": 243.456,
        "best_epoch": 1.0,
        "seconds": 75.5,
        "created": "2026-11-22T10:00:00+00:00",
        "diagnosis": None,
        "owner": None,
        "parent": None,
        "steered": 0,
        "alerts": [],
    }
    assert (b["state"], b["best"], b["last"]) == ("died", 250.0, None)
    assert (c["score"], c["best"]) == ("recon", 225.125)
    assert c["created"] == "2026-11-20T10:00:00+00:00"


def test_json_tells_who_trains_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make_run(tmp_path)
    write_phase(path, Phase.PAUSED)
    with trained_by_another(path) as pid:
        (run,) = json_of(capsys, tmp_path)
    assert run["state"] == "paused"
    assert run["owner"].keys() == {"pid", "host"}
    assert run["owner"]["pid"] == pid


def test_json_of_what_cannot_be_read_has_nulls(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (make_run(tmp_path, created=None) / "config.json").write_text("{}")
    (run,) = json_of(capsys, tmp_path)
    assert run["state"] == "unreadable"
    assert "has no settings" in run["problem"]
    for name in ("config", "epochs", "score", "last", "best", "best_epoch", "created", "owner"):
        assert run[name] is None, name


# Without runs.


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_without_runs_there_is_a_sentence_and_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str]
) -> None:
    assert main(["runs", "--checkpoints", str(tmp_path / "none"), *flags]) == 0
    printed = capsys.readouterr()
    assert printed.err == f"there are no runs in {tmp_path / 'none'}/\n"
    assert printed.out == ("[]\n" if flags else "")


def test_what_is_no_directory_is_misuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["runs", "--checkpoints", str(tmp_path / "file")]) == 2
    assert "file/ can't be read: Not a directory" in capsys.readouterr().err


def test_torch_is_not_imported(three: Path) -> None:
    code = (
        "import sys; from tui.cli.main import main; "
        f"main(['runs', '--checkpoints', {str(three)!r}]); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_json_has_the_newest_diagnosis(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make_run(tmp_path, "diagnosed", {0: 500.0, 2: 250.0})
    make_run(tmp_path, "old", {0: 500.0})
    run = RunDirectory.reopen(path, RunLock(path), CONFIG, 10_000, 10_000)
    made = [made_diagnosis(CONFIG, step) for step in (0, 200)]
    for diagnosis in made:
        run.add_diagnosis(diagnosis)
    run.flush()
    run.close()
    told = {run["name"]: run["diagnosis"] for run in json_of(capsys, tmp_path)}
    assert told["old"] is None
    surgery = made[-1].surgery
    assert surgery is not None
    assert told["diagnosed"]["mutual_information"] == surgery.mutual_information
    assert told["diagnosed"]["gap"] == pytest.approx(made[-1].gap)
    assert told["diagnosed"]["above_floor"] == pytest.approx(250.0 - made[-1].floor)
