"""Rows of reviews: critics, the variance bundle, review events, decisions, actions, approvals, challenges, risks and signals.

Belongs here: columns, units and what null means. Does not belong here: what follows from them (``critics``, ``review``, ``assessment``).
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.feeds.base import Row, cell

_AT = ("at", "timestamp", "generated_at", "time", "created_at")
_CYCLE = ("quarter", "cycle_id", "review")


class CriticResults(
    Row, feed="critic_results", folder="critics", key=("critic", "subject", "instant"), dated=("instant",), of=("status", "passed")
):
    """One verdict of one critic, ours or another's."""

    instant: dt.datetime = cell("Instant of the verdict, UTC", also=_AT)
    critic: str = cell("Critic", also=("critic_name", "name"))
    subject: str = cell("What it judged: a tenant, model or part", also=("tenant", "tenant_id", "model_id"), default="")
    status: str | None = cell("Its own word, such as pass, attention or degraded", also=("verdict",), null="it states passed only")
    passed: bool | None = cell("Whether it passed, as it says; some say so of a run they skipped", also=("success",), null="not stated")
    skipped: bool | None = cell("Whether it did not run", null="not stated")
    exit_code: int | None = cell("Exit code", also=("code",), null="not recorded")
    score: float | None = cell("Its score, on its own scale", null="it gives none")
    tests_passed: int | None = cell("Tests that passed", unit="tests", null="not counted", ge=0)
    tests_failed: int | None = cell("Tests that failed", unit="tests", null="not counted", ge=0)
    severity: str | None = cell("Severity of its worst finding, in its own word", null="not stated")
    profile: str | None = cell("Profile it ran under: low, medium or high", null="not stated")
    message: str | None = cell("What it says", also=("summary", "notes", "analysis"), null="nothing", is_free=True)
    evidence: str | None = cell("What it points at", null="nothing", is_free=True)
    remedy: str | None = cell("What it asks for", also=("remediation",), null="nothing", is_free=True)
    authority: str | None = cell("Its weight, such as advisory or critical", null="not stated")
    domain: str | None = cell("Its area", null="not stated")
    commit: str | None = cell("Revision it looked at", also=("git_sha", "git_revision"), null="not recorded")
    tokens: int | None = cell("Tokens it used", unit="tokens", also=("total_tokens",), null="not counted", ge=0)
    cost: float | None = cell("What it cost", unit="USD", also=("cost_usd",), null="not recorded", ge=0)


class VarianceReports(
    Row,
    feed="variance_reports",
    folder="reviews",
    key=("cycle", "instant", "component"),
    dated=("instant",),
    of=("component", "risk_score"),
):
    """One component of one variance report of an imported bundle; what the whole report says stands in each of its rows."""

    instant: dt.datetime = cell("Instant the report was made, UTC", also=_AT)
    cycle: str = cell("Quarter, as 2025-Q4", also=_CYCLE)
    position: int = cell("Place of the report in its bundle, from 1", default="1", ge=1)
    component: str = cell("Component", default="")
    status: str | None = cell("Its status in the report's own word", null="not stated")
    notes: str | None = cell("Notes on the component", null="none", is_free=True)
    issues: str | None = cell("Issues of the component, one a line", null="none are listed", is_free=True)
    risk_score: float | None = cell("Risk score that the report states", unit="fraction", null="not stated", ge=0, le=1)
    git_revision: str | None = cell("Revision it was made at", also=("commit",), null="not stated")
    source_commands: str | None = cell("Commands it was made with, one a line", null="not stated", is_free=True)
    highlights: str | None = cell("Highlights, one a line", null="the report has none", is_free=True)
    fields: str | None = cell("Fields that the report has, separated by commas", null="not from a bundle")


class ReviewEvents(
    Row,
    feed="review_events",
    folder="reviews",
    key=("kind", "cycle", "event_id", "starts_at"),
    dated=("starts_at",),
    of=("kind", "title", "event_id"),
):
    """One meeting, session or review of the governance calendar as it was planned or held."""

    starts_at: dt.datetime = cell("Instant it starts, UTC", also=("start", "at", "held_at"))
    kind: str = cell("What it is: kickoff, session, preread, steering, quarter_close", also=("type", "event"), default="session")
    cycle: str = cell("Quarter, as 2025-Q4", also=_CYCLE, default="")
    event_id: str | None = cell("Identifier in the calendar", also=("calendar_id", "uid"), null="it has none")
    title: str | None = cell("Title", also=("name",), null="none")
    status: str | None = cell("State: scheduled, held, rescheduled, cancelled", also=("state",), null="not stated")
    duration_minutes: int | None = cell("Length", unit="minutes", also=("duration",), null="not stated", ge=0)
    created_at: dt.datetime | None = cell("Instant it was planned, UTC", also=("created",), null="not recorded")
    replaces: dt.datetime | None = cell("Instant it was planned for before, UTC", also=("previous_start",), null="it was not moved")
    facilitator: str | None = cell("Role that facilitates", null="nobody is named")
    chair: str | None = cell("Role in the chair", null="nobody is named")
    participants: str | None = cell("Roles taking part, separated by commas", also=("attendees",), null="not listed")
    agenda: str | None = cell("Agenda with minutes, one item a line", null="none", is_free=True)
    notes: str | None = cell("Notes", also=("minutes", "text"), null="none", is_free=True)


