import math
from dataclasses import replace

import pytest
from textual.geometry import Size

from engine.alerts import Alert, Rule
from engine.history import MAX_TRAIN_POINTS, History
from engine.metrics import Metrics, TrainPoint
from engine.snapshot import Snapshot
from tests.support.tui_fakes import (
    WidgetApp,
    evaluation,
    history,
    metrics,
    snapshot_of,
    spied,
    strips_of,
    texts_of,
)
from tui.drawing import braille, plot
from tui.drawing.braille import Dots
from tui.drawing.series import ChartMetric
from tui.screens.dashboard.chart import MetricChart
from tui.theme import BEST_COLOR, TRAIN_COLOR, VALIDATION_COLOR

BRAILLE = {chr(code) for code in range(0x2801, 0x2900)}


@pytest.fixture
def app() -> WidgetApp:
    return WidgetApp(MetricChart(id="chart"))


async def test_without_a_step_a_sentence_stands_in_for_the_curves(app: WidgetApp) -> None:
    async with app.run_test(size=(60, 16)) as pilot:
        chart = app.query_one(MetricChart)
        await pilot.pause()
        assert "no steps trained yet" in " ".join(texts_of(chart))
        chart.show_run(History(), Snapshot(run="vae-test"))
        await pilot.pause()
        assert "no steps trained yet" in " ".join(texts_of(chart))


@pytest.mark.parametrize("size", [(140, 40), (80, 24), (48, 15), (32, 10), (20, 6)])
async def test_a_run_is_drawn_with_both_curves_ticks_and_its_best(
    app: WidgetApp, size: tuple[int, int]
) -> None:
    h = history(epochs=20, points=2000)
    # A nat above the validation's, which would cover it.
    higher = [replace(p.metrics, recon=p.metrics.recon + 1) for p in h.train_points()]
    train = [replace(p, metrics=m) for p, m in zip(h.train_points(), higher, strict=True)]
    h = History(h.evaluations(), train)
    async with app.run_test(size=size) as pilot:
        chart = app.query_one(MetricChart)
        chart.show_run(h, snapshot_of(h))
        await pilot.pause()
        lines = texts_of(chart)
        colors = {
            tuple(segment.style.color.triplet)
            for strip in strips_of(chart)
            for segment in strip
            if segment.style and segment.style.color and set(segment.text) & (BRAILLE | {"●"})
        }
        painted = chart.paint(chart.size)
    assert [len(line) for line in lines] == [size[0]] * (size[1] - 1)
    assert len(painted) <= size[1] - 1
    assert all(line.cell_length <= size[0] for line in painted)
    # The last is the best of a run that only falls: at the right end.
    (best,) = [line.index("●") for line in lines if "●" in line]
    assert best >= size[0] - 3
    assert {BEST_COLOR, VALIDATION_COLOR} <= colors
    if size[0] > 30:
        assert TRAIN_COLOR in colors
    ticks = lines[-1].split()
    assert ticks[0] == "0"
    assert len(ticks) >= 2
    assert all(0 <= int(tick) <= 20 for tick in ticks)


async def test_values_at_the_y_axis_are_round_and_within_the_curves(app: WidgetApp) -> None:
    h = history(epochs=20, points=2000)
    async with app.run_test(size=(80, 24)) as pilot:
        chart = app.query_one(MetricChart)
        chart.show_run(h, snapshot_of(h))
        await pilot.pause()
        lines = texts_of(chart)
    values = [float(line.split("┤")[0]) for line in lines if "┤" in line]
    # From epoch 1 (5 % of 20) on: 245.9 falling to 241.0.
    assert len(values) >= 3
    assert values == sorted(values, reverse=True)
    assert all(240.5 <= value <= 246.5 for value in values)
    assert {round(2 * value, 6) % 1 for value in values} == {0.0}


