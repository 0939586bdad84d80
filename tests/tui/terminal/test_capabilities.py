import io
import os
import subprocess
import sys

import pytest
from rich.console import COLOR_SYSTEMS

from tui.terminal.capabilities import describe_colors, image_mode, set_colors, why_unsupported


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("missing", ["stdin", "stdout"])
def test_without_a_terminal_at_both_ends_the_dashboard_is_refused(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stdin", "stdout"):
        monkeypatch.setattr(sys, name, io.StringIO() if name == missing else Terminal())
    assert "fmnist-vae-tui train" in (why_unsupported({"TERM": "xterm-256color"}) or "")


@pytest.mark.parametrize("environ", [{"TERM": "xterm-256color"}, {"TERM": "linux"}, {}])
def test_a_terminal_is_not_refused(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert why_unsupported(environ) is None


def test_a_dumb_terminal_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert "TERM=dumb" in (why_unsupported({"TERM": "dumb"}) or "")


@pytest.mark.parametrize(
    ("choice", "name"), [("truecolor", "truecolor"), ("256", "256"), ("16", "standard")]
)
def test_a_choice_is_told_to_textual_whatever_was_set_before(choice: str, name: str) -> None:
    environ = {"TEXTUAL_COLOR_SYSTEM": "truecolor"}
    set_colors(choice, environ)  # type: ignore[arg-type]
    assert environ == {"TEXTUAL_COLOR_SYSTEM": name}


def test_no_colours_is_the_wish_that_every_program_knows() -> None:
    environ: dict[str, str] = {}
    set_colors("none", environ)
    assert environ == {"TEXTUAL_COLOR_SYSTEM": "standard", "NO_COLOR": "1"}


@pytest.mark.parametrize(
    ("before", "after"),
    [("256", "256"), ("standard", "standard"), ("rainbow", "auto"), ("", "auto"), (None, "auto")],
)
def test_left_to_itself_a_good_value_stays_and_a_wrong_one_goes(
    before: str | None, after: str
) -> None:
    environ = {} if before is None else {"TEXTUAL_COLOR_SYSTEM": before}
    set_colors("auto", environ)
    assert environ == {"TEXTUAL_COLOR_SYSTEM": after}
    assert environ["TEXTUAL_COLOR_SYSTEM"] in {"auto", *COLOR_SYSTEMS}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("choice", "system"), [("truecolor", "truecolor"), ("256", "256"), ("16", "standard")]
)
def test_textual_takes_the_choice(choice: str, system: str) -> None:
    code = (
        "import sys; from tui.terminal.capabilities import set_colors;"
        "assert 'textual' not in sys.modules;"
        f"set_colors({choice!r}); from textual.app import App; print(App().console.color_system)"
    )
    environ = {**os.environ, "TERM": "linux", "TEXTUAL_COLOR_SYSTEM": "nonsense"}
    environ.pop("NO_COLOR", None)
    result = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == system


@pytest.mark.parametrize(
    ("detected", "name"),
    [
        ("standard", "16 colours"),
        ("256", "256 colours"),
        ("truecolor", "true colour"),
        (None, "no colours"),
    ],
)
def test_detected_colours_are_told_with_their_reason(
    detected: str | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("COLORTERM", raising=False)
    text = describe_colors("auto", detected)
    assert text.startswith(f"Colours: {name} (TERM=xterm-256color, COLORTERM=unset")
    assert ("--colors truecolor" in text) is (detected != "truecolor")


def test_colours_that_were_asked_for_are_told_so() -> None:
    assert describe_colors("16", "standard") == "Colours: 16, as asked for."


@pytest.mark.parametrize(
    ("colors", "mode"),
    [("truecolor", "half"), ("256", "half"), ("standard", "ascii"), (None, "ascii")],
)
def test_pictures_are_half_blocks_where_greys_can_be_told_apart(
    colors: str | None, mode: str
) -> None:
    assert image_mode("auto", colors) == mode


@pytest.mark.parametrize("colors", ["truecolor", "standard", None])
def test_a_chosen_way_to_draw_is_kept(colors: str | None) -> None:
    assert image_mode("half", colors) == "half"
    assert image_mode("ascii", colors) == "ascii"
