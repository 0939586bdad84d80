"""A form for a run's new name."""

from typing import Any

from engine.storage.run_names import check_name
from tui.screens.dialogs.form import Field, Form


class RenameScreen(Form[str]):
    """Dismissed with a name that a run can have, or None.

    Args:
        name: the old one, as it can be shown.
    """

    def __init__(self, name: str) -> None:
        self._old = name
        fields = [Field("name", "new name", name, self._parse)]
        hint = "Figures in exports/ keep the old name."
        super().__init__(f"Rename {name}", "rename", fields, hint)

    def answer(self, values: dict[str, Any]) -> str | None:
        """The new name; None for the old one."""
        name: str = values["name"]
        return None if name == self._old else name

    def _parse(self, text: str) -> str:
        return text if text == self._old else check_name(text)
