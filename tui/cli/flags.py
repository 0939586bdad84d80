"""How flags are shown in `--help`: words for people instead of Python's types and values."""

from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import tyro
from tyro.constructors import (
    MISSING_NONPROP,
    ConstructorRegistry,
    StructConstructorSpec,
    StructFieldSpec,
    StructTypeInfo,
)

from tui.state.settings import setting_help

REGISTRY = ConstructorRegistry()
"""For `tyro.cli`: how our dataclasses become flags."""
TEXTS = {
    "run": "RUN",
    "resume": "RUN|auto",
    "name": "NAME",
    "figure": "FIGURE",
    "device": "DEVICE",
    "data": "PATH",
}
"""What a text stands for, by the flag that takes it."""
KINDS = {int: "N", float: "X", Path: "DIR", tuple[int, ...]: "N [N …]"}


@REGISTRY.struct_rule
def _flags_of(info: StructTypeInfo) -> StructConstructorSpec | None:
    if not is_dataclass(info.type):
        return None
    hints = get_type_hints(info.type, include_extras=True)
    words = setting_help(info.type)
    given = info.default if isinstance(info.default, info.type) else None
    return StructConstructorSpec(
        instantiate=info.type,
        fields=tuple(
            StructFieldSpec(
                name=field.name,
                type=_in_words(field.name, hints[field.name]),
                default=_default(field) if given is None else getattr(given, field.name),
                helptext=words.get(field.name),
            )
            for field in fields(info.type)
        ),
    )


def _default(field: "Field[Any]") -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return MISSING_NONPROP if field.default is MISSING else field.default


def _in_words(name: str, hint: Any) -> Any:
    """The field's type with our words; what it is annotated with itself comes after, and wins."""
    bare, own = (
        (hint.__origin__, hint.__metadata__) if get_origin(hint) is Annotated else (hint, ())
    )
    if is_dataclass(bare):
        return hint
    words = tyro.conf.arg(metavar=_metavar(name, bare), help_behavior_hint=_default_in_words)
    return Annotated[(bare, words, *own)]


def _metavar(name: str, hint: Any) -> str | None:
    """What stands for the value; None leaves it to tyro: a flag's nothing, a choice's words."""
    (kind, *_) = [kind for kind in get_args(hint) if kind is not NoneType] or [hint]
    if NoneType in get_args(hint):
        if get_origin(kind) is Literal:
            return "{" + ",".join(get_args(kind)) + "}"
        return _metavar(name, kind)
    return TEXTS.get(name) or KINDS.get(hint)


def _default_in_words(value: str) -> str:
    """Nothing for nothing: what happens then is in the flag's help."""
    if value in ("", "''", "None", "False"):
        return ""
    return f"(default: {'yes' if value == 'True' else value})"
