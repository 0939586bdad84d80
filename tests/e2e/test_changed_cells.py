"""Only changed cells are sent: a terminal shows after all what it would if all were sent."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.terminal_session import TerminalSession


def settled(session: TerminalSession, quiet: float = 1.2) -> list[list[tuple[object, ...]]]:
    """The cells, once nothing has come for a while; a blank's foreground can't be seen."""
    silent_since = time.monotonic()
    while time.monotonic() - silent_since < quiet:
        before = len(session.raw)
        session.read()
        if len(session.raw) > before:
            silent_since = time.monotonic()
    screen = session.screen
    return [
        [
            tuple(c._replace(fg="default", bold=False)) if c.data == " " else tuple(c)
            for c in (screen.buffer[y][x] for x in range(screen.columns))
        ]
        for y in range(screen.lines)
    ]


@contextmanager
def training(data: Path, cwd: Path, columns: int, rows: int) -> Iterator[TerminalSession]:
    """The dashboard of a run without end."""
    flags = ["--data", str(data), "--hidden", "16", "--epochs", "100000"]
    session = TerminalSession([*flags, "--device", "cpu", "--threads", "1"], cwd, columns, rows)
    try:
        session.wait_for("samples from the prior")
        yield session
    finally:
        session.close()


def test_after_training_and_other_screens_no_cell_is_stale(
    small_data: Path, tmp_path: Path
) -> None:
    with training(small_data, tmp_path, 120, 40) as session:
        session.wait_for("best")
        for key, shown in (
            ("?", "Pause or resume training"),
            ("\x1b", "originals (top), reconstructions"),
            ("l", "nearest"),
            ("q", "originals (top), reconstructions"),
        ):
            session.send(key)
            session.wait_for(shown)
        for key in ("z", "z", "c", "s", "r"):
            session.send(key)
            session.read(0.3)
        session.send(" ")
        session.wait_for("paused")
        changed_only = settled(session)
        # In another size everything is sent again.
        for columns in (121, 120):
            session.screen.resize(40, columns)
            session.child.setwinsize(40, columns)
            whole = settled(session)
    different = [
        y for y, (one, other) in enumerate(zip(changed_only, whole, strict=True)) if one != other
    ]
    assert different == []


def test_what_another_program_wrote_over_the_screen_is_gone_after_ctrl_l(
    small_data: Path, tmp_path: Path
) -> None:
    with training(small_data, tmp_path, 80, 24) as session:
        session.send(" ")
        session.wait_for("paused")
        before = settled(session)
        session.feed("\x1b[5;10HBroadcast message from root@here\x1b[1;1H")
        assert settled(session, 0.3) != before
        session.send("\x0c")
        assert settled(session) == before
