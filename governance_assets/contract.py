"""What an artifact looks like: the base contract, its registry, and everything derived from it.

Belongs here: the machinery that turns one typed class into an Arrow schema, a validation and a catalogue entry.
Does not belong here: the columns of any one artifact (a domain's ``contracts.py``) or where rows are stored (``runtime/history.py``).
"""

from __future__ import annotations

import datetime as dt
import functools
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Union, get_args, get_origin

import annotated_types as at
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

Grain = Literal["none", "week", "half_month", "quarter"]

PARTITION_COLUMN: Mapping[Grain, str | None] = {
    "none": None,
    "week": "week",
    "half_month": "half_month",
    "quarter": "quarter",
}
WHOLE = "all"
"""Partition key of an artifact that has no partitions."""

_ARROW_TYPES: Mapping[type, pa.DataType] = {
    str: pa.string(),
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    dt.date: pa.date32(),
    dt.datetime: pa.timestamp("us", tz="UTC"),
}
_REGISTRY: dict[str, type[Contract]] = {}


class ContractError(ValueError):
    """A contract is declared wrongly, or rows do not match theirs."""


class ContractViolation(ContractError):
    """Rows that do not match their contract, with every problem found."""

    def __init__(self, artifact: str, problems: Sequence[Problem]) -> None:
        self.artifact = artifact
        self.problems = tuple(problems)
        super().__init__(artifact, self.problems)  # the arguments, so that it survives the way out of another process

    def __str__(self) -> str:
        return f"{self.artifact}: " + "; ".join(str(problem) for problem in self.problems)


@dataclass(frozen=True)
class Problem:
    """One way in which rows differ from their contract."""

    column: str
    found: str
    expected: str
    next_step: str
    row: int | None = None
    count: int = 1

    def __str__(self) -> str:
        where = f"column {self.column}" + (f", row {self.row}" if self.row is not None else "")
        times = f" ({self.count} rows)" if self.count > 1 else ""
        return f"{where}: found {self.found}, expected {self.expected}{times}; {self.next_step}"


def field(
    description: str,
    *,
    unit: str | None = None,
    null: str | None = None,
    allow_nan: bool = False,
    **bounds: Any,
) -> Any:
    """Declare a column: what it means, its unit, what null means, and its bounds (``ge``, ``gt``, ``le``, ``lt``).

    ``allow_nan`` admits not-a-number and infinities; bounds do not hold for not-a-number.
    """
    if unknown := sorted(bounds.keys() - _COMPARISONS.keys()):
        raise ContractError(f"no bound is called {', '.join(unknown)}; use {', '.join(_COMPARISONS)}")
    return Field(description=description, json_schema_extra={"unit": unit, "null": null, "allow_nan": allow_nan}, **bounds)


