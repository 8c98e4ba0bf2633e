"""What the plan and the catalogue of features say at the end of a quarter: gaps, critical ones, variances of done work.

Belongs here: items with whether they are done, late and counted, by the words of the plan's policy. Does not belong here: what follows
from gaps (``facts_remedies.py``).
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Sequence

import duckdb

from governance_assets.domains.assessment.facts_known import BUDGET, CRITICAL_GAPS, GAP_SHARE, Known, Row, Views
from governance_assets.feeds import snapshot
from governance_assets.policy import AssessmentPolicy, PlanPolicy


def features(connection: duckdb.DuckDBPyConnection, views: Views, last: dt.date) -> list[Row]:
    """The newest catalogue of features up to a day."""
    view = views["feature_catalog"]
    if view is None:
        return []
    return connection.execute(snapshot(view, "feature_catalog", until=f"DATE '{last}'")).to_arrow_table().to_pylist()


def plan_rows(connection: duckdb.DuckDBPyConnection, views: Views, last: dt.date, plan: PlanPolicy) -> list[Row]:
    """Items of the newest snapshot of each plan up to a day, of the kind that it is counted in, with whether each is done and late."""
    view = views["plan_items"]
    if view is None:
        return []
    items = connection.execute(snapshot(view, "plan_items", until=f"DATE '{last}'")).to_arrow_table().to_pylist()
    kinds: dict[str, set[str]] = defaultdict(set)
    for item in items:
        kinds[item["plan"]].add(item["kind"])
    counted = {name: next((kind for kind in plan.work_kinds if kind in found), None) for name, found in kinds.items()}
    work = [item for item in items if item["kind"] == counted[item["plan"]]]
    for item in work:
        item["is_done"] = (item["status"] or "").strip().lower() in plan.done_words
        is_late = item["planned_end"] is not None and item["planned_end"] <= last and not item["is_done"]
        item["days_late"] = max((last - item["planned_end"]).days, 1) if is_late else None
    return work


def of_plan(items: Sequence[Row], catalogue: Sequence[Row], policy: AssessmentPolicy) -> dict[str, Known]:
    """What the items and the catalogue of features say, by metric."""
    missing = [one for one in catalogue if one["status"].strip().lower() in policy.gap_words]
    # At the quarter's last day, as the proposal has them: the plan's own weeks end up to three days before or after it.
    found = {BUDGET: Known(reason="no completed item of the plan states both costs")}
    found["timeline_variance"] = Known(reason="no completed item of the plan states all four dates")
    if catalogue:
        day = max(one["date"] for one in catalogue)
        found["feature_completeness"] = Known(1 - len(missing) / len(catalogue), "feature_catalog: signals that are there", day)
    if items:
        day = max(item["date"] for item in items)
        late = [item for item in items if item["days_late"]]
        critical = sum(is_critical(item, policy) for item in late)
        found[GAP_SHARE] = Known((len(late) + len(missing)) / len(items), "plan_items and feature_catalog: gaps over plan items", day)
        found[CRITICAL_GAPS] = Known(float(critical), "plan_items: late items of critical priority", day)
        if (value := variance(cost_pairs(items))) is not None:
            found[BUDGET] = Known(value, "plan_items: costs of done items", day)
        if (value := variance(day_pairs(items))) is not None:
            found["timeline_variance"] = Known(value, "plan_items: days of done items", day)
    return found


def is_critical(item: Row, policy: AssessmentPolicy) -> bool:
    return (item["priority"] or "").strip().lower() in policy.critical_words


def cost_pairs(plan: Sequence[Row]) -> list[tuple[float, float]]:
    """Estimated and realised cost of every done item that states both."""
    done = [item for item in plan if item["is_done"]]
    return [(item["estimated_cost"], item["realised_cost"]) for item in done if None not in (item["estimated_cost"], item["realised_cost"])]


def day_pairs(plan: Sequence[Row]) -> list[tuple[float, float]]:
    """Planned and actual days, both ends included, of every done item with all four dates."""
    names = ("planned_start", "planned_end", "actual_start", "actual_end")
    done = [[item[name] for name in names] for item in plan if item["is_done"]]
    return [(float((d[1] - d[0]).days + 1), float((d[3] - d[2]).days + 1)) for d in done if None not in d]


def variance(pairs: Sequence[tuple[float, float]]) -> float | None:
    planned = math.fsum(one for one, _ in pairs)
    return math.fsum(other for _, other in pairs) / planned - 1 if planned > 0 else None
