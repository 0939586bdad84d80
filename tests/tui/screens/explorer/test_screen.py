"""The explorer with a made-up run, driven by keys and mouse."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.screen import Screen

from engine.analysis.jobs import Project
from engine.snapshot import Phase
from engine.views import Decode, LatentMap, Probe
from tests.support.explorer_fakes import ExplorerApp, FakeRun, decoded, original
from tests.support.looking import look
from tests.support.tui_fakes import CLASS_NAMES, strips_of, texts_of
from tests.support.waiting import until
from tui.drawing.class_marks import class_mark
from tui.drawing.grid import Grid
from tui.drawing.pixels import shrink, strips
from tui.screens.explorer.inspector import Inspector, lay_out
from tui.screens.explorer.legend import ClassLegend
from tui.screens.explorer.map import CURSOR_STYLE, END_STYLE, ExplorerMap
from tui.screens.explorer.screen import ExplorerScreen
from tui.state.exports import ExportOrder
from tui.widgets.header import RunHeader
from tui.widgets.message_line import MessageLine

pytestmark = pytest.mark.slow

SMALL, LARGE = (80, 24), (140, 45)


class Explorer:
    """What a person sees and does."""

    def __init__(self, app: ExplorerApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot
        self.run, self.worker, self.screen = app.fake, app.worker, app.explorer

    @property
    def map(self) -> ExplorerMap:
        return self.screen.query_one(ExplorerMap)

    @property
    def place(self) -> Inspector:
        return self.screen.query_one(Inspector)

    @property
    def legend(self) -> ClassLegend:
        return self.screen.query_one(ClassLegend)

    @property
    def message(self) -> str:
        return self.screen.query_one(MessageLine).text

    @property
    def cell(self) -> tuple[int, int]:
        """The cell that is drawn as the cursor."""
        found = self._cells(lambda style: style.bgcolor == CURSOR_STYLE.bgcolor)
        assert len(found) == 1
        return found[0][0]

    @property
    def ends(self) -> dict[str, tuple[int, int]]:
        found = self._cells(lambda style: style.bgcolor == END_STYLE.bgcolor)
        return {text: cell for cell, text in found}

    def _cells(self, wanted: Callable[[object], bool]) -> list[tuple[tuple[int, int], str]]:
        found = []
        for y, line in enumerate(strips_of(self.map)):
            x = 0
            for segment in line:
                for character in segment.text:
                    if segment.style and wanted(segment.style):
                        found.append(((x, y), character))
                    x += 1
        return found

    @property
    def latent(self) -> np.ndarray:
        """What the cursor's place on a plane stands for."""
        view, grid = self.screen._cursor.view, self.map.grid
        assert view is not None
        assert view.plane is not None
        return view.plane.latent(*grid.point(*self.cell))[0]

    def shows(self, image: np.ndarray) -> bool:
        """Whether the decoded image on the screen is this one."""
        layout = lay_out(*self.place.size)
        expected = [line.text for line in strips(shrink(image[None], layout.image)[0], "ascii")]
        shown = [line[: layout.image] for line in texts_of(self.place)][: len(expected)]
        return shown == expected

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object]) -> None:
        await until(self.pilot, condition)

    async def settle(self) -> None:
        """Let it look at the run twice, as if time had gone by, and draw the answers."""
        await look(self.pilot, self.screen)


@asynccontextmanager
async def exploring(
    run: FakeRun | None = None, size: tuple[int, int] = LARGE, *, ready: bool = True
) -> AsyncIterator[Explorer]:
    app = ExplorerApp(run or FakeRun())
    # Characters are easier to compare than colours.
    app.context.image_mode = "ascii"
    async with app.run_test(size=size) as pilot:
        explorer = Explorer(app, pilot)
        if ready:
            await explorer.until(lambda: explorer.screen._cursor.view is not None)
            await explorer.until(lambda: explorer.place._view is not None)
        yield explorer


# Moving about.


MOVES = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
LETTERS = dict(zip("hljk", [(-1, 0), (1, 0), (0, 1), (0, -1)], strict=True))
FAR = {f"shift+{key}": move for key, move in MOVES.items()}
FAR |= {key.upper(): move for key, move in LETTERS.items()}


