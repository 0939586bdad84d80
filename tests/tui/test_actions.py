from pathlib import Path

from tui.actions import ACTIONS, bindings, markdown_table
from tui.screens.dashboard import Dashboard

README = Path(__file__).parents[2] / "README.md"


def test_every_action_can_be_done_by_the_dashboard_or_its_app() -> None:
    for action in ACTIONS:
        if not action.name.startswith("app."):
            assert callable(getattr(Dashboard, f"action_{action.name}"))
    for binding in bindings():
        name = binding.action.removeprefix("app.")
        assert "." in binding.action or hasattr(Dashboard, f"action_{name}")


def test_no_key_means_two_things() -> None:
    keys = [key for binding in bindings() for key in binding.key.split(",")]
    assert len(keys) == len(set(keys))


def test_the_readme_lists_the_keys_that_there_are() -> None:
    assert markdown_table() in README.read_text(encoding="utf-8")
