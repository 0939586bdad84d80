"""A run's files with bits flipped, ends cut off and odd values put in, some hundred times over."""

import json
import os
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.errors import RunError
from engine.runs.attached_run import AttachedRun
from engine.storage.listing import RunState
from engine.storage.run_index import list_runs
from tests.support.made_runs import make_run
from tui.cli.runs import as_json
from tui.screens.runs import words
from tui.screens.runs.columns import listed_run
from tui.screens.runs.details import details
from tui.screens.runs.order import SORTS

OLD = Path(__file__).parents[2] / "support" / "old_runs" / "vae"
FILES = ("config.json", "status.json", "metrics.csv", "kl.csv", "steps.csv", "frames/000000001.npz")
CASES_OF_A_FILE = 60
NUMBERS = ["1e308", "-1e308", "1e999", "nan", "inf", "-1", "", "x", "27.0", "9" * 400, "9" * 5000]
NUMBERS += ["0x10", "١", "1_0", "true", '"1"', "\x1b[2J", "\udcff"]
VALUES: list[Any] = [None, True, -1, 1e308, 10**400, "", "x", "\x1b]0;x\x07", [], {}, [[[]]], 2.5]
VALUES += [float("nan"), float("inf"), "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]


def flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 5, 50))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def double(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    return content[:start] + content[rng.randrange(len(content)) :]


def other_number(content: bytes, rng: random.Random) -> bytes:
    text = content.decode("utf-8", "surrogateescape")
    numbers = list(re.finditer(r"-?\d[\d.e+-]*", text))
    if not numbers:
        return b""
    found = rng.choice(numbers)
    text = text[: found.start()] + rng.choice(NUMBERS) + text[found.end() :]
    return text.encode("utf-8", "surrogateescape")


def other_value(content: bytes, rng: random.Random) -> bytes:
    """Of JSON; of another file, nothing sensible."""
    try:
        values = json.loads(content)
    except ValueError:
        return double(content, rng)
    places: list[tuple[Any, Any]] = []
    level = [values]
    while level:
        inner = level.pop()
        keys = inner.keys() if isinstance(inner, dict) else range(len(inner))
        places += [(inner, key) for key in keys]
        level += [inner[key] for key in keys if isinstance(inner[key], dict | list)]
    holder, key = rng.choice(places)
    holder[key] = rng.choice(VALUES)
    return json.dumps(values).encode()


CHANGES = (flip, cut, double, other_number, other_value)


def look_everywhere(checkpoints: Path) -> None:
    """As the commands and the screens that show stored runs do."""
    runs = list_runs(checkpoints)
    assert {run.name for run in runs} == {"damaged", "whole"}
    among = words.differences(runs)
    for run in runs:
        shown = [*listed_run(run, among).texts.values(), *details(run).plain.splitlines()]
        assert all(text.isprintable() for text in shown), shown
        json.dumps(as_json(run))
    for order in SORTS.values():
        sorted(runs, key=order)
    (whole,) = [run for run in runs if run.name == "whole"]
    assert (whole.state, whole.problem) == (RunState.DIED, "")
    try:
        attached = AttachedRun(checkpoints / "damaged")
    except RunError:  # a sentence, which the list has, too
        return
    attached._look()
    f"{attached.snapshot.epoch:.2f} {attached.snapshot.step:,} {attached.snapshot.elapsed:.1f}"
    assert attached.history.evaluations() is not None
    assert attached.frames is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_no_damage_of_a_file_ends_a_list_or_an_attached_run(name: str, tmp_path: Path) -> None:
    shutil.copytree(OLD, tmp_path / "damaged", ignore=shutil.ignore_patterns("*.pt"))
    make_run(tmp_path, "whole", {1: 250.0})
    file = tmp_path / "damaged" / name
    content = file.read_bytes()
    for seed in range(CASES_OF_A_FILE):
        rng = random.Random(f"{name} {seed}")
        change = CHANGES[seed % len(CHANGES)]
        file.write_bytes(change(content, rng))
        try:
            look_everywhere(tmp_path)
        except BaseException as error:
            error.add_note(f"{name}, seed {seed}, {change.__name__}: {file.read_bytes()[:2000]!r}")
            raise


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["pipe", "directory", "device", "empty", "huge", "circle", "deep"])
def test_another_kind_of_file_in_its_place_costs_itself_alone(
    name: str, kind: str, tmp_path: Path
) -> None:
    shutil.copytree(OLD, tmp_path / "damaged", ignore=shutil.ignore_patterns("*.pt"))
    make_run(tmp_path, "whole", {1: 250.0})
    file = tmp_path / "damaged" / name
    file.unlink()
    match kind:
        case "pipe":
            os.mkfifo(file)
        case "directory":
            file.mkdir()
        case "device":
            file.symlink_to("/dev/zero")
        case "empty":
            file.touch()
        case "huge":
            with file.open("wb") as stream:
                stream.truncate(1 << 40)
        case "circle":
            file.symlink_to(file.name)
        case "deep":
            file.write_text("[" * 100_000 + "]" * 100_000)
    if kind == "circle" and name == "config.json":
        return  # no run then
    look_everywhere(tmp_path)
