"""Figures that reports publish of backtests, held against the windows stored with them.

Belongs here: finding the windows and recomputing. Does not belong here: how far a figure may be off (policy and ``rules.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.mmm.contracts import PublishedFigures
from governance_assets.domains.mmm.facts_backtests import mape
from governance_assets.stats.arrays import Floats
from governance_assets.stats.forecast_errors import relative_improvement
from governance_assets.stats.rounding import rounded

Row = dict[str, Any]


_BACKTEST = "_backtest"
_ALIASES = {"weighted_mape": "wmape", "relative_mae_improvement": "mae_improvement"}


def published_figures(con: duckdb.DuckDBPyConnection, runs: str | None) -> pa.Table:
    """One row is one published figure of a backtest, and what the newest windows stored until then give."""
    schema = arrow_schema(PublishedFigures)
    if runs is None:
        return schema.empty_table()
    stored = _stored_windows(con, runs)
    rows = con.execute(
        f"""SELECT instant, model_id, metric, series, any_value(value) AS published FROM {runs}
            WHERE source = 'published' AND metric NOT IN ('actual', 'prediction')
              AND (model_id LIKE '%{_BACKTEST}' OR model_id IN (SELECT model_id FROM {runs} WHERE metric = 'prediction'))
            GROUP BY ALL ORDER BY ALL"""
    ).to_arrow_table()
    return pa.Table.from_pylist([row | _recomputed(row, stored) for row in rows.to_pylist()], schema=schema)


def _stored_windows(con: duckdb.DuckDBPyConnection, runs: str) -> dict[tuple[dt.datetime, str], dict[str, tuple[Floats, Floats]]]:
    """Observed and predicted values of each model, by instant and series of the stored backtest."""
    found: dict[tuple[dt.datetime, str], dict[str, tuple[Floats, Floats]]] = {}
    rows = con.execute(
        f"""SELECT p.instant, p.series, p.model_id, list(a.value ORDER BY p.window_end), list(p.value ORDER BY p.window_end)
            FROM {runs} p JOIN {runs} a ON p.instant = a.instant AND p.series = a.series AND p.window_end = a.window_end
            WHERE p.metric = 'prediction' AND a.metric = 'actual' GROUP BY ALL"""
    ).fetchall()
    for instant, series, model, observed, predicted in rows:
        found.setdefault((instant, series), {})[model] = np.array(observed, dtype=np.float64), np.array(predicted, dtype=np.float64)
    return found


def _recomputed(row: Row, stored: Mapping[tuple[dt.datetime, str], Mapping[str, tuple[Floats, Floats]]]) -> Row:
    model = row["model_id"].removesuffix(_BACKTEST)
    known = [key for key in stored if key[0] <= row["instant"] and row["series"] in ("", key[1]) and model in stored[key]]
    if not known:
        return {"windows": 0}
    here = max(known)
    value = _figure_of_windows(_ALIASES.get(row["metric"], row["metric"]), model, stored[here])
    told = {"windows": len(stored[here][model][0]) if value is not None else 0, "stored_at": here[0], "recomputed": value}
    return told | ({"difference": rounded(row["published"] / value - 1)} if value else {})


def _figure_of_windows(metric: str, model: str, windows: Mapping[str, tuple[Floats, Floats]]) -> float | None:
    observed, predicted = windows[model]
    errors = predicted - observed
    if metric == "mae_improvement":
        others = [name for name in windows if name != model]
        if len(others) != 1:
            return None
        other = float(np.abs(np.subtract(*windows[others[0]])).mean())
        return rounded(relative_improvement(float(np.abs(errors).mean()), other))
    figures = {
        "mae": lambda: np.abs(errors).mean(),
        "rmse": lambda: np.sqrt((errors**2).mean()),
        "bias": errors.mean,
        "wmape": lambda: np.abs(errors).sum() / np.abs(observed).sum(),
        "mape": lambda: mape(observed, predicted),
    }
    return rounded(figures[metric]()) if metric in figures else None