@pytest.mark.parametrize(
    ("key", "columns", "rows"),
    [(key, *move) for key, move in (MOVES | LETTERS).items()]
    + [(key, 8 * columns, 8 * rows) for key, (columns, rows) in FAR.items()],
)
async def test_keys_move_the_cursor_and_its_point_is_decoded(
    key: str, columns: int, rows: int
) -> None:
    async with exploring() as explorer:
        x, y = explorer.cell
        await explorer.press(key)
        assert explorer.cell == (x + columns, y + rows)
        question = explorer.run.questions(Decode)[-1]
        np.testing.assert_allclose(question.latents[0], explorer.latent, rtol=1e-5)
        assert explorer.shows(decoded(explorer.latent[None])[0])


async def test_the_cursor_stops_at_the_edge_of_the_map() -> None:
    async with exploring() as explorer:
        width, height = explorer.map.size
        await explorer.press(*["L"] * 20, *["J"] * 20)
        assert explorer.cell == (width - 1, height - 1)
        asked = len(explorer.run.questions(Decode))
        await explorer.press("l", "j")
        assert len(explorer.run.questions(Decode)) == asked
        await explorer.press(*["H"] * 20, *["K"] * 20)
        assert explorer.cell == (0, 0)


async def test_the_cursor_follows_the_mouse() -> None:
    async with exploring() as explorer:
        # The panel's border is its first line.
        await explorer.pilot.hover(ExplorerMap, offset=(12, 8))
        await explorer.pilot.pause()
        assert explorer.cell == (12, 7)
        await explorer.pilot.click(ExplorerMap, offset=(20, 11))
        await explorer.pilot.pause()
        assert explorer.cell == (20, 10)
        await explorer.pilot.hover(Inspector, offset=(20, 11))
        await explorer.pilot.pause()
        assert explorer.cell == (20, 10), "elsewhere the mouse is not its business"


async def test_dragging_goes_on_along_the_edge_beyond_the_map() -> None:
    async with exploring() as explorer:
        await explorer.pilot.mouse_down(ExplorerMap, offset=(20, 11))
        await explorer.pilot.hover(Inspector, offset=(20, 15))
        await explorer.pilot.pause()
        assert explorer.cell == (explorer.map.size.width - 1, 14)
        await explorer.pilot.mouse_up(Inspector, offset=(20, 15))
        await explorer.pilot.hover(Inspector, offset=(20, 20))
        await explorer.pilot.pause()
        assert explorer.cell == (explorer.map.size.width - 1, 14)
        await explorer.pilot.hover(ExplorerMap, offset=(5, 0))
        await explorer.pilot.pause()
        assert explorer.cell == (explorer.map.size.width - 1, 14), "that is the title"


async def test_one_image_is_asked_for_at_a_time_and_the_newest_point_next() -> None:
    async with exploring() as explorer:
        run = explorer.run
        run.held = True
        run.asked.clear()
        await explorer.press("l", "l", "l", "l")
        assert len(run.questions(Decode)) == 1
        first = decoded(run.asked[0].latents)[0]
        run.answer(1)
        await explorer.pilot.pause()
        assert explorer.shows(first), "what is on its way is shown, so that a held key shows motion"
        assert len(run.questions(Decode)) == 2
        np.testing.assert_allclose(run.asked[-1].latents[0], explorer.latent, rtol=1e-5)
        assert not run.questions(Probe), "surroundings are for where the cursor rests"
        run.answer(1)
        await explorer.pilot.pause()
        assert explorer.shows(decoded(explorer.latent[None])[0])
        assert len(run.questions(Decode)) == 2
        assert len(run.questions(Probe)) == 1


async def test_an_image_comes_without_waiting_for_a_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.screens.base.TICK", 3600.0)
    async with exploring(ready=False) as explorer:
        await explorer.until(lambda: explorer.place._view is not None)
        await explorer.press("l")
        await explorer.until(lambda: explorer.shows(decoded(explorer.latent[None])[0]))
        await explorer.until(lambda: len(explorer.run.questions(Probe)) > 2)


async def test_a_probe_of_a_point_that_was_left_doesnt_bring_its_image_back() -> None:
    async with exploring() as explorer:
        run = explorer.run
        run.held = True
        await explorer.press("l")
        run.answer(1)
        await explorer.pilot.pause()
        assert [type(q) for q in run.outstanding] == [Probe]
        old = run.outstanding[0].latent
        await explorer.press("L")
        # The run gets to the surroundings only now, after the newer image.
        run._waiting.reverse()
        run.answer(1)
        await explorer.pilot.pause()
        newer = decoded(explorer.latent[None])[0]
        assert explorer.shows(newer)
        run.answer(1)
        await explorer.pilot.pause()
        assert not explorer.shows(decoded(old[None])[0])
        assert explorer.shows(newer)


