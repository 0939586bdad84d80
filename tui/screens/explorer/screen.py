"""The explorer: a cursor in latent space, and what the decoder makes of the place under it.

A key asks the run at once (`quick_feed`); a timer keeps map and picture up to date while the
model learns. Nothing is asked while another screen is on top.
"""

from typing import ClassVar

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.events import Resize

from engine.errors import describe
from engine.figures.options import FigureOptions
from engine.snapshot import Phase, Snapshot
from engine.views import LatentView
from tui.screens.base import RunScreen
from tui.screens.explorer.cursor import LatentCursor, LatentPoint, row_of
from tui.screens.explorer.inspector import PADDING, Inspector, choose_width
from tui.screens.explorer.latent_maps import LatentMaps
from tui.screens.explorer.legend import ClassLegend
from tui.screens.explorer.map import ExplorerMap, Pointers
from tui.screens.explorer.probe_feed import ProbeFeed
from tui.screens.explorer.titles import fitting, inspector_titles, map_titles
from tui.state.context import RunContext
from tui.state.exports import ExportOrder
from tui.state.keymap import EXPLORER_ACTIONS, bindings
from tui.state.run_messages import Level, RunMessages
from tui.widgets.canvas import CanvasPanel
from tui.widgets.header import RunHeader
from tui.widgets.key_bar import KeyBar
from tui.widgets.message_line import MessageLine
from tui.widgets.panel import Panel

TICK = 0.1
"""Seconds between two looks at the run."""
STATE_TICKS = 5
"""Looks between two of header and messages, and between two questions about the same place."""
LEAP = 8
"""Cells that a cursor key with shift goes."""
ROWS_AROUND = 4
"""Header, title, message line, footer."""
_ARROWS = {"left": (-1, 0), "down": (0, 1), "up": (0, -1), "right": (1, 0)}
_LETTERS = dict(zip("hjkl", _ARROWS.values(), strict=True))


def _cursor_keys() -> dict[str, str]:
    keys = {}
    for key, (columns, rows) in (_ARROWS | _LETTERS).items():
        keys[key] = f"move({columns}, {rows})"
        far = key.upper() if key in _LETTERS else f"shift+{key}"
        keys[far] = f"leap({columns}, {rows})"
    return {k: action for k, action in keys.items() if k not in ("left", "shift+left")}


