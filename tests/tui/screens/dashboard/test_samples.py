from dataclasses import replace

import numpy as np
import pytest
from textual import on

from engine.views import PriorSamples
from tests.support.made_views import sample_view
from tests.support.tui_fakes import WidgetApp
from tui.screens.dashboard.samples import SamplePanel
from tui.widgets.pictures import spread


class PickerApp(WidgetApp):
    BINDINGS = [("left", "outside")]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__(SamplePanel(id="samples"))
        self.picked: list[tuple[float, ...]] = []
        self.outside = 0

    def action_outside(self) -> None:
        self.outside += 1

    @on(SamplePanel.Picked)
    def keep(self, event: SamplePanel.Picked) -> None:
        self.picked.append(event.latent)


VIEW = sample_view(np.zeros((64, 28, 28), np.float32))


SIZE = (150, 20)
"""Room for two rows of eight images of 18 pixels, three columns from the left."""
SHOWN = spread(64, 16)


def latent(place: int) -> tuple[float, ...]:
    return tuple(VIEW.latents[SHOWN[place]].tolist())


async def test_arrows_move_a_frame_and_enter_gives_the_latent_of_the_sample_in_it() -> None:
    app = PickerApp()
    async with app.run_test(size=SIZE) as pilot:
        panel = app.query_one(SamplePanel)
        panel.show(VIEW)
        await pilot.pause()
        for keys, place in (
            (["right", "right", "left"], 1),
            (["right", "down"], 9),
            (["down", "down"], 15),
            (["left", "up", "down", "up"], 0),
        ):
            panel.start_picking()
            await pilot.press(*keys, "enter")
            assert app.picked.pop() == latent(place), keys
            assert panel.marked is None
        assert app.outside == 0


async def test_keys_mean_what_they_mean_everywhere_while_nothing_is_marked() -> None:
    app = PickerApp()
    async with app.run_test(size=SIZE) as pilot:
        panel = app.query_one(SamplePanel)
        panel.show(VIEW)
        panel.focus()
        await pilot.press("left", "enter")
        assert (app.outside, app.picked) == (1, [])
        panel.start_picking()
        await pilot.press("escape", "left")
        assert (app.outside, app.picked) == (2, [])


async def test_the_frame_is_white_and_around_the_marked_image_only() -> None:
    app = PickerApp()
    async with app.run_test(size=SIZE) as pilot:
        panel = app.query_one(SamplePanel)
        panel.show(VIEW)
        await pilot.pause()
        assert {strip.text.strip() for strip in panel.paint(panel.size)} == {""}
        panel.start_picking(9)
        lines = panel.paint(panel.size)
        x = 3 + 18
        assert not any(line.text.strip() for line in lines[:9]), "the first row of images"
        assert lines[9].text.strip() == "▀" * 16, "white over black, between the corners"
        assert lines[9].text.index("▀") == x + 1
        assert lines[17].text.strip() == "▀" * 16
        sides = [segment for segment in lines[13] if segment.style and segment.style.bgcolor]
        assert [len(segment.text) for segment in sides] == [x - 3, 1, 16, 1, 150 - 6 - x - 15]
        white = [segment.style.bgcolor.triplet for segment in sides if segment.style]
        assert [color[0] for color in white if color] == [0, 255, 0, 255, 0]


async def test_a_click_marks_a_sample_and_a_second_one_picks_it() -> None:
    app = PickerApp()
    async with app.run_test(size=SIZE) as pilot:
        panel = app.query_one(SamplePanel)
        panel.show(VIEW)
        await pilot.pause()
        below_the_border = 1
        place_10 = (3 + 2 * 18 + 17, below_the_border + 9)
        await pilot.click(SamplePanel, offset=place_10)
        assert panel.marked == 10
        await pilot.click(SamplePanel, offset=place_10)
        assert app.picked == [latent(10)]
        await pilot.click(SamplePanel, offset=(2, 3))
        assert panel.marked is None


async def test_a_moment_of_the_film_has_nothing_to_pick_from() -> None:
    app = PickerApp()
    async with app.run_test(size=SIZE) as pilot:
        panel = app.query_one(SamplePanel)
        assert not panel.can_pick
        panel.show(VIEW)
        await pilot.pause()
        assert panel.can_pick
        panel.start_picking()
        panel.show(
            replace(VIEW, latents=np.empty((0, 0), np.float32)),
            "film 1 of 2, step 1",
        )
        assert not panel.can_pick
        assert panel.marked is None
        assert panel.border_title == "samples from the prior · seed 0 · film 1 of 2, step 1"


@pytest.mark.parametrize(
    ("request_", "model", "title"),
    [
        (PriorSamples(seed=4), "vae", "samples from the prior · seed 4"),
        (PriorSamples(seed=0), "ae", "decoded N(0, I), no prior · seed 0"),
        (PriorSamples(temperature=0.7), "vae", "samples from the prior · seed 0 · T = 0.7"),
        (PriorSamples(around=(0.0,)), "vae", "more like the first · seed 0"),
    ],
)
async def test_the_title_says_what_is_drawn(request_: PriorSamples, model: str, title: str) -> None:
    app = PickerApp()
    async with app.run_test(size=SIZE):
        panel = app.query_one(SamplePanel)
        panel.model = model  # type: ignore[assignment]
        panel.show(sample_view(VIEW.images, request_))
        assert panel.border_title == title
