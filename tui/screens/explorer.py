"""The explorer: a cursor in latent space, and what the decoder makes of the place under it.

A key asks the engine at once (`tui.quick_feed`); a timer keeps map and picture up to date while
the model learns. Nothing is asked while another screen is on top.
"""

import time
from dataclasses import replace
from typing import ClassVar, Final, get_args

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.events import Resize

from engine.engine import describe
from engine.figures.options import FigureOptions, Projection
from engine.snapshot import Phase, Snapshot
from engine.views import Decode, DecodedView, LatentMap, LatentView, Place, PlaceView, Split
from tui.actions import EXPLORER_ACTIONS, bindings
from tui.context import RunContext
from tui.export import ExportOrder
from tui.latent_cursor import LatentCursor, Spot, row_of
from tui.news import News
from tui.projections import NAMES, Projecting, ProjectionKey
from tui.quick_feed import QuickFeed
from tui.screens.run_screen import RunScreen
from tui.widgets.class_legend import ClassLegend
from tui.widgets.explorer_map import ExplorerMap, Pointers
from tui.widgets.header import RunHeader
from tui.widgets.key_bar import KeyBar
from tui.widgets.message_line import MessageLine
from tui.widgets.panel import Panel
from tui.widgets.place import ACTUAL, LARGE, MIN_THUMB, SMALL, PlacePanel, lay_out

TICK = 0.1
"""Seconds between two looks at the engine."""
STATE_TICKS = 5
"""Looks between two of header and messages, and between two questions about the same place."""
MAP_INTERVAL = 1.0
"""Seconds between two of the same map: evaluations may follow one another faster."""
LEAP = 8
"""Cells that a cursor key with shift goes."""
SPLITS: Final[tuple[Split, ...]] = ("validation", "train", "test")
PLANES: Final[tuple[Projection, ...]] = get_args(Projection)
_ARROWS = {"left": (-1, 0), "down": (0, 1), "up": (0, -1), "right": (1, 0)}
_LETTERS = dict(zip("hjkl", _ARROWS.values(), strict=True))

