"""Predictions of media-mix engines week by week, and what windows of them say.

Belongs here: arranging landed series for the engines, and their predictions into contract columns.
Does not belong here: models and scores (``stats/``) and verdicts (``rules.py``).

An engine is refitted at fixed lengths counted from a tenant's first week, so that a week's prediction is the same whichever weeks are
asked for. Figures are rounded to ``_DIGITS`` significant digits: the last ones differ between processors.
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
from governance_assets.domains.mmm.contracts import MediaPredictions, MmmBacktest
from governance_assets.policy import MmmPolicy
from governance_assets.stats.arrays import Floats
from governance_assets.stats.explained_share import fold_spread, r_squared
from governance_assets.stats.forecast_errors import relative_improvement
from governance_assets.stats.media_rows import series_from
from governance_assets.stats.media_series import BAYES, FittedWeeks, MediaSeries, curves_of, designs, fitted, predictions
from governance_assets.stats.sample_scores import crps

_DIGITS = 9
_SEED = 20251006
_WEEK = dt.timedelta(days=7)

Row = dict[str, Any]


# ---------------------------------------------------------------- predictions


def media_predictions(con: duckdb.DuckDBPyConnection, media: str | None, weeks: Sequence[dt.date], policy: MmmPolicy) -> pa.Table:
    """One row is what one engine predicted of one tenant in one of the asked weeks."""
    rows: list[Row] = []
    if media is not None and weeks:
        for tenant, known in tenants(con, media, max(weeks)):
            rows += _predicted(tenant, known, sorted(set(weeks) & set(known.weeks)), policy)
    return pa.Table.from_pylist(rows, schema=arrow_schema(MediaPredictions))


def tenants(con: duckdb.DuckDBPyConnection, media: str, last: dt.date) -> Iterator[tuple[str, MediaSeries]]:
    """Each tenant's series from its first observed target to its last week, no later than ``last``; NaN where a value is missing."""
    monday = "CAST(date_trunc('week', week) AS DATE)"
    query = f"SELECT tenant, series, name, {monday}, value FROM {media} WHERE {monday} <= ? ORDER BY ALL"
    found = con.execute(query, [last]).fetchall()
    for tenant, rows in groupby(found, key=lambda row: row[0]):
        series = {key: {row[3]: row[4] for row in group} for key, group in groupby(rows, key=lambda row: (row[1], row[2]))}
        if (known := series_from(series)) is not None:
            yield str(tenant), known


def _predicted(tenant: str, known: MediaSeries, asked: Sequence[dt.date], policy: MmmPolicy) -> Iterator[Row]:
    places = [place for place in map(known.weeks.index, asked) if place >= policy.min_train_weeks]
    for train, group in groupby(places, key=lambda place: _train_weeks(place, policy)):
        chosen = list(group)
        shared: dict[tuple[str, ...], FittedWeeks] = {}
        for engine in policy.engines:
            yield from _by_engine(tenant, known, engine, train, chosen, policy, shared)


def _train_weeks(place: int, policy: MmmPolicy) -> int:
    """Weeks of the newest fit that a week's prediction may rest on."""
    return place - (place - policy.min_train_weeks) % policy.refit_every_weeks


def _by_engine(
    tenant: str,
    known: MediaSeries,
    engine: str,
    train: int,
    places: Sequence[int],
    policy: MmmPolicy,
    shared: dict[tuple[str, ...], FittedWeeks],
) -> Iterator[Row]:
    told: list[Row] = [
        {
            "week": known.weeks[place],
            "tenant": tenant,
            "engine": engine,
            "train_weeks": train,
            "steps_ahead": place - train + 1,
            "observed": None if math.isnan(known.target[place]) else float(known.target[place]),
            "left_out": "",
        }
        for place in places
    ]
    try:
        if curves_of(engine) not in shared:
            shared[curves_of(engine)] = designs(_until(known, places[-1] + 1), train, engine, policy.season_order)
        made = shared[curves_of(engine)]
        found = fitted(made, seed=_SEED + train, chains=policy.chains, draws=policy.draws) if engine in BAYES else None
    except ValueError as error:
        yield from ({**row, "problem": str(error)} for row in told)
        return
    for row, place, drawn in zip(told, places, predictions(made, found, engine, places), strict=True):
        unknown = [name for name, values in known.controls.items() if name not in made.left_out and math.isnan(values[place])]
        if unknown:
            yield row | {"problem": f"{', '.join(sorted(unknown))} is missing in this week"}
            continue
        samples = drawn.samples(_SEED + place)
        yield row | {"left_out": ",".join(made.left_out)} | _figures(row["observed"], samples, drawn.log_density, policy.confidence)


def _until(known: MediaSeries, end: int) -> MediaSeries:
    """The weeks before ``end``: what comes later must not decide what can be predicted."""
    cut = [{name: values[:end] for name, values in part.items()} for part in (known.exposure, known.cost, known.controls)]
    return MediaSeries(known.weeks[:end], known.target[:end], *cut)


def _figures(observed: float | None, samples: Floats, log_density: Any, confidence: float) -> Row:
    lower, median, upper = np.quantile(samples[0], [(1 - confidence) / 2, 0.5, (1 + confidence) / 2])
    row: Row = {"median": rounded(median), "lower": rounded(lower), "upper": rounded(upper)}
    if observed is not None:
        y = np.array([observed])
        row |= {"crps": rounded(crps(y, samples, "fair")[0]), "log_density": rounded(log_density(y)[0])}
    return row


