"""What windows of predictions say of each engine.

Belongs here: choosing the weeks of a window and their errors. Does not belong here: scores (``stats/``) and verdicts (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.mmm.contracts import MmmBacktest
from governance_assets.policy import MmmPolicy
from governance_assets.stats.arrays import Floats
from governance_assets.stats.explained_share import fold_spread, r_squared
from governance_assets.stats.forecast_errors import relative_improvement
from governance_assets.stats.limits import below
from governance_assets.stats.rounding import rounded
from governance_assets.stats.shift_watch import standardised_errors, watch_shifts

_WEEK = dt.timedelta(days=7)

Row = dict[str, Any]


def mmm_backtest(con: duckdb.DuckDBPyConnection, predictions: str, weeks: Sequence[dt.date], policy: MmmPolicy) -> pa.Table:
    """One row is what one engine was worth for one tenant over a window that ends with one of the asked weeks."""
    rows: list[Row] = []
    for _, every in groupby(_recorded(con, predictions), key=lambda row: row["tenant"]):
        by_engine = {engine: list(own) for engine, own in groupby(every, key=lambda row: row["engine"])}
        first = min(own[0]["week"] for own in by_engine.values())
        shifts = _shifts(by_engine.get(policy.judged_engine, ()), policy)
        for week in sorted(week for week in weeks if week >= first):
            for length in policy.windows:
                for row in _window_rows(by_engine, week, length, policy):
                    rows.append(row | (shifts.get(week, {}) if row["engine"] == policy.judged_engine else {}))
    return pa.Table.from_pylist(rows, schema=arrow_schema(MmmBacktest))


def _shifts(rows: Sequence[Row], policy: MmmPolicy) -> dict[dt.date, Row]:
    """What the watch over one engine's errors says of each week it judges."""
    usable = [row for row in rows if row["crps"] is not None and row["upper"] > row["lower"]]
    if not usable:
        return {}
    columns = (np.array([row[name] for row in usable]) for name in ("observed", "median", "lower", "upper"))
    found = watch_shifts(standardised_errors(*columns, policy.confidence), run_length=policy.shift_run_length)
    return {
        row["week"]: {"shift_score": rounded(score), "shift_limit": rounded(limit), "shift_size": rounded(size)}
        for row, score, limit, size in zip(usable, found.score, found.limit, found.size, strict=True)
        if math.isfinite(score)
    }


def _recorded(con: duckdb.DuckDBPyConnection, predictions: str) -> list[Row]:
    found = con.execute(f"SELECT * FROM {predictions} ORDER BY tenant, engine, week").to_arrow_table()
    return list(found.to_pylist())


def _window_rows(by_engine: Mapping[str, Sequence[Row]], week: dt.date, length: int, policy: MmmPolicy) -> Iterator[Row]:
    here = {engine: _cases(rows, week, length) for engine, rows in by_engine.items()}
    before = {engine: _cases(rows, week - _WEEK, length) for engine, rows in by_engine.items()}
    for engine, cases in here.items():
        source = next((row["source"] for row in by_engine[engine] if row["week"] == week), None)
        if source is None:
            continue
        improvement, earlier = (_improvement(each, engine, policy.baseline_engine) for each in (here, before))
        yield {
            "week": week,
            "tenant": by_engine[engine][0]["tenant"],
            "engine": engine,
            "source": source,
            "window": f"trailing_{length}",
            "n": len(cases),
            "n_missing": length - len(cases),
            "n_zero": sum(row["observed"] == 0 for row in cases.values()),
            **_errors(list(cases.values())),
            "validation_r2": _r2(list(_cases(by_engine[engine], week - length * _WEEK, length).values()), length),
            "fold_r2_std": rounded(fold_spread(*_pair(cases.values()), policy.fold_weeks)),
            "mae_improvement": rounded(improvement),
            "mae_improvement_change": rounded(improvement - earlier),
            "inbox": _entry(engine, length, improvement, earlier, policy),
            "least_mape_ratio": rounded(min((_mape_ratio(here, engine, name) for name in policy.baselines), default=math.nan)),
        }


def _entry(engine: str, length: int, improvement: float, earlier: float, policy: MmmPolicy) -> str | None:
    """Whether a line is posted: the first that has the figure, and any that moved far from the line before."""
    if engine != policy.judged_engine or length != policy.judged_window or not math.isfinite(improvement):
        return None
    if not math.isfinite(earlier):
        return "first"
    return None if below(abs(improvement - earlier), policy.max_improvement_change) else "moved"


def _cases(rows: Sequence[Row], week: dt.date, length: int) -> dict[dt.date, Row]:
    """What was predicted and observed in the ``length`` weeks that end with ``week``, by week."""
    first = week - (length - 1) * _WEEK
    return {row["week"]: row for row in rows if first <= row["week"] <= week and None not in (row["median"], row["observed"])}


def _errors(cases: Sequence[Row]) -> Row:
    if not cases:
        return {}
    observed, median = _pair(cases)
    errors, size = median - observed, np.abs(observed)
    return {
        "mae": rounded(np.abs(errors).mean()),
        "rmse": rounded(np.sqrt((errors**2).mean())),
        "wmape": rounded(np.abs(errors).sum() / size.sum()) if size.any() else None,
        "mape": rounded(mape(observed, median)),
        "bias": rounded(errors.mean()),
        **(_spread_errors(cases) if all(row["crps"] is not None for row in cases) else {}),
        "r2": _r2(cases, len(cases)),
    }


def _spread_errors(cases: Sequence[Row]) -> Row:
    inside = [row["lower"] <= row["observed"] <= row["upper"] for row in cases]
    return {
        "crps": rounded(np.mean([row["crps"] for row in cases])),
        "coverage": rounded(np.mean(inside)),
        "elpd": rounded(np.sum([row["log_density"] for row in cases])),
    }


def _pair(cases: Any) -> tuple[Floats, Floats]:
    rows = list(cases)
    return np.array([row["observed"] for row in rows], dtype=np.float64), np.array([row["median"] for row in rows], dtype=np.float64)


def _r2(cases: Sequence[Row], length: int) -> float | None:
    """R² of the cases if there are ``length`` of them."""
    return rounded(r_squared(*_pair(cases))) if len(cases) == length else None


def mape(observed: Floats, median: Floats) -> float:
    """Mean of absolute errors over absolute observed values, those that are 0 left out; NaN when none is left."""
    known = observed != 0
    return float((np.abs(median - observed)[known] / np.abs(observed)[known]).mean()) if known.any() else math.nan


def _improvement(cases: Mapping[str, Mapping[dt.date, Row]], engine: str, baseline: str) -> float:
    """Relative improvement of the MAE on weeks that both predicted; NaN when there is none."""
    own, other = _shared(cases, engine, baseline)
    if not own:
        return math.nan
    return relative_improvement(*(float(np.abs(np.subtract(*_pair(each))).mean()) for each in (own, other)))


def _mape_ratio(cases: Mapping[str, Mapping[dt.date, Row]], engine: str, baseline: str) -> float:
    own, other = (mape(*_pair(each)) for each in _shared(cases, engine, baseline))
    return other / own if own > 0 else math.nan


def _shared(cases: Mapping[str, Mapping[dt.date, Row]], engine: str, baseline: str) -> tuple[list[Row], list[Row]]:
    own, other = cases[engine], cases.get(baseline, {})
    both = sorted(own.keys() & other.keys())
    return [own[week] for week in both], [other[week] for week in both]
