"""The contract machinery: what a declaration must say, and one row for every way rows can differ from it."""

from __future__ import annotations

import datetime as dt
import pickle
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from governance_assets import contract as machinery
from governance_assets.contract import (
    Contract,
    ContractError,
    ContractViolation,
    Problem,
    arrow_schema,
    columns,
    conform,
    empty,
    field,
    registry,
    violations,
)


class Reading(Contract, key=()):
    """Columns of every type, with every kind of mark; shared by the contracts below and itself no artifact."""

    week: dt.date = field("Monday of the week")
    station: str = field("Station")
    level: float = field("Water level", unit="metres", ge=0, lt=20)
    alarms: int | None = field("Alarms", unit="alarms", gt=-1, le=9, null="not counted")
    is_manual: bool = field("Read by a person")
    state: Literal["calm", "rising"] | None = field("State", null="not judged")
    read_at: dt.datetime | None = field("When it was read", null="not known")
    ratio: float | None = field("Ratio", ge=0, allow_nan=True, null="not computed")


@pytest.fixture(scope="module")
def readings() -> Iterator[type[Contract]]:
    """An artifact that is taken out of the registry again."""

    class Readings(Reading, artifact="test_readings", grain="week", key=("week", "station"), owner="director"):
        """One reading of one station."""

    yield Readings
    machinery._REGISTRY.pop("test_readings")


GOOD = {
    "week": dt.date(2025, 11, 3),
    "station": "north",
    "level": 1.5,
    "alarms": 0,
    "is_manual": False,
    "state": "calm",
    "read_at": dt.datetime(2025, 11, 4, 12, tzinfo=dt.UTC),
    "ratio": float("nan"),
}
OTHER = {**GOOD, "station": "south", "alarms": None, "state": None, "read_at": None, "ratio": None}


def rows(readings: type[Contract], *given: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(given), schema=pa.schema([pa.field(f.name, f.type) for f in arrow_schema(readings)]))


# Declarations


def test_a_declaration_is_told_to_everybody(readings: type[Contract]) -> None:
    assert registry()["test_readings"] is readings
    assert (readings.artifact, readings.grain, readings.key, readings.owner) == ("test_readings", "week", ("week", "station"), "director")
    assert readings.partition_column() == "week"
    assert "test_readings" not in {Reading.artifact}
    level = columns(readings)[2]
    assert (level.name, level.unit, level.is_nullable, level.bounds) == ("level", "metres", False, (("ge", 0), ("lt", 20)))
    state = columns(readings)[5]
    assert (state.type, state.choices, state.null) == (pa.string(), ("calm", "rising"), "not judged")


def test_the_arrow_schema_follows_the_declaration(readings: type[Contract]) -> None:
    instant = pa.timestamp("us", tz="UTC")
    assert arrow_schema(readings) == pa.schema(
        [
            pa.field("week", pa.date32(), nullable=False),
            pa.field("station", pa.string(), nullable=False),
            pa.field("level", pa.float64(), nullable=False),
            pa.field("alarms", pa.int64()),
            pa.field("is_manual", pa.bool_(), nullable=False),
            pa.field("state", pa.string()),
            pa.field("read_at", instant),
            pa.field("ratio", pa.float64()),
        ]
    )


def test_the_registry_cannot_be_written_to_by_its_readers(readings: type[Contract]) -> None:
    registry().clear()  # type: ignore[attr-defined]
    assert registry()["test_readings"] is readings


def test_a_base_that_only_shares_columns_is_no_artifact() -> None:
    assert Reading not in registry().values()


def test_two_contracts_cannot_have_one_name(readings: type[Contract]) -> None:
    with pytest.raises(ContractError, match="two contracts are named test_readings"):

        class Others(Contract, artifact="test_readings", key=("name",)):
            name: str = field("Name")

    assert registry()["test_readings"] is readings


def declare(annotations: dict[str, Any], values: dict[str, Any], **arguments: Any) -> type[Contract]:
    body = {"__annotations__": annotations, "__module__": __name__, "__qualname__": "Declared", **values}
    return type(Contract)("Declared", (Contract,), body, **{"artifact": "test_declared", "key": ("name",), **arguments})


NAME = ({"name": str}, {"name": field("Name")})


