import numpy as np
import pytest

from engine.views import Frame
from tui.screens.dashboard.film_cursor import FilmCursor


class Film:
    def __init__(self, steps: list[int]) -> None:
        self.frames = [frame(step) for step in steps]


def frame(step: int) -> Frame:
    nothing = np.empty((0, 28, 28), np.uint8)
    return Frame(step, step / 10, nothing, nothing)


@pytest.fixture
def film() -> Film:
    return Film([0, 1, 2, 4, 8])


@pytest.fixture
def cursor(film: Film) -> FilmCursor:
    return FilmCursor(film)  # type: ignore[arg-type]


def step(cursor: FilmCursor) -> int | None:
    return None if cursor.frame is None else cursor.frame.step


def test_it_follows_live_at_first_and_moves_frame_by_frame(cursor: FilmCursor) -> None:
    assert step(cursor) is None
    assert cursor.describe() == ""
    seen = []
    for _ in range(6):
        cursor.move(-1)
        seen.append(step(cursor))
    assert seen == [8, 4, 2, 1, 0, 0], "the start is the end of the way back"
    assert cursor.describe() == "1 of 5"
    for expected in (1, 2, 4, 8, None, None):
        cursor.move(1)
        assert step(cursor) == expected


def test_home_and_end(cursor: FilmCursor) -> None:
    cursor.to_start()
    assert step(cursor) == 0
    cursor.to_live()
    assert step(cursor) is None


def test_it_stays_at_its_moment_while_frames_come_and_are_thinned(
    cursor: FilmCursor, film: Film
) -> None:
    cursor.move(-2)
    assert (step(cursor), cursor.describe()) == (4, "4 of 5")
    film.frames += [frame(16), frame(32)]
    assert (step(cursor), cursor.describe()) == (4, "4 of 7")
    del film.frames[1:3]
    assert (step(cursor), cursor.describe()) == (4, "2 of 5")
    del film.frames[1]  # its own frame: the next one takes its place
    assert step(cursor) == 8


def test_without_frames_there_is_nowhere_to_go(cursor: FilmCursor, film: Film) -> None:
    film.frames.clear()
    for move in (lambda: cursor.move(-1), cursor.to_start, cursor.to_live):
        move()
        assert cursor.frame is None
