"""The explorer: a cursor in latent space, and what the decoder makes of the point under it."""

from typing import ClassVar

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.events import Resize

from engine.figures.options import FigureOptions
from engine.snapshot import Phase
from engine.views import LatentView
from tui.screens.base import Part
from tui.screens.explorer.cursor import LatentCursor, LatentPoint, row_of
from tui.screens.explorer.inspector import PADDING, Inspector, choose_width
from tui.screens.explorer.legend import ClassLegend
from tui.screens.explorer.map import ExplorerMap, MapMarks
from tui.screens.explorer.map_control import MapControl
from tui.screens.explorer.probe_feed import ProbeFeed
from tui.screens.explorer.titles import fitting, inspector_titles, map_titles
from tui.state.context import RunContext
from tui.state.exports import ExportOrder
from tui.state.keymap import EXPLORER_ACTIONS, bindings
from tui.widgets.header import RunHeader
from tui.widgets.key_bar import KeyBar
from tui.widgets.message_line import MessageLine

PROBE_INTERVAL = 0.5
"""Seconds between two probes of the same point while the model learns."""
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


class ExplorerScreen(MapControl):
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
        self._cursor = LatentCursor()
        self._hidden: frozenset[int] = frozenset()
        self._map = ExplorerMap(id="explorer-map")
        self._legend = ClassLegend(id="explorer-legend")
        self._inspector = Inspector(id="inspector")
        self._probes: ProbeFeed | None = None

    def compose(self) -> ComposeResult:
        """Header, map and legend beside the inspector, message line, footer."""
        yield RunHeader(id="header")
        with Container(id="explorer"):
            with Vertical():
                yield self._map
                yield self._legend
            yield self._inspector
        yield MessageLine(id="message")
        yield KeyBar(EXPLORER_ACTIONS, id="keys")

    def on_mount(self) -> None:
        """Focus the map."""
        self.apply_image_mode()
        self._map.focus()

    def on_unmount(self) -> None:
        """Show nothing that is on its way."""
        self._close_probes()

    def on_screen_resume(self) -> None:
        """On top again: the cursor may have been left at another point, or in another size."""
        self._ask_point()

    def begin_run(self) -> None:
        """No map yet, and the cursor nowhere."""
        super().begin_run()
        self._close_probes()
        self._probes = ProbeFeed(self.run, self, self._inspector, self.view_failed)
        self._cursor.clear()
        for panel in (self._map, self._inspector):
            panel.model = self.run.config.model
            panel.clear()
            panel.wait("waiting for the model")
            panel.set_title("")
        self._legend.show((), [], self._hidden)
        if self.run.snapshot.phase in (Phase.TRAINING, Phase.FINISHED, Phase.STOPPED):
            self._messages.since_last(self.run.snapshot)  # said on the screen before
            self.say("arrows or the mouse move the cursor · t: t-SNE, UMAP · ? for help")

    def _close_probes(self) -> None:
        if self._probes is not None:
            self._probes.close()

    @property
    def probes(self) -> ProbeFeed:
        """What lies at the cursor, of the run on show."""
        assert self._probes is not None, "before the screen is mounted"
        return self._probes

    def on_resize(self, event: Resize) -> None:
        """Divide the width between map and inspector."""
        width, height = event.size
        chosen = choose_width(width, height - ROWS_AROUND)
        self._inspector.display = chosen > 0
        self._inspector.styles.width = chosen + PADDING
        self.call_after_refresh(self._size_changed)

    def apply_image_mode(self) -> None:
        """The legend's marks are as the map's."""
        super().apply_image_mode()
        self._legend.set_image_mode(self.context.image_mode)

    def _size_changed(self) -> None:
        self._show_titles()
        self._ask_point()

    # What is new.

    def parts(self) -> list[Part]:
        """The point under a resting cursor, too, as the model learns."""
        return [*super().parts(), Part(self._probe_again, PROBE_INTERVAL)]

    def show_state(self) -> None:
        """Also that there will be no model, and how old the map is."""
        super().show_state()
        snapshot = self.run.snapshot
        if snapshot.last is None and not snapshot.phase.is_active:
            self._map.wait("there is no model")
            self._inspector.wait("there is no model")
        self._show_titles()

    def show_map(self, view: LatentView) -> None:
        """The cursor keeps its position, or goes with its image to a map of another kind."""
        self._cursor.show(view)
        self._map.show(view, self._hidden, self._marks())
        counts = np.bincount(view.labels, minlength=len(view.class_names)).tolist()
        self._legend.show(view.class_names, counts, self._hidden)
        self._show_titles()
        self._ask_point()

    def _show_titles(self) -> None:
        view, model = self._cursor.view, self.run.config.model
        if view is not None:
            titles = map_titles(view, model, behind=self.maps.is_behind)
            self._map.set_title(fitting(titles, self._map.size.width))
            self._inspector.set_title(fitting(inspector_titles(view), self._inspector.size.width))

    # The point under the cursor.

    def _marks(self) -> MapMarks:
        view, cursor = self._cursor.view, self._cursor
        start, end = self.context.ends
        if view is None or view.split != "validation":
            start = end = None
        ends = (None, None) if view is None else (row_of(view, start), row_of(view, end))
        return MapMarks((cursor.x, cursor.y), cursor.nearest, ends)

    def _cursor_moved(self) -> None:
        self._map.mark(self._marks())
        self._ask_point()

    def _ask_point(self) -> None:
        point = self._point_to_ask()
        if point is not None:
            self.probes.ask(point)

    def _probe_again(self) -> None:
        if self.run.snapshot.step != self.probes.step and not self.probes.busy:
            point = self._point_to_ask()
            if point is not None:
                self.probes.probe(point)

    def _point_to_ask(self) -> LatentPoint | None:
        if not self.is_active or self._cursor.view is None:
            return None
        if not self._inspector.display or not self._map.size:
            return None
        point = self._cursor.point(self._map.grid)
        if point is None:
            self.probes.forget()
            self._inspector.wait("all classes are hidden")
        return point

    # Moving about.

    def action_move(self, columns: int = -1, rows: int = 0) -> None:
        """The cursor by cells."""
        grid = self._map.grid
        column, row = grid.cell(self._cursor.x, self._cursor.y)
        self._go_to(column + columns, row + rows)

    def action_leap(self, columns: int = -1, rows: int = 0) -> None:
        """The cursor by many cells."""
        self.action_move(columns * LEAP, rows * LEAP)

    @on(ExplorerMap.Hovered)
    def follow_mouse(self, event: ExplorerMap.Hovered) -> None:
        """The cursor to the mouse."""
        self._go_to(event.column, event.row)

    def _go_to(self, column: int, row: int) -> None:
        if self._cursor.view is None:
            return
        grid = self._map.grid
        column, row = min(max(column, 0), grid.columns - 1), min(max(row, 0), grid.rows - 1)
        if (column, row) != grid.cell(self._cursor.x, self._cursor.y):
            self._cursor.move_to(*grid.point(column, row))
            self._cursor_moved()

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
            self.show_map(self._cursor.view)

    def action_mark_start(self) -> None:
        """Start the interpolation at the image nearest to the cursor."""
        self._mark(0)

    def action_mark_end(self) -> None:
        """End it there."""
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
        self._map.mark(self._marks())
        text = f"{'AB'[end]} is validation image {index:,} ({name})"
        if None not in self.context.ends:
            text += "; w on the dashboard shows the way from A to B"
        self.say(text, "done")

    def action_export(self) -> None:
        """The map as it is."""
        options = FigureOptions(
            latent_map=self.maps.request,
            projection=self.maps.projection,
            latent_view=self._cursor.view,
            hidden_classes=self._hidden,
        )
        self.start_export(ExportOrder(("latent_scatter",), options))
