"""Overrides of the policy: a number may carry its unit, and what cannot be used is refused with the path of its key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from governance_assets.policy.base import NUMBER, leaves

_WITH_UNIT = re.compile(rf"\s*({NUMBER})\s+(\S.*?)\s*", re.DOTALL)
_SHOWN = 80
"""Characters of a refused value that a message repeats."""


def without_units(section: type[BaseModel], overrides: Mapping[Any, Any], path: str, problems: list[str]) -> dict[str, Any]:
    """``overrides`` with ``"14 days"`` as ``"14"``; what cannot be used is told in ``problems`` and left out."""
    plain: dict[str, Any] = {}
    for key, value in overrides.items():
        here = f"{path}{_key(key)}"
        field = section.model_fields.get(key) if isinstance(key, str) else None
        if field is None:
            problems.append(f"{here}: unknown key; known here are {', '.join(sorted(section.model_fields))}")
            continue
        nested = field.annotation if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel) else None
        if nested is not None and value is None:  # a section whose every line is commented out
            continue
        if nested is not None and isinstance(value, Mapping):
            plain[key] = without_units(nested, value, f"{here}.", problems)
        else:
            before = len(problems)
            number = _in_unit(value, field, here, problems)
            if len(problems) == before:
                plain[key] = number
    return plain


def _in_unit(value: Any, field: FieldInfo, path: str, problems: list[str]) -> Any:
    if not {int, float} & {leaf for leaf in leaves(field.annotation) if isinstance(leaf, type)}:
        return value
    if isinstance(value, list | tuple):
        return [_in_unit(item, field, f"{path}.{number}", problems) for number, item in enumerate(value)]
    match = _WITH_UNIT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    unit = extra(field).get("unit", "")
    if match[2] != unit:
        problems.append(f"{path}: found unit {_shortened(repr(match[2]))}, expected {unit}; write the value in {unit}")
    return match[1]


def extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def refusals(error: ValidationError) -> list[str]:
    details = error.errors()
    # A list whose entries are refused is also told to be too short; that says nothing new.
    return [
        _refusal(detail)
        for detail in details
        if not (detail["type"] == "too_short" and any(_is_within(other["loc"], detail["loc"]) for other in details))
    ]


def _is_within(path: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(path) > len(outer) and path[: len(outer)] == outer


_WORDS = {"extra_forbidden": "unknown key", "model_type": "expected keys and values below it", "dict_type": "expected keys and values"}


def _refusal(detail: Any) -> str:
    path = ".".join(_key(part) for part in detail["loc"]) or "governance.yaml"
    message = _WORDS.get(detail["type"], detail["msg"].removeprefix("Value error, "))
    message = f"{message[0].lower()}{message[1:]}"
    if detail["type"] == "value_error" and isinstance(detail["input"], Mapping):  # several values that do not fit together
        return f"{path}: {message}"
    return f"{path}: found {_shortened(repr(detail['input']))}, {message}"


def _key(key: Any) -> str:
    text = str(key)
    return _shortened(text if text.isprintable() else repr(key))


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
