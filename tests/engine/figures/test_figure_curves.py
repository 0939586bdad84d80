import io
import json
import logging
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from engine.config import RunConfig
from engine.figures import chart
from engine.figures.catalog import FigureName
from engine.figures.curves import running_mean
from engine.figures.export import render_figure
from engine.metrics import Metrics, TrainPoint
from engine.steering import SteeringChange
from engine.visible_range import visible_limits
from tests.support.figure_source import FakeSource, metrics

pytestmark = pytest.mark.slow


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, coarse: None) -> Iterator[list[Figure]]:
    """The Matplotlib figures behind the images, in the order they were drawn."""
    figures: list[Figure] = []

    class Recorded(Figure):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            figures.append(self)

    monkeypatch.setattr(chart, "Figure", Recorded)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield figures


def words(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def outside_the_paper(figure: Figure) -> list[str]:
    width, height = figure.canvas.get_width_height()
    # Matplotlib keeps the labels of ticks beyond the ends of an axis, and doesn't draw them.
    ticks = {t for a in figure.axes for t in (*a.get_xticklabels(), *a.get_yticklabels())}
    boxes = [
        (text.get_text(), text.get_window_extent())
        for text in figure.findobj(Text)
        if text.get_text() and text not in ticks
    ]
    return [
        text for text, box in boxes if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height
    ]


def test_the_start_of_training_does_not_squash_the_rest(
    vae: FakeSource, drawn: list[Figure]
) -> None:
    render_figure(vae, "train_loss")
    low, high = drawn[0].axes[0].get_ylim()
    late = [p.metrics for p in vae.points if p.epoch > 1]
    assert low < min(m.recon for m in late)
    assert max(m.neg_elbo for m in late) < high < 400
    assert "Points not shown" in words(drawn[0])
    assert f"{max(p.metrics.neg_elbo for p in vae.points):,.0f} nats" in words(drawn[0])


def test_a_vae_shows_the_elbo_and_its_parts_in_nats(vae: FakeSource, drawn: list[Figure]) -> None:
    render_figure(vae, "train_loss")
    render_figure(vae, "val_loss")
    for figure in drawn:
        assert figure.axes[0].get_ylabel() == "−ELBO (nats per image)"
        assert figure.axes[1].get_ylabel() == "KL (nats)"
        assert figure.axes[1].get_ylim()[0] == 0
        assert figure.axes[1].get_xlabel() == "epoch"
        assert "reconstruction" in words(figure)
        assert "loss (" not in words(figure)
    last = vae.evaluated[-1].val
    np.testing.assert_allclose(
        np.asarray(drawn[1].axes[0].lines[0].get_ydata()),
        [e.val.neg_elbo for e in vae.evaluated],
    )
    assert f"−ELBO {last.neg_elbo:.1f}" in words(drawn[1])
    assert f"KL {last.kl:.1f}" in words(drawn[1])


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"beta": 4.0, "kl_warmup": 0.0}, "loss (β = 4)"),
        ({"kl_warmup": 5.0}, "loss (β rising to 1)"),
        ({"kl_warmup": 0.0, "kl_schedule": "cyclical"}, "loss (β in cycles up to 1)"),
        ({"kl_warmup": 0.0, "free_bits": 0.5}, "loss (β = 1, free bits 0.5)"),
        ({"beta": 0.0, "kl_warmup": 5.0}, "loss (β = 0)"),
    ],
)
def test_a_loss_that_is_not_the_elbo_has_a_panel_of_its_own(
    drawn: list[Figure], changes: dict[str, object], name: str
) -> None:
    source = FakeSource(RunConfig(**changes))  # type: ignore[arg-type]
    render_figure(source, "val_loss")
    assert len(drawn[0].axes) == 3
    assert name in words(drawn[0])
    np.testing.assert_allclose(
        np.asarray(drawn[0].axes[2].lines[0].get_ydata()), [e.val.loss for e in source.evaluated]
    )


def test_an_autoencoders_charts_have_no_elbo_and_no_kl(ae: FakeSource, drawn: list[Figure]) -> None:
    for name in ("train_loss", "val_loss"):
        render_figure(ae, name)
    for figure in drawn:
        assert len(figure.axes) == 1
        assert figure.axes[0].get_ylabel() == "reconstruction BCE (nats per image)"
        assert "ELBO" not in words(figure)
        assert "KL" not in words(figure)
        assert "β" not in words(figure)


