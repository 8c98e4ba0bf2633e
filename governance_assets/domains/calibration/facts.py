"""Scores of forecasts, and what windows of scored weeks say about calibration and skill.

Belongs here: SQL over the relations handed in, and the arrangement of its results into contract columns.
Does not belong here: formulas without columns (``stats/``) and verdicts (``rules.py``).

A sum of floating point numbers depends on its order, and the same telemetry must give the same bits: every query that
sums runs on one thread (``_one_thread``), and what is read back from history is sorted before it is summed.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.contract import Contract, columns, conform, empty
from governance_assets.domains.calibration import contracts, rules
from governance_assets.policy import CalibrationPolicy
from governance_assets.policy.calibration import EvaluationSet, StratumWindows
from governance_assets.stats.arrays import Counts, Flags, Floats
from governance_assets.stats.averages import Average, Averaged, averages, mean_over_groups
from governance_assets.stats.dependent_mean import MeanShift, mean_shift
from governance_assets.stats.grouped_shares import share_bounds_of_spans, units_seen
from governance_assets.stats.rank_coverage import Hits, interval_hits, pit_shares, quantile_hits, share_text
from governance_assets.stats.skill import PairwiseSums, pairwise_sums_by_block, score_ratios
from governance_assets.stats.skill import relative_skill as relative_skill_of
from governance_assets.stats.windows import Spans, Sums, group_sums, spans, window_totals

_TASK = ("model_id", "target", "reference_date", "horizon", "location", "target_end_date")
_NOT_STRATA = {*_TASK, "quantile_level", "sample_id", "predicted", "observed", "_task", "_cell"}
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
            con.execute(f"CREATE OR REPLACE TEMP TABLE calibration_tasks AS {_quantile_sums(source, keys, policy.nominal_coverage)}")
            _register_level_sets(con, source, keys)
            parts.append(_as_scores(con, "quantile", _quantile_columns(), keys))
        if samples is not None:
            keys, source = _rows_to_score(con, samples, observations, weeks)
            con.execute(f"CREATE OR REPLACE TEMP TABLE calibration_tasks AS {_sorted_samples(source, keys, policy.sample_levels)}")
            parts.append(_as_scores(con, "sample", _sample_columns(policy), keys))
        con.execute("DROP TABLE IF EXISTS calibration_tasks")
    return pa.concat_tables(parts)


def _rows_to_score(con: duckdb.DuckDBPyConnection, view: str, observations: str, weeks: Sequence[dt.date]) -> tuple[tuple[str, ...], str]:
    """The columns that name a task, and SQL of the rows of ``view`` for targets in ``weeks`` with their observed value."""
    strata = _strata(con, view)
    shared = [column for column in strata if column in _strata(con, observations)]
    _match_observations(con, view, observations, shared, weeks)
    on = " AND ".join(f"f.{_name(c)} IS NOT DISTINCT FROM o.{_name(c)}" for c in ("target", *shared, "location", "target_end_date"))
    level = f", round(f.quantile_level, {_LEVEL_DECIMALS}) AS level" if "quantile_level" in _columns(con, view) else ""
    keys = (*_TASK, *strata)
    source = f"""SELECT {_names(keys, "f")}, f.predicted, o.observed{level}
                 FROM {_name(view)} f LEFT JOIN calibration_observed o ON {on} WHERE {_in_weeks("f.target_end_date", weeks)}"""
    return keys, source


def _match_observations(
    con: duckdb.DuckDBPyConnection, view: str, observations: str, shared: Sequence[str], weeks: Sequence[dt.date]
) -> None:
    """Table ``calibration_observed``: the value for each kind of task, or null where the best matches disagree.

    An observation without a target (or stratum) stands for any; one that names it goes first.
    """
    kinds = ("target", *shared)
    fits = " AND ".join(f"(k.{c} = o.{c} OR {_is_unnamed(f'k.{c}')} OR {_is_unnamed(f'o.{c}')})" for c in map(_name, kinds))
    exact = " + ".join(f"coalesce((k.{c} = o.{c})::INTEGER, 0)" for c in map(_name, kinds))
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE calibration_observed AS
            WITH kinds AS (SELECT DISTINCT {_names(kinds)} FROM {_name(view)} WHERE {_in_weeks("target_end_date", weeks)}),
            matches AS (
                SELECT {_names(kinds, "k")}, o.location, o.target_end_date, o.observed, {exact} AS exact
                FROM kinds k JOIN {_name(observations)} o ON {fits} WHERE {_in_weeks("o.target_end_date", weeks)}
                QUALIFY exact = max(exact) OVER (PARTITION BY {_names(kinds, "k")}, o.location, o.target_end_date)
            )
            SELECT {_names(kinds)}, location, target_end_date,
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
        SELECT {_names(keys)},
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
        FROM ({source}) GROUP BY {_names(keys)}"""


