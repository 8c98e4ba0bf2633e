"""Scores of forecasts: one row a task, sums by level over the weeks, and scores straight on landed files.

Belongs here: SQL over the relations handed in, and the arrangement of its results into contract columns.
Does not belong here: formulas without columns (``stats/``) and verdicts (``rules.py``).

A sum of floating point numbers depends on its order, and the same telemetry must give the same bits: every query that
sums runs on one thread (``_one_thread``).
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from governance_assets.contract import columns, conform, empty
from governance_assets.domains.scores import contracts
from governance_assets.domains.scores.contracts import TASK
from governance_assets.policy import CalibrationPolicy
from governance_assets.stats.sql_text import are_among, doubles, literal, quoted, quoted_names

_NOT_STRATA = {*TASK, "quantile_level", "sample_id", "predicted", "observed", "_task", "_cell"}
_TASK_KEY = {"target_end_date": "DATE", "model_id": "", "reference_date": "INTEGER", "horizon": "BIGINT", "target": "", "location": ""}
_CELL_KEY = {"model_id": "", "horizon": "BIGINT", "target": "", "quantile_level": "DOUBLE"}
"""What the landed columns ``_task`` and ``_cell`` are made of, in order, with types that are no text; strata follow."""
_TASK_ROWS_AT_ONCE = 10_000_000
_LEVEL_DECIMALS = 10


# ---------------------------------------------------------------- one row a forecast


def forecast_scores(
    con: duckdb.DuckDBPyConnection,
    quantiles: str | None,
    samples: str | None,
    observations: str,
    weeks: Sequence[dt.date],
    policy: CalibrationPolicy,
) -> pa.Table:
    """Every forecast for a target in ``weeks`` with its scores, null where nothing is observed."""
    parts = [conform(contracts.ForecastScores, empty(contracts.ForecastScores))]
    with _one_thread(con):
        if quantiles is not None:
            keys, source = _rows_to_score(con, quantiles, observations, weeks)
            con.execute(f"CREATE OR REPLACE TEMP TABLE scores_tasks AS {_quantile_sums(source, keys, policy.nominal_coverage)}")
            _register_level_sets(con, source, keys)
            parts.append(_as_scores(con, "quantile", _quantile_columns(), keys))
        if samples is not None:
            keys, source = _rows_to_score(con, samples, observations, weeks)
            con.execute(f"CREATE OR REPLACE TEMP TABLE scores_tasks AS {_sorted_samples(source, keys, policy.sample_levels)}")
            parts.append(_as_scores(con, "sample", _sample_columns(policy), keys))
        con.execute("DROP TABLE IF EXISTS scores_tasks")
    return pa.concat_tables(parts)


def _rows_to_score(con: duckdb.DuckDBPyConnection, view: str, observations: str, weeks: Sequence[dt.date]) -> tuple[tuple[str, ...], str]:
    """The columns that name a task, and SQL of the rows of ``view`` for targets in ``weeks`` with their observed value."""
    strata = _strata(con, view)
    shared = [column for column in strata if column in _strata(con, observations)]
    _match_observations(con, view, observations, shared, weeks)
    on = " AND ".join(f"f.{quoted(c)} IS NOT DISTINCT FROM o.{quoted(c)}" for c in ("target", *shared, "location", "target_end_date"))
    level = f", round(f.quantile_level, {_LEVEL_DECIMALS}) AS level" if "quantile_level" in _columns(con, view) else ""
    keys = (*TASK, *strata)
    source = f"""SELECT {quoted_names(keys, "f")}, f.predicted, o.observed{level}
                 FROM {quoted(view)} f LEFT JOIN scores_observed o ON {on} WHERE {_in_weeks("f.target_end_date", weeks)}"""
    return keys, source


def _match_observations(
    con: duckdb.DuckDBPyConnection, view: str, observations: str, shared: Sequence[str], weeks: Sequence[dt.date]
) -> None:
    """Table ``scores_observed``: the value for each kind of task, or null where the best matches disagree.

    An observation without a target (or stratum) stands for any; one that names it goes first.
    """
    kinds = ("target", *shared)
    fits = " AND ".join(f"(k.{c} = o.{c} OR {_is_unnamed(f'k.{c}')} OR {_is_unnamed(f'o.{c}')})" for c in map(quoted, kinds))
    exact = " + ".join(f"coalesce((k.{c} = o.{c})::INTEGER, 0)" for c in map(quoted, kinds))
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE scores_observed AS
            WITH kinds AS (SELECT DISTINCT {quoted_names(kinds)} FROM {quoted(view)} WHERE {_in_weeks("target_end_date", weeks)}),
            matches AS (
                SELECT {quoted_names(kinds, "k")}, o.location, o.target_end_date, o.observed, {exact} AS exact
                FROM kinds k JOIN {quoted(observations)} o ON {fits} WHERE {_in_weeks("o.target_end_date", weeks)}
                QUALIFY exact = max(exact) OVER (PARTITION BY {quoted_names(kinds, "k")}, o.location, o.target_end_date)
            )
            SELECT {quoted_names(kinds)}, location, target_end_date,
                   CASE WHEN min(observed) = max(observed) THEN min(observed) END AS observed
            FROM matches GROUP BY ALL"""
    )