class Decisions(Row, feed="decisions", folder="reviews", key=("decision_id", "as_of"), dated=("instant", "decided_on")):
    """One decision, pivot or override; a later version of the file may restate it."""

    decision_id: str = cell("Decision", also=("id",))
    instant: dt.datetime | None = cell("Instant it was taken, UTC", also=("at", "timestamp", "decided_at"), null="only the day is known")
    decided_on: dt.date | None = cell("Day it was taken", also=("date", "decision_date"), null="the instant says it")
    kind: Literal["decision", "pivot", "override", "waiver"] = cell("What it is", also=("type",), default="decision")
    cycle: str | None = cell("Quarter, as 2025-Q4", also=_CYCLE, null="taken outside a review")
    summary: str = cell("What was decided", also=("decision", "title"), is_free=True)
    rationale: str | None = cell("Why", also=("reason", "why"), null="not stated", is_free=True)
    decided_by: str | None = cell("Role that decided", also=("owner", "decider", "role"), null="nobody is named")
    status: str | None = cell("State, in the file's own word", null="not stated")
    related_items: str | None = cell(
        "Items of the plan it touches, separated by commas", also=("related_tasks", "roadmap_ids", "tasks"), null="none"
    )
    severity: str | None = cell("How grave the matter is, in the file's own word", also=("priority", "rank"), null="not stated")
    expires_on: dt.date | None = cell("Day it ceases to hold", also=("expiry", "expires"), null="it holds until changed")
    outcome: str | None = cell("What came of it", null="not known yet", is_free=True)
    sets_aside: str | None = cell(
        "What an override or waiver sets aside, such as calibration_metrics 2025-11-03 coverage_is_calibrated",
        also=("overrides", "overridden"),
        null="nothing is named",
    )


class Actions(Row, feed="actions", folder="reviews", key=("action_id", "as_of"), dated=("instant",)):
    """One action item; a later version of the file may restate it."""

    action_id: str = cell("Action", also=("id",))
    instant: dt.datetime | None = cell(
        "Instant it was agreed, or restated, UTC", also=("at", "timestamp", "created_at"), null="only the day is known"
    )
    decision_id: str | None = cell("Decision it follows from", also=("decision",), null="none is named")
    cycle: str | None = cell("Quarter, as 2025-Q4", also=_CYCLE, null="outside a review")
    summary: str = cell("What is to be done", also=("title", "action", "description"), is_free=True)
    owner: str | None = cell("Role that does it", also=("assigned_to",), null="nobody is named")
    due_by: dt.date | None = cell("Day by which it is due", also=("due_date", "due"), null="not stated")
    status: str | None = cell("State, in the file's own word", also=("state",), null="not stated; open")
    related_items: str | None = cell("Items of the plan it belongs to, separated by commas", also=("related_tasks", "tasks"), null="none")
    closed_at: dt.datetime | None = cell("Instant it was closed, UTC", also=("completed_at", "done_at"), null="open, or not recorded")
    carry_over_reason: str | None = cell(
        "Why it goes on into the next quarter", also=("carry_over",), null="not carried over", is_free=True
    )
    evidence: str | None = cell("Path or address of what proves it", null="none", is_free=True)


class Approvals(Row, feed="approvals", folder="reviews", key=("subject", "kind", "role", "instant"), dated=("instant",)):
    """One approval, refusal or attestation by one role."""

    instant: dt.datetime | None = cell(
        "Instant it was given, UTC", also=("at", "timestamp", "approved_at", "signed_at"), null="only the day is known"
    )
    subject: str = cell("What it is about, such as scorecard_360 2025-Q4 or playbook", also=("approves", "artifact", "item"))
    kind: Literal["approval", "attestation", "change"] = cell("What it is", also=("type",), default="approval")
    verdict: Literal["approved", "rejected", "attested"] = cell(
        "What it says",
        also=("decision", "status"),
        words={"approve": "approved", "yes": "approved", "reject": "rejected", "no": "rejected"},
    )
    role: str = cell("Role that gives it", also=("approver", "approved_by", "signer", "owner"))
    authenticated_by: str | None = cell(
        "How the signer was authenticated, such as signed_commit or signed_file", also=("authentication",), null="not: it is asserted"
    )
    sha256: str | None = cell("SHA-256 of what was approved", also=("digest", "content_sha256"), null="not stated")
    cycle: str | None = cell("Quarter, as 2025-Q4", also=_CYCLE, null="none")
    reason: str | None = cell("Reason or condition", also=("note", "notes", "comment"), null="none", is_free=True)