def _register_level_sets(con: duckdb.DuckDBPyConnection, source: str, keys: Sequence[str]) -> None:
    """Table ``calibration_levels``: for each signature its levels, whether they pair round 0.5, and the two next to it."""
    same = " AND ".join(f"s.{_name(key)} IS NOT DISTINCT FROM e.{_name(key)}" for key in keys)
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE calibration_levels AS
            WITH examples AS (SELECT DISTINCT ON (signature, n_levels) signature, n_levels, {_names(keys)} FROM calibration_tasks),
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
    """SQL over ``calibration_tasks`` that gives every score of a quantile forecast its contract name."""
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
        FROM calibration_tasks JOIN calibration_levels USING (signature, n_levels)"""


def _sorted_samples(source: str, keys: Sequence[str], levels: Sequence[float]) -> str:
    """SQL of one row a task: its samples ascending, and their quantiles by linear interpolation (R's type 7)."""
    wanted = _doubles(sorted(levels))
    return f"""
        WITH sorted AS (
            SELECT {_names(keys)}, any_value(observed) AS observed, list_sort(list(predicted)) AS samples
            FROM ({source}) GROUP BY {_names(keys)}
        )
        SELECT *, len(samples) AS n_samples, list_transform({wanted}, lambda p: {_interpolated("p")}) AS quantiles FROM sorted"""


def _interpolated(level: str) -> str:
    at = f"((len(samples) - 1) * {level})"
    low, high = f"samples[floor({at})::BIGINT + 1]", f"samples[ceil({at})::BIGINT + 1]"
    return f"{low} + ({at} - floor({at})) * ({high} - {low})"


def _sample_columns(policy: CalibrationPolicy) -> str:
    """SQL over ``calibration_tasks`` that gives every score of a sample forecast its contract name."""
    levels = sorted(policy.sample_levels)
    low, high = ((1 + side * policy.nominal_coverage) / 2 for side in (-1, 1))
    return f"""
        WITH moments AS (
            SELECT *, {_interpolated("0.5::DOUBLE")} AS median, list_avg(samples) AS mean,
                   {_interpolated(f"{high}::DOUBLE")} - ({_interpolated(f"{low}::DOUBLE")}) AS nominal_width
            FROM calibration_tasks
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
        "strata": _strata_json(keys[len(_TASK) :]),
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
                unnested = f"unnest({_doubles(sorted(policy.sample_levels))}) AS level, unnest(quantiles) AS predicted"
                source = f"SELECT {_names(keys)}, observed, {unnested} FROM ({_sorted_samples(source, keys, policy.sample_levels)})"
            strata = _whole_strata(keys, policy)
            paired = _paired_levels(con, source, keys)
            for chosen in policy.evaluation_sets:
                _sum_levels(con, paired, _matches(chosen, {key: f"{_name(key)}::VARCHAR" for key in keys}), strata)
                parts += [_interval_means(con, kind, chosen.name, stratum, strata) for stratum in ("overall", *strata)]
        con.execute("DROP TABLE IF EXISTS calibration_level_sums")
    return pa.concat_tables(parts)


def level_scores(con: duckdb.DuckDBPyConnection, forecasts: str, by: Sequence[str]) -> duckdb.DuckDBPyRelation:
    """Weighted interval score, and coverage, width and score of every central interval, by the columns ``by``, in one pass.

    The rows carry ``observed``; unobserved ones are left out. Right only when all tasks of a group have the same levels,
    which pair round 0.5, and no quantiles cross; ``task_scores`` has no such condition. Runs when it is read.
    """
    keys = _names(by)
    rows = f"SELECT *, quantile_level AS level FROM {_name(forecasts)}"
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
    if "_task" not in _columns(con, forecasts) or {*by} != {*_TASK, *strata}:
        return con.sql(_task_sums(forecasts, _names(by), _names(by)))
    read = ", ".join(["_task", *(f"any_value({_name(stratum)}) AS {_name(stratum)}" for stratum in strata)])
    parts = [_task_sums(forecasts, read, "_task", where) for where in _slices(con, forecasts)]
    names = [name if name in strata else f"{_read_back('_task', _TASK_KEY, name)} AS {name}" for name in by]
    return con.sql(f"SELECT {', '.join(names)}, wis, n_below, n_at_or_below FROM ({' UNION ALL '.join(parts)})")


def _task_sums(forecasts: str, read: str, keys: str, where: str = "true") -> str:
    # Two plain sums and a count are faster than one average of their terms, and sign bits are counted faster than comparisons;
    # zero less anything is never the negative zero, which has that bit.
    return f"""
        SELECT {read}, (sum(abs(error)) + 2 * sum((quantile_level - 0.5::DOUBLE) * error)) / count(error) AS wis,
               count_if(signbit(0::DOUBLE - error))::BIGINT AS n_below, count_if(NOT signbit(error))::BIGINT AS n_at_or_below
        FROM (SELECT *, 0::DOUBLE - (predicted - observed) AS error FROM {_name(forecasts)} WHERE {where}) GROUP BY {keys}"""


def _slices(con: duckdb.DuckDBPyConnection, forecasts: str) -> list[str]:
    """Conditions that share out the tasks, so that the groups of each stay in memory.

    Keys start with the target date, and landed files are sorted by it: a slice skips the row groups of the others.
    """
    found = con.sql(f"SELECT count(*), min(target_end_date), max(target_end_date) FROM {_name(forecasts)}").fetchall()
    rows, first, last = found[0]
    slices = round(rows / _TASK_ROWS_AT_ONCE)
    if slices < 2 or first is None:
        return ["true"]
    cuts = [f"'{first + (last - first) * number / slices}'" for number in range(1, slices)]
    return [f"_task < {cuts[0]}", *(f"_task >= {a} AND _task < {b}" for a, b in itertools.pairwise(cuts)), f"_task >= {cuts[-1]}"]


def _read_back(key: str, parts: Mapping[str, str], column: str) -> str:
    """SQL of a column from the landed text that it is part of."""
    part = f"split_part({key}, '/', {[*parts].index(column) + 1})"
    if parts[column]:
        number = f"try_cast({part} AS {parts[column]})"
        return f"DATE '1970-01-01' + {number}" if column == "reference_date" else number
    # Unescaping is dear and seldom needed.
    return f"CASE WHEN contains({key}, '~') THEN replace(replace(nullif({part}, '~'), '~1', '/'), '~0', '~') ELSE {part} END"


def _sums_of_cells(source: str, by: Sequence[str], strata: Sequence[str], further: str) -> str:
    """``_level_sums`` grouped by one landed text; columns are read back from the few texts."""
    read = ", ".join(["_cell", *(f"any_value({_name(name)}) AS {_name(name)}" for name in by if name in strata)])
    names = [_name(name) if name in strata else f"{_read_back('_cell', _CELL_KEY, name)} AS {name}" for name in by]
    totals = [f"sum({name}) AS {name}" for name in ("absolute", "signed", "balance", "unequal")]
    return f"""
        SELECT {", ".join(names)}, {_read_back("_cell", _CELL_KEY, "quantile_level")} AS level, sum(n_scored)::BIGINT AS n_scored,
               {", ".join(totals)}
        FROM ({_level_sums(source, read, "_cell", further)}) GROUP BY ALL"""


def _level_sums(source: str, read: str, keys: str, further: str) -> str:
    """SQL of sums by level: twice the pinball loss is |y − q| + (2τ − 1)(y − q), so that two sums give every score."""
    return f"""
        SELECT {read}, count(error) AS n_scored, sum(abs(error)) AS absolute, sum(error) AS signed, {further}
        FROM (SELECT *, observed - predicted AS error FROM ({source})) GROUP BY {keys}"""


def _intervals(sums: str, by: Sequence[str], further: str) -> str:
    """SQL of one row a central interval: its score, summed over tasks, from the sums of its two levels."""
    same = " AND ".join(f"low.{_name(c)} IS NOT DISTINCT FROM high.{_name(c)}" for c in by)
    # What a bound costs: the sum of (l − y) where positive is half of |y − l| − (y − l), and likewise above.
    miss = "((low.absolute - low.signed) + (high.absolute + high.signed)) / 2"
    nominal = f"round(high.level - low.level, {_LEVEL_DECIMALS})"
    return f"""
        SELECT {_names(by, "low")}, {nominal} AS nominal, low.n_scored, {further},
               low.signed - high.signed + 2 / (1 - {nominal}) * ({miss}) AS score
        FROM {sums} low JOIN {sums} high
          ON {same} AND low.level < 0.5 AND high.level = round(1 - low.level, {_LEVEL_DECIMALS})"""


def _paired_levels(con: duckdb.DuckDBPyConnection, source: str, keys: Sequence[str]) -> str:
    """SQL of the rows of ``source`` that are an end of a central interval of their task."""
    nominal = f"round(abs(2 * level - 1), {_LEVEL_DECIMALS})"
    # The two ends of an interval cancel in the exclusive or; what is left over has no partner.
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE calibration_lone AS SELECT {_names(keys)} FROM ({source}) WHERE level <> 0.5
            GROUP BY {_names(keys)} HAVING bit_xor(hash({nominal})) <> 0"""
    )
    ends = f"SELECT * FROM ({source}) WHERE level <> 0.5"
    if not con.sql("SELECT count(*) FROM calibration_lone").fetchall()[0][0]:
        return ends
    same = " AND ".join(f"s.{_name(key)} IS NOT DISTINCT FROM lone.{_name(key)}" for key in keys)
    return f"""SELECT * FROM ({ends}) s WHERE NOT EXISTS (FROM calibration_lone lone WHERE {same})
               UNION ALL BY NAME
               SELECT s.* FROM ({ends}) s JOIN calibration_lone lone ON {same}
               QUALIFY count(*) OVER (PARTITION BY {_names(keys, "s")}, {nominal}) = 2"""


