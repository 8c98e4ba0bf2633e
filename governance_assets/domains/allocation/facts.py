"""Proposed splits of budgets and response curves, from recorded draws of refits.

Belongs here: bounds of channels and groups from policy, scenarios, and results in contract columns. Does not belong here: the optimum
and its lift (``stats/``), verdicts (``rules.py``).

A split is chosen on the draws of one half of the chains and judged on those of the other: chosen and judged on the same draws it would
look better than it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.allocation.contracts import BudgetAllocation, ResponseCurves
from governance_assets.policy import AllocationPolicy
from governance_assets.stats.arrays import Floats
from governance_assets.stats.media_allocation import Allocation, Group, Problem, allocate, guarded, problem, violations
from governance_assets.stats.media_lift import relative_lift
from governance_assets.stats.media_posterior import ChannelDraws, recorded_draws
from governance_assets.stats.rounding import rounded

FREE_BUDGET = "free_budget"
_PER_CENT = 100

Row = dict[str, Any]


@dataclass(frozen=True)
class Paid:
    """The channels of one tenant and refit whose cost is known, with their draws."""

    quarter: str
    tenant: str
    names: tuple[str, ...]
    draws: tuple[ChannelDraws, ...]
    chain: np.ndarray
    current: Floats
    largest: Floats
    exposure_per_cost: Floats
    currency: tuple[str | None, ...]

    def responses(self, spend: Floats, draws: np.ndarray) -> Floats:
        """Weekly response of every channel to steady weekly spend (C,), (draws, C)."""
        found = [
            drawn.taking(draws).steady([level * rate]) for drawn, level, rate in zip(self.draws, spend, self.exposure_per_cost, strict=True)
        ]
        return np.concatenate(found, axis=1)


def paid_channels(con: duckdb.DuckDBPyConnection, draws: str, refits: str) -> Iterator[Paid]:
    """Every tenant and refit with channels that money can be moved between, by quarter and tenant."""
    known = con.execute(
        f"""SELECT quarter, tenant, name, current_spend, largest_spend, exposure_per_cost, currency FROM {refits}
            WHERE part = 'channel' AND is_paid AND NOT is_left_out AND exposure_per_cost > 0 AND problem IS NULL ORDER BY ALL"""
    ).fetchall()
    for quarter, tenant in sorted({row[:2] for row in known}):
        own = [row[2:] for row in known if row[:2] == (quarter, tenant)]
        drawn = [
            con.execute(
                f"SELECT * FROM {draws} WHERE quarter = ? AND tenant = ? AND part = 'channel' AND name = ? ORDER BY draw",
                [quarter, tenant, row[0]],
            ).to_arrow_table()
            for row in own
        ]
        current, largest, rate = (np.array([row[place] for row in own], dtype=np.float64) for place in (1, 2, 3))
        chain = drawn[0]["chain"].to_numpy()
        yield Paid(
            quarter,
            tenant,
            tuple(row[0] for row in own),
            tuple(recorded_draws(rows.to_pydict()) for rows in drawn),
            chain,
            current,
            largest,
            rate,
            tuple(row[4] for row in own),
        )


# ---------------------------------------------------------------- budgets


def budget_allocation(con: duckdb.DuckDBPyConnection, draws: str, refits: str, policy: AllocationPolicy) -> pa.Table:
    """One row is what one scenario proposes for one channel."""
    rows = [row for paid in paid_channels(con, draws, refits) for row in _scenario_rows(paid, policy)]
    return pa.Table.from_pylist(rows, schema=arrow_schema(BudgetAllocation))


def _scenario_rows(paid: Paid, policy: AllocationPolicy) -> Iterator[Row]:
    lower, upper, is_frozen = bounds(paid.tenant, paid.names, paid.current, paid.largest, paid.currency, policy)
    chosen, judged = halves(paid.chain)
    curves = [drawn.taking(chosen).mean_curve(rate) for drawn, rate in zip(paid.draws, paid.exposure_per_cost, strict=True)]
    groups = groups_of(paid.tenant, paid.names, policy)
    for name, change in scenarios(policy):
        budget = None if change is None else float(paid.current.sum()) * (1 + change)
        found: Allocation | None = None
        why: str | None = None
        try:
            posed = problem(curves, lower, upper, budget=budget, worth=policy.worth or 1.0, groups=groups)
            found = allocate(posed)
        except ValueError as error:
            why = str(error)
        scenario = {
            "quarter": paid.quarter,
            "tenant": paid.tenant,
            "scenario": name,
            "is_recommended": change == policy.recommended_change,
            "budget": None if budget is None else rounded(budget),
            "horizon_weeks": policy.horizon_weeks,
            "broken_bounds": "",
            "judged_draws": len(judged),
            "problem": why,
        }
        split = {} if found is None else _judged(paid, posed, found, judged, policy)
        for place, channel in enumerate(paid.names):
            yield scenario | {
                "channel": channel,
                "currency": paid.currency[place],
                "current_spend": rounded(paid.current[place]),
                "lower": rounded(lower[place]),
                "upper": rounded(upper[place]),
                "is_frozen": bool(is_frozen[place]),
                **{column: value[place] if isinstance(value, list) else value for column, value in split.items()},
            }


def scenarios(policy: AllocationPolicy) -> Iterator[tuple[str, float | None]]:
    """Name and change of the budget of each scenario; None for a free budget.

    >>> dict(scenarios(AllocationPolicy(budget_changes=(-0.2, 0.0)))) == {"budget-20": -0.2, "budget+0": 0.0}
    True
    """
    yield from ((f"budget{change * _PER_CENT:+g}", change) for change in policy.budget_changes)
    if policy.worth is not None:
        yield FREE_BUDGET, None


def bounds(
    tenant: str, names: Sequence[str], current: Floats, largest: Floats, currency: Sequence[str | None], policy: AllocationPolicy
) -> tuple[Floats, Floats, np.ndarray]:
    """Least and most weekly spend of each channel, and whether it keeps what it has.

    Guardrails come first: no channel moves further than the policy's change, none that spends falls below the floor of a platform, none
    exceeds what the data have seen, unless it does already. Bounds of the policy narrow that. A channel whose guardrails leave nothing
    keeps what it has, and the rules tell it.
    """
    floor = np.where(current > 0, [policy.floor(unit) or 0.0 for unit in currency], 0.0)
    lower, upper = guarded(current, policy.max_spend_change, floor, np.maximum(largest * policy.max_reach, current))
    for one in policy.bounds:
        for place in [place for place, name in enumerate(names) if name == one.channel and one.tenant in (None, tenant)]:
            lower[place], upper[place] = max(lower[place], one.lower), min(upper[place], math.inf if one.upper is None else one.upper)
    keeps = np.array([name in policy.frozen or f"{tenant}/{name}" in policy.frozen for name in names]) | (lower > upper)
    return np.where(keeps, current, lower), np.where(keeps, current, upper), keeps


def groups_of(tenant: str, names: Sequence[str], policy: AllocationPolicy) -> list[Group]:
    """The policy's groups that concern a tenant: those that name it, and those whose channels it has all."""
    return [
        Group(one.name, frozenset(map(names.index, one.channels)), one.lower, math.inf if one.upper is None else one.upper)
        for one in policy.groups
        if one.tenant in (None, tenant) and set(one.channels) <= set(names)
    ]


