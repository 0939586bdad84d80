"""What a container or a batch system allows this process: memory and processors of its cgroups.

`/proc/meminfo` and the count of cores are the machine's: a job of 4 GB on a node of 512 GB sees
512. Both versions of cgroups, nested ones, and mounts of a part of the hierarchy (as Docker makes
them); what is missing, unreadable or odd limits nothing. See cgroups(7), and the kernel's
Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class Limits:
    """Of all groups that the process is in; None where there is no limit."""

    memory: int | None = None
    """Bytes."""
    free_memory: int | None = None
    """Bytes that are left of it; caches that the kernel can drop count as free."""
    processors: float | None = None
    """Processors' worth of time: 1.5 is a quota of 150 ms in every 100 ms."""


def container_limits(root: Path = _ROOT) -> Limits:
    """The limits as they are now.

    Args:
        root: where `proc` and the mounts are found; another one in tests.
    """
    memory: list[int] = []
    free: list[int] = []
    processors: list[float] = []
    for group in _groups(root, "memory"):
        limit = _memory_limit(group)
        if limit is not None:
            memory.append(limit)
            free.append(max(0, limit - _memory_taken(group)))
    for group in _groups(root, "cpu"):
        quota = _quota(group)
        if quota is not None:
            processors.append(quota)
    return Limits(min(memory, default=None), min(free, default=None), min(processors, default=None))


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The directories of the groups that limit this process, the innermost first."""
    memberships: dict[str, str] = {}
    for line in _lines(root / "proc/self/cgroup"):
        _, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if colon:
            # Version 2 is the line without controllers.
            memberships.update((name, path) for name in controllers.split(","))
    for line in _lines(root / "proc/self/mountinfo"):
        fields, _, described = line.partition(" - ")
        columns, (kind, *about) = fields.split(" "), described.split(" ") or [""]
        if len(columns) < 5 or kind not in ("cgroup", "cgroup2"):
            continue
        name = "" if kind == "cgroup2" else controller
        if kind == "cgroup" and controller not in ",".join(about).split(","):
            continue
        if name in memberships:
            mounted, mount_point = _unescaped(columns[3]), _unescaped(columns[4])
            yield from _up_from(memberships[name], mounted, root / mount_point.lstrip("/"))


def _up_from(path: str, mounted: str, mount_point: Path) -> Iterator[Path]:
    """A group's directory and those above it, as far as they are mounted.

    Args:
        path: the group's, from the root of its hierarchy or of the process's namespace.
        mounted: the part of the hierarchy that lies at the mount point.
    """
    parts = [part for part in path.split("/") if part]
    above = [part for part in mounted.split("/") if part]
    # A group outside of what is mounted can't be seen: what is mounted is then the container's.
    inside = parts[len(above) :] if parts[: len(above)] == above and ".." not in parts else []
    for depth in range(len(inside), -1, -1):
        yield mount_point.joinpath(*inside[:depth])


def _memory_limit(group: Path) -> int | None:
    for name in ("memory.max", "memory.limit_in_bytes"):
        limit = _number(group / name)
        # Without a limit version 2 says 'max', and version 1 a number of some exabytes.
        if limit is not None and 0 < limit < 1 << 60:
            return int(limit)
    return None


def _memory_taken(group: Path) -> int:
    taken = _number(group / "memory.current") or _number(group / "memory.usage_in_bytes") or 0.0
    statistics = dict(line.split(" ", 1) for line in _lines(group / "memory.stat") if " " in line)
    # Of the group and those in it, which version 1 calls total.
    for name in ("total_inactive_file", "inactive_file"):
        if name in statistics:
            return int(max(0.0, taken - (_parsed(statistics[name]) or 0.0)))
    return int(taken)


def _quota(group: Path) -> float | None:
    quota, period = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
    for line in _lines(group / "cpu.max")[:1]:
        first, _, second = line.partition(" ")
        quota, period = _parsed(first), _parsed(second)
    if quota is None or period is None or quota <= 0 or period <= 0:
        return None
    return quota / period


def _number(file: Path) -> float | None:
    lines = _lines(file)
    return _parsed(lines[0]) if lines else None


def _parsed(text: str) -> float | None:
    """A whole number; None for 'max' and what is none."""
    digits = text.strip()
    return float(digits) if re.fullmatch(r"-?\d{1,25}", digits, re.ASCII) else None


def _lines(file: Path) -> list[str]:
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            return stream.read(1 << 20).splitlines()
    except (OSError, ValueError):
        return []


def _unescaped(text: str) -> str:
    r"""A path of mountinfo, where a space is '\040'."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def whole_processors(limits: Limits) -> int | None:
    """How many threads can run at once for long; at least one."""
    if limits.processors is None:
        return None
    return max(1, math.floor(limits.processors + 1e-9))
