"""Asking the process that trains a run: a Unix socket in the run's directory.

A question is a line of JSON, `{"do": "pause"}`; the answer is a line of JSON, `{"ok": true,
"bytes": N}`, and N bytes. Questions: `pause`, `resume`, `stop`, `status` (the content of
the current status.json) and `weights` (a checkpoint of the model alone, for
`torch.load(weights_only=True)`). Only the owner's user may connect (mode 0600). Where a file
system has no sockets there is no asking, and the run can still be watched by its files.
"""

import contextlib
import json
import logging
import os
import socket
import socketserver
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, cast

from engine.errors import ControlError

log = logging.getLogger(__name__)

SOCKET_FILE = "control.sock"
MAX_ADDRESS = 100
"""Bytes of a socket's path that every system can do with."""
MAX_LINE = 4096
TIMEOUT = 2.0
"""Seconds to wait for an answer; training answers between two slices of steps."""
WEIGHTS_TIMEOUT = 20.0
POLL = 0.1

Answer = Callable[[], bytes | None]


class ControlServer:
    """Answers for the run in a directory, in threads of its own, until `close`.

    Args:
        path: the run's directory; the caller has its lock.
        answers: what to do for each question; what it returns is sent back.
    """

    def __init__(self, path: Path, answers: Mapping[str, Answer]) -> None:
        self._file = path / SOCKET_FILE
        self._server: _Server | None = None
        if sys.platform == "win32":
            return
        try:
            with contextlib.suppress(FileNotFoundError):
                self._file.unlink()  # of a process that was killed
            with _address(path) as address:
                self._server = _Server(address, answers)
        except OSError as error:
            log.warning("this run can be watched but not steered by others: %s", error)
            return
        self._thread = Thread(
            target=self._server.serve_forever, args=(POLL,), name="control", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
            with contextlib.suppress(OSError):
                self._file.unlink()


if sys.platform != "win32":

    class _Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True  # a client that hangs must not hold up the end
        block_on_close = False

        def __init__(self, address: str, answers: Mapping[str, Answer]) -> None:
            self.answers = answers
            super().__init__(address, _Handler)

        def server_bind(self) -> None:
            super().server_bind()
            # Nobody can connect before it listens, which comes after this.
            Path(cast("str", self.server_address)).chmod(0o600)

        def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
            log.debug("a client went away", exc_info=True)


class _Handler(socketserver.StreamRequestHandler):
    timeout = 30.0

    def handle(self) -> None:
        line = self.rfile.readline(MAX_LINE)
        try:
            question = json.loads(line)["do"]
            answer = cast("_Server", self.server).answers[question]
        except (ValueError, KeyError, TypeError):
            self._send({"ok": False, "error": "not a question that is known here"})
            return
        try:
            content = answer() or b""
        except Exception as error:  # whatever it was: the client gets a sentence, training goes on
            log.debug("%s failed", question, exc_info=True)
            self._send({"ok": False, "error": str(error) or type(error).__name__})
            return
        self._send({"ok": True, "bytes": len(content)}, content)

    def _send(self, head: dict[str, Any], content: bytes = b"") -> None:
        self.wfile.write(json.dumps(head).encode() + b"\n" + content)


def ask(path: Path, question: str, timeout: float = TIMEOUT) -> bytes:
    """The answer of the process that trains the run in a directory.

    Raises:
        ControlError: if it can't be asked, or refused.
    """
    if sys.platform == "win32":
        raise ControlError("there are no Unix sockets here")
    try:
        with _address(path) as address, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(address)
            connection.sendall(json.dumps({"do": question}).encode() + b"\n")
            with connection.makefile("rb") as stream:
                head = json.loads(stream.readline(MAX_LINE))
                content = stream.read(head["bytes"]) if head["ok"] else b""
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ControlError(f"its process can't be asked: {error}") from error
    if not head["ok"]:
        raise ControlError(str(head.get("error")))
    if len(content) != head["bytes"]:
        raise ControlError("its process went away")
    return content


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """The socket's path, which a socket's address has little room for."""
    file = path / SOCKET_FILE
    if len(os.fsencode(file)) <= MAX_ADDRESS or not Path("/proc/self/fd").is_dir():
        yield str(file)
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET_FILE}"
    finally:
        os.close(descriptor)
