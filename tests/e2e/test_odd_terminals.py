"""The dashboard in terminals that lack something, and with its streams led elsewhere."""

from pathlib import Path

from tests.support.terminal_session import PROGRAM, TerminalSession

FLAGS = "--hidden 8 --latent-dim 2 --device cpu --threads 1 --epochs 100000"


def test_in_a_terminal_without_utf8_everything_is_ascii_and_errors_may_go_to_a_file(
    small_data: Path, tmp_path: Path
) -> None:
    # One start for both: where it draws, and what.
    command = f'exec "$0" --data {small_data} {FLAGS} --name odd 2>err.log'
    session = TerminalSession(
        ["-c", command, str(PROGRAM)],
        tmp_path,
        program=Path("/bin/sh"),
        environ={"LC_ALL": "POSIX", "COLUMNS": "20", "LINES": "5", "TEXTUAL_SCREENSHOT": "1"},
    )
    try:
        session.wait_for("-ELBO", 150)
        assert session.raw.isascii()
        # Pictures are letters, and as wide as the terminal is, not as COLUMNS says.
        assert any(len(line.rstrip()) > 100 for line in session.screen.display)
        assert b"\x1b" not in (tmp_path / "err.log").read_bytes()
    finally:
        session.close()