async def test_answers_that_come_when_the_screen_is_gone_harm_nobody() -> None:
    async with exploring() as explorer:
        explorer.run.held = True
        await explorer.press("l", "t")
        point = explorer.place._point
        assert point is not None
        await explorer.press("q")
        assert explorer.screen not in explorer.app.screen_stack
        asked = len(explorer.run.asked)
        explorer.run.answer()
        for _ in range(3):
            await explorer.pilot.pause()
        assert len(explorer.run.asked) == asked
        explorer.screen.probes.ask(point)
        assert len(explorer.run.asked) == asked
        assert explorer.worker.jobs[0][1].future.cancelled()


# Keeping up with the model.


async def test_the_picture_learns_under_a_resting_cursor() -> None:
    async with exploring() as explorer:
        cell, latent = explorer.cell, explorer.latent
        explorer.run.asked.clear()
        explorer.run.train_to(350)
        await explorer.until(lambda: bool(explorer.run.questions(Probe)))
        question = explorer.run.questions(Probe)[0]
        np.testing.assert_allclose(question.latent, latent, atol=0.3)
        assert explorer.cell == cell
        await explorer.settle()
        assert len(explorer.run.questions(Probe)) == 1, "the same step is asked about once"
        assert not explorer.run.questions(LatentMap), "the map waits for an evaluation"


async def test_the_map_is_made_again_at_an_evaluation_and_the_cursor_stays() -> None:
    async with exploring() as explorer:
        await explorer.press("L", "k")
        cell = explorer.cell
        explorer.run.asked.clear()
        explorer.run.train_to(400, evaluate=True)
        await explorer.until(lambda: explorer.screen.maps.linear.step == 400)  # type: ignore[union-attr]
        assert explorer.run.questions(LatentMap) == [LatentMap()]
        assert explorer.cell == cell


async def test_nothing_is_asked_while_another_screen_is_on_top() -> None:
    async with exploring() as explorer:
        run = explorer.run
        run.held = True
        run.train_to(400, evaluate=True)
        await explorer.until(lambda: LatentMap() in run.outstanding)
        await explorer.press("l", "l")
        run.asked.clear()
        await explorer.press("question_mark")
        run.answer()
        run.train_to(500, evaluate=True)
        await explorer.pilot.resize_terminal(120, 40)
        await explorer.settle()
        assert run.asked == []
        run.held = False
        await explorer.press("escape")
        await explorer.until(lambda: LatentMap() in run.asked)
        # In the new grid, the cursor need not be in the middle of its cell.
        cursor = explorer.screen._cursor
        expected = decoded(run.map().plane.latent(cursor.x, cursor.y))[0]  # type: ignore[union-attr]
        await explorer.until(lambda: explorer.shows(expected))


async def test_a_map_that_was_still_to_be_asked_for_is_asked_for_on_return() -> None:
    async with exploring() as explorer:
        run = explorer.run
        run.held = True
        await explorer.press("d", "d", "question_mark")
        run.answer()
        await explorer.settle()
        assert run.outstanding == []
        run.held = False
        await explorer.press("escape")
        await explorer.until(lambda: "z3 × z2" in explorer.map.border_title)


async def test_when_another_run_comes_on_show_nothing_of_the_one_before_stays_under_its_name() -> (
    None
):
    first, second = FakeRun(), FakeRun(model="ae")
    second.snapshot = replace(second.snapshot, run="ae-fake", phase=Phase.WAITING)
    second.held = True
    async with exploring(first) as explorer:
        explorer.app.context.runs.append(second)  # type: ignore[arg-type]
        await explorer.press("L", "3")
        first.held = True
        await explorer.press("l", "l")  # answered too late
        first.train_to(900, phase=Phase.FINISHED)
        second.train_to(300, phase=Phase.TRAINING)
        explorer.screen.look_now()
        assert explorer.message == "vae-fake has ended: now ae-fake trains"
        assert "ae-fake" in explorer.screen.query_one(RunHeader).render().plain
        first.answer()
        await explorer.pilot.pause()
        assert "waiting for the model" in texts_of(explorer.map)[0]
        assert "waiting for the model" in texts_of(explorer.place)[0]
        assert not explorer.map.border_title
        assert not explorer.legend.render().plain
        second.held = False
        second.answer()
        await explorer.until(lambda: "codes of" in (explorer.map.border_title or ""))
        asked = len(first.asked)
        await explorer.press("h", "u")
        await explorer.until(lambda: explorer.shows(decoded(explorer.latent[None])[0]))
        await explorer.settle()
        assert len(first.asked) == asked
        assert marks_on_the_map(explorer) == set("012456789"), "a hidden class stays hidden"


