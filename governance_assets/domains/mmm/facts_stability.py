"""What a refit says of channels and controls, and how far that is from the refit before.

Belongs here: summaries of recorded draws in contract columns. Does not belong here: drawing (``facts_refits.py``), verdicts (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.mmm.contracts import RefitStability
from governance_assets.domains.mmm.facts_refits import by_subject, drawn_of, refits
from governance_assets.policy import MmmPolicy
from governance_assets.stats.arrays import Floats
from governance_assets.stats.chain_diagnostics import split_r_hat
from governance_assets.stats.media_posterior import ChannelDraws, kept_places, optimal_shares, recorded_draws, unconstrained_multiples
from governance_assets.stats.media_series import MediaSeries, model_columns, varying
from governance_assets.stats.rounding import rounded

_STEP = 0.01
"""Relative rise of exposure that an elasticity is measured by."""

Row = dict[str, Any]


def refit_stability(
    con: duckdb.DuckDBPyConnection, media: str | None, draws: str, earlier: str | None, quarters: Sequence[str], policy: MmmPolicy
) -> pa.Table:
    """One row is what one refit says of one channel or control; ``earlier`` holds the rows of earlier quarters."""
    schema = arrow_schema(RefitStability)
    known = [] if earlier is None else con.execute(f"SELECT * FROM {earlier} ORDER BY quarter").to_arrow_table().to_pylist()
    newest: dict[tuple[str, str, str], Row] = {_subject(row): row for row in known if row["problem"] is None}
    rows: list[Row] = []
    for quarter, tenant, series in sorted(refits(con, media, quarters, policy), key=lambda one: one[:2]) if media is not None else ():
        own = drawn_of(con, draws, quarter, tenant)
        if own.num_rows:
            meant = declared(con, media, tenant, series.weeks[-1])
            found = [_moved(row | meant(row), newest.get(_subject(row)), policy) for row in _refit_rows(own, series, newest, policy)]
            newest |= {_subject(row): row for row in found if row["problem"] is None}
            rows += found
    return pa.Table.from_pylist(rows, schema=schema)


def _subject(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["tenant"], row["part"], row["name"]


def declared(con: duckdb.DuckDBPyConnection, media: str, tenant: str, last: dt.date) -> Callable[[Row], Row]:
    """What ``media.yaml`` says, up to a week, of a tenant's channel or control: the newest unit of its cost, and the newest sign."""
    query = f"""SELECT name, arg_max(unit, week) FILTER (series = 'spend'), arg_max(sign, week)
                FROM {media} WHERE tenant = ? AND week <= ? AND series <> 'target' GROUP BY name"""
    meant = {name: (unit, sign) for name, unit, sign in con.execute(query, [tenant, last]).fetchall()}

    def of(row: Row) -> Row:
        unit, sign = meant.get(row["name"], (None, None))
        return {"currency": unit if row["part"] == "channel" else None, "expected_sign": sign}

    return of


def _refit_rows(own: pa.Table, series: MediaSeries, newest: Mapping[tuple[str, str, str], Row], policy: MmmPolicy) -> list[Row]:
    head = own.slice(0, 1).to_pylist()[0]
    told = {name: head[name] for name in ("quarter", "tenant", "engine", "last_week", "train_weeks", "problem")}
    if head["problem"] is not None:
        return [told | {"part": "channel", "name": "", "is_left_out": True, "is_paid": False}]
    by_name = by_subject(own)
    channels = {name: recorded_draws(rows.to_pydict()) for (part, name), rows in by_name.items() if part == "channel"}
    chain = by_name["channel", next(iter(channels))]["chain"].to_numpy()
    rows = _channel_rows(channels, chain, series, policy)
    rows += [
        _control_row(name, drawn["height"].to_numpy(), chain, series, policy) for (p, name), drawn in by_name.items() if p == "control"
    ]
    known = {("channel", name) for name in series.exposure} | {("control", name) for name in series.controls}
    known |= {(part, name) for tenant, part, name in newest if tenant == head["tenant"]}
    gone = sorted(known - by_name.keys())
    rows += [{"part": part, "name": name, "is_left_out": True, "is_paid": name in series.cost} for part, name in gone]
    return [told | {"is_left_out": False} | row for row in rows]


def _channel_rows(channels: Mapping[str, ChannelDraws], chain: np.ndarray, series: MediaSeries, policy: MmmPolicy) -> list[Row]:
    weekly = {name: drawn.weekly(series.exposure[name]) for name, drawn in channels.items()}
    train = len(series.weeks)
    columns = model_columns(series.weeks, varying(series.controls, train), train, policy.season_order)
    others = np.array([column.values for column in columns], dtype=np.float64)
    multiples = unconstrained_multiples(series.target, [np.median(each, axis=0) for each in weekly.values()], others)
    optimal = _optima(channels, series, policy)
    recent = float(np.abs(series.target[-policy.current_weeks :]).mean())
    rows = []
    for (name, drawn), multiple, error in zip(channels.items(), *multiples, strict=True):
        exposure, total = series.exposure[name], weekly[name].sum(axis=1)
        level = exposure[-policy.current_weeks :].mean()
        at, above = drawn.steady([level, level * (1 + _STEP)]).T
        rows.append(
            {"part": "channel", "name": name, "is_paid": name in series.cost}
            | _costs(name, series, policy)
            | _spread("contribution", total, policy.confidence)
            | _share_of_target(total, series)
            | _spread("elasticity", (above - at) / _STEP / recent if recent else None, policy.sign_confidence)
            | _interval("multiple", multiple, error, policy.sign_confidence)
            | _spread("optimal_share", optimal.get(name), policy.confidence)
            | _r_hat(total, chain)
            | (_spread("roi", total / series.cost[name].sum(), policy.confidence) if name in series.cost else {})
        )
    return rows


