"""Which process it is that writes a run, so that another one with its number isn't taken for it.

A process id says little: containers of one machine give the same ones, and a restarted machine
begins again. With the boot, the id's namespace and the time of the process's start it is unique.
"""

import os
import secrets
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that trains a run.

    Two are equal if process id and host are; the rest is empty in files of older versions.
    """

    pid: int
    host: str
    machine: str = ""
    """The boot of its machine and the namespace of its id; empty where it isn't known."""
    started: float = 0.0
    """When the process was created, in seconds since the epoch; 0 where it isn't known."""
    job: str = ""
    """Its SLURM job; empty outside of one."""
    restart: int = 0
    """How often that job had been requeued."""
    token: str = ""
    """Of this very taking of the lock, and no other."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Owner):
            return NotImplemented
        return (self.pid, self.host) == (other.pid, other.host)

    def __hash__(self) -> int:
        return hash((self.pid, self.host))

    @classmethod
    def this_process(cls) -> "Owner":
        """Ours, with a new token."""
        job, restart = slurm_job()
        return cls(
            os.getpid(),
            socket.gethostname(),
            this_machine(),
            psutil.Process().create_time(),
            job,
            restart,
            secrets.token_hex(8),
        )

    @classmethod
    def from_json(cls, content: object) -> "Owner":
        """As a lock's file has it.

        Raises:
            ValueError, KeyError, TypeError, OverflowError: if it isn't one.
        """
        if not isinstance(content, dict):
            raise ValueError("a process is described by fields")
        return cls(
            int(content["pid"]),
            str(content["host"]),
            str(content.get("machine", "")),
            float(content.get("started", 0.0)),
            str(content.get("job", "")),
            int(content.get("restart", 0)),
            str(content.get("token", "")),
        )

    @property
    def is_of_this_machine(self) -> bool:
        """Whether its process id can be looked up from here."""
        mine = this_machine()
        if self.machine and mine:
            return self.machine == mine  # whatever the host is called now
        return self.host == socket.gethostname()

    @property
    def was_requeued(self) -> bool:
        """Whether its SLURM job was started again since, as ours: its processes are gone then."""
        job, restart = slurm_job()
        return bool(job) and self.job == job and self.restart < restart

    def runs_here(self) -> bool:
        """Whether this machine has that very process."""
        try:
            process = psutil.Process(self.pid)
            if self.started and abs(process.create_time() - self.started) > CLOCK_TOLERANCE:
                return False  # the id was given away again
            return bool(process.status() != psutil.STATUS_ZOMBIE)
        except (psutil.NoSuchProcess, ValueError, OverflowError):
            return False
        except psutil.Error:
            return True  # another user's, perhaps


CLOCK_TOLERANCE = 30.0
"""Seconds by which a process's time of start may move, as the system's clock is set."""


@cache
def this_machine() -> str:
    """The current boot of this machine, and the namespace of our process ids; empty if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115  no path
    except (OSError, ValueError):
        return ""


def slurm_job() -> tuple[str, int]:
    """The SLURM job of this process, and how often it was requeued; ("", 0) outside of one."""
    restart = os.environ.get("SLURM_RESTART_COUNT", "")
    return os.environ.get("SLURM_JOB_ID", ""), int(restart) if restart.isdecimal() else 0
