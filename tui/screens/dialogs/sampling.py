"""A dialog for how samples are drawn."""

import math
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from engine.views import HOTTEST, PriorSamples

LAST_DRAW = 2**31


class SamplingScreen(ModalScreen[PriorSamples | None]):
    """Dismissed with the draws to show, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def __init__(self, samples: PriorSamples) -> None:
        super().__init__()
        self._samples = samples

    def compose(self) -> ComposeResult:
        """Two fields, and what is wrong with them."""
        with Vertical(classes="dialog"):
            yield Static("Samples", classes="dialog-title")
            for name, label, value in (
                ("draw", "draw (the seed, from 1)", f"{self._samples.seed + 1}"),
                ("temperature", "temperature", f"{self._samples.temperature:g}"),
            ):
                with Horizontal(classes="setting"):
                    yield Label(label)
                    yield Input(value, compact=True, id=name, classes="editor")
            yield Static("z = T · ε, ε ~ N(0, I): 1 is the prior.", classes="dialog-hint")
            yield Static("", id="setting-error", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("show (Enter)", id="show", compact=True)
                yield Button("cancel (Esc)", id="cancel", compact=True)

    def on_mount(self) -> None:
        """Begin at the first field."""
        self.query_one("#draw").focus()

    @on(Input.Changed)
    def check(self) -> None:
        """Say what is wrong as it is typed."""
        self._read()

    @on(Input.Submitted)
    @on(Button.Pressed, "#show")
    def show(self) -> None:
        """Take the values, if they can be used."""
        samples = self._read()
        if samples is not None:
            self.dismiss(samples)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Leave everything as it is."""
        self.dismiss(None)

    def _read(self) -> PriorSamples | None:
        error = self.query_one("#setting-error", Static)
        error.update("")
        draw = self.query_one("#draw", Input).value.strip()
        if not (draw.isascii() and draw.isdigit() and 1 <= int(draw) <= LAST_DRAW):
            error.update(f"draw must be a whole number of 1 to {LAST_DRAW:,}, not {draw!r}")
            return None
        text = self.query_one("#temperature", Input).value.strip()
        try:
            temperature = float(text)
        except ValueError:
            temperature = math.nan
        if not 0 <= temperature <= HOTTEST:
            error.update(f"temperature must be a number of 0 to {HOTTEST:g}, not {text!r}")
            return None
        return replace(self._samples, seed=int(draw) - 1, temperature=temperature)