class Contract(BaseModel):
    """One row of an artifact. Subclass with ``artifact=``, ``key=``, ``grain=`` and ``owner=``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    artifact: ClassVar[str]
    key: ClassVar[tuple[str, ...]]
    grain: ClassVar[Grain]
    owner: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # The class arguments belong to __pydantic_init_subclass__, which runs once the fields are known.
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(
        cls, *, artifact: str = "", key: tuple[str, ...] = (), grain: Grain = "none", owner: str = "data_quality", **kwargs: Any
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.artifact, cls.key, cls.grain, cls.owner = artifact, key, grain, owner
        if not artifact:  # a base that only shares columns
            return
        _check_declaration(cls)
        known = _REGISTRY.get(artifact)
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ContractError(f"two contracts are named {artifact}: {known.__module__} and {cls.__module__}")
        _REGISTRY[artifact] = cls

    @classmethod
    def domain(cls) -> str:
        """The folder under ``domains/`` in which this contract lives."""
        return cls.__module__.split(".")[-2]

    @classmethod
    def partition_column(cls) -> str | None:
        """The column that carries the partition, or None for an artifact without partitions."""
        return PARTITION_COLUMN[cls.grain]


def registry() -> Mapping[str, type[Contract]]:
    """Every contract that has been imported, by artifact name."""
    return dict(_REGISTRY)


@dataclass(frozen=True)
class Column:
    """One column as the catalogue and the schema see it."""

    name: str
    type: pa.DataType
    is_nullable: bool
    description: str
    unit: str | None
    null: str | None
    allow_nan: bool
    choices: tuple[str, ...]
    bounds: tuple[tuple[str, Any], ...]


@functools.cache
def columns(contract: type[BaseModel]) -> tuple[Column, ...]:
    """The columns of ``contract`` in declaration order."""
    return tuple(_column(name, info) for name, info in contract.model_fields.items())


@functools.cache
def arrow_schema(contract: type[BaseModel]) -> pa.Schema:
    """The Arrow schema of ``contract``: names, types and nullability in declaration order."""
    return pa.schema([pa.field(c.name, c.type, nullable=c.is_nullable) for c in columns(contract)])


@functools.cache
def _plain_schema(contract: type[Contract]) -> pa.Schema:
    # Nullability is judged by violations(), which counts; a non-null Arrow field would only crash later.
    return pa.schema([pa.field(declared.name, declared.type) for declared in arrow_schema(contract)])


def empty(contract: type[Contract]) -> pa.Table:
    """A table of ``contract`` without rows."""
    return arrow_schema(contract).empty_table()


def conform(contract: type[Contract], table: pa.Table) -> pa.Table:
    """Give ``table`` the columns, order and types of ``contract``.

    Raises ContractViolation when a column is missing, unknown or cannot be cast without loss.
    """
    if table.schema.equals(_plain_schema(contract)):
        return table
    schema, names = arrow_schema(contract), table.column_names
    problems = [
        Problem(name, "no such column", f"a column of type {schema.field(name).type}", "add it to the frame")
        for name in schema.names
        if name not in names
    ] + [
        Problem(name, "an undeclared column", f"one of {', '.join(schema.names)}", "declare it or drop it")
        for name in names
        if name not in schema.names
    ]
    problems += [
        Problem(name, f"{names.count(name)} columns of this name", "one", "drop or rename the others")
        for name in schema.names
        if names.count(name) > 1
    ]
    if problems:
        raise ContractViolation(contract.artifact, problems)
    arrays = []
    for declared in schema:
        try:
            arrays.append(_cast(table[declared.name], declared.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            found = f"{table[declared.name].type} ({error})"
            problems.append(Problem(declared.name, found, str(declared.type), "cast it before returning it"))
    if problems:
        raise ContractViolation(contract.artifact, problems)
    return pa.table(arrays, schema=_plain_schema(contract))


def together(contract: type[Contract], parts: Sequence[pa.Table]) -> pa.Table:
    """The rows of all ``parts``, conformed; none when there is no part."""
    return conform(contract, pa.concat_tables(parts) if parts else empty(contract))


def filled(contract: type[Contract], rows: int, given: Mapping[str, Any]) -> pa.Table:
    """A table of ``rows`` rows in the contract's order of columns; a text that is given stands in every row."""
    names = list(contract.model_fields)
    return pa.table({name: pa.repeat(given[name], rows) if isinstance(given[name], str) else given[name] for name in names})


def violations(contract: type[Contract], table: pa.Table) -> list[Problem]:
    """Every problem of a conformed ``table``: nulls, not-a-number, bounds, choices, misnamed partitions and repeated keys."""
    problems: list[Problem] = []
    for declared in columns(contract):
        problems += _column_problems(declared, table[declared.name])
    problems += _partition_problems(contract, table)
    problems += _key_problems(contract, table)
    return problems