async def test_where_the_curve_is_high_the_line_is_high(app: WidgetApp) -> None:
    h = history(epochs=20, points=2000)
    async with app.run_test(size=(80, 24)) as pilot:
        chart = app.query_one(MetricChart)
        chart.show_run(h, snapshot_of(h))
        await pilot.pause()
        lines = texts_of(chart)
    rows = [
        next(y for y, line in enumerate(lines) if line[x] in BRAILLE | {"●"})
        for x in range(7, 79, 8)
    ]
    assert rows == sorted(rows)
    assert rows[-1] - rows[0] > 12


async def test_nothing_new_is_not_drawn_again(app: WidgetApp) -> None:
    h = history(epochs=5, points=100)
    snapshot = snapshot_of(h)
    painted: list[Size] = []
    async with app.run_test(size=(60, 16)) as pilot:
        chart = app.query_one(MetricChart)
        chart.show_run(h, snapshot)
        await pilot.pause()
        spied(chart, painted)
        for step in range(3):
            chart.show_run(h, replace(snapshot, step=5000 + step, images_per_second=step))
            await pilot.pause()
        assert painted == []
        point = TrainPoint(101, 5.05, metrics(5.05))
        h.add_train_points([point])
        chart.show_run(h, replace(snapshot, train=point))
        assert len(painted) == 1
        last = evaluation(6.0)
        h.add_evaluation(last)
        chart.show_run(h, replace(snapshot, train=point, last=last))
        assert len(painted) == 2
        chart.next_metric()
        chart.show_run(h, replace(snapshot, train=point, last=last))
        assert len(painted) == 3
        other = history(epochs=5, points=100)
        chart.show_run(other, snapshot_of(other))
        assert len(painted) == 4