class Challenges(Row, feed="challenges", folder="reviews", key=("challenge_id", "as_of"), dated=("instant",), of=("challenge",)):
    """One challenge to a finding, a figure or a model, with the response; a later version of the file may restate it."""

    challenge_id: str = cell("Challenge", also=("id",))
    instant: dt.datetime | None = cell("Instant it was raised, UTC", also=("at", "raised_at", "timestamp"), null="only the day is known")
    artifact: str = cell("Artifact whose finding is challenged, such as modeling_reality_critic", also=("finding_of",))
    rule: str | None = cell("Rule or check of the finding", also=("check",), null="the artifact as a whole")
    subject: str | None = cell("Subject of the finding: a model, tenant or part", also=("model_id", "tenant"), null="every subject")
    challenged_by: str = cell("Role that raises it", also=("challenger", "raised_by"))
    challenge: str = cell("What is doubted, and why", is_free=True)
    response: str | None = cell("Answer to it", also=("answer",), null="not answered yet", is_free=True)
    responded_by: str | None = cell("Role that answers", also=("responder", "answered_by"), null="nobody is named")
    responded_at: dt.datetime | None = cell("Instant of the answer, UTC", also=("answered_at",), null="not answered, or not recorded")
    verdict: Literal["upheld", "revised", "withdrawn"] | None = cell(
        "What became of the finding or model: upheld as it was, revised, or withdrawn", also=("resolution",), null="not settled yet"
    )


class RiskRegister(Row, feed="risk_register", folder="risks", key=("risk_id", "date"), dated=("instant",)):
    """One risk as one version of the register states it."""

    instant: dt.datetime | None = cell(
        "Instant of this version, UTC", also=("at", "committed_at", "timestamp", "updated_at"), null="only the day is known"
    )
    risk_id: str = cell("Risk", also=("id",))
    description: str = cell("What may happen", also=("title", "risk", "name"), is_free=True)
    impact: str | None = cell("Impact, in the register's own word", also=("severity",), null="not stated")
    probability: str | None = cell("Probability, in the register's own word", also=("likelihood",), null="not stated")
    status: str | None = cell("State, in the register's own word", also=("state",), null="not stated")
    owner: str | None = cell("Role that owns it", null="nobody is named")
    mitigation: str | None = cell("What is done about it", null="nothing is stated", is_free=True)
    category: str | None = cell("Kind of risk", null="not stated")
    priority: str | None = cell("Priority, in the register's own word", null="not stated")
    contingency: float | None = cell("Amount set aside", unit="USD", also=("contingency_usd",), null="none is stated", ge=0)
    resolution_date: dt.date | None = cell("Day it was resolved", also=("resolved_on", "closed_on"), null="open, or not recorded")
    commit: str | None = cell("Revision of this version", also=("git_sha",), null="not from a repository")


class StakeholderSignals(
    Row, feed="stakeholder_signals", folder="signals", key=("signal", "stakeholder", "date"), dated=("instant",), is_single=True
):
    """One value from a survey, a scorecard or an outside source, with the day it is of."""

    instant: dt.datetime | None = cell(
        "Instant it is of, UTC", also=("at", "timestamp", "surveyed_at", "measured_at"), null="only the day is known"
    )
    signal: str = cell("What it says, such as satisfaction, utilisation, dependency_uptime, roi", also=("category", "metric", "name"))
    value: float = cell("Its value, in the unit of the row", also=("score", "rating", "alignment_pct"))
    unit: str = cell("Unit of the value, such as of 10, fraction or percent", default="")
    stakeholder: str = cell("Who was asked, or what it is about", also=("group", "role", "team"), default="")
    weight: float | None = cell("Weight that the source gives it", unit="fraction", null="none", ge=0)
    respondents: int | None = cell(
        "Answers it stands for", unit="answers", also=("n", "responses"), null="not a survey, or not counted", ge=0
    )
    stderr: float | None = cell("Standard error, in its unit", also=("std_error",), null="not stated", ge=0)
    source: str | None = cell("Where it comes from", null="not stated")
    valid_until: dt.date | None = cell("Last day it may be used", also=("expires_on",), null="policy says how old it may be")
    comment: str | None = cell("Remark", also=("note", "notes"), null="none", is_free=True)