def _is_unnamed(column: str) -> str:
    return f"coalesce({column}, '') = ''"


def _quantile_sums(source: str, keys: Sequence[str], nominal: float) -> str:
    """SQL of one row a task: sums over its quantiles, and a signature of its set of levels."""
    low, high = round((1 - nominal) / 2, _LEVEL_DECIMALS), round((1 + nominal) / 2, _LEVEL_DECIMALS)
    # Half an interval has one bound; the median belongs to both sides with half the weight.
    side = "sign(level - 0.5::DOUBLE)"
    # A positive part is half of |x| + x to the last bit. That and counted sign bits are faster than greatest() and comparisons;
    # zero less anything is never the negative zero, which has that bit.
    return f"""
        SELECT {quoted_names(keys)},
               any_value(observed) AS observed,
               count(*)::BIGINT AS n_levels,
               bit_xor(hash(level)) AS signature,
               sum(abs(observed - predicted) + (2 * level - 1) * (observed - predicted)) AS score,
               sum((abs(observed - predicted) - (observed - predicted)) * (1 - {side})) / 2 AS overprediction,
               sum((abs(observed - predicted) + (observed - predicted)) * (1 + {side})) / 2 AS underprediction,
               2 * sum(predicted * least(level, 1 - level) * {side}) AS spread,
               CASE WHEN count(observed) > 0 THEN count_if(signbit(0::DOUBLE - (observed - predicted)))::BIGINT END AS n_below,
               CASE WHEN count(observed) > 0
                    THEN (count(*) - count_if(signbit(0::DOUBLE - (predicted - observed))))::BIGINT END AS n_at_or_below,
               max(CASE WHEN level = 0.5 THEN predicted END) AS median,
               max(CASE WHEN level < 0.5 THEN predicted END) AS inner_low,
               min(CASE WHEN level > 0.5 THEN predicted END) AS inner_high,
               max(CASE WHEN level = {high}::DOUBLE THEN predicted END) - max(CASE WHEN level = {low}::DOUBLE THEN predicted END)
                   AS nominal_width
        FROM ({source}) GROUP BY {quoted_names(keys)}"""