def _cast(values: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    if values.type == wanted:
        return values
    # Arrow's safe cast still makes 1 of "1", true of 2, and a day of any instant in it.
    kinds = _kind(values.type), _kind(wanted)
    if kinds[0] != kinds[1] and kinds not in (("instant", "date"), ("date", "instant")) and kinds[0] != "nothing":
        raise pa.ArrowTypeError(f"a {kinds[0]} is no {kinds[1]}")
    if kinds == ("instant", "date"):
        instants = values.cast(pa.timestamp(values.type.unit, "UTC"))
        if pc.any(pc.not_equal(pc.floor_temporal(instants, unit="day"), instants)).as_py():
            raise pa.ArrowInvalid("instants within the day")
        values = instants
    return values.cast(wanted)


def _kind(type_: pa.DataType) -> str:
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    return next((name for name, is_kind in _KINDS if is_kind(type_)), str(type_))


_KINDS = (
    ("nothing", pa.types.is_null),
    ("boolean", pa.types.is_boolean),
    ("number", lambda type_: pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_)),
    ("text", lambda type_: pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_)),
    ("date", pa.types.is_date),
    ("instant", pa.types.is_timestamp),
)


def _check_declaration(contract: type[Contract]) -> None:
    names = set(contract.model_fields)
    if not contract.key or len(set(contract.key)) < len(contract.key):
        raise ContractError(f"{contract.artifact}: name the key columns, each once")
    missing = [name for name in contract.key if name not in names]
    if missing:
        raise ContractError(f"{contract.artifact}: key column {', '.join(missing)} is not declared")
    partition = PARTITION_COLUMN[contract.grain]
    if partition is not None and partition not in contract.key:
        raise ContractError(f"{contract.artifact}: grain {contract.grain} needs {partition} among its key columns")
    for declared in columns(contract):
        if problem := _declaration_problem(contract, declared):
            raise ContractError(f"{contract.artifact}.{declared.name}: {problem}")


def _declaration_problem(contract: type[Contract], declared: Column) -> str | None:
    if not declared.description:
        return "describe the column"
    if declared.is_nullable and not declared.null:
        return "say what null means"
    if declared.name == PARTITION_COLUMN[contract.grain]:
        if declared.is_nullable:
            return "a row without partition belongs nowhere; refuse null"
        if contract.grain in ("week", "half_month") and declared.type != pa.date32():
            return f"found {declared.type}, expected a date"
        if contract.grain == "quarter" and declared.type != pa.string():
            return f"found {declared.type}, expected text such as 2025-Q4"
    for kind, limit in declared.bounds:
        if not _is_value(limit, declared.type):
            return f"{kind}={limit!r} is no {declared.type}"
    return None


def _is_value(limit: Any, kind: pa.DataType) -> bool:
    # Asking Arrow for a scalar would do, but it imports pandas: half a second and 60 MB for every command.
    kinds = {pa.float64(): (int, float)} | {arrow: (python,) for python, arrow in _ARROW_TYPES.items() if python is not float}
    return type(limit) in kinds[kind]


