"""Columns of triaged issues, of their service levels, and of the report of a half-month."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.contract import Contract, field

_PRIORITY = Literal["P0", "P1", "P2", "P3"]
_CATEGORY = Literal["data_quality", "model_performance", "infrastructure", "cost_overrun", "timeline_delay", "uncategorised"]


class IssueTriage(Contract, artifact="issue_triage", grain="half_month", key=("half_month", "issue_id"), owner="quality_assurance"):
    """One issue that was open at some instant of the half-month: its one category, its one priority, and the reasons for both."""

    half_month: dt.date = field("First day of the half-month")
    issue_id: str = field("Source and identifier of the issue; of the earliest where several sources tell of the same")
    title: str = field("Title as last written")
    kind: Literal["issue", "pull_request", "log_event", "training_job", "automatic"] = field(
        "What the source holds; automatic issues come from figures of the telemetry"
    )
    source: str = field("System it comes from; r2_drop, latency or test_runs for an automatic one")
    seen_in: str = field("Every source and identifier that tells of it, separated by commas")
    opened_at: dt.datetime = field("Instant it was first opened, UTC; of a list without events, the first time it was listed")
    category: _CATEGORY = field("Its category; uncategorised when no rule of the policy holds")
    category_reason: str = field("The rule that gave the category, and the words it found")
    priority: _PRIORITY = field("Its priority")
    priority_reason: str = field("The rule that gave the priority, and the words it found")
    severity: str | None = field("Severity in the source's own words", null="not stated")
    owner: str = field("Role that acts on it: as named by the source, else by the policy for the priority")
    is_owner_named: bool = field("Whether the source names a role")
    due_by: dt.date | None = field("Day by which the source says it is due", null="not stated")
    is_new: bool = field("Whether it was first opened within this half-month")
    url: str | None = field("Address of the issue in its system", null="it has none")


class SlaStatus(Contract, artifact="sla_status", grain="half_month", key=("half_month", "issue_id"), owner="quality_assurance"):
    """How long one issue has been open by the end of the half-month, on the clock of its service level."""

    half_month: dt.date = field("First day of the half-month")
    issue_id: str = field("The issue, as in issue_triage")
    priority: _PRIORITY = field("Its priority")
    state: Literal["open", "waiting", "closed"] = field("State at the instant judged")
    judged_at: dt.datetime = field("Instant judged: the end of the half-month, or the run's present while it is open; UTC")
    opened_at: dt.datetime = field("Instant it was first opened, UTC")
    closed_at: dt.datetime | None = field("Instant it was last closed, UTC", null="it is not closed")
    reopened: int = field("Times it was reopened", unit="times", ge=0)
    age_hours: float = field("Calendar hours from opening to its end, or to the instant judged", unit="hours", ge=0)
    counted_hours: float = field("Hours that count: open, on the level's clock, without pauses", unit="hours", ge=0)
    limit_hours: float = field("Hours its level allows", unit="hours", gt=0)
    due_at: dt.datetime | None = field(
        "Instant at which the allowed hours are counted, if it goes on as it is; UTC", null="closed, or it waits and its clock stands"
    )
    breach_hours: float | None = field("Counted hours beyond the limit", unit="hours", gt=0, null="the limit is kept")
    is_debt: bool = field("Whether it is an open P0 or P1 older than the debt rule allows, whatever its level says")


class IssueReport(Contract, artifact="issue_report", grain="half_month", key=("half_month", "section", "name"), owner="quality_assurance"):
    """One line of the review of a half-month: a figure, an action to take, a bar of the histogram of ages, or a cause."""

    half_month: dt.date = field("First day of the half-month")
    section: Literal["figure", "action", "age", "cause"] = field("What the line is")
    name: str = field("Figure, issue, or range of ages")
    value: float | None = field("The figure, number of issues, or hours of breach", null="nothing to compute it from, or the level is kept")
    unit: str = field("Unit of the value")
    priority: _PRIORITY | None = field("Priority of the action's issue", null="no action")
    owner: str | None = field("Role that has the action", null="no action")
    due_date: dt.date | None = field("Day by which the action is due", null="no action")
    text: str = field("What to do, or what the figure says")
