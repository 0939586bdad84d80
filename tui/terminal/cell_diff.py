"""Sends a terminal only the cells that differ from what it shows, in as few codes as will do.

Textual sends the whole rest of a line when a cell of it has changed, and for every run of equal
cells both colours in full and a reset. Over SSH that is three times what it takes.
"""

import re
from functools import lru_cache
from itertools import islice

from rich.cells import cell_len, get_character_cell_size

_TOKEN = re.compile(
    # First what there is most of: a segment, as Textual writes it.
    r"\x1b\[(?P<segment>[\d;]+)m(?P<content>[^\x00-\x1f\x7f]+)\x1b\[0m"
    r"|\x1b\[(?P<row>\d+);(?P<column>\d+)H"
    r"|\x1b\[(?P<sgr>[\d;]*)m"
    r"|(?P<text>[^\x00-\x1f\x7f]+)"
    r"|(?P<newline>\n(?=\x1b\[\d+;\d+H))"  # before a move it means nothing
    # Modes, questions, titles and the clipboard: they leave the cells and the cursor alone.
    r"|(?P<other>\x1b\[[<-?][0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x07)"
    r"|(?P<unknown>\x1b\[[0-?]*[ -/]*[@-~]|.)",
    re.DOTALL,
)
_ENTER_SCREEN, _LEAVE_SCREEN = "\x1b[?1049h", "\x1b[?1049l"


class CellDiff:
    """What a terminal's full-screen mode shows, as far as it is known."""

    def __init__(self) -> None:
        self._full_screen = False
        self._rows: dict[int, tuple[list[str], list[str]]] = {}
        """By row: the character and the style of each cell; '' for what isn't known."""
        self._at: tuple[int, int] | None = None
        """Row and column of the terminal's cursor, if known."""
        self._style: str | None = None
        """The terminal's style, as SGR parameters."""
        self._out: list[str] = []

    def forget(self) -> None:
        """The terminal may show anything now."""
        self._rows.clear()
        self._at = self._style = None

    def changes(self, data: str) -> str:
        """What to send instead of `data`, to the same effect."""
        if not self._full_screen and _ENTER_SCREEN not in data:
            return data
        at = self._at
        style = ""
        self._out = []
        for token in _TOKEN.finditer(data):
            kind, text = token.lastgroup, token[0]
            if kind == "content" and at is not None:
                at = self._show(*at, token["content"], _joined(style, token["segment"]))
                style = ""
            elif kind == "column":
                at = int(token["row"]) - 1, int(token["column"]) - 1
            elif kind == "sgr":
                style = _joined(style, token["sgr"])
            elif kind == "text" and at is not None:
                at = self._show(*at, text, style)
            elif kind != "newline":
                self._go(at, style)
                self._out.append(text)
                if text in (_ENTER_SCREEN, _LEAVE_SCREEN):
                    self._full_screen = text == _ENTER_SCREEN
                if text in (_ENTER_SCREEN, _LEAVE_SCREEN) or kind != "other":
                    self.forget()
                    at = None
        # Left as Textual wants them, should anybody else write.
        self._go(at, style)
        return "".join(self._out)

    def _show(self, row: int, column: int, text: str, style: str) -> tuple[int, int]:
        """Send what it takes for a text to be seen; where it ends."""
        if _is_plain(text):
            self._write_changes(row, column, text, style)
            return row, column + len(text)
        self._write_all(row, column, text, style)
        return row, column + cell_len(text)

    def _write_changes(self, row: int, column: int, text: str, style: str) -> None:
        characters, styles = self._rows.setdefault(row, ([], []))
        if text.isspace():
            style = _background(style)
        end = column + len(text)
        missing = end - len(characters)
        if missing > 0:
            characters += [""] * missing
            styles += [""] * missing
        start: int | None = None
        for at, character in enumerate(text, column):
            # Not `is`: equal styles come from different writes.
            if characters[at] == character and styles[at] == style:
                if start is not None:
                    self._write(row, start, text[start - column : at - column], style)
                    start = None
            else:
                characters[at], styles[at] = character, style
                if start is None:
                    start = at
        if start is not None:
            self._write(row, start, text[start - column :], style)

    def _write_all(self, row: int, column: int, text: str, style: str) -> None:
        """What may be wider on the terminal than is thought: its row isn't known any more."""
        self._write(row, column, text, style)
        self._rows.pop(row, None)
        self._at = None

    def _write(self, row: int, column: int, text: str, style: str) -> None:
        if self._style is not None and text.isspace():
            style = _behind(self._style, style)
        self._go((row, column), style)
        self._out.append(text)
        self._at = row, column + len(text)

    def _go(self, at: tuple[int, int] | None, style: str) -> None:
        if at is not None and at != self._at:
            row, column = at
            # By its number, not so many to the right: some terminals draw ● two cells wide.
            same_row = self._at is not None and self._at[0] == row
            self._out.append(f"\x1b[{column + 1}G" if same_row else f"\x1b[{row + 1};{column + 1}H")
            self._at = at
        if style != self._style:
            self._out.append(_restyle(self._style, style))
            self._style = style


@lru_cache(maxsize=4096)
def _is_plain(text: str) -> bool:
    """Whether every character takes one cell."""
    return text.isascii() or all(get_character_cell_size(c) == 1 for c in set(text))


def _joined(style: str, sgr: str) -> str:
    """A style after more SGR parameters."""
    sgr = "" if sgr == "0" else sgr
    return f"{style};{sgr}" if style and sgr else sgr


def _restyle(before: str | None, after: str) -> str:
    """The shortest way from one style to another: only what differs."""
    attributes, foreground, background = _parts(after)
    whole = ";".join(filter(None, ("0", attributes, foreground, background)))
    if before is None or not after:
        return f"\x1b[{whole if after else ''}m"
    old_attributes, old_foreground, old_background = _parts(before)
    if old_attributes and old_attributes != attributes:
        return f"\x1b[{whole}m"
    different = (
        attributes if attributes != old_attributes else "",
        (foreground or "39") if foreground != old_foreground else "",
        (background or "49") if background != old_background else "",
    )
    return f"\x1b[{';'.join(filter(None, different))}m" if any(different) else ""


@lru_cache(maxsize=4096)
def _background(sgr: str) -> str:
    """All of a style that shows on blanks, but for underlined and inverted ones."""
    attributes, _, background = _parts(sgr)
    return sgr if attributes else background


def _behind(front: str, style: str) -> str:
    """A blank's style with another foreground, if that makes no difference."""
    attributes, foreground, _ = _parts(front)
    own_attributes, _, background = _parts(style)
    if attributes or own_attributes:
        return style
    return ";".join(filter(None, (foreground, background)))


@lru_cache(maxsize=4096)
def _parts(sgr: str) -> tuple[str, str, str]:
    """The parameters of attributes, of the foreground and of the background."""
    attributes: list[str] = []
    foreground = background = ""
    parameters = iter(sgr.split(";"))
    for parameter in parameters:
        number = int(parameter or 0)
        color = parameter
        if number in (38, 48):
            kind = next(parameters)
            color = ";".join((parameter, kind, *islice(parameters, 3 if kind == "2" else 1)))
        if number == 0:
            attributes, foreground, background = [], "", ""
        elif number == 38 or 30 <= number <= 37 or 90 <= number <= 97:
            foreground = color
        elif number == 48 or 40 <= number <= 47 or 100 <= number <= 107:
            background = color
        elif number == 39:
            foreground = ""
        elif number == 49:
            background = ""
        else:
            attributes.append(parameter)
    return ";".join(attributes), foreground, background
