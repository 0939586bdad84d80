"""A form for the name under which the current state is kept."""

from collections.abc import Sequence
from typing import Any

from engine.storage.kept_states import MOST_KEPT, KeptState
from engine.storage.run_names import check_name
from engine.text import size
from tui.screens.dialogs.form import Field, Form


class KeepScreen(Form[str]):
    """Dismissed with a name, or None.

    Args:
        epoch: that is trained.
        kept: what is kept already.
    """

    def __init__(self, epoch: float, kept: Sequence[KeptState]) -> None:
        self._kept = kept
        fields = [Field("name", "name", f"epoch-{epoch:.2f}", self._parse)]
        used = f"{len(kept)} of {MOST_KEPT}, {size(sum(state.size for state in kept))}"
        hint = f"Weights and optimiser, in kept/ ({used}); B begins a branch with them."
        super().__init__("Keep the current state", "keep", fields, hint)

    def answer(self, values: dict[str, Any]) -> str:
        """The name."""
        name: str = values["name"]
        return name

    def _parse(self, text: str) -> str:
        if any(state.name == text for state in self._kept):
            raise ValueError(f"a state is kept as {text} already")
        return check_name(text)
