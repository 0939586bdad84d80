import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageSequence

from engine.config import RunConfig
from engine.errors import FigureError
from engine.figures.caption import Caption
from engine.figures.export import export_figures, render_files
from engine.figures.film import (
    FilmImages,
    evenly,
    frame_layout,
    milestones,
    strip,
    strip_layout,
)
from engine.views import Frame, Reconstructions, ReconstructionView
from tests.support.figure_source import CLASS_NAMES, FakeSource, film
from tests.support.tiles import assert_apart, enlarged, tile, written

pytestmark = pytest.mark.slow

CAPTION = Caption("VAE", "film", "r", RunConfig(), 300, 6.0)


def pictures(content: bytes) -> tuple[list[npt.NDArray[np.uint8]], list[float], Image.Image]:
    """The frames in grey as a viewer shows them, their milliseconds, and the file."""
    image = Image.open(io.BytesIO(content))
    frames, durations = [], []
    for frame in ImageSequence.Iterator(image):
        shown = np.asarray(frame.convert("RGB"))
        assert (shown == shown[..., :1]).all(), "not grey"
        frames.append(shown[..., 0])
        durations.append(frame.info["duration"])
    return frames, durations, image


@pytest.mark.parametrize("kind", ["vae_film.gif", "vae_film.png"])
def test_an_animation_shows_every_frame_in_exact_greys(vae: FakeSource, kind: str) -> None:
    frames, durations, image = pictures(dict(render_files(vae, "film"))[kind])
    view: ReconstructionView = vae.view(Reconstructions())
    layout = frame_layout(10, 64)
    places = (*layout.originals, *layout.reconstructions, *layout.samples)
    assert_apart(places, layout.size, scale=3)
    assert image.size == layout.size
    assert len(frames) == 4
    assert durations == [150, 150, 150, 1500]
    assert image.info["loop"] == 0
    for shown, frame in zip(frames, vae.film, strict=True):
        page = Image.fromarray(shown)
        for column in range(10):
            # Two images of each class: the first is shown.
            original = enlarged(view.originals[2 * column], 3)
            np.testing.assert_array_equal(tile(page, layout.originals[column], 3), original)
            made = np.kron(frame.reconstructions[2 * column], np.ones((3, 3)))
            np.testing.assert_array_equal(tile(page, layout.reconstructions[column], 3), made)
        for origin, sample in zip(layout.samples, frame.samples, strict=True):
            np.testing.assert_array_equal(tile(page, origin, 3), np.kron(sample, np.ones((3, 3))))
    titles = {shown[:60].tobytes() for shown in frames}
    assert len(titles) == 4, "the title doesn't change"


def test_each_reconstruction_lies_below_its_original_and_the_samples_below_all() -> None:
    layout = frame_layout(10, 64)
    for (x, y), (below_x, below_y) in zip(layout.originals, layout.reconstructions, strict=True):
        assert below_x == x
        assert y + 84 < below_y < y + 100
    assert len({x for x, _ in layout.samples}) == len({y for _, y in layout.samples}) == 8
    assert min(y for _, y in layout.samples) > layout.reconstructions[0][1] + 84


def test_frames_that_hardly_differ_are_all_kept(vae: FakeSource) -> None:
    still = vae.film[0]
    vae.film = [Frame(step, 1.0, still.reconstructions, still.samples) for step in (7, 8, 9)]
    for kind in ("vae_film.gif", "vae_film.png"):
        frames, durations, _ = pictures(dict(render_files(vae, "film"))[kind])
        assert len(frames) == 3
        assert durations == [150, 150, 1500]


