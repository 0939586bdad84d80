"""`bench`: how fast training is on this machine, and what the dashboard costs."""

import json
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console
from rich.table import Table

from engine.config import PRESETS, PresetName, RunConfig
from tui.cli.arguments import BenchArgs
from tui.cli.bench_process import COLUMNS, LINES, BenchError, Watched, watch_in_turn
from tui.cli.program import complain
from tui.cli.progress import progress_bar

RUN_SECONDS = 8.0
"""Of training for which a run in a process of its own is measured."""
EPOCHS = 10_000
"""More than any machine trains meanwhile."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure of several rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The middle one, and the two ends."""
        return cls(statistics.median(values), min(values), max(values))

    def as_json(self) -> dict[str, float]:
        """Four significant digits: the rest is noise."""
        return {name: float(f"{getattr(self, name):.4g}") for name in ("median", "low", "high")}


def run_bench(args: BenchArgs) -> int:
    """Measure and print; the exit code."""
    if args.rounds < 1:
        return complain(f"--rounds must be 1 or more, not {args.rounds}")
    results = []
    with progress_bar() as progress:
        progress(None, "loading torch and the images")
        for preset in PRESETS:

            def report(what: str, preset: PresetName = preset) -> None:
                progress(None, f"{preset}: {what}")
                if not sys.stderr.isatty():
                    print(f"{preset}: {what}", file=sys.stderr)

            plan = replace(PRESETS[preset], device=args.device, threads=args.threads)
            try:
                results.append(_measure(preset, plan.runs()[0], args, report))
            except BenchError as error:
                return complain(str(error))
    if args.json:
        print(json.dumps(results, ensure_ascii=False))
        return 0
    for result in results:
        Console().print(_table(result))
        if "memory_bytes" in result:
            Console().print(_cost(result), "", highlight=False)
    return 0


def _measure(
    preset: PresetName, config: RunConfig, args: BenchArgs, report: Callable[[str], None]
) -> dict[str, Any]:
    from engine.training import benchmark  # imports torch

    measured = benchmark.measure_steps(config, args.rounds, report)
    rates = {name: Spread.of(values) for name, values in measured.rates.items()}
    ratios = {
        "ours/reference": Spread.of(measured.ratios("ours", "reference")),
        "ours/roofline": Spread.of(measured.ratios("ours", "roofline")),
    }
    for name in ("ours_tf32", "ours_bf16", "eager"):
        if name in rates:
            ratios[f"{name}/ours"] = Spread.of(measured.ratios(name, "ours"))
    result: dict[str, Any] = {
        "preset": preset,
        "network": "-".join(map(str, (784, *config.hidden, config.latent_dim))),
        "batch_size": config.batch_size,
        "device": measured.device,
        "threads": measured.threads,
        "rounds": args.rounds,
        "gflops": float(f"{measured.gflops:.4g}"),
    }
    if args.dashboard:
        settings = [*("--preset", preset), *("--device", args.device), *("--epochs", str(EPOCHS))]
        settings += ["--threads", str(args.threads)]
        headless, watched = watch_in_turn(settings, args.rounds, RUN_SECONDS, report)
        rates |= {
            "headless": Spread.of([w.images_per_second for w in headless]),
            "dashboard": Spread.of([w.images_per_second for w in watched]),
        }
        pairs = zip(watched, headless, strict=True)
        ratios["dashboard/headless"] = Spread.of(
            [w.images_per_second / h.images_per_second for w, h in pairs]
        )
        result["terminal_bytes_per_second"] = _of(watched, "bytes_per_second")
        result["start_seconds"] = _of(watched, "start_seconds")
        result["memory_bytes"] = _of(watched, "memory")
    result["images_per_second"] = {name: s.as_json() for name, s in rates.items()}
    result["ratios"] = {name: s.as_json() for name, s in ratios.items()}
    return result


def _of(watched: Sequence[Watched], name: str) -> dict[str, float]:
    return Spread.of([getattr(w, name) for w in watched]).as_json()


ROWS = (
    ("reference", "PyTorch's VAE example", "", ""),
    ("ours", "our training loop", "ours/reference", "× the example"),
    ("ours_tf32", "the same in tf32", "ours_tf32/ours", "× float32"),
    ("ours_bf16", "the same in bf16", "ours_bf16/ours", "× float32"),
    ("eager", "the same without CUDA graphs", "eager/ours", "× with them"),
    ("products", "matrix products alone", "", ""),
    ("memory", "a step's bytes moved", "", ""),
    ("launch", "one tiny kernel a step", "", ""),
    ("roofline", "what the device allows", "ours/roofline", "is our share"),
    ("headless", "a whole run", "", ""),
    ("dashboard", "the same, with the dashboard", "dashboard/headless", "× without"),
)
"""What is measured, its label, and the ratio shown beside it, with its label."""


def _table(result: dict[str, Any]) -> Table:
    threads = result["threads"]
    title = (
        f"{result['preset']}: {result['network']}, batch {result['batch_size']}, "
        f"{result['device']}, {threads} thread{'s'[: threads != 1]}, "
        f"{result['gflops']:,.0f} GFLOPS"
    )
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    for name in ("images/s", "from", "to"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name, label, ratio, words in ROWS:
        if name in result["images_per_second"]:
            rate = result["images_per_second"][name]
            numbers = [f"{rate[key]:,.0f}" for key in ("median", "low", "high")]
            beside = f"{result['ratios'][ratio]['median']:.2f} {words}" if ratio else ""
            table.add_row(label, *numbers, beside)
    return table


def _cost(result: dict[str, Any]) -> str:
    terminal, start = result["terminal_bytes_per_second"], result["start_seconds"]
    return (
        f"dashboard at {COLUMNS}×{LINES}: {terminal['median'] / 1000:.1f} KB/s to the terminal, "
        f"training {start['median']:.1f} s after the command, "
        f"{result['memory_bytes']['median'] / 1e6:.0f} MB resident"
    )