@pytest.mark.parametrize(
    ("annotations", "values", "arguments", "reason"),
    [
        (*NAME, {"key": ("nome",)}, "key column nome is not declared"),
        (*NAME, {"key": ()}, "name the key columns, each once"),
        (*NAME, {"key": ("name", "name")}, "name the key columns, each once"),
        (*NAME, {"grain": "week"}, "grain week needs week among its key columns"),
        ({"name": str}, {"name": field("")}, {}, "test_declared.name: describe the column"),
        ({"name": str | None}, {"name": field("Name")}, {}, "test_declared.name: say what null means"),
        ({"name": list[str]}, {"name": field("Name")}, {}, "has no Arrow type"),
        ({"name": int | str}, {"name": field("Name")}, {}, "has no Arrow type"),
        ({"name": Literal[1, 2]}, {"name": field("Name")}, {}, "are not all text"),
        ({"name": str}, {"name": field("Name", ge=3)}, {}, "test_declared.name: ge=3 is no string"),
        ({"name": bool}, {"name": field("Name", le=1)}, {}, "test_declared.name: le=1 is no bool"),
        ({"week": str}, {"week": field("Week")}, {"grain": "week", "key": ("week",)}, "found string, expected a date"),
        (
            {"week": dt.date | None},
            {"week": field("Week", null="none")},
            {"grain": "week", "key": ("week",)},
            "a row without partition belongs nowhere",
        ),
    ],
)
def test_a_wrong_declaration_is_refused(
    annotations: dict[str, Any], values: dict[str, Any], arguments: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ContractError, match=reason):
        declare(annotations, values, **arguments)
    assert "test_declared" not in registry()


def test_a_right_declaration_is_accepted_by_the_same_function() -> None:
    declare(*NAME)
    assert machinery._REGISTRY.pop("test_declared").key == ("name",)


@pytest.mark.parametrize("bound", ["min_length", "pattern", "multiple_of", "default", "max"])
def test_a_bound_that_would_not_be_checked_is_refused(bound: str) -> None:
    with pytest.raises(ContractError, match=f"no bound is called {bound}; use ge, gt, le, lt"):
        field("Name", **{bound: 1})


def test_a_contract_knows_its_domain() -> None:
    from governance_assets.domains.scores.contracts import ForecastScores

    assert ForecastScores.domain() == "scores"


def test_a_row_is_frozen_and_takes_no_further_field(readings: type[Contract]) -> None:
    row = readings(**OTHER)
    with pytest.raises(ValidationError, match="frozen"):
        row.level = 2.0  # type: ignore[attr-defined]
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        readings(**OTHER, depth=1)


# Conforming


def test_good_rows_have_no_problem(readings: type[Contract]) -> None:
    table = conform(readings, rows(readings, GOOD, OTHER))
    assert violations(readings, table) == []
    assert table.to_pylist()[1] == OTHER


def test_the_empty_table_has_columns_and_no_problem(readings: type[Contract]) -> None:
    assert empty(readings).schema == arrow_schema(readings)
    assert violations(readings, conform(readings, empty(readings))) == []


def test_columns_come_back_in_declared_order_and_type(readings: type[Contract]) -> None:
    table = rows(readings, {**GOOD, "ratio": 0.5}, OTHER)
    shuffled = table.select(list(reversed(table.column_names)))
    narrow = shuffled.set_column(shuffled.column_names.index("alarms"), "alarms", shuffled["alarms"].cast(pa.int8()))
    assert conform(readings, narrow) == conform(readings, table)


@pytest.mark.parametrize(
    ("column", "values", "value"),
    [
        ("alarms", pa.array([3], pa.int8()), 3),
        ("alarms", pa.array([3.0]), 3),
        ("alarms", pa.array([Decimal("3")], pa.decimal128(38, 0)), 3),
        ("alarms", pa.nulls(1), None),
        ("level", pa.array([3], pa.int32()), 3.0),
        ("level", pa.array([1.5], pa.float32()), 1.5),
        ("level", pa.array([Decimal("0.1")]), 0.1),
        ("station", pa.array(["x"], pa.large_string()), "x"),
        ("station", pa.array(["x"]).dictionary_encode(), "x"),
        ("week", pa.array([dt.date(2025, 11, 3)], pa.date64()), dt.date(2025, 11, 3)),
        ("week", pa.array([dt.datetime(2025, 11, 3)], pa.timestamp("ns")), dt.date(2025, 11, 3)),
        ("week", pa.array([dt.datetime(2025, 11, 3, tzinfo=dt.UTC)], pa.timestamp("s", "Europe/Berlin")), dt.date(2025, 11, 3)),
        ("read_at", pa.array([dt.datetime(2025, 11, 4, 12)], pa.timestamp("us")), GOOD["read_at"]),
        ("read_at", pa.array([GOOD["read_at"]], pa.timestamp("ms", "America/New_York")), GOOD["read_at"]),
    ],
)
def test_a_column_is_cast_when_nothing_is_lost(readings: type[Contract], column: str, values: pa.Array, value: Any) -> None:
    table = rows(readings, GOOD)
    given = table.set_column(table.column_names.index(column), column, values)
    assert conform(readings, given)[column].to_pylist() == [value]


