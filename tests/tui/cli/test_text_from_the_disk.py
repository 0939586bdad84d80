"""Whatever the files of a run say, nothing of it reaches the terminal but harmless text."""

import json
import os
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.config import RunConfig
from tests.support.stored_runs import train_run
from tests.support.terminal_session import TerminalSession
from tui.cli.main import main

pytestmark = pytest.mark.slow

EVIL = "\x1b]52;c;cHduZWQ=\x07\x1b]0;PWN\x1b\\\x9b2J\u202e\x08"
PLANTED = ("\x1b]52", "\x1b]0;PWN", "\x07", "\x9b", "\u202e", "\x08")
NAME = "r" + EVIL.replace("/", "")


def edit(file: Path, **values: Any) -> None:
    content = json.loads(file.read_text())
    for key, value in values.items():
        content[key] = content[key] | value if isinstance(value, dict) else value
    file.write_text(json.dumps(content))


@pytest.fixture(scope="module")
def trained(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = RunConfig(
        data=str(small_data), hidden=(8,), latent_dim=2, epochs=1, threads=1, device="cpu"
    )
    return train_run(config, tmp_path_factory.mktemp("runs"), "plain")


@pytest.fixture
def checkpoints(trained: Path, tmp_path: Path) -> Path:
    """A run with something planted in every text of it, and one whose settings are no use."""
    for name in (NAME, "u" + EVIL):
        shutil.copytree(trained, tmp_path / "ck" / name)
    path = tmp_path / "ck" / NAME
    (path / "lock").write_text(json.dumps({"pid": 1, "host": EVIL}))
    alerts = [{"step": 1, "text": EVIL}]
    texts = dict.fromkeys(("run", "activity", "device", "error"), EVIL)
    edit(path / "status.json", **texts, alerts=alerts, phase="failed")
    device = {"name": EVIL, "label": EVIL, "threads": 1}
    versions = {EVIL: EVIL, "torch": EVIL}
    edit(path / "config.json", device=device, versions=versions, data={"source": EVIL})
    edit(tmp_path / "ck" / ("u" + EVIL) / "config.json", config={EVIL: EVIL})
    return tmp_path / "ck"


def check(text: str) -> None:
    assert [repr(bad) for bad in PLANTED if bad in text] == []


COMMANDS = {
    "runs": ["runs"],
    "runs --json": ["runs", "--json"],
    "export": ["export", NAME, "--figure", "val_loss"],
    "export of an unreadable one": ["export", "u" + EVIL],
    "export of none": ["export", "none" + EVIL],
    "export of no figure": ["export", NAME, "--figure", EVIL],
    "evaluate": ["evaluate", NAME],
    "resume": ["train", "--resume", NAME],
    "resume an unreadable one": ["train", "--resume", "u" + EVIL],
    "moved data": ["evaluate", NAME, "--data", EVIL],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_no_command_prints_what_steers_a_terminal(
    command: list[str], checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exports = ["--exports", str(tmp_path / "x")] if command[0] == "export" else []
    main([*command, "--checkpoints", str(checkpoints), *exports])
    out, err = capsys.readouterr()
    check(err)
    if command[0] != "export":  # whose paths go into a pipe whole, for programs
        check(out)


def test_a_report_holds_nothing_of_it(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = checkpoints / "plain"
    (checkpoints / NAME).rename(path)
    assert main(["report", str(path), "--exports", str(tmp_path / "x")]) == 0
    check(capsys.readouterr().err)
    for file in (tmp_path / "x").rglob("report.*"):
        check(file.read_text())


@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals")
def test_the_list_and_the_dashboard_send_nothing_of_it_to_the_terminal(
    checkpoints: Path, tmp_path: Path
) -> None:
    for arguments in (["attach"], ["attach", NAME]):
        with closing(TerminalSession([*arguments, "--checkpoints", "ck"], tmp_path)) as session:
            session.wait_for("PWN")
            session.send("?" if len(arguments) > 1 else "\x1b[B")
            session.read(1.0)
            raw = session.raw.decode("utf-8", "replace")
        # The program's own sequences are others: it sets no clipboard, and its title is fixed.
        assert "\x1b]52;c;cHduZWQ=" not in raw
        assert "\x1b]0;PWN" not in raw
        assert not any(bad in raw for bad in ("\x9b", "\u202e"))