def _whole_strata(keys: Sequence[str], policy: CalibrationPolicy) -> list[str]:
    """The columns by which every metric is reported."""
    named = {entry.stratum for entry in policy.strata}
    whole = {entry.stratum for entry in policy.strata if not entry.metrics}
    further = [key for key in (*keys[len(_TASK) :], "target") if key not in named]
    return sorted([key for key in keys if key in whole] + (further if "*" in whole else []))


def _matches(chosen: EvaluationSet, columns: Mapping[str, str]) -> str:
    """SQL that is true for tasks of an evaluation set, given SQL of each column as text; a column that is not there matches nothing."""
    tests = [
        f"{columns[column]} IN ({', '.join(map(_text, values)) or 'NULL'})" if column in columns else "false"
        for column, values in chosen.filters.items()
    ]
    return " AND ".join(tests) or "true"


def _sum_levels(con: duckdb.DuckDBPyConnection, source: str, condition: str, strata: Sequence[str]) -> None:
    by = ("week", "model_id", *strata)
    rows = f"SELECT *, date_trunc('week', target_end_date)::DATE AS week FROM ({source}) WHERE {condition}"
    keys = f"{_names(by)}, level"
    sums = _level_sums(rows, keys, keys, "count(*) AS n, sum(predicted) AS predicted")
    intervals = _intervals("sums", by, "low.n, high.predicted - low.predicted AS width")
    con.execute(f"CREATE OR REPLACE TEMP TABLE calibration_level_sums AS WITH sums AS MATERIALIZED ({sums}) {intervals}")


def _interval_means(con: duckdb.DuckDBPyConnection, kind: str, name: str, stratum: str, strata: Sequence[str]) -> pa.Table:
    value = {"overall": "''", "target": "nullif(target, '')"}.get(stratum, f"{_name(stratum)}::VARCHAR")
    order = f"ORDER BY {_names(strata)}" if strata else ""
    rows = con.sql(
        f"""SELECT week, model_id, '{kind}' AS forecast_type, {_text(name)} AS evaluation_set, {_text(stratum)} AS stratum,
                   {value} AS stratum_value, nominal,
                   greatest(sum(width {order}) / sum(n), 0) AS width,
                   CASE WHEN sum(n_scored) > 0 THEN greatest(sum(score {order}) / sum(n_scored), 0) END AS score,
                   sum(n)::BIGINT AS n, sum(n_scored)::BIGINT AS n_scored
            FROM calibration_level_sums WHERE {value} IS NOT NULL GROUP BY ALL ORDER BY ALL"""
    )
    return conform(contracts.IntervalScores, rows.to_arrow_table())


# ---------------------------------------------------------------- windows of scored weeks

_MEANS = {
    "wis": Average("wis"),
    "crps": Average("crps"),
    "dss": Average("dss"),
    "overprediction": Average("overprediction"),
    "underprediction": Average("underprediction"),
    "dispersion": Average("dispersion"),
    "ae_median": Average("ae_median"),
    "mae": Average("ae_median"),
    "rmse": Average("squared_error", "root_mean"),
    "mape": Average("absolute_percentage_error"),
    "bias": Average("bias"),
    "relative_bias": Average("error_median", "ratio", "absolute_observed"),
    "sharpness": Average("nominal_width"),
}
_NOT_STATED = {"quantile": {"crps", "dss"}, "sample": {"wis"}}
_NUMBERS = {
    **{name: name for name in ("wis", "crps", "dss", "overprediction", "underprediction", "dispersion", "ae_median", "bias")},
    **{name: name for name in ("absolute_percentage_error", "error_median", "nominal_width")},
    "squared_error": "error_median * error_median",
    "absolute_observed": "CASE WHEN error_median IS NOT NULL THEN abs(observed) END",
}
_DATES = ("reference_date", "target_end_date")
_CELL = "location and horizon"
_DAYS = 7
_SUMS_AT_ONCE = 1 << 21
_OVERALL = StratumWindows(stratum="overall", windows=("since_start",))


@dataclass(frozen=True)
class _Tasks:
    """The tasks of one model in one evaluation set, week by week: every array has one entry a task."""

    model_id: str
    kind: str
    evaluation_set: str
    axis: list[dt.date]
    week: Counts
    reference_week: Counts
    is_observed: Flags
    strata: Mapping[str, tuple[Counts, list[str]]]
    numbers: Mapping[str, Floats]
    levels: tuple[Counts, list[list[float]]]
    n_below: Floats
    n_at_or_below: Floats
    pit: tuple[Floats, Floats]

    def slice(self, start: int, stop: int) -> slice:
        """Where the tasks of the weeks from ``start`` up to ``stop`` stand."""
        first, last = np.searchsorted(self.week, [start, stop])
        return slice(int(first), int(last))

    def hits(self, of: Callable[[list[float], Floats, Floats], Hits]) -> Hits:
        """Hits of every nominal share that any task has, NaN for tasks whose levels lack it."""
        codes, sets = self.levels
        parts = [(np.flatnonzero(codes == code), levels) for code, levels in enumerate(sets)]
        found = [(rows, of(levels, self.n_below[rows], self.n_at_or_below[rows])) for rows, levels in parts]
        nominal = sorted({share for _, hits in found for share in hits.nominal})
        matrix = np.full((len(self.week), len(nominal)), np.nan)
        for rows, hits in found:
            matrix[np.ix_(rows, np.searchsorted(nominal, hits.nominal))] = hits.hit
        return Hits(tuple(nominal), matrix)

    def sums(self, stratum: str, values: Floats) -> Sums:
        """Sums of the columns of ``values`` by week and value of the stratum."""
        codes, labels = self.strata[stratum]
        rows = codes >= 0
        return group_sums(self.week[rows], codes[rows], values[rows], len(self.axis), len(labels))


