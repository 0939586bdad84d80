import re
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.text import Text

from engine.config import RunConfig
from engine.metrics import Metrics, TrainPoint
from engine.snapshot import Phase, Snapshot
from tests.support.tui_fakes import WidgetApp, evaluation, history, snapshot_of, strips_of, texts_of
from tui.screens.dashboard.status import StatusPanel
from tui.widgets.header import RunHeader
from tui.widgets.message_line import MessageLine

WIDTHS = [30, 50, 80, 120, 140]

USUAL = replace(
    snapshot_of(history(epochs=12, points=100)),
    run="vae-20261122-093015",
    device="NVIDIA H200",
    step=5070,
    total_steps=12_690,
    epoch=11.99,
    epochs=30,
    images_per_second=312_345.0,
    elapsed=75.0,
    eta=112.0,
    memory_used=3 * 2**30,
    memory_total=140 * 2**30,
)
LARGE = replace(
    USUAL,
    step=12_345_678,
    total_steps=99_999_999,
    epoch=29_187.25,
    epochs=236_406,
    images_per_second=1_500_000.0,
    elapsed=445_506.0,
    eta=3_160_000.0,
    last=replace(evaluation(29_187.0), step=12_345_600),
    best=replace(evaluation(29_000.5), step=12_300_000),
    train=TrainPoint(12_345_678, 29_187.25, Metrics(11234.56, 11222.22, 12.34)),
    memory_used=123 * 2**30,
    memory_total=140 * 2**30,
)


def too_wide(text: Text, width: int) -> list[str]:
    return [line for line in text.plain.split("\n") if cell_len(line) > width]


async def status(snapshot: Snapshot, width: int, model: str = "vae") -> tuple[list[str], list[str]]:
    """The lines drawn, and those that would not have had room."""
    app = WidgetApp(StatusPanel(id="status"))
    async with app.run_test(size=(width, 10)) as pilot:
        panel = app.query_one(StatusPanel)
        panel.model = model  # type: ignore[assignment]
        panel.show_snapshot(snapshot)
        await pilot.pause()
        inner = panel.size.width
        assert inner == width - 2, "a column free on both sides"
        assert all(strip.cell_length <= width for strip in strips_of(panel))
        return texts_of(panel), too_wide(panel.render(), inner)


@pytest.mark.parametrize("model", ["vae", "ae"])
@pytest.mark.parametrize("width", WIDTHS)
async def test_usual_numbers_have_room_at_every_width(width: int, model: str) -> None:
    _, beyond = await status(USUAL, width, model)
    assert beyond == []


@pytest.mark.parametrize("width", [50, 80, 120, 140])
async def test_large_numbers_have_room(width: int) -> None:
    _, beyond = await status(LARGE, width)
    assert beyond == []


async def test_numbers_too_large_for_a_narrow_panel_are_cut_with_a_sign_and_push_none_out() -> None:
    lines, beyond = await status(LARGE, 30)
    assert len(beyond) == sum(line.endswith("…") for line in lines) > 0
    assert lines[5].startswith("memory 123.0 GiB")


@pytest.mark.parametrize("width", [101, 102, 105, 110, 115, 130, 160])
async def test_two_lines_have_room_from_where_they_begin(width: int) -> None:
    _, beyond = await status(USUAL, width)
    assert beyond == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("model", ["vae", "ae"])
