"""Tiles cut out of a figure again, and the words on it."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from engine.figures import paper

Greys = npt.NDArray[np.uint8]
StartPoint = tuple[int, int]


def tile(page: Image.Image, origin: StartPoint, scale: int = 10) -> Greys:
    x, y = origin
    return np.asarray(page.crop((x, y, x + 28 * scale, y + 28 * scale)))


def enlarged(image: npt.NDArray[np.float32], scale: int = 10) -> Greys:
    """By definition: every pixel a square, rounded to 8 bit."""
    return np.kron(np.rint(image * 255), np.ones((scale, scale))).astype(np.uint8)


def assert_apart(origins: tuple[StartPoint, ...], size: tuple[int, int], scale: int = 10) -> None:
    taken = np.zeros(size[::-1], dtype=int)
    side = 28 * scale
    for x, y in origins:
        assert 0 < x < size[0] - side
        assert 0 < y < size[1] - side
        taken[y : y + side, x : x + side] += 1
    assert taken.max() == 1, "tiles overlap"


class Words(list[str]):
    """Lines of text; `places` are the pixels that they were put at."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[StartPoint] = []


def written(monkeypatch: pytest.MonkeyPatch) -> Words:
    """The lines that are written from now on with Pillow, the title first.

    Each must fit on the page, none may be over another or under a tile.
    """
    words = Words()
    write, upwards, paste_greys = paper.write, paper.write_upwards, paper.paste_greys

    def noted(page: Image.Image, place: StartPoint, text: str, **how: object) -> None:
        words.append(text)
        words.places.append(place)
        # Around the text only: whole pages are large.
        reach = 100 + len(text) * int(how.get("size", paper.LABEL_SIZE))  # type: ignore[call-overload]
        region = (
            max(0, place[0] - reach),
            max(0, place[1] - 150),
            min(page.width, place[0] + reach),
            min(page.height, place[1] + 150),
        )
        before = np.asarray(page.crop(region).convert("L"))
        write(page, place, text, **how)  # type: ignore[arg-type]
        drawn = np.argwhere(np.asarray(page.crop(region).convert("L")) != before)
        assert len(drawn), f"{text!r} is not seen"
        (top, left), (bottom, right) = drawn.min(axis=0), drawn.max(axis=0)
        box = before[top : bottom + 1, left : right + 1]
        assert (box == 255).all(), f"{text!r} is written over something"
        assert region[0] + left > 0, f"{text!r} is cut"
        assert region[0] + right < page.width - 1, f"{text!r} is cut"
        assert region[1] + bottom < page.height - 1, f"{text!r} is cut"

    def noted_upwards(page: Image.Image, place: StartPoint, text: str, **how: object) -> None:
        words.append(text)
        words.places.append(place)
        upwards(page, place, text, **how)  # type: ignore[arg-type]

    def noted_tiles(
        page: Image.Image, greys: Greys, origins: Sequence[StartPoint], scale: int = 10
    ) -> None:
        before = page.convert("L")
        for origin in origins:
            assert (tile(before, origin, scale) == 255).all(), "a tile hides words"
        paste_greys(page, greys, origins, scale)

    monkeypatch.setattr(paper, "write", noted)
    monkeypatch.setattr(paper, "write_upwards", noted_upwards)
    monkeypatch.setattr(paper, "paste_greys", noted_tiles)
    return words
