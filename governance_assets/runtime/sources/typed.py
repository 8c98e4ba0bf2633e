"""Text and numbers to typed rows, with the first problem of every row that cannot be one.

Belongs here: what a cell must look like, as SQL over a relation handed in. Does not belong here: what makes a whole task
wrong (``tasks.py``), or opening files (``tables.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from governance_assets.policy import IntakePolicy
from governance_assets.runtime.sources.columns import STRATUM_PREFIX
from governance_assets.runtime.sources.outcome import Context

QUANTILE, SAMPLE, OBSERVATION, UNUSED = "quantile_forecasts", "sample_forecasts", "observations", "unused"
UNUSED_OUTPUT_TYPES = ("mean", "median", "cdf", "pmf", "point", "mode")
LEVEL_DECIMALS = 10
"""Levels are rounded to this many decimals, so that 0.025 written as text and as a float are one level."""

LARGEST_HORIZON = 100_000

MISSING = ("", "NA", "N/A", "NULL", "null", "None", "none", "na")
_CONTROL = r"[\x00-\x1f\x7f-\x{9f}]"
DATE_PATTERN = r"^\s*\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s?(Z|[+-]\d{2}:?\d{2})?)?\s*$"
_UNITS = {"day": "1 DAY", "week": "7 DAY", "month": "1 MONTH", "quarter": "3 MONTH", "year": "1 YEAR"}
_LEGACY_TARGET = r"^(-?\d+) (day|wk|week|month) ahead (.*)$"
_WRITE_DATE = "write it as 2025-11-03 (year-month-day)"
_FILL = "fill it or leave the row out"


@dataclass(frozen=True)
class Problem:
    """One way in which a row is wrong; ``when`` is SQL over the typed columns."""

    part: str
    when: str
    expected: str
    next_step: str
    is_of_text: bool = False
    """Whether any text can have it; a look at the whole column then tells that no cell has."""


@dataclass(frozen=True)
class Query:
    """SQL that types a relation, and the meaning of its ``problem`` column (a position in ``problems``, from 1)."""

    sql: str
    problems: tuple[Problem, ...]
    is_safe: bool
    """No row can have a problem."""


Types = Mapping[str, str]
"""Part, or stratum: name, to the kind of its column: text, int, float or date."""


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL string."""
    return "'" + text.replace("'", "''") + "'"


def is_missing(name: str, kind: str) -> str:
    """SQL: nothing stands in the cell."""
    column = quoted(name)
    if kind != "text":
        return f"{column} IS NULL"
    return f"({column} IS NULL OR trim({column}) IN ({', '.join(map(literal, MISSING))}))"


def _as_text(name: str, kind: str) -> str:
    column = quoted(name)
    if kind == "float":
        return (
            f"CASE WHEN {column} = trunc({column}) AND abs({column}) < 1e15 "
            f"THEN CAST(TRY_CAST({column} AS BIGINT) AS VARCHAR) ELSE CAST({column} AS VARCHAR) END"
        )
    return column if kind == "text" else f"CAST({column} AS VARCHAR)"


def _as_number(name: str, kind: str) -> str:
    column = quoted(name)
    if kind == "text":
        return f"TRY_CAST(CASE WHEN contains({column}, '_') THEN NULL ELSE {column} END AS DOUBLE)"
    return "CAST(NULL AS DOUBLE)" if kind == "date" else f"CAST({column} AS DOUBLE)"


def _as_date(name: str, kind: str) -> str:
    column = quoted(name)
    if kind == "text":
        return f"CASE WHEN regexp_matches({column}, {literal(DATE_PATTERN)}) THEN TRY_CAST(left(trim({column}), 10) AS DATE) END"
    return column if kind == "date" else "CAST(NULL AS DATE)"


def _text_problems(part: str, types: Types, policy: IntakePolicy, *, required: bool) -> list[Problem]:
    if part not in types:
        return []
    column, name = quoted(part), part.removeprefix(STRATUM_PREFIX)
    found = []
    if required:
        found.append(Problem(part, f"{column} IS NULL OR CAST({column} AS VARCHAR) = ''", f"a {name}", _FILL))
    if types[part] == "text":
        found.append(
            Problem(
                part,
                f"length({column}) > {policy.max_text_length}",
                f"at most {policy.max_text_length:,} characters",
                "shorten it; an identifier is short",
            )
        )
        control = "text without control characters"
        found.append(Problem(part, f"regexp_matches({column}, {literal(_CONTROL)})", control, "remove the control characters"))
    return found


