from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.run import Access
from engine.views import (
    HOTTEST,
    Frame,
    LatentMap,
    PriorSamples,
    Reconstructions,
    ReconstructionView,
)
from tests.support.made_views import sample_view
from tests.support.mailbox import Mailbox
from tests.support.tui_fakes import CLASS_NAMES, history, snapshot_of
from tui.screens.dashboard.live_pictures import LivePictures


class Run:
    """Answers at once, and remembers what it was asked."""

    access = Access.OWNER

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.frames: list[Frame] = []
        self.snapshot = replace(snapshot_of(history(3, 10)), step=9)

    def request(self, view: object) -> "Future[Any]":
        self.asked.append(view)
        future: Future[Any] = Future()
        future.set_result(self.answer(view))
        return future

    def answer(self, view: object) -> object:
        match view:
            case Reconstructions(page):
                originals = np.full((20, 28, 28), 0.25, np.float32)
                labels = np.repeat(np.arange(10, dtype=np.uint8), 2)
                return ReconstructionView(
                    9, 0.9, page, originals, originals / 2, labels, CLASS_NAMES, np.arange(20)
                )
            case PriorSamples():
                return sample_view(np.zeros((64, 28, 28), np.float32), view)
        return view


class Panel:
    display = True

    def __init__(self) -> None:
        self.shown: list[tuple[Any, str]] = []

    def show(self, view: Any, moment: str = "") -> None:
        self.shown.append((view, moment))


@pytest.fixture
def run() -> Run:
    return Run()


@pytest.fixture
def panels() -> list[Panel]:
    return [Panel(), Panel(), Panel()]


@pytest.fixture
def mail() -> Mailbox:
    return Mailbox()


@pytest.fixture
def pictures(run: Run, panels: list[Panel], mail: Mailbox) -> LivePictures:
    reconstructions, samples, latent = panels

    def failed(_: object, error: BaseException) -> None:
        raise error

    return LivePictures(
        run,  # type: ignore[arg-type]
        mail,  # type: ignore[arg-type]
        failed,
        reconstructions=reconstructions,
        samples=samples,
        latent=latent,
    )


def look(pictures: LivePictures, mail: Mailbox) -> None:
    """Ask, and show the answers."""
    pictures.update()
    mail.deliver()


def frame(step: int, grey: int) -> Frame:
    return Frame(
        step,
        step / 10,
        np.full((20, 28, 28), grey, np.uint8),
        np.full((64, 28, 28), grey + 1, np.uint8),
    )


def test_temperature_and_seed_are_asked_for_and_the_temperature_has_its_limits(
    run: Run, pictures: LivePictures, panels: list[Panel], mail: Mailbox
) -> None:
    pictures.change_temperature(-0.3)
    pictures.draw_other_samples()
    look(pictures, mail)
    assert PriorSamples(seed=1, temperature=0.7) in run.asked
    for change, expected in ((-9.0, 0.0), (0.1, 0.1), (0.2, 0.3), (9.0, HOTTEST)):
        pictures.change_temperature(change)
        assert pictures.samples.temperature == expected


def test_more_like_one_keeps_seed_and_temperature_and_can_be_left(pictures: LivePictures) -> None:
    pictures.samples = PriorSamples(seed=3, temperature=0.5)
    pictures.draw_like((1.0, 2.0))
    assert pictures.samples == PriorSamples(seed=3, temperature=0.5, around=(1.0, 2.0))
    pictures.draw_other_samples()
    assert pictures.samples == PriorSamples(seed=4, temperature=0.5, around=(1.0, 2.0))
    pictures.draw_like(None)
    assert pictures.samples == PriorSamples(seed=4, temperature=0.5)


def test_a_moment_of_the_film_is_shown_once_over_its_originals_and_nothing_else_is_asked(
    run: Run, pictures: LivePictures, panels: list[Panel], mail: Mailbox
) -> None:
    reconstructions, samples, _ = panels
    look(pictures, mail)
    run.frames = [frame(0, 51), frame(4, 102)]
    pictures.film.move(-2)
    run.asked.clear()
    shown = len(reconstructions.shown)
    look(pictures, mail)
    assert not [view for view in run.asked if not isinstance(view, LatentMap)]
    assert len(reconstructions.shown) == shown + 1
    view, moment = reconstructions.shown[-1]
    assert moment == "film 1 of 2, step 0"
    np.testing.assert_allclose(view.originals, 0.25)
    np.testing.assert_allclose(view.reconstructions, 51 / 255, rtol=1e-6)
    drawn, moment = samples.shown[-1]
    assert moment == "film 1 of 2, step 0"
    np.testing.assert_allclose(drawn.images, 52 / 255, rtol=1e-6)
    assert (drawn.step, drawn.request) == (0, PriorSamples())
    assert not len(drawn.latents), "nothing to pick from"


def test_the_film_shows_its_own_images_though_others_are_on_screen(
    run: Run, pictures: LivePictures, panels: list[Panel], mail: Mailbox
) -> None:
    look(pictures, mail)
    pictures.choose_other_images()
    look(pictures, mail)
    assert panels[0].shown[-1][0].page == 1
    run.frames = [frame(4, 102)]
    pictures.film.to_start()
    look(pictures, mail)
    assert panels[0].shown[-1][0].page == 0


def test_leaving_the_film_shows_the_current_model_at_once(
    run: Run, pictures: LivePictures, panels: list[Panel], mail: Mailbox
) -> None:
    look(pictures, mail)
    run.frames = [frame(4, 102)]
    pictures.film.to_start()
    look(pictures, mail)
    pictures.film.to_live()
    look(pictures, mail)  # the same step as before the film
    for panel in panels[:2]:
        view, moment = panel.shown[-1]
        assert (moment, view.step) == ("", 9 if panel is panels[0] else 300)


def test_before_the_first_pictures_the_film_has_nothing_to_show(
    run: Run, pictures: LivePictures, panels: list[Panel], mail: Mailbox
) -> None:
    run.frames = [frame(0, 51)]
    pictures.film.to_start()
    pictures.update()
    assert not panels[0].shown
    mail.deliver()
    look(pictures, mail)
    assert panels[0].shown[-1][1] == "film 1 of 1, step 0"