def calibration_metrics(
    con: duckdb.DuckDBPyConnection, scores: str, intervals: str, weeks: Sequence[dt.date], policy: CalibrationPolicy
) -> pa.Table:
    """Every metric of every model, evaluation set and stratum over the windows that end with each of ``weeks``."""
    parts = []
    for tasks in _tasks(con, scores, weeks, policy):
        ends = sorted(set(weeks) & set(tasks.axis))
        hits = tasks.hits(interval_hits)
        further = _interval_sums(con, intervals, tasks)
        for entry in _reported(policy, tasks.strata):
            parts += _stratum_metrics(tasks, hits, further.get(entry.stratum), entry, ends, policy)
        parts.append(_coverage_drift(tasks, hits, ends, policy))
    return _together(contracts.CalibrationMetrics, parts)


def _tasks(con: duckdb.DuckDBPyConnection, scores: str, weeks: Sequence[dt.date], policy: CalibrationPolicy) -> Iterator[_Tasks]:
    """The tasks of each model and evaluation set, for targets up to the last of ``weeks``."""
    until = f"week <= DATE '{max(weeks)}'" if weeks else "false"
    axis = [row[0] for row in con.execute(f"SELECT DISTINCT week FROM {_name(scores)} WHERE {until} ORDER BY ALL").fetchall()]
    models = con.execute(f"SELECT DISTINCT model_id, forecast_type FROM {_name(scores)} WHERE {until} ORDER BY ALL").fetchall()
    strata = _task_columns(con, scores)
    members = [_matches(chosen, {**strata, "model_id": "model_id"}) for chosen in policy.evaluation_sets]
    chosen = ", ".join(
        [f"{sql} AS {_name('in ' + name)}" for name, sql in strata.items()]
        + [f"({sql})::DOUBLE AS {_name('number ' + name)}" for name, sql in _NUMBERS.items()]
        + [f"coalesce({sql}, false) AS {_name(f'member {position}')}" for position, sql in enumerate(members)]
    )
    for model_id, kind in models:
        table = con.execute(
            f"""SELECT week, date_trunc('week', reference_date)::DATE AS reference_week, observed IS NOT NULL AS is_observed,
                       levels, n_below, n_at_or_below, pit_lower, pit_upper, {chosen}
                FROM {_name(scores)} WHERE model_id = ? AND forecast_type = ? AND {until}
                ORDER BY week, target, reference_date, horizon, location, target_end_date, strata""",
            [model_id, kind],
        ).to_arrow_table()
        for position, entry in enumerate(policy.evaluation_sets):
            part = table.filter(table[f"member {position}"])
            if part.num_rows:
                yield _as_tasks(part, model_id, kind, entry.name, axis, list(strata))


def _task_columns(con: duckdb.DuckDBPyConnection, scores: str) -> dict[str, str]:
    """Columns a task can be told apart by, each with SQL that gives it as text, null where the task lacks it."""
    further = con.execute(f"SELECT DISTINCT unnest(json_keys(strata)) FROM {_name(scores)} ORDER BY ALL").fetchall()
    text = {name: f"{_name(name)}::VARCHAR" for name in ("location", "horizon", *_DATES)} | {"target": "nullif(target, '')"}
    text |= {name: f"((strata::JSON)::MAP(VARCHAR, VARCHAR))[{_text(name)}]" for (name,) in further}
    return text | {_CELL: "location || ' ' || coalesce(horizon::VARCHAR, '')"}


def _as_tasks(table: pa.Table, model_id: str, kind: str, evaluation_set: str, axis: list[dt.date], strata: list[str]) -> _Tasks:
    level_codes, level_texts = _codes(table["levels"])
    return _Tasks(
        model_id=model_id,
        kind=kind,
        evaluation_set=evaluation_set,
        axis=axis,
        week=np.searchsorted(_days(pa.array(axis)), _days(table["week"])).astype(np.int64),
        reference_week=_days(table["reference_week"]) // _DAYS,
        is_observed=table["is_observed"].to_numpy(),
        strata={"overall": (np.zeros(table.num_rows, dtype=np.int64), [""])} | {name: _codes(table[f"in {name}"]) for name in strata},
        numbers={name: _floats(table[f"number {name}"]) for name in _NUMBERS if name not in _NOT_STATED[kind]},
        levels=(level_codes, [[float(level) for level in text.split(",")] for text in level_texts]),
        n_below=_floats(table["n_below"]),
        n_at_or_below=_floats(table["n_at_or_below"]),
        pit=(_floats(table["pit_lower"]), _floats(table["pit_upper"])),
    )


def _reported(policy: CalibrationPolicy, strata: Mapping[str, tuple[Counts, list[str]]]) -> Iterator[StratumWindows]:
    """The policy's strata that these tasks have, with the columns that ``*`` stands for."""
    named = {entry.stratum for entry in policy.strata} | {_CELL}
    for entry in policy.strata:
        for stratum in [name for name in strata if name not in named] if entry.stratum == "*" else [entry.stratum]:
            if stratum in strata and strata[stratum][1]:
                yield entry.model_copy(update={"stratum": stratum})


def _interval_sums(con: duckdb.DuckDBPyConnection, intervals: str, tasks: _Tasks) -> dict[str, tuple[list[str], Sums]]:
    """For each stratum the names and weekly sums of interval widths and scores."""
    table = con.execute(
        f"""SELECT week, stratum, stratum_value, nominal, width, score, n, n_scored FROM {_name(intervals)}
            WHERE model_id = ? AND forecast_type = ? AND evaluation_set = ? AND week <= ? ORDER BY ALL""",
        [tasks.model_id, tasks.kind, tasks.evaluation_set, max(tasks.axis)],
    ).to_arrow_table()
    found = {}
    for stratum in pc.unique(table["stratum"]).to_pylist():
        part = table.filter(pc.equal(table["stratum"], stratum))
        labels = tasks.strata[stratum][1]
        nominal = np.unique(part["nominal"].to_numpy())
        cell = (
            np.searchsorted(_days(pa.array(tasks.axis)), _days(part["week"])),
            pc.index_in(part["stratum_value"], pa.array(labels, pa.string())).to_numpy(),
            np.searchsorted(nominal, part["nominal"].to_numpy()),
        )
        shape = (len(tasks.axis), len(labels), len(nominal))
        columns_of = []
        for mean, number in (("width", "n"), ("score", "n_scored")):
            total, count = np.zeros(shape), np.zeros(shape)
            count[cell] = part[number].to_numpy()
            total[cell] = np.nan_to_num(_floats(part[mean])) * count[cell]
            columns_of.append(Sums(total, count))
        names = [f"interval_{what}_{share_text(share)}" for what in ("width", "score") for share in nominal]
        found[stratum] = (names, _side_by_side(*columns_of))
    return found


