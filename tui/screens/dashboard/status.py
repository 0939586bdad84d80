"""Progress and the latest numbers: beside the chart when it is narrow, in two lines when wide."""

from rich.text import Text
from textual.widget import Widget

from engine.metrics import score_name
from engine.snapshot import Snapshot
from engine.text import clock, epochs, nats, size
from tui.theme import ACCENT, LINE
from tui.widgets.panel import Panel

WIDE = 108


class StatusPanel(Widget):
    """Epoch, step, bar, speed, time; last and best −ELBO, KL, active units, memory."""

    # A line that is too long must not push the last one out.
    DEFAULT_CSS = "StatusPanel { text-wrap: nowrap; text-overflow: ellipsis; }"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.model = Panel.model
        self._snapshot: Snapshot | None = None
        self._floor: float | None = None
        self._text = ""

    def show_snapshot(self, snapshot: Snapshot, floor: float | None = None) -> None:
        """Show other numbers, if they read differently.

        Args:
            floor: pixel entropy of the validation images, once it is known.
        """
        self._snapshot, self._floor = snapshot, floor
        text = self.render().plain
        if text != self._text:
            self._text = text
            self.refresh()

    def render(self) -> Text:
        """Two lines, or a column."""
        if self._snapshot is None or self.size.width == 0:
            return Text()
        s = self._snapshot
        epoch = f"epoch {s.epoch:.2f}/{s.epochs}"
        share = s.step / s.total_steps if s.total_steps else 0.0
        step = f"step {s.step:,}/{s.total_steps:,}"
        speed = f"{s.images_per_second:,.0f} img/s"
        elapsed, to_go = clock(s.elapsed), f"ETA {clock(s.eta)}"
        if self.size.width >= WIDE:
            work = f"{step} · {speed}   {elapsed} elapsed · {to_go}"
            bar = _bar(share, max(4, self.size.width - len(epoch) - len(work) - 10))
            first = Text.assemble(epoch, "  ", bar, f" {share:4.0%}   ", work)
            return Text("\n").join([first, Text("   ").join([*self._scores(s), self._memory(s)])])
        bar = _bar(share, max(4, self.size.width - len(epoch) - 6))
        first = Text.assemble(epoch, " ", bar, f" {share:4.0%}")
        work_lines = [Text(f"{step} · {elapsed}"), Text(f"{speed} · {to_go}")]
        return Text("\n").join([first, *work_lines, *self._scores(s), self._memory(s)])

    def _scores(self, s: Snapshot) -> list[Text]:
        wide = self.size.width >= WIDE
        name = score_name(self.model) if wide or self.model == "vae" else "recon"
        between = " · best " if wide else " best "
        last = s.last.val.score if s.last else None
        scores = Text.assemble((f"{'val ' * wide}{name} ", "dim"), (nats(last), "bold"))
        if wide and s.last and self._floor is not None:
            above = s.last.val.score - self._floor
            scores.append(" (", "dim").append(nats(above)).append(" above floor)", "dim")
        if s.best:
            best = nats(s.best.val.score)
            scores.append(between, "dim").append(best, "bold")
            scores.append(f" @{epochs(s.best.epoch)}", "dim")
        if wide:
            train = s.train.metrics.score if s.train else None
            scores.append(" · train ", "dim").append(nats(train))
        if self.model == "ae":
            return [scores, *_patience(s)]
        kl = Text.assemble(("KL ", "dim"), nats(s.last.val.kl if s.last else None))
        if s.last:
            active = "–" if s.last.active_units is None else s.last.active_units
            kl.append(f" · {active}/{len(s.last.kl_per_dim)} active", "dim")
        return [scores, kl, *_patience(s)]

    def _memory(self, s: Snapshot) -> Text:
        used = f"{size(s.memory_used)} of {size(s.memory_total)}" if s.memory_total else "–"
        return Text.assemble(("memory ", "dim"), used)


def _patience(s: Snapshot) -> list[Text]:
    """How long training goes on without a gain, if that is limited."""
    if s.patience_left is None or not s.phase.is_active:
        return []
    return [Text.assemble(("patience ", "dim"), f"{epochs(s.patience_left)} epochs")]


def _bar(share: float, width: int) -> Text:
    filled = round(share * width)
    return Text.assemble(("━" * filled, ACCENT), ("━" * (width - filled), LINE))
