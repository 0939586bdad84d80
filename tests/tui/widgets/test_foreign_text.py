"""A directory may have any name: what is shown of it steers no terminal."""

from textual.app import App, ComposeResult

from engine.config import RunConfig
from engine.snapshot import Phase, Snapshot
from tui.widgets.header import RunHeader
from tui.widgets.message_line import MessageLine

NAME = "x\x1b[2J\x9b31m\u202e\udcff"
SHOWN = r"x\x1b[2J\x9b31m\u202e\udcff"


class Lines(App[None]):
    def compose(self) -> ComposeResult:
        yield RunHeader(id="header")
        yield MessageLine(id="message")


async def test_names_in_the_header_and_in_messages_are_harmless() -> None:
    app = Lines()
    async with app.run_test(size=(240, 4)):
        header, message = app.query_one(RunHeader), app.query_one(MessageLine)
        header.show_run(RunConfig(), Snapshot(NAME, Phase.TRAINING, f"a{NAME}", f"d{NAME}"))
        message.say(f"watching {NAME}\nnow")
        line = header.render().plain
        assert line.isprintable()
        assert all(f"{what}{SHOWN}" in line for what in ("a", "d", " "))
        assert message.text == str(message.tooltip) == rf"watching {SHOWN}\nnow"
        message.say("paused: space goes on · β 4 · 日本")
        assert message.text == "paused: space goes on · β 4 · 日本"
