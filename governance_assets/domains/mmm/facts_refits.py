"""Refits at the end of each quarter: the draws that are kept, and what each channel brought week by week.

Belongs here: arranging landed series for the refitted engine, and its draws into contract columns. Does not belong here: what refits say of
each other (``facts_stability.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.contract import arrow_schema
from governance_assets.domains.mmm.contracts import MediaContributions, MediaDraws
from governance_assets.domains.mmm.facts_predictions import tenants
from governance_assets.policy import MmmPolicy
from governance_assets.runtime.periods import quarter_of_week, weeks_of_quarter
from governance_assets.stats.media_posterior import channel_draws, column_draws, kept_places, recorded_columns, recorded_draws
from governance_assets.stats.media_rows import until
from governance_assets.stats.media_series import BAYES, MediaSeries, designs, fitted
from governance_assets.stats.rounding import rounded

_SEED = 20251006

Row = dict[str, Any]


def media_draws(con: duckdb.DuckDBPyConnection, media: str | None, quarters: Sequence[str], policy: MmmPolicy) -> pa.Table:
    """One row is one posterior draw of one channel or control, of the engine refitted at the end of one of the asked quarters."""
    parts = [arrow_schema(MediaDraws).empty_table()]
    if media is not None and policy.refit_engine in BAYES:
        parts += [_drawn_rows(quarter, tenant, known, policy) for quarter, tenant, known in refits(con, media, quarters, policy)]
    return pa.concat_tables(parts)


def refits(
    con: duckdb.DuckDBPyConnection, media: str, quarters: Sequence[str], policy: MmmPolicy
) -> Iterator[tuple[str, str, MediaSeries]]:
    """Each quarter and tenant with a new observed week, and its series up to the last of them, if that is long enough to fit."""
    ends = {quarter: max(weeks_of_quarter(quarter)) for quarter in sorted(set(quarters))}
    for tenant, known in tenants(con, media, max(ends.values())) if ends else ():
        observed = np.flatnonzero(~np.isnan(known.target))
        for quarter, end in ends.items():
            places = [place for place in observed if known.weeks[place] <= end]
            if places and places[-1] + 1 >= policy.min_train_weeks and quarter_of_week(known.weeks[places[-1]]) == quarter:
                yield quarter, tenant, until(known, places[-1] + 1)


def _drawn_rows(quarter: str, tenant: str, known: MediaSeries, policy: MmmPolicy) -> pa.Table:
    train = len(known.weeks)
    told: Row = {
        "quarter": quarter,
        "tenant": tenant,
        "engine": policy.refit_engine,
        "last_week": known.weeks[-1],
        "train_weeks": train,
        "left_out": "",
    }
    try:
        made = designs(known, train, policy.refit_engine, policy.season_order)
        found = fitted(made, seed=_SEED + train, chains=policy.chains, draws=policy.draws)
    except ValueError as error:
        nothing = told | {"part": "channel", "name": "", "draw": 0, "chain": 0, "problem": str(error)}
        return pa.Table.from_pylist([nothing], schema=arrow_schema(MediaDraws))
    places = kept_places(policy.chains, policy.draws, policy.kept_draws)
    told["left_out"] = ",".join(made.left_out)
    parts = []
    chains = places // policy.draws
    for place, channel in enumerate(found.design.channels):
        recorded = recorded_columns(channel_draws(found, place, places))
        parts.append(_draw_table(told | {"part": "channel", "name": channel.name}, recorded, chains))
    for name, values in known.controls.items():
        if name not in made.left_out:
            effect = column_draws(found, f"control {name}", places) / np.abs(values).max()
            parts.append(_draw_table(told | {"part": "control", "name": name}, {"height": list(map(rounded, effect))}, chains))
    return pa.concat_tables(parts)


def _draw_table(told: Row, columns: Mapping[str, Sequence[Any]], chains: np.ndarray) -> pa.Table:
    count, schema = len(chains), arrow_schema(MediaDraws)
    given = {"draw": range(count), "chain": chains.tolist()} | columns
    return pa.table([pa.array(given.get(field.name, [told.get(field.name)] * count), field.type) for field in schema], schema=schema)


def media_contributions(
    con: duckdb.DuckDBPyConnection, media: str | None, draws: str, quarters: Sequence[str], policy: MmmPolicy
) -> pa.Table:
    """One row is what one channel or control brought in one week, as one refit sees it."""
    rows: list[Row] = []
    for quarter, tenant, series in refits(con, media, quarters, policy) if media is not None else ():
        weeks = series.weeks[-policy.contribution_weeks :]
        for (part, name), own in by_subject(drawn_of(con, draws, quarter, tenant)).items():
            if part == "channel":
                brought = recorded_draws(own.to_pydict()).weekly(series.exposure[name])[:, -len(weeks) :]
            else:
                brought = own["height"].to_numpy()[:, None] * series.controls[name][-len(weeks) :]
            ends = np.quantile(brought, [(1 - policy.confidence) / 2, 0.5, (1 + policy.confidence) / 2], axis=0)
            told = {"quarter": quarter, "tenant": tenant, "part": part, "name": name}
            for week, (lower, median, upper) in zip(weeks, ends.T, strict=True):
                rows.append(told | {"week": week, "contribution": rounded(median), "lower": rounded(lower), "upper": rounded(upper)})
    return pa.Table.from_pylist(rows, schema=arrow_schema(MediaContributions))


def drawn_of(con: duckdb.DuckDBPyConnection, draws: str, quarter: str, tenant: str) -> pa.Table:
    """The recorded draws of one refit, by channel and control."""
    query = f"SELECT * FROM {draws} WHERE quarter = ? AND tenant = ? ORDER BY part, name, draw"
    return con.execute(query, [quarter, tenant]).to_arrow_table()


def by_subject(own: pa.Table) -> dict[tuple[str, str], pa.Table]:
    """The draws of each channel and control; nothing when none were drawn."""
    subjects = sorted(set(zip(*(own[column].to_pylist() for column in ("part", "name")), strict=True)))
    return {(p, n): own.filter(pc.and_(pc.equal(own["part"], p), pc.equal(own["name"], n))) for p, n in subjects if n}
