"""Saved runs of engines elsewhere: their predictions beside ours, and what they say of channels.

Belongs here: choosing the run that predicts a week, and refusing one of another target. Does not belong here: reading files
(``runtime/sources/``), verdicts (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import duckdb
import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.mmm.contracts import SavedRuns
from governance_assets.domains.mmm.facts_figures import stated_figures, told_row
from governance_assets.policy import MmmPolicy
from governance_assets.stats.limits import above
from governance_assets.stats.media_series import MediaSeries

_DAYS = 7

Row = dict[str, Any]


def saved_weeks(con: duckdb.DuckDBPyConnection, saved: str | None) -> dict[str, list[Row]]:
    """The predicted weeks of every saved run, by tenant."""
    if saved is None:
        return {}
    query = f"SELECT * EXCLUDE (date, as_of, details) FROM {saved} WHERE part = 'week' AND week IS NOT NULL ORDER BY ALL"
    rows = con.execute(query).to_arrow_table().to_pylist()
    return {tenant: list(own) for tenant, own in groupby(sorted(rows, key=lambda row: row["tenant"]), key=lambda row: row["tenant"])}


def imported(tenant: str, known: MediaSeries, asked: Sequence[dt.date], runs: Sequence[Row], policy: MmmPolicy) -> Iterator[Row]:
    """What saved runs predicted of the asked weeks: of each engine the newest run that was trained before the week."""
    ahead = [row | {"fitted_to": _monday(row["trained_until"])} for row in runs if row["week"] > _monday(row["trained_until"])]
    by_key = groupby(sorted(ahead, key=lambda row: (row["engine"], row["week"])), key=lambda row: (row["engine"], row["week"]))
    for (engine, week), group in by_key:
        if week not in asked:
            continue
        own = list(group)
        newest = [row for row in own if row["fitted_to"] == max(each["fitted_to"] for each in own)]
        place, fitted_to = known.weeks.index(week), newest[0]["fitted_to"]
        train = sum(each <= fitted_to for each in known.weeks)
        row = told_row(tenant, known, engine, train, (week - fitted_to).days // _DAYS, place) | {"source": "imported"}
        yield row | {"run": newest[0]["run"]} | _imported_figures(row["observed"], newest, policy)


def _imported_figures(observed: float | None, runs: Sequence[Row], policy: MmmPolicy) -> Row:
    if len(runs) > 1:
        names = ", ".join(repr(row["run"]) for row in runs)
        return {"problem": f"{len(runs)} saved runs ({names}) were trained until the same week; keep the one that is used"}
    (row,) = runs
    if observed is not None and row["observed"] is not None:
        off = abs(row["observed"] - observed)
        if above(off, policy.max_observed_difference * abs(observed)):
            return {
                "problem": f"the saved run observed {row['observed']:g} in this week, the telemetry {observed:g}: another target or unit"
            }
    return stated_figures(observed, row["lower"], row["middle"], row["upper"], row["confidence"], policy.confidence)


def saved_runs(con: duckdb.DuckDBPyConnection, saved: str | None) -> pa.Table:
    """One row is what one saved run says of one channel, or of the weeks it predicts."""
    schema = arrow_schema(SavedRuns)
    if saved is None:
        return schema.empty_table()
    rows = con.execute(f"SELECT * EXCLUDE (date, as_of, details) FROM {saved} ORDER BY ALL").to_arrow_table().to_pylist()
    key = ("tenant", "engine", "run", "trained_until")
    found: list[Row] = []
    for _, group in groupby(sorted(rows, key=lambda row: [str(row[name]) for name in key]), key=lambda row: [row[name] for name in key]):
        own = list(group)
        weeks = [row for row in own if row["part"] == "week"]
        ahead = [row for row in weeks if row["week"] > _monday(row["trained_until"])]
        counted = {
            "weeks": len(weeks),
            "weeks_ahead": len(ahead),
            "weeks_with_interval": sum(row["lower"] is not None and row["upper"] is not None for row in ahead),
        }
        told = {name: own[0][name] for name in (*key, "confidence")} | counted
        found.append(told | {"channel": ""})
        for row in own:
            if row["part"] == "channel":
                found.append(told | {"channel": row["name"], "roi": row["middle"], "roi_lower": row["lower"], "roi_upper": row["upper"]})
    return pa.Table.from_pylist(found, schema=schema)


def _monday(day: dt.date) -> dt.date:
    return day - dt.timedelta(day.weekday())