@pytest.mark.slow
@pytest.mark.parametrize("width", [40, 120])
@pytest.mark.parametrize("length", [MAX_TRAIN_POINTS, 100_000])
async def test_what_drawing_costs_is_bounded_however_long_the_run(
    width: int, length: int, app: WidgetApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []

    def line_dots(x: Dots, y: Dots) -> tuple[Dots, Dots]:
        assert len(x) == len(y)
        given.append(len(x))
        return braille.line_dots(x, y)

    monkeypatch.setattr(plot, "line_dots", line_dots)
    h = history(epochs=20_000, points=length)
    async with app.run_test(size=(width, 16)) as pilot:
        chart = app.query_one(MetricChart)
        given.clear()
        chart.show_run(h, snapshot_of(h))
        await pilot.pause()
    # Two a half-column: its lowest and its highest.
    assert len(given) >= 2
    assert max(given) <= 4 * width
    assert max(given) > width, "but not fewer than can be seen"


@pytest.mark.slow
async def test_a_spike_of_one_point_in_a_long_run_is_drawn(app: WidgetApp) -> None:
    values = [245.0 + 5 * math.sin(i / 7) for i in range(100_000)]
    values[61_803] = 262.0
    h = History(train=[TrainPoint(i, i / 1000, Metrics(v, v, 0.0)) for i, v in enumerate(values)])
    async with app.run_test(size=(107, 21)) as pilot:
        chart = app.query_one(MetricChart)
        chart.show_run(h, replace(snapshot_of(history(1, 1)), epoch=100.0))
        await pilot.pause()
        lines = texts_of(chart)
    above = [[x for x, cell in enumerate(line) if cell in BRAILLE] for line in lines[:7]]
    columns = {x for line in above for x in line}
    assert len(columns) in (1, 2), "it alone is so high"
    left = lines[-2].index("└") + 1
    share = (min(columns) - left) / (len(lines[0]) - left)
    assert share == pytest.approx(0.618, abs=0.02)
    assert sum(map(bool, above)) >= 5


@pytest.mark.parametrize(
    ("model", "titles"),
    [
        ("vae", ["−ELBO", "reconstruction", "KL", "−ELBO"]),
        ("ae", ["reconstruction", "reconstruction"]),
    ],
)
async def test_the_title_names_the_metric_and_the_next_follows(
    model: str, titles: list[str], app: WidgetApp
) -> None:
    h = history(epochs=5, points=100, model=model)  # type: ignore[arg-type]
    seen: list[str] = []
    async with app.run_test(size=(90, 16)) as pilot:
        chart = app.query_one(MetricChart)
        chart.model = model  # type: ignore[assignment]
        for _ in titles:
            chart.show_run(h, snapshot_of(h))
            await pilot.pause()
            seen.append(str(chart.border_title).split(",")[0])
            assert any(BRAILLE & set(line) for line in texts_of(chart))
            chart.next_metric()
    assert seen == titles


@pytest.mark.parametrize("metric", ["neg_elbo", "recon", "kl"])
async def test_the_best_mark_stands_at_the_best_evaluation_whatever_is_charted(
    metric: ChartMetric, app: WidgetApp
) -> None:
    # −ELBO is lowest at epoch 5 of 10, half way.
    rising = [replace(evaluation(e), val=metrics(min(e, 10 - e))) for e in range(11)]
    h = History(rising, [TrainPoint(e.step, e.epoch, e.val) for e in rising if e.step])
    async with app.run_test(size=(78, 20)) as pilot:
        chart = app.query_one(MetricChart)
        while chart.metric != metric:
            chart.next_metric()
        chart.show_run(h, snapshot_of(h))
        await pilot.pause()
        lines = texts_of(chart)
    (column,) = [line.index("●") for line in lines if "●" in line]
    axis = lines[-2]
    left = axis.index("└")
    assert column == pytest.approx(left + 1 + (77 - left) / 2, abs=1.5)


async def test_clipped_first_epochs_are_told_where_there_is_room(app: WidgetApp) -> None:
    h = history(epochs=20, points=400)
    early = history(epochs=1, points=50)
    flat = History([evaluation(3.0), evaluation(4.0)])
    async with app.run_test(size=(110, 16)) as pilot:
        chart = app.query_one(MetricChart)
        chart.show_run(h, snapshot_of(h))
        await pilot.pause()
        assert "first epochs clipped" in str(chart.border_title)
        chart.show_run(flat, replace(snapshot_of(early), epoch=4.0))
        await pilot.pause()
        assert "first epochs clipped" not in str(chart.border_title)


@pytest.mark.parametrize("size", [(8, 3), (4, 2), (12, 5), (200, 3), (9, 60)])
async def test_a_chart_too_small_to_be_read_breaks_nothing(
    app: WidgetApp, size: tuple[int, int]
) -> None:
    h = history(epochs=20, points=200)
    async with app.run_test(size=size) as pilot:
        chart = app.query_one(MetricChart)
        chart.show_run(h, snapshot_of(h))
        await pilot.pause()
        assert [strip.cell_length for strip in strips_of(chart)] == [size[0]] * (size[1] - 1)


async def test_alerts_of_rules_stand_on_the_x_axis_where_they_were_raised(app: WidgetApp) -> None:
    h = history(epochs=20, points=400)
    raised = Alert(4000, "plateau", Rule.PLATEAU, 10.0, 2000, 5.0, "0.1 nats", "stop")
    async with app.run_test(size=(80, 24)) as pilot:
        chart = app.query_one(MetricChart)
        snapshot = replace(snapshot_of(h), alerts=(Alert(10, "a note"),))
        chart.show_run(h, snapshot)
        await pilot.pause()
        assert "▲" not in "".join(texts_of(chart))
        chart.show_run(h, replace(snapshot, alerts=(*snapshot.alerts, raised)))
        await pilot.pause()
        (line,) = [text for text in texts_of(chart) if "▲" in text]
        assert "└" in line
        begin = line.index("└")
        assert abs((line.index("▲") - begin) / (len(line) - begin) - 0.5) < 0.05
