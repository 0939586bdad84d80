"""Which map of latent space the explorer shows: the keys that choose it."""

from engine.views import LatentView
from tui.screens.base import Part, RunScreen
from tui.screens.explorer.latent_maps import LatentMaps
from tui.state.context import RunContext
from tui.state.run_messages import Level
from tui.widgets.message_line import MessageLine


class MapControl(RunScreen):
    """A screen with a latent map."""

    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        self._maps: LatentMaps | None = None
        self._cancelled = ""
        """What ended with the maps of the run before, for a person; may be empty."""

    def show_map(self, view: LatentView) -> None:
        """A map has come, of the run on show."""
        raise NotImplementedError

    def begin_run(self) -> None:
        """The maps of this run."""
        self._cancelled = self._close_maps()
        self._maps = LatentMaps(self.context, self, self.show_map, self._say_once)

    def parts(self) -> list[Part]:
        """The map, as often as its feed finds it due."""
        return [Part(lambda: self.maps.tick())]

    def on_unmount(self) -> None:
        """Leave nothing running, and say on the screen below what that has cancelled."""
        cancelled = self._close_maps()
        if cancelled and self.app.screen_stack:
            for line in self.app.screen.query(MessageLine):
                line.say(cancelled)

    def _close_maps(self) -> str:
        return "" if self._maps is None else self._maps.close()

    def _follow_run(self) -> None:
        super()._follow_run()
        if self._cancelled:
            said = self.query_one(MessageLine).text  # which run is on show now
            self.say(f"{said}; {self._cancelled}")
            self._cancelled = ""

    @property
    def maps(self) -> LatentMaps:
        """Of the run on show."""
        assert self._maps is not None, "before the screen is mounted"
        return self._maps

    def _say_once(self, text: str, level: Level) -> None:
        if self.query_one(MessageLine).text != text:
            self.say(text, level)

    def action_projection(self) -> None:
        """The next kind of map; cancels one that is being computed."""
        self.maps.next_projection()

    def action_update_map(self) -> None:
        """A map of the current weights."""
        self.maps.update()

    def action_next_dims(self) -> None:
        """The next pair of latent dimensions."""
        self.maps.next_dims(+1)

    def action_previous_dims(self) -> None:
        """The previous pair."""
        self.maps.next_dims(-1)

    def action_all_dims(self) -> None:
        """PCA, or the plane itself."""
        self.maps.all_dims()

    def action_split(self) -> None:
        """The next split's images."""
        self.maps.next_split()

    def action_cancel_or_back(self) -> None:
        """Cancel the map that is being computed; if there is none, leave."""
        if not self.maps.cancel():
            self.action_back()