def test_the_best_trained_evaluation_is_marked(vae: FakeSource, drawn: list[Figure]) -> None:
    better = vae.evaluation(4 * 50, Metrics(210.0, 200.0, 10.0))
    untrained = vae.evaluation(0, Metrics(540.0, 530.0, 10.0))
    broken = vae.evaluation(50, Metrics(math.nan, math.nan, math.nan))
    vae.evaluated = [untrained, broken, *vae.evaluated[2:4], better, *vae.evaluated[5:]]
    render_figure(vae, "val_loss")
    (marked,) = [m for m in drawn[0].axes[0].lines if str(m.get_label()).startswith("best")]
    assert marked.get_label() == "best 210.0 (epoch 4)"
    assert (list(marked.get_xdata()), list(marked.get_ydata())) == ([4.0], [210.0])  # type: ignore[arg-type]
    assert "1 points" in words(drawn[0])


@pytest.mark.parametrize("source", [FakeSource(), FakeSource(RunConfig(model="ae"))])
def test_a_run_without_steps_says_so(source: FakeSource, drawn: list[Figure]) -> None:
    source.points, source.evaluated = [], []
    render_figure(source, "train_loss")
    assert "no steps trained yet" in words(drawn[0])
    render_figure(source, "val_loss")
    assert "nothing evaluated yet" in words(drawn[1])


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("model", ["vae", "ae"])
def test_a_run_stopped_at_once_shows_every_point_it_has(
    model: Any, count: int, drawn: list[Figure], caplog: pytest.LogCaptureFixture
) -> None:
    source = FakeSource(RunConfig(model=model))
    source.points, source.evaluated = source.points[:count], source.evaluated[:count]
    with caplog.at_level(logging.WARNING):
        render_figure(source, "train_loss")
        render_figure(source, "val_loss")
    assert caplog.records == []
    for figure, values in (
        (drawn[0], [p.metrics.score for p in source.points]),
        (drawn[1], [e.val.score for e in source.evaluated]),
    ):
        low, high = figure.axes[0].get_ylim()
        left, right = figure.axes[0].get_xlim()
        assert low < min(values)
        assert max(values) < high
        assert left < right


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_numbers_that_are_none_leave_a_gap_and_a_note(
    vae: FakeSource, drawn: list[Figure], bad: float
) -> None:
    vae.points[-3:] = [TrainPoint(p.step, p.epoch, Metrics(bad, bad, bad)) for p in vae.points[-3:]]
    render_figure(vae, "train_loss")
    assert np.isfinite(drawn[0].axes[0].get_ylim()).all()
    assert "3 points that are not finite" in words(drawn[0])


def test_only_nan_is_said_to_be_no_number(vae: FakeSource, drawn: list[Figure]) -> None:
    vae.points = [TrainPoint(1, 0.1, Metrics(math.nan, math.nan, math.nan))]
    render_figure(vae, "train_loss")
    assert "no value is a finite number" in words(drawn[0])


def test_no_text_leaves_the_paper_at_the_longest(drawn: list[Figure]) -> None:
    config = RunConfig(beta=123.456, kl_warmup=5, latent_dim=4096, seed=2**32 - 1, epochs=1000)
    source = FakeSource(config, name="W" * 100)
    source.points = [
        TrainPoint(step, step / 4, metrics(config, step / 400)) for step in range(1, 4001)
    ]
    for name in ("train_loss", "val_loss", "latent_scatter"):
        render_figure(source, name)
    assert [outside_the_paper(figure) for figure in drawn] == [[], [], []]
    for figure in drawn[:2]:
        # The words don't take the width from the curves either.
        assert figure.axes[0].get_position().width > 0.8


@pytest.mark.parametrize("name", ["train_loss", "val_loss"])
def test_an_exploding_run_keeps_its_numbers_short(
    vae: FakeSource, drawn: list[Figure], name: FigureName
) -> None:
    huge = Metrics(1e300, 1e300, 1e299)
    vae.points[40:] = [TrainPoint(p.step, p.epoch, huge) for p in vae.points[40:]]
    vae.evaluated[1:] = [vae.evaluation(e.step, huge) for e in vae.evaluated[1:]]
    render_figure(vae, name)
    assert outside_the_paper(drawn[0]) == []
    assert "1.1e300" in words(drawn[0])


