"""A made-up run, and an app around one widget, with the dashboard's own style sheet."""

import math
from pathlib import Path

import numpy as np
from textual.app import App, ComposeResult
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

import tui
from engine.config import ModelName
from engine.history import History
from engine.metrics import Evaluation, Metrics, TrainPoint
from engine.snapshot import Phase, Snapshot

CLASS_NAMES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


class WidgetApp(App[None]):
    """One widget and nothing else."""

    CSS_PATH = Path(tui.__file__).parent / "styles.tcss"

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.widget = widget

    def compose(self) -> ComposeResult:
        yield self.widget


def strips_of(widget: Widget) -> list[Strip]:
    """The lines of a widget's content, as they are drawn."""
    return [widget.render_line(y) for y in range(widget.size.height)]


def texts_of(widget: Widget) -> list[str]:
    return [strip.text for strip in strips_of(widget)]


def metrics(epoch: float, model: ModelName = "vae") -> Metrics:
    """Falls by hundreds of nats at first, then by a few: what a run looks like."""
    recon = 229.0 + 315.0 * math.exp(-9 * epoch) + 8 * math.exp(-epoch / 2)
    if model == "ae":
        return Metrics(recon, recon, math.nan)
    kl = 12.0 * (1 - math.exp(-20 * epoch))
    return Metrics(recon + kl, recon, kl)


def evaluation(epoch: float, model: ModelName = "vae", steps_per_epoch: int = 400) -> Evaluation:
    return Evaluation(
        step=round(epoch * steps_per_epoch),
        epoch=epoch,
        beta=1.0,
        lr=1e-3,
        val=metrics(epoch, model),
        train=None,
        kl_per_dim=np.zeros(20) if model == "vae" else np.empty(0),
        active_units=20,
        seconds=1.0,
    )


def history(epochs: int, points: int, model: ModelName = "vae") -> History:
    """An evaluation at every epoch, and so many points of the training curve."""
    train = [
        TrainPoint(i, epochs * i / points, metrics(epochs * i / points, model))
        for i in range(1, points + 1)
    ]
    return History([evaluation(e, model) for e in range(epochs + 1)], train)


def snapshot_of(history: History) -> Snapshot:
    last = history.evaluations()[-1]
    return Snapshot(
        run="vae-test",
        phase=Phase.TRAINING,
        step=last.step,
        total_steps=2 * last.step,
        epoch=last.epoch,
        epochs=round(2 * last.epoch),
        last=last,
        best=history.best,
        train=history.train_points()[-1],
    )


def spied(panel: Widget, calls: list[Size]) -> None:
    """Note every painting of a canvas panel."""
    original = panel.paint  # type: ignore[attr-defined]

    def paint(size: Size) -> list[Strip]:
        calls.append(size)
        lines: list[Strip] = original(size)
        return lines

    panel.paint = paint  # type: ignore[attr-defined]
