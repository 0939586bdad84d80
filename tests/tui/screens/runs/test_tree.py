"""Branches under the runs that they began with, in the list and beside it."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.parent import Parent
from engine.storage.listing import RunSummary, summarize
from tests.support.made_runs import make_run
from tui.screens.runs import words
from tui.screens.runs.columns import listed_run
from tui.screens.runs.details import details
from tui.screens.runs.order import SORTS
from tui.screens.runs.tree import TREE, as_tree


def summaries(tmp_path: Path, parents: dict[str, str]) -> list[RunSummary]:
    """Runs by name, each with the run that it is a branch of."""
    return [
        replace(
            summarize(make_run(tmp_path, name)),
            parent=Parent(parent, "last", 12, 1.0) if parent else None,
        )
        for name, parent in parents.items()
    ]


def tree(runs: list[RunSummary]) -> list[str]:
    among = words.differences(runs)
    return [row.texts["name"] for row in as_tree([listed_run(run, among) for run in runs])]


def test_branches_follow_their_parents_indented(tmp_path: Path) -> None:
    runs = summaries(tmp_path, {"x": "b", "c": "a", "b": "a", "a": "", "other": ""})
    assert tree(runs) == ["a", "└ b", "  └ x", "└ c", "other"]


def test_a_branch_without_its_parent_stands_for_itself(tmp_path: Path) -> None:
    assert tree(summaries(tmp_path, {"b": "gone", "c": "b"})) == ["b", "└ c"]


@pytest.mark.parametrize(
    "parents", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "b"}]
)
def test_runs_that_name_each_other_are_all_there(tmp_path: Path, parents: dict[str, str]) -> None:
    names = [name.replace("└", "").strip() for name in tree(summaries(tmp_path, parents))]
    assert sorted(names) == sorted(parents)


def test_many_branches_of_branches_are_no_depth_of_calls(tmp_path: Path) -> None:
    [run] = summaries(tmp_path, {"r0": ""})
    runs = [run] + [
        replace(run, name=f"r{n}", parent=Parent(f"r{n - 1}", "last", 1, 1.0))
        for n in range(1, 3000)
    ]
    assert len(tree(runs)) == 3000


def test_the_order_has_its_name() -> None:
    assert TREE in SORTS


def test_details_say_what_a_branch_began_with_and_that_it_was_steered(tmp_path: Path) -> None:
    [run] = summaries(tmp_path, {"b": "a"})
    assert run.parent is not None
    branch = replace(run, parent=replace(run.parent, state="early", epoch=2.5), steered=2)
    assert "branch of a (early) at epoch 2.50 · steered: 2 changes" in details(branch).plain
    assert "branch" not in details(replace(run, parent=None)).plain
