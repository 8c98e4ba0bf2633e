"""The weekly retraining: engines fitted to everything known of a tenant.

Belongs here: arranging landed series for the engines, and their fits into contract columns. Does not belong here: models (``stats/``).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.registry.contracts import WeeklyRetraining
from governance_assets.domains.registry.facts import as_json, version_of
from governance_assets.policy.registry import RegistryPolicy
from governance_assets.stats.digest import table_digest
from governance_assets.stats.media_curves import CurvePriors
from governance_assets.stats.media_fit import Fit, fit
from governance_assets.stats.media_results import diagnose, roi
from governance_assets.stats.media_rows import tenants_from, until
from governance_assets.stats.media_series import MediaSeries, curves_of, designs
from governance_assets.stats.rounding import rounded

Row = dict[str, Any]

_SEED = 20251006


def weekly_retraining(con: duckdb.DuckDBPyConnection, media: str | None, weeks: Sequence[dt.date], policy: RegistryPolicy) -> pa.Table:
    """One row is one engine fitted to everything known of a tenant at the end of one of the asked weeks."""
    rows: list[Row] = []
    if media is not None and weeks:
        for tenant, known in tenants_from(_media_rows(con, media, max(weeks))):
            places = [known.weeks.index(week) for week in sorted(set(weeks) & set(known.weeks))]
            for place in places:
                if place + 1 >= policy.retrain_min_weeks:
                    rows += [_retrained(tenant, until(known, place + 1), engine, policy) for engine in policy.retrained_engines]
    return pa.Table.from_pylist(rows, schema=arrow_schema(WeeklyRetraining))


def _media_rows(con: duckdb.DuckDBPyConnection, media: str, last: dt.date) -> list[tuple[Any, ...]]:
    monday = "CAST(date_trunc('week', week) AS DATE)"
    return con.execute(f"SELECT tenant, series, name, {monday}, value FROM {media} WHERE {monday} <= ? ORDER BY ALL", [last]).fetchall()


def _retrained(tenant: str, known: MediaSeries, engine: str, policy: RegistryPolicy) -> Row:
    week, train = known.weeks[-1], len(known.weeks)
    row: Row = {
        "week": week,
        "tenant": tenant,
        "engine": engine,
        "version": version_of(engine, week),
        "first_week": known.weeks[0],
        "train_weeks": train,
        "data_sha256": _digest(known),
        "features": as_json({"channels": sorted(known.exposure), "controls_and_events": sorted(known.controls)}),
        "priors": as_json(dataclasses.asdict(CurvePriors(curves=curves_of(engine)))),
        "roi": "{}",
        "year_spend": rounded(sum(values[-policy.year_weeks :].sum() for values in known.cost.values())),
        "left_out": "",
    }
    try:
        if math.isnan(known.target[-1]):
            raise ValueError("the target of the week is not observed")
        made = designs(known, train, engine, policy.retrain_season_order)
        found = fit(made.short, seed=_SEED + train, chains=policy.retrain_chains, draws=policy.retrain_draws)
    except ValueError as error:
        return row | {"problem": str(error)}
    return row | {"left_out": ",".join(made.left_out)} | _fitted(found, policy.retrain_confidence)


def _fitted(found: Fit, confidence: float) -> Row:
    returns = roi(found, confidence)
    known = zip(returns.names, returns.median, returns.lower, returns.upper, strict=True)
    told = {name: [rounded(value) for value in values] for name, *values in known}
    return {
        "roi": as_json(told),
        "noise": rounded(np.median(found.noise) * found.design.target_scale),
        "r_hat": rounded(np.nanmax(diagnose(found).r_hat)),
    }


def _digest(known: MediaSeries) -> str:
    parts = {"target": {"": known.target}, "exposure": known.exposure, "cost": known.cost, "control": known.controls}
    columns = {f"{part} {name}": pa.array(values) for part, series in parts.items() for name, values in sorted(series.items())}
    return table_digest(pa.table({"week": pa.array(known.weeks, pa.date32()), **columns}), ["week"])
