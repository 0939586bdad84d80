"""A form for how far a finished run should be trained on."""

from typing import Any

from engine.config import MAX_EPOCHS
from tui.screens.dialogs.form import Field, Form, whole_number


class MoreEpochsScreen(Form[int]):
    """Dismissed with the total epochs, or None.

    Args:
        name: of the run, as it can be shown.
        epochs: that it has.
    """

    def __init__(self, name: str, epochs: int) -> None:
        twice = str(min(2 * epochs, MAX_EPOCHS))
        parse = whole_number("total epochs", epochs + 1, MAX_EPOCHS)
        super().__init__(
            f"{name} finished after {epochs} epochs. Resume it?",
            "resume",
            [Field("epochs", "total epochs", twice, parse)],
            "A cosine schedule follows the new length: the learning rate rises again.",
        )

    def answer(self, values: dict[str, Any]) -> int:
        """The total epochs."""
        epochs: int = values["epochs"]
        return epochs
