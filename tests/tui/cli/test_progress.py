import io
import sys

import pytest

from tui.cli.progress import new_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "live"),
    [
        (Terminal(), {"TERM": "xterm-256color"}, True),
        (Terminal(), {"TERM": "dumb", "FORCE_COLOR": "1"}, False),
        (Terminal(), {"TERM": "unknown"}, False),
        (io.StringIO(), {"FORCE_COLOR": "1", "TTY_COMPATIBLE": "1"}, False),
    ],
)
def test_a_bar_is_for_terminals_that_can_go_back_in_a_line(
    stream: io.StringIO, environ: dict[str, str], live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    bar = new_bar(transient=False)
    bar.add_task("training", total=1)
    bar.start()
    bar.stop()
    bar.console.print("an alert", style="yellow")
    assert ("\x1b" in stream.getvalue()) is live
    assert ("training" in stream.getvalue()) is live
    assert "an alert" in stream.getvalue()
