"""What windows of scored weeks say about calibration: metrics with intervals and verdicts, drift, and curves.

Belongs here: reading scores into arrays, and the arrangement of figures into contract columns.
Does not belong here: formulas without columns (``stats/``) and verdicts (``rules.py``).

A sum of floating point numbers depends on its order, and the same telemetry must give the same bits: what is read back from
history is sorted before it is summed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.contract import columns, filled, together
from governance_assets.domains.calibration import contracts, rules
from governance_assets.domains.scores.contracts import CELL, DATES, task_columns
from governance_assets.policy import CalibrationPolicy
from governance_assets.policy.calibration import StratumWindows
from governance_assets.stats.arrays import Counts, Flags, Floats
from governance_assets.stats.averages import Average, Averaged, averages, mean_over_groups
from governance_assets.stats.dependent_mean import MeanShift, mean_shift
from governance_assets.stats.grouped_shares import SharesOfWindows
from governance_assets.stats.rank_coverage import Hits, interval_hits, pit_shares, quantile_hits, share_text
from governance_assets.stats.sql_text import are_among, quoted
from governance_assets.stats.table_columns import codes, days, floats, nullable
from governance_assets.stats.windows import Spans, Sums, group_sums, not_older, side_by_side, spans

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
_DAYS = 7
_OVERALL = StratumWindows(stratum="overall", windows=("since_start",))


# ---------------------------------------------------------------- tasks, week by week


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


def _tasks(con: duckdb.DuckDBPyConnection, scores: str, weeks: Sequence[dt.date], policy: CalibrationPolicy) -> Iterator[_Tasks]:
    """The tasks of each model and evaluation set, for targets up to the last of ``weeks``."""
    until = f"week <= DATE '{max(weeks)}'" if weeks else "false"
    axis = [row[0] for row in con.execute(f"SELECT DISTINCT week FROM {quoted(scores)} WHERE {until} ORDER BY ALL").fetchall()]
    models = con.execute(f"SELECT DISTINCT model_id, forecast_type FROM {quoted(scores)} WHERE {until} ORDER BY ALL").fetchall()
    further = con.execute(f"SELECT DISTINCT unnest(json_keys(strata)) FROM {quoted(scores)} ORDER BY ALL").fetchall()
    strata = task_columns(name for (name,) in further)
    members = [are_among(chosen.filters, {**strata, "model_id": "model_id"}) for chosen in policy.evaluation_sets]
    chosen = ", ".join(
        [f"{sql} AS {quoted('in ' + name)}" for name, sql in strata.items()]
        + [f"({sql})::DOUBLE AS {quoted('number ' + name)}" for name, sql in _NUMBERS.items()]
        + [f"coalesce({sql}, false) AS {quoted(f'member {position}')}" for position, sql in enumerate(members)]
    )
    for model_id, kind in models:
        table = con.execute(
            f"""SELECT week, date_trunc('week', reference_date)::DATE AS reference_week, observed IS NOT NULL AS is_observed,
                       levels, n_below, n_at_or_below, pit_lower, pit_upper, {chosen}
                FROM {quoted(scores)} WHERE model_id = ? AND forecast_type = ? AND {until}
                ORDER BY week, target, reference_date, horizon, location, target_end_date, strata""",
            [model_id, kind],
        ).to_arrow_table()
        for position, entry in enumerate(policy.evaluation_sets):
            part = table.filter(table[f"member {position}"])
            if part.num_rows:
                yield _as_tasks(part, model_id, kind, entry.name, axis, list(strata))


def _as_tasks(table: pa.Table, model_id: str, kind: str, evaluation_set: str, axis: list[dt.date], strata: list[str]) -> _Tasks:
    level_codes, level_texts = codes(table["levels"])
    return _Tasks(
        model_id=model_id,
        kind=kind,
        evaluation_set=evaluation_set,
        axis=axis,
        week=np.searchsorted(days(pa.array(axis)), days(table["week"])).astype(np.int64),
        reference_week=days(table["reference_week"]) // _DAYS,
        is_observed=table["is_observed"].to_numpy(),
        strata={"overall": (np.zeros(table.num_rows, dtype=np.int64), [""])} | {name: codes(table[f"in {name}"]) for name in strata},
        numbers={name: floats(table[f"number {name}"]) for name in _NUMBERS if name not in _NOT_STATED[kind]},
        levels=(level_codes, [[float(level) for level in text.split(",")] for text in level_texts]),
        n_below=floats(table["n_below"]),
        n_at_or_below=floats(table["n_at_or_below"]),
        pit=(floats(table["pit_lower"]), floats(table["pit_upper"])),
    )


# ---------------------------------------------------------------- metrics


def calibration_metrics(
    con: duckdb.DuckDBPyConnection, scores: str, intervals: str, weeks: Sequence[dt.date], policy: CalibrationPolicy
) -> pa.Table:
    """Every metric of every model, evaluation set and stratum over the windows that end with each of ``weeks``."""
    parts = []
    for tasks in _tasks(con, scores, weeks, policy):
        ends = sorted(set(weeks) & set(tasks.axis))
        hits = tasks.hits(interval_hits)
        further = _interval_sums(con, intervals, tasks)
        for entry in policy.reported((name for name, (_, labels) in tasks.strata.items() if labels), hidden=CELL):
            parts += _stratum_metrics(tasks, hits, further.get(entry.stratum), entry, ends, policy)
        parts.append(_coverage_drift(tasks, hits, ends, policy))
    return together(contracts.CalibrationMetrics, parts)


def _interval_sums(con: duckdb.DuckDBPyConnection, intervals: str, tasks: _Tasks) -> dict[str, tuple[list[str], Sums]]:
    """For each stratum the names and weekly sums of interval widths and scores."""
    table = con.execute(
        f"""SELECT week, stratum, stratum_value, nominal, width, score, n, n_scored FROM {quoted(intervals)}
            WHERE model_id = ? AND forecast_type = ? AND evaluation_set = ? AND week <= ? ORDER BY ALL""",
        [tasks.model_id, tasks.kind, tasks.evaluation_set, max(tasks.axis)],
    ).to_arrow_table()
    found = {}
    for stratum in pc.unique(table["stratum"]).to_pylist():
        part = table.filter(pc.equal(table["stratum"], stratum))
        labels = tasks.strata[stratum][1]
        nominal = np.unique(part["nominal"].to_numpy())
        cell = (
            np.searchsorted(days(pa.array(tasks.axis)), days(part["week"])),
            pc.index_in(part["stratum_value"], pa.array(labels, pa.string())).to_numpy(),
            np.searchsorted(nominal, part["nominal"].to_numpy()),
        )
        shape = (len(tasks.axis), len(labels), len(nominal))
        columns_of = []
        for mean, number in (("width", "n"), ("score", "n_scored")):
            total, count = np.zeros(shape), np.zeros(shape)
            count[cell] = part[number].to_numpy()
            total[cell] = np.nan_to_num(floats(part[mean])) * count[cell]
            columns_of.append(Sums(total, count))
        names = [f"interval_{what}_{share_text(share)}" for what in ("width", "score") for share in nominal]
        found[stratum] = (names, side_by_side(*columns_of))
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
    cells, pooled = (tasks.sums(CELL, values), wanted) if entry.stratum == "overall" else (None, wanted)
    if further is not None and not entry.metrics:
        names, sums = names + further[0], side_by_side(sums, further[1])
        wanted = wanted | {name: Average(name) for name in further[0]}
    judged = _judged(tasks, entry, {name: share for name, share in coverages.items() if name in wanted}, hits, policy)
    parts = []
    for window in entry.windows:
        where = spans(tasks.axis, ends, window)
        totals = sums.over(where)
        n = np.where(_is_recent(tasks, entry.stratum, ends, policy), totals.total[..., 0], 0.0)
        block = _Block(tasks, entry.stratum, window, ends, n, judged.shares.units(where))
        parts.append(_metric_rows(block, "micro", averages(totals, names, wanted), list(wanted), judged, where))
        if cells is not None:
            macro = mean_over_groups(averages(cells.over(where), names[: values.shape[1]], pooled))
            parts.append(_metric_rows(block, "macro", macro, list(pooled), judged, None))
    return parts


@dataclass(frozen=True)
class _Judged:
    """The coverages of one stratum by name, and what gives their intervals when the policy wants some."""

    coverages: Mapping[str, float]
    shares: SharesOfWindows
    has_intervals: bool
    policy: CalibrationPolicy


def _judged(tasks: _Tasks, entry: StratumWindows, coverages: Mapping[str, float], hits: Hits, policy: CalibrationPolicy) -> _Judged:
    groups, labels = tasks.strata[entry.stratum]
    hit = hits.hit[:, [hits.nominal.index(nominal) for nominal in coverages.values()]]
    shares = SharesOfWindows(
        tasks.week,
        groups,
        tasks.reference_week,
        tasks.is_observed,
        hit,
        len(tasks.axis),
        len(labels),
        policy.min_weeks,
        policy.confidence,
    )
    return _Judged(coverages, shares, entry.intervals, policy)


@dataclass(frozen=True)
class _Block:
    """The rows of one stratum in one window, before they are written out: (windows, groups) each."""

    tasks: _Tasks
    stratum: str
    window: str
    ends: list[dt.date]
    n: Floats
    n_weeks: Counts


def _metric_rows(block: _Block, average: str, figures: Averaged, metrics: list[str], judged: _Judged, where: Spans | None) -> pa.Table:
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
        interval[:, column] = judged.shares.bounds(where)[end, group]
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
        value=nullable(value),
        lower=nullable(interval[..., 0]),
        upper=nullable(interval[..., 1]),
        n=pa.array(np.repeat(block.n[end, group], repeats).astype(np.int64)),
        n_scored=pa.array(count.ravel().astype(np.int64)),
        n_weeks=pa.array(np.repeat(n_weeks, repeats)),
        interval_simulated_coverage=nullable(interval[..., 2]),
        verdict=pa.array(verdict.ravel(), pa.string()),
        status=pa.array(status.ravel(), pa.string()),
    )


def _metric_table(tasks: _Tasks, rows: int, **given: Any) -> pa.Table:
    given |= {"model_id": tasks.model_id, "forecast_type": tasks.kind, "evaluation_set": tasks.evaluation_set}
    return filled(contracts.CalibrationMetrics, rows, given)


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


def _is_recent(tasks: _Tasks, stratum: str, ends: list[dt.date], policy: CalibrationPolicy) -> Flags:
    """Whether a value of the stratum is reported, (ends, values): scores of dates long before the end week stand in earlier weeks."""
    labels = tasks.strata[stratum][1]
    if stratum not in DATES:
        return np.ones((len(ends), len(labels)), dtype=bool)
    return not_older([dt.date.fromisoformat(label) for label in labels], ends, policy.max_date_age_weeks)


_DRIFT_SCHEMA = pa.schema(
    [
        (c.name, c.type)
        for c in columns(contracts.CalibrationMetrics)
        if c.name in ("week", "value", "lower", "upper", "n", "n_scored", "n_weeks", "verdict")
    ]
)


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
    return together(contracts.CalibrationCurve, parts)


def _curve_points(
    tasks: _Tasks, kind: str, hits: Hits, unit: int, window: str, ends: list[dt.date], where: Spans, policy: CalibrationPolicy
) -> pa.Table:
    """The points of one curve for each end week: shares times ``unit``, the number of bins for a density."""
    sums = tasks.sums("overall", hits.hit).over(where)
    total, count = sums.total[:, 0], sums.count[:, 0]
    entry = _OVERALL.model_copy(update={"intervals": kind != "pit"})
    judged = _judged(tasks, entry, {share_text(nominal): nominal for nominal in hits.nominal}, hits, policy)
    bounds = judged.shares.bounds(where)[:, 0] if entry.intervals and len(ends) else np.full((*total.shape, 3), np.nan)
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
        "lower": nullable(bounds[end, point, 0]),
        "upper": nullable(bounds[end, point, 1]),
        "n": pa.array(count[end, point].astype(np.int64)),
    }
    return pa.table({name: pa.repeat(value, len(end)) if isinstance(value, str) else value for name, value in given.items()})
