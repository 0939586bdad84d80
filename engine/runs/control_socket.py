"""Asking the process that trains a run: a Unix socket in the run's directory.

A question is a line of JSON, `{"do": "pause"}`; the answer is a line of JSON, `{"ok": true,
"bytes": N}`, and N bytes. Questions: `pause`, `resume`, `stop`, `steer` (with "setting" and
"value"), `keep` (with "name"), `status` (the content of the current status.json) and `weights` (a
checkpoint of the model alone, for `torch.load(weights_only=True)`). Only the owner's user may
connect (mode 0600). Where a file system has no sockets there is no asking, and the run can still be
watched by its files.
"""

import contextlib
import json
import logging
import os
import socket
import socketserver
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, cast

from engine.errors import ControlError
from engine.storage.file_reading import MOST_JSON, Fields, cause, parse_json
from engine.text import one_line

log = logging.getLogger(__name__)

SOCKET_FILE = "control.sock"
MAX_ADDRESS = 100
"""Bytes of a socket's path that every system can do with."""
MAX_LINE = 4096
_MOST_SHOWN = 200
"""Letters of why a process refused."""
TIMEOUT = 2.0
"""Seconds to wait for an answer; training answers between two slices of steps."""
WEIGHTS_TIMEOUT = 20.0
POLL = 0.1

Answer = Callable[[Fields], bytes | None]


class ControlServer:
    """Answers for the run in a directory, in threads of its own, until `close`.

    Args:
        path: the run's directory; the caller has its lock.
        answers: what to do for each question, given its fields; what it returns is sent back.
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
            # While ours is open, no other file has its number.
            with contextlib.suppress(OSError):
                if _identity(self._file) == self._server.file:
                    self._file.unlink()
            self._server.server_close()
            self._server = None


if sys.platform != "win32":

    class _Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True  # a client that hangs must not hold up the end
        block_on_close = False

        def __init__(self, address: str, answers: Mapping[str, Answer]) -> None:
            self.answers = answers
            super().__init__(address, _Handler)

        def server_bind(self) -> None:
            super().server_bind()
            path = Path(cast("str", self.server_address))
            # Nobody can connect before it listens, which comes after this.
            path.chmod(0o600)
            self.file = _identity(path)

        def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
            log.debug("a client went away", exc_info=True)


def _identity(file: Path) -> tuple[int, int]:
    status = file.lstat()
    return status.st_dev, status.st_ino


class _Handler(socketserver.StreamRequestHandler):
    timeout = 30.0

    def handle(self) -> None:
        line = self.rfile.readline(MAX_LINE)
        try:
            fields = Fields(parse_json(line))
            question = fields.text("do") or ""
            answer = cast("_Server", self.server).answers[question]
        except (ValueError, KeyError):
            self._send({"ok": False, "error": "not a question that is known here"})
            return
        try:
            content = answer(fields) or b""
        except Exception as error:  # whatever it was: the client gets a sentence, training goes on
            log.debug("%s failed", question, exc_info=True)
            self._send({"ok": False, "error": str(error) or type(error).__name__})
            return
        self._send({"ok": True, "bytes": len(content)}, content)

    def _send(self, head: dict[str, Any], content: bytes = b"") -> None:
        self.wfile.write(json.dumps(head).encode() + b"\n" + content)


def ask(
    path: Path,
    question: str,
    timeout: float = TIMEOUT,
    most: int = MOST_JSON,
    fields: Mapping[str, object] | None = None,
) -> bytes:
    """The answer of the process that trains the run in a directory.

    Args:
        fields: of the question, as JSON can hold them.
        timeout: seconds for the whole answer.
        most: bytes that it may have.

    Raises:
        ControlError: if it can't be asked, or refused.
    """
    if sys.platform == "win32":
        raise ControlError("there are no Unix sockets here")
    try:
        with _address(path) as address, socket.socket(socket.AF_UNIX) as connection:
            answer = _Answer(connection, timeout)
            connection.connect(address)
            connection.sendall(json.dumps({"do": question, **(fields or {})}).encode() + b"\n")
            return answer.read(most)
    except (OSError, ValueError) as error:
        raise ControlError(f"its process can't be asked: {cause(error)}") from error


class _Answer:
    """What comes through a connection, which may be anyone's: bounded as a whole."""

    def __init__(self, connection: socket.socket, timeout: float) -> None:
        self._connection = connection
        self._deadline = time.monotonic() + timeout
        self._received = bytearray()
        connection.settimeout(timeout)

    def read(self, most: int) -> bytes:
        """The content.

        Raises:
            ControlError: if the process refused, or went away.
            OSError, ValueError: if the answer is none of ours, too long or too slow.
        """
        while b"\n" not in self._received:
            if len(self._received) > MAX_LINE or not self._receive():
                raise ValueError("its answer has no first line")
        line, _, rest = self._received.partition(b"\n")
        head = Fields(parse_json(bytes(line)))
        size = head.whole("bytes", 0, most)
        if size is None:
            problem = head.text("error") or "it refused"
            raise ControlError(one_line(problem, _MOST_SHOWN))
        self._received = rest
        while len(self._received) < size:
            if not self._receive():
                raise ControlError("its process went away")
        return bytes(self._received[:size])

    def _receive(self) -> bool:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left)
        piece = self._connection.recv(1 << 16)
        self._received += piece
        return bool(piece)


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