def _register_level_sets(con: duckdb.DuckDBPyConnection, source: str, keys: Sequence[str]) -> None:
    """Table ``scores_levels``: for each signature its levels, whether they pair round 0.5, and the two next to it."""
    same = " AND ".join(f"s.{quoted(key)} IS NOT DISTINCT FROM e.{quoted(key)}" for key in keys)
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE scores_levels AS
            WITH examples AS (SELECT DISTINCT ON (signature, n_levels) signature, n_levels, {quoted_names(keys)} FROM scores_tasks),
            sets AS (
                SELECT e.signature, e.n_levels, list(s.level ORDER BY s.level) AS levels
                FROM ({source}) s JOIN examples e ON {same} GROUP BY e.signature, e.n_levels
            )
            SELECT signature, n_levels, levels, array_to_string(levels, ',') AS text,
                   list_bool_and(list_transform(levels, lambda x: list_contains(levels, round(1 - x, {_LEVEL_DECIMALS})))) AS is_paired,
                   list_max(list_filter(levels, lambda x: x < 0.5)) AS below,
                   list_min(list_filter(levels, lambda x: x > 0.5)) AS above
            FROM sets"""
    )


def _quantile_columns() -> str:
    """SQL over ``scores_tasks`` that gives every score of a quantile forecast its contract name."""
    # The order of operations is scoringutils', so that ties with the observed value fall the same way.
    middle = "coalesce(median, inner_high + (0.5::DOUBLE - above) / (below - above) * (inner_low - inner_high))"
    part = "CASE WHEN is_paired AND observed IS NOT NULL THEN {} / n_levels END"
    return f"""
        SELECT *, text AS level_text, score / n_levels AS wis,
               {part.format("overprediction")} AS part_over,
               {part.format("underprediction")} AS part_under,
               {part.format("greatest(spread, 0)")} AS part_dispersion,
               CASE WHEN n_below = 0 THEN 0 ELSE levels[n_below] END AS pit_lower,
               CASE WHEN n_at_or_below = n_levels THEN 1 ELSE levels[n_at_or_below + 1] END AS pit_upper,
               CASE WHEN observed = {middle} THEN 0
                    WHEN observed < {middle} THEN 1 - 2 * CASE WHEN n_at_or_below = 0 THEN 0 ELSE levels[n_at_or_below] END
                    WHEN observed > {middle} THEN 1 - 2 * CASE WHEN n_below = n_levels THEN 1 ELSE levels[n_below + 1] END END AS bias,
               NULL::DOUBLE AS crps, NULL::DOUBLE AS dss, NULL::BIGINT AS n_samples
        FROM scores_tasks JOIN scores_levels USING (signature, n_levels)"""


def _sorted_samples(source: str, keys: Sequence[str], levels: Sequence[float]) -> str:
    """SQL of one row a task: its samples ascending, and their quantiles by linear interpolation (R's type 7)."""
    wanted = doubles(sorted(levels))
    return f"""
        WITH sorted AS (
            SELECT {quoted_names(keys)}, any_value(observed) AS observed, list_sort(list(predicted)) AS samples
            FROM ({source}) GROUP BY {quoted_names(keys)}
        )
        SELECT *, len(samples) AS n_samples, list_transform({wanted}, lambda p: {_interpolated("p")}) AS quantiles FROM sorted"""


def _interpolated(level: str) -> str:
    at = f"((len(samples) - 1) * {level})"
    low, high = f"samples[floor({at})::BIGINT + 1]", f"samples[ceil({at})::BIGINT + 1]"
    return f"{low} + ({at} - floor({at})) * ({high} - {low})"


def _sample_columns(policy: CalibrationPolicy) -> str:
    """SQL over ``scores_tasks`` that gives every score of a sample forecast its contract name."""
    levels = sorted(policy.sample_levels)
    low, high = ((1 + side * policy.nominal_coverage) / 2 for side in (-1, 1))
    return f"""
        WITH moments AS (
            SELECT *, {_interpolated("0.5::DOUBLE")} AS median, list_avg(samples) AS mean,
                   {_interpolated(f"{high}::DOUBLE")} - ({_interpolated(f"{low}::DOUBLE")}) AS nominal_width
            FROM scores_tasks
        ),
        scored AS (
            SELECT *, list_avg(list_transform(samples, lambda x: (x - mean) * (x - mean))) AS variance,
                   {_crps("observed")} AS crps, {_crps("median")} AS crps_of_median,
                   len(list_filter(samples, lambda x: x < observed)) / n_samples AS share_below,
                   len(list_filter(samples, lambda x: x <= observed)) / n_samples AS share_at_or_below
            FROM moments
        )
        SELECT * EXCLUDE (crps), '{",".join(map(str, levels))}' AS level_text, NULL::DOUBLE AS wis,
               CASE WHEN observed IS NOT NULL THEN greatest(crps, 0) END AS crps,
               CASE WHEN observed < median THEN greatest(crps - crps_of_median, 0) WHEN observed IS NOT NULL THEN 0 END AS part_over,
               CASE WHEN observed > median THEN greatest(crps - crps_of_median, 0) WHEN observed IS NOT NULL THEN 0 END AS part_under,
               CASE WHEN observed IS NOT NULL THEN greatest(crps_of_median, 0) END AS part_dispersion,
               CASE WHEN observed IS NOT NULL THEN len(list_filter(quantiles, lambda q: q < observed)) END AS n_below,
               CASE WHEN observed IS NOT NULL THEN len(list_filter(quantiles, lambda q: q <= observed)) END AS n_at_or_below,
               CASE WHEN observed IS NOT NULL THEN share_below END AS pit_lower,
               CASE WHEN observed IS NOT NULL THEN share_at_or_below END AS pit_upper,
               CASE WHEN observed IS NOT NULL THEN 1 - (share_below + share_at_or_below) END AS bias,
               CASE WHEN variance > 0 THEN (observed - mean) ** 2 / variance + ln(variance) END AS dss
        FROM scored"""


def _crps(observed: str) -> str:
    """Quantile decomposition: the same number as the mean absolute error less half the mean difference of two samples."""
    term = f"(x - {observed}) * (n_samples * ({observed} < x)::INTEGER - i + 0.5::DOUBLE)"
    return f"2 * list_sum(list_transform(samples, lambda x, i: {term})) / n_samples / n_samples"


def _as_scores(con: duckdb.DuckDBPyConnection, kind: str, scored: str, keys: Sequence[str]) -> pa.Table:
    """The rows of ``scored`` in the columns of the contract."""
    made = {
        "week": "date_trunc('week', target_end_date)::DATE",
        "forecast_type": f"'{kind}'",
        "strata": _strata_json(keys[len(TASK) :]),
        "levels": "level_text",
        "overprediction": "part_over",
        "underprediction": "part_under",
        "dispersion": "part_dispersion",
        "ae_median": "abs(observed - median)",
        "error_median": "median - observed",
        "absolute_percentage_error": "CASE WHEN observed <> 0 THEN abs(observed - median) / abs(observed) END",
    }
    chosen = ", ".join(f"{made.get(c.name, c.name)} AS {c.name}" for c in columns(contracts.ForecastScores))
    return conform(contracts.ForecastScores, con.sql(f"SELECT {chosen} FROM ({scored}) ORDER BY ALL").to_arrow_table())


# ---------------------------------------------------------------- sums by level: no row a task


def interval_scores(
    con: duckdb.DuckDBPyConnection,
    quantiles: str | None,
    samples: str | None,
    observations: str,
    weeks: Sequence[dt.date],
    policy: CalibrationPolicy,
) -> pa.Table:
    """Mean width and interval score of every central interval, by week, for the strata that report every metric."""
    parts = [conform(contracts.IntervalScores, empty(contracts.IntervalScores))]
    with _one_thread(con):
        for view, kind in ((quantiles, "quantile"), (samples, "sample")):
            if view is None:
                continue
            keys, source = _rows_to_score(con, view, observations, weeks)
            if kind == "sample":
                unnested = f"unnest({doubles(sorted(policy.sample_levels))}) AS level, unnest(quantiles) AS predicted"
                source = f"SELECT {quoted_names(keys)}, observed, {unnested} FROM ({_sorted_samples(source, keys, policy.sample_levels)})"
            strata = _whole_strata(keys, policy)
            paired = _paired_levels(con, source, keys)
            for chosen in policy.evaluation_sets:
                _sum_levels(con, paired, are_among(chosen.filters, {key: f"{quoted(key)}::VARCHAR" for key in keys}), strata)
                parts += [_interval_means(con, kind, chosen.name, stratum, strata) for stratum in ("overall", *strata)]
        con.execute("DROP TABLE IF EXISTS scores_level_sums")
    return pa.concat_tables(parts)


def _paired_levels(con: duckdb.DuckDBPyConnection, source: str, keys: Sequence[str]) -> str:
    """SQL of the rows of ``source`` that are an end of a central interval of their task."""
    nominal = f"round(abs(2 * level - 1), {_LEVEL_DECIMALS})"
    # The two ends of an interval cancel in the exclusive or; what is left over has no partner.
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE scores_lone AS SELECT {quoted_names(keys)} FROM ({source}) WHERE level <> 0.5
            GROUP BY {quoted_names(keys)} HAVING bit_xor(hash({nominal})) <> 0"""
    )
    ends = f"SELECT * FROM ({source}) WHERE level <> 0.5"
    if not con.sql("SELECT count(*) FROM scores_lone").fetchall()[0][0]:
        return ends
    same = " AND ".join(f"s.{quoted(key)} IS NOT DISTINCT FROM lone.{quoted(key)}" for key in keys)
    return f"""SELECT * FROM ({ends}) s WHERE NOT EXISTS (FROM scores_lone lone WHERE {same})
               UNION ALL BY NAME
               SELECT s.* FROM ({ends}) s JOIN scores_lone lone ON {same}
               QUALIFY count(*) OVER (PARTITION BY {quoted_names(keys, "s")}, {nominal}) = 2"""


def _whole_strata(keys: Sequence[str], policy: CalibrationPolicy) -> list[str]:
    """The columns by which every metric is reported."""
    named = {entry.stratum for entry in policy.strata}
    whole = {entry.stratum for entry in policy.strata if not entry.metrics}
    further = [key for key in (*keys[len(TASK) :], "target") if key not in named]
    return sorted([key for key in keys if key in whole] + (further if "*" in whole else []))


def _sum_levels(con: duckdb.DuckDBPyConnection, source: str, condition: str, strata: Sequence[str]) -> None:
    by = ("week", "model_id", *strata)
    rows = f"SELECT *, date_trunc('week', target_end_date)::DATE AS week FROM ({source}) WHERE {condition}"
    keys = f"{quoted_names(by)}, level"
    sums = _level_sums(rows, keys, keys, "count(*) AS n, sum(predicted) AS predicted")
    intervals = _intervals("sums", by, "low.n, high.predicted - low.predicted AS width")
    con.execute(f"CREATE OR REPLACE TEMP TABLE scores_level_sums AS WITH sums AS MATERIALIZED ({sums}) {intervals}")


def _interval_means(con: duckdb.DuckDBPyConnection, kind: str, name: str, stratum: str, strata: Sequence[str]) -> pa.Table:
    value = {"overall": "''", "target": "nullif(target, '')"}.get(stratum, f"{quoted(stratum)}::VARCHAR")
    order = f"ORDER BY {quoted_names(strata)}" if strata else ""
    rows = con.sql(
        f"""SELECT week, model_id, '{kind}' AS forecast_type, {literal(name)} AS evaluation_set, {literal(stratum)} AS stratum,
                   {value} AS stratum_value, nominal,
                   greatest(sum(width {order}) / sum(n), 0) AS width,
                   CASE WHEN sum(n_scored) > 0 THEN greatest(sum(score {order}) / sum(n_scored), 0) END AS score,
                   sum(n)::BIGINT AS n, sum(n_scored)::BIGINT AS n_scored
            FROM scores_level_sums WHERE {value} IS NOT NULL GROUP BY ALL ORDER BY ALL"""
    )
    return conform(contracts.IntervalScores, rows.to_arrow_table())


def _level_sums(source: str, read: str, keys: str, further: str) -> str:
    """SQL of sums by level: twice the pinball loss is |y − q| + (2τ − 1)(y − q), so that two sums give every score."""
    return f"""
        SELECT {read}, count(error) AS n_scored, sum(abs(error)) AS absolute, sum(error) AS signed, {further}
        FROM (SELECT *, observed - predicted AS error FROM ({source})) GROUP BY {keys}"""


def _intervals(sums: str, by: Sequence[str], further: str) -> str:
    """SQL of one row a central interval: its score, summed over tasks, from the sums of its two levels."""
    same = " AND ".join(f"low.{quoted(c)} IS NOT DISTINCT FROM high.{quoted(c)}" for c in by)
    # What a bound costs: the sum of (l − y) where positive is half of |y − l| − (y − l), and likewise above.
    miss = "((low.absolute - low.signed) + (high.absolute + high.signed)) / 2"
    nominal = f"round(high.level - low.level, {_LEVEL_DECIMALS})"
    return f"""
        SELECT {quoted_names(by, "low")}, {nominal} AS nominal, low.n_scored, {further},
               low.signed - high.signed + 2 / (1 - {nominal}) * ({miss}) AS score
        FROM {sums} low JOIN {sums} high
          ON {same} AND low.level < 0.5 AND high.level = round(1 - low.level, {_LEVEL_DECIMALS})"""


# ---------------------------------------------------------------- scores straight on landed files


def level_scores(con: duckdb.DuckDBPyConnection, forecasts: str, by: Sequence[str]) -> duckdb.DuckDBPyRelation:
    """Weighted interval score, and coverage, width and score of every central interval, by the columns ``by``, in one pass.

    The rows carry ``observed``; unobserved ones are left out. Right only when all tasks of a group have the same levels,
    which pair round 0.5, and no quantiles cross; ``task_scores`` has no such condition. Runs when it is read.
    """
    keys = quoted_names(by)
    rows = f"SELECT *, quantile_level AS level FROM {quoted(forecasts)}"
    # Signs count faster than comparisons: quantiles below are half of unequal + balance, those above half of unequal − balance.
    further = "sum(sign(error)) AS balance, sum(abs(sign(error))) AS unequal"
    strata = _strata(con, forecasts)
    is_keyed = "_cell" in _columns(con, forecasts) and {*by} <= {*_CELL_KEY, *strata}
    sums = _sums_of_cells(rows, by, strata, further) if is_keyed else _level_sums(rows, f"{keys}, level", f"{keys}, level", further)
    coverage = "low.n_scored - (low.unequal - low.balance) / 2 - (high.unequal + high.balance) / 2 AS coverage"
    return con.sql(
        f"""WITH sums AS MATERIALIZED ({sums}),
                 scores AS (SELECT {keys}, sum(absolute + (2 * level - 1) * signed) / sum(n_scored) AS wis FROM sums GROUP BY {keys})
            SELECT {keys}, nominal, wis, coverage / n_scored AS coverage, width / n_scored AS width, score / n_scored AS score, n_scored
            FROM ({_intervals("sums", by, f"{coverage}, low.signed - high.signed AS width")}) JOIN scores USING ({keys})"""
    )


def task_scores(con: duckdb.DuckDBPyConnection, forecasts: str, by: Sequence[str]) -> duckdb.DuckDBPyRelation:
    """Weighted interval score and ranks of each task that the columns ``by`` name; the rows carry ``observed``. Runs when it is read."""
    strata = _strata(con, forecasts)
    if "_task" not in _columns(con, forecasts) or {*by} != {*TASK, *strata}:
        return con.sql(_task_sums(forecasts, quoted_names(by), quoted_names(by)))
    read = ", ".join(["_task", *(f"any_value({quoted(stratum)}) AS {quoted(stratum)}" for stratum in strata)])
    parts = [_task_sums(forecasts, read, "_task", where) for where in _slices(con, forecasts)]
    names = [name if name in strata else f"{_read_back('_task', _TASK_KEY, name)} AS {name}" for name in by]
    return con.sql(f"SELECT {', '.join(names)}, wis, n_below, n_at_or_below FROM ({' UNION ALL '.join(parts)})")


def _task_sums(forecasts: str, read: str, keys: str, where: str = "true") -> str:
    # Two plain sums and a count are faster than one average of their terms, and sign bits are counted faster than comparisons;
    # zero less anything is never the negative zero, which has that bit.
    return f"""
        SELECT {read}, (sum(abs(error)) + 2 * sum((quantile_level - 0.5::DOUBLE) * error)) / count(error) AS wis,
               count_if(signbit(0::DOUBLE - error))::BIGINT AS n_below, count_if(NOT signbit(error))::BIGINT AS n_at_or_below
        FROM (SELECT *, 0::DOUBLE - (predicted - observed) AS error FROM {quoted(forecasts)} WHERE {where}) GROUP BY {keys}"""


def _slices(con: duckdb.DuckDBPyConnection, forecasts: str) -> list[str]:
    """Conditions that share out the tasks, so that the groups of each stay in memory.

    Keys start with the target date, and landed files are sorted by it: a slice skips the row groups of the others.
    """
    found = con.sql(f"SELECT count(*), min(target_end_date), max(target_end_date) FROM {quoted(forecasts)}").fetchall()
    rows, first, last = found[0]
    slices = round(rows / _TASK_ROWS_AT_ONCE)
    if slices < 2 or first is None:
        return ["true"]
    cuts = [f"'{first + (last - first) * number / slices}'" for number in range(1, slices)]
    return [f"_task < {cuts[0]}", *(f"_task >= {a} AND _task < {b}" for a, b in itertools.pairwise(cuts)), f"_task >= {cuts[-1]}"]


def _read_back(key: str, parts: Mapping[str, str], column: str) -> str:
    """SQL of a column from the landed text that it is part of."""
    # Split once for all columns that are read: equal expressions of a query are computed once.
    part = f"string_split({key}, '/')[{[*parts].index(column) + 1}]"
    if parts[column]:
        number = f"try_cast({part} AS {parts[column]})"
        return f"DATE '1970-01-01' + {number}" if column == "reference_date" else number
    # Unescaping is dear and seldom needed.
    return f"CASE WHEN contains({part}, '~') THEN replace(replace(nullif({part}, '~'), '~1', '/'), '~0', '~') ELSE {part} END"


def _sums_of_cells(source: str, by: Sequence[str], strata: Sequence[str], further: str) -> str:
    """``_level_sums`` grouped by one landed text; columns are read back from the few texts."""
    read = ", ".join(["_cell", *(f"any_value({quoted(name)}) AS {quoted(name)}" for name in by if name in strata)])
    names = [quoted(name) if name in strata else f"{_read_back('_cell', _CELL_KEY, name)} AS {name}" for name in by]
    totals = [f"sum({name}) AS {name}" for name in ("absolute", "signed", "balance", "unequal")]
    return f"""
        SELECT {", ".join(names)}, {_read_back("_cell", _CELL_KEY, "quantile_level")} AS level, sum(n_scored)::BIGINT AS n_scored,
               {", ".join(totals)}
        FROM ({_level_sums(source, read, "_cell", further)}) GROUP BY ALL"""


# ---------------------------------------------------------------- parts of queries


@contextmanager
def _one_thread(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    (threads,) = con.execute("SELECT current_setting('threads')").fetchall()[0]
    con.execute("SET threads = 1")
    try:
        yield
    finally:
        con.execute(f"SET threads = {threads}")


def _columns(con: duckdb.DuckDBPyConnection, view: str) -> list[str]:
    return [str(row[0]) for row in con.execute(f"DESCRIBE SELECT * FROM {quoted(view)}").fetchall()]


def _strata(con: duckdb.DuckDBPyConnection, view: str) -> list[str]:
    return sorted(column for column in _columns(con, view) if column not in _NOT_STRATA)


def _strata_json(strata: Sequence[str]) -> str:
    if not strata:
        return "'{}'"
    pairs = ", ".join(f"{{'key': {literal(column)}, 'value': {quoted(column)}}}" for column in strata)
    return f"to_json(map_from_entries(list_filter([{pairs}], lambda e: e.value IS NOT NULL)))::VARCHAR"


def _in_weeks(column: str, weeks: Sequence[dt.date]) -> str:
    """SQL that keeps dates in ``weeks`` (Mondays), as few ranges as possible so that row groups can be skipped."""
    ranges: list[list[dt.date]] = []
    for monday in sorted(set(weeks)):
        if ranges and ranges[-1][1] + dt.timedelta(days=1) == monday:
            ranges[-1][1] = monday + dt.timedelta(days=6)
        else:
            ranges.append([monday, monday + dt.timedelta(days=6)])
    return "(" + " OR ".join([f"{column} BETWEEN DATE '{a}' AND DATE '{b}'" for a, b in ranges] or ["false"]) + ")"
