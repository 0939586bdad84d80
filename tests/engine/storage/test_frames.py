"""The film: a bounded number of frames, each a whole file."""

import os
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.storage.frames import (
    MAX_BYTES,
    MAX_FRAMES,
    FilmReader,
    FilmWriter,
    drop_frames,
    read_frames,
    thin,
)
from engine.views import Frame


def frame(step: int, samples: int = 3) -> Frame:
    rng = np.random.default_rng(step)
    images = rng.integers(0, 256, (2 + samples, 28, 28), dtype=np.uint8)
    return Frame(step, step / 7, images[:2], images[2:])


NOTHING = Frame(0, 0.0, np.zeros((0, 28, 28), np.uint8), np.zeros((0, 28, 28), np.uint8))


def steps(frames: list[Frame]) -> list[int]:
    return [f.step for f in frames]


def same(a: Frame, b: Frame) -> bool:
    return (
        (a.step, a.epoch) == (b.step, b.epoch)
        and np.array_equal(a.reconstructions, b.reconstructions)
        and np.array_equal(a.samples, b.samples)
    )


def evaluations_of(steps_per_epoch: int, epochs: int) -> Iterator[tuple[int, float]]:
    """Steps and epochs at which a run is evaluated: see `Trainer.evaluation_due`."""
    step = 0
    while step < steps_per_epoch:
        yield step, step / steps_per_epoch
        step = 2 * step or 1
    for epoch in range(1, epochs + 1):
        yield epoch * steps_per_epoch, float(epoch)


def filmed(steps_per_epoch: int, epochs: int) -> list[Frame]:
    frames: list[Frame] = []
    for step, epoch in evaluations_of(steps_per_epoch, epochs):
        frames.append(replace(NOTHING, step=step, epoch=epoch))
        thin(frames)
        assert len(frames) <= MAX_FRAMES
    return frames


@pytest.mark.slow
@given(st.integers(1, 70_000), st.integers(0, 3000))
def test_the_film_shows_the_whole_run_evenly_however_long_it_is(
    steps_per_epoch: int, epochs: int
) -> None:
    frames = filmed(steps_per_epoch, epochs)
    shown = steps(frames)
    assert shown == sorted(set(shown))
    due = [step for step, _ in evaluations_of(steps_per_epoch, epochs)]
    within_first = [step for step in due if step < steps_per_epoch]
    assert shown[: len(within_first)] == within_first
    assert shown[-1] == due[-1]
    if epochs <= 350:
        assert shown == due
        return
    later = [frame.epoch for frame in frames[len(within_first) :]]
    gaps = {b - a for a, b in pairwise([0.0, *later[:-1]])}
    assert len(gaps - {1.0}) <= 1
    assert max(gaps) <= epochs / 150
    assert 0 < later[-1] - later[-2] <= max(gaps)


def test_a_run_that_was_interrupted_has_the_same_film() -> None:
    whole = filmed(6, 1000)
    for epoch in (300, 500, 777):
        # As it is on the disk, and another evaluation where the run was stopped within an epoch.
        stopped = replace(NOTHING, step=epoch * 6 + 3, epoch=epoch + 0.5)
        frames = [*filmed(6, epoch), stopped]
        for step, at in list(evaluations_of(6, 1000)):
            if step > stopped.step:
                frames.append(replace(NOTHING, step=step, epoch=at))
                thin(frames)
        assert frames == whole


def test_a_run_that_is_stopped_again_and_again_has_no_more_frames_than_another() -> None:
    frames: list[Frame] = []
    for step in range(3 * MAX_FRAMES):
        frames.append(replace(NOTHING, step=step, epoch=step / 10_000))
        thin(frames)
        assert len(frames) <= MAX_FRAMES
        assert (frames[0].step, frames[-1].step) == (0, step)


def test_what_is_written_is_read_back_oldest_first(tmp_path: Path) -> None:
    frames = [frame(step) for step in (0, 3, 900, 12_660, 1_000_000_000)]
    FilmWriter(tmp_path).write(frames[::-1])
    read = read_frames(tmp_path)
    assert all(same(a, b) for a, b in zip(read, frames, strict=True))
    assert read[1].reconstructions.dtype == read[1].samples.dtype == np.uint8


def test_a_run_without_a_film_has_no_frames(tmp_path: Path) -> None:
    assert read_frames(tmp_path) == []


