"""What every engine predicts of each week from earlier weeks alone.

Belongs here: arranging landed series for the engines, and their predictions into contract columns.
Does not belong here: models and scores (``stats/``), windows of predictions (``facts_backtests.py``).

An engine is refitted at fixed lengths counted from a tenant's first week, so that a week's prediction is the same whichever weeks are
asked for. Figures are rounded as ``stats/rounding.py`` says.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import duckdb
import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.mmm.contracts import MediaPredictions
from governance_assets.domains.mmm.facts_figures import SEED, sampled_figures, stated_figures, told_row
from governance_assets.domains.mmm.facts_saved import imported, saved_weeks
from governance_assets.policy import MmmPolicy
from governance_assets.stats.media_imported import ImportedResult
from governance_assets.stats.media_rows import between, tenants_from
from governance_assets.stats.media_series import BAYES, FittedWeeks, MediaSeries, curves_of, designs, fitted, predictions

Row = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    """One way to fit an engine: to all weeks so far or the ``last`` so many, from week ``first`` on, anew every so many weeks."""

    name: str
    engine: str
    first: int
    every: int
    last: int | None = None

    def train(self, place: int) -> int:
        """Weeks known to the newest fit that the prediction of the week ``place`` may rest on."""
        return place - (place - self.first) % self.every


Abroad = Callable[[str, MediaSeries, int], ImportedResult]
"""Fits an engine of others to the first weeks of a series; raises ValueError where it cannot."""


def variants(policy: MmmPolicy) -> list[Variant]:
    """Every engine of the policy, in its order: those fitted to all weeks, those of others, and those that forget."""
    least = policy.min_train_weeks
    found = [Variant(engine, engine, least, policy.refit_every_weeks) for engine in (*policy.engines, *policy.foreign_engines)]
    return found + [Variant(one.name, one.engine, max(least, one.weeks), one.refit_every_weeks, one.weeks) for one in policy.rolling]


def media_predictions(
    con: duckdb.DuckDBPyConnection, media: str | None, saved: str | None, weeks: Sequence[dt.date], policy: MmmPolicy, abroad: Abroad
) -> pa.Table:
    """One row is what one engine predicted of one tenant in one of the asked weeks."""
    rows: list[Row] = []
    if media is not None and weeks:
        runs = saved_weeks(con, saved)
        for tenant, known in tenants(con, media, max(weeks)):
            asked = sorted(set(weeks) & set(known.weeks))
            rows += _with_sources(_predicted(tenant, known, asked, policy, abroad), policy)
            rows += imported(tenant, known, asked, runs.get(tenant, ()), policy)
    return pa.Table.from_pylist(rows, schema=arrow_schema(MediaPredictions))


def _with_sources(rows: Iterable[Row], policy: MmmPolicy) -> Iterator[Row]:
    """Rows of one tenant with their source: where the judged engine is silent, the first other engine with media stands in for it."""
    made = list(rows)
    standing_in = [engine for engine in policy.engines if engine not in policy.baselines]
    speaking = {
        week: [row["engine"] for row in own if row["engine"] in standing_in]
        for week, own in _by_week(row for row in made if row.get("problem") is None)
    }
    for row in made:
        engines = speaking.get(row["week"], [])
        is_fallback = policy.judged_engine not in engines and engines[:1] == [row["engine"]]
        kind = "baseline" if row["engine"] in policy.baselines else "fallback" if is_fallback else "alternative"
        yield row | {"source": "primary" if row["engine"] == policy.judged_engine else kind}


def _by_week(rows: Iterable[Row]) -> Iterator[tuple[dt.date, list[Row]]]:
    """Rows by week, engines in the order of the policy."""
    for week, own in groupby(sorted(rows, key=lambda row: row["week"]), key=lambda row: row["week"]):
        yield week, list(own)


def tenants(con: duckdb.DuckDBPyConnection, media: str, last: dt.date) -> Iterator[tuple[str, MediaSeries]]:
    """Each tenant's series from its first observed target to its last week, no later than ``last``; NaN where a value is missing."""
    monday = "CAST(date_trunc('week', week) AS DATE)"
    query = f"SELECT tenant, series, name, {monday}, value FROM {media} WHERE {monday} <= ? ORDER BY ALL"
    return tenants_from(con.execute(query, [last]).fetchall())


def _predicted(tenant: str, known: MediaSeries, asked: Sequence[dt.date], policy: MmmPolicy, abroad: Abroad) -> Iterator[Row]:
    places = list(map(known.weeks.index, asked))
    chosen = [(one, one.train(place), place) for one in variants(policy) for place in places if place >= one.first]
    shared: dict[tuple[Any, ...], FittedWeeks] = {}
    for train, group in groupby(sorted(chosen, key=lambda each: each[1]), key=lambda each: each[1]):
        shared.clear()
        own = list(group)
        for one in dict.fromkeys(each[0] for each in own):
            yield from _by_variant(tenant, known, one, train, [place for each, _, place in own if each == one], policy, shared, abroad)


def _by_variant(
    tenant: str,
    known: MediaSeries,
    one: Variant,
    train: int,
    places: Sequence[int],
    policy: MmmPolicy,
    shared: dict[tuple[Any, ...], FittedWeeks],
    abroad: Abroad,
) -> Iterator[Row]:
    start = 0 if one.last is None else train - one.last
    told = [told_row(tenant, known, one.name, train - start, place - train + 1, place) for place in places]
    series = between(known, start, places[-1] + 1)
    try:
        if one.engine in policy.foreign_engines:
            yield from _from_abroad(told, abroad(one.engine, series, train - start), policy)
            return
        key = (curves_of(one.engine), start, places[-1])
        if key not in shared:
            shared[key] = designs(series, train - start, one.engine, policy.season_order)
        made = shared[key]
        found = fitted(made, seed=SEED + train, chains=policy.chains, draws=policy.draws) if one.engine in BAYES else None
    except ValueError as error:
        yield from ({**row, "problem": str(error)} for row in told)
        return
    within = [place - start for place in places]
    for row, place, drawn in zip(told, within, predictions(made, found, one.engine, within), strict=True):
        unknown = [name for name, values in series.controls.items() if name not in made.left_out and math.isnan(values[place])]
        if unknown:
            yield row | {"problem": f"{', '.join(sorted(unknown))} is missing in this week"}
            continue
        samples = drawn.samples(SEED + place + start)
        yield row | {"left_out": ",".join(made.left_out)} | sampled_figures(row["observed"], samples, drawn.log_density, policy.confidence)


def _from_abroad(told: Sequence[Row], found: ImportedResult, policy: MmmPolicy) -> Iterator[Row]:
    for row in told:
        place = found.weeks.index(row["week"])
        yield row | {"run": found.source} | stated_figures(row["observed"], *found.predicted[place], found.confidence, policy.confidence)