async def test_neighbours_come_when_the_training_images_are_embedded() -> None:
    run = FakeRun()
    run.held = True
    async with exploring(run, ready=False) as explorer:
        await explorer.until(lambda: bool(run.outstanding))
        run.answer()  # the map
        await explorer.until(lambda: len(run.outstanding) == 2)
        embedding, image = run._waiting
        run._waiting = [image, embedding]
        run.embedding = True
        run.answer(1)
        await explorer.until(lambda: len(run.outstanding) == 2)
        run._waiting.reverse()
        run.answer(1)
        await explorer.until(lambda: "embedding" in "".join(texts_of(explorer.place)))
        assert len(run.outstanding) == 1
        run.embedding, run.held = False, False
        run.answer()
        await explorer.until(lambda: "embedding" not in "".join(texts_of(explorer.place)))


async def test_a_run_that_has_not_begun_is_waited_for() -> None:
    run = FakeRun()
    begun = run.snapshot
    run.train_to(0, phase=Phase.LOADING)
    object.__setattr__(run.snapshot, "last", None)
    async with exploring(run, ready=False) as explorer:
        await explorer.settle()
        await explorer.press("l", "t", "u", "d", "v", "0", "left_square_bracket", "asterisk", "e")
        assert "waiting for the model" in texts_of(explorer.map)[0]
        assert "waiting for the model" in texts_of(explorer.place)[0]
        assert run.asked == []
        run.snapshot = begun
        await explorer.until(lambda: explorer.screen._cursor.view is not None)


async def test_a_run_that_failed_before_it_had_a_model_is_told() -> None:
    run = FakeRun()
    run.train_to(0, phase=Phase.FAILED)
    object.__setattr__(run.snapshot, "last", None)
    object.__setattr__(run.snapshot, "error", "no such data")
    async with exploring(run, ready=False) as explorer:
        await explorer.until(lambda: explorer.message == "the run failed: no such data")
        assert "there is no model" in texts_of(explorer.map)[0]
        assert "there is no model" in texts_of(explorer.place)[0]
        await explorer.press("l", "t", "d", "q")
        assert explorer.screen not in explorer.app.screen_stack


async def test_a_view_that_cant_be_had_is_a_message() -> None:
    run = FakeRun()
    run.failing = "there is no model here (any more)"
    async with exploring(run, ready=False) as explorer:
        await explorer.until(lambda: explorer.message == "there is no model here (any more)")
        run.failing = None
        run.train_to(400, evaluate=True)
        await explorer.until(lambda: explorer.screen._cursor.view is not None)
        run.failing = "closed"
        await explorer.press("l")
        assert explorer.message == "closed"


# Planes.


async def test_t_makes_a_t_sne_of_the_maps_latents_and_then_a_umap() -> None:
    async with exploring() as explorer:
        before = texts_of(explorer.map)
        await explorer.press("t")
        job, handle = explorer.worker.jobs[0]
        assert isinstance(job, Project)
        assert job.method == "tsne"
        np.testing.assert_array_equal(job.latents, explorer.run.map().latents)
        assert explorer.message.startswith("t-SNE: 0 %")
        handle.progress = (0.4, "t-SNE: 300 of 750 iterations")
        await explorer.until(
            lambda: explorer.message == "t-SNE: 40 % … 300 of 750 iterations (Esc cancels)"
        )
        assert texts_of(explorer.map) == before, "the map before stays usable"
        explorer.worker.finish()
        await explorer.until(lambda: "t-SNE of step 300" in explorer.map.border_title)
        await explorer.press("t")
        assert explorer.worker.jobs[1][0].method == "umap"
        explorer.worker.finish()
        await explorer.until(lambda: "UMAP of step 300" in explorer.map.border_title)
        await explorer.press("t")
        assert "PC 1 (60.0 %) × PC 2 (20.0 %)" in explorer.map.border_title
        assert len(explorer.worker.jobs) == 2


