"""Checkpoints: a trainer's state as bytes, and back. Loaded with `weights_only=True` always."""

import contextlib
import io
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, Literal

import torch

from engine.config import RunConfig
from engine.errors import NewerFormatError, RunError
from engine.storage.config_json import check_format
from engine.storage.file_reading import MOST_COUNTED, cause, open_regular

FORMAT = 2
"""Version of the file; readers refuse a newer one. 1 had sums since step 0."""
Which = Literal["last", "best"]
"""The latest weights, or those of the best evaluation."""


def to_bytes(config: RunConfig, state: dict[str, Any]) -> bytes:
    """A checkpoint file's content: the settings beside the state, so that it stands alone."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "config": config.to_dict(), **state}, buffer)
    return buffer.getvalue()


def read(file: Path) -> dict[str, Any]:
    """The state in a checkpoint file, on the CPU.

    Raises:
        RunError: naming the file, if it is missing, damaged or no checkpoint of ours.
    """
    try:
        with open_regular(file) as stream:
            return read_stream(stream, file)
    except FileNotFoundError as error:
        raise RunError(f"{file} is missing: nothing was saved yet") from error
    except OSError as error:
        raise RunError(f"{file} can't be read: {cause(error)}") from error


def read_stream(stream: BinaryIO, origin: Path) -> dict[str, Any]:
    """The same from an open file, or from memory.

    Args:
        origin: where it is from, for the errors.

    Raises:
        RunError: naming the origin, if this is damaged or no checkpoint of ours.
    """
    try:
        _check_unpacked(stream)
        state = torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # of foreign bytes, torch and pickle raise nearly anything
        raise RunError(f"{origin} is damaged or no checkpoint") from error
    if not isinstance(state, dict) or "model" not in state or not _is_step(state.get("step")):
        raise RunError(f"{origin} is no checkpoint of this program")
    check_format(origin, state.get("format"), FORMAT)
    return state


def _is_step(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_COUNTED


def _check_unpacked(stream: BinaryIO) -> None:
    """Refuse an archive that unpacks to much more than it is: torch packs nothing."""
    packed = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    with zipfile.ZipFile(stream) as archive:
        if sum(member.file_size for member in archive.infolist()) > 2 * packed + (1 << 20):
            raise ValueError("it unpacks to more than a checkpoint")
    stream.seek(0)


def read_either(path: Path, first: Which) -> tuple[dict[str, Any], Path, str]:
    """The state in one of a run's two checkpoints, whichever can be read.

    Args:
        path: the run's directory.
        first: the one that is wanted.

    Returns:
        The state, its file, and what is wrong with the wanted file; empty if nothing is.

    Raises:
        RunError: if none can be read, saying of both what is wrong.
    """
    file = path / f"{first}.pt"
    try:
        return read(file), file, ""
    except RunError as problem:
        return _read_other(path / f"{'best' if first == 'last' else 'last'}.pt", problem)


def _read_other(file: Path, problem: RunError) -> tuple[dict[str, Any], Path, str]:
    try:
        return read(file), file, str(problem)
    except RunError as error:
        if not file.exists():
            raise problem from None
        raise RunError(f"{problem}; {error}") from None


def read_newest(path: Path) -> tuple[dict[str, Any], Path, str]:
    """The state that a run is resumed from, as `read_either` returns it.

    It is last.pt's, but for a process that was killed between its writes of best.pt and last.pt.

    Raises:
        NewerFormatError: if last.pt is a newer version's: resuming from best.pt would cost what
            was trained since.
        RunError: if none can be read, saying of both what is wrong.
    """
    file, other = path / "last.pt", path / "best.pt"
    try:
        state = read(file)
    except NewerFormatError:
        raise
    except RunError as problem:
        return _read_other(other, problem)
    with contextlib.suppress(RunError, TypeError):
        best = read(other)
        if best["step"] > state["step"]:
            return best, other, ""
    return state, file, ""


def copied(state: Any, device: torch.device | None = None) -> Any:
    """A state (nested mappings and sequences of tensors) that no later step changes.

    Args:
        device: where the copies are to be; None for where the tensors are.
    """
    if isinstance(state, torch.Tensor):
        return state.detach().to(device or state.device, copy=True)
    if isinstance(state, dict):
        return {key: copied(item, device) for key, item in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(copied(item, device) for item in state)
    return state
