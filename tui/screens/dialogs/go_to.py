"""A form for the two ends of an interpolation, by their numbers."""

from typing import Any

from tui.screens.dialogs.form import Field, Form, whole_number


class GoToScreen(Form[tuple[int, int]]):
    """Dismissed with two numbers in the range that was asked for, or None.

    Args:
        what: a number stands for, such as 'validation image'.
        first, last: the numbers there are.
    """

    def __init__(self, what: str, first: int, last: int) -> None:
        fields = [
            Field(end, end, "", whole_number(f"“{end}”", first, last)) for end in ("from", "to")
        ]
        hint = f"The {what}s are numbered {first:,} to {last:,}."
        super().__init__("Go to …", "go", fields, hint)

    def answer(self, values: dict[str, Any]) -> tuple[int, int]:
        """The numbers of both ends."""
        return values["from"], values["to"]