# ---------------------------------------------------------------- backtests


def mmm_backtest(con: duckdb.DuckDBPyConnection, predictions: str, weeks: Sequence[dt.date], policy: MmmPolicy) -> pa.Table:
    """One row is what one engine was worth for one tenant over a window that ends with one of the asked weeks."""
    rows: list[Row] = []
    for _, every in groupby(_recorded(con, predictions), key=lambda row: row["tenant"]):
        by_engine = {engine: list(own) for engine, own in groupby(every, key=lambda row: row["engine"])}
        first = min(own[0]["week"] for own in by_engine.values())
        for week in sorted(week for week in weeks if week >= first):
            for length in policy.windows:
                rows += _window_rows(by_engine, week, length, policy)
    return pa.Table.from_pylist(rows, schema=arrow_schema(MmmBacktest))


def _recorded(con: duckdb.DuckDBPyConnection, predictions: str) -> list[Row]:
    found = con.execute(f"SELECT * FROM {predictions} ORDER BY tenant, engine, week").to_arrow_table()
    return list(found.to_pylist())


def _window_rows(by_engine: Mapping[str, Sequence[Row]], week: dt.date, length: int, policy: MmmPolicy) -> Iterator[Row]:
    here = {engine: _cases(rows, week, length) for engine, rows in by_engine.items()}
    before = {engine: _cases(rows, week - _WEEK, length) for engine, rows in by_engine.items()}
    for engine, cases in here.items():
        if not any(row["week"] == week for row in by_engine[engine]):
            continue
        improvement, earlier = (_improvement(each, engine, policy.baseline_engine) for each in (here, before))
        yield {
            "week": week,
            "tenant": by_engine[engine][0]["tenant"],
            "engine": engine,
            "window": f"trailing_{length}",
            "n": len(cases),
            "n_missing": length - len(cases),
            "n_zero": sum(row["observed"] == 0 for row in cases.values()),
            **_errors(list(cases.values())),
            "validation_r2": _r2(list(_cases(by_engine[engine], week - length * _WEEK, length).values()), length),
            "fold_r2_std": rounded(fold_spread(*_pair(cases.values()), policy.fold_weeks)),
            "mae_improvement": rounded(improvement),
            "mae_improvement_change": rounded(improvement - earlier),
            "least_mape_ratio": rounded(min((_mape_ratio(here, engine, name) for name in policy.baselines), default=math.nan)),
        }


def _cases(rows: Sequence[Row], week: dt.date, length: int) -> dict[dt.date, Row]:
    """What was predicted and observed in the ``length`` weeks that end with ``week``, by week."""
    first = week - (length - 1) * _WEEK
    return {row["week"]: row for row in rows if first <= row["week"] <= week and row["crps"] is not None}


def _errors(cases: Sequence[Row]) -> Row:
    if not cases:
        return {}
    observed, median = _pair(cases)
    errors, size = median - observed, np.abs(observed)
    inside = [row["lower"] <= row["observed"] <= row["upper"] for row in cases]
    return {
        "mae": rounded(np.abs(errors).mean()),
        "rmse": rounded(np.sqrt((errors**2).mean())),
        "wmape": rounded(np.abs(errors).sum() / size.sum()) if size.any() else None,
        "mape": rounded(_mape(observed, median)),
        "bias": rounded(errors.mean()),
        "crps": rounded(np.mean([row["crps"] for row in cases])),
        "coverage": rounded(np.mean(inside)),
        "elpd": rounded(np.sum([row["log_density"] for row in cases])),
        "r2": _r2(cases, len(cases)),
    }


def _pair(cases: Any) -> tuple[Floats, Floats]:
    rows = list(cases)
    return np.array([row["observed"] for row in rows], dtype=np.float64), np.array([row["median"] for row in rows], dtype=np.float64)


def _r2(cases: Sequence[Row], length: int) -> float | None:
    """R² of the cases if there are ``length`` of them."""
    return rounded(r_squared(*_pair(cases))) if len(cases) == length else None


def _mape(observed: Floats, median: Floats) -> float:
    known = observed != 0
    return float((np.abs(median - observed)[known] / np.abs(observed)[known]).mean()) if known.any() else math.nan


def _improvement(cases: Mapping[str, Mapping[dt.date, Row]], engine: str, baseline: str) -> float:
    """Relative improvement of the MAE on weeks that both predicted; NaN when there is none."""
    own, other = _shared(cases, engine, baseline)
    if not own:
        return math.nan
    return relative_improvement(*(float(np.abs(np.subtract(*_pair(each))).mean()) for each in (own, other)))


def _mape_ratio(cases: Mapping[str, Mapping[dt.date, Row]], engine: str, baseline: str) -> float:
    own, other = (_mape(*_pair(each)) for each in _shared(cases, engine, baseline))
    return other / own if own > 0 else math.nan


def _shared(cases: Mapping[str, Mapping[dt.date, Row]], engine: str, baseline: str) -> tuple[list[Row], list[Row]]:
    own, other = cases[engine], cases.get(baseline, {})
    both = sorted(own.keys() & other.keys())
    return [own[week] for week in both], [other[week] for week in both]


def rounded(value: Any) -> float | None:
    """``value`` to ``_DIGITS`` significant digits; None for what is not finite.

    >>> rounded(1234.56789012345), rounded(float("nan"))
    (1234.56789, None)
    """
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
