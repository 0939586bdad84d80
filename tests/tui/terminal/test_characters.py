import io
import json

import pytest
from rich.cells import cell_len

from tui.terminal.characters import REPLACE, has_unicode, in_cells, in_words


@pytest.mark.parametrize(
    ("environ", "encoding", "expected"),
    [
        ({}, "utf-8", True),  # a container: no locale, but a terminal of today
        ({"LANG": "en_GB.UTF-8"}, "utf-8", True),
        ({"LC_ALL": "", "LC_CTYPE": "C.utf8", "LANG": "C"}, "utf-8", True),
        ({"LC_ALL": "POSIX", "LANG": "en_GB.UTF-8"}, "utf-8", False),
        ({"LANG": "C"}, "utf-8", False),
        ({"LANG": "de_DE.ISO-8859-1"}, "iso8859-1", False),
        ({"LC_ALL": "C", "PYTHONUTF8": "1"}, "utf-8", True),
        ({"LC_ALL": "C", "PYTHONIOENCODING": "utf-8"}, "utf-8", True),
        ({"LC_ALL": "C", "PYTHONIOENCODING": ":replace"}, "utf-8", False),
        ({"PYTHONIOENCODING": "latin-1"}, "latin-1", False),
        ({"TMUX": "/tmp/tmux-0/default,1,0"}, "utf-8", False),
        ({"STY": "1.pts"}, "utf-8", False),
        ({"TMUX": "/tmp/tmux-0/default,1,0", "LANG": "C.UTF-8"}, "utf-8", True),
        ({"LANG": "C.UTF-8"}, None, False),
        ({"LANG": "C.UTF-8"}, "no-such-encoding", False),
    ],
)
def test_a_terminal_has_unicode_if_locale_and_encoding_have(
    environ: dict[str, str], encoding: str | None, expected: bool
) -> None:
    assert has_unicode(environ, encoding) is expected


def test_a_screen_in_ascii_keeps_its_layout() -> None:
    screen = "╭─ Loss ─╮│▀▄█ ⣿⠁⢀⠀ −0.5 β z₁₂ ● → … ü 中文 ｗ ✓ ⌘\x1b[31m"
    shown = in_cells(screen)
    assert shown.isascii()
    assert cell_len(shown) == cell_len(screen)
    assert shown.startswith("+- Loss -+|### :'.  -0.5 b z12 o > . u ???? w  v ?\x1b[31m")


def test_every_character_of_one_cell_stays_one_of_ascii() -> None:
    for code in (*range(0xA0, 0x3000), *range(0xFF00, 0x10000)):
        shown = in_cells(chr(code))
        assert shown.isascii()
        assert len(shown) == cell_len(chr(code)), hex(code)


@pytest.mark.parametrize(
    ("character", "shown"),
    [("−", "-"), ("–", "-"), ("·", "."), ("β", "beta"), ("…", "..."), ("ü", "u"), ("─", "-")],
)
def test_a_line_says_in_ascii_what_a_character_means(character: str, shown: str) -> None:
    assert in_words(character) == shown


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
def test_no_text_ever_fails_to_be_written(encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors=REPLACE)
    stream.write("−1 β 中 😀 \udcff ü")
    stream.flush()
    text = raw.getvalue().decode(encoding)
    if encoding == "utf-8":
        assert text == "−1 β 中 😀 \\udcff ü"
    else:
        assert text.startswith("-1 ")
        assert text.split(maxsplit=2)[2].startswith("\\u4e2d \\ud83d\\ude00 \\udcff ")


def test_json_stays_json_in_ascii() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors=REPLACE)
    stream.write(json.dumps({"run": "中😀"}, ensure_ascii=False))
    stream.flush()
    assert json.loads(raw.getvalue()) == {"run": "中😀"}