async def test_every_number_is_seen_at_every_width(width: int, model: str) -> None:
    snapshot = USUAL
    if model == "ae":
        ae = evaluation(12.0, "ae")
        snapshot = replace(USUAL, last=ae, best=ae)
    lines, _ = await status(snapshot, width, model)
    if width >= 102:
        assert not any(line.strip() for line in lines[2:]), "the dashboard has two rows for it"
    text = "\n".join(lines)
    for expected in (
        "epoch 11.99/30",
        "40%",
        "step 5,070/12,690",
        "312,345 img/s",
        "1:15",
        "ETA 1:52",
        "229.02" if model == "ae" else "241.02",  # 229 + 8/e⁶ (+ 12)
        "@12",
        "3.0 GiB of 140.0 GiB",
    ):
        assert expected in text, expected
    assert ("KL 12.00" in text) is (model == "vae")
    assert ("20/20 active" in text) is (model == "vae")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("step", "share"), [(0, 0.0), (317, 0.25), (634, 0.5), (1268, 1.0)], ids=str
)
async def test_the_bar_is_filled_by_the_share_of_the_steps(
    width: int, step: int, share: float
) -> None:
    app = WidgetApp(StatusPanel(id="status"))
    async with app.run_test(size=(width, 10)) as pilot:
        panel = app.query_one(StatusPanel)
        panel.show_snapshot(replace(USUAL, step=step, total_steps=1268))
        await pilot.pause()
        (first, *_) = strips_of(panel)
    cells = [(s.style.color, len(s.text)) for s in first if s.style and "━" in s.text]
    total = sum(length for _, length in cells)
    assert total >= 4
    assert f" {share:4.0%}" in first.text
    filled = cells[0][1] if len(cells) == 2 else total if share == 1.0 else 0
    assert filled == pytest.approx(share * total, abs=0.5)
    assert len({color for color, _ in cells}) == (1 if share in (0.0, 1.0) else 2)


async def test_what_is_not_known_yet_is_a_dash_and_no_best_is_made_up() -> None:
    lines, beyond = await status(Snapshot(run="vae-test", epochs=30), 40)
    text = "\n".join(lines)
    assert beyond == []
    assert "ETA –" in text
    assert "memory –" in text
    assert "−ELBO –" in text
    assert "best" not in text
    assert "epoch 0.00/30" in text


