"""The made-up year 2025 of the governance cadence: issues, risks, signals, reviews, and why its four quarters were decided as they were.

Belongs here: these files and the truth about them. Does not belong here: the plan (``sample_plan.py``), models and critics
(``sample_registry.py``) or writing files (``runtime/telemetry_writer.py``). Nothing here is random.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from governance_assets import sample_plan
from governance_assets.sample_registry import csv

QUARTERS = ("2025-Q1", "2025-Q2", "2025-Q3", "2025-Q4")
_SURVEYED = ("2025-03-21", "2025-06-20", "2025-09-19", "2025-12-19")


def generate() -> tuple[dict[str, bytes], dict[str, Any]]:
    """Texts by path, and what is planted in them."""
    events = sorted(_issue_events(_ISSUES))
    texts = {
        "issues/tracker/events.csv": csv(_ISSUE_COLUMNS, events),
        "risks/register.csv": csv(_RISK_COLUMNS, list(_risks())),
        "signals/surveys.csv": csv(_SIGNAL_COLUMNS, list(_signals())),
        "reviews/events.csv": csv(_EVENT_COLUMNS, [*_KICKOFFS, *_SESSIONS]),
        "reviews/variance-reports.csv": csv(_REPORT_COLUMNS, list(_reports())),
        "reviews/decisions.csv": csv(_DECISION_COLUMNS, _DECISIONS),
        "reviews/actions.csv": csv(_ACTION_COLUMNS, _ACTIONS),
        "reviews/approvals.csv": csv(_APPROVAL_COLUMNS, _APPROVALS),
    }
    return texts, {
        "quarters": _QUARTER_TRUTH,
        "issues": {
            "issues": len(_ISSUES),
            "events": len(events),
            "open_at_the_end": [one[0] for one in _ISSUES if one[6] is None],
            "beyond_their_level": list(_BREACHES),
            "uncategorised": [one[0] for one in _ISSUES if one[3] == "docs"],
        },
        "reviews": {
            "kickoff_outside_the_first_full_week": "2025-Q3",
            "report_above_escalation": "2025-Q3",
            "report_whose_risk_does_not_follow": "2025-Q2",
            "overdue_action": "A-09",
            "decision_without_action": "D-06",
            "decisions_that_reach_the_plan_late_or_never": ["D-06", "D-07"],
            "override_without_outcome": "D-05",
            "approval_that_is_awaited": "scorecard_360 2025-Q4",
        },
        "risks": {"without_mitigation": {"risk": "R-3", "quarter": "2025-Q3"}},
    }


_QUARTER_TRUTH = (
    {
        "quarter": "2025-Q1",
        "decision": "continue",
        "rule": "C49",
        "gap_class": "minor",
        "planted": "the plan is on its way: costs 3 % above estimates, one stage late, nobody dissatisfied",
    },
    {
        "quarter": "2025-Q2",
        "decision": "adjust_tactics",
        "rule": "C50",
        "gap_class": "minor",
        "planted": "labelling by a vendor overran: done stages cost 23 % more than estimated, and the team works beyond its hours",
    },
    {
        "quarter": "2025-Q3",
        "decision": "pivot",
        "rule": "C55",
        "gap_class": "moderate",
        "planted": "the weather feed ended: two catalogued signals are gone and a stage is late, so gaps are moderate",
    },
    {
        "quarter": "2025-Q4",
        "decision": "adjust_tactics",
        "rule": "C50",
        "gap_class": "minor",
        "planted": "remediation brought one of the two signals back; costs are within limits again, satisfaction not yet",
    },
)

# ---------------------------------------------------------------- issues

_ISSUE_COLUMNS = ("at", "issue_id", "event", "title", "severity", "labels", "owner")
_BREACHES = ("I-07", "I-12", "I-19", "I-27", "I-29")
"""Issues that were open for longer than their level allows."""
_ISSUES: tuple[tuple[str, str, str, str, str, str, str | None], ...] = (
    # id, title, severity, labels, owner, opened, closed
    ("I-01", "Region 07 missing from the weekly orders", "P1", "data", "data_quality", "2025-01-09T08:10", "2025-01-13T15:00"),
    ("I-02", "Typo in the report of week 2", "P3", "docs", "coordination", "2025-01-17T11:00", "2025-01-21T09:30"),
    ("I-03", "Duplicate rows after a repeated upload", "P2", "data", "data_quality", "2025-01-27T07:45", "2025-02-03T16:20"),
    ("I-04", "Build of the pipeline fails on a slow disk", "P2", "infrastructure", "architect", "2025-02-06T13:00", "2025-02-12T10:00"),
    ("I-05", "Forecast of the baseline lacks a horizon", "P1", "model", "modelling_lead", "2025-02-18T09:20", "2025-02-20T17:45"),
    ("I-06", "Milestone review has no date", "P3", "schedule", "coordination", "2025-03-04T10:00", "2025-03-12T10:00"),
    ("I-07", "Credential of the media export expired", "P1", "infrastructure", "architect", "2025-03-10T06:30", "2025-03-21T12:00"),
    ("I-08", "Column of the price index changed its unit", "P2", "data", "product_operations", "2025-03-24T08:00", "2025-04-01T15:00"),
    ("I-09", "Budget of labelling exceeded in its first month", "P1", "cost", "product_operations", "2025-04-17T14:00", "2025-04-23T11:00"),
    ("I-10", "Coverage of boreas below its nominal level", "P1", "model", "modelling_lead", "2025-05-06T09:00", "2025-05-12T16:00"),
    ("I-11", "Late delivery of media spend, tenant west", "P2", "data", "data_quality", "2025-05-14T08:30", "2025-05-20T12:00"),
    ("I-12", "Service down: no telemetry landed overnight", "P0", "infrastructure", "architect", "2025-05-27T05:00", "2025-05-29T10:00"),
    ("I-13", "Wording of the release gate is unclear", "P3", "docs", "director", "2025-06-03T10:00", "2025-06-17T10:00"),
    ("I-14", "Spend on compute above the estimate of June", "P2", "cost", "architect", "2025-06-12T13:30", "2025-06-24T09:00"),
    (
        "I-15",
        "Overtime of the modelling team, stages behind schedule",
        "P2",
        "schedule",
        "coordination",
        "2025-06-18T09:00",
        "2025-06-30T17:00",
    ),
    ("I-16", "Drift of castor since the middle of June", "P1", "model", "modelling_lead", "2025-07-08T08:00", "2025-07-14T14:00"),
    ("I-17", "Null values in the holiday calendar", "P2", "data", "product_operations", "2025-07-16T08:20", "2025-07-22T15:10"),
    ("I-18", "Certificate of the scheduler runs out", "P2", "infrastructure", "architect", "2025-07-28T07:00", "2025-08-05T10:00"),
    ("I-19", "R² of the ensemble fell by eight points", "P1", "model", "modelling_lead", "2025-08-06T06:00", "2025-08-25T18:00"),
    ("I-20", "Weather feed announces its end", "P2", "data", "data_quality", "2025-08-12T09:00", "2025-08-22T09:00"),
    ("I-21", "Weather feed ended, two signals missing", "P0", "data", "data_quality", "2025-09-01T06:00", "2025-09-01T22:00"),
    (
        "I-22",
        "Geo experiment delayed: regions not named in time",
        "P2",
        "schedule",
        "product_operations",
        "2025-09-09T10:00",
        "2025-09-19T16:00",
    ),
    ("I-23", "Lift is reported without an interval", "P1", "model", "modelling_lead", "2025-09-22T11:00", "2025-09-26T15:00"),
    ("I-24", "Contract of a second weather source", "P2", "cost", "programme_owner", "2025-10-07T10:00", "2025-10-17T12:00"),
    ("I-25", "Memory of the history host runs low", "P2", "infrastructure", "architect", "2025-10-20T07:30", "2025-10-28T11:00"),
    ("I-26", "Forecast of castor wrongly shown as released", "P1", "model", "director", "2025-11-03T08:00", "2025-11-06T17:00"),
    (
        "I-27",
        "Proposal for tenant west moves a budget too far",
        "P2",
        "model",
        "product_operations",
        "2025-11-12T09:00",
        "2025-12-01T10:00",
    ),
    ("I-28", "Undercounted orders of six regions", "P1", "data", "data_quality", "2025-12-08T08:00", "2025-12-12T09:00"),
    ("I-29", "Second site of the history is behind schedule", "P1", "schedule", "architect", "2025-12-15T09:00", None),
    ("I-30", "Pollen index still missing", "P2", "data", "data_quality", "2025-12-29T09:00", None),
)
_MORE_EVENTS: tuple[tuple[str, str, str], ...] = (
    ("I-04", "2025-02-07T09:00", "labelled"),
    ("I-07", "2025-03-11T09:00", "commented"),
    ("I-07", "2025-03-14T09:00", "waiting"),
    ("I-07", "2025-03-19T09:00", "resumed"),
    ("I-09", "2025-04-18T09:00", "commented"),
    ("I-10", "2025-05-07T09:00", "commented"),
    ("I-12", "2025-05-27T12:00", "commented"),
    ("I-14", "2025-06-13T09:00", "commented"),
    ("I-17", "2025-07-24T09:00", "reopened"),
    ("I-17", "2025-07-25T16:00", "closed"),
    ("I-19", "2025-08-08T09:00", "commented"),
    ("I-19", "2025-08-13T09:00", "waiting"),
    ("I-19", "2025-08-20T09:00", "resumed"),
    ("I-21", "2025-09-01T12:00", "commented"),
    ("I-22", "2025-09-10T09:00", "commented"),
    ("I-24", "2025-10-08T09:00", "waiting"),
    ("I-24", "2025-10-13T09:00", "resumed"),
    ("I-26", "2025-11-04T09:00", "commented"),
    ("I-27", "2025-11-13T09:00", "labelled"),
    ("I-28", "2025-12-09T09:00", "commented"),
    ("I-29", "2025-12-22T09:00", "commented"),
)


def _issue_events(issues: Sequence[tuple[str, str, str, str, str, str, str | None]]) -> Iterator[tuple[str, ...]]:
    told = {one[0]: one[1:5] for one in issues}
    made = [(at, one[0], event) for one in issues for at, event in ((one[5], "opened"), (one[6], "closed")) if at]
    for at, name, event in [*made, *((at, name, event) for name, at, event in _MORE_EVENTS)]:
        yield f"{at}:00Z", name, event, *told[name]


# ---------------------------------------------------------------- risks and signals

_RISK_COLUMNS = ("date", "risk_id", "description", "impact", "probability", "status", "owner", "mitigation", "contingency")
_RISKS: tuple[tuple[str, str, str, tuple[tuple[str, str, str, str], ...]], ...] = (
    # id, description, owner; at the end of each quarter: impact, probability, status, mitigation
    (
        *("R-1", "Demand shifts away from the past"),
        "modelling_lead",
        (("high", "low", "open", "drift is watched weekly"),) * 2 + (("high", "medium", "open", "drift is watched weekly"),) * 2,
    ),
    (
        *("R-2", "Labelling costs more than estimated"),
        "product_operations",
        (
            ("medium", "low", "open", "fixed price asked for"),
            ("high", "confirmed", "open", "fixed price agreed for the rest"),
            ("medium", "medium", "open", "fixed price agreed for the rest"),
            ("medium", "low", "closed", "stages are done"),
        ),
    ),
    (
        *("R-3", "A feed ends without a second source"),
        "data_quality",
        (
            ("medium", "low", "open", "suppliers are asked twice a year"),
            ("medium", "medium", "open", "suppliers are asked twice a year"),
            ("high", "confirmed", "open", ""),
            ("high", "medium", "mitigating", "second source under contract"),
        ),
    ),
    (
        *("R-4", "Key knowledge lies with one role"),
        "coordination",
        (("medium", "medium", "open", "runbook is planned"),) * 3 + (("medium", "low", "open", "runbook is written"),),
    ),
    (
        *("R-5", "Readers take a provisional figure for a final one"),
        "director",
        (("low", "medium", "open", "pages say what is provisional"),) * 4,
    ),
)


def _risks() -> Iterator[tuple[Any, ...]]:
    for place, day in enumerate(_SURVEYED):
        for name, description, owner, states in _RISKS:
            impact, probability, status, mitigation = states[place]
            yield day, name, description, impact, probability, status, owner, mitigation, 5000


_SIGNAL_COLUMNS = ("date", "signal", "value", "unit", "stakeholder", "respondents", "stderr", "source")
_SIGNALS: tuple[tuple[str, str, str, int | str, tuple[float, ...], float | str], ...] = (
    # signal, unit, who, answers, its value at the end of each quarter, standard error
    ("goal_alignment", "fraction", "programme_owner", 6, (0.96, 0.88, 0.74, 0.80), 0.02),
    ("strategic_drift", "fraction", "programme_owner", 6, (0.03, 0.10, 0.20, 0.16), 0.01),
    ("tech_debt", "fraction", "architect", "", (0.05, 0.16, 0.19, 0.18), 0.01),
    ("roi", "fraction", "product_operations", "", (0.24, 0.08, -0.06, 0.04), 0.03),
    ("contingency_share", "fraction", "programme_owner", "", (0.17, 0.10, 0.08, 0.12), ""),
    ("satisfaction", "of 10", "readers", 24, (9.2, 7.3, 6.9, 7.2), 0.2),
    ("satisfaction", "of 10", "tenants", 3, (9.4, 7.5, 7.1, 7.4), 0.3),
    ("utilisation", "fraction", "modelling_lead", "", (0.74, 0.96, 0.92, 0.85), ""),
    ("dependency_uptime", "fraction", "architect", "", (0.999, 0.987, 0.981, 0.988), ""),
    ("competitive_percentile", "fraction", "market survey", "", (0.88, 0.80, 0.72, 0.70), 0.04),
    ("new_techniques", "a quarter", "modelling_lead", "", (1.0, 0.0, 0.0, 0.0), ""),
    ("regime_fit", "fraction", "modelling_lead", "", (0.95, 0.88, 0.78, 0.80), 0.02),
)


def _signals() -> Iterator[tuple[Any, ...]]:
    for place, day in enumerate(_SURVEYED):
        for signal, unit, who, answers, values, error in _SIGNALS:
            yield day, signal, values[place], unit, who, answers, error, "survey" if answers else "report"


# ---------------------------------------------------------------- reviews

_EVENT_COLUMNS = (
    *("starts_at", "kind", "cycle", "event_id", "title", "status", "duration_minutes", "created_at", "replaces", "facilitator"),
    "participants",
)
_ROLES = "modelling lead, director, data-quality steward, design-systems partner, product operations"
_KICKOFFS = tuple(
    (at, "kickoff", cycle, f"kickoff-{cycle}", f"Kickoff of the review {cycle}", status, 60, created, replaces, "coordination", _ROLES)
    for at, cycle, status, created, replaces in (
        ("2025-01-08T18:00:00Z", "2025-Q1", "held", "2024-12-11T09:00:00Z", ""),
        ("2025-04-09T18:00:00Z", "2025-Q2", "held", "2025-03-12T09:00:00Z", ""),
        ("2025-07-16T18:00:00Z", "2025-Q3", "held", "2025-06-11T09:00:00Z", "2025-07-09T18:00:00Z"),
        ("2025-10-08T18:00:00Z", "2025-Q4", "held", "2025-09-10T09:00:00Z", ""),
        ("2026-01-07T18:00:00Z", "2026-Q1", "scheduled", "2025-12-10T09:00:00Z", ""),
    )
)
_SESSIONS = tuple(
    (f"{day}T14:00:00Z", kind, cycle, f"{kind}-{cycle}", f"{title} of {cycle}", "held", 60, "", "", "coordination", _ROLES)
    for kind, title, days in (
        ("preread", "Packet to read before the review", ("2025-01-01", "2025-04-02", "2025-07-02", "2025-10-01", "2025-12-31")),
        ("product_sync", "Claims against results", ("2025-01-03", "2025-04-04", "2025-07-04", "2025-10-03", "2026-01-02")),
    )
    for day, cycle in zip(days, (*QUARTERS, "2026-Q1"), strict=True)
)
_REPORT_COLUMNS = (
    *("generated_at", "cycle", "position", "component", "status", "notes", "risk_score", "git_revision", "source_commands"),
    "highlights",
)
_COMPONENTS = ("modeling_reality_critic", "allocator_critic", "mmm_backtest", "data_quality")
_REPORTS = (
    ("2025-01-03", "2025-Q1", ("pass", "pass", "stable", "pass"), 0.0, "Everything is in place; the first weeks are watched"),
    ("2025-04-04", "2025-Q2", ("attention", "pass", "stable", "attention"), 0.3, "A unit of the price index changed; boreas is narrow"),
    ("2025-07-11", "2025-Q3", ("degraded", "attention", "degraded", "attention"), 0.75, "castor drifts; costs of labelling overran"),
    (
        "2025-10-03",
        "2025-Q4",
        ("attention", "attention", "stable", "attention"),
        0.375,
        "The weather feed ended; a second source is sought",
    ),
    ("2026-01-02", "2026-Q1", ("attention", "attention", "stable", "pass"), 0.25, "One signal is back; castor waits for recalibration"),
)


def _reports() -> Iterator[tuple[Any, ...]]:
    for position, (day, cycle, statuses, score, highlights) in enumerate(_REPORTS, 1):
        for component, status in zip(_COMPONENTS, statuses, strict=True):
            command = "governance run --quarter latest"
            yield f"{day}T06:00:00Z", cycle, position, component, status, "", score, sample_plan.revision(cycle), command, highlights


_DECISION_COLUMNS = (
    *("decision_id", "decided_on", "kind", "cycle", "summary", "rationale", "decided_by", "related_items", "expires_on", "status"),
)
_DECISIONS = tuple(
    (*row, "2025-10-10" if row[2] == "override" else "", "taken")
    for row in (
        ("D-01", "2025-01-08", "decision", "2025-Q1", "Score all models alike", "figures must compare", "director", "S1.3,S1.5"),
        ("D-02", "2025-05-16", "decision", "2025-Q2", "A fixed price of labelling", "invoices doubled", "programme_owner", "S3.6"),
        ("D-03", "2025-04-18", "decision", "2025-Q2", "Keep boreas from release", "its intervals are too narrow", "director", "S3.3"),
        (
            "D-04",
            "2025-07-18",
            "decision",
            "2025-Q3",
            "Take hourly forecasts out",
            "nobody staffs by the hour",
            "programme_owner",
            "S5.5,S5.7",
        ),
        ("D-05", "2025-07-18", "override", "2025-Q3", "Show castor with a warning", "readers rely on it", "director", "S5.6"),
        ("D-06", "2025-09-03", "decision", "2025-Q3", "Go on without weather for a season", "the feed ended", "director", "S5.5"),
        ("D-07", "2025-10-01", "pivot", "2025-Q4", "Continuity of data before new models", "gaps are moderate", "programme_owner", "S5.5"),
        ("D-08", "2025-10-10", "decision", "2025-Q4", "A second weather source", "the gap of most effect", "programme_owner", "S5.5"),
        ("D-09", "2025-12-19", "decision", "2025-Q4", "Hand over before the second site", "its stage is late", "architect", "S6.3,S6.5"),
    )
)
_ACTION_COLUMNS = (
    *("action_id", "created_at", "decision_id", "cycle", "summary", "owner", "due_by", "status", "closed_at", "related_items"),
    *("carry_over_reason", "evidence"),
)
_EVIDENCE = "evidence/listing.csv"
_ACTIONS = tuple(
    (name, f"{agreed}T20:00:00Z", decision, cycle, summary, owner, due, status, closed and f"{closed}T16:00:00Z", item, *rest)
    for (name, agreed, decision, cycle, summary), (owner, due, status, closed, item), rest in (
        (
            ("A-01", "2025-01-09", "D-01", "2025-Q1", "List the regions in the policy"),
            ("modelling_lead", "2025-01-31", "done", "2025-01-24", "S1.5"),
            ("", _EVIDENCE),
        ),
        (
            ("A-02", "2025-05-16", "D-02", "2025-Q2", "Agree a price for the rest of the labelling"),
            ("product_operations", "2025-07-31", "done", "2025-07-25", "S3.6"),
            ("the offer is due in July", _EVIDENCE),
        ),
        (
            ("A-03", "2025-04-18", "D-03", "2025-Q2", "Close the release gate for boreas"),
            ("director", "2025-04-25", "done", "2025-04-23", "S3.3"),
            ("", _EVIDENCE),
        ),
        (
            ("A-04", "2025-07-18", "D-04", "2025-Q3", "Take the stage out and restate the budget"),
            ("programme_owner", "2025-10-10", "done", "2025-10-06", "S5.7"),
            ("the budget is restated with the quarter", _EVIDENCE),
        ),
        (
            ("A-05", "2025-07-18", "D-05", "2025-Q3", "Print the warning on every page that shows castor"),
            ("modelling_lead", "2025-08-01", "done", "2025-07-30", "S5.6"),
            ("", _EVIDENCE),
        ),
        (
            ("A-06", "2025-10-02", "D-07", "2025-Q4", "Rank the gaps by effect and cost"),
            ("coordination", "2025-10-08", "done", "2025-10-07", "S5.5"),
            ("", _EVIDENCE),
        ),
        (
            ("A-07", "2025-10-10", "D-08", "2025-Q4", "Sign with a second weather source"),
            ("programme_owner", "2025-11-14", "done", "2025-11-12", "S5.5"),
            ("", _EVIDENCE),
        ),
        (
            ("A-08", "2025-10-09", "D-07", "2025-Q4", "Recalibrate castor on the errors of the year"),
            ("modelling_lead", "2026-01-30", "open", "", "S5.6"),
            ("the errors of the whole year are needed", ""),
        ),
        (
            ("A-09", "2025-10-10", "D-08", "2025-Q4", "Land the pollen index from the second source"),
            ("data_quality", "2025-12-12", "open", "", "S5.5"),
            ("the source delivers it from January", ""),
        ),
        (
            ("A-10", "2025-12-19", "D-09", "2025-Q4", "Name the day of the move to the second site"),
            ("architect", "2026-01-16", "open", "", "S6.3"),
            ("its stage goes on into January", ""),
        ),
    )
)
_APPROVAL_COLUMNS = ("approved_at", "subject", "kind", "verdict", "role", "authenticated_by", "cycle", "reason")
_APPROVALS = (
    *(
        (f"{day}T12:00:00Z", f"scorecard_360 {quarter}", "approval", "approved", "programme_owner", "signed_commit", quarter, reason)
        for day, quarter, reason in (
            ("2025-04-02", "2025-Q1", ""),
            ("2025-07-02", "2025-Q2", "with a fixed price of labelling"),
            ("2025-10-01", "2025-Q3", "continuity of data before new models"),
        )
    ),
    *(
        (f"{day}T12:00:00Z", f"adjustment_proposal {quarter}", "approval", "approved", "programme_owner", "signed_commit", quarter, reason)
        for day, quarter, reason in (("2025-07-08", "2025-Q2", "by a fixed price"), ("2025-10-06", "2025-Q3", "by the restated budget"))
    ),
    *(
        (f"{day}T12:00:00Z", "models of modelling_lead", "attestation", "attested", "modelling_lead", "signed_commit", quarter, "")
        for day, quarter in zip(("2025-03-31", "2025-06-30", "2025-09-30", "2025-12-31"), QUARTERS, strict=True)
    ),
)
