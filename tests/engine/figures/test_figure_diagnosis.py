import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from engine.config import RunConfig
from engine.figures.catalog import FigureName
from engine.figures.export import render_figure
from tests.support.figure_source import FakeSource
from tests.support.made_diagnoses import made_diagnosis

pytestmark = pytest.mark.slow

NAMES: tuple[FigureName, ...] = ("kl_heatmap", "rate_distortion", "diagnosis")


def pixels(source: FakeSource, name: FigureName) -> np.ndarray:
    with Image.open(io.BytesIO(render_figure(source, name))) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def count_of(image: np.ndarray, color: str) -> int:
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
    return int((np.abs(image - rgb).sum(axis=2) < 12).sum())


def with_kl(source: FakeSource, kl: list[float]) -> FakeSource:
    source.evaluated = [replace(e, kl_per_dim=np.array(kl)) for e in source.evaluated]
    return source


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("coarse")
def test_a_run_that_has_nothing_to_show_says_so(name: FigureName) -> None:
    empty = FakeSource()
    empty.evaluated, empty.diagnosed = [], []
    assert pixels(empty, name).std() > 1
    assert pixels(FakeSource(RunConfig(model="ae")), name).std() > 1


@pytest.mark.usefixtures("coarse")
def test_dimensions_are_coloured_by_their_kind() -> None:
    config = RunConfig(latent_dim=8)
    healthy, collapsed = (with_kl(FakeSource(config), [1.0] * 8) for _ in range(2))
    collapsed.diagnosed = [made_diagnosis(config, 600, collapsed=True)]
    active, passive = "#4477AA", "#BBBBBB"
    shown = [pixels(source, "diagnosis") for source in (healthy, collapsed)]
    assert count_of(shown[1], passive) > 2 * count_of(shown[0], passive)
    assert count_of(shown[0], active) > count_of(shown[1], active)


@pytest.mark.usefixtures("coarse")
def test_a_dimension_that_carries_more_is_brighter() -> None:
    even = pixels(with_kl(FakeSource(), [2.0, 2.0]), "kl_heatmap")
    uneven = pixels(with_kl(FakeSource(), [2.0, 0.0]), "kl_heatmap")
    assert (uneven.sum(axis=2) < 30).sum() > 10 * (even.sum(axis=2) < 30).sum()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("coarse")
def test_numbers_that_are_missing_or_infinite_are_left_out(name: FigureName) -> None:
    source = with_kl(FakeSource(), [np.nan, np.inf])
    source.diagnosed = [
        replace(
            d,
            class_recon=np.full(10, np.nan),
            posterior=replace(d.posterior, ks=d.posterior.ks * np.nan),
        )
        for d in source.diagnosed
    ]
    assert pixels(source, name).std() > 1


@pytest.mark.usefixtures("coarse")
def test_one_dimension_and_one_evaluation_are_a_figure() -> None:
    source = with_kl(FakeSource(RunConfig(latent_dim=1)), [0.5])
    source.evaluated, source.diagnosed = source.evaluated[:1], source.diagnosed[:1]
    for name in NAMES:
        assert pixels(source, name).std() > 1