async def test_the_status_is_drawn_again_only_if_it_reads_differently(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = WidgetApp(StatusPanel(id="status"))
    async with app.run_test(size=(50, 10)) as pilot:
        panel = app.query_one(StatusPanel)
        panel.show_snapshot(USUAL)
        await pilot.pause()
        drawn: list[int] = []
        monkeypatch.setattr(panel, "refresh", lambda *_, **__: drawn.append(1))
        panel.show_snapshot(replace(USUAL, elapsed=75.4, lr=0.1))
        assert drawn == []
        panel.show_snapshot(replace(USUAL, elapsed=76.0))
        assert drawn == [1]


async def test_a_message_too_long_ends_in_an_ellipsis() -> None:
    app = WidgetApp(MessageLine(id="message"))
    async with app.run_test(size=(22, 4)) as pilot:
        widget = app.query_one(MessageLine)
        widget.say("wrote exports/vae-20261122-093015/train_loss.png", "done")
        await pilot.pause()
        assert texts_of(widget) == ["wrote exports/vae-2…"]
        assert widget.text == "wrote exports/vae-20261122-093015/train_loss.png"
        assert widget.tooltip == widget.text


CONFIG = RunConfig(seed=3)


async def header(config: RunConfig, snapshot: Snapshot, width: int) -> tuple[str, list[str]]:
    app = WidgetApp(RunHeader(id="header"))
    async with app.run_test(size=(width, 4)) as pilot:
        widget = app.query_one(RunHeader)
        widget.show_run(config, snapshot)
        await pilot.pause()
        (line,) = texts_of(widget)
        return line, too_wide(widget.render(), widget.size.width)


@pytest.mark.parametrize("width", [50, 80, 120, 140])
@pytest.mark.parametrize(
    ("phase", "activity"),
    [
        (Phase.LOADING, "loading the data"),
        (Phase.TRAINING, "evaluating"),
        (Phase.PAUSED, ""),
        (Phase.FINISHED, ""),
        (Phase.FAILED, ""),
    ],
)
async def test_the_header_shows_the_run_and_ends_with_its_phase(
    width: int, phase: Phase, activity: str
) -> None:
    snapshot = replace(USUAL, phase=phase, activity=activity)
    line, beyond = await header(CONFIG, snapshot, width)
    assert beyond == []
    assert "vae-20261122-093015" in line
    assert re.search(rf"● {phase}( ·|:)? ?{activity}\s*$", line), line


@pytest.mark.parametrize(
    ("name", "width"),
    [("vae-20261122-093015", 30), ("x" * 100, 80), ("x" * 100, 30)],
    ids=["usual name at 30", "long name at 80", "long name at 30"],
)
async def test_the_phase_is_seen_however_narrow_the_header(name: str, width: int) -> None:
    snapshot = replace(USUAL, run=name, activity="evaluating")
    line, beyond = await header(CONFIG, snapshot, width)
    assert "training" in line
    assert beyond == []


async def test_what_tells_least_is_left_out_first() -> None:
    lines = {w: (await header(CONFIG, USUAL, w))[0] for w in (140, 96, 72, 40)}
    seen = {
        width: [
            word
            for word in ("fmnist-vae-tui", "seed 3", "784-512-256-20", "NVIDIA H200", USUAL.run)
            if word in line
        ]
        for width, line in lines.items()
    }
    assert seen == {
        140: ["fmnist-vae-tui", "seed 3", "784-512-256-20", "NVIDIA H200", USUAL.run],
        96: ["seed 3", "784-512-256-20", "NVIDIA H200", USUAL.run],
        72: ["784-512-256-20", "NVIDIA H200", USUAL.run],
        40: [USUAL.run],
    }


@pytest.mark.parametrize(("threads", "words"), [(1, "CPU · 1 thread "), (4, "CPU · 4 threads ")])
async def test_threads_are_told_on_a_cpu(threads: int, words: str) -> None:
    snapshot = replace(USUAL, device="CPU", threads=threads)
    line, _ = await header(CONFIG, snapshot, 140)
    assert words in line
    line, _ = await header(CONFIG, replace(snapshot, device="NVIDIA H200"), 140)
    assert "thread" not in line


async def test_before_there_is_a_run_the_header_has_the_programs_name() -> None:
    app = WidgetApp(RunHeader(id="header"))
    async with app.run_test(size=(60, 4)):
        (line,) = texts_of(app.query_one(RunHeader))
        assert line.strip() == "fmnist-vae-tui"


async def test_the_header_is_drawn_again_only_if_it_reads_differently(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = WidgetApp(RunHeader(id="header"))
    async with app.run_test(size=(100, 4)):
        widget = app.query_one(RunHeader)
        widget.show_run(CONFIG, USUAL)
        drawn: list[int] = []
        monkeypatch.setattr(widget, "refresh", lambda *_, **__: drawn.append(1))
        widget.show_run(CONFIG, replace(USUAL, step=9999))
        assert drawn == []
        widget.show_run(CONFIG, replace(USUAL, phase=Phase.PAUSED))
        assert drawn == [1]


@pytest.mark.parametrize("width", WIDTHS)
async def test_new_alerts_are_counted_in_the_header_at_any_width(width: int) -> None:
    app = WidgetApp(RunHeader(id="header"))
    async with app.run_test(size=(width, 4)) as pilot:
        widget = app.query_one(RunHeader)
        widget.show_run(CONFIG, replace(USUAL, phase=Phase.TRAINING), new_alerts=2)
        await pilot.pause()
        (line,) = texts_of(widget)
        assert "▲ 2 alerts (!)" in line
        assert not too_wide(widget.render(), width)


async def test_a_wide_status_tells_how_far_above_the_images_entropy_the_score_is() -> None:
    panel = StatusPanel(id="status")
    async with WidgetApp(panel).run_test(size=(140, 6)):
        panel.show_snapshot(USUAL)
        assert "above floor" not in panel.render().plain
        panel.show_snapshot(USUAL, floor=187.8)
        assert USUAL.last is not None
        assert f"({USUAL.last.val.score - 187.8:.2f} above floor)" in panel.render().plain
