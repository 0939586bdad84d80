"""The settings of a run as a person types them: their help, and paths that outlive the directory.

The command line and the form of the dashboard share it.
"""

from dataclasses import fields, replace
from functools import cache
from typing import Any

from docstring_parser import parse_from_object

from engine.config import TrainingPlan, absolute_data


@cache
def setting_help(settings: type) -> dict[str, str]:
    """Each field's docstring in one line, those of the classes above it included."""
    found: dict[str, str] = {}
    for cls in reversed(settings.__mro__[:-1]):
        params = parse_from_object(cls).params
        found |= {p.arg_name: " ".join((p.description or "").split()) for p in params}
    return found


def with_absolute_data(plan: TrainingPlan) -> TrainingPlan:
    """The same plan, its data set named by an absolute path.

    The run's config.json is read from other directories later.
    """
    return replace(plan, data=absolute_data(plan.data))


def setting_names() -> list[str]:
    """The settings in the order in which they are asked for."""
    return [field.name for field in fields(TrainingPlan)]


def settings_of(plan: TrainingPlan) -> dict[str, Any]:
    """The settings of a plan, or of a run's config, by name."""
    return {name: getattr(plan, name) for name in setting_names()}
