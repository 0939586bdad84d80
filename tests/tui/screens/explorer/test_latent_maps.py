"""Which map is on show and what a person is told, without a screen."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from engine.errors import JobError
from engine.snapshot import Phase
from engine.views import LatentMap, LatentView, Split
from tests.support.explorer_fakes import FakeRun
from tests.support.fake_worker import FakeWorker
from tests.support.mailbox import Mailbox
from tui.screens.explorer.latent_maps import LatentMaps
from tui.state.context import RunContext
from tui.state.run_messages import Level


class Explored:
    """The maps of the context's run, and what they show and say."""

    def __init__(self, context: RunContext) -> None:
        self.run: FakeRun = context.run  # type: ignore[assignment]
        self.worker: FakeWorker = context.worker  # type: ignore[assignment]
        self.shown: list[LatentView] = []
        self.said: list[tuple[str, Level]] = []
        self.mail = Mailbox()
        self.maps = LatentMaps(
            context,
            self.mail,  # type: ignore[arg-type]
            self.shown.append,
            lambda *said: self.said.append(said),
        )

    def tick(self) -> None:
        """A look at the run, and the answers to what it asks."""
        self.maps.tick()
        self.mail.deliver()

    def finish(self, seed: int = 0) -> None:
        """The helper process has computed the map."""
        self.worker.finish(seed)
        self.tick()

    @property
    def map(self) -> tuple[str | None, int]:
        """The projection and the step of the map that is on show."""
        view = self.shown[-1]
        return view.projection, view.step

    @property
    def message(self) -> str:
        return self.said[-1][0]

    @property
    def projected(self) -> list[str]:
        return [job.method for job, _ in self.worker.jobs]


@pytest.fixture(autouse=True)
def every_look_is_ten_seconds_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.state.view_feed.monotonic", itertools.count(0, 10).__next__)


def context_of(*runs: FakeRun) -> RunContext:
    return RunContext(list(runs), Path("exports"), worker=FakeWorker())  # type: ignore[arg-type]


def exploring(run: FakeRun | None = None) -> Explored:
    """With the linear map of step 300 on show."""
    explored = Explored(context_of(run or FakeRun()))
    explored.tick()
    return explored


def with_t_sne() -> Explored:
    """With the t-SNE of step 300 on show."""
    explored = exploring()
    explored.maps.next_projection()
    explored.finish()
    assert explored.map == ("tsne", 300)
    return explored


# PCA, t-SNE, UMAP.


def test_the_next_projections_are_of_the_linear_maps_latents() -> None:
    explored = exploring()
    assert explored.map == ("pca", 300)
    explored.maps.next_projection()
    np.testing.assert_array_equal(explored.worker.jobs[0][0].latents, explored.run.map().latents)
    assert explored.maps.projection == "pca", "the map before stays until it is done"
    explored.finish()
    assert explored.said[-1] == ("t-SNE of 300 images, step 300", "done")
    explored.maps.next_projection()
    explored.finish()
    assert explored.map == ("umap", 300)
    explored.maps.next_projection()
    assert explored.map == ("pca", 300)
    assert explored.projected == ["tsne", "umap"]


def test_there_is_no_projection_before_there_is_a_map() -> None:
    explored = Explored(context_of(FakeRun()))
    explored.maps.next_projection()
    assert explored.said == [("there is no map yet", "warning")]
    explored.tick()
    explored.maps.next_projection()
    assert explored.projected == ["tsne"]


def test_a_linear_map_goes_on_learning_while_a_projection_is_computed() -> None:
    explored = exploring()
    explored.maps.next_projection()
    explored.run.train_to(400, evaluate=True)
    explored.tick()
    assert explored.map == ("pca", 400)
    assert explored.worker.running == ["tsne"]


def test_after_a_cancelled_projection_comes_the_next_one() -> None:
    explored = exploring()
    for expected in ("tsne", "umap", "tsne"):
        explored.maps.next_projection()
        assert explored.worker.running == [expected]
        assert explored.maps.cancel()
    assert explored.message == "t-SNE cancelled"
    assert not explored.maps.cancel()


