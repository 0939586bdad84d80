"""What the pictures show: which images, which draws, and which moment of the film."""

from textual import on

from engine.text import epochs
from engine.views import PriorSamples
from tui.screens.dashboard.latent_map import LatentMapPanel
from tui.screens.dashboard.live_pictures import LivePictures
from tui.screens.dashboard.samples import SamplePanel
from tui.screens.dashboard.steering_control import SteeringControl
from tui.screens.dialogs.sampling import SamplingScreen
from tui.state.context import RunContext
from tui.widgets.pictures import ReconstructionPanel

TEMPERATURE_STEP = 0.1


class PictureControl(SteeringControl):
    """A screen with panels of reconstructions, samples and the latent map."""

    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        self._pictures: LivePictures | None = None

    def begin_run(self) -> None:
        """The pictures of this run."""
        if self._pictures is not None:
            self._pictures.close()
        self._pictures = LivePictures(
            self.run,
            self,
            self.view_failed,
            reconstructions=self.query_one(ReconstructionPanel),
            samples=self.query_one(SamplePanel),
            latent=self.query_one(LatentMapPanel),
        )

    @property
    def pictures(self) -> LivePictures:
        """Of the run on show."""
        assert self._pictures is not None, "before the screen is mounted"
        return self._pictures

    def film_moved(self) -> None:
        """Another moment of the film is on show, or the live model again."""
        raise NotImplementedError

    # Images and samples.

    def action_sample(self) -> None:
        """Other draws from the prior."""
        self.pictures.draw_other_samples()
        self.pictures.update()

    def action_other_images(self) -> None:
        """Other validation images."""
        self.pictures.choose_other_images()
        self.pictures.update()

    def action_sampling(self) -> None:
        """The dialog for seed and temperature."""

        def answered(samples: PriorSamples | None) -> None:
            if samples is not None:
                self.pictures.samples = samples
                self.pictures.update()

        self.app.push_screen(SamplingScreen(self.pictures.samples), answered)

    def action_hotter(self) -> None:
        """A higher temperature."""
        self.pictures.change_temperature(TEMPERATURE_STEP)
        self.pictures.update()

    def action_cooler(self) -> None:
        """A lower temperature."""
        self.pictures.change_temperature(-TEMPERATURE_STEP)
        self.pictures.update()

    def action_more_like(self) -> None:
        """Mark a sample to be picked."""
        panel = self.query_one(SamplePanel)
        if panel.display and panel.can_pick:
            panel.start_picking()
            self.say("arrows choose a sample, Enter shows more like it, Esc lets go")
        else:
            self.say("no sample on the screen to choose from", "warning")

    @on(SamplePanel.Picked)
    def show_more_like(self, event: SamplePanel.Picked) -> None:
        """Draw around the picked sample."""
        self.pictures.draw_like(event.latent)
        self.pictures.update()
        self.say("more like this one, the first: s draws others, M goes back to the prior")

    def action_prior(self) -> None:
        """No longer around a sample."""
        self.pictures.draw_like(None)
        self.pictures.update()

    # The film.

    def action_film_back(self) -> None:
        """A frame back."""
        self._move_film(-1)

    def action_film_forward(self) -> None:
        """A frame forward."""
        self._move_film(1)

    def action_film_start(self) -> None:
        """The first frame: the untrained model."""
        self.pictures.film.to_start()
        self._show_film()

    def action_film_live(self) -> None:
        """Follow the model again."""
        self.pictures.film.to_live()
        self._show_film()

    def _move_film(self, count: int) -> None:
        self.pictures.film.move(count)
        self._show_film()

    def _show_film(self) -> None:
        frame = self.pictures.film.frame
        if frame is None:
            self.say("live")
        else:
            epoch = epochs(frame.epoch)
            self.say(f"film {self.pictures.film.describe()}: epoch {epoch}; End follows live")
        self.film_moved()
        self.pictures.update()
