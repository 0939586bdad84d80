"""The walks screen: interpolation, traversal and the manifold, live.

One is shown at a time, and only that one is asked for.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, get_args

from textual.app import ComposeResult
from textual.binding import BindingType

from engine.snapshot import Snapshot
from engine.views import SAMPLE_COUNT, Interpolation, InterpolationView
from tui.screens.base import Part, RunScreen
from tui.screens.dialogs.go_to import GoToScreen
from tui.screens.walks.interpolation import InterpolationPanel
from tui.screens.walks.manifold import ManifoldPanel
from tui.screens.walks.panel import WalkPanel, without_prior
from tui.screens.walks.tabs import WalkBar
from tui.screens.walks.traversal import TraversalPanel
from tui.state.context import RunContext
from tui.state.exports import ExportOrder
from tui.state.keymap import WALK_ACTIONS, bindings
from tui.state.view_feed import ViewFeed, picture_interval
from tui.widgets.header import RunHeader
from tui.widgets.key_bar import KeyBar
from tui.widgets.message_line import MessageLine

Walk = Literal["interpolation", "traversal", "manifold"]
WALKS: tuple[Walk, ...] = get_args(Walk)

_KEYS_OF_ONE: dict[str, Walk] = {
    "ends": "interpolation",
    "go_to": "interpolation",
    "dims_down": "traversal",
    "dims_up": "traversal",
    "more": "manifold",
    "fewer": "manifold",
}
"""Keys that mean something for one walk only."""

_LAST_IMAGE = Interpolation(pairs=((-1, -1),), rows=1, steps=2)
"""Positions count round the split: −1 is the last one, and says how many there are."""


class WalksScreen(RunScreen):
    """Shows the walks of the run on show."""

    TITLE_FOR_FILES = "walks"
    SCREEN_ACTIONS = WALK_ACTIONS
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(
            WALK_ACTIONS,
            {
                "escape": "back",
                "shift+tab": "previous_walk",
                "pagedown": "dims_page_down",
                "pageup": "dims_page_up",
            },
        )
    ]

    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        self._walk: Walk = "interpolation"
        self._feeds: dict[Walk, ViewFeed[object]] = {}
        self._last_image_feed: ViewFeed[InterpolationView] | None = None
        self._last_image: int | None = None
        """Position of the last validation image, once it is known."""

    def compose(self) -> ComposeResult:
        """Header, the walks' names, one of the walks, message line, its keys."""
        yield RunHeader(id="header")
        yield WalkBar(WALKS, id="walks")
        yield InterpolationPanel(id="interpolation")
        yield TraversalPanel(id="traversal")
        yield ManifoldPanel(id="manifold")
        yield MessageLine(id="message")
        for walk in WALKS:
            actions = tuple(a for a in WALK_ACTIONS if _KEYS_OF_ONE.get(a.name, walk) == walk)
            if walk == "manifold":
                actions = tuple(a for a in actions if a.name not in ("other", "before"))
            yield KeyBar(actions, id=f"keys-{walk}")

    def on_mount(self) -> None:
        """Show the first walk."""
        self.apply_image_mode()
        self._show_walk("interpolation")

    @property
    def panel(self) -> WalkPanel:
        """The walk on show."""
        return self.query_one(f"#{self._walk}", WalkPanel)

    # What is new.

    def begin_run(self) -> None:
        """Empty walks, which ask this run."""
        self._messages.since_last(self.run.snapshot)  # what was said before stays said
        for feed in self._all_feeds():
            feed.close()
        self._feeds = {walk: ViewFeed(self.run, self, self.view_failed) for walk in WALKS}
        self._last_image_feed = ViewFeed(self.run, self, self.view_failed)
        self._last_image = None
        for panel in self.query(WalkPanel):
            panel.begin(self.run.config)

    def _all_feeds(self) -> Iterator[ViewFeed[Any]]:
        yield from self._feeds.values()
        if self._last_image_feed is not None:
            yield self._last_image_feed

    def parts(self) -> list[Part]:
        """The walk on show, when its feed finds it due."""
        return [Part(self._update)]

    def _update(self) -> None:
        """Ask for what is due of the walk on show; a person may be waiting."""
        if self.is_active and self.run.snapshot.last is not None:
            self._ask(self.run.snapshot, self.run.snapshot.last.step)
        self._show_titles()

    def _ask(self, snapshot: Snapshot, evaluated: int) -> None:
        self.query_one(InterpolationPanel).mark(self.context.ends)
        if self._last_image is None and self._last_image_feed is not None:
            self._last_image_feed.ask(_LAST_IMAGE, self._know_last_image)
        panel, request = self.panel, self.panel.request()
        if request is None:
            return

        def show(view: object) -> None:
            panel.accept(view, request)
            self._show_titles()

        version = evaluated if self._needs_all_images() else snapshot.step
        interval = picture_interval(snapshot)
        self._feeds[self._walk].ask(request, show, version=version, interval=interval)

    def _know_last_image(self, view: InterpolationView) -> None:
        self._last_image = view.pairs[0][0]

    def _show_titles(self) -> None:
        self.query_one(WalkBar).show_walk(self._walk, self.panel.titles())

    def _needs_all_images(self) -> bool:
        """Whether all validation images go through the encoder: only as often as evaluated."""
        own_quantiles = self._walk == "traversal" and without_prior(self.run.config.model)
        return self._walk == "manifold" or own_quantiles

    # Which walk.

    def _show_walk(self, walk: Walk) -> None:
        self._walk = walk
        for name in WALKS:
            self.query_one(f"#{name}").set_class(name == walk, "-shown")
            self.query_one(f"#keys-{name}").set_class(name == walk, "-shown")
        self.say(self.panel.EXPLANATION)
        self.call_after_refresh(self._update)  # the panel has its size then

    def action_next_walk(self) -> None:
        """The next walk."""
        self._show_walk(WALKS[(WALKS.index(self._walk) + 1) % len(WALKS)])

    def action_previous_walk(self) -> None:
        """The walk before."""
        self._show_walk(WALKS[WALKS.index(self._walk) - 1])

    def action_interpolation(self) -> None:
        """Straight paths between two points."""
        self._show_walk("interpolation")

    def action_traversal(self) -> None:
        """One dimension moved a row."""
        self._show_walk("traversal")

    def action_manifold(self) -> None:
        """A plane of latent space on a grid."""
        self._show_walk("manifold")

    # What it shows.

    def _is_on(self, walk: Walk) -> bool:
        """Whether the walk that a key is for is on show; says so if not."""
        if self._walk != walk:
            self.say(f"that key is for the {walk}: press {WALKS.index(walk) + 1} first")
        return self._walk == walk

    def action_ends(self) -> None:
        """Validation images, or draws from the prior."""
        if not self._is_on("interpolation"):
            return
        self.query_one(InterpolationPanel).switch_ends()
        self._update()

    def action_other(self) -> None:
        """Other pairs, or another image."""
        self._turn(1)

    def action_before(self) -> None:
        """The pairs or the image before."""
        self._turn(-1)

    def _turn(self, pages: int) -> None:
        panel = self.panel
        if isinstance(panel, InterpolationPanel | TraversalPanel):
            if not panel.turn(pages):
                self.say("these are the first ones")
            self._update()
        else:
            self.say("the manifold is one: there are no others")

    def action_go_to(self) -> None:
        """Ask for two ends."""
        if not self._is_on("interpolation"):
            return
        panel = self.query_one(InterpolationPanel)
        if panel.between == "prior":
            what, first, last = "sample", 1, SAMPLE_COUNT
        elif self._last_image is None:
            self.say("there are no images to go to yet", "warning")
            return
        else:
            what, first, last = "validation image", 0, self._last_image

        def answered(pair: tuple[int, int] | None) -> None:
            if pair is not None:
                panel.go_to((pair[0] - first, pair[1] - first))
                self._update()

        self.app.push_screen(GoToScreen(what, first, last), answered)

    def action_dims_down(self) -> None:
        """The next dimension."""
        self._scroll(1)

    def action_dims_up(self) -> None:
        """The dimension before."""
        self._scroll(-1)

    def action_dims_page_down(self) -> None:
        """As many dimensions further as are on show."""
        self._scroll(self.query_one(TraversalPanel).page_of_dims())

    def action_dims_page_up(self) -> None:
        """As many dimensions back."""
        self._scroll(-self.query_one(TraversalPanel).page_of_dims())

    def _scroll(self, dims: int) -> None:
        if not self._is_on("traversal"):
            return
        if not self.query_one(TraversalPanel).scroll_dims(dims):
            self.say("all dimensions there are" if dims > 0 else "the most informative dimensions")
        self._update()

    def action_more(self) -> None:
        """More and smaller images."""
        self._refine(1)

    def action_fewer(self) -> None:
        """Fewer and larger images."""
        self._refine(-1)

    def _refine(self, by: int) -> None:
        if not self._is_on("manifold"):
            return
        if not self.query_one(ManifoldPanel).refine(by):
            self.say(f"no {'more' if by > 0 else 'fewer'} images fit")
        self._update()

    def action_export(self) -> None:
        """The figure of the walk on show, as it is set."""
        name, options = self.panel.figure()
        self.start_export(ExportOrder((name,), options))