async def test_between_the_points_of_a_t_sne_the_nearest_one_is_decoded() -> None:
    async with exploring() as explorer:
        await explorer.press("t")
        points = explorer.worker.finish()
        await explorer.until(lambda: "t-SNE" in explorer.map.border_title)
        await explorer.press("L", "K", "k")
        place = explorer.map.grid.point(*explorer.cell)
        nearest = int(np.hypot(*(points - place).T).argmin())
        latent = explorer.run.map().latents[nearest]
        assert explorer.shows(decoded(latent[None])[0])
        question = explorer.run.questions(Probe)[-1]
        assert question.original == ("validation", 3 * nearest)
        assert "reconstruction" in explorer.place.border_title


@pytest.mark.parametrize("key", ["escape", "t"])
async def test_a_map_in_the_making_can_be_cancelled(key: str) -> None:
    async with exploring() as explorer:
        await explorer.press("t")
        await explorer.press(key)
        assert explorer.worker.jobs[0][1].future.cancelled()
        assert explorer.message == "t-SNE cancelled"
        assert "PC 1" in explorer.map.border_title
        await explorer.settle()
        assert explorer.screen in explorer.app.screen_stack
        # Its turn is over: else nobody would get at UMAP who has no time for t-SNE.
        await explorer.press("t")
        assert explorer.worker.jobs[1][0].method == "umap"
        await explorer.press("escape")
        await explorer.press("t")
        assert explorer.worker.jobs[2][0].method == "tsne"
        await explorer.press("escape", "escape")
        assert explorer.screen not in explorer.app.screen_stack


async def test_the_title_of_a_t_sne_says_when_the_model_has_moved_on() -> None:
    async with exploring() as explorer:
        await explorer.press("t")
        explorer.worker.finish()
        await explorer.until(lambda: "t-SNE of step 300" in explorer.map.border_title)
        assert "u updates it" not in explorer.map.border_title
        before = texts_of(explorer.map)
        explorer.run.train_to(450, evaluate=True)
        await explorer.until(
            lambda: "t-SNE of step 300 · u updates it" in explorer.map.border_title
        )
        assert texts_of(explorer.map) == before
        await explorer.press("u")
        await explorer.until(lambda: len(explorer.worker.jobs) == 2)
        explorer.worker.finish(seed=1)
        await explorer.until(lambda: "t-SNE of step 450" in explorer.map.border_title)


async def test_leaving_while_a_map_is_computed_says_below_that_it_was_cancelled() -> None:
    async with exploring() as explorer:
        await explorer.press("t")
        await explorer.press("q")
        below = explorer.app.screen.query_one(MessageLine)
        await explorer.until(lambda: below.text == "t-SNE cancelled")
        assert explorer.worker.running == []


async def test_leaving_with_nothing_to_cancel_says_nothing() -> None:
    async with exploring() as explorer:
        await explorer.press("q")
        await explorer.until(lambda: not explorer.screen.is_running)
        assert explorer.app.screen.query_one(MessageLine).text == ""


async def test_nothing_of_a_run_stays_under_the_name_of_the_next() -> None:
    async with exploring() as explorer:
        await explorer.press("t")
        explorer.worker.finish()
        await explorer.until(lambda: "t-SNE of step 300" in explorer.map.border_title)
        await explorer.press("t")
        following = FakeRun(latent_dim=2, name="ae-next")
        following.snapshot = replace(following.snapshot, last=None)
        explorer.app.context.runs.append(following)  # type: ignore[arg-type]
        explorer.run.train_to(900, phase=Phase.FINISHED)
        await explorer.until(lambda: explorer.worker.running == [])
        assert explorer.message == "vae-fake has ended: now ae-next trains; UMAP cancelled"
        assert [text.strip() for text in texts_of(explorer.map) if text.strip()] == [
            "waiting for the model"
        ]
        assert (explorer.map.border_title, explorer.place.border_title) == ("", "")
        assert not any(text.strip() for text in texts_of(explorer.legend)[:1])
        following.train_to(300)
        await explorer.until(lambda: "z1 × z2" in explorer.map.border_title)
        await explorer.until(lambda: bool(following.questions(Probe)))
        assert following.questions(Probe)[-1].latent.shape == (2,)


