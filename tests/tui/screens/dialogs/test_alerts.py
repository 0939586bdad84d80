"""The list of alerts."""

from pathlib import Path

import pytest
from textual.app import App
from textual.widgets import Static

import tui
from engine.alerts import Alert, Rule
from engine.config import RunConfig
from tests.support.made_histories import evaluation, raised
from tui.screens.dialogs.alerts import AlertsScreen
from tui.theme import THEME

PRESSED = RunConfig(beta=20.0, kl_warmup=0.0, latent_dim=10)
(COLLAPSED,) = raised(PRESSED, [evaluation(n, 300.0, 0.05, beta=20.0, units=0) for n in (8, 9)])
NOTE = Alert(7, "can't write last.pt\x1b[2J: No space left on device")
OTHER = Alert(2000, "plateau: as a status.json has it", Rule.PLATEAU)


class AlertsApp(App[None]):
    CSS_PATH = Path(tui.__file__).parent / "styles.tcss"

    def on_mount(self) -> None:
        self.register_theme(THEME)
        self.theme = THEME.name
        self.push_screen(AlertsScreen("mine", [NOTE, COLLAPSED, OTHER]))

    @property
    def texts(self) -> list[str]:
        return [str(static.content) for static in self.screen.query(".alert").results(Static)]


async def test_the_newest_comes_first_with_its_evidence_since_when_and_what_to_do() -> None:
    app = AlertsApp()
    async with app.run_test(size=(140, 45)):
        other, collapsed, note = app.texts
    assert other.splitlines() == [
        "▲ Plateau  step 2,000",
        "  plateau: as a status.json has it",
    ]
    title, evidence, suggestion = collapsed.splitlines()
    assert title == "▲ Posterior collapse  epoch 9, step 900; since epoch 8"
    assert evidence.strip() == COLLAPSED.evidence
    assert suggestion.strip() == f"→ {COLLAPSED.suggestion}"
    assert note == "· can't write last.pt\\x1b[2J: No space left on device  step 7"


@pytest.mark.parametrize("key", ["escape", "q", "exclamation_mark", "enter"])
async def test_a_key_closes_it(key: str) -> None:
    app = AlertsApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(key)
        assert not isinstance(app.screen, AlertsScreen)
