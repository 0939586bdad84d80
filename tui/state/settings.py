"""The settings of a run as a person is asked for them, by the command line and by the form."""

from dataclasses import fields
from functools import cache
from typing import Any

from docstring_parser import parse_from_object

from engine.config import TrainingPlan


@cache
def setting_help(settings: type) -> dict[str, str]:
    """Each field's docstring in one line, those of the classes above it included."""
    found: dict[str, str] = {}
    for cls in reversed(settings.__mro__[:-1]):
        params = parse_from_object(cls).params
        found |= {p.arg_name: " ".join((p.description or "").split()) for p in params}
    return found


def settings_of(plan: TrainingPlan) -> dict[str, Any]:
    """The settings of a plan, or of a run's config, by name, in the order they are asked for."""
    return {field.name: getattr(plan, field.name) for field in fields(TrainingPlan)}