async def test_the_maps_outlive_the_screen() -> None:
    async with exploring() as explorer:
        await explorer.press("t")
        explorer.worker.finish()
        await explorer.until(lambda: "t-SNE" in explorer.map.border_title)
        await explorer.press("q")
        again = ExplorerScreen(explorer.app.context)
        explorer.app.push_screen(again)
        await explorer.until(lambda: again.maps.linear is not None)
        await explorer.press("t")
        assert "t-SNE" in again.query_one(ExplorerMap).border_title
        assert len(explorer.worker.jobs) == 1


async def test_d_goes_through_the_pairs_of_dimensions_by_kl() -> None:
    async with exploring(FakeRun(latent_dim=5)) as explorer:
        # KL: 9.0, 0.1, 0.2, 0.3, 0.4
        seen = []
        for key in ("d", "d", "d", "d", "D", "D"):
            await explorer.press(key)
            seen.append(explorer.run.questions(LatentMap)[-1].dims)
            if key == "d" and len(seen) == 1:
                assert explorer.message == "pair 1 of 3, by KL: 9.00 and 0.40 nats"
                assert "z1 × z5" in explorer.map.border_title
        assert seen == [(0, 4), (3, 2), (2, 1), (0, 4), (2, 1), (3, 2)]
        await explorer.press("a")
        assert explorer.run.questions(LatentMap)[-1] == LatentMap()
        assert "PC 1" in explorer.map.border_title
        await explorer.press("D")
        assert explorer.run.questions(LatentMap)[-1].dims == (2, 1)


async def test_v_goes_through_the_splits() -> None:
    async with exploring() as explorer:
        for split, images in (("train", "training"), ("test", "test"), ("validation", "valid")):
            await explorer.press("v")
            assert explorer.run.questions(LatentMap)[-1] == LatentMap(split)
            assert f"of 300 {images}" in explorer.map.border_title
            await explorer.settle()
            assert explorer.run.questions(Probe)[-1].original[0] == split


# Classes.


def marks_on_the_map(explorer: Explorer) -> set[str]:
    return set("".join(texts_of(explorer.map))) - set(" +┼")


async def test_digits_hide_classes_and_an_asterisk_shows_all() -> None:
    async with exploring() as explorer:
        assert marks_on_the_map(explorer) == set("0123456789")
        await explorer.press("0", "7")
        assert marks_on_the_map(explorer) == set("12345689")
        await explorer.press("7")
        assert marks_on_the_map(explorer) == set("123456789")
        await explorer.press("asterisk")
        assert marks_on_the_map(explorer) == set("0123456789")


async def test_a_digit_without_a_class_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    run = FakeRun()
    made = run.map()
    few = replace(made, class_names=CLASS_NAMES[:3], labels=made.labels % 3)
    monkeypatch.setattr(run, "map", lambda *_: few)
    async with exploring(run) as explorer:
        await explorer.press("7")
        assert explorer.message == "there is no class 7"
        await explorer.press("1")
        assert marks_on_the_map(explorer) == {"0", "2"}


async def test_a_click_on_the_legend_hides_a_class() -> None:
    async with exploring() as explorer:
        lines = explorer.legend.render().plain.split("\n")
        row = next(y for y, line in enumerate(lines) if "Sneaker" in line)
        await explorer.pilot.click(ClassLegend, offset=(lines[row].index("Sneaker") + 2, row))
        await explorer.pilot.pause()
        assert marks_on_the_map(explorer) == set("012345689")
        assert "Sneaker" in explorer.legend.render().plain


