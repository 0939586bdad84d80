"""`Parent`: what a run began with that is a branch of another."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parent:
    """The run that another one was branched from."""

    run: str
    """Its name."""
    state: str
    """What it began with: 'last', 'best', or the name of a kept state."""
    step: int
    """Of that state."""
    epoch: float
