"""Verdicts on issues: sorted, owned, resolved in time, no debt.

Belongs here: pass or fail of what ``facts.py`` found. Does not belong here: patterns, levels and roles (policy).
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.domains.issues.facts import UNCATEGORISED
from governance_assets.finding import Finding, Rule
from governance_assets.policy import IssuesPolicy

ALL_ARE_CATEGORISED = Rule(
    name="all_are_categorised",
    requirement="every issue falls into one category",
    remedy="Add a rule to issues.categories that holds for the issues named, or label them in their source",
    severity="warn",
    unit="issues",
    sources="C33 C37",
)
URGENT_NAMES_AN_OWNER = Rule(
    name="urgent_names_an_owner",
    requirement="a P0 or P1 names the role that acts on it",
    remedy="Assign it in its source; until then the policy's role for the priority has it",
    severity="warn",
    sources="C32",
)
URGENT_IS_RESOLVED = Rule(
    name="urgent_is_resolved",
    requirement="no P0 or P1 is open",
    remedy="Look at it now; the report has the action, its role and its date",
    severity="warn",
    sources="C35",
)
IS_NOT_OVERDUE = Rule(
    name="is_not_overdue",
    requirement="it is resolved, or open for no longer than its service level allows",
    remedy="Resolve it, or set its priority anew with a reason; escalation goes on until then",
    unit="hours",
    sources="C26 C27 C31",
)
FEW_ARE_OVERDUE = Rule(
    name="few_are_overdue",
    requirement="no open issue of this priority is older than its service level allows",
    remedy="Begin with the oldest: repair, set the priority anew, or close it as not worth it",
    severity="warn",
    unit="issues",
    sources="C28 C29 C31",
)
NO_DEBT = Rule(
    name="no_debt",
    requirement="no P0 or P1 is older than the debt rule allows",
    remedy="Give these issues to the next planning; their service level was broken long before",
    severity="warn",
    unit="issues",
    sources="C36",
)
_URGENT = ("P0", "P1")
_OTHERS = ("P2", "P3")


def judge_issue_triage(rows: pa.Table, policy: IssuesPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether all issues are sorted, and urgent ones owned."""
    if not rows.num_rows:
        return [ALL_ARE_CATEGORISED.not_applicable("the half-month", "no issue was open")]
    strange = rows.filter(pc.equal(rows["category"], UNCATEGORISED))
    first = ", ".join(strange["issue_id"].slice(0, policy.report_top).to_pylist())
    found = [ALL_ARE_CATEGORISED.judge("the half-month", not strange.num_rows, strange.num_rows, 0, first)]
    urgent = _of(rows, _URGENT)
    return found + [URGENT_NAMES_AN_OWNER.judge(_subject(row), row["is_owner_named"]) for row in urgent.to_pylist()]


def judge_sla_status(rows: pa.Table, policy: IssuesPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Urgent issues one by one, the others by priority, and debt."""
    if not rows.num_rows:
        return [IS_NOT_OVERDUE.not_applicable("the half-month", "no issue was open")]
    found = [finding for row in _of(rows, _URGENT).to_pylist() for finding in _urgent(row)]
    found += [_overdue(_of(rows, (priority,)), priority, policy) for priority in _OTHERS]
    debt = rows.filter(rows["is_debt"])
    why = ", ".join(debt["issue_id"].slice(0, policy.report_top).to_pylist())
    return [*found, NO_DEBT.judge("the half-month", not debt.num_rows, debt.num_rows, 0, why)]


def _urgent(row: dict[str, Any]) -> list[Finding]:
    subject, is_closed = _subject(row), row["state"] == "closed"
    why = f"{row['priority']}, {row['state']}"
    return [
        URGENT_IS_RESOLVED.judge(subject, is_closed, why=why),
        IS_NOT_OVERDUE.judge(subject, is_closed or row["breach_hours"] is None, row["counted_hours"], row["limit_hours"], why),
    ]


def _overdue(rows: pa.Table, priority: str, policy: IssuesPolicy) -> Finding:
    still = rows.filter(pc.not_equal(rows["state"], "closed"))
    if not still.num_rows:
        return FEW_ARE_OVERDUE.not_applicable(priority, "no issue of this priority is open")
    late = still.filter(pc.is_valid(still["breach_hours"])).sort_by([("breach_hours", "descending")])
    why = (
        f"of {still.num_rows} open; longest: {', '.join(late['issue_id'].slice(0, policy.report_top).to_pylist())}" if late.num_rows else ""
    )
    return FEW_ARE_OVERDUE.judge(priority, not late.num_rows, late.num_rows, 0, why)


def _of(rows: pa.Table, priorities: tuple[str, ...]) -> pa.Table:
    return rows.filter(pc.is_in(rows["priority"], pa.array(list(priorities))))


def _subject(row: dict[str, Any]) -> str:
    return str(row["issue_id"])
