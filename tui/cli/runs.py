"""`runs`: the stored runs as a table, for people, or for programs.

In a terminal the columns that don't fit are left out. Into a pipe go all of them, whole and
separated by tabs, under a line with their names. `--json` prints one array, the newest run first,
of objects with these fields; a number that there is not is null, and so is NaN:

    name, path          the directory's name, and where it lies
    state               running, paused, finished, stopped, failed, died or unreadable
    problem             why it failed or can't be read; "" if there is nothing to say
    config              all settings, as in config.json; null if unreadable
    epoch, epochs       trained so far, with fractions; asked for
    score               what `last` and `best` are: "neg_elbo", or an autoencoder's "recon"
    last, best          nats per image, of the last and the best evaluation
    best_epoch          when that was
    seconds             time spent training
    created, modified   ISO 8601, in UTC: when it began, when it was last written
    size                bytes of its files
    diagnosis           of the newest one: epoch, mutual_information and its upper bound,
                        total_correlation, dimension_kl, gap (validation less training, above the
                        pixels' entropy), above_floor (`last` less that of the validation images);
                        null if there is none
    owner               {pid, host} of the process that trains it; null if none does
    parent              {run, state, step, epoch} that a branch began with; null for other runs
    steered             how often a setting was changed while it was trained
    alerts              the rules that raised alerts: collapse, kl_vanishing, overfitting,
                        instability, plateau, diverging, far_from_prior
"""

import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, JustifyMethod, OverflowMethod
from rich.table import Table
from rich.text import Text

from engine.metrics import json_number
from engine.storage.diagnosis_csv import last_diagnosis
from engine.storage.listing import RunSummary
from engine.storage.run_index import list_runs
from engine.text import UNKNOWN, one_line
from tui.cli.arguments import RunsArgs
from tui.screens.runs import words
from tui.screens.runs.columns import (
    COLUMNS,
    RIGHT,
    cell_lengths,
    gap_for,
    natural_widths,
    texts,
    widths,
)


def run_listing(args: RunsArgs) -> int:
    """Print the runs; the exit code."""
    runs = list_runs(args.checkpoints)
    if args.json:
        print(json.dumps([as_json(run) for run in runs], indent=2))
    if not runs:
        where = one_line(str(args.checkpoints))
        print(f"there are no runs in {where}/", file=sys.stderr)
    elif sys.stdout.isatty() and not args.json:
        _print_table(Console(highlight=False), runs)
    elif not args.json:
        lines = [[text or "–" for text in row.values()] for row in _whole_rows(runs)]
        print("\n".join(map("\t".join, [COLUMNS, *lines])))
    return 0


def as_json(run: RunSummary) -> dict[str, Any]:
    """A run as `--json` prints it."""
    config = run.config
    return {
        "name": run.name,
        "path": str(run.path),
        "state": run.state.value,
        "problem": run.problem,
        "config": config.to_dict() if config else None,
        "epoch": run.epoch,
        "epochs": run.epochs if config else None,
        "score": ("neg_elbo" if config.model == "vae" else "recon") if config else None,
        "last": None if run.last is None else json_number(run.last),
        "best": run.best,
        "best_epoch": run.best_epoch,
        "seconds": run.seconds,
        "created": _utc(run.created) if run.created else None,
        "modified": _utc(run.modified),
        "size": run.size,
        "diagnosis": _diagnosis(run),
        "owner": {"pid": run.owner.pid, "host": run.owner.host} if run.owner else None,
        "parent": asdict(run.parent) if run.parent else None,
        "steered": run.steered,
        "alerts": list(run.alerts),
    }


def _diagnosis(run: RunSummary) -> dict[str, float | None] | None:
    diagnosis = None if run.config is None else last_diagnosis(run.path, run.config)
    if diagnosis is None:
        return None
    surgery = diagnosis.surgery
    last = math.nan if run.last is None else run.last
    values = {
        "epoch": diagnosis.epoch,
        "mutual_information": surgery.mutual_information if surgery else math.nan,
        "mutual_information_upper": surgery.mutual_information_upper if surgery else math.nan,
        "total_correlation": surgery.total_correlation if surgery else math.nan,
        "dimension_kl": surgery.dimension_kl if surgery else math.nan,
        "gap": diagnosis.gap,
        "above_floor": last - diagnosis.floor,
    }
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")


def _whole_rows(runs: Sequence[RunSummary]) -> Iterator[dict[str, str]]:
    """For programs: every setting that differs, and numbers that can be read as such."""
    among = words.differences(runs)
    for run in runs:
        row = texts(run, among)
        row |= {"best": _whole(run, run.best), "last": _whole(run, run.last)}
        yield row | {"state": run.state.value, "settings": words.settings(run, among.names)}


def _whole(run: RunSummary, value: float | None) -> str:
    """A score with all its digits, however large, for a program to read."""
    shown = words.score(run, value)
    if value is None or shown == UNKNOWN:
        return shown
    return f"{value:.2f}{words.RECONSTRUCTION if shown.endswith(words.RECONSTRUCTION) else ''}"


def _print_table(console: Console, runs: Sequence[RunSummary]) -> None:
    among = words.differences(runs)
    rows = [texts(run, among) for run in runs]
    lengths = map(cell_lengths, rows)
    shown = widths(natural_widths(lengths, {name: name for name in COLUMNS}), console.width)
    table = Table(box=None, pad_edge=False, padding=(0, gap_for(console.width), 0, 0))
    for column, width in shown.items():
        side: JustifyMethod = "right" if column in RIGHT else "left"
        # A name is there to be copied: one that is too long goes on in the next line.
        whole = column == "name"
        overflow: OverflowMethod = "fold" if whole else "ellipsis"
        table.add_column(column, width=width, justify=side, overflow=overflow, no_wrap=not whole)
    for run, row in zip(runs, rows, strict=True):
        cells = {name: Text(row[name]) for name in shown} | {"state": words.state(run)}
        table.add_row(*cells.values())
    console.print(table)
    if any(words.model(run) == "ae" for run in runs):
        console.print(f"{words.RECONSTRUCTION} reconstruction; the others' is −ELBO")
    for run in runs:
        if run.problem:
            name, problem = map(one_line, (run.name, run.problem))
            console.print(Text(f"{name}: {problem}"), soft_wrap=True)