def _stratum_metrics(
    tasks: _Tasks,
    hits: Hits,
    further: tuple[list[str], Sums] | None,
    entry: StratumWindows,
    ends: list[dt.date],
    policy: CalibrationPolicy,
) -> list[pa.Table]:
    """The metrics of one stratum over its windows; the overall ones also as the mean of the cells' means."""
    coverages = {f"interval_coverage_{share_text(nominal)}": nominal for nominal in hits.nominal}
    names = ["tasks", *tasks.numbers, *coverages]
    values = np.column_stack([np.ones(len(tasks.week)), *tasks.numbers.values(), hits.hit])
    sums = tasks.sums(entry.stratum, values)
    wanted = {name: average for name, average in _MEANS.items() if average.column in names} | {name: Average(name) for name in coverages}
    wanted = {name: average for name, average in wanted.items() if not entry.metrics or name in entry.metrics}
    cells, pooled = (tasks.sums(_CELL, values), wanted) if entry.stratum == "overall" else (None, wanted)
    if further is not None and not entry.metrics:
        names, sums = names + further[0], _side_by_side(sums, further[1])
        wanted = wanted | {name: Average(name) for name in further[0]}
    judged = _JudgedShares(tasks, entry, {name: share for name, share in coverages.items() if name in wanted}, hits, policy)
    parts = []
    for window in entry.windows:
        where = spans(tasks.axis, ends, window)
        totals = sums.over(where)
        n = _without_old_dates(totals.total[..., 0], tasks, entry.stratum, ends, policy)
        block = _Block(tasks, entry.stratum, window, ends, n, judged.units(where))
        parts.append(_metric_rows(block, "micro", averages(totals, names, wanted), list(wanted), judged, where))
        if cells is not None:
            macro = mean_over_groups(averages(cells.over(where), names[: values.shape[1]], pooled))
            parts.append(_metric_rows(block, "macro", macro, list(pooled), judged, None))
    return parts


