"""What the benchmarks of the dashboard print: figures of several rounds, beside their goals."""

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured, several times."""

    name: str
    unit: str
    goal: float | None
    """The most it may be; None if nobody has said."""
    values: Sequence[float]
    cpu: Sequence[float] = ()
    """The CPU time of each, where that was measured: it sees less of other processes."""

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    @property
    def row(self) -> list[str]:
        """Median, the two ends, the CPU's median, the goal."""
        numbers = [self.median, min(self.values), max(self.values)]
        cpu = _short(statistics.median(self.cpu)) if self.cpu else ""
        goal = "" if self.goal is None else f"{self.goal:g}"
        verdict = "" if self.goal is None or self.median <= self.goal else "missed"
        return [self.name, self.unit, *map(_short, numbers), cpu, goal, verdict]


def _short(number: float) -> str:
    return f"{number:,.2f}" if number < 10 else f"{number:,.1f}"


def report(title: str, figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print a table, or one line of JSON."""
    if as_json:
        print(json.dumps([asdict(f) | {"median": f.median} for f in figures], ensure_ascii=False))
        return
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("unit")
    for name in ("median", "from", "to", "CPU", "goal"):
        table.add_column(name, justify="right")
    table.add_column("")
    for figure in figures:
        table.add_row(*figure.row)
    Console().print(table)


def main(title: str, rounds: int, measure: Callable[[int, Tell], Sequence[Figure]]) -> None:
    """The command line of a benchmark.

    Args:
        rounds: how many unless it is said.
        measure: takes the number of rounds, and what tells a person what is being done.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with Console(stderr=True).status("") as status:
        figures = measure(arguments.rounds, status.update)
    report(title, figures, as_json=arguments.json)