async def test_a_hidden_class_is_not_the_image_under_the_cursor() -> None:
    async with exploring() as explorer:
        await explorer.settle()
        _, index = explorer.run.questions(Probe)[-1].original
        label = (index // 3) % 10
        await explorer.press(str(label))
        _, other = explorer.run.questions(Probe)[-1].original
        assert (other // 3) % 10 != label


async def test_with_all_classes_hidden_a_plane_is_decoded_and_a_t_sne_is_not() -> None:
    async with exploring() as explorer:
        await explorer.press(*"0123456789", "l")
        assert explorer.shows(decoded(explorer.latent[None])[0])
        assert explorer.run.questions(Probe)[-1].original is None
        assert "no image" in " ".join(texts_of(explorer.place))
        await explorer.press("t")
        explorer.worker.finish()
        await explorer.until(lambda: "t-SNE" in explorer.map.border_title)
        assert "all classes are hidden" in texts_of(explorer.place)[0]
        await explorer.press("3")
        assert "all classes are hidden" not in texts_of(explorer.place)[0]


async def test_the_legend_names_classes_with_marks_and_numbers_of_images() -> None:
    async with exploring() as explorer:
        await explorer.press("i")
        shown = explorer.legend.render().plain
        for label, name in enumerate(CLASS_NAMES):
            assert f"{label} {class_mark(label, 'half')} {name} 30" in shown


# Ends, exports.


async def test_brackets_mark_the_images_under_the_cursor_as_ends_of_a_walk() -> None:
    async with exploring() as explorer:
        cell = explorer.cell
        await explorer.press("left_square_bracket")
        start = explorer.run.questions(Probe)[-1].original[1]
        label = (start // 3) % 10
        assert explorer.app.context.ends == (start, None)
        assert explorer.message == f"A is validation image {start:,} ({CLASS_NAMES[label]})"
        await explorer.press("L", "L", "J")
        assert explorer.cell != cell
        await explorer.press("right_square_bracket")
        stop = explorer.run.questions(Probe)[-1].original[1]
        assert explorer.app.context.ends == (start, stop)
        assert explorer.message.endswith("; w on the dashboard shows the way from A to B")
        await explorer.press("H", "K", "K")
        points, grid = explorer.run.map().points, explorer.map.grid
        for letter, index in (("A", start), ("B", stop)):
            assert explorer.ends[letter] == grid.cell(*points[index // 3].tolist())
        await explorer.press("v")
        assert explorer.ends == {}
        await explorer.press("left_square_bracket")
        assert "v goes back to them" in explorer.message
        assert explorer.app.context.ends == (start, stop)


async def test_e_exports_the_map_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    orders: list[ExportOrder] = []
    monkeypatch.setattr(ExplorerScreen, "start_export", lambda _, order: orders.append(order))
    async with exploring() as explorer:
        await explorer.press("d", "4", "e")
        await explorer.press("t")
        explorer.worker.finish()
        await explorer.until(lambda: "t-SNE" in explorer.map.border_title)
        await explorer.press("e")
        shown = explorer.screen._cursor.view
    assert [order.names for order in orders] == [("latent_scatter",)] * 2
    plain, projected = (order.options for order in orders)
    assert (plain.latent_map, plain.projection) == (LatentMap(dims=(0, 3)), "pca")
    assert plain.latent_view is not None
    assert plain.latent_view.projection is None
    assert projected.projection == "tsne"
    assert projected.latent_view is shown
    assert plain.hidden_classes == projected.hidden_classes == frozenset({4})


# How it looks.


async def test_beside_the_image_stand_the_image_under_the_cursor_and_the_place_in_numbers() -> None:
    async with exploring() as explorer:
        await explorer.press("l")
        view, grid = explorer.run.map(), explorer.map.grid
        x, y = grid.point(*explorer.cell)
        row = int(np.hypot(*(view.points - (x, y)).T).argmin())
        layout = lay_out(*explorer.place.size)
        beside = [line[layout.image :].rstrip() for line in texts_of(explorer.place)]
        assert beside[0].startswith("val")
        assert beside[0].endswith(f" {3 * row}")
        label = int(view.labels[row])
        assert beside[1] == f"{label} {CLASS_NAMES[label]}"
        thumb = strips(shrink(original(3 * row)[None], layout.original)[0], "ascii")
        assert beside[2 : 2 + len(thumb)] == [line.text.rstrip() for line in thumb]
        text = "\n".join(beside[2 + len(thumb) : layout.image // 2])
        norm = float(np.linalg.norm(explorer.latent))
        for name, value in (("PC 1", x), ("PC 2", y), ("‖z‖", norm)):
            assert f"{name} {value:.2f}".replace("-", "−") in text
        columns, rows = grid.cells(view.points)
        here = view.labels[(columns == explorer.cell[0]) & (rows == explorer.cell[1])]
        assert (f"{len(here)} here" if len(here) else "no images here") in text


async def test_below_the_image_stand_the_nearest_training_images_with_class_and_distance() -> None:
    async with exploring() as explorer:
        layout = lay_out(*explorer.place.size)
        assert explorer.run.questions(Probe)[-1].neighbours == layout.neighbours == 5
        below = texts_of(explorer.place)[layout.image // 2 :]
        for n in range(layout.per_row):
            label = below[0][n * layout.pitch : (n + 1) * layout.pitch]
            # The distance is always whole, and the name as far as there is room.
            assert label.startswith(f"{n}")
            assert label.endswith(f" {0.1 + n / 10:.1f} ")
            assert CLASS_NAMES[n][:7] in label
            expected = strips(shrink(original(n)[None], layout.thumb)[0], "ascii")
            left = n * layout.pitch
            shown = [line[left : left + layout.thumb] for line in below[1 : 1 + len(expected)]]
            assert shown == [line.text for line in expected]


@pytest.mark.parametrize(
    "size",
    [(80, 24), (140, 45), (200, 60), (100, 30), (60, 24), (50, 16), (40, 12), (30, 10), (12, 5)],
)
async def test_lines_fill_the_panels_exactly_at_any_size(size: tuple[int, int]) -> None:
    async with exploring() as explorer:
        await explorer.pilot.resize_terminal(*size)
        await explorer.settle()
        await explorer.press("l", "j", "d", "a", "i")
        assert explorer.place.display == (size[0] >= 40)
        for panel in (explorer.map, explorer.place):
            if panel.display and panel.size:
                width, height = panel.size
                assert [line.cell_length for line in strips_of(panel)] == [width] * height
        if size in ((140, 45), (200, 60)):
            assert lay_out(*explorer.place.size).image == 56
        if size == (80, 24):
            layout = lay_out(*explorer.place.size)
            assert (layout.image, layout.neighbours) == (28, 3)


async def test_the_titles_say_what_is_mapped_in_as_many_words_as_fit() -> None:
    async with exploring(size=SMALL) as explorer:
        assert explorer.map.border_title == "val μ · PC 1 (60.0 %) × PC 2 (20.0 %)"
        assert explorer.place.border_title == "decoded mean; nearest in training"
        await explorer.pilot.resize_terminal(*LARGE)
        await explorer.settle()
        axes = "PC 1 (60.0 %) × PC 2 (20.0 %)"
        assert explorer.map.border_title == f"μ of 300 validation images · {axes}"
        await explorer.pilot.resize_terminal(44, 14)
        await explorer.settle()
        assert explorer.map.border_title == "PC 1 × PC 2"


async def test_moving_the_cursor_redraws_only_the_lines_that_change() -> None:
    async with exploring() as explorer:
        await explorer.settle()
        before = texts_of(explorer.map), strips_of(explorer.map)
        await explorer.press("j")
        after = texts_of(explorer.map), strips_of(explorer.map)
        changed = sum(old != new for old, new in zip(before[1], after[1], strict=True))
        assert 1 <= changed <= 4, "the cursor's two lines, and those of the nearest image"


async def test_a_map_is_drawn_once_for_all_moves_of_the_cursor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with exploring() as explorer:
        await explorer.settle()
        grids: list[object] = []
        around = Grid.around
        monkeypatch.setattr(Grid, "around", lambda *a, **k: grids.append(a) or around(*a, **k))
        await explorer.press("j", "L", "K", "h")
        assert grids == []
        await explorer.press("5")
        assert len(grids) == 1


async def test_space_pauses_and_i_switches_to_marks_and_half_blocks() -> None:
    async with exploring() as explorer:
        paused: list[bool] = []
        explorer.run.pause = lambda: paused.append(True)  # type: ignore[attr-defined]
        await explorer.press("space")
        assert paused == [True]
        await explorer.press("i")
        assert marks_on_the_map(explorer) <= {class_mark(n, "half") for n in range(10)}
        assert "▀" in "".join(texts_of(explorer.place))


async def test_p_writes_a_picture_of_the_screen(tmp_path: Path) -> None:
    app = ExplorerApp(FakeRun(), exports=tmp_path)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.pause()
        await pilot.press("p")
        await pilot.pause()
    assert (tmp_path / "vae-fake" / "explorer-80x24.svg").exists()


async def test_help_names_this_screens_keys() -> None:
    async with exploring() as explorer:
        await explorer.press("question_mark")
        top: Screen[object] = explorer.app.screen
        assert top is not explorer.screen
        assert any(a.name == "projection" for a in top._actions)  # type: ignore[attr-defined]
