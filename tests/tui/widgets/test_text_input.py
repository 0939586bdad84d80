"""Typing ahead: keys that come in one piece are done in their order."""

from collections.abc import Iterator

import pytest
from textual.app import App, ComposeResult
from textual.events import Key
from textual.widgets import Input

from tests.support.waiting import until
from tui.widgets.text_input import TextInput


class Typing(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.submitted: list[str] = []

    def compose(self) -> ComposeResult:
        yield TextInput("20", select_on_focus=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.submitted.append(event.value)


def keys(*names: str) -> Iterator[Key]:
    return (Key(name, name if len(name) == 1 else None) for name in names)


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        (["backspace", "backspace", "1", "5"], "15"),
        (["1", "backspace", "2", "backspace", "3"], "203"),
        (["home", "1", "end", "9"], "1209"),
        (["left", "5", "delete", "7"], "257"),
    ],
)
async def test_keys_in_one_piece_are_done_in_their_order(typed: list[str], value: str) -> None:
    app = Typing()
    async with app.run_test() as pilot:
        for key in keys(*typed, "enter"):
            app.post_message(key)  # as the driver does with what comes in one read
        await until(pilot, lambda: app.submitted)
        assert app.submitted == [value]


async def test_a_key_that_is_none_of_its_own_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Typing()
    heard: list[str] = []
    monkeypatch.setattr(Typing, "on_key", lambda _, event: heard.append(event.key), raising=False)
    async with app.run_test() as pilot:
        await pilot.press("f5", "down", "home")
        assert heard == ["f5", "down"]
