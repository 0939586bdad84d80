"""Checkpoints: a trainer's state as bytes, and back. Loaded with `weights_only=True` always."""

import io
from pathlib import Path
from typing import Any

import torch

from engine.config import RunConfig
from engine.runs import FORMAT, RunError, check_format


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
        state = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise RunError(f"{file} is missing: nothing was saved yet") from error
    except Exception as error:  # of foreign bytes, torch and pickle raise nearly anything
        raise RunError(f"{file} is damaged or no checkpoint") from error
    if not isinstance(state, dict) or "model" not in state or "step" not in state:
        raise RunError(f"{file} is no checkpoint of this program")
    check_format(file, state.get("format"))
    return state