def test_the_running_mean_is_the_mean_of_the_neighbours() -> None:
    values = np.random.default_rng(0).normal(size=50)
    smooth = running_mean(values, 5)
    for i in range(50):
        assert smooth[i] == pytest.approx(values[max(0, i - 2) : i + 3].mean())


def test_the_running_mean_leaves_nan_out() -> None:
    values = np.array([1.0, np.nan, 3.0, 4.0])
    np.testing.assert_allclose(running_mean(values, 3), [1.0, np.nan, 3.5, 3.5])


def test_a_lone_spike_does_not_decide_the_axis() -> None:
    epochs = np.linspace(0, 10, 200)
    values = 240 + np.sin(epochs)
    values[150] = 1e6
    limits = visible_limits([(epochs, values)])
    assert limits.low < 239
    assert 241 < limits.high < 250
    assert limits.outside(values) == 1


def test_many_evaluations_at_the_start_do_not_decide_the_axis() -> None:
    # As a run evaluates: at powers of two within the first epoch, then once an epoch.
    epochs = np.array([0.0, *(2.0**i / 422 for i in range(9)), *range(1, 31)])
    values = np.where(epochs < 1, 500.0, 240 + 10 / np.maximum(epochs, 1))
    assert visible_limits([(epochs, values)]).high < 260


def test_a_slow_start_is_shown_whole() -> None:
    epochs = np.linspace(0, 10, 100)
    values = 300 - 5 * epochs
    assert visible_limits([(epochs, values)]).outside(values) == 0


@pytest.mark.parametrize("huge", [7.6e15, 1e308])
@pytest.mark.parametrize("count", [3, 300])
def test_a_run_that_diverged_is_drawn_with_short_numbers(
    drawn: list[Figure], huge: float, count: int
) -> None:
    source = FakeSource(RunConfig())
    point = TrainPoint(1, 0.1, Metrics(240.0, 230.0, 10.0))
    source.points = [
        replace(point, step=i + 1, epoch=(i + 1) / 20, metrics=Metrics(huge, huge, 10.0))
        if i == count - 1
        else replace(point, step=i + 1, epoch=(i + 1) / 20)
        for i in range(count)
    ]
    render_figure(source, "train_loss")
    numbers = re.findall(r"[-−]?[\d.,]+(?:e\d+)?", words(drawn[0]).replace("10^", ""))
    assert max(map(len, numbers)) <= 12, numbers


def test_one_huge_value_leaves_the_means_of_all_later_windows_right() -> None:
    values = np.r_[250.0, 1e300, np.full(400, 240.0)]
    means = running_mean(values, 5)
    np.testing.assert_allclose(means[5:], 240.0)


def test_changes_of_settings_are_marked_named_and_in_the_files_text(
    drawn: list[Figure], vae: FakeSource
) -> None:
    last = vae.evaluated[-1]
    steps_per_epoch = last.step / last.epoch
    steps = [round(steps_per_epoch * epoch) for epoch in (1.5, 2.0, 3.0, 4.0)]
    vae.steering = (
        SteeringChange(steps[0], "beta", 20.0, 1.0),
        *(SteeringChange(step, "lr", 1e-3, 1e-4) for step in steps[1:]),
    )
    image = render_figure(vae, "val_loss")
    for axes in drawn[0].axes:
        dotted = [line for line in axes.lines if line.get_linestyle() == ":"]
        found = [float(np.asarray(line.get_xdata())[0]) for line in dotted]
        assert found == pytest.approx([1.5, 2.0, 3.0, 4.0], abs=0.01)
    said = " ".join(words(drawn[0]).split())
    assert "Dotted: β 20 → 1 (epoch 1.5), lr 0.001 → 0.0001 (epoch 2)" in said
    assert "and 1 more." in said
    assert not outside_the_paper(drawn[0])
    with Image.open(io.BytesIO(image)) as png:
        first = json.loads(png.text["steering"])[0]  # type: ignore[attr-defined]
    assert first == {"step": steps[0], "setting": "beta", "before": 20.0, "after": 1.0}