def test_a_job_that_fails_leaves_the_map_and_says_why() -> None:
    explored = exploring()
    explored.maps.next_projection()
    explored.worker.jobs[0][1].future.set_exception(JobError("some points are not finite"))
    explored.tick()
    assert explored.said[-1] == ("some points are not finite", "error")
    assert explored.map == ("pca", 300)
    explored.maps.next_projection()
    assert explored.projected == ["tsne", "tsne"]


# Freshness.


def test_a_t_sne_stays_as_of_its_step_until_an_update_is_asked_for() -> None:
    explored = with_t_sne()
    assert not explored.maps.is_behind
    explored.run.train_to(400, evaluate=True)
    explored.tick()
    assert explored.maps.is_behind
    assert explored.map == ("tsne", 300)
    explored.maps.all_dims()
    explored.maps.next_projection()
    assert explored.message == "t-SNE of step 300; u recomputes"
    assert explored.projected == ["tsne"], "never computed twice for a step"
    explored.run.train_to(450)
    explored.maps.update()
    explored.tick()
    assert explored.projected == ["tsne", "tsne"]
    explored.finish(seed=1)
    assert explored.map == ("tsne", 450)
    explored.maps.update()
    explored.tick()
    assert explored.worker.running == [], "this step's is known"


def test_while_a_projection_is_computed_an_update_is_refused() -> None:
    explored = exploring()
    explored.maps.next_projection()
    explored.maps.update()
    assert explored.said[-1] == ("a map is already being computed; Esc cancels it", "warning")
    assert explored.worker.running == ["tsne"]


def test_an_update_that_comes_when_another_projection_was_begun_restarts_it_and_says_so() -> None:
    explored = with_t_sne()
    explored.run.train_to(450)
    explored.run.held = True
    explored.maps.update()
    explored.tick()
    explored.maps.next_projection()
    explored.run.answer()
    explored.tick()
    assert explored.projected == ["tsne", "umap", "umap"]
    assert explored.worker.running == ["umap"], "the one before goes on for nobody"
    assert explored.message.startswith("UMAP restarted for step 450: 0 %")
    explored.finish()
    assert explored.map == ("umap", 450)


def test_an_update_is_of_the_projection_on_show_even_after_another_was_cancelled() -> None:
    explored = with_t_sne()
    explored.maps.next_projection()
    explored.maps.cancel()
    explored.run.train_to(450)
    explored.maps.update()
    explored.tick()
    assert explored.worker.running == ["tsne"]


def test_when_training_ends_a_t_sne_updates_itself_once() -> None:
    explored = with_t_sne()
    explored.run.train_to(900, evaluate=True, phase=Phase.FINISHED)
    explored.tick()
    explored.tick()
    assert explored.worker.running == ["tsne"]
    explored.finish()
    assert explored.map == ("tsne", 900)
    for _ in range(3):
        explored.tick()
    assert len(explored.projected) == 2


def test_what_is_computed_when_training_ends_is_finished_first() -> None:
    explored = exploring()
    explored.maps.next_projection()
    explored.run.train_to(900, evaluate=True, phase=Phase.FINISHED)
    explored.tick()
    assert explored.worker.running == ["tsne"]
    explored.finish()
    assert explored.map == ("tsne", 300)
    explored.tick()
    explored.finish()
    assert explored.map == ("tsne", 900)


def test_when_training_ends_a_linear_map_needs_no_projection() -> None:
    explored = exploring()
    explored.run.train_to(900, evaluate=True, phase=Phase.FINISHED)
    explored.tick()
    assert explored.map == ("pca", 900)
    assert explored.projected == []


# What is cancelled is told.


@pytest.mark.parametrize(
    ("choose", "message"),
    [
        (LatentMaps.all_dims, "t-SNE cancelled"),
        (LatentMaps.next_split, "t-SNE cancelled"),
        (
            lambda maps: maps.next_dims(+1),
            "t-SNE cancelled; pair 1 of 2, by KL: 9.00 and 0.30 nats",
        ),
        (LatentMaps.next_projection, "t-SNE cancelled"),
    ],
)
def test_choosing_another_map_says_that_it_cancels_the_one_being_computed(
    choose: object, message: str
) -> None:
    explored = exploring()
    explored.maps.next_projection()
    choose(explored.maps)  # type: ignore[operator]
    assert explored.said[-1] == (message, "info")
    assert explored.worker.running == []