@pytest.mark.parametrize(
    ("column", "values", "found"),
    [
        ("alarms", pa.array([1.5]), "double"),
        ("alarms", pa.array([float("nan")]), "double"),
        ("alarms", pa.array([2**63], pa.uint64()), "uint64"),
        ("alarms", pa.array([Decimal("1.5")]), "decimal128"),
        ("alarms", pa.array(["1"]), "string .a text is no number"),
        ("alarms", pa.array([True]), "bool .a boolean is no number"),
        ("level", pa.array([2**53 + 1]), "int64"),
        ("level", pa.array(["1e400"]), "string .a text is no number"),
        ("is_manual", pa.array([2]), "int64 .a number is no boolean"),
        ("station", pa.array([7]), "int64 .a number is no text"),
        ("station", pa.array([b"\xff"]), "binary .a binary is no text"),
        ("station", pa.array([["x"]]), "list"),
        ("week", pa.array(["2025-11-03"]), "string .a text is no date"),
        ("week", pa.array([20395], pa.int32()), "int32 .a number is no date"),
        ("week", pa.array([dt.datetime(2025, 11, 3, 0, 0, 1)]), "instants within the day"),
        ("read_at", pa.array([1], pa.timestamp("ns")), "would lose data"),
        ("read_at", pa.array([1]), "a number is no instant"),
    ],
)
def test_a_column_is_refused_when_the_cast_would_lose_or_invent(
    readings: type[Contract], column: str, values: pa.Array, found: str
) -> None:
    table = rows(readings, GOOD)
    given = table.set_column(table.column_names.index(column), column, values)
    with pytest.raises(ContractViolation, match=rf"^test_readings: column {column}: found .*{found}.*; cast it before returning it$"):
        conform(readings, given)


def test_missing_unknown_and_doubled_columns_are_told_at_once(readings: type[Contract]) -> None:
    table = rows(readings, GOOD).drop_columns(["level", "state"])
    table = table.append_column("depth", pa.array([1])).append_column("station", pa.array(["again"]))
    with pytest.raises(ContractViolation) as caught:
        conform(readings, table)
    assert [(problem.column, problem.found) for problem in caught.value.problems] == [
        ("level", "no such column"),
        ("state", "no such column"),
        ("depth", "an undeclared column"),
        ("station", "2 columns of this name"),
    ]


# Violations: one row for every way to be wrong


@pytest.mark.parametrize(
    ("column", "value", "found", "expected"),
    [
        ("station", None, "None", "a value in every row"),
        ("is_manual", None, "None", "a value in every row"),
        ("level", float("nan"), "nan", "a finite number"),
        ("level", float("inf"), "inf", "a finite number"),
        ("level", -0.1, "-0.1", "≥ 0 metres"),
        ("level", 20.0, "20.0", "< 20 metres"),
        ("alarms", -1, "-1", "> -1 alarms"),
        ("alarms", 10, "10", "≤ 9 alarms"),
        ("state", "Calm", "'Calm'", "one of calm, rising"),
        ("state", "", "''", "one of calm, rising"),
        ("ratio", -0.5, "-0.5", "≥ 0"),
        ("week", dt.date(2025, 11, 4), "datetime.date(2025, 11, 4)", "a Monday"),
    ],
)
def test_one_wrong_value_is_named_with_its_row(readings: type[Contract], column: str, value: Any, found: str, expected: str) -> None:
    table = conform(readings, rows(readings, OTHER, {**GOOD, column: value}))
    problems = violations(readings, table)
    assert (column, found, expected, 1, 1) in [(p.column, p.found, p.expected, p.row, p.count) for p in problems]
    assert {problem.column for problem in problems} == {column}


@pytest.mark.parametrize(
    ("column", "value"), [("level", 0.0), ("level", 19.999), ("level", -0.0), ("alarms", 0), ("alarms", 9), ("ratio", float("inf"))]
)
def test_values_at_the_limit_are_right(readings: type[Contract], column: str, value: Any) -> None:
    assert violations(readings, conform(readings, rows(readings, {**GOOD, column: value}))) == []