def test_a_frame_is_written_once(tmp_path: Path) -> None:
    writer = FilmWriter(tmp_path)
    writer.write([frame(1), frame(2)])
    first, second = sorted((tmp_path / "frames").iterdir())
    first.write_bytes(b"as it was")
    writer.write([frame(1), frame(2), frame(3)])
    assert first.read_bytes() == b"as it was"
    assert zipfile.is_zipfile(second)
    assert len(list((tmp_path / "frames").iterdir())) == 3


def test_dropped_frames_are_deleted_and_no_others(tmp_path: Path) -> None:
    writer = FilmWriter(tmp_path)
    stranger = tmp_path / "frames" / "notes.txt"
    writer.write([frame(n) for n in range(5)])
    stranger.write_text("mine")
    writer.write([frame(0), frame(4), frame(9)])
    assert steps(read_frames(tmp_path)) == [0, 4, 9]
    assert stranger.read_text() == "mine"
    writer.write([frame(0), frame(1), frame(4), frame(9)])  # what was dropped can come again
    assert steps(read_frames(tmp_path)) == [0, 1, 4, 9]


def test_a_file_that_is_gone_already_need_not_be_deleted(tmp_path: Path) -> None:
    writer = FilmWriter(tmp_path)
    writer.write([frame(0), frame(1)])
    for file in (tmp_path / "frames").iterdir():
        file.unlink()
    writer.write([frame(0)])
    assert read_frames(tmp_path) == []  # 0 was written: a frame is never written twice


def test_a_failure_keeps_what_was_written_and_the_next_call_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = FilmWriter(tmp_path)
    from engine.storage import frames as film

    original = film.atomic_write

    def full(path: Path, data: bytes) -> None:
        if path.name.startswith("000000001"):
            raise OSError(28, "No space left on device")
        original(path, data)

    monkeypatch.setattr(film, "atomic_write", full)
    with pytest.raises(OSError, match="No space"):
        writer.write([frame(0), frame(1), frame(2)])
    assert steps(read_frames(tmp_path)) == [0]
    monkeypatch.setattr(film, "atomic_write", original)
    writer.write([frame(0), frame(1), frame(2)])
    assert steps(read_frames(tmp_path)) == [0, 1, 2]


