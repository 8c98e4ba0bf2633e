"""Columns of the variance bundle, of kickoffs of the review, and of the register of actions."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.contract import Contract, field


class VarianceBundle(Contract, artifact="variance_bundle", grain="quarter", key=("quarter", "entry", "component"), owner="modelling_lead"):
    """One component of one variance report; what the whole report says stands in each of its rows."""

    quarter: str = field("Quarter in which the report was made, as 2025-Q4")
    entry: int = field("Place of the report in the quarter, by the instant it was made, from 1", ge=1)
    origin: Literal["imported", "computed"] = field(
        "Whether the report arrived, or is made from our own verdicts because the quarter has none that did"
    )
    cycle: str = field("Quarter that the report is about, as it says itself")
    generated_at: dt.datetime = field("Instant the report was made, UTC; of a computed one the end of the newest week it rests on")
    component: str = field("Component; those of the risk score are there even when the report leaves them out")
    is_scored: bool = field("Whether it is a component of the risk score")
    status: str | None = field("Its status in the report's own word", null="not stated")
    words: str = field("Words its status may be stated in, separated by commas; empty for one that is not scored")
    severity: float | None = field(
        "What the status weighs", unit="fraction", null="it is not scored, not stated, or not a word allowed", ge=0, le=1
    )
    notes: str | None = field("Notes on the component", null="none")
    issues: str | None = field("Issues of the component, one a line", null="none are listed")
    risk_lower: float = field("Risk score if every unknown component were well", unit="fraction", ge=0, le=1)
    risk_upper: float = field("Risk score if every unknown component had failed", unit="fraction", ge=0, le=1)
    risk_shown: str = field("Risk score as it is shown: two decimals, half to even; a range when a component is unknown")
    risk_stated: float | None = field("Risk score that the report states", unit="fraction", null="not stated", ge=0, le=1)
    is_reproduced: bool | None = field(
        "Whether the stated score, to two decimals, is the computed one", null="none is stated, or a component is unknown"
    )
    missing_fields: str = field(
        "Required fields that the report lacks, separated by commas; empty when it has all, and for a computed report"
    )
    git_revision: str | None = field("Revision it was made at", null="not stated")
    is_revision_whole: bool = field("Whether that is a whole revision; that it exists in a repository is not looked up")
    source_commands: str | None = field("Commands it was made with, one a line", null="not stated")
    highlights: str | None = field("Highlights, one a line", null="the report has none")
    recommended_actions: str | None = field(
        "What a computed report recommends, as JSON", null="the report arrived: its actions stand in the register"
    )
    content_sha256: str = field("SHA-256 of the report as it arrived: append-only means that it never changes")


class ReviewKickoff(Contract, artifact="review_kickoff", grain="quarter", key=("quarter", "event"), owner="modelling_lead"):
    """One kickoff planned or held in the quarter, against the week in which it belongs."""

    quarter: str = field("Quarter in which it starts, as 2025-Q4")
    event: str = field("Identifier in the calendar; the instant it starts where it has none")
    title: str | None = field("Title", null="none")
    starts_at: dt.datetime = field("Instant it starts, UTC")
    due_at: dt.datetime = field("Instant it should start by the governance calendar, UTC")
    window_start: dt.date = field("Monday of the first full week of the quarter")
    window_end: dt.date = field("Friday of that week")
    is_in_window: bool = field("Whether it starts in that week")
    status: str | None = field("State: scheduled, held, rescheduled, cancelled", null="not stated")
    duration_minutes: int | None = field("Length", unit="minutes", null="not stated", ge=0)
    planned_minutes: int = field("Length by the governance calendar", unit="minutes", ge=1)
    created_at: dt.datetime | None = field("Instant it was planned, UTC", null="not recorded")
    replaces: dt.datetime | None = field("Instant it was planned for before, UTC", null="it was not moved")
    rebook_by: dt.datetime | None = field("Last instant to which it may be moved, UTC", null="it was not moved")
    facilitator: str | None = field("Role that facilitates", null="nobody is named")
    participants: str | None = field("Roles taking part, separated by commas", null="not listed")
    missing_roles: str = field("Required roles that are not named, separated by commas; empty when all are")
    notes: str | None = field("Notes", null="none")
    last_reviewed_at: dt.datetime | None = field("Newest kickoff that was held up to the instant judged, UTC", null="none was held yet")
    next_review_at: dt.datetime = field("This kickoff while it is to come, else that of the next quarter; UTC")


class ActionRegister(Contract, artifact="action_register", grain="quarter", key=("quarter", "action_id"), owner="modelling_lead"):
    """One action that was open at some instant of the quarter, in its newest version."""

    quarter: str = field("Quarter, as 2025-Q4")
    action_id: str = field("Action")
    cycle: str | None = field("Quarter whose review asked for it", null="outside a review")
    decision_id: str | None = field("Decision it follows from", null="none is named")
    agreed_on: dt.date = field("Day it was first recorded")
    summary: str = field("What is to be done")
    owner: str | None = field("Role that does it", null="nobody is named")
    due_by: dt.date | None = field("Day by which it is due", null="not stated")
    related_items: str | None = field("Items of the plan it belongs to, separated by commas", null="none")
    status: str | None = field("State, in the file's own word", null="not stated; open")
    state: Literal["open", "closed"] = field("State at the instant judged")
    closed_on: dt.date | None = field("Day it was closed", null="open, or not recorded")
    judged_on: dt.date = field("Day judged: the quarter's last, or the run's present while the quarter goes on")
    is_close: bool = field("Whether the quarter was over: what is open then must be carried over")
    overdue_days: int | None = field("Days beyond the day it was due", unit="days", null="closed, not yet due, or no day is stated", gt=0)
    carry_over_reason: str | None = field("Why it goes on into the next quarter", null="not carried over")
    evidence: str | None = field("Path or address of what proves it", null="none")


class DecisionLog(Contract, artifact="decision_log", grain="quarter", key=("quarter", "decision_id"), owner="modelling_lead"):
    """One decision, pivot, override or waiver taken in the quarter, in its newest version."""

    quarter: str = field("Quarter in which it was taken, as 2025-Q4")
    decision_id: str = field("Decision")
    kind: Literal["decision", "pivot", "override", "waiver"] = field("What it is")
    cycle: str | None = field("Quarter whose review took it", null="taken outside a review")
    decided_on: dt.date = field("Day it was taken")
    summary: str = field("What was decided")
    rationale: str | None = field("Why", null="not stated")
    decided_by: str | None = field("Role that decided", null="nobody is named")
    severity: str | None = field("How grave the matter is, in the file's own word", null="not stated")
    related_items: str | None = field("Items of the plan it touches, separated by commas", null="none")
    expires_on: dt.date | None = field("Day it ceases to hold", null="it holds until changed")
    outcome: str | None = field("What came of it", null="not known yet")
    judged_on: dt.date = field("Day judged: the quarter's last, or the run's present while the quarter goes on")
    actions_due_on: dt.date = field("Day by which its actions must be recorded")
    n_actions: int = field("Actions that name it and were recorded by that day, and by the day judged", unit="actions", ge=0)
    n_items: int = field("Items of the plan it names", unit="items", ge=0)
    n_touched: int = field("Those of them that the plan changed from the day of the decision to the day judged", unit="items", ge=0)
    touched_on: dt.date | None = field("First day on which one of them changed", null="none did, or none is named")
    touched_items: str = field("Those items, separated by commas; empty when none changed")
