"""How long a chart and pictures take to be drawn anew, from new numbers to what is sent.

    python -m tests.bench.drawing [--rounds 15] [--json]

In the panels' sizes of a dashboard at 80×24, 120×40 and 140×45, and zoomed.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from rich.console import Console
from textual.app import App, ComposeResult

import tui
from data import CLASS_NAMES, load_dataset
from engine.history import History
from engine.metrics import Evaluation, Metrics, TrainPoint
from engine.snapshot import Snapshot
from engine.views import (
    Images,
    LatentView,
    PriorSamples,
    ReconstructionView,
    SampleView,
)
from tests.bench.figures import Figure, Tell, main
from tui.app import FmnistVaeTui
from tui.screens.dashboard.chart import MetricChart
from tui.screens.dashboard.latent_map import LatentMapPanel
from tui.screens.dashboard.samples import SamplePanel
from tui.terminal.cell_diff import CellDiff
from tui.widgets.canvas import CanvasPanel
from tui.widgets.pictures import ReconstructionPanel

CHART_GOAL, PICTURE_GOAL = 15.0, 10.0
"""Milliseconds."""
LENGTHS = (100, 100_000)
CHARTS = {"80×24": (32, 13), "120×40": (60, 12), "140×45": (70, 15), "zoomed at 120×40": (120, 34)}
STRIPS = {
    "80×24": (48, 13),
    "120×40": (120, 13),
    "140×45": (140, 14),
    "zoomed at 120×40": (120, 34),
}
MAPS = {"120×40": (60, 12), "140×45": (70, 15), "zoomed at 120×40": (120, 34)}
STEPS_PER_EPOCH = 20
WARM_UP = 3


class OnePanel(App[None]):
    """A panel, and nothing else."""

    CSS_PATH = FmnistVaeTui.CSS_PATH and f"{tui.__path__[0]}/{FmnistVaeTui.CSS_PATH}"

    def __init__(self, panel: CanvasPanel) -> None:
        super().__init__()
        self.panel = panel
        panel.styles.display = "block"

    def compose(self) -> ComposeResult:
        yield self.panel


@dataclass(frozen=True, slots=True)
class Drawing:
    """A panel in one size, and what it is to show next."""

    name: str
    goal: float
    panel: CanvasPanel
    size: tuple[int, int]
    prepare: Callable[[], Callable[[], None]]
    """Makes the next numbers; what it returns shows them, and that is what is measured."""


async def time_drawing(drawing: Drawing, rounds: int) -> Figure:
    """Milliseconds from new numbers to the bytes of the lines."""
    walls: list[float] = []
    cpus: list[float] = []
    columns, rows = drawing.size
    console, sent = Console(color_system="truecolor"), CellDiff()
    sent.changes("\x1b[?1049h")
    app = OnePanel(drawing.panel)
    async with app.run_test(size=(columns, rows + 1)) as pilot:
        for number in range(WARM_UP + rounds):
            show = drawing.prepare()
            wall, cpu = time.perf_counter(), time.thread_time()
            show()
            lines = [drawing.panel.render_line(y).render(console) for y in range(rows)]
            sent.changes("\n".join(f"\x1b[{y + 1};1H{line}" for y, line in enumerate(lines)))
            if number >= WARM_UP:
                walls.append(1e3 * (time.perf_counter() - wall))
                cpus.append(1e3 * (time.thread_time() - cpu))
            await pilot.pause()
    return Figure(drawing.name, "ms", drawing.goal, walls, cpus)


# Charts.


def chart_drawings(lengths: Sequence[int]) -> list[Drawing]:
    """A chart of so many evaluations and as many training points, one more of each every time."""
    return [
        _chart(f"chart of {length:,}, {name}", size, length)
        for length in lengths
        for name, size in CHARTS.items()
    ]


def _chart(name: str, size: tuple[int, int], length: int) -> Drawing:
    rng = np.random.default_rng(0)
    history = History()
    panel = MetricChart(id="chart")

    def grow() -> None:
        number = history.evaluation_count
        epoch = number / STEPS_PER_EPOCH
        history.add_evaluation(_evaluation(number, epoch, rng))
        history.add_train_points([TrainPoint(number, epoch, _metrics(epoch, rng))])

    for _ in range(length):
        grow()

    def prepare() -> Callable[[], None]:
        grow()
        (point,) = history.train_points(-1)
        snapshot = Snapshot("bench", epoch=point.epoch, train=point, last=history.last)
        return lambda: panel.show_run(history, snapshot)

    return Drawing(name, CHART_GOAL, panel, size, prepare)


def _metrics(epoch: float, rng: np.random.Generator) -> Metrics:
    """As of a real run: a steep fall, then a slow one, and noise of two nats."""
    recon = 225 + 315 * np.exp(-9 * epoch) + 12 * np.exp(-epoch / 2) + rng.normal(0, 2)
    kl = 13 * (1 - np.exp(-20 * epoch))
    return Metrics(float(recon + kl), float(recon), float(kl))


def _evaluation(step: int, epoch: float, rng: np.random.Generator) -> Evaluation:
    return Evaluation(
        *(step, epoch, 1.0, 1e-3, _metrics(epoch, rng), None, np.full(20, 0.65), 20, 1.0)
    )


# Pictures.


def picture_drawings() -> list[Drawing]:
    """Pictures of which each differs a little from the one before, as between two looks."""
    dataset = load_dataset()
    images = (dataset.images[:64] / 255.0).astype(np.float32)
    drawings = []
    for name, size in STRIPS.items():
        drawings.append(_reconstructions(f"reconstructions, {name}", size, images[:20]))
        drawings.append(_samples(f"samples, {name}", size, images))
    drawings += [_map(f"latent map, {name}", size) for name, size in MAPS.items()]
    return drawings


def _changing(images: Images) -> Callable[[], Images]:
    rng = np.random.default_rng(0)

    def change() -> Images:
        changed = images + 0.05 * rng.standard_normal(images.shape, np.float32) * (images > 0)
        return np.clip(changed, 0, 1).astype(np.float32)

    return change


def _reconstructions(name: str, size: tuple[int, int], images: Images) -> Drawing:
    panel = ReconstructionPanel(id="reconstructions")
    change, labels = _changing(images), np.repeat(np.arange(10), 2).astype(np.uint8)
    view = ReconstructionView(1, 0.1, 0, images, images, labels, CLASS_NAMES, np.arange(20))

    def prepare() -> Callable[[], None]:
        changed = replace(view, reconstructions=change())
        return lambda: panel.show(changed)

    return Drawing(name, PICTURE_GOAL, panel, size, prepare)


def _samples(name: str, size: tuple[int, int], images: Images) -> Drawing:
    panel = SamplePanel(id="samples")
    change, latents = _changing(images), np.zeros((len(images), 20), np.float32)

    def prepare() -> Callable[[], None]:
        view = SampleView(1, 0.1, change(), latents, PriorSamples())
        return lambda: panel.show(view)

    return Drawing(name, PICTURE_GOAL, panel, size, prepare)


def _map(name: str, size: tuple[int, int]) -> Drawing:
    panel = LatentMapPanel(id="latent")
    rng = np.random.default_rng(0)
    labels = np.arange(6000) % 10
    points = rng.normal(size=(10, 2))[labels] + rng.normal(0, 0.5, (6000, 2))

    def prepare() -> Callable[[], None]:
        moved = (points + rng.normal(0, 0.02, points.shape)).astype(np.float32)
        axes = ("PC 1 (17.3 %)", "PC 2 (15.5 %)")
        view = LatentView(
            *(1, 0.1, moved, labels.astype(np.uint8), CLASS_NAMES, "pca", axes),
            *("validation", np.arange(6000), moved, None),
        )
        return lambda: panel.show(view)

    return Drawing(name, PICTURE_GOAL, panel, size, prepare)


def measure(rounds: int, tell: Tell) -> list[Figure]:
    """All charts and pictures."""

    async def measure_all() -> list[Figure]:
        figures = []
        tell("making histories")
        for drawing in [*chart_drawings(LENGTHS), *picture_drawings()]:
            tell(drawing.name)
            figures.append(await time_drawing(drawing, rounds))
        return figures

    return asyncio.run(measure_all())


if __name__ == "__main__":
    main("drawing anew, from new numbers to bytes", 15, measure)