class _JudgedShares:
    """Intervals, verdicts and states of the coverages of one stratum; windows that hold the same weeks are computed once."""

    def __init__(self, tasks: _Tasks, entry: StratumWindows, coverages: Mapping[str, float], hits: Hits, policy: CalibrationPolicy) -> None:
        self.coverages, self.policy, self.has_intervals = coverages, policy, entry.intervals
        self._tasks = tasks
        self._codes, labels = tasks.strata[entry.stratum]
        self._n_groups = len(labels)
        self._hit = hits.hit[:, [hits.nominal.index(nominal) for nominal in coverages.values()]]
        self._seen = self._weeks_seen()
        self._units_until = self._units_from_start()
        self._units: dict[tuple[int, int], Counts] = {}
        self._bounds: dict[tuple[int, int], Floats] = {}

    def units(self, where: Spans) -> Counts:
        """Reference weeks with an observed task, (windows, groups)."""
        return (
            np.stack([self._units_of(span) for span in _pairs(where)])
            if len(where.starts)
            else np.empty((0, self._n_groups), dtype=np.int64)
        )

    def bounds(self, where: Spans) -> Floats:
        """Lower end, upper end and simulated coverage, (windows, groups, coverages, 3)."""
        missing = sorted(set(_pairs(where)) - self._bounds.keys())
        n_units = int(np.ptp(self._tasks.reference_week)) + 1
        at_once = max(1, _SUMS_AT_ONCE // (self._n_groups * n_units * max(1, self._hit.shape[1])))
        for first in range(0, len(missing), at_once):
            self._add_bounds(missing[first : first + at_once])
        return np.stack([self._bounds[span] for span in _pairs(where)])

    def _weeks_seen(self) -> tuple[Counts, Counts, Counts]:
        """Week, group and reference week of the observed tasks, each combination once, week by week."""
        tasks, seen = self._tasks, (self._codes >= 0) & self._tasks.is_observed
        first, n_units = tasks.reference_week.min(), np.ptp(tasks.reference_week) + 1
        cell = (tasks.week[seen] * self._n_groups + self._codes[seen]) * n_units + tasks.reference_week[seen] - first
        week_and_group, unit = np.divmod(np.unique(cell), n_units)
        week, group = np.divmod(week_and_group, self._n_groups)
        return week, group, unit

    def _units_from_start(self) -> Counts:
        """Reference weeks seen before each position of the axis, (positions, groups): each counts from where it is first seen."""
        week, group, unit = self._seen
        first = np.unique(np.stack([group, unit]), axis=1, return_index=True)[1]
        new = np.zeros((len(self._tasks.axis) + 1, self._n_groups), dtype=np.int64)
        np.add.at(new, (week[first] + 1, group[first]), 1)
        return np.cumsum(new, axis=0)

    def _units_of(self, span: tuple[int, int]) -> Counts:
        if span[0] == 0:
            return np.asarray(self._units_until[span[1]])
        if span not in self._units:
            week, group, unit = self._seen
            rows = slice(*np.searchsorted(week, span))
            self._units[span] = units_seen(group[rows], unit[rows], np.ones(len(unit[rows])), self._n_groups)
        return self._units[span]

    def _add_bounds(self, missing: list[tuple[int, int]]) -> None:
        places = [self._tasks.slice(*span) for span in missing]
        found = share_bounds_of_spans(
            self._codes,
            self._tasks.reference_week,
            self._hit,
            self._n_groups,
            [(place.start, place.stop) for place in places],
            self.policy.min_weeks,
            self.policy.confidence,
        )
        made = np.stack([found.lower, found.upper, found.simulated_coverage], axis=-1)
        self._bounds |= dict(zip(missing, made, strict=True))


@dataclass(frozen=True)
class _Block:
    """The rows of one stratum in one window, before they are written out: (windows, groups) each."""

    tasks: _Tasks
    stratum: str
    window: str
    ends: list[dt.date]
    n: Floats
    n_weeks: Counts


def _metric_rows(
    block: _Block, average: str, figures: Averaged, metrics: list[str], judged: _JudgedShares, where: Spans | None
) -> pa.Table:
    """One row a metric for every window and stratum value that has a task; with verdicts where ``where`` is given."""
    end, group = np.nonzero(block.n > 0)
    value, count = figures.value[end, group], figures.count[end, group]
    column = [metrics.index(name) for name in judged.coverages]
    nominal = np.array(list(judged.coverages.values()))
    interval = np.full((*value.shape, 3), np.nan)
    status, verdict = np.full(value.shape, None, dtype=object), np.full(value.shape, rules.NOT_JUDGED, dtype=object)
    status[:, column] = rules.coverage_status(value[:, column], nominal, judged.policy)
    n_weeks = block.n_weeks[end, group]
    if where is not None and judged.has_intervals and column and len(end):
        interval[:, column] = judged.bounds(where)[end, group]
        lower, upper = interval[:, column, 0], interval[:, column, 1]
        verdict[:, column] = rules.coverage_verdict(lower, upper, nominal, n_weeks[:, None], judged.policy)
    repeats = len(metrics)
    labels = block.tasks.strata[block.stratum][1]
    return _metric_table(
        block.tasks,
        len(end) * repeats,
        week=pa.array(block.ends, pa.date32()).take(pa.array(np.repeat(end, repeats))),
        window=block.window,
        stratum=block.stratum,
        stratum_value=pa.array(labels, pa.string()).take(pa.array(np.repeat(group, repeats))),
        average=average,
        metric=pa.array(metrics, pa.string()).take(pa.array(np.tile(np.arange(repeats), len(end)))),
        value=_nullable(value),
        lower=_nullable(interval[..., 0]),
        upper=_nullable(interval[..., 1]),
        n=pa.array(np.repeat(block.n[end, group], repeats).astype(np.int64)),
        n_scored=pa.array(count.ravel().astype(np.int64)),
        n_weeks=pa.array(np.repeat(n_weeks, repeats)),
        interval_simulated_coverage=_nullable(interval[..., 2]),
        verdict=pa.array(verdict.ravel(), pa.string()),
        status=pa.array(status.ravel(), pa.string()),
    )


def _metric_table(tasks: _Tasks, rows: int, **given: Any) -> pa.Table:
    given |= {"model_id": tasks.model_id, "forecast_type": tasks.kind, "evaluation_set": tasks.evaluation_set}
    return _filled_table(contracts.CalibrationMetrics, rows, given)


def _coverage_drift(tasks: _Tasks, hits: Hits, ends: list[dt.date], policy: CalibrationPolicy) -> pa.Table:
    """Nominal coverage of the last observed weeks less that of all before them, a row for each end week."""
    rows: list[dict[str, Any]] = []
    if policy.nominal_coverage in hits.nominal:
        column = hits.hit[:, [hits.nominal.index(policy.nominal_coverage)]]
        sums = tasks.sums("overall", np.column_stack([np.ones(len(column)), column]))
        total, count, n = sums.total[:, 0, 1], sums.count[:, 0, 1], np.cumsum(sums.total[:, 0, 0])
        for end, stop in zip(ends, spans(tasks.axis, ends, "since_start").stops, strict=True):
            if not n[stop - 1]:
                continue
            known = np.flatnonzero(count[:stop] > 0)
            past, recent = known[: -policy.drift_recent_weeks], known[-policy.drift_recent_weeks :]
            shift = _shift(total, count, recent, past, policy)
            found = shift is not None and not np.isnan(shift.p_value)
            rows.append(
                {
                    "week": end,
                    "value": shift.shift if shift is not None and found else None,
                    "lower": shift.lower if shift is not None and found else None,
                    "upper": shift.upper if shift is not None and found else None,
                    "n": int(n[stop - 1]),
                    "n_scored": int(count[:stop].sum()),
                    "n_weeks": len(known),
                    "verdict": rules.drift_verdict(shift, policy),
                }
            )
    made = pa.Table.from_pylist(rows, schema=_DRIFT_SCHEMA)
    name = f"coverage_drift_{share_text(policy.nominal_coverage)}"
    return _metric_table(
        tasks,
        len(rows),
        **{column: made[column] for column in made.column_names},
        window="since_start",
        stratum="overall",
        stratum_value="",
        average="micro",
        metric=name,
        interval_simulated_coverage=pa.nulls(len(rows), pa.float64()),
        status=pa.nulls(len(rows), pa.string()),
    )


def _shift(total: Floats, count: Floats, recent: Counts, past: Counts, policy: CalibrationPolicy) -> MeanShift | None:
    if len(recent) < policy.drift_recent_weeks or len(past) < policy.drift_min_past_weeks:
        return None
    return mean_shift(
        total[recent] / count[recent],
        total[past] / count[past],
        1 - policy.drift_significance,
        recent_weights=count[recent],
        past_weights=count[past],
    )


def _without_old_dates(n: Floats, tasks: _Tasks | _Field, stratum: str, ends: list[dt.date], policy: CalibrationPolicy) -> Floats:
    """Counts of tasks, 0 for dates so long before the end week that their scores stand in earlier weeks."""
    if stratum not in _DATES:
        return n
    dates = _days(pa.array([dt.date.fromisoformat(label) for label in tasks.strata[stratum][1]], pa.date32()))
    oldest = _days(pa.array(ends, pa.date32())) - policy.max_date_age_weeks * _DAYS
    return np.where(dates >= oldest[:, None], n, 0.0)


def _together(contract: type[Contract], parts: Sequence[pa.Table]) -> pa.Table:
    return conform(contract, pa.concat_tables(parts) if parts else empty(contract))


def _filled_table(contract: type[Contract], rows: int, given: Mapping[str, Any]) -> pa.Table:
    """A table in the contract's order of columns; a text stands in every row."""
    names = list(contract.model_fields)
    return pa.table({name: pa.repeat(given[name], rows) if isinstance(given[name], str) else given[name] for name in names})


def _side_by_side(*sums: Sums) -> Sums:
    return Sums(np.concatenate([one.total for one in sums], axis=-1), np.concatenate([one.count for one in sums], axis=-1))


def _pairs(where: Spans) -> list[tuple[int, int]]:
    return list(zip(where.starts.tolist(), where.stops.tolist(), strict=True))


def _codes(texts: pa.ChunkedArray) -> tuple[Counts, list[str]]:
    """For each text its position among the different texts in order, −1 for null."""
    labels = sorted(pc.unique(texts.drop_null()).to_pylist())
    return pc.fill_null(pc.index_in(texts, pa.array(labels, pa.string())), -1).to_numpy().astype(np.int64), labels


def _floats(numbers: pa.ChunkedArray) -> Floats:
    return np.asarray(numbers.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _days(dates: Any) -> Counts:
    return np.asarray(dates.cast(pa.date32()).cast(pa.int32()).to_numpy(), dtype=np.int64)


def _nullable(numbers: Floats) -> pa.Array:
    return pa.array(numbers.ravel(), from_pandas=True)


def _finite(numbers: Floats) -> pa.Array:
    return _nullable(np.where(np.isinf(numbers), np.nan, numbers))


_DRIFT_SCHEMA = pa.schema(
    [
        (c.name, c.type)
        for c in columns(contracts.CalibrationMetrics)
        if c.name in ("week", "value", "lower", "upper", "n", "n_scored", "n_weeks", "verdict")
    ]
)


# ---------------------------------------------------------------- models against each other

_COMPARED = {"quantile": ("wis", "ae_median"), "sample": ("crps", "ae_median")}


@dataclass(frozen=True)
class _Field:
    """What all models made of the tasks of one evaluation set, (models, tasks), tasks week by week; NaN where there is no score."""

    kind: str
    evaluation_set: str
    models: list[str]
    axis: list[dt.date]
    week: Counts
    strata: Mapping[str, tuple[Counts, list[str]]]
    is_made: Flags
    scores: Mapping[str, Floats]

    def baselines(self, ends: list[dt.date], policy: CalibrationPolicy) -> Counts:
        """For each end week the row of the baseline among the models known by then, −1 for none."""
        first_week = np.where(self.is_made, self.week, len(self.axis)).min(axis=1)
        found = []
        for stop in spans(self.axis, ends, "since_start").stops:
            name = rules.baseline_model([model for model, first in zip(self.models, first_week, strict=True) if first < stop], policy)
            found.append(self.models.index(name) if name in self.models else -1)
        return np.array(found, dtype=np.int64)

    def contests(self, stratum: str, score: str) -> Iterator[_Contests]:
        """The weekly sums of some values of the stratum at a time: so many that memory stays bounded."""
        codes, labels = self.strata[stratum]
        n_weeks = len(self.axis)
        cell = codes * n_weeks + self.week
        order = np.argsort(cell, kind="stable")
        cell = cell[order]
        at_once = max(1, _SUMS_AT_ONCE // (n_weeks * len(self.models) ** 2))
        for first in range(0, len(labels), at_once):
            values = min(at_once, len(labels) - first)
            chosen = slice(*np.searchsorted(cell, [first * n_weeks, (first + values) * n_weeks]))
            yield self._contests_of(order[chosen], cell[chosen] - first * n_weeks, first, values, score)

    def _contests_of(self, tasks: Counts, cell: Counts, first: int, values: int, score: str) -> _Contests:
        cells, starts = np.unique(cell, return_index=True)
        value, week = np.divmod(cells, len(self.axis))
        sums = pairwise_sums_by_block(self.scores[score][:, tasks], starts)
        n_made = np.add.reduceat(self.is_made[:, tasks].astype(np.float64), starts, axis=1)
        shape = (len(self.axis), values, len(self.models))
        total, shared, made = np.zeros((*shape, shape[-1])), np.zeros((*shape, shape[-1])), np.zeros(shape)
        total[week, value], shared[week, value], made[week, value] = sums.total, sums.shared, n_made.T
        return _Contests(slice(first, first + values), total, shared, made)


@dataclass(frozen=True)
class _Contests:
    """Summed scores on shared tasks, and each model's own tasks, by week and value of a stratum: (weeks, values, models[, models])."""

    values: slice
    total: Floats
    shared: Floats
    made: Floats


def relative_skill(con: duckdb.DuckDBPyConnection, scores: str, weeks: Sequence[dt.date], policy: CalibrationPolicy) -> pa.Table:
    """Every model against all others on shared tasks, and pair by pair, over the windows that end with each of ``weeks``."""
    parts: list[pa.Table] = []
    for field in _fields(con, scores, weeks, policy):
        ends = sorted(set(weeks) & set(field.axis))
        baselines = field.baselines(ends, policy)
        for entry in _reported(policy, field.strata):
            for score in _COMPARED[field.kind]:
                parts += _stratum_skill(field, entry, score, ends, baselines, policy)
    return _together(contracts.RelativeSkill, parts)


def _fields(con: duckdb.DuckDBPyConnection, scores: str, weeks: Sequence[dt.date], policy: CalibrationPolicy) -> Iterator[_Field]:
    until = f"week <= DATE '{max(weeks)}'" if weeks else "false"
    strata = {name: sql for name, sql in _task_columns(con, scores).items() if name != _CELL}
    texts = ", ".join(f"{sql} AS {_name('in ' + name)}" for name, sql in strata.items())
    task = "week, target, reference_date, horizon, location, target_end_date, strata"
    for entry in policy.evaluation_sets:
        for kind, compared in _COMPARED.items():
            table = con.execute(
                f"""SELECT dense_rank() OVER (ORDER BY {task}) - 1 AS position, week, model_id, {", ".join(compared)}, {texts}
                    FROM {_name(scores)} WHERE forecast_type = '{kind}' AND {until}
                      AND {_matches(entry, {**strata, "model_id": "model_id"})}
                    ORDER BY position, model_id"""
            ).to_arrow_table()
            if table.num_rows:
                yield _as_field(table, kind, entry.name, list(strata))


def _as_field(table: pa.Table, kind: str, evaluation_set: str, strata: list[str]) -> _Field:
    position = table["position"].to_numpy()
    first = np.unique(position, return_index=True)[1]
    model, models = _codes(table["model_id"])
    week = table["week"].combine_chunks().take(pa.array(first))
    axis = sorted(pc.unique(week).to_pylist())
    shape = (len(models), len(first))
    is_made = np.zeros(shape, dtype=bool)
    is_made[model, position] = True
    scores = {}
    for score in _COMPARED[kind]:
        scores[score] = np.full(shape, np.nan)
        scores[score][model, position] = _floats(table[score])
    codes = {name: _codes(table[f"in {name}"]) for name in strata}
    return _Field(
        kind=kind,
        evaluation_set=evaluation_set,
        models=models,
        axis=axis,
        week=np.searchsorted(_days(pa.array(axis)), _days(week)).astype(np.int64),
        strata={"overall": (np.zeros(len(first), dtype=np.int64), [""])}
        | {name: (code[first], labels) for name, (code, labels) in codes.items()},
        is_made=is_made,
        scores=scores,
    )


def _stratum_skill(
    field: _Field, entry: StratumWindows, score: str, ends: list[dt.date], baselines: Counts, policy: CalibrationPolicy
) -> Iterator[pa.Table]:
    stratum, labels = entry.stratum, field.strata[entry.stratum][1]
    is_recent = _without_old_dates(np.ones((len(ends), len(labels))), field, stratum, ends, policy) > 0
    wheres = {window: spans(field.axis, ends, window) for window in entry.windows}
    pairwise = () if stratum in ("horizon", "location", *_DATES) else policy.pairwise_windows
    for contests in field.contests(stratum, score):
        for window, where in wheres.items():
            made = window_totals(contests.made, where)
            end, value = np.nonzero(made.any(axis=-1) & is_recent[:, contests.values])
            shared = window_totals(contests.shared, where)[end, value].astype(np.int64)
            sums = PairwiseSums(window_totals(contests.total, where)[end, value], shared)
            rows = _SkillRows(field, score, stratum, window, ends, end, contests.values.start + value, made[end, value], sums)
            yield rows.tournament(baselines[end])
            if window in pairwise:
                yield rows.pairs()


@dataclass(frozen=True)
class _SkillRows:
    """Contests of some end weeks and values of a stratum, before they are written out: one entry each."""

    field: _Field
    score: str
    stratum: str
    window: str
    ends: list[dt.date]
    end: Counts
    value: Counts
    made: Floats
    sums: PairwiseSums

    def tournament(self, baseline: Counts) -> pa.Table:
        """Every model that has a task against all others that have one."""
        with np.errstate(divide="ignore", invalid="ignore"):  # a baseline that is perfect, or shares no task
            skill = relative_skill_of(self.sums, baseline)
        here = self.made > 0
        contest, model = np.nonzero(here)
        has_baseline = (baseline >= 0) & np.take_along_axis(here, baseline[:, None], axis=1)[:, 0]
        return self._table(
            contest,
            comparison="tournament",
            model_id=self._names(model),
            compared_with=self._names(np.where(has_baseline, baseline, -1)[contest]),
            ratio=pa.nulls(len(contest), pa.float64()),
            relative_skill=_finite(skill.relative[here]),
            scaled_relative_skill=_finite(skill.scaled[here]),
            n_shared=self.made[here],
            n_pairs_left_out=here.sum(axis=1)[contest] - 1 - skill.n_pairs[here],
        )

    def pairs(self) -> pa.Table:
        """Every two models that have a task, in both directions."""
        here = self.made > 0
        both = here[:, :, None] & here[:, None, :] & ~np.eye(here.shape[1], dtype=bool)
        contest, model, other = np.nonzero(both)
        ratio = score_ratios(self.sums)[both]
        return self._table(
            contest,
            comparison="pairwise",
            model_id=self._names(model),
            compared_with=self._names(other),
            ratio=_finite(ratio),
            relative_skill=pa.nulls(len(contest), pa.float64()),
            scaled_relative_skill=pa.nulls(len(contest), pa.float64()),
            n_shared=self.sums.shared[both],
            n_pairs_left_out=np.isnan(ratio),
        )

    def _names(self, rows: Counts) -> pa.Array:
        return pa.array([*self.field.models, ""], pa.string()).take(pa.array(rows % (len(self.field.models) + 1)))

    def _table(self, contest: Counts, **given: Any) -> pa.Table:
        given |= {name: pa.array(given[name].astype(np.int64)) for name in ("n_shared", "n_pairs_left_out")}
        given |= {
            "week": pa.array(self.ends, pa.date32()).take(pa.array(self.end[contest])),
            "stratum_value": pa.array(self.field.strata[self.stratum][1], pa.string()).take(pa.array(self.value[contest])),
        }
        given |= {"forecast_type": self.field.kind, "evaluation_set": self.field.evaluation_set}
        given |= {"window": self.window, "stratum": self.stratum, "score": self.score}
        return _filled_table(contracts.RelativeSkill, len(contest), given)


# ---------------------------------------------------------------- curves


def calibration_curve(con: duckdb.DuckDBPyConnection, scores: str, weeks: Sequence[dt.date], policy: CalibrationPolicy) -> pa.Table:
    """Reliability of intervals and quantiles, and the PIT histogram, over the windows that end with each of ``weeks``."""
    parts: list[pa.Table] = []
    for tasks in _tasks(con, scores, weeks, policy):
        ends = sorted(set(weeks) & set(tasks.axis))
        middles = tuple((position + 1 / 2) / policy.pit_bins for position in range(policy.pit_bins))
        kinds = {
            "interval": (tasks.hits(interval_hits), 1),
            "quantile": (tasks.hits(lambda levels, n_below, _: quantile_hits(levels, n_below)), 1),
            "pit": (Hits(middles, pit_shares(*tasks.pit, policy.pit_bins)), policy.pit_bins),
        }
        for window in policy.curve_windows:
            where = spans(tasks.axis, ends, window)
            parts += [_curve_points(tasks, kind, hits, unit, window, ends, where, policy) for kind, (hits, unit) in kinds.items()]
    return _together(contracts.CalibrationCurve, parts)


def _curve_points(
    tasks: _Tasks, kind: str, hits: Hits, unit: int, window: str, ends: list[dt.date], where: Spans, policy: CalibrationPolicy
) -> pa.Table:
    """The points of one curve for each end week: shares times ``unit``, the number of bins for a density."""
    sums = tasks.sums("overall", hits.hit).over(where)
    total, count = sums.total[:, 0], sums.count[:, 0]
    entry = _OVERALL.model_copy(update={"intervals": kind != "pit"})
    judged = _JudgedShares(tasks, entry, {share_text(nominal): nominal for nominal in hits.nominal}, hits, policy)
    bounds = judged.bounds(where)[:, 0] if entry.intervals and len(ends) else np.full((*total.shape, 3), np.nan)
    end, point = np.nonzero(count > 0)
    given = {
        "week": pa.array(ends, pa.date32()).take(pa.array(end)),
        "model_id": tasks.model_id,
        "forecast_type": tasks.kind,
        "evaluation_set": tasks.evaluation_set,
        "window": window,
        "kind": kind,
        "nominal": pa.array(np.array(hits.nominal)[point]) if len(point) else pa.array([], pa.float64()),
        "observed": pa.array(unit * total[end, point] / count[end, point]),
        "lower": _nullable(bounds[end, point, 0]),
        "upper": _nullable(bounds[end, point, 1]),
        "n": pa.array(count[end, point].astype(np.int64)),
    }
    return pa.table({name: pa.repeat(value, len(end)) if isinstance(value, str) else value for name, value in given.items()})


# ---------------------------------------------------------------- SQL that several queries share


@contextmanager
def _one_thread(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    (threads,) = con.execute("SELECT current_setting('threads')").fetchall()[0]
    con.execute("SET threads = 1")
    try:
        yield
    finally:
        con.execute(f"SET threads = {threads}")


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _names(identifiers: Sequence[str], relation: str = "") -> str:
    prefix = f"{relation}." if relation else ""
    return ", ".join(prefix + _name(identifier) for identifier in identifiers)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _doubles(numbers: Sequence[float]) -> str:
    return "[" + ", ".join(f"{number!r}::DOUBLE" for number in numbers) + "]"


def _columns(con: duckdb.DuckDBPyConnection, view: str) -> list[str]:
    return [str(row[0]) for row in con.execute(f"DESCRIBE SELECT * FROM {_name(view)}").fetchall()]


def _strata(con: duckdb.DuckDBPyConnection, view: str) -> list[str]:
    return sorted(column for column in _columns(con, view) if column not in _NOT_STRATA)


def _strata_json(strata: Sequence[str]) -> str:
    if not strata:
        return "'{}'"
    pairs = ", ".join(f"{{'key': {_text(column)}, 'value': {_name(column)}}}" for column in strata)
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