def _date_problems(part: str, types: Types, *, required: bool = True) -> list[Problem]:
    missing = is_missing(part, types[part])
    found = [Problem(part, missing, "an ISO date", _FILL)] if required else []
    bad = f"NOT {missing} AND {_as_date(part, types[part])} IS NULL"
    out = f"NOT {missing} AND year({_as_date(part, types[part])}) NOT BETWEEN 1 AND 9999"
    expected = "an ISO date"
    return [*found, Problem(part, bad, expected, _WRITE_DATE), Problem(part, out, "a year from 1 to 9999", _WRITE_DATE)]


def _number_problems(part: str, types: Types, *, required: bool, finite: bool = True) -> list[Problem]:
    missing, number = is_missing(part, types[part]), _as_number(part, types[part])
    found = [Problem(part, missing, "a number", _FILL)] if required else []
    found.append(
        Problem(part, f"NOT {missing} AND {number} IS NULL", "a number", "write digits with a decimal point, without unit or separators")
    )
    if finite:
        found.append(
            Problem(part, f"NOT {missing} AND NOT isfinite({number})", "a finite number", "leave the row out where there is no value")
        )
    return found


def unit_sql(context: Context) -> str:
    """SQL: the unit of a row's horizon, null when nothing says it."""
    default = dict(context.units).get("")
    cases = " ".join(f"WHEN {literal(target)} THEN {literal(unit)}" for target, unit in context.units if target)
    fallback = literal(default) if default else "CAST(NULL AS VARCHAR)"
    return f"CASE target {cases} ELSE {fallback} END" if cases else fallback


def forecast_query(
    source: str, types: Types, strata: Sequence[str], context: Context, policy: IntakePolicy, clean: Collection[str] = ()
) -> Query:
    """Type forecasts; ``source`` has one column a part, ``file`` and ``row``; of the ``clean`` parts no cell is at fault."""
    kind = _kind(types)
    is_legacy = "target" in types and "horizon" not in types and types["target"] == "text"
    problems = tuple(problem for problem in _forecast_problems(types, strata, policy) if problem.part not in clean)
    empty = _no_forecast(types)
    dateless = _dateless(types) if context.shape == "hubverse" else "FALSE"
    target = _as_text("target", types["target"]) if "target" in types else "''"
    horizon = f"TRY_CAST({_as_number('horizon', types['horizon'])} AS BIGINT)" if "horizon" in types else "CAST(NULL AS BIGINT)"
    legacy_unit = "CAST(NULL AS VARCHAR)"
    if is_legacy:
        pattern = literal(_LEGACY_TARGET)
        horizon = f"TRY_CAST(nullif(regexp_extract(target, {pattern}, 1), '') AS BIGINT)"
        legacy_unit = f"replace(nullif(regexp_extract(target, {pattern}, 2), ''), 'wk', 'week')"
        target = "regexp_replace(target, '^-?\\d+ (day|wk|week|month) ahead ', '\\1 ahead ')"
    has_end = "target_end_date" in types
    end = _as_date("target_end_date", types["target_end_date"]) if has_end else "CAST(NULL AS DATE)"
    level_column = "quantile_level" if "quantile_level" in types else "output_type_id" if "output_type_id" in types else None
    level = f"round({_as_number(level_column, types[level_column])}, {LEVEL_DECIMALS})" if level_column else "CAST(NULL AS DOUBLE)"
    sample_column = "sample_id" if "sample_id" in types else "output_type_id" if "output_type_id" in types else None
    sample = _as_text(sample_column, types[sample_column]) if sample_column else "CAST(NULL AS VARCHAR)"
    stated = ", ".join(f"{_as_text(STRATUM_PREFIX + s, types[STRATUM_PREFIX + s])} AS {quoted(STRATUM_PREFIX + s)}" for s in strata)
    reference = _as_date("reference_date", types["reference_date"]) if "reference_date" in types else "CAST(NULL AS DATE)"
    chosen = f"CASE WHEN {empty} OR {dateless} THEN '{UNUSED}' ELSE {kind} END"
    problem_sql, found_sql = _cases(problems, types)
    arrived = f"""
        SELECT *, {chosen} AS kind FROM {source}"""
    judged = f"""
        SELECT *, CASE WHEN kind = '{UNUSED}' THEN 0 ELSE {problem_sql} END AS cell_problem FROM ({arrived})"""
    typed = f"""
        SELECT file, row, kind, cell_problem,
            {_as_text("model_id", types["model_id"])} AS model_id,
            CASE WHEN cell_problem = 0 THEN {reference} END AS reference_date,
            CASE WHEN cell_problem = 0 THEN {horizon} END AS horizon,
            {target} AS target,
            {_as_text("location", types["location"]) if "location" in types else "''"} AS location,
            CASE WHEN cell_problem = 0 THEN {end} END AS stated_end,
            coalesce({unit_sql(context)}, {legacy_unit}) AS unit,
            CASE WHEN cell_problem = 0 AND kind = '{QUANTILE}' THEN {level} END AS quantile_level,
            {sample} AS sample_id,
            CASE WHEN cell_problem = 0 THEN {_as_number("predicted", types["predicted"])} END AS predicted,
            CASE cell_problem {found_sql} END AS found
            {"," if stated else ""} {stated}
        FROM ({judged})"""
    undated = len(problems) + 1
    problems = (
        *problems,
        Problem(
            "target_end_date",
            "",
            "a target_end_date, or a reference date, a horizon and the unit of the horizon",
            "add a target_end_date column",
        ),
    )
    sql = f"""
        SELECT * EXCLUDE (stated_end, unit, cell_problem),
            coalesce(stated_end, {_advanced()}) AS target_end_date,
            CASE WHEN kind <> '{UNUSED}' AND cell_problem = 0 AND coalesce(stated_end, {_advanced()}) IS NULL
                THEN {undated} ELSE cell_problem END AS problem
        FROM ({typed})"""
    is_safe = len(problems) == 1 and "target_end_date" in clean
    return Query(sql, problems, is_safe)