def _column(name: str, info: FieldInfo) -> Column:
    inner, is_nullable = _unwrap(info.annotation)
    choices: tuple[str, ...] = ()
    if get_origin(inner) is Literal:
        choices, inner = get_args(inner), str
        if not all(isinstance(choice, str) for choice in choices):
            raise ContractError(f"column {name}: {choices} are not all text")
    if inner not in _ARROW_TYPES:
        raise ContractError(f"column {name}: type {inner!r} has no Arrow type; use one of {sorted(t.__name__ for t in _ARROW_TYPES)}")
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    bounds = []
    for mark in info.metadata:
        for kind, name_of in ((at.Ge, "ge"), (at.Gt, "gt"), (at.Le, "le"), (at.Lt, "lt")):
            if isinstance(mark, kind):
                bounds.append((name_of, getattr(mark, name_of)))
    return Column(
        name=name,
        type=_ARROW_TYPES[inner],
        is_nullable=is_nullable,
        description=info.description or "",
        unit=_text(extra.get("unit")),
        null=_text(extra.get("null")),
        allow_nan=bool(extra.get("allow_nan")),
        choices=choices,
        bounds=tuple(bounds),
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _unwrap(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [arm for arm in get_args(annotation) if arm is not type(None)]
        if len(inner) == 1:
            return inner[0], True
    return annotation, False


def _column_problems(declared: Column, values: pa.ChunkedArray) -> list[Problem]:
    problems = []
    if not declared.is_nullable and values.null_count:
        problems.append(_problem(declared.name, values, pc.is_null(values), "a value in every row", "fill it or drop the row"))
    if pa.types.is_floating(declared.type) and not declared.allow_nan:
        bad = pc.invert(pc.is_finite(values))
        problems += _if_any(declared.name, values, bad, "a finite number", "write null where there is no value")
    for kind, limit in declared.bounds:
        bad = pc.invert(_COMPARISONS[kind](values, pa.scalar(limit, declared.type)))
        if pa.types.is_floating(declared.type):  # not-a-number is judged above
            bad = pc.and_(bad, pc.invert(pc.is_nan(values)))
        expected = f"{_SIGNS[kind]} {limit}" + (f" {declared.unit}" if declared.unit else "")
        problems += _if_any(declared.name, values, bad, expected, "check the unit and the formula")
    if declared.choices:
        bad = pc.invert(pc.is_in(values, value_set=pa.array(declared.choices)))
        bad = pc.and_(bad, pc.is_valid(values))
        problems += _if_any(declared.name, values, bad, f"one of {', '.join(declared.choices)}", "use a declared word")
    return problems


_COMPARISONS = {"ge": pc.greater_equal, "gt": pc.greater, "le": pc.less_equal, "lt": pc.less}
_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def _if_any(name: str, values: pa.ChunkedArray, bad: pa.ChunkedArray, expected: str, next_step: str) -> list[Problem]:
    return [_problem(name, values, bad, expected, next_step)] if pc.any(bad).as_py() else []


def _problem(name: str, values: pa.ChunkedArray, bad: pa.ChunkedArray, expected: str, next_step: str) -> Problem:
    rows = pc.indices_nonzero(pc.fill_null(bad, False))
    first = rows[0].as_py()
    found = repr(values[first].as_py())
    found = found if len(found) <= _SHOWN else found[:_SHOWN] + "…"
    return Problem(name, found, expected, next_step, row=first, count=len(rows))


_SHOWN = 80
"""Characters of a refused value that a message repeats."""


def _partition_problems(contract: type[Contract], table: pa.Table) -> list[Problem]:
    if contract.grain == "none":
        return []
    values = table[str(contract.partition_column())]
    next_step = f"name each {contract.grain.replace('_', '-')} by its first day"
    if contract.grain == "week":
        bad, expected = pc.not_equal(pc.day_of_week(values), 0), "a Monday"
    elif contract.grain == "half_month":
        bad, expected = pc.invert(pc.is_in(pc.day(values), value_set=pa.array([1, 15]))), "a 1st or a 15th"
    else:
        bad, expected = pc.invert(pc.match_substring_regex(values, r"^[0-9]{4}-Q[1-4]$")), "a quarter such as 2025-Q4"
        next_step = "write year, hyphen, Q and its number"
    bad = pc.and_(bad, pc.is_valid(values))
    return _if_any(contract.grain, values, bad, expected, next_step)


def _key_problems(contract: type[Contract], table: pa.Table) -> list[Problem]:
    if not contract.key:
        return []
    counted = table.select(list(contract.key)).group_by(list(contract.key)).aggregate([([], "count_all")])
    repeated = counted.filter(pc.greater(counted["count_all"], 1))
    if not repeated.num_rows:
        return []
    example = {name: repeated[name][0].as_py() for name in contract.key}
    return [
        Problem(
            ", ".join(contract.key),
            f"a repeated key {example}",
            "one row a key",
            "remove or aggregate the repeats",
            count=pc.sum(repeated["count_all"]).as_py() - repeated.num_rows,
        )
    ]
