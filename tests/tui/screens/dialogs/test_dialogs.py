"""Dialogs without the app behind them: what keys do, what is refused, what the answer is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Button, Input, Select, Static

import tui
from engine.config import PRESETS, RunConfig, TrainingPlan
from engine.views import PriorSamples
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.form import Dialog, Form
from tui.screens.dialogs.go_to import GoToScreen
from tui.screens.dialogs.more_epochs import MoreEpochsScreen
from tui.screens.dialogs.new_run import NewRunScreen
from tui.screens.dialogs.rename import RenameScreen
from tui.screens.dialogs.sampling import SamplingScreen
from tui.theme import THEME

pytestmark = pytest.mark.slow

UNANSWERED = object()
FORMS: dict[str, Callable[[], Form[Any]]] = {
    "go to": lambda: GoToScreen("validation image", 0, 5999),
    "more epochs": lambda: MoreEpochsScreen("mine", 30),
    "rename": lambda: RenameScreen("mine"),
    "sampling": lambda: SamplingScreen(PriorSamples(seed=2, temperature=0.5)),
    "new run": lambda: NewRunScreen(TrainingPlan(), "stops and saves the current run"),
}


class DialogApp(App[None]):
    CSS_PATH = Path(tui.__file__).parent / "styles.tcss"

    def __init__(self, dialog: Dialog[Any]) -> None:
        super().__init__()
        self.dialog = dialog
        self.answer: Any = UNANSWERED

    def on_mount(self) -> None:
        self.register_theme(THEME)
        self.theme = THEME.name
        self.push_screen(self.dialog, lambda answer: setattr(self, "answer", answer))

    @property
    def error(self) -> str:
        return str(self.dialog.query_one(".dialog-error", Static).content)


async def fill(app: DialogApp, pilot: Pilot[None], **texts: str) -> None:
    for name, text in texts.items():
        app.dialog.query_one(f"#{name}", Input).value = text
    await pilot.pause()


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("way", ["escape", "click"])
async def test_a_form_is_left_without_an_answer(name: str, way: str) -> None:
    app = DialogApp(FORMS[name]())
    async with app.run_test() as pilot:
        await (pilot.press("escape") if way == "escape" else pilot.click("#cancel"))
        await pilot.pause()
        assert app.answer is None


@pytest.mark.parametrize("name", FORMS)
async def test_arrows_go_through_the_fields_and_the_buttons_and_round(name: str) -> None:
    app = DialogApp(FORMS[name]())
    async with app.run_test(size=(100, 40)) as pilot:
        editors = [w for w in app.dialog.query(".editor") if isinstance(w, Input)]
        first = app.dialog.focused
        assert first is not None
        assert first is app.dialog.query(".editor").first(), "begins in the first field"
        if isinstance(first, Select):
            await pilot.press("tab")  # its own arrows open it
            assert app.dialog.focused is editors[0]
            await pilot.press("down")
            assert app.dialog.focused is editors[1]
            return
        for expected in [*editors[1:], *app.dialog.query(Button), first]:
            await pilot.press("down")
            assert app.dialog.focused is expected
        await pilot.press("up")
        assert app.dialog.focused is app.dialog.query_one("#cancel")


@pytest.mark.parametrize(
    ("name", "texts", "expected"),
    [
        ("go to", {"from": "0", "to": "5999"}, (0, 5999)),
        ("more epochs", {}, 60),
        ("more epochs", {"epochs": " 31 "}, 31),
        ("rename", {"name": "other"}, "other"),
        ("rename", {}, None),
        ("sampling", {}, PriorSamples(seed=2, temperature=0.5)),
        ("sampling", {"seed": "41", "temperature": "3"}, PriorSamples(seed=41, temperature=3.0)),
        ("new run", {}, TrainingPlan()),
        ("new run", {"hidden": "64,32 - 16", "lr": "1e-4", "data": ""},
         TrainingPlan(hidden=(64, 32, 16), lr=1e-4)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", ["enter", "click"])
async def test_a_form_answers_what_was_typed(
    name: str, texts: dict[str, str], expected: object, way: str
) -> None:
    app = DialogApp(FORMS[name]())
    async with app.run_test(size=(100, 40)) as pilot:
        await fill(app, pilot, **texts)
        if way == "click":
            await pilot.click("#ok")
        else:
            app.dialog.query(Input).last().focus()
            await pilot.press("enter")
        await pilot.pause()
        assert app.answer == expected


@pytest.mark.parametrize(
    ("name", "texts", "field", "sentence"),
    [
        ("go to", {"from": "6000", "to": "1"}, "from",
         "“from” must be a whole number of 0 to 5,999, not '6000'"),
        ("go to", {"from": "1", "to": "-1"}, "to",
         "“to” must be a whole number of 0 to 5,999, not '-1'"),
        ("go to", {"from": "", "to": "1"}, "from", "“from” must be a whole number of 0 to 5,999"),
        ("more epochs", {"epochs": "30"}, "epochs",
         "total epochs must be a whole number of 31 to 1,000,000, not '30'"),
        ("more epochs", {"epochs": "1_00"}, "epochs", "total epochs must be"),
        ("rename", {"name": "a/b"}, "name", "run name 'a/b' can't be used"),
        ("sampling", {"seed": "-1"}, "seed", "seed must be a whole number of 0 to 2,147,483,647"),
        ("sampling", {"temperature": "nan"}, "temperature",
         "temperature must be a number of 0 to 3, not 'nan'"),
        ("new run", {"hidden": "0"}, "hidden", "hidden must be one or more widths of 1 to 65,536"),
        ("new run", {"lr": "fast"}, "lr", "lr must be a number, not 'fast'"),
        ("new run", {"epochs": "0"}, "epochs", "epochs must be 1 to 1,000,000, not 0"),
    ],
)  # fmt: skip
async def test_a_form_says_what_is_wrong_goes_there_and_stays(
    name: str, texts: dict[str, str], field: str, sentence: str
) -> None:
    app = DialogApp(FORMS[name]())
    async with app.run_test(size=(100, 40)) as pilot:
        await fill(app, pilot, **texts)
        if app.dialog.CHECKS_WHILE_TYPING:  # type: ignore[attr-defined]
            assert app.error.startswith(sentence)
        else:
            assert app.error == ""
        await pilot.click("#ok")
        assert app.answer is UNANSWERED
        assert app.error.startswith(sentence)
        editor = app.dialog.query_one(f"#{field}", Input)
        assert app.dialog.focused is editor
        assert editor.has_class("-invalid")
        await fill(app, pilot, **{field: {"lr": "0.1", "temperature": "1"}.get(field, "77")})
        assert app.error == "", "being mended"


async def test_enter_goes_to_the_field_that_still_needs_text() -> None:
    app = DialogApp(FORMS["go to"]())
    async with app.run_test() as pilot:
        await pilot.press("7", "enter")
        assert app.dialog.focused is app.dialog.query_one("#to")
        assert app.error == ""
        await pilot.press("8", "enter")
        assert app.answer == (7, 8)


async def test_the_new_run_form_tells_of_the_setting_in_focus_and_of_the_run_in_progress() -> None:
    plan = PRESETS["report"]
    app = DialogApp(NewRunScreen(plan, "stops and saves the current run"))
    async with app.run_test(size=(100, 40)) as pilot:
        hint = app.dialog.query_one(".dialog-hint", Static)
        assert str(hint.content).startswith("vae: variational autoencoder.")
        await pilot.press("tab", "tab")
        assert str(hint.content) == "Number of latent dimensions."
        assert "stops and saves" in app.export_screenshot().replace("&#160;", " ")
        await pilot.press("ctrl+s")
        assert app.answer == plan
        assert app.answer.runs() == (RunConfig(**vars(plan)),)


@pytest.mark.parametrize(
    ("key", "expected"),
    [("y", True), ("ctrl+c", True), ("n", False), ("q", False), ("escape", False),
     ("enter", False), ("left enter", True), ("right enter", True)],
)  # fmt: skip
async def test_a_question_begins_at_the_answer_that_changes_nothing(
    key: str, expected: bool
) -> None:
    app = DialogApp(ConfirmScreen("Stop?", "The run is saved.", "stop", "cancel"))
    async with app.run_test() as pilot:
        await pilot.press(*key.split())
        await pilot.pause()
        assert app.answer is expected