def _control_row(name: str, effect: Floats, chain: np.ndarray, series: MediaSeries, policy: MmmPolicy) -> Row:
    values, recent = series.controls[name], float(np.abs(series.target[-policy.current_weeks :]).mean())
    total = effect * values.sum()
    return (
        {"part": "control", "name": name, "is_paid": False}
        | _spread("contribution", total, policy.confidence)
        | _share_of_target(total, series)
        | _spread("elasticity", effect * values.std() / recent if recent else None, policy.sign_confidence)
        | _r_hat(effect, chain)
    )


def _costs(name: str, series: MediaSeries, policy: MmmPolicy) -> Row:
    if name not in series.cost:
        return {}
    cost, exposure = series.cost[name], series.exposure[name]
    bought = [exposure[part].sum() / cost[part].sum() for part in (slice(-policy.current_weeks, None), slice(None)) if cost[part].sum() > 0]
    return {
        "spend": rounded(cost.sum()),
        "current_spend": rounded(cost[-policy.current_weeks :].mean()),
        "largest_spend": rounded(cost.max()),
        "exposure_per_cost": rounded(bought[0]) if bought else None,
    }


def _optima(channels: Mapping[str, ChannelDraws], series: MediaSeries, policy: MmmPolicy) -> dict[str, Floats]:
    """Each draw's best split of what is spent now, over channels whose cost is known."""
    costs = {name: _costs(name, series, policy) for name in channels}
    paid = [name for name, cost in costs.items() if cost.get("exposure_per_cost")]
    budget = sum(costs[name]["current_spend"] for name in paid)
    if not paid or not budget:
        return {}
    chosen = kept_places(1, len(channels[paid[0]].first), policy.optimum_draws)
    levels = np.array([np.linspace(0, costs[name]["largest_spend"], policy.optimum_steps + 1) for name in paid])
    responses = [
        channels[name].taking(chosen).steady(row * costs[name]["exposure_per_cost"]) for name, row in zip(paid, levels, strict=True)
    ]
    shares = optimal_shares(np.stack(responses, axis=1), levels, budget)
    return dict(zip(paid, shares.T, strict=True))


def _spread(name: str, drawn: Floats | None, confidence: float) -> Row:
    if drawn is None or not np.isfinite(drawn).all():
        return {}
    lower, median, upper = np.quantile(drawn, [(1 - confidence) / 2, 0.5, (1 + confidence) / 2])
    return {name: rounded(median), f"{name}_lower": rounded(lower), f"{name}_upper": rounded(upper)}


def _interval(name: str, middle: float, error: float, confidence: float) -> Row:
    if not (math.isfinite(middle) and math.isfinite(error)):
        return {}
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * error
    return {name: rounded(middle), f"{name}_lower": rounded(middle - reach), f"{name}_upper": rounded(middle + reach)}


def _share_of_target(total: Floats, series: MediaSeries) -> Row:
    size = float(np.abs(series.target).sum())
    return {"contribution_share": rounded(np.median(total) / size) if size else None}


def _r_hat(drawn: Floats, chain: np.ndarray) -> Row:
    count = len(np.unique(chain))
    return {"r_hat": rounded(split_r_hat(drawn.reshape(count, -1)))} if count > 1 else {}


def _moved(row: Row, before: Mapping[str, Any] | None, policy: MmmPolicy) -> Row:
    if before is None or row["problem"] is not None:
        return row
    inside = None
    if row.get("roi") is not None and before.get("roi") is not None:
        inside = before["roi_lower"] <= row["roi"] <= before["roi_upper"]
    return row | {
        "previous_quarter": before["quarter"],
        "roi_move": rounded(row["roi"] / before["roi"] - 1) if inside is not None and before["roi"] else None,
        "is_roi_inside": inside,
        "contribution_move": _difference(row, before, "contribution_share"),
        "optimal_move": _difference(row, before, "optimal_share"),
        "has_sign_flipped": _has_flipped(row, before, "multiple" if row["part"] == "channel" else "elasticity"),
        "has_vanished": _has_vanished(row, before, policy.least_contribution_share),
    }


def _difference(row: Mapping[str, Any], before: Mapping[str, Any], name: str) -> float | None:
    if row.get(name) is None or before.get(name) is None:
        return None
    return rounded(row[name] - before[name])


def _has_flipped(row: Mapping[str, Any], before: Mapping[str, Any], name: str) -> bool | None:
    if row.get(name) is None or before.get(name) is None:
        return None
    is_sure = any(one[f"{name}_lower"] > 0 or one[f"{name}_upper"] < 0 for one in (row, before))
    return bool(is_sure and row[name] * before[name] < 0)


def _has_vanished(row: Mapping[str, Any], before: Mapping[str, Any], least: float) -> bool | None:
    if before.get("contribution_share") is None:
        return None
    share = 0.0 if row["is_left_out"] else row.get("contribution_share")
    return None if share is None else bool(abs(before["contribution_share"]) >= least > abs(share))
