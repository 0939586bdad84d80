"""A form for how samples are drawn."""

from dataclasses import replace
from typing import Any, ClassVar

from engine.views import HOTTEST, PriorSamples
from tui.screens.dialogs.form import Field, Form, number, whole_number

LAST_SEED = 2**31 - 1


class SamplingScreen(Form[PriorSamples]):
    """Dismissed with the draws to show, or None."""

    CHECKS_WHILE_TYPING: ClassVar[bool] = True

    def __init__(self, samples: PriorSamples) -> None:
        self._samples = samples
        seed = whole_number("seed", 0, LAST_SEED)
        temperature = number("temperature", 0, HOTTEST)
        fields = [
            Field("seed", "seed", f"{samples.seed}", seed),
            Field("temperature", "temperature", f"{samples.temperature:g}", temperature),
        ]
        super().__init__("Samples", "show", fields, "z = T · ε, ε ~ N(0, I): 1 is the prior.")

    def answer(self, values: dict[str, Any]) -> PriorSamples:
        """The samples, drawn like this."""
        temperature = values["temperature"]
        return replace(self._samples, seed=values["seed"], temperature=temperature)
