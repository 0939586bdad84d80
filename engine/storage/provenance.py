"""`Provenance`: what a reader must know of a run beside its settings; the rest of config.json.

Reading takes what is there: a run of an older version, or a foreign one, lacks some of it.
"""

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from engine.config import MAX_EPOCHS, MAX_THREADS
from engine.errors import RunError
from engine.parent import Parent
from engine.storage.file_reading import MOST_COUNTED

Versions = tuple[tuple[str, str], ...]
"""Software and its version."""
_MOST_LETTERS = 4096
"""Of a text: as many as a path may have."""


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """What trained a run."""

    name: str = ""
    """As torch names it: 'cpu', 'cuda:0'."""
    label: str = ""
    """The processor's own name."""
    threads: int | None = None
    """CPU threads."""

    def to_json(self) -> dict[str, Any]:
        """What is known, as config.json holds it."""
        return _known(name=self.name, label=self.label, threads=self.threads)


@dataclass(frozen=True, slots=True)
class DataRecord:
    """The data set that a run was trained on."""

    source: str = ""
    """Where it was read from, for a person."""
    fingerprint: str = ""
    """`data.fashion_mnist.content_fingerprint`; empty if the run doesn't say."""

    def to_json(self) -> dict[str, Any]:
        """What is known, as config.json holds it."""
        return _known(source=self.source, fingerprint=self.fingerprint)


@dataclass(frozen=True, slots=True)
class Resumption:
    """One time that training was resumed."""

    at: str
    """ISO 8601, in UTC."""
    step: int
    """Where it began again."""
    device: DeviceRecord
    versions: Versions

    def to_json(self) -> dict[str, Any]:
        """An entry of config.json's `resumed`."""
        return {
            "at": self.at,
            "step": self.step,
            "device": self.device.to_json(),
            "versions": dict(self.versions),
        }


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a run comes from; empty where it doesn't say."""

    created: str = ""
    """ISO 8601, in UTC."""
    device: DeviceRecord = DeviceRecord()
    """That began the run."""
    versions: Versions = ()
    data: DataRecord = DataRecord()
    resumed: tuple[Resumption, ...] = ()
    """Oldest first."""
    parent: Parent | None = None
    """None for a run that began untrained."""
    steered: int = 0
    """How often a setting was changed while it was trained (`engine.storage.steering_csv`)."""

    @classmethod
    def of_this_process(cls, device: DeviceRecord, data: DataRecord) -> "Provenance":
        """Of a run that begins now and here."""
        import torch

        return cls(
            created=_now(),
            device=device,
            versions=(
                ("fmnist-vae-tui", metadata.version("fmnist-vae-tui")),
                ("python", platform.python_version()),
                ("torch", torch.__version__),
                ("numpy", metadata.version("numpy")),
            ),
            data=data,
        )

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Provenance":
        """From config.json's content, whatever that holds."""
        data = _mapping(content.get("data"))
        resumed = content.get("resumed")
        return cls(
            created=_text(content.get("created")),
            device=_device(content.get("device")),
            versions=_versions(content.get("versions")),
            data=DataRecord(_text(data.get("source")), _text(data.get("fingerprint"))),
            resumed=tuple(map(_resumption, resumed)) if isinstance(resumed, list) else (),
            parent=_parent(content.get("parent")),
            steered=_count(content.get("steered")),
        )

    def to_json(self) -> dict[str, Any]:
        """What is known, as a new run's config.json holds it."""
        return _known(
            created=self.created,
            device=self.device.to_json(),
            versions=dict(self.versions),
            data=self.data.to_json(),
            parent=asdict(self.parent) if self.parent else None,
        )

    def resumption_at(self, step: int) -> Resumption:
        """The process that this is of, as one that resumes a run now."""
        return Resumption(_now(), step, self.device, self.versions)

    @property
    def threads(self) -> int | None:
        """The CPU threads that trained the run; None if it doesn't say, or what can't be."""
        threads = self.device.threads
        return threads if threads is not None and 1 <= threads <= MAX_THREADS else None

    def check_data(self, run: str, data: DataRecord) -> None:
        """See that a data set is the one that the run was trained on, by its content.

        Args:
            run: its name.
            data: what there is.

        Raises:
            RunError: if it is another one, or the run doesn't say which it was.
        """
        if self.data.fingerprint != data.fingerprint:
            raise RunError(
                f"{data.source} is not the data that run {run} was trained on "
                "(its fingerprint differs)"
            )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _known(**values: object) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in ("", None, {})}


def _resumption(content: object) -> Resumption:
    entry = _mapping(content)
    return Resumption(
        at=_text(entry.get("at")),
        step=_count(entry.get("step")),
        device=_device(entry.get("device")),
        versions=_versions(entry.get("versions")),
    )


def _parent(content: object) -> Parent | None:
    entry = _mapping(content)
    run, epoch = _text(entry.get("run")), entry.get("epoch")
    if not run or not isinstance(epoch, int | float) or not 0 <= epoch <= MAX_EPOCHS:
        return None
    return Parent(run, _text(entry.get("state")), _count(entry.get("step")), float(epoch))


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value <= MOST_COUNTED else 0


def _device(content: object) -> DeviceRecord:
    device = _mapping(content)
    threads = device.get("threads")
    return DeviceRecord(
        name=_text(device.get("name")),
        label=_text(device.get("label")),
        threads=threads if isinstance(threads, int) and 0 <= threads <= MOST_COUNTED else None,
    )


def _versions(content: object) -> Versions:
    return tuple((_text(name), _text(version)) for name, version in _mapping(content).items())


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value[:_MOST_LETTERS] if isinstance(value, str) else ""