def test_a_frame_that_is_dropped_while_it_is_read_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is watched from another process, which thins its film."""
    FilmWriter(tmp_path).write([frame(0), frame(1), frame(2)])
    original = np.load

    def dropping(file: Path, **options: bool) -> object:
        if file.name.startswith("000000001"):
            file.unlink()
        return original(file, **options)

    monkeypatch.setattr(np, "load", dropping)
    assert steps(read_frames(tmp_path)) == [0, 2]


def test_half_written_files_are_no_frames(tmp_path: Path) -> None:
    FilmWriter(tmp_path).write([frame(0)])
    (tmp_path / "frames" / ".tmp-0123456789abcdef").write_bytes(b"PK")
    assert steps(read_frames(tmp_path)) == [0]


def saved(tmp_path: Path) -> Path:
    FilmWriter(tmp_path).write([frame(5)])
    [file] = (tmp_path / "frames").iterdir()
    return file


def refuse(tmp_path: Path, file: Path) -> None:
    reader = FilmReader(tmp_path)
    reader.update()
    assert reader.frames == []
    [problem] = reader.problems
    assert "damaged or no frame" in str(problem)
    assert str(file) in str(problem)


@pytest.mark.slow
def test_every_damage_is_one_sentence_that_names_the_file(tmp_path: Path) -> None:
    file = saved(tmp_path)
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    for cut in (0, 1, 20, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:cut])
        refuse(tmp_path, file)
    # A flipped bit either changes nothing that matters (a date in the archive), or is refused.
    for place in [
        *range(120),
        *range(len(whole) - 400, len(whole)),
        *rng.integers(0, len(whole), 400),
    ]:
        broken = bytearray(whole)
        broken[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(broken)
        for read in read_frames(tmp_path):
            assert same(read, frame(5))


@pytest.mark.parametrize(
    "content",
    [
        {"step": 5, "epoch": 1.0, "samples": np.zeros((1, 28, 28), np.uint8)},
        {"step": 5, "epoch": 1.0, "reconstructions": np.zeros(3), "samples": np.zeros(3)},
        {
            "step": 5,
            "epoch": 1.0,
            "reconstructions": np.zeros((2, 28, 28), np.float32),
            "samples": np.zeros((1, 28, 28), np.uint8),
        },
        {
            "step": 5,
            "epoch": 1.0,
            "reconstructions": np.zeros((2, 28, 28), np.uint8),
            "samples": np.zeros((1, 28, 27), np.uint8),
        },
        {
            "step": np.arange(3),
            "epoch": 1.0,
            "reconstructions": np.zeros((2, 28, 28), np.uint8),
            "samples": np.zeros((1, 28, 28), np.uint8),
        },
        {
            "step": np.inf,
            "epoch": 1.0,
            "reconstructions": np.zeros((2, 28, 28), np.uint8),
            "samples": np.zeros((1, 28, 28), np.uint8),
        },
        {
            "step": np.array([{"an": "object"}], dtype=object),
            "epoch": 1.0,
            "reconstructions": np.zeros((2, 28, 28), np.uint8),
            "samples": np.zeros((1, 28, 28), np.uint8),
        },
    ],
)
def test_an_archive_of_something_else_is_no_frame(
    tmp_path: Path, content: dict[str, object]
) -> None:
    file = saved(tmp_path)
    np.savez(file, **content)  # type: ignore[arg-type]
    refuse(tmp_path, file)


def test_other_kinds_of_file_are_no_frames(tmp_path: Path) -> None:
    file = saved(tmp_path)
    with file.open("wb") as array:
        np.save(array, np.zeros((2, 28, 28), np.uint8))
    refuse(tmp_path, file)
    file.write_bytes(b"not an archive at all")
    refuse(tmp_path, file)


def test_one_damaged_frame_costs_itself_alone(tmp_path: Path) -> None:
    FilmWriter(tmp_path).write([frame(0), frame(1), frame(2)])
    (tmp_path / "frames" / "000000001.npz").write_bytes(b"PK")
    assert steps(read_frames(tmp_path)) == [0, 2]
    FilmWriter(tmp_path).write([frame(0), frame(2), frame(3)])
    assert sorted(file.name for file in (tmp_path / "frames").iterdir()) == [
        *("000000000.npz", "000000002.npz", "000000003.npz")
    ], "a run that goes on clears it away"


FOREIGN = [
    *("000000001 (copy).npz", "000000001.sync-conflict-20261128.npz", "000000001.npz~"),
    *(".DS_Store", "._000000001.npz", "Copy of 000000001.npz", "1.npz", "9" * 30 + ".npz"),
]


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_among_the_frames_is_no_frame_and_left_alone(
    name: str, tmp_path: Path
) -> None:
    writer = FilmWriter(tmp_path)
    writer.write([frame(0), frame(4)])
    stranger = tmp_path / "frames" / name
    stranger.write_bytes((tmp_path / "frames" / "000000004.npz").read_bytes())
    assert steps(read_frames(tmp_path)) == [0, 4]
    drop_frames(tmp_path, after=0)
    FilmWriter(tmp_path).write([frame(0)])
    assert stranger.exists()
    assert steps(read_frames(tmp_path)) == [0]


@pytest.mark.parametrize("kind", ["directory", "pipe", "link"])
def test_what_is_no_file_is_no_frame(kind: str, tmp_path: Path) -> None:
    FilmWriter(tmp_path).write([frame(0)])
    odd, outside = tmp_path / "frames" / "000000007.npz", tmp_path / "outside"
    outside.write_text("mine")
    match kind:
        case "directory":
            odd.mkdir()
        case "pipe":
            os.mkfifo(odd)
        case _:
            odd.symlink_to(outside)
    assert steps(read_frames(tmp_path)) == [0], "and it isn't waited for"
    drop_frames(tmp_path, after=-1)
    assert os.path.lexists(odd)
    assert outside.read_text() == "mine"


def test_nothing_is_deleted_or_written_through_a_linked_folder(tmp_path: Path) -> None:
    run, outside = tmp_path / "run", tmp_path / "outside"
    run.mkdir()
    FilmWriter(outside).write([frame(0), frame(5)])
    (outside / "frames" / ".tmp-0123456789abcdef").write_text("mine")
    (run / "frames").symlink_to(outside / "frames")
    before = sorted(file.name for file in (outside / "frames").iterdir())
    assert steps(read_frames(run)) == [0, 5]
    drop_frames(run, after=-1)
    with pytest.raises(OSError, match="symbolic link"):
        FilmWriter(run).write([frame(9)])
    assert sorted(file.name for file in (outside / "frames").iterdir()) == before


def test_an_archive_that_unpacks_to_gigabytes_is_refused_before(tmp_path: Path) -> None:
    file = saved(tmp_path)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("reconstructions.npy", bytes(MAX_BYTES + 1))
    refuse(tmp_path, file)