def test_a_split_that_cant_be_had_says_both_why_and_what_it_cancels() -> None:
    explored = exploring()
    explored.maps.next_split()
    explored.maps.next_split()
    explored.tick()
    explored.maps.next_projection()
    explored.run.without_test_images = True
    explored.run.train_to(400, evaluate=True)
    explored.tick()
    message = "can't draw this: there is no test file; t-SNE cancelled"
    assert explored.said[-1] == (message, "error")


def test_closing_says_what_it_cancels() -> None:
    explored = exploring()
    assert explored.maps.close() == ""
    explored = exploring()
    explored.maps.next_projection()
    assert explored.maps.close() == "t-SNE cancelled"
    assert explored.worker.running == []


# Of which run.


def test_maps_of_one_run_are_never_shown_for_another_of_the_same_name() -> None:
    first, second = FakeRun(), FakeRun()
    second.directory = Path("elsewhere") / first.directory.name
    context = context_of(first, second)
    of_first = Explored(context)
    of_first.tick()
    of_first.maps.next_projection()
    of_first.finish()
    of_first.maps.close()

    context.shown = 1
    of_second = Explored(context)
    assert of_second.maps.shown is None
    of_second.tick()
    assert of_second.map == ("pca", 300)
    assert second.questions(LatentMap) == [LatentMap()]
    of_second.maps.next_projection()
    assert len(of_second.worker.running) == 1, "the first run's t-SNE is of another model"

    context.shown = 0
    of_first_again = Explored(context)
    of_first_again.tick()
    of_first_again.maps.next_projection()
    assert of_first_again.shown[-1] is of_first.shown[-1]


# Dimensions and splits.


def test_dimensions_go_by_kl_and_back_to_all() -> None:
    explored = exploring(FakeRun(latent_dim=5))
    # KL: 9.0, 0.1, 0.2, 0.3, 0.4
    expected = [((0, 4), "1 of 3, by KL: 9.00 and 0.40 nats"), ((3, 2), "2 of 3, by KL: 0.30")]
    for dims, message in expected:
        explored.maps.next_dims(+1)
        explored.tick()
        assert explored.message.startswith(f"pair {message}")
        assert (explored.maps.request.dims, explored.map) == (dims, (None, 300))
    explored.maps.next_dims(-1)
    assert explored.maps.request.dims == (0, 4)
    explored.maps.all_dims()
    explored.tick()
    assert explored.map == ("pca", 300)
    explored.maps.next_dims(-1)
    assert explored.maps.request.dims == (2, 1)


def test_the_pairs_of_an_autoencoder_go_by_index() -> None:
    explored = exploring(FakeRun(latent_dim=6, model="ae"))
    explored.maps.next_dims(+1)
    assert explored.maps.request.dims == (0, 1)
    assert explored.message == "pair 1 of 3, by index"


@pytest.mark.parametrize(("dims", "said"), [(1, "1 dimension:"), (2, "2 dimensions:")])
def test_two_dimensions_need_no_pairs(dims: int, said: str) -> None:
    explored = exploring(FakeRun(latent_dim=dims))
    explored.maps.next_dims(+1)
    assert f"the latent space has {said} all are shown" in explored.message
    assert explored.maps.request == LatentMap()


def test_a_chosen_split_replaces_a_projection_when_its_map_is_there() -> None:
    explored = with_t_sne()
    explored.run.held = True
    for split in ("train", "test"):
        explored.maps.next_split()
        assert explored.maps.request.split == split
    explored.tick()
    explored.run.answer(1)
    explored.tick()
    assert explored.map == ("tsne", 300), "an answer about a split that was left is not shown"
    explored.run.answer()
    explored.tick()
    explored.run.answer()
    explored.tick()
    shown: Split = explored.shown[-1].split
    assert (shown, explored.map) == ("test", ("pca", 300))


def test_a_data_set_without_test_images_is_told_and_skipped() -> None:
    run = FakeRun()
    run.without_test_images = True
    explored = exploring(run)
    explored.maps.next_split()
    explored.maps.next_split()
    explored.tick()
    explored.tick()
    assert explored.said[-1] == ("can't draw this: there is no test file", "error")
    assert explored.shown[-1].split == "validation"