def test_every_wrong_row_is_counted_and_the_first_is_shown_across_chunks(readings: type[Contract]) -> None:
    good, bad = rows(readings, GOOD), rows(readings, *({**GOOD, "station": name, "level": -1.0} for name in "abc"))
    (problem,) = violations(readings, conform(readings, pa.concat_tables([good, bad])))
    assert (problem.row, problem.count) == (1, 3)
    assert str(problem) == "column level, row 1: found -1.0, expected ≥ 0 metres (3 rows); check the unit and the formula"


def test_a_repeated_key_is_one_problem_that_counts_the_surplus_rows(readings: type[Contract]) -> None:
    (problem,) = violations(readings, conform(readings, rows(readings, GOOD, OTHER, GOOD, {**GOOD, "level": 2.0})))
    assert (problem.column, problem.count) == ("week, station", 2)
    assert "'station': 'north'" in problem.found


def test_a_null_in_a_nullable_key_is_a_value_like_another() -> None:
    keyed = declare({"name": str, "step": int | None}, {"name": field("Name"), "step": field("Step", null="none")}, key=("name", "step"))
    machinery._REGISTRY.pop("test_declared")
    schema = arrow_schema(keyed)
    assert violations(keyed, pa.table([["a", "a"], [1, None]], schema=schema)) == []
    assert [p.column for p in violations(keyed, pa.table([["a", "a"], [None, None]], schema=schema))] == ["name, step"]


def test_a_half_month_begins_on_a_first_or_a_fifteenth() -> None:
    reviews = declare({"half_month": dt.date}, {"half_month": field("Half-month")}, grain="half_month", key=("half_month",))
    machinery._REGISTRY.pop("test_declared")
    days = [dt.date(2025, 11, day) for day in (1, 14, 15, 16)]
    (problem,) = violations(reviews, pa.table([days], schema=arrow_schema(reviews)))
    assert (problem.row, problem.count, problem.expected) == (1, 2, "a 1st or a 15th")


def test_a_long_and_hostile_value_is_shortened_and_escaped(readings: type[Contract]) -> None:
    (problem,) = violations(readings, conform(readings, rows(readings, {**GOOD, "state": "\x1b[31m\n" + "x" * 10_000})))
    assert "\x1b" not in str(problem)
    assert "\n" not in str(problem)
    assert len(str(problem)) < 250


def test_a_violation_tells_every_problem_and_survives_another_process() -> None:
    violation = ContractViolation("scores", [Problem("a", "1", "2", "mend it"), Problem("b", "3", "4", "mend that", row=5)])
    copied = pickle.loads(pickle.dumps(violation))
    assert (
        str(copied) == str(violation) == "scores: column a: found 1, expected 2; mend it; column b, row 5: found 3, expected 4; mend that"
    )
    assert copied.problems == violation.problems


cells = st.fixed_dictionaries(
    {
        "week": st.dates(dt.date(2025, 1, 1), dt.date(2025, 2, 1)) | st.none(),
        "station": st.sampled_from(["north", "south", "\u0000", "🚀"]) | st.none(),
        "level": st.floats() | st.none(),
        "alarms": st.integers(-3, 12) | st.none(),
        "is_manual": st.booleans() | st.none(),
        "state": st.sampled_from(["calm", "rising", "CALM", ""]) | st.none(),
        "read_at": st.datetimes(timezones=st.just(dt.UTC)) | st.none(),
        "ratio": st.floats() | st.none(),
    }
)


def is_right(row: dict[str, Any]) -> bool:
    level, alarms, ratio = row["level"], row["alarms"], row["ratio"]
    return (
        row["week"] is not None
        and row["week"].weekday() == 0
        and row["station"] is not None
        and row["is_manual"] is not None
        and level is not None
        and 0 <= level < 20
        and (alarms is None or -1 < alarms <= 9)
        and (ratio is None or not ratio < 0)
        and row["state"] in ("calm", "rising", None)
    )


@given(st.lists(cells, max_size=4))
def test_rows_have_problems_exactly_when_one_is_wrong_or_a_key_repeats(readings: type[Contract], given_rows: list[dict[str, Any]]) -> None:
    table = conform(readings, rows(readings, *given_rows))
    keys = [(row["week"], row["station"]) for row in given_rows]
    expected = all(is_right(row) for row in given_rows) and len(set(keys)) == len(keys)
    assert (violations(readings, table) == []) == expected


def test_the_machinery_needs_no_dagster() -> None:
    code = "import sys, governance_assets.contract; sys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