def _advanced() -> str:
    whens = " ".join(f"WHEN '{unit}' THEN CAST(reference_date + horizon * INTERVAL {step} AS DATE)" for unit, step in _UNITS.items())
    return f"CASE WHEN abs(horizon) <= {LARGEST_HORIZON} THEN CASE unit {whens} END END"


def _kind(types: Types) -> str:
    if "output_type" in types:
        unused = ", ".join(map(literal, UNUSED_OUTPUT_TYPES))
        return (
            f"CASE lower(trim({_as_text('output_type', types['output_type'])})) WHEN 'quantile' THEN '{QUANTILE}' "
            f"WHEN 'sample' THEN '{SAMPLE}' ELSE CASE WHEN lower(trim({_as_text('output_type', types['output_type'])})) IN ({unused}) "
            f"THEN '{UNUSED}' ELSE 'unknown' END END"
        )
    if "quantile_level" in types and "sample_id" in types:
        return f"CASE WHEN {is_missing('quantile_level', types['quantile_level'])} THEN '{SAMPLE}' ELSE '{QUANTILE}' END"
    return f"'{QUANTILE}'" if "quantile_level" in types else f"'{SAMPLE}'"


def _no_forecast(types: Types) -> str:
    """SQL: a row that states an observation only, as in tables that carry both."""
    if "observed" not in types:
        return "FALSE"
    return " AND ".join(is_missing(part, types[part]) for part in ("model_id", "reference_date", "predicted") if part in types)


def _dateless(types: Types) -> str:
    """SQL: a task of a hub that is not tied to a date, such as the height of a season's peak."""
    parts = [part for part in ("horizon", "target_end_date") if part in types]
    return " AND ".join(is_missing(part, types[part]) for part in parts) if parts else "FALSE"


def _forecast_problems(types: Types, strata: Sequence[str], policy: IntakePolicy) -> tuple[Problem, ...]:
    found: list[Problem] = []
    if "output_type" in types:
        known = ", ".join(("quantile", "sample", *UNUSED_OUTPUT_TYPES))
        found.append(Problem("output_type", "kind = 'unknown'", f"one of {known}", "correct the output type"))
    for part in ("model_id", "location", "target"):
        found += _text_problems(part, types, policy, required=True)
    for stratum in strata:
        found += _text_problems(STRATUM_PREFIX + stratum, types, policy, required=False)
    if "reference_date" in types:
        found += _date_problems("reference_date", types)
    if "horizon" in types:
        found += _number_problems("horizon", types, required=False)
        number = _as_number("horizon", types["horizon"])
        whole = f"NOT {is_missing('horizon', types['horizon'])} AND ({number} <> trunc({number}) OR abs({number}) > {LARGEST_HORIZON})"
        found.append(Problem("horizon", whole, "a whole number of steps", "write the horizon as a whole number"))
    if "target_end_date" in types:
        found += _date_problems("target_end_date", types, required=False)
    found += _number_problems("predicted", types, required=True)
    return (*found, *_level_problems(types, policy))


