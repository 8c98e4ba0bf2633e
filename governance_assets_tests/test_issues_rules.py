"""Verdicts on issues: every rule just below, at and above its limit, and every outcome."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from governance_assets.contract import arrow_schema, empty
from governance_assets.domains.issues import report, rules
from governance_assets.domains.issues.contracts import IssueReport, IssueTriage, SlaStatus
from governance_assets.policy import IssuesPolicy

DAY = dt.date(2025, 10, 1)
NOON = dt.datetime(2025, 10, 2, 12, tzinfo=dt.UTC)
TRIAGED: dict[str, Any] = {
    "half_month": DAY, "issue_id": "github:1", "title": "t", "kind": "issue", "source": "github", "seen_in": "github:1", "opened_at": NOON,
    "category": "data_quality", "category_reason": "r", "priority": "P1", "priority_reason": "r", "severity": None, "owner": "architect",
    "is_owner_named": True, "due_by": None, "is_new": True, "url": None,
}  # fmt: skip
TIMED: dict[str, Any] = {
    "half_month": DAY, "issue_id": "github:1", "priority": "P1", "state": "open", "judged_at": NOON, "opened_at": NOON, "closed_at": None,
    "reopened": 0, "age_hours": 1.0, "counted_hours": 1.0, "limit_hours": 168.0, "due_at": NOON, "breach_hours": None, "is_debt": False,
}  # fmt: skip


def outcomes(judge: Any, contract: Any, base: dict[str, Any], *changes: dict[str, Any]) -> dict[tuple[str, str], str]:
    rows = pa.Table.from_pylist(
        [base | {"issue_id": f"github:{n}"} | change for n, change in enumerate(changes, 1)], arrow_schema(contract)
    )
    return {(finding.rule, finding.subject): finding.outcome for finding in judge(rows, IssuesPolicy(), "2025-10-01", None)}


@pytest.mark.parametrize(
    ("change", "rule", "subject", "expected"),
    [
        ({}, "all_are_categorised", "the half-month", "pass"),
        ({"category": "uncategorised"}, "all_are_categorised", "the half-month", "fail"),
        ({}, "urgent_names_an_owner", "github:1", "pass"),
        ({"is_owner_named": False}, "urgent_names_an_owner", "github:1", "fail"),
        ({"is_owner_named": False, "priority": "P2"}, "urgent_names_an_owner", "github:1", None),
    ],
)
def test_triage(change: dict[str, Any], rule: str, subject: str, expected: str | None) -> None:
    assert outcomes(rules.judge_issue_triage, IssueTriage, TRIAGED, change).get((rule, subject)) == expected


@pytest.mark.parametrize(
    ("change", "rule", "subject", "expected"),
    [
        ({}, "urgent_is_resolved", "github:1", "fail"),
        ({"state": "waiting"}, "urgent_is_resolved", "github:1", "fail"),
        ({"state": "closed"}, "urgent_is_resolved", "github:1", "pass"),
        ({"priority": "P2"}, "urgent_is_resolved", "github:1", None),
        ({}, "is_not_overdue", "github:1", "pass"),
        ({"breach_hours": 0.001}, "is_not_overdue", "github:1", "fail"),
        ({"breach_hours": 5.0, "state": "closed"}, "is_not_overdue", "github:1", "pass"),
        ({"priority": "P2"}, "few_are_overdue", "P2", "pass"),
        ({"priority": "P2", "breach_hours": 0.001}, "few_are_overdue", "P2", "fail"),
        ({"priority": "P3", "breach_hours": 9.0, "state": "closed"}, "few_are_overdue", "P3", "not_applicable"),
        ({}, "few_are_overdue", "P3", "not_applicable"),
        ({}, "no_debt", "the half-month", "pass"),
        ({"is_debt": True}, "no_debt", "the half-month", "fail"),
    ],
)
def test_service_levels(change: dict[str, Any], rule: str, subject: str, expected: str | None) -> None:
    assert outcomes(rules.judge_sla_status, SlaStatus, TIMED, change).get((rule, subject)) == expected


@pytest.mark.parametrize(
    ("judge", "contract", "rule"),
    [(rules.judge_issue_triage, IssueTriage, "all_are_categorised"), (rules.judge_sla_status, SlaStatus, "is_not_overdue")],
)
def test_nothing_to_judge_says_so(judge: Any, contract: Any, rule: str) -> None:
    assert outcomes(judge, contract, {}) == {(rule, "the half-month"): "not_applicable"}


def line(section: str, name: str, **more: Any) -> dict[str, Any]:
    blank = {"value": None, "unit": "issues", "priority": None, "owner": None, "due_date": None, "text": "text"}
    return blank | {"half_month": DAY, "section": section, "name": name} | more


FIGURES = ("open", "new", "closed", "breached")


def report_rows() -> pa.Table:
    action = {"value": 3.0, "unit": "hours", "priority": "P0", "owner": "architect", "due_date": dt.date(2025, 10, 16)}
    hostile = line("action", "github:<b>", **action, text="![x](http://e) | <script>\n# title")
    figures = [line("figure", name, value=1.0) for name in FIGURES]
    return pa.Table.from_pylist([*figures, line("age", "0 to 6 days", value=1.0), hostile], arrow_schema(IssueReport))


def test_the_review_is_a_document_named_by_its_day_and_text_of_others_is_text() -> None:
    tables = {"issue_report": report_rows(), "issue_triage": empty(IssueTriage), "sla_status": empty(SlaStatus)}
    made = report.documents(tables, pa.table({}), NOON)
    assert list(made) == ["reviews/2025-10-15-issue-review.md"]
    told = made["reviews/2025-10-15-issue-review.md"].splitlines()
    assert told[0] == "# Issue review of 2025-10-15"
    action = next(text for text in told if text.startswith("- **P0**"))
    assert "architect, due 2025-10-16, 3 hours beyond its service level" in action
    assert r"!\[x\](http://e) \| \<script\> \# title" in action
    assert "None." in told


def test_the_page_shows_the_newest_review_and_links_every_document() -> None:
    tables = {"issue_report": report_rows(), "issue_triage": empty(IssueTriage), "sla_status": empty(SlaStatus)}
    model = report.page(tables, pa.table({}), NOON)
    assert model["sections"][0]["documents"] == [("Review of 2025-10-15", "reviews/2025-10-15-issue-review.md")]
    nothing = report.page({name: table.slice(0, 0) for name, table in tables.items()}, pa.table({}), NOON)
    assert nothing["sections"][0]["text"] == "Nothing is recorded yet."