def test_a_frames_words_are_whole_and_say_where_in_training_it_is(
    vae: FakeSource, ae: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = written(monkeypatch)
    vae.film = [Frame(1266, 3.0, f.reconstructions, f.samples) for f in vae.film[:1]]
    render_files(vae, "film")
    assert "epoch 3 · step 1,266" in words
    assert "samples, z ~ N(0, I)" in words
    words.clear()
    render_files(ae, "film")
    assert "decoded from N(0, I), not this model's prior" in words


def test_the_files_say_what_they_are(vae: FakeSource, tmp_path: Path) -> None:
    paths = list(export_figures(vae, ["film"], tmp_path))
    assert [path.name for path in paths] == ["vae_film.gif", "vae_film.png", "vae_film_strip.png"]
    for path in paths:
        with Image.open(path) as image:
            image.load()
            if path.suffix == ".gif":
                assert image.info["comment"].decode().startswith("VAE learning")
            else:
                assert image.info["figure"] == "film"
                assert image.info["step"] == "300"
                assert image.info["Title"].startswith("VAE learning")
            assert getattr(image, "n_frames", 1) == (1 if "strip" in path.name else 4)


def test_a_run_without_frames_has_no_film_yet(vae: FakeSource, tmp_path: Path) -> None:
    vae.film = []
    with pytest.raises(FigureError, match=r"^the run has no film yet$"):
        list(export_figures(vae, ["film"], tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_a_long_film_is_thinned_evenly_between_its_first_and_its_last_frame() -> None:
    images = np.zeros((1, 28, 28), np.uint8)
    frames = [Frame(step, 0.0, images, images) for step in range(1_000)]
    steps = [frame.step for frame in evenly(frames, 200)]
    assert (steps[0], steps[-1], len(steps)) == (0, 999, 200)
    assert set(np.diff(steps)) == {5, 6}
    assert evenly(frames[:200], 200) == frames[:200]


def test_more_than_200_frames_become_200(vae: FakeSource, monkeypatch: pytest.MonkeyPatch) -> None:
    vae.film = film(9)
    monkeypatch.setattr("engine.figures.film.MAX_SHOWN", 3)
    for kind in ("vae_film.gif", "vae_film.png"):
        _, durations, _ = pictures(dict(render_files(vae, "film"))[kind])
        assert durations == [150, 150, 1500]
    monkeypatch.undo()
    from engine.figures.film import MAX_SHOWN

    assert MAX_SHOWN == 200


def test_the_strip_shows_the_start_of_training_closer_than_its_end() -> None:
    images = np.zeros((1, 28, 28), np.uint8)
    # As a run evaluates: at powers of two within the first epoch, then once an epoch.
    steps = [0, *(2**i for i in range(9)), *(422 * e for e in range(1, 31))]
    frames = [Frame(step, step / 422, images, images) for step in steps]
    shown = [frame.step for frame in milestones(frames)]
    assert (shown[0], shown[-1], len(shown)) == (0, 12_660, 10)
    assert shown == sorted(set(shown))
    assert sum(step <= 12_660 / 4 for step in shown) in (6, 7)
    assert len(milestones(frames[:7])) == 7
    # Almost all frames at the end: the nearest ones are the same for many columns.
    late = [Frame(step, 0.0, images, images) for step in (0, *range(980, 1_001))]
    shown = [frame.step for frame in milestones(late)]
    assert (shown[0], shown[-1], len(shown)) == (0, 1_000, 10)


def test_the_strip_has_a_frame_per_column_in_full_size(
    vae: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = written(monkeypatch)
    vae.film = film(3)
    view: ReconstructionView = vae.view(Reconstructions())
    images = FilmImages(view.originals, view.labels, CLASS_NAMES)
    page = strip(vae.film, images, CAPTION)
    layout, originals = strip_layout(3, 5)
    assert page.size == layout.size
    assert_apart((*layout.origins, *originals), layout.size)
    chosen = [0, 4, 8, 14, 18]  # classes 0, 2, 4, 7, 9
    for row, position in enumerate(chosen):
        original = enlarged(view.originals[position])
        np.testing.assert_array_equal(tile(page, originals[row]), original)
        assert originals[row][1] == layout.origins[3 * row][1]
        for column, frame in enumerate(vae.film):
            made = np.kron(frame.reconstructions[position], np.ones((10, 10)))
            origin = layout.origins[3 * row + column]
            np.testing.assert_array_equal(tile(page, origin), made)
            sample = np.kron(frame.samples[row], np.ones((10, 10)))
            origin = layout.origins[3 * (5 + row) + column]
            np.testing.assert_array_equal(tile(page, origin), sample)
    assert words[2:6] == ["epoch 0", "epoch 3", "epoch 6", "original"]
    assert words[6:11] == [CLASS_NAMES[i] for i in (0, 2, 4, 7, 9)]
    assert words[11:] == [f"sample {i}" for i in range(1, 6)]


def test_a_class_without_images_is_left_out_of_the_film(vae: FakeSource) -> None:
    view: ReconstructionView = vae.view(Reconstructions())
    images = FilmImages(view.originals[:3], view.labels[:3], CLASS_NAMES)
    assert images.one_per_class().tolist() == [0, 2]
    page = strip(vae.film, images, CAPTION)
    assert page.size == strip_layout(4, 2)[0].size