_PLACE_PARTS = (
    *((LARGE, ACTUAL), (LARGE, SMALL), (LARGE, MIN_THUMB)),
    *((ACTUAL, ACTUAL), (ACTUAL, SMALL), (ACTUAL, MIN_THUMB)),
    *((SMALL, MIN_THUMB), (SMALL, 0)),
)
"""Columns of the decoded image and of what stands beside it, the widest first."""
_PLACE_PADDING = 1
_LEGEND_ROWS = 3
_SQUARE = 1.8
"""Columns of map for a row of it: about square on the screen, as most clouds are."""
_MIN_MAP_COLUMNS = 40


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
        self._news = News(self.engine)
        self._phase: Phase | None = None
        self._on_top = True

        self._request = LatentMap()
        self._wanted: Projection = "linear"
        """The plane that the next `t` goes on from; shown, or in the making."""
        self._linear: LatentView | None = None
        """The latest answer to `_request`; t-SNE and UMAP are made of it."""
        self._update_from: int | None = None
        """The step that the map should at least be of: a person asked for an update."""
        self._final_update_due = False
        self._projecting: Projecting | None = None
        self._dims_order: list[int] = []
        self._pair = 0

        self._cursor = LatentCursor()
        self._hidden: frozenset[int] = frozenset()

        self._maps = QuickFeed[LatentMap, LatentView](self._map_arrived, self._map_failed)
        self._map_asked: tuple[LatentMap, int] | None = None
        self._map_asked_at = 0.0
        self._spot: Spot | None = None
        """The latest that was asked about."""
        self._images = QuickFeed[Spot, DecodedView](self._image_arrived, self._place_failed)
        self._places = QuickFeed[Spot, PlaceView](self._place_arrived, self._place_failed)
        self._place_step = -1
        self._warm_up = QuickFeed[None, PlaceView](
            lambda _, __: self._ask_surroundings(), lambda _, __: None
        )
        self._warm = False

    def compose(self) -> ComposeResult:
        """Header, map and legend beside the place, message line, footer."""
        yield RunHeader(id="header")
        with Container(id="explorer"):
            with Vertical():
                yield ExplorerMap(id="explorer-map")
                yield ClassLegend(id="explorer-legend")
            yield PlacePanel(id="place")
        yield MessageLine(id="message")
        yield KeyBar(EXPLORER_ACTIONS, id="keys")

    def on_mount(self) -> None:
        """Set the panels up and begin to look."""
        for panel in self.query(Panel):
            panel.model = self.engine.config.model
        self.apply_image_mode()
        self._map.focus()
        if self.engine.snapshot.phase in (Phase.TRAINING, Phase.FINISHED, Phase.STOPPED):
            self._news.since_last(self.engine.snapshot)  # heard on the screen before
            self.say("arrows or the mouse move the cursor · t: t-SNE, UMAP · ? for help")
        self.set_interval(TICK, self._tick)

    def on_unmount(self) -> None:
        """Leave nothing running."""
        for feed in (self._maps, self._images, self._places, self._warm_up):
            feed.close()
        if self._projecting is not None:
            self._projecting.cancel()

    def on_screen_suspend(self) -> None:
        """Another screen is on top: ask nothing."""
        self._on_top = False
        for feed in (self._maps, self._images, self._places):
            feed.forget()

    def on_screen_resume(self) -> None:
        """On top again."""
        self._on_top = True
        self._map_asked = None
        self._ask_place()

    def on_resize(self, event: Resize) -> None:
        """Divide the width between map and place."""
        width, height = event.size
        place = choose_place_width(width, height - 4)
        panel = self.query_one(PlacePanel)
        panel.display = place > 0
        panel.styles.width = place + _PLACE_PADDING
        self.call_after_refresh(self._size_changed)

    def apply_image_mode(self) -> None:
        """The legend's marks are as the map's."""
        super().apply_image_mode()
        self.query_one(ClassLegend).set_image_mode(self.context.image_mode)

    @property
    def _map(self) -> ExplorerMap:
        return self.query_one(ExplorerMap)

    def _size_changed(self) -> None:
        self._show_titles()
        self._ask_place()

    # What is new.

    def _tick(self) -> None:
        if not self._on_top:
            return
        self._ticks += 1
        snapshot = self.engine.snapshot
        regular = self._ticks % STATE_TICKS == 0
        if regular or snapshot.phase is not self._phase:
            self._show_state(snapshot)
        if snapshot.last is None:
            return
        self._ask_map_if_due(snapshot, snapshot.last.step)
        if regular and snapshot.step != self._place_step:
            self._ask_surroundings()
        self._follow_projecting()
        if self._final_update_due and self._projecting is None:
            self._final_update_due = False
            if self._is_behind():
                self.action_update_map()

    def _show_state(self, snapshot: Snapshot) -> None:
        if self._phase is not None and self._phase.is_active and not snapshot.phase.is_active:
            self._final_update_due = True
        self._phase = snapshot.phase
        self.query_one(RunHeader).show_run(self.engine.config, snapshot)
        for text, level in self._news.since_last(snapshot):
            self.say(text, level)
        if snapshot.last is None and not snapshot.phase.is_active:
            self._map.wait("there is no model")
            self.query_one(PlacePanel).wait("there is no model")
        self._show_titles()

    def _ask_map_if_due(self, snapshot: Snapshot, evaluated: int) -> None:
        # All images of a split go through the encoder: only as often as it is evaluated.
        step = evaluated if self._update_from is None else snapshot.step
        now = time.monotonic()
        if self._map_asked is not None and self._map_asked[0] == self._request:
            waited = now - self._map_asked_at >= MAP_INTERVAL or self._update_from is not None
            if self._map_asked[1] == step or not waited:
                return
        self._map_asked, self._map_asked_at = (self._request, step), now
        self._maps.ask(self.engine, self._request, self._request)

    def _map_arrived(self, request: LatentMap, view: LatentView) -> None:
        if request != self._request:
            return  # another was chosen meanwhile
        self._linear = view
        updated = self._update_from is not None and view.step >= self._update_from
        if updated:
            self._update_from = None
        shown = self._cursor.view
        if shown is None or shown.plane is not None or shown.split != view.split:
            self._show_map(view)
        elif updated and self._wanted != "linear":
            self._project(self._wanted)

    def _map_failed(self, request: LatentMap, error: BaseException) -> None:
        if request != self._request:
            return
        if request.split == "test":
            self._choose_split("validation")  # a data set without test images
        self._update_from = None
        self.say(describe(error), "error")

    def _show_map(self, view: LatentView) -> None:
        self._cursor.show(view)
        self._map.show(view, self._hidden, self._pointers())
        counts = np.bincount(view.labels, minlength=len(view.class_names)).tolist()
        self.query_one(ClassLegend).show(view.class_names, counts, self._hidden)
        self._show_titles()
        self._ask_place()

    def _show_titles(self) -> None:
        view = self._cursor.view
        if view is None:
            return
        vae = self.engine.config.model == "vae"
        what = "μ" if vae else "codes"
        images = "training" if view.split == "train" else view.split
        if view.plane is None:
            age = " · u updates it" if self._is_behind() else ""
            axes = f"{view.projection} of step {view.step:,}{age}"
        else:
            axes = " × ".join(view.axis_names)
        split = "val" if view.split == "validation" else view.split
        titles: tuple[str, ...] = (
            f"{what} of {len(view.points):,} {images} images · {axes}",
            f"{split} {what} · {axes}",
            f"{what} · {axes}",
            axes,
            " × ".join(name.split(" (")[0] for name in view.axis_names),
        )
        self._map.set_title(_fitting(titles, self._map.size.width))
        # Decoded at its own μ, an image is reconstructed.
        image = "reconstruction" if view.plane is None else "decoded mean" if vae else "decoded"
        titles = (
            f"{image} at the cursor; below, the nearest training images (distance in z)",
            f"{image} at the cursor; below, the nearest training images",
            f"{image}; nearest in training",
            image,
        )
        panel = self.query_one(PlacePanel)
        panel.set_title(_fitting(titles, panel.size.width))

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
        """The image now: it takes the engine 0.2 ms; the surroundings, some 30 ms, come next."""
        spot = self._spot_to_ask()
        if spot is not None:
            if not self._warm:
                # The first question about surroundings has all training images embedded: a
                # second or more, in which others are answered without neighbours.
                self._warm = True
                self._warm_up.ask(self.engine, Place(spot.latent, neighbours=1), None)
            self._images.ask(self.engine, Decode(spot.latent[None]), spot)

    def _ask_surroundings(self) -> None:
        spot = self._spot_to_ask()
        if spot is not None:
            original = None if spot.index is None else (spot.split, spot.index)
            neighbours = max(1, self.query_one(PlacePanel).neighbours)
            self._places.ask(self.engine, Place(spot.latent, neighbours, original), spot)

    def _spot_to_ask(self) -> Spot | None:
        if not self._on_top or not self.is_attached or self._cursor.view is None:
            return None
        panel = self.query_one(PlacePanel)
        if not panel.display or not self._map.size:
            return None
        self._spot = self._cursor.spot(self._map.grid)
        if self._spot is None:
            panel.wait("all classes are hidden")
        return self._spot

    def _image_arrived(self, spot: Spot, view: DecodedView) -> None:
        if not self.is_attached:
            return
        if self._spot is not None:  # else there is nothing to decode any more
            self.query_one(PlacePanel).show_image(spot, view.images[0])
        if not self._images.busy:  # the cursor rests
            self._ask_surroundings()

    def _place_arrived(self, spot: Spot, view: PlaceView) -> None:
        if not self.is_attached:
            return
        self._place_step = view.step
        panel = self.query_one(PlacePanel)
        panel.show_surroundings(view)
        if spot is self._spot:  # else the cursor has moved on, and a newer image may be shown
            panel.show_image(spot, view.image)

    def _place_failed(self, _spot: Spot, error: BaseException) -> None:
        if self.is_attached:
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
        """The next plane; or not the one in the making."""
        if self._projecting is not None:
            self._cancel()
            return
        wanted = PLANES[(PLANES.index(self._wanted) + 1) % len(PLANES)]
        if wanted == "linear":
            self._go_linear()
            return
        if self._linear is None:
            self.say("there is no map yet", "warning")
            return
        self._wanted = wanted
        run = self.engine.snapshot.run
        known = self.context.projections.latest(run, self._request.split, wanted)
        if known is None:
            self._project(wanted)
        else:
            self._show_map(known)
            age = "; u makes it anew" if self._is_behind() else ""
            self.say(f"{NAMES[wanted]} of step {known.step:,}{age}")

    def action_update_map(self) -> None:
        """A map of the model as it is now."""
        if self.engine.snapshot.last is None:
            self.say("there is no map yet", "warning")
        elif self._projecting is not None:
            self.say("a map is being made already; Esc cancels it", "warning")
        else:
            self._update_from = self.engine.snapshot.step
            self._map_asked = None

    def _project(self, method: Projection) -> None:
        """Show t-SNE or UMAP of the latest map's latents, made now if need be."""
        assert self._linear is not None
        assert method != "linear"
        run, source = self.engine.snapshot.run, self._linear
        key = ProjectionKey(run, source.step, source.split, method)
        known = self.context.projections.get(key)
        if known is not None:
            self._show_map(known)
            return
        self._projecting = self.context.projections.start(self.context.worker, run, source, method)
        self._say_progress()

    def _follow_projecting(self) -> None:
        made = self._projecting
        if made is None:
            return
        if not made.done:
            self._say_progress()
            return
        self._projecting = None
        try:
            view = self.context.projections.finish(made)
        except Exception as error:  # whatever a library may raise, the map before stays
            self._wanted = self._shown_plane()
            self.say(describe(error), "error")
            return
        self.say(f"{view.projection} of {len(view.points):,} images, step {view.step:,}", "done")
        self._show_map(view)

    def _say_progress(self) -> None:
        if self._projecting is not None:
            text = f"{self._projecting.progress} (Esc cancels)"
            if self.query_one(MessageLine).text != text:
                self.say(text)

    def _cancel(self) -> None:
        """Not the map in the making; its turn is over, so that `t` goes on to the next."""
        if self._projecting is not None:
            name = NAMES[self._projecting.key.method]
            self._projecting.cancel()
            self._projecting = None
            if self._shown_plane() == "linear" and self._wanted == PLANES[-1]:
                self._wanted = "linear"
            self.say(f"{name} cancelled")

    def _shown_plane(self) -> Projection:
        view = self._cursor.view
        names = {name: method for method, name in NAMES.items()}
        return "linear" if view is None else names.get(view.projection, "linear")

    def _go_linear(self) -> None:
        self._wanted = "linear"
        if self._linear is not None:
            self._show_map(self._linear)

    def _is_behind(self) -> bool:
        """Whether a map that doesn't follow the model is of an earlier step."""
        view = self._cursor.view
        return view is not None and view.plane is None and view.step < self.engine.snapshot.step

    def action_next_dims(self) -> None:
        """The next pair."""
        self._show_pair(+1)

    def action_previous_dims(self) -> None:
        """The pair before."""
        self._show_pair(-1)

    def _show_pair(self, direction: int) -> None:
        dims = self.engine.config.latent_dim
        if dims <= 2:
            self.say(f"the latent space has {dims} dimension{'s'[: dims != 1]}: all are shown")
            return
        pairs = -(-dims // 2)
        if self._request.dims is None:
            # Kept while pairs are gone through: an order that changes would repeat some.
            self._dims_order = self._informative_dims()
            self._pair = 0 if direction > 0 else pairs - 1
        else:
            self._pair = (self._pair + direction) % pairs
        # Of an odd number, the last pair has one of the pair before.
        start = min(2 * self._pair, dims - 2)
        first, second = self._dims_order[start : start + 2]
        self._ask_for(replace(self._request, dims=(first, second)))
        of = f"pair {self._pair + 1} of {pairs}"
        kl = self._kl_per_dim()
        if kl is None:
            self.say(f"{of}, by index")
        else:
            self.say(f"{of}, by KL: {kl[first]:.2f} and {kl[second]:.2f} nats")

    def _kl_per_dim(self) -> list[float] | None:
        evaluations = self.engine.history.evaluations()
        kl: list[float] = evaluations[-1].kl_per_dim.tolist() if evaluations else []
        return kl if len(kl) == self.engine.config.latent_dim else None

    def _informative_dims(self) -> list[int]:
        kl = self._kl_per_dim()
        if kl is None:
            return list(range(self.engine.config.latent_dim))
        return sorted(range(len(kl)), key=lambda dim: -kl[dim])

    def action_all_dims(self) -> None:
        """PCA, or the plane itself."""
        self._ask_for(replace(self._request, dims=None))

    def action_split(self) -> None:
        """The next split's images."""
        at = SPLITS.index(self._request.split)
        self._choose_split(SPLITS[(at + 1) % len(SPLITS)])

    def _choose_split(self, split: Split) -> None:
        self._ask_for(replace(self._request, split=split))

    def _ask_for(self, request: LatentMap) -> None:
        """Show another linear map as soon as it is there; the one before stays until then."""
        if self._projecting is not None:
            self._cancel()
        self._wanted = "linear"
        if request == self._request:
            self._go_linear()
            return
        self._request, self._linear, self._update_from = request, None, None
        snapshot = self.engine.snapshot
        if snapshot.last is not None:
            self._ask_map_if_due(snapshot, snapshot.last.step)

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
            latent_map=self._request,
            projection=self._shown_plane(),
            latent_view=self._cursor.view,
            hidden_classes=self._hidden,
        )
        self.start_export(ExportOrder(("latent_scatter",), options))

    def action_cancel_or_back(self) -> None:
        """Esc."""
        if self._projecting is not None:
            self._cancel()
        else:
            self.action_back()


def choose_place_width(width: int, rows: int) -> int:
    """Columns for the place, in a terminal so wide with so many rows in a panel; 0 for none.

    As much as leaves the map about square, for its axes have one scale.
    """
    least = min(_MIN_MAP_COLUMNS, width // 2)
    square = _SQUARE * (rows - _LEGEND_ROWS)
    possible = [
        image + side
        for image, side in _PLACE_PARTS
        if width - image - side - _PLACE_PADDING >= least
        and lay_out(image + side, rows).image == image
    ]
    roomy = [w for w in possible if width - w - _PLACE_PADDING >= square]
    modest = [w for w in possible if w <= ACTUAL + MIN_THUMB]
    return max(roomy or modest, default=0)


def _fitting(titles: tuple[str, ...], width: int) -> str:
    """The first title that fits into a panel's border."""
    return next((title for title in titles if len(title) <= width - 4), titles[-1])