class ExplorerScreen(RunScreen):
    """Shows the context's run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(
            EXPLORER_ACTIONS,
            _cursor_keys()
            | {str(label): f"hide_class({label})" for label in range(1, 10)}
            | {"escape": "cancel_or_back"},
        )
    ]
    SCREEN_ACTIONS = EXPLORER_ACTIONS
    TITLE_FOR_FILES = "explorer"

    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        self._ticks = -1  # so that the first look shows everything
        self._on_top = True

        self._cursor = LatentCursor()
        self._hidden: frozenset[int] = frozenset()
        self._map = ExplorerMap(id="explorer-map")
        self._legend = ClassLegend(id="explorer-legend")
        self._panel = Inspector(id="place")
        self._follow_run()

    def _follow_run(self) -> None:
        """Ask the context's run from now on."""
        self._news = RunMessages(self.run)
        self._phase: Phase | None = None
        self._maps = LatentMaps(self.context, self._show_map, self._say_once)
        self._places = ProbeFeed(self.run, self._panel, self._place_failed)

    def compose(self) -> ComposeResult:
        """Header, map and legend beside the place, message line, footer."""
        yield RunHeader(id="header")
        with Container(id="explorer"):
            with Vertical():
                yield self._map
                yield self._legend
            yield self._panel
        yield MessageLine(id="message")
        yield KeyBar(EXPLORER_ACTIONS, id="keys")

    def on_mount(self) -> None:
        """Set the panels up and begin to look."""
        for panel in self.query(Panel):
            panel.model = self.run.config.model
        self.apply_image_mode()
        self._map.focus()
        if self.run.snapshot.phase in (Phase.TRAINING, Phase.FINISHED, Phase.STOPPED):
            self._news.since_last(self.run.snapshot)  # heard on the screen before
            self.say("arrows or the mouse move the cursor · t: t-SNE, UMAP · ? for help")
        self.set_interval(TICK, self._tick)

    def on_unmount(self) -> None:
        """Leave nothing running, and tell on the screen below what that has cancelled."""
        cancelled = self._maps.close()
        self._places.close()
        if cancelled and self.app.screen_stack:
            for line in self.app.screen.query(MessageLine):
                line.say(cancelled)

    def on_screen_suspend(self) -> None:
        """Another screen is on top: ask nothing."""
        self._on_top = False
        self._maps.forget()
        self._places.forget()

    def on_screen_resume(self) -> None:
        """On top again."""
        self._on_top = True
        self._ask_place()

    def on_resize(self, event: Resize) -> None:
        """Divide the width between map and place."""
        width, height = event.size
        place = choose_width(width, height - ROWS_AROUND)
        self._panel.display = place > 0
        self._panel.styles.width = place + PADDING
        self.call_after_refresh(self._size_changed)

    def apply_image_mode(self) -> None:
        """The legend's marks are as the map's."""
        super().apply_image_mode()
        self._legend.set_image_mode(self.context.image_mode)

    def _say_once(self, text: str, level: Level) -> None:
        if self.query_one(MessageLine).text != text:
            self.say(text, level)

    def _size_changed(self) -> None:
        self._show_titles()
        self._ask_place()

    # What is new.

    def _tick(self) -> None:
        if not self._on_top:
            return
        if self._maps.run is not self.run:
            self._change_run()
        self._ticks += 1
        snapshot = self.run.snapshot
        regular = self._ticks % STATE_TICKS == 0
        if regular or snapshot.phase is not self._phase:
            self._show_state(snapshot)
        self._maps.tick()
        if regular and snapshot.step != self._places.step:
            spot = self._spot_to_ask()
            if spot is not None:
                self._places.ask_again(spot)

    def _change_run(self) -> None:
        """Another run has come on show: nothing of the one before may stay under its name."""
        cancelled = self._maps.close()
        self._places.close()
        self._follow_run()
        self._cursor.clear()
        for panel in self.query(CanvasPanel):
            panel.model = self.run.config.model
            panel.set_title("")
            panel.clear()
        self._legend.show((), [], self._hidden)
        self._news.since_last(self.run.snapshot)  # or "training …" would replace this
        text = f"{self.run.snapshot.run} is on show"
        self.say(f"{text}; {cancelled}" if cancelled else text)

    def _show_state(self, snapshot: Snapshot) -> None:
        self._phase = snapshot.phase
        self.query_one(RunHeader).show_run(self.run.config, snapshot, self.run.access)
        for text, level in self._news.since_last(snapshot):
            self.say(text, level)
        if snapshot.last is None and not snapshot.phase.is_active:
            self._map.wait("there is no model")
            self._panel.wait("there is no model")
        self._show_titles()

    def _show_map(self, view: LatentView) -> None:
        self._cursor.show(view)
        self._map.show(view, self._hidden, self._pointers())
        counts = np.bincount(view.labels, minlength=len(view.class_names)).tolist()
        self._legend.show(view.class_names, counts, self._hidden)
        self._show_titles()
        self._ask_place()

    def _show_titles(self) -> None:
        view, model = self._cursor.view, self.run.config.model
        if view is not None:
            titles = map_titles(view, model, behind=self._maps.is_behind)
            self._map.set_title(fitting(titles, self._map.size.width))
            self._panel.set_title(fitting(inspector_titles(view), self._panel.size.width))

    # The place under the cursor.

    def _pointers(self) -> Pointers:
        view, cursor = self._cursor.view, self._cursor
        start, end = self.context.ends
        if view is None or view.split != "validation":
            start = end = None
        ends = (None, None) if view is None else (row_of(view, start), row_of(view, end))
        return Pointers((cursor.x, cursor.y), cursor.nearest, ends)

    def _cursor_moved(self) -> None:
        self._map.point(self._pointers())
        self._ask_place()

    def _ask_place(self) -> None:
        spot = self._spot_to_ask()
        if spot is not None:
            self._places.ask(spot)

    def _spot_to_ask(self) -> LatentPoint | None:
        if not self._on_top or self._cursor.view is None:
            return None
        if not self._panel.display or not self._map.size:
            return None
        spot = self._cursor.spot(self._map.grid)
        if spot is None:
            self._places.forget()
            self._panel.wait("all classes are hidden")
        return spot

    def _place_failed(self, error: BaseException) -> None:
        self.say(describe(error), "error")

    # Moving about.

    def action_move(self, columns: int = -1, rows: int = 0) -> None:
        """The cursor by cells."""
        grid = self._map.grid
        column, row = grid.cell(self._cursor.x, self._cursor.y)
        self._go_to(column + columns, row + rows)

    def action_leap(self, columns: int = -1, rows: int = 0) -> None:
        """The cursor by many cells."""
        self.action_move(columns * LEAP, rows * LEAP)

    @on(ExplorerMap.Pointed)
    def point_at(self, event: ExplorerMap.Pointed) -> None:
        """The cursor to the mouse."""
        self._go_to(event.column, event.row)

    def _go_to(self, column: int, row: int) -> None:
        if self._cursor.view is None:
            return
        grid = self._map.grid
        column, row = min(max(column, 0), grid.columns - 1), min(max(row, 0), grid.rows - 1)
        if (column, row) != grid.cell(self._cursor.x, self._cursor.y):
            self._cursor.move_to(*grid.place(column, row))
            self._cursor_moved()

    # Which map.

    def action_projection(self) -> None:
        """The next map: PCA, t-SNE, UMAP; cancels one that is being computed."""
        self._maps.next_projection()

    def action_update_map(self) -> None:
        """A map of the current weights."""
        self._maps.update()

    def action_next_dims(self) -> None:
        """The next pair."""
        self._maps.next_dims(+1)

    def action_previous_dims(self) -> None:
        """The pair before."""
        self._maps.next_dims(-1)

    def action_all_dims(self) -> None:
        """PCA, or the two dimensions there are."""
        self._maps.all_dims()

    def action_split(self) -> None:
        """The next split's images."""
        self._maps.next_split()

    # Classes, ends, exports.

    def action_hide_class(self, label: int = 0) -> None:
        """Hide a class, or show it."""
        view = self._cursor.view
        if view is None or label >= len(view.class_names):
            self.say(f"there is no class {label}", "warning")
            return
        self._hide(self._hidden ^ {label})

    @on(ClassLegend.Toggled)
    def class_clicked(self, event: ClassLegend.Toggled) -> None:
        """A click on the legend."""
        self.action_hide_class(event.label)

    def action_show_all_classes(self) -> None:
        """Hide none."""
        self._hide(frozenset())

    def _hide(self, classes: frozenset[int]) -> None:
        self._hidden = classes
        self._cursor.hide(classes)
        if self._cursor.view is not None:
            self._show_map(self._cursor.view)

    def action_mark_start(self) -> None:
        """A."""
        self._mark(0)

    def action_mark_end(self) -> None:
        """B."""
        self._mark(1)

    def _mark(self, end: int) -> None:
        view, row = self._cursor.view, self._cursor.nearest
        if view is None or row is None:
            self.say("there is no image here", "warning")
            return
        if view.split != "validation":
            self.say("a walk is between validation images: v goes back to them", "warning")
            return
        index, name = int(view.indices[row]), view.class_names[int(view.labels[row])]
        start, stop = self.context.ends
        self.context.ends = (index, stop) if end == 0 else (start, index)
        self._map.point(self._pointers())
        text = f"{'AB'[end]} is validation image {index:,} ({name})"
        if None not in self.context.ends:
            text += "; w on the dashboard shows the way from A to B"
        self.say(text, "done")

    def action_export(self) -> None:
        """The map as it is."""
        options = FigureOptions(
            latent_map=self._maps.request,
            projection=self._maps.projection,
            latent_view=self._cursor.view,
            hidden_classes=self._hidden,
        )
        self.start_export(ExportOrder(("latent_scatter",), options))

    def action_cancel_or_back(self) -> None:
        """Esc."""
        if not self._maps.cancel():
            self.action_back()