def _level_problems(types: Types, policy: IntakePolicy) -> list[Problem]:
    found: list[Problem] = []
    level = "quantile_level" if "quantile_level" in types else "output_type_id" if "output_type_id" in types else None
    if level:
        number = f"round({_as_number(level, types[level])}, {LEVEL_DECIMALS})"
        outside = f"NOT {is_missing(level, types[level])} AND NOT ({number} > 0 AND {number} < 1)"
        between = "a level between 0 and 1, both excluded"
        for problem in (*_number_problems(level, types, required=True), Problem(level, outside, between, "write 0.9 for 90 %")):
            found.append(Problem(problem.part, f"kind = '{QUANTILE}' AND ({problem.when})", problem.expected, problem.next_step))
    sample = "sample_id" if "sample_id" in types else "output_type_id" if "output_type_id" in types else None
    if sample:
        missing = Problem(sample, is_missing(sample, types[sample]), "the number of the sample", _FILL)
        for problem in (missing, *_text_problems(sample, types, policy, required=False)):
            found.append(Problem(problem.part, f"kind = '{SAMPLE}' AND ({problem.when})", problem.expected, problem.next_step))
    return found


def _cases(problems: Sequence[Problem], types: Types) -> tuple[str, str]:
    """SQL: the position of the first problem (0 for none), and what stands in the cell at fault."""
    whens = " ".join(f"WHEN {problem.when} THEN {number}" for number, problem in enumerate(problems, 1))
    shown = " ".join(f"WHEN {number} THEN CAST({quoted(problem.part)} AS VARCHAR)" for number, problem in enumerate(problems, 1))
    return f"CASE {whens} ELSE 0 END" if whens else "0", shown or "WHEN -1 THEN NULL"


def observation_query(source: str, types: Types, strata: Sequence[str], policy: IntakePolicy, clean: Collection[str] = ()) -> Query:
    """Type observations; a row without an observed value stays, as null."""
    problems: list[Problem] = []
    for part in ("location", "target"):
        problems += _text_problems(part, types, policy, required=True)
    for stratum in strata:
        problems += _text_problems(STRATUM_PREFIX + stratum, types, policy, required=False)
    problems += _date_problems("target_end_date", types)
    if "as_of" in types:
        problems += _date_problems("as_of", types, required=False)
    problems += _number_problems("observed", types, required=False)
    problems = [problem for problem in problems if problem.part not in clean]
    problem_sql, found_sql = _cases(problems, types)
    unused = "FALSE"
    if "output_type" in types:
        text = f"lower(trim({_as_text('output_type', types['output_type'])}))"
        unused = f"coalesce({text} IN ('cdf', 'pmf'), FALSE)"
    is_point = is_missing("observed", types["observed"])
    as_of = _as_date("as_of", types["as_of"]) if "as_of" in types else "CAST(NULL AS DATE)"
    stated = ", ".join(f"{_as_text(STRATUM_PREFIX + s, types[STRATUM_PREFIX + s])} AS {quoted(STRATUM_PREFIX + s)}" for s in strata)
    sql = f"""
        SELECT file, row, kind, problem,
            {_as_text("target", types["target"]) if "target" in types else "''"} AS target,
            {_as_text("location", types["location"]) if "location" in types else "''"} AS location,
            CASE WHEN problem = 0 THEN {_as_date("target_end_date", types["target_end_date"])} END AS target_end_date,
            CASE WHEN problem = 0 THEN {as_of} END AS as_of,
            CASE WHEN problem = 0 AND NOT {is_point} THEN {_as_number("observed", types["observed"])} END AS observed,
            CASE problem {found_sql} END AS found
            {"," if stated else ""} {stated}
        FROM (
            SELECT *, CASE WHEN kind = '{UNUSED}' THEN 0 ELSE {problem_sql} END AS problem
            FROM (SELECT *, CASE WHEN {unused} THEN '{UNUSED}' ELSE '{OBSERVATION}' END AS kind FROM {source})
        )"""
    return Query(sql, tuple(problems), not problems)
