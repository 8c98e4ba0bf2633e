"""What follows from an assessment: gaps ranked by what closing them brings, and the variance of every phase with what it proposes.

Belongs here: rows of the remediation plan and of the adjustment proposal. Does not belong here: which items are gaps (``facts_plan.py``).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

import duckdb
import pyarrow as pa

from governance_assets.domains.assessment import contracts, rules
from governance_assets.domains.assessment.facts_known import CRITICAL_GAPS, GAP_SHARE, WHOLE_DIMENSION, Row, Views, table_of
from governance_assets.domains.assessment.facts_plan import cost_pairs, day_pairs, features, is_critical, plan_rows, variance
from governance_assets.domains.assessment.facts_scores import Card, cards
from governance_assets.policy import AssessmentPolicy, PlanPolicy
from governance_assets.runtime.periods import Period


def remediation_plan(
    connection: duckdb.DuckDBPyConnection,
    views: Views,
    facts: pa.Table,
    periods: Sequence[Period],
    policy: AssessmentPolicy,
    plan: PlanPolicy,
) -> pa.Table:
    """Every gap of each period, ranked by what closing it does to the alignment for its cost."""
    rows = []
    found = cards(facts, policy)
    for period in periods:
        last = period.end.date() - dt.timedelta(days=1)
        items = plan_rows(connection, views, last, plan)
        catalogue = features(connection, views, last)
        gaps = [_late_gap(item, policy) for item in items if item["days_late"]]
        gaps += [_feature_gap(one) for one in catalogue if one["status"].strip().lower() in policy.gap_words]
        card = found.get(period.key)
        for gap in gaps:
            gap["effect"] = 0.0 if card is None else _effect(card, gap, len(items), len(catalogue))
            gap["effect_per_cost"] = gap["effect"] / gap["cost"] if gap["cost"] else None
        gaps.sort(key=lambda gap: (-(gap["effect_per_cost"] or 0.0), -gap["effect"], not gap["is_critical"], gap["gap"]))
        rows += [gap | {"quarter": period.key, "rank": rank} for rank, gap in enumerate(gaps, 1)]
    return table_of(contracts.RemediationPlan, rows)


def _late_gap(item: Row, policy: AssessmentPolicy) -> Row:
    cost = item["estimated_cost"]
    if cost is not None and item["realised_cost"] is not None:
        cost = max(cost - item["realised_cost"], 0.0)
    name = item["item_id"] or item["record_id"] or item["title"] or "without code"
    plan = f"{item['plan']}: " if item["plan"] else ""
    return {
        "gap": f"{plan}{item['kind']} {name}" + (f" ({item['record_id']})" if item["record_id"] and item["item_id"] else ""),
        "kind": "late_item",
        "title": item["title"] or "",
        "owner": item["owner"] or "",
        "is_critical": is_critical(item, policy),
        "days_late": item["days_late"],
        "cost": cost,
    }


def _feature_gap(one: Row) -> Row:
    title, owner = one["signal"] or one["category"], one["owner"] or ""
    base = {"gap": f"feature {one['signal_id']}", "kind": "missing_feature", "title": title, "owner": owner}
    return base | {"is_critical": False, "days_late": None, "cost": None}


def _effect(card: Card, gap: Row, n_items: int, n_features: int) -> float:
    """Points of alignment gained by closing one gap: exact, by the maps of the metrics it enters."""
    steps = {GAP_SHARE: -1 / n_items if n_items else 0.0, CRITICAL_GAPS: -1.0 if gap["is_critical"] else 0.0}
    if gap["kind"] == "missing_feature":
        steps["feature_completeness"] = 1 / n_features
    return math.fsum(
        fact.points(min(max(fact.value + steps[fact.name], fact.least), fact.most)) - fact.points(fact.value)
        for fact in card.facts
        if fact.name in steps
    )


def adjustment_proposal(
    connection: duckdb.DuckDBPyConnection, views: Views, periods: Sequence[Period], policy: AssessmentPolicy, plan: PlanPolicy
) -> pa.Table:
    """Variance of every phase and of the whole plan, and what the open estimates come to at it."""
    rows = []
    for period in periods:
        items = plan_rows(connection, views, period.end.date() - dt.timedelta(days=1), plan)
        phases = sorted({item["phase_id"] or "" for item in items})
        total = math.fsum(realised - estimated for estimated, realised in cost_pairs(items))
        if items:
            rows.append(_phase_row(period.key, WHOLE_DIMENSION, items, total, policy))
        rows += [_phase_row(period.key, phase, [i for i in items if (i["phase_id"] or "") == phase], total, policy) for phase in phases]
    return table_of(contracts.AdjustmentProposal, rows)


def _phase_row(quarter: str, phase: str, items: Sequence[Row], total: float, policy: AssessmentPolicy) -> Row:
    costs, days = cost_pairs(items), day_pairs(items)
    budget, timeline = variance(costs), variance(days)
    estimated, realised = (math.fsum(pair[side] for pair in costs) for side in (0, 1))
    open_estimate = math.fsum(item["estimated_cost"] or 0.0 for item in items if not item["is_done"])
    return {
        "quarter": quarter,
        "phase": phase,
        "n_done": max(len(costs), len(days)),
        "estimated_cost": estimated if costs else None,
        "realised_cost": realised if costs else None,
        "budget_variance": budget,
        "planned_days": math.fsum(pair[0] for pair in days) if days else None,
        "actual_days": math.fsum(pair[1] for pair in days) if days else None,
        "timeline_variance": timeline,
        "share_of_overrun": (realised - estimated) / total if costs and total else None,
        "open_estimate": open_estimate,
        "proposed_estimate": None if budget is None else open_estimate * (1 + budget),
        "is_due": rules.is_adjustment_due(budget, timeline, policy),
    }