def halves(chain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of the draws to choose on, of chains of even number, and to judge on, of odd ones; of a single chain its two halves."""
    every = np.arange(len(chain))
    judged = chain % 2 == 1 if len(np.unique(chain)) > 1 else every >= len(every) // 2
    return every[~judged], every[judged]


def _judged(paid: Paid, posed: Problem, found: Allocation, judged: np.ndarray, policy: AllocationPolicy) -> Row:
    spend = found.spend
    after, before = paid.responses(spend, judged), paid.responses(paid.current, judged)
    lift = relative_lift(after.sum(axis=1), before.sum(axis=1), policy.confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = spend / paid.current - 1
    return {
        "proposed_spend": [rounded(value) for value in spend],
        "change": [rounded(value) for value in change],
        "current_response": [rounded(value) for value in np.median(before, axis=0)],
        "proposed_response": [rounded(value) for value in np.median(after, axis=0)],
        "broken_bounds": "; ".join(violations(posed, spend)),
        "lift": rounded(lift.median),
        "lift_lower": rounded(lift.lower),
        "lift_upper": rounded(lift.upper),
        "lift_probability": rounded(lift.probability) if math.isfinite(lift.median) else None,
        "regret": rounded(max(found.bound / found.value - 1, 0.0)) if found.value > 0 else None,
    }


# ---------------------------------------------------------------- curves


def response_curves(con: duckdb.DuckDBPyConnection, draws: str, refits: str, proposals: str, policy: AllocationPolicy) -> pa.Table:
    """One row is one point of one channel's response to steady weekly spend."""
    proposed = {
        (quarter, tenant, channel): spend
        for quarter, tenant, channel, spend in con.execute(
            f"SELECT quarter, tenant, channel, proposed_spend FROM {proposals} WHERE is_recommended AND proposed_spend IS NOT NULL"
        ).fetchall()
    }
    rows: list[Row] = []
    for paid in paid_channels(con, draws, refits):
        for place, channel in enumerate(paid.names):
            optimal = proposed.get((paid.quarter, paid.tenant, channel))
            told = {"quarter": paid.quarter, "tenant": paid.tenant, "channel": channel}
            rows += [told | row for row in _curve_rows(paid, place, optimal, policy)]
    return pa.Table.from_pylist(rows, schema=arrow_schema(ResponseCurves))


def _curve_rows(paid: Paid, place: int, optimal: float | None, policy: AllocationPolicy) -> Iterator[Row]:
    reach = max(policy.curve_reach * paid.largest[place], paid.current[place], optimal or 0.0)
    marks = [("current", float(paid.current[place]))] + ([] if optimal is None else [("optimal", optimal)])
    points = [("curve", float(level)) for level in np.linspace(0, reach, policy.curve_points)] + marks
    spend = np.array([level for _, level in points])
    step = max(reach / policy.curve_points**2, 1e-9)
    drawn, rate = paid.draws[place], paid.exposure_per_cost[place]
    response, above = drawn.steady(spend * rate), drawn.steady((spend + step) * rate)
    outside = (1 - policy.confidence) / 2
    lower, median, upper = np.quantile(response, [outside, 0.5, 1 - outside], axis=0)
    marginal = np.median((above - response) / step, axis=0)
    for number, (kind, level) in enumerate(points):
        yield {
            "kind": kind,
            "point": number if kind == "curve" else 0,
            "spend": rounded(level),
            "is_beyond_data": bool(level > paid.largest[place]),
            "response": rounded(median[number]),
            "response_lower": rounded(lower[number]),
            "response_upper": rounded(upper[number]),
            "marginal_roi": rounded(marginal[number]),
        }
