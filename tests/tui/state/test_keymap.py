from pathlib import Path

import pytest

from tui.screens.base import RunScreen
from tui.screens.comparison.screen import ComparisonScreen
from tui.screens.dashboard.screen import Dashboard
from tui.screens.diagnosis.screen import DiagnosisScreen
from tui.screens.explorer.screen import ExplorerScreen
from tui.screens.runs.screen import RunsScreen
from tui.screens.walks.screen import WalksScreen
from tui.state.keymap import SCREENS, markdown_table

README = Path(__file__).parents[3] / "README.md"
CLASSES: dict[str, type[RunScreen | RunsScreen]] = {
    "Dashboard": Dashboard,
    "Explorer": ExplorerScreen,
    "Walks": WalksScreen,
    "Diagnosis": DiagnosisScreen,
    "Comparison": ComparisonScreen,
    "Runs": RunsScreen,
}


@pytest.fixture(params=SCREENS)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def test_every_action_can_be_done_by_its_screen_or_the_app(name: str) -> None:
    screen = CLASSES[name]
    assert SCREENS[name] == screen.SCREEN_ACTIONS
    actions = [action.name for action in SCREENS[name]]
    for action in [*actions, *(binding.action for binding in screen.BINDINGS)]:
        if not action.startswith("app."):
            method = action.partition("(")[0]
            assert callable(getattr(screen, f"action_{method}")), action


def test_no_key_means_two_things(name: str) -> None:
    keys = [key for binding in CLASSES[name].BINDINGS for key in binding.key.split(",")]
    assert sorted(keys) == sorted(set(keys))


def test_the_readme_lists_the_keys_that_there_are(name: str) -> None:
    text = README.read_text(encoding="utf-8")
    _, _, section = text.partition(f"### {name}\n")
    assert markdown_table(SCREENS[name]) in section.partition("\n#")[0]
