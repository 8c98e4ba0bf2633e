"""What every section of the policy is made of: the base class, and how a value is declared.

Belongs here: types and checks that several sections share. Does not belong here: any value.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator


class PolicyError(ValueError):
    """An override that the policy refuses; the message starts with the path of the key."""


def setting(default: Any, *, unit: str, why: str, source: str, **bounds: Any) -> Any:
    """Declare a policy value: its default, unit, reason and source, and its bounds (``ge``, ``gt``, ``le``, ``lt``)."""
    return Field(default=default, description=why, json_schema_extra={"unit": unit, "source": source}, **bounds)


class Section(BaseModel):
    """A frozen group of policy values."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_stand_ins(cls, value: Any, info: ValidationInfo) -> Any:
        # Left to itself pydantic takes true for 1, and 5 for the fifth second of 1970.
        types = leaves(cls.model_fields[str(info.field_name)].annotation)
        given = list(value) if isinstance(value, list | tuple) else [value]
        if bool not in types and any(isinstance(item, bool) for item in given):
            raise ValueError("true and false are no value here")
        if any(isinstance(item, bytes) for item in given):
            raise ValueError("bytes are no value here")
        if (dt.date in types or dt.datetime in types) and any(is_number(item) for item in given):
            raise ValueError("a number is no date; write it as 2025-10-20")
        return value


def leaves(annotation: Any) -> tuple[Any, ...]:
    arms = get_args(annotation)
    return tuple(leaf for arm in arms for leaf in leaves(arm)) if arms else (annotation,)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and re.fullmatch(NUMBER, value.strip()) is not None)


NUMBER = r"[-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"


def refuse_repeats(names: Sequence[str] | Sequence[float]) -> None:
    repeated = sorted({str(name) for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"given twice: {', '.join(repeated)}")


def _quoted(value: Any) -> Any:
    # YAML 1.1 reads an unquoted 18:00 as the number 1080, in base sixty.
    if isinstance(value, int | float):
        raise ValueError('expected text such as "18:00"; put the time in quotes')
    return value


TimeOfDay = Annotated[str, BeforeValidator(_quoted), Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Workday = Literal["monday", "tuesday", "wednesday", "thursday", "friday"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def utc(instant: dt.datetime) -> dt.datetime:
    """An instant without offset is meant as UTC, as everywhere else in the settings."""
    try:
        return instant.astimezone(dt.UTC) if instant.tzinfo else instant.replace(tzinfo=dt.UTC)
    except OverflowError:
        raise ValueError("an instant outside the years 1 to 9999") from None
