"""Cells of record feeds: text to the types of a row's declaration, as SQL, with the first problem of every row that cannot be one.

Belongs here: what a cell must look like for its declared type. Does not belong here: which column is which (``records.py``), or
cells of forecasts and observations (``typed.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.feeds import Arrival, Row, arrivals
from governance_assets.policy import IntakePolicy
from governance_assets.runtime.sources.outcome import Context
from governance_assets.runtime.sources.typed import DATE_PATTERN, MISSING, Problem, Query, literal, quoted

_CONTROL, _CONTROL_BUT_LINES = r"[\x00-\x1f\x7f-\x{9f}]", r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x{9f}]"
_INSTANT = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s?(Z|[+-]\d{2}:?\d{2})?)?$"
_SECONDS, _MILLISECONDS = r"^\d{9,10}(\.\d+)?$", r"^\d{12,13}(\.0*)?$"
_BOOLEANS = {"TRUE": ("true", "t", "yes", "y", "1"), "FALSE": ("false", "f", "no", "n", "0")}
_LIMITS = {"ge": (">=", "≥"), "gt": (">", ">"), "le": ("<=", "≤"), "lt": ("<", "<")}
_FILL = "fill it or leave the row out"
_INSTANTS = pa.timestamp("us", tz="UTC")
SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.date32(): "DATE",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    _INSTANTS: "TIMESTAMPTZ",
}


@dataclass(frozen=True)
class Matched:
    """Where the columns of a feed stand in a table of texts: by name the column of the table, and what its numbers are multiplied with."""

    names: Mapping[str, tuple[str, float]]
    extras: tuple[str, ...]
    """Further columns of the table, which land as details."""


SOURCE, _CLEAN, _TYPED = "source:", "clean:", "typed:"
"""What stands before the names of columns as they arrive, without blanks, and typed: no feed has a column of such a name."""


def record_query(
    source: str, row: type[Row], matched: Matched, context: Context, policy: IntakePolicy, plain: Collection[str] = ()
) -> Query:
    """Type the rows of ``source``: columns of text, ``SOURCE`` before their names, and the line of each row, ``_row``.

    Every cell is cleaned once (null where nothing stands), then typed once, then judged; no text of the ``plain`` columns is at fault.
    """
    columns = {name: column for name, (column, _) in matched.names.items()} | {extra: extra for extra in matched.extras}
    ways = [arrival for arrival in arrivals(row) if arrival.column.name in matched.names]
    required = [arrival.column.name for arrival in arrivals(row) if arrival.is_required and arrival.column.name not in matched.names]
    problems = [Problem(name, f"{quoted(name)} IS NULL", "a value", _FILL) for name in required]
    problems += [problem for arrival in ways for problem in _problems(arrival, matched.names[arrival.column.name][0], policy)]
    for extra in matched.extras:
        problems += _text_problems(extra, extra, policy, is_free=True)
    problems = [problem for problem in problems if not problem.is_of_text or columns[problem.part] not in plain]
    problems.append(Problem("date", "date IS NULL", _dates_wanted(row, matched), "fill it, or add a column as_of"))
    whens = " ".join(f"WHEN {problem.when} THEN {number}" for number, problem in enumerate(problems, 1))
    found = " ".join(f"WHEN {number} THEN {_source(columns[p.part])}" for number, p in enumerate(problems, 1) if p.part in columns)
    cleaned = "".join(f", {_cleaned(column)} AS {quoted(_CLEAN + column)}" for column, _ in matched.names.values())
    typed = "".join(f", {_typed(way, *matched.names[way.column.name])} AS {quoted(_TYPED + way.column.name)}" for way in ways)
    filled = "".join(f", {_filled(row, arrival, matched, context)} AS {quoted(arrival.column.name)}" for arrival in arrivals(row))
    outputs = ", ".join(quoted(arrival.column.name) for arrival in arrivals(row))
    sql = f"""
        SELECT _row, {outputs}, problem, {f"CASE problem {found} ELSE '' END" if found else "''"} AS found
        FROM (SELECT *, CASE {whens} ELSE 0 END AS problem
            FROM (SELECT *{filled} FROM (SELECT *{typed} FROM (SELECT *{cleaned} FROM {source}))))"""
    return Query(sql, tuple(problems), False)


def _source(column: str) -> str:
    return quoted(SOURCE + column)


def _cleaned(column: str) -> str:
    text = f"trim({_source(column)}, ' \t')"
    return f"CASE WHEN {text} IN ({_list(MISSING)}) THEN NULL ELSE {text} END"


def _dates_wanted(row: type[Row], matched: Matched) -> str:
    there = [name for name in (*row.dated, "date") if name in matched.names]
    return f"a date, from {' or '.join(matched.names[name][0] for name in there)}" if there else "a date"


def _filled(row: type[Row], arrival: Arrival, matched: Matched, context: Context) -> str:
    """SQL: what lands in a column: the typed cell, null or its default where nothing stands."""
    name, kind = arrival.column.name, arrival.column.type
    if name == "details":
        return _details(matched.extras)
    if name == "date":
        return _date(row, matched, context)
    if name == "as_of":
        return _as_of(row, matched, context)
    default = context.place if name == row.place and context.place is not None else arrival.default
    fallback = f"CAST({'NULL' if default is None else literal(default)} AS {SQL_TYPES[kind]})"
    if name not in matched.names:
        return fallback
    typed = quoted(_TYPED + name)
    return typed if default is None else f"CASE WHEN {quoted(_CLEAN + matched.names[name][0])} IS NULL THEN {fallback} ELSE {typed} END"


def _typed(arrival: Arrival, column: str, scale: float) -> str:
    kind, text = arrival.column.type, quoted(_CLEAN + column)
    if arrival.column.choices:
        return _choice(text, arrival)
    if kind == pa.bool_():
        return f"CASE {' '.join(f'WHEN lower({text}) IN ({_list(words)}) THEN {value}' for value, words in _BOOLEANS.items())} END"
    if kind == pa.int64():
        return f"CASE WHEN regexp_full_match({text}, '[+-]?[0-9]+') THEN TRY_CAST({text} AS BIGINT) ELSE {_whole(text)} END"
    if kind == pa.float64():
        return _number(text) if scale == 1 else f"({_number(text)} * CAST({scale!r} AS DOUBLE))"
    if kind == pa.date32():
        return f"CASE WHEN regexp_matches({text}, {literal(DATE_PATTERN)}) THEN TRY_CAST(left({text}, 10) AS DATE) END"
    return _instant(text) if kind == _INSTANTS else text


def _list(words: Sequence[str]) -> str:
    return ", ".join(map(literal, words))


def _choice(text: str, arrival: Arrival) -> str:
    """SQL: the choice that a text means, in any case and with blanks or hyphens for underscores; null for none."""
    meanings = {choice: choice for choice in arrival.column.choices} | dict(arrival.words)
    plain = f"replace(replace(lower({text}), ' ', '_'), '-', '_')"
    return f"CASE {plain} {' '.join(f'WHEN {literal(word)} THEN {literal(meant)}' for word, meant in meanings.items())} END"


def _number(text: str) -> str:
    return f"TRY_CAST(CASE WHEN contains({text}, '_') THEN NULL ELSE {text} END AS DOUBLE)"


def _whole(text: str) -> str:
    """SQL: a whole number, also one that went through a float; null for any other."""
    number = _number(text)
    return f"CASE WHEN {number} = trunc({number}) THEN TRY_CAST({number} AS BIGINT) END"


def _instant(text: str) -> str:
    """SQL: an ISO instant, in UTC where it names no offset, or seconds or milliseconds since 1970."""
    plain = f"regexp_replace(replace({text}, ',', '.'), '\\s+Z$', 'Z')"
    iso = f"regexp_replace({plain}, '^(.{{10}}[T ]\\d\\d:\\d\\d)(\\s?(Z|[+-].*))?$', '\\1:00\\2')"
    return (
        f"CASE WHEN regexp_matches({text}, {literal(_INSTANT)}) "
        f"THEN coalesce(TRY_CAST({text} AS TIMESTAMPTZ), TRY_CAST({iso} AS TIMESTAMPTZ)) "
        f"WHEN regexp_matches({text}, {literal(_SECONDS)}) THEN to_timestamp(TRY_CAST({text} AS DOUBLE)) "
        f"WHEN regexp_matches({text}, {literal(_MILLISECONDS)}) "
        f"THEN make_timestamptz(CAST(TRY_CAST({text} AS DOUBLE) AS BIGINT) * 1000) END"
    )


def _date(row: type[Row], matched: Matched, context: Context) -> str:
    """SQL: the day of the first of the dating columns that has one, else the day of the version."""
    kinds = {arrival.column.name: arrival.column.type for arrival in arrivals(row)}
    found = []
    for name in dict.fromkeys((*row.dated, "date")):
        if name in matched.names:
            typed = quoted(_TYPED + name)
            found.append(f"CAST({typed} AT TIME ZONE 'UTC' AS DATE)" if kinds[name] == _INSTANTS else typed)
    return f"coalesce({', '.join([*found, _as_of(row, matched, context)])})"


def _as_of(row: type[Row], matched: Matched, context: Context) -> str:
    is_dated = any(name in matched.names for name in (*row.dated, "date", "as_of"))
    stated = context.as_of if context.as_of is not None or is_dated else context.modified
    fallback = "CAST(NULL AS DATE)" if stated is None else f"DATE {literal(stated)}"
    return f"coalesce({quoted(_TYPED + 'as_of')}, {fallback})" if "as_of" in matched.names else fallback


def _details(extras: Sequence[str]) -> str:
    if not extras:
        return "CAST(NULL AS VARCHAR)"
    members = ", ".join(f"{literal(extra)}: nullif(trim({_source(extra)}), '')" for extra in extras)
    return f"nullif(CAST(json_merge_patch('{{}}', to_json({{{members}}})) AS VARCHAR), '{{}}')"


def _problems(arrival: Arrival, column: str, policy: IntakePolicy) -> list[Problem]:
    declared, name = arrival.column, arrival.column.name
    clean, typed = quoted(_CLEAN + column), quoted(_TYPED + name)
    found = [Problem(name, f"{clean} IS NULL", "a value", _FILL)] if arrival.is_required else []
    lost = f"{clean} IS NOT NULL AND {typed} IS NULL"
    if declared.choices:
        return [*found, Problem(name, lost, f"one of {', '.join(declared.choices)}", "use one of these words")]
    if declared.type == pa.string():
        return found + _text_problems(column, name, policy, is_free=arrival.is_free)
    expected, step = _EXPECTED[declared.type]
    found.append(Problem(name, lost, expected, step))
    if declared.type == pa.float64():
        found.append(Problem(name, f"NOT isfinite({typed})", "a finite number", "leave the cell empty where there is no value"))
    if declared.type in (pa.date32(), _INSTANTS):
        found.append(Problem(name, f"NOT isfinite({typed}) OR year({typed}) NOT BETWEEN 1 AND 9999", "a year from 1 to 9999", step))
    for kind, limit in declared.bounds:
        sign, shown = _LIMITS[kind]
        unit = f" {declared.unit}" if declared.unit else ""
        found.append(Problem(name, f"NOT ({typed} {sign} {limit!r})", f"a number {shown} {limit}{unit}", "check the unit and the sign"))
    return found


def is_plain(column: pa.ChunkedArray, policy: IntakePolicy) -> bool:
    """Whether every text of a column is short and free of control characters, looked at as a whole."""
    longest = pc.max(pc.utf8_length(column)).as_py() or 0
    return longest <= policy.max_text_length and not pc.any(pc.match_substring_regex(column, _CONTROL)).as_py()


_EXPECTED = {
    pa.bool_(): ("true or false", "write true or false"),
    pa.int64(): ("a whole number", "write digits, without unit or separators"),
    pa.float64(): ("a number", "write digits with a decimal point, without unit or separators"),
    pa.date32(): ("an ISO date", "write it as 2025-11-03 (year-month-day)"),
    _INSTANTS: ("an ISO instant", "write it as 2025-11-03T10:00:00Z, or as milliseconds since 1970"),
}


def _text_problems(column: str, name: str, policy: IntakePolicy, *, is_free: bool) -> list[Problem]:
    cell, control, limit = _source(column), _CONTROL_BUT_LINES if is_free else _CONTROL, policy.max_text_length
    return [
        Problem(name, f"length({cell}) > {limit}", f"at most {limit:,} characters", "shorten it", is_of_text=True),
        Problem(
            name,
            f"regexp_matches({cell}, {literal(control)})",
            "text without control characters",
            "remove the control characters",
            is_of_text=True,
        ),
    ]
