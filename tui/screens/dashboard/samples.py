"""Samples, one of which can be picked for more like it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.message import Message

from engine.views import SampleView
from tui.widgets.pictures import PicturePanel, spread


class SamplePanel(PicturePanel):
    """Images decoded from draws of the prior; one of them can be picked, for more like it."""

    export_names = ("samples",)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "pick_other(-1, 0)", show=False),
        Binding("right", "pick_other(1, 0)", show=False),
        Binding("up", "pick_other(0, -1)", show=False),
        Binding("down", "pick_other(0, 1)", show=False),
        Binding("enter,m", "pick", show=False),
        Binding("escape", "stop_picking", show=False),
    ]

    @dataclass
    class Picked(Message):
        """A person wants more like this sample."""

        latent: tuple[float, ...]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._latents = np.empty((0, 0), np.float32)

    def show(self, view: SampleView, moment: str = "") -> None:
        """Show a new picture; `moment` says which, if it is not the current model."""
        request = view.request
        if request.around is not None:
            what = "more like the first"
        else:
            what = "samples from the prior" if self.model == "vae" else "decoded N(0, I), no prior"
        heat = f" · T = {request.temperature:g}" if request.temperature != 1 else ""
        self.set_title(f"{what} · seed {request.seed}{heat}{f' · {moment}' if moment else ''}")
        self._latents = view.latents
        if not len(self._latents):
            self.marked = None
        self.set_stacks([view.images])

    @property
    def can_pick(self) -> bool:
        """Whether the samples on show have latents to go on from."""
        return bool(len(self._latents)) and self.tiling is not None

    def start_picking(self, index: int = 0) -> None:
        """Mark a sample; arrows move the mark, Enter picks, Esc lets go."""
        self.focus()
        self._mark(index)

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool | None:
        """While nothing is marked, the keys mean what they mean everywhere."""
        if action in ("pick_other", "pick", "stop_picking"):
            return self.marked is not None
        return True

    def action_pick_other(self, across: int, down: int) -> None:
        """Move the mark."""
        if self.marked is None or self.tiling is None:
            return
        columns = self.tiling.columns
        last = min(columns * self.tiling.rows, len(self._latents)) - 1
        self._mark(min(last, max(0, self.marked + across + down * columns)))

    def action_pick(self) -> None:
        """More like the marked one."""
        if self.marked is None or self.tiling is None:
            return
        count = min(self.tiling.columns * self.tiling.rows, len(self._latents))
        index = spread(len(self._latents), count)[min(self.marked, count - 1)]
        self._mark(None)
        self.post_message(self.Picked(tuple(self._latents[index].tolist())))

    def action_stop_picking(self) -> None:
        """Let go of the mark."""
        self._mark(None)

    def on_click(self, event: Click) -> None:
        """Mark the sample under the mouse; a click on the marked one picks it."""
        index = self.index_at(event.x, event.y - 1)  # below the border
        if index is None or not self.can_pick or index >= len(self._latents):
            return
        if index == self.marked:
            self.action_pick()
        else:
            self.start_picking(index)

    def on_blur(self) -> None:
        """Keys go elsewhere now."""
        self._mark(None)

    def _mark(self, index: int | None) -> None:
        if index != self.marked:
            self.marked = index
            self.repaint()
