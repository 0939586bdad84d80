"""Cgroups of both versions, as the kernel shows them, in a made-up root."""

from pathlib import Path

import pytest

from engine.model.container_limits import Limits, container_limits, whole_processors

V1_NONE = 9223372036854771712
GIB = 1 << 30


def write(root: Path, files: dict[str, object]) -> None:
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{content}\n")


def version_2(root: Path, path: str = "/", mounted: str = "/") -> Path:
    write(
        root,
        {
            "proc/self/cgroup": f"0::{path}",
            "proc/self/mountinfo": (
                "24 30 0:22 / /proc rw,nosuid - proc proc rw\n"
                f"31 24 0:27 {mounted} /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw"
            ),
        },
    )
    return root / "sys/fs/cgroup"


def version_1(root: Path, path: str, mounted: str = "/") -> Path:
    write(
        root,
        {
            "proc/self/cgroup": f"9:name=systemd:/\n4:memory:{path}\n2:cpu,cpuacct:{path}\n0::/",
            "proc/self/mountinfo": (
                f"40 24 0:30 {mounted} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                f"41 24 0:31 {mounted} /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
                "42 24 0:32 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd"
            ),
        },
    )
    return root / "sys/fs/cgroup"


def test_a_machine_without_cgroups_limits_nothing(tmp_path: Path) -> None:
    assert container_limits(tmp_path) == Limits(None, None, None)


def test_groups_without_limits_limit_nothing(tmp_path: Path) -> None:
    group = version_2(tmp_path)
    write(group, {"memory.max": "max", "cpu.max": "max 100000"})
    assert container_limits(tmp_path) == Limits()
    other = tmp_path / "other"
    group = version_1(other, "/")
    write(
        group,
        {
            "memory/memory.limit_in_bytes": V1_NONE,
            "cpu/cpu.cfs_quota_us": -1,
            "cpu/cpu.cfs_period_us": 100000,
        },
    )
    assert container_limits(other) == Limits()


def test_a_container_of_version_2(tmp_path: Path) -> None:
    group = version_2(tmp_path)
    write(
        group,
        {
            "memory.max": 4 * GIB,
            "memory.current": 3 * GIB,
            "memory.stat": f"anon {GIB}\nfile {2 * GIB}\ninactive_file {GIB}",
            "cpu.max": "150000 100000",
        },
    )
    assert container_limits(tmp_path) == Limits(4 * GIB, 2 * GIB, 1.5)


def test_a_container_of_version_1(tmp_path: Path) -> None:
    group = version_1(tmp_path, "/")
    write(
        group,
        {
            "memory/memory.limit_in_bytes": 4 * GIB,
            "memory/memory.usage_in_bytes": 3 * GIB,
            "memory/memory.stat": f"inactive_file 5\ntotal_inactive_file {GIB}",
            "cpu/cpu.cfs_quota_us": 250000,
            "cpu/cpu.cfs_period_us": 100000,
        },
    )
    assert container_limits(tmp_path) == Limits(4 * GIB, 2 * GIB, 2.5)


@pytest.mark.parametrize("outer_is_smaller", [True, False])
def test_of_nested_groups_the_tightest_counts(outer_is_smaller: bool, tmp_path: Path) -> None:
    group = version_2(tmp_path, "/system.slice/job/step")
    outer, inner = (2, 8) if outer_is_smaller else (8, 2)
    write(
        group,
        {
            "system.slice/memory.max": outer * GIB,
            "system.slice/cpu.max": "400000 100000",
            "system.slice/job/memory.max": inner * GIB,
            "system.slice/job/step/memory.max": "max",
            "system.slice/job/step/cpu.max": "300000 100000",
            "elsewhere/memory.max": 5,
        },
    )
    assert container_limits(tmp_path) == Limits(2 * GIB, 2 * GIB, 3.0)


def test_what_is_free_is_that_of_the_group_with_least_left(tmp_path: Path) -> None:
    group = version_2(tmp_path, "/a/b")
    write(
        group,
        {
            "a/memory.max": 8 * GIB,
            "a/memory.current": 7 * GIB,
            "a/b/memory.max": 4 * GIB,
            "a/b/memory.current": GIB,
        },
    )
    assert container_limits(tmp_path) == Limits(4 * GIB, GIB)


@pytest.mark.parametrize(
    ("path", "mounted"),
    [
        ("/docker/abc", "/docker/abc"),  # of the host's hierarchy its own part, as Docker mounts it
        ("/", "/../.."),
        ("/../../kubepods/pod1", "/"),
        ("/user.slice", "/docker/abc"),  # entered from outside
    ],
)
def test_a_mounted_part_of_the_hierarchy_is_the_containers_own(
    path: str, mounted: str, tmp_path: Path
) -> None:
    group = version_1(tmp_path, path, mounted)
    write(group, {"memory/memory.limit_in_bytes": GIB})
    assert container_limits(tmp_path).memory == GIB


def test_below_a_mounted_part_the_inner_group_counts_too(tmp_path: Path) -> None:
    group = version_1(tmp_path, "/docker/abc/job", "/docker/abc")
    write(
        group,
        {"memory/memory.limit_in_bytes": 4 * GIB, "memory/job/memory.limit_in_bytes": GIB},
    )
    assert container_limits(tmp_path).memory == GIB


def test_a_mount_point_with_a_space_is_found(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/",
            "proc/self/mountinfo": "31 24 0:27 / /my\\040groups rw - cgroup2 none rw",
            "my groups/memory.max": GIB,
        },
    )
    assert container_limits(tmp_path).memory == GIB


@pytest.mark.parametrize("odd", ["", "many", "-5", "0", "9" * 40, "0x10", "1e9"])
def test_an_odd_number_limits_nothing(odd: str, tmp_path: Path) -> None:
    group = version_2(tmp_path)
    write(group, {"memory.max": odd, "memory.current": odd, "cpu.max": f"{odd} {odd}"})
    assert container_limits(tmp_path) == Limits()


@pytest.mark.parametrize("odd", ["", "0", "x:y", "31 24 - cgroup2", " - ", "-", "a - b"])
def test_odd_lines_of_the_kernel_limit_nothing(odd: str, tmp_path: Path) -> None:
    group = version_2(tmp_path)
    write(group, {"memory.max": GIB})
    for file in ("proc/self/cgroup", "proc/self/mountinfo"):
        kept = (tmp_path / file).read_text()
        (tmp_path / file).write_text(odd)
        assert container_limits(tmp_path) == Limits()
        (tmp_path / file).write_text(f"{odd}\n{kept}")
        assert container_limits(tmp_path).memory == GIB
        (tmp_path / file).write_text(kept)


def test_files_that_cannot_be_read_limit_nothing(tmp_path: Path) -> None:
    group = version_2(tmp_path)
    (group / "memory.max").mkdir(parents=True)  # root could read what nobody else may
    assert container_limits(tmp_path) == Limits()


@pytest.mark.parametrize(
    ("quota", "whole"), [(None, None), (0.25, 1), (1.0, 1), (1.9, 1), (2.0, 2), (7.999, 7)]
)
def test_a_quota_is_whole_processors_and_at_least_one(
    quota: float | None, whole: int | None
) -> None:
    assert whole_processors(Limits(processors=quota)) == whole
