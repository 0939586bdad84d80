"""Asking another process by a Unix socket."""

import json
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import ControlError
from engine.runs.control_socket import MAX_ADDRESS, SOCKET_FILE, ControlServer, ask

Asked = list[str]


@pytest.fixture
def asked() -> Asked:
    return []


@pytest.fixture
def server(tmp_path: Path, asked: Asked) -> Iterator[ControlServer]:
    def refuse(_: object) -> None:
        raise RuntimeError("not now")

    server = ControlServer(
        tmp_path,
        {
            "pause": lambda _: asked.append("pause"),
            "weights": lambda _: bytes(range(256)) * 40_000,
            "refused": refuse,
        },
    )
    yield server
    server.close()


@pytest.mark.usefixtures("server")
def test_a_question_is_answered(tmp_path: Path, asked: Asked) -> None:
    assert ask(tmp_path, "pause") == b""
    assert asked == ["pause"]
    assert ask(tmp_path, "weights", most=20_000_000) == bytes(range(256)) * 40_000


@pytest.mark.usefixtures("server")
def test_another_process_is_answered(tmp_path: Path, asked: Asked) -> None:
    script = (
        "from pathlib import Path; from engine.runs.control_socket import ask; "
        f"ask(Path({str(tmp_path)!r})"
    )
    child = subprocess.run([sys.executable, "-c", f"{script}, 'pause')"], timeout=30)
    assert child.returncode == 0


@pytest.mark.usefixtures("server")
def test_what_went_wrong_is_told(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="not now"):
        ask(tmp_path, "refused")
    with pytest.raises(ControlError, match="not a question"):
        ask(tmp_path, "rm -rf")


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("line", [b"", b"\n", b"[]\n", b"\xff\n", b'{"do": []}\n', b"x" * 9000])
def test_nonsense_is_refused_and_the_next_question_answered(line: bytes, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(tmp_path / SOCKET_FILE))
        connection.sendall(line)
        connection.shutdown(socket.SHUT_WR)
        assert json.loads(connection.makefile("rb").readline())["ok"] is False
    assert ask(tmp_path, "pause") == b""


@pytest.mark.usefixtures("server")
def test_only_the_user_may_ask(tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / SOCKET_FILE).stat().st_mode) == 0o600


@pytest.mark.usefixtures("server")
def test_a_client_that_says_nothing_holds_up_nobody(tmp_path: Path, asked: Asked) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(tmp_path / SOCKET_FILE))
        assert ask(tmp_path, "pause") == b""
    assert asked == ["pause"]


def test_after_its_end_nobody_answers_and_nothing_is_left(tmp_path: Path) -> None:
    server = ControlServer(tmp_path, {"pause": lambda _: None})
    silent = socket.socket(socket.AF_UNIX)
    silent.connect(str(tmp_path / SOCKET_FILE))
    ask(tmp_path, "pause")  # so that the silent one has been let in
    started = time.monotonic()
    server.close()
    assert time.monotonic() - started < 5, "it doesn't wait for a client that hangs"
    silent.close()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ControlError, match="can't be asked"):
        ask(tmp_path, "pause")


def test_the_socket_of_a_killed_process_is_replaced(tmp_path: Path) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / SOCKET_FILE))
    dead.close()
    with pytest.raises(ControlError):
        ask(tmp_path, "pause")
    server = ControlServer(tmp_path, {"pause": lambda _: None})
    assert ask(tmp_path, "pause") == b""
    server.close()


@pytest.mark.parametrize("deleted", [True, False])
def test_a_socket_that_another_process_put_there_is_left_alone(
    deleted: bool, tmp_path: Path
) -> None:
    ours = ControlServer(tmp_path, {"pause": lambda _: b"ours"})
    if deleted:
        (tmp_path / SOCKET_FILE).unlink()
    else:
        (tmp_path / SOCKET_FILE).rename(tmp_path / "aside")
    theirs = ControlServer(tmp_path, {"pause": lambda _: b"theirs"})
    ours.close()
    assert ask(tmp_path, "pause") == b"theirs"
    theirs.close()
    assert not (tmp_path / SOCKET_FILE).exists()


def test_an_answer_that_is_cut_off_is_an_error(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / SOCKET_FILE))
    listener.listen()

    def answer() -> None:
        connection, _ = listener.accept()
        connection.recv(100)
        connection.sendall(b'{"ok": true, "bytes": 9}\n1234')
        connection.close()

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(ControlError, match="went away"):
        ask(tmp_path, "weights")
    thread.join()
    listener.close()


def test_a_path_that_is_too_long_for_a_socket_works(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120) / "y"
    folder.mkdir(parents=True)
    assert len(str(folder)) > MAX_ADDRESS
    server = ControlServer(folder, {"pause": lambda _: b"yes"})
    assert ask(folder, "pause") == b"yes"
    server.close()


def test_where_there_can_be_no_socket_the_run_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = ControlServer(tmp_path / "gone", {})
    assert "can be watched but not steered" in caplog.text
    server.close()
