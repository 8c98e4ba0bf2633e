"""Verdicts on proposed budgets: guardrails, bounds, and whether the split is worth it.

Belongs here: comparing recorded figures with the policy. Does not belong here: computing them (``facts.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import pyarrow as pa

from governance_assets.finding import Finding, Rule
from governance_assets.policy import AllocationPolicy
from governance_assets.stats.limits import above, below

SPLIT_IS_FOUND = Rule(
    name="split_is_found",
    requirement="the judged scenario has a split within all bounds",
    remedy="The message names bounds that leave nothing; widen one of them in allocation.bounds, allocation.groups or the guardrails",
    severity="warn",
    sources="A32",
)
BOUNDS_ARE_KEPT = Rule(
    name="bounds_are_kept",
    requirement="no bound of a channel, a group or the budget is broken in any scenario",
    remedy="Use no figure of this proposal: the optimiser broke a bound that it was given; report it with the refit's quarter",
    unit="bounds",
    sources="A31",
)
SPEND_CHANGE_IS_SMALL = Rule(
    name="spend_change_is_small",
    requirement="proposed spend of a channel is within the limit of its current spend",
    remedy="Move in two steps with a refit between them; beyond the limit the model has seen too little",
    severity="warn",
    unit="fraction",
    sources="A31",
)
PLATFORM_FLOOR_IS_KEPT = Rule(
    name="platform_floor_is_kept",
    requirement="a platform that is spent on gets at least the floor a week",
    remedy="Raise the channel to the floor in two steps, or end it; below the floor a platform learns nothing",
    unit="currency a week",
    sources="A31",
)
LIFT_IS_LIKELY = Rule(
    name="lift_is_likely",
    requirement="the model-implied lift of the proposal is positive with at least the limit's probability",
    remedy="Keep the present split: on draws it was not chosen on the proposal is no better. All of it assumes no unmeasured confounding",
    severity="warn",
    unit="fraction",
    sources="A32",
)


def judge_budget_allocation(rows: pa.Table, policy: AllocationPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Bounds of every scenario, guardrails and lift of the judged one, tenant by tenant."""
    findings: list[Finding] = []
    ordered = sorted(rows.to_pylist(), key=lambda row: (row["tenant"], row["scenario"], row["channel"]))
    for tenant, own in groupby(ordered, key=lambda row: str(row["tenant"])):
        every = list(own)
        findings.append(_bounds_are_kept(tenant, every))
        findings += proposal_findings(tenant, [row for row in every if row["is_recommended"]], policy)
    return findings


def proposal_findings(tenant: str, rows: Sequence[Mapping[str, Any]], policy: AllocationPolicy) -> list[Finding]:
    """All verdicts on the judged scenario of one tenant."""
    first = rows[0]
    found = [SPLIT_IS_FOUND.judge(tenant, first["problem"] is None, why=first["problem"] or "")]
    if first["problem"] is not None:
        return found
    for row in rows:
        subject = f"{tenant}, {row['channel']}"
        found += [_change_is_small(subject, row, policy), _floor_is_kept(subject, row, policy)]
    return [*found, _lift_is_likely(tenant, first, policy)]


def _bounds_are_kept(tenant: str, rows: Sequence[Mapping[str, Any]]) -> Finding:
    made = [row for row in rows if row["proposed_spend"] is not None]
    if not made:
        return BOUNDS_ARE_KEPT.not_applicable(tenant, "no scenario has a split")
    broken = sorted({f"{row['scenario']}: {row['broken_bounds']}" for row in made if row["broken_bounds"]})
    return BOUNDS_ARE_KEPT.judge(tenant, not broken, len(broken), 0, "; ".join(broken))


def _change_is_small(subject: str, row: Mapping[str, Any], policy: AllocationPolicy) -> Finding:
    if row["change"] is None:
        return SPEND_CHANGE_IS_SMALL.not_applicable(subject, "nothing is spent on it now")
    value = abs(row["change"])
    return SPEND_CHANGE_IS_SMALL.judge(subject, not above(value, policy.max_spend_change), value, policy.max_spend_change)


def _floor_is_kept(subject: str, row: Mapping[str, Any], policy: AllocationPolicy) -> Finding:
    if not row["current_spend"] and not row["proposed_spend"]:
        return PLATFORM_FLOOR_IS_KEPT.not_applicable(subject, "nothing is spent on it, now or proposed")
    floor = policy.floor(row["currency"])
    if floor is None:
        return PLATFORM_FLOOR_IS_KEPT.not_applicable(
            subject, f"spend is in {row['currency'] or 'no stated unit'}, and the floor in a currency"
        )
    holds = not below(row["proposed_spend"], floor)
    why = "" if holds else f"current spend is {row['current_spend']:g}, and a step may change it by {policy.max_spend_change:.0%} at most"
    return PLATFORM_FLOOR_IS_KEPT.judge(subject, holds, row["proposed_spend"], floor, why)


def _lift_is_likely(tenant: str, row: Mapping[str, Any], policy: AllocationPolicy) -> Finding:
    if row["lift_probability"] is None:
        return LIFT_IS_LIKELY.not_applicable(tenant, "current spend has no response to compare with")
    if not row["lift_probability"] and row["lift"] == 0:
        return LIFT_IS_LIKELY.not_applicable(tenant, "the present split is the best one within the bounds")
    why = f"lift {row['lift']:.2%}, {row['lift_lower']:.2%} to {row['lift_upper']:.2%}, on {row['judged_draws']} draws not used to choose"
    holds = not below(row["lift_probability"], policy.min_lift_probability)
    return LIFT_IS_LIKELY.judge(tenant, holds, row["lift_probability"], policy.min_lift_probability, why)
