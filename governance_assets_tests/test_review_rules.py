"""Facts and verdicts of the review: every rule just below, at and above its limit, and every outcome."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from pydantic import ValidationError

from governance_assets.contract import arrow_schema
from governance_assets.domains.review import facts, report, rules
from governance_assets.domains.review.contracts import ActionRegister, DecisionLog, ReviewKickoff, VarianceBundle
from governance_assets.feeds import RECORD_FEEDS
from governance_assets.policy import CalendarPolicy, ReviewPolicy
from governance_assets.runtime.periods import period

NOON = dt.datetime(2025, 10, 8, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
POLICY = ReviewPolicy()
PART: dict[str, Any] = {
    "quarter": "2025-Q4", "entry": 1, "origin": "imported", "cycle": "2025-Q4", "recommended_actions": None,
    "generated_at": NOON, "component": "data_quality", "is_scored": True,
    "status": "pass", "words": "pass, attention, failed", "severity": 0.0, "notes": None, "issues": None, "risk_lower": 0.0,
    "risk_upper": 0.0, "risk_shown": "0.00", "risk_stated": 0.0, "is_reproduced": True, "missing_fields": "", "git_revision": "a" * 40,
    "is_revision_whole": True, "source_commands": "make", "highlights": "h", "content_sha256": "x",
}  # fmt: skip
KICKOFF: dict[str, Any] = {
    "quarter": "2025-Q4", "event": "k", "title": None, "starts_at": NOON, "due_at": NOON, "window_start": NOON.date(),
    "window_end": NOON.date(), "is_in_window": True, "status": None, "duration_minutes": 60, "planned_minutes": 60, "created_at": None,
    "replaces": None, "rebook_by": None, "facilitator": "lead", "participants": None, "missing_roles": "", "notes": None,
    "last_reviewed_at": None, "next_review_at": NOON,
}  # fmt: skip
ACTION: dict[str, Any] = {
    "quarter": "2025-Q4", "action_id": "a", "cycle": None, "decision_id": None, "agreed_on": NOON.date(), "summary": "s", "owner": "lead",
    "due_by": NOON.date(), "related_items": "T1", "status": None, "state": "open", "closed_on": None, "judged_on": NOON.date(),
    "is_close": False, "overdue_days": None, "carry_over_reason": None, "evidence": None,
}  # fmt: skip
DECISION: dict[str, Any] = {
    "quarter": "2025-Q4", "decision_id": "d", "kind": "decision", "cycle": None, "decided_on": NOON.date(), "summary": "s",
    "rationale": "r", "decided_by": "director", "severity": None, "related_items": "T1", "expires_on": None, "outcome": None,
    "judged_on": NOON.date() + 3 * DAY, "actions_due_on": NOON.date() + 3 * DAY, "n_actions": 1, "n_items": 1, "n_touched": 1,
    "touched_on": NOON.date(), "touched_items": "T1",
}  # fmt: skip
REPORT, COMPONENT = "report 1 of 2025-Q4", "report 1 of 2025-Q4: data_quality"


def table(contract: Any, *rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), arrow_schema(contract))


def outcome(judge: Any, rows: pa.Table, rule: str, subject: str, past: pa.Table | None = None) -> str | None:
    return {(one.rule, one.subject): one.outcome for one in judge(rows, POLICY, "2025-Q4", past)}.get((rule, subject))


@pytest.mark.parametrize(
    ("change", "rule", "subject", "expected"),
    [
        ({}, "fields_are_complete", REPORT, "pass"),
        ({"missing_fields": "highlights"}, "fields_are_complete", REPORT, "fail"),
        ({}, "points_at_its_source", REPORT, "pass"),
        ({"is_revision_whole": False}, "points_at_its_source", REPORT, "fail"),
        ({"source_commands": None}, "points_at_its_source", REPORT, "fail"),
        ({"risk_lower": 0.6999, "risk_upper": 0.6999}, "risk_is_below_escalation", REPORT, "pass"),
        ({"risk_lower": 0.7, "risk_upper": 0.7}, "risk_is_below_escalation", REPORT, "fail"),
        ({"risk_lower": 0.7001, "risk_upper": 0.7001}, "risk_is_below_escalation", REPORT, "fail"),
        ({"risk_lower": 0.5, "risk_upper": 0.7}, "risk_is_below_escalation", REPORT, "unknown"),
        ({"risk_lower": 0.25, "risk_upper": 0.5}, "risk_is_below_escalation", REPORT, "pass"),
        ({"risk_lower": 0.75, "risk_upper": 1.0}, "risk_is_below_escalation", REPORT, "fail"),
        ({}, "stated_risk_is_reproduced", REPORT, "pass"),
        ({"is_reproduced": False}, "stated_risk_is_reproduced", REPORT, "fail"),
        ({"is_reproduced": None}, "stated_risk_is_reproduced", REPORT, "unknown"),
        ({"risk_stated": None, "is_reproduced": None}, "stated_risk_is_reproduced", REPORT, "not_applicable"),
        ({"origin": "computed", "git_revision": None}, "points_at_its_source", REPORT, "not_applicable"),
        ({"origin": "computed"}, "fields_are_complete", REPORT, "not_applicable"),
        ({}, "status_is_a_known_word", COMPONENT, "pass"),
        ({"status": "fine", "severity": None}, "status_is_a_known_word", COMPONENT, "fail"),
        ({"status": None, "severity": None}, "status_is_a_known_word", COMPONENT, "unknown"),
        ({"is_scored": False}, "status_is_a_known_word", COMPONENT, None),
        ({}, "has_not_failed", COMPONENT, "pass"),
        ({"status": "failed", "severity": 1.0}, "has_not_failed", COMPONENT, "fail"),
        ({"status": "fine", "severity": None}, "has_not_failed", COMPONENT, "unknown"),
        ({"status": None, "severity": None}, "has_not_failed", COMPONENT, "unknown"),
    ],
)
def test_reports(change: dict[str, Any], rule: str, subject: str, expected: str | None) -> None:
    assert outcome(rules.judge_variance_bundle, table(VarianceBundle, PART | change), rule, subject) == expected


@pytest.mark.parametrize(
    ("past", "now", "expected"),
    [
        ([], ["x"], "not_applicable"),
        (["x"], ["x"], "pass"),
        (["x"], ["x", "y"], "pass"),
        (["x"], ["z"], "fail"),
        (["x", "y"], ["x"], "fail"),
        (["x", "y"], ["y", "x"], "fail"),
        (["x"], [], "fail"),
    ],
)
def test_history_only_grows(past: list[str], now: list[str], expected: str) -> None:
    before, after = (
        table(VarianceBundle, *(PART | {"entry": n, "content_sha256": digest} for n, digest in enumerate(given, 1)))
        for given in (past, now)
    )
    assert outcome(rules.judge_variance_bundle, after, "history_only_grows", "2025-Q4", before) == expected


@pytest.mark.parametrize(
    ("change", "rule", "expected"),
    [
        ({}, "is_in_the_first_full_week", "pass"),
        ({"is_in_window": False}, "is_in_the_first_full_week", "fail"),
        ({}, "roles_are_listed", "pass"),
        ({"missing_roles": "director"}, "roles_are_listed", "fail"),
        ({"duration_minutes": 59}, "lasts_as_planned", "fail"),
        ({}, "lasts_as_planned", "pass"),
        ({"duration_minutes": 61}, "lasts_as_planned", "fail"),
        ({"duration_minutes": None}, "lasts_as_planned", "unknown"),
        ({}, "is_rebooked_in_time", "not_applicable"),
        ({"rebook_by": NOON + DAY}, "is_rebooked_in_time", "pass"),
        ({"rebook_by": NOON}, "is_rebooked_in_time", "pass"),
        ({"rebook_by": NOON - DAY}, "is_rebooked_in_time", "fail"),
        ({}, "next_comes_after_last", "not_applicable"),
        ({"last_reviewed_at": NOON - DAY}, "next_comes_after_last", "pass"),
        ({"last_reviewed_at": NOON}, "next_comes_after_last", "fail"),
        ({"last_reviewed_at": NOON + DAY}, "next_comes_after_last", "fail"),
    ],
)
def test_kickoffs(change: dict[str, Any], rule: str, expected: str) -> None:
    assert outcome(rules.judge_review_kickoff, table(ReviewKickoff, KICKOFF | change), rule, "k") == expected


@pytest.mark.parametrize(
    ("change", "rule", "expected"),
    [
        ({}, "action_is_complete", "pass"),
        ({"owner": None}, "action_is_complete", "fail"),
        ({"due_by": None}, "action_is_complete", "fail"),
        ({"related_items": None}, "action_is_complete", "fail"),
        ({}, "action_is_in_time", "pass"),
        ({"overdue_days": 1}, "action_is_in_time", "fail"),
        ({"due_by": None}, "action_is_in_time", "unknown"),
        ({}, "open_action_is_carried_over", "not_applicable"),
        ({"is_close": True}, "open_action_is_carried_over", "fail"),
        ({"is_close": True, "carry_over_reason": "waits for data"}, "open_action_is_carried_over", "pass"),
        ({"is_close": True, "state": "closed"}, "open_action_is_carried_over", "pass"),
    ],
)
def test_actions(change: dict[str, Any], rule: str, expected: str) -> None:
    assert outcome(rules.judge_action_register, table(ActionRegister, ACTION | change), rule, "a") == expected


@pytest.mark.parametrize(
    ("judge", "contract", "rule"),
    [
        (rules.judge_variance_bundle, VarianceBundle, "risk_is_below_escalation"),
        (rules.judge_review_kickoff, ReviewKickoff, "is_in_the_first_full_week"),
        (rules.judge_action_register, ActionRegister, "action_is_in_time"),
        (rules.judge_decision_log, DecisionLog, "decision_is_accounted_for"),
    ],
)
def test_nothing_to_judge_says_so(judge: Any, contract: Any, rule: str) -> None:
    assert outcome(judge, table(contract), rule, "2025-Q4") == "not_applicable"


@pytest.mark.parametrize(
    ("change", "rule", "expected"),
    [
        ({}, "decision_is_accounted_for", "pass"),
        ({"decided_by": None}, "decision_is_accounted_for", "fail"),
        ({"rationale": None}, "decision_is_accounted_for", "fail"),
        ({"related_items": None}, "decision_is_accounted_for", "fail"),
        ({}, "decision_has_its_action", "pass"),
        ({"n_actions": 0, "judged_on": NOON.date() + 2 * DAY}, "decision_has_its_action", "not_applicable"),
        ({"n_actions": 0}, "decision_has_its_action", "not_applicable"),
        ({"n_actions": 0, "judged_on": NOON.date() + 4 * DAY}, "decision_has_its_action", "fail"),
    ],
)
def test_decisions(change: dict[str, Any], rule: str, expected: str) -> None:
    assert outcome(rules.judge_decision_log, table(DecisionLog, DECISION | change), rule, "d") == expected


# Facts


def landed(feed: str, *rows: dict[str, Any]) -> tuple[duckdb.DuckDBPyConnection, str]:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    plain = pa.schema([pa.field(field.name, field.type) for field in arrow_schema(RECORD_FEEDS[feed])])
    con.register(feed, pa.Table.from_pylist(list(rows), schema=plain))
    return con, feed


def bundle(**statuses: str | None) -> list[dict[str, Any]]:
    whole = {"date": NOON.date(), "instant": NOON, "cycle": "2025-Q4", "risk_score": 0.5}
    con, view = landed("variance_reports", *(whole | {"component": name, "status": status} for name, status in statuses.items()))
    return list(facts.variance_bundle(con, view, (None, None, None), [period("quarter", "2025-Q4")], POLICY).to_pylist())


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("pass", "pass", "stable", "pass"), (0.0, 0.0, "0.00", False)),
        (("attention", "attention", "attention", "attention"), (0.5, 0.5, "0.50", True)),
        (("pass", "pass", "pass", "failed"), (0.25, 0.25, "0.25", False)),
        (("attention", "degraded", "attention", "pass"), (0.5, 0.5, "0.50", True)),
        (("attention", "pass", "pass", "pass"), (0.125, 0.125, "0.12", False)),
        (("Degraded ", "degraded", "failed", "failed"), (1.0, 1.0, "1.00", False)),
        (("attention", "degraded", None, "pass"), (0.375, 0.625, "0.38 to 0.62", None)),
        (("failed", "pass", "pass", "pass"), (0.0, 0.25, "0.00 to 0.25", None)),
        (("pass", "pass", "pass", "degraded"), (0.0, 0.25, "0.00 to 0.25", None)),
    ],
)
def test_risk(statuses: tuple[str | None, ...], expected: tuple[Any, ...]) -> None:
    names = [one.name for one in POLICY.components]
    rows = bundle(**dict(zip(names, statuses, strict=True)))
    assert {(row["risk_lower"], row["risk_upper"], row["risk_shown"], row["is_reproduced"]) for row in rows} == {expected}


def test_a_component_left_out_is_unknown_and_one_more_does_not_count() -> None:
    rows = {row["component"]: row for row in bundle(data_quality="failed", feature_store="failed")}
    assert len(rows) == 5
    assert (rows["data_quality"]["risk_lower"], rows["data_quality"]["risk_upper"]) == (0.25, 1.0)
    assert (rows["feature_store"]["is_scored"], rows["feature_store"]["severity"]) == (False, None)
    assert rows["allocator_critic"]["status"] is None
    assert rows["data_quality"]["missing_fields"] == "source_commands, highlights, git_revision"


def test_a_changed_report_has_another_digest() -> None:
    first, same, other = (bundle(data_quality=status)[0]["content_sha256"] for status in ("pass", "pass", "failed"))
    assert first == same != other


@pytest.mark.parametrize(
    ("judged", "status", "expected"),
    [(NOON - DAY, "held", (None, True)), (NOON + DAY, "held", (NOON, False)), (NOON + DAY, "scheduled", (None, False))],
)
def test_last_and_next_review(judged: dt.datetime, status: str, expected: tuple[Any, bool]) -> None:
    event = {"date": NOON.date(), "kind": "kickoff", "starts_at": NOON, "status": status, "event_id": "k", "facilitator": "lead"}
    con, view = landed("review_events", event)
    (row,) = facts.review_kickoff(con, view, [period("quarter", "2025-Q4")], judged, POLICY, CalendarPolicy()).to_pylist()
    following = dt.datetime(2026, 1, 7, 18, tzinfo=dt.UTC)
    assert row["last_reviewed_at"] == expected[0]
    assert row["next_review_at"] == (NOON if status == "scheduled" and judged < NOON else following)
    assert row["missing_roles"].split(", ")[0] == "modelling lead"


@pytest.mark.parametrize(
    ("change", "judged", "expected"),
    [
        ({}, NOON, ("open", None)),
        ({}, NOON + DAY, ("open", 1)),
        ({"status": "Done"}, NOON + DAY, ("closed", None)),
        ({"closed_at": NOON}, NOON + DAY, ("closed", None)),
        ({"closed_at": NOON + 5 * DAY}, NOON + DAY, ("open", 1)),
        ({"due_by": None}, NOON + DAY, ("open", None)),
    ],
)
def test_overdue(change: dict[str, Any], judged: dt.datetime, expected: tuple[str, int | None]) -> None:
    con, view = landed("actions", {"date": NOON.date() - 2 * DAY, "action_id": "a", "summary": "s", "due_by": NOON.date()} | change)
    (row,) = facts.action_register(con, view, [period("quarter", "2025-Q4")], judged, POLICY).to_pylist()
    assert (row["state"], row["overdue_days"]) == expected


def test_an_open_action_goes_on_and_a_closed_one_does_not() -> None:
    start = {"date": NOON.date(), "summary": "s", "due_by": None}
    con, view = landed("actions", start | {"action_id": "open"}, start | {"action_id": "closed", "closed_at": NOON})
    rows = facts.action_register(
        con, view, [period("quarter", key) for key in ("2025-Q4", "2026-Q1")], NOON + 100 * DAY, POLICY
    ).to_pylist()
    assert [(row["quarter"], row["action_id"], row["is_close"]) for row in rows] == [
        ("2025-Q4", "closed", True),
        ("2025-Q4", "open", True),
        ("2026-Q1", "open", False),
    ]


@pytest.mark.parametrize(("days", "expected"), [(2, 1), (3, 1), (4, 0)])
def test_a_decision_counts_actions_recorded_in_time_and_its_newest_version(days: int, expected: int) -> None:
    taken = {"date": NOON.date(), "decided_on": NOON.date(), "decision_id": "d", "kind": "pivot"}
    con, decisions = landed(
        "decisions", *(taken | {"summary": text, "as_of": NOON.date() + n * DAY} for n, text in enumerate(("old", "new")))
    )
    plain = pa.schema([pa.field(field.name, field.type) for field in arrow_schema(RECORD_FEEDS["actions"])])
    action = {"date": NOON.date() + days * DAY, "action_id": "a", "decision_id": "d", "summary": "s"}
    con.register("actions", pa.Table.from_pylist([action, action | {"action_id": "b", "decision_id": "other"}], schema=plain))
    made = facts.decision_log(con, decisions, "actions", (None, None), [period("quarter", "2025-Q4")], NOON + 30 * DAY, CalendarPolicy())
    (row,) = made.to_pylist()
    assert (row["summary"], row["n_actions"], row["actions_due_on"]) == ("new", expected, NOON.date() + 3 * DAY)
    assert report.headline_of_decisions(made) == ("decisions", 1, None)


@pytest.mark.parametrize(
    ("day", "judged", "expected"),
    [(-1, 30, (0, None)), (0, 30, (1, 0)), (2, 30, (1, 2)), (2, 1, (0, None)), (None, 30, (0, None))],
)
def test_a_decision_reaches_the_plan_by_what_changed_after_it(day: int | None, judged: int, expected: tuple[int, int | None]) -> None:
    taken = {"date": NOON.date(), "decision_id": "d", "kind": "decision", "summary": "s", "related_items": "T2, T1"}
    con, decisions = landed("decisions", taken)
    move = {"instant": NOON, "plan": "p", "item_id": "T1", "kind": "status", "to_status": "done"}
    snapshot = {"plan": "p", "kind": "task", "item_id": "T2", "currency": "USD", "status": "todo", "date": NOON.date() - 30 * DAY}
    for feed, rows in (
        ("plan_transitions", [] if day is None else [move | {"date": NOON.date() + day * DAY}]),
        ("plan_items", [snapshot, snapshot | {"date": NOON.date() + 5 * DAY}]),
    ):
        plain = pa.schema([pa.field(field.name, field.type) for field in arrow_schema(RECORD_FEEDS[feed])])
        con.register(feed, pa.Table.from_pylist(rows, schema=plain))
    plan, cut = ("plan_transitions", "plan_items"), NOON + judged * DAY
    (row,) = facts.decision_log(con, decisions, None, plan, [period("quarter", "2025-Q4")], cut, CalendarPolicy()).to_pylist()
    touched = None if expected[1] is None else NOON.date() + expected[1] * DAY
    assert (row["n_items"], row["n_touched"], row["touched_on"]) == (2, expected[0], touched)


def test_a_snapshot_that_differs_is_a_change_and_the_first_of_a_plan_is_none() -> None:
    taken = {"date": NOON.date(), "decision_id": "d", "kind": "decision", "summary": "s", "related_items": "T1, T2, T3"}
    con, decisions = landed("decisions", taken)
    item = {"plan": "p", "kind": "task", "currency": "USD", "status": "todo"}
    plain = pa.schema([pa.field(field.name, field.type) for field in arrow_schema(RECORD_FEEDS["plan_items"])])
    rows = [item | {"item_id": name, "date": NOON.date()} for name in ("T1", "T2")]
    rows += [
        item | {"item_id": name, "date": NOON.date() + 2 * DAY, "status": said}
        for name, said in (("T1", "done"), ("T2", "todo"), ("T3", "todo"))
    ]
    con.register("plan_items", pa.Table.from_pylist(rows, schema=plain))
    made = facts.decision_log(con, decisions, None, (None, "plan_items"), [period("quarter", "2025-Q4")], NOON + 9 * DAY, CalendarPolicy())
    assert [row["touched_items"] for row in made.to_pylist()] == ["T1, T3"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "pass"),
        ({"touched_on": NOON.date() + 3 * DAY}, "pass"),
        ({"touched_on": NOON.date() + 4 * DAY, "judged_on": NOON.date() + 5 * DAY}, "fail"),
        ({"n_touched": 0, "touched_on": None}, "not_applicable"),
        ({"n_touched": 0, "touched_on": None, "judged_on": NOON.date() + 4 * DAY}, "fail"),
        ({"n_items": 0, "n_touched": 0, "touched_on": None}, "unknown"),
    ],
)
def test_decisions_reach_the_plan(change: dict[str, Any], expected: str) -> None:
    assert outcome(rules.judge_decision_log, table(DecisionLog, DECISION | change), "decision_reaches_the_plan", "d") == expected


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"components": [{"name": "a", "words": ["fine"]}]}, "fine"),
        ({"revision_pattern": "("}, "not a regular expression"),
        ({"required_roles": [{"role": "a", "words": "("}]}, "not a regular expression"),
    ],
)
def test_policy_refuses(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ReviewPolicy(**change)


def test_kickoffs_are_a_calendar_file_that_folds_and_escapes() -> None:
    notes = "First; second, third\\\nBEGIN:VEVENT " + "ä" * 60
    rows = table(ReviewKickoff, KICKOFF | {"notes": notes, "duration_minutes": None}, KICKOFF | {"event": "l", "status": "cancelled"})
    tables = {"review_kickoff": rows, "variance_bundle": table(VarianceBundle)}
    made = report.documents(tables, pa.table({}), NOON)
    assert list(made) == [report.CALENDAR]
    assert made[report.CALENDAR].endswith("END:VCALENDAR\r\n")
    raw = made[report.CALENDAR].split("\r\n")[:-1]
    assert max(len(line.encode()) for line in raw) <= 75
    lines = made[report.CALENDAR].replace("\r\n ", "").split("\r\n")
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == 2
    assert "DTSTART:20251008T120000Z" in lines
    assert "DURATION:PT60M" in lines
    assert "DESCRIPTION:First\\; second\\, third\\\\\\nBEGIN:VEVENT " + "ä" * 60 in lines
    assert [line for line in lines if line.startswith("STATUS")] == ["STATUS:CONFIRMED", "STATUS:CANCELLED"]
