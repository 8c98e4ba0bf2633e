"""The review's checklist: evidence closes an item just before, at and after its due instant; the calendar as rows and as a feed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from governance_assets.contract import arrow_schema, conform, violations
from governance_assets.domains.cycle import facts, report, rules
from governance_assets.domains.cycle.contracts import ContextLedger, GovernanceCalendar, ReviewChecklist
from governance_assets.policy import CalendarPolicy, Policy
from governance_assets.policy.cycle import CyclePolicy
from governance_assets.runtime.periods import period

POLICY, CALENDAR = CyclePolicy(), CalendarPolicy()
Q4 = period("quarter", "2025-Q4")
HELD = dt.datetime(2025, 10, 8, 18, tzinfo=dt.UTC)
OVER = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
DAY, SECOND = dt.timedelta(days=1), dt.timedelta(seconds=1)
KICKOFF: dict[str, Any] = {"quarter": "2025-Q4", "event": "k", "starts_at": HELD, "status": "held", "rebook_by": None}
DECISION: dict[str, Any] = {
    "quarter": "2025-Q4", "cycle": "2025-Q4", "decision_id": "D1", "decided_on": HELD.date(), "touched_on": HELD.date() + DAY,
}  # fmt: skip
ACTION: dict[str, Any] = {
    "quarter": "2025-Q4", "action_id": "A1", "decision_id": "D1", "owner": "lead", "due_by": HELD.date(), "agreed_on": HELD.date() + DAY,
    "state": "closed", "carry_over_reason": None,
}  # fmt: skip
CRITIC: dict[str, Any] = {"critic": "modeling_reality_critic (ours)", "status": "pass", "judged_on": HELD.date() - 6 * DAY}
REPORT: dict[str, Any] = {"quarter": "2025-Q4", "entry": 1, "origin": "imported", "generated_at": HELD - 8 * DAY}


def event(kind: str, starts_at: dt.datetime, status: str | None = "held") -> dict[str, Any]:
    return {"kind": kind, "starts_at": starts_at, "status": status, "title": None}


WHOLE = facts.Record(
    kickoffs=[KICKOFF],
    decisions=[DECISION],
    actions=[ACTION],
    reports=[REPORT],
    critics=[CRITIC, CRITIC | {"critic": "allocator_critic"}],
    events=[event("preread", HELD - 9 * DAY), event("product_sync", HELD - 4 * DAY)],
    packets={"2025-Q4": [dt.datetime(2025, 12, 31, 17, tzinfo=dt.UTC)]},
)


def checklist(record: facts.Record, as_of: dt.datetime = OVER, key: str = "2025-Q4") -> dict[str, dict[str, Any]]:
    made = conform(ReviewChecklist, facts.review_checklist(record, [period("quarter", key)], as_of, POLICY, CALENDAR))
    assert violations(ReviewChecklist, made) == []
    return {row["item"]: row for row in made.to_pylist()}


def changed(**parts: Any) -> facts.Record:
    return facts.Record(**{name: parts.get(name, getattr(WHOLE, name)) for name in vars(WHOLE)})


def test_a_review_with_all_its_evidence_is_closed() -> None:
    rows = checklist(WHOLE)
    assert {name: row["state"] for name, row in rows.items()} == dict.fromkeys(rows, "closed")
    assert len({row["phase"] for row in rows.values()}) == 6
    assert [row["position"] for row in rows.values()] == list(range(1, len(rows) + 1))
    assert all(row["opens_at"] < row["due_at"] for row in rows.values())
    assert rows["packet_compiled"]["due_at"] == HELD - 7 * DAY
    assert rows["actions_assigned"]["due_at"] == dt.datetime(2025, 10, 11, 23, 59, tzinfo=dt.UTC)


LATER = {days: {"decision_id": "D2", "decided_on": HELD.date() + days * DAY} for days in (3, 4)}
PREREAD, SYNC, SWEPT = HELD - 7 * DAY, HELD - 3 * DAY, (HELD - 5 * DAY).date()


@pytest.mark.parametrize(
    ("item", "record", "state", "days"),
    [
        ("packet_compiled", {"events": [event("preread", PREREAD - SECOND)]}, "closed", None),
        ("packet_compiled", {"events": [event("preread", PREREAD)]}, "closed", None),
        ("packet_compiled", {"events": [event("preread", PREREAD + SECOND)]}, "late", 1),
        ("packet_compiled", {"events": [event("preread", PREREAD, "cancelled")]}, "missing", 92),
        ("packet_compiled", {"events": [event("preread", HELD - 200 * DAY)]}, "missing", 92),
        ("packet_compiled", {"events": [], "packets": {"2025-Q3": [PREREAD]}}, "closed", None),
        ("packet_compiled", {"events": [], "packets": {"2025-Q3": [PREREAD + SECOND]}}, "late", 1),
        ("packet_compiled", {"events": [], "packets": {"2025-Q3": [OVER]}}, "missing", 92),
        ("packet_compiled", {"events": [], "packets": {"2025-Q3": [HELD - 10 * DAY - SECOND]}}, "missing", 92),
        ("packet_compiled", {"events": [], "packets": {"2025-Q3": [HELD - 30 * DAY, HELD - 10 * DAY, HELD]}}, "closed", None),
        ("packet_compiled", {"packets": {"2025-Q3": [HELD]}}, "closed", None),
        ("next_packet_prepared", {"packets": {"2025-Q4": [dt.datetime(2025, 12, 31, 18, tzinfo=dt.UTC)]}}, "closed", None),
        ("next_packet_prepared", {"packets": {"2025-Q4": [dt.datetime(2025, 12, 31, 19, tzinfo=dt.UTC)]}}, "late", 1),
        ("next_packet_prepared", {"packets": {}}, "missing", 1),
        ("claims_compared", {"events": [event("design_sync", SYNC)]}, "closed", None),
        ("claims_compared", {"events": [event("sync", SYNC + DAY + SECOND)]}, "late", 2),
        ("claims_compared", {"events": [event("product_sync", SYNC, "scheduled")]}, "missing", 88),
        ("variance_recorded", {"reports": [REPORT | {"generated_at": PREREAD}]}, "closed", None),
        ("variance_recorded", {"reports": [REPORT | {"generated_at": PREREAD + SECOND}]}, "late", 1),
        ("variance_recorded", {"reports": [REPORT | {"generated_at": HELD - 95 * DAY}]}, "missing", 92),
        ("modeling_reality_critic_rerun", {"critics": [CRITIC | {"judged_on": SWEPT}]}, "closed", None),
        ("modeling_reality_critic_rerun", {"critics": [CRITIC | {"judged_on": SWEPT + DAY}]}, "late", 1),
        ("modeling_reality_critic_rerun", {"critics": [CRITIC | {"judged_on": SWEPT - 5 * DAY}]}, "closed", None),
        ("modeling_reality_critic_rerun", {"critics": [CRITIC | {"judged_on": SWEPT - 6 * DAY}]}, "missing", 90),
        ("modeling_reality_critic_rerun", {"critics": [CRITIC | {"status": "skipped"}]}, "missing", 90),
        ("allocator_critic_rerun", {"critics": [CRITIC]}, "missing", 90),
        ("kickoff_held", {"kickoffs": [KICKOFF | {"status": "scheduled"}]}, "missing", 83),
        ("kickoff_held", {"kickoffs": []}, "missing", 83),
        ("kickoff_held", {"kickoffs": [KICKOFF | {"starts_at": HELD + 10 * DAY}]}, "late", 8),
        ("kickoff_held", {"kickoffs": [KICKOFF | {"starts_at": HELD + 10 * DAY, "rebook_by": HELD + 10 * DAY}]}, "closed", None),
        ("decisions_logged", {"decisions": []}, "missing", 85),
        ("decisions_logged", {"decisions": [DECISION | {"decided_on": HELD.date() + DAY}]}, "late", 1),
        ("decisions_logged", {"decisions": [DECISION | {"decided_on": HELD.date() + 9 * DAY, "cycle": None}]}, "missing", 85),
        ("actions_assigned", {"actions": [ACTION | {"agreed_on": HELD.date() + 3 * DAY}]}, "closed", None),
        ("actions_assigned", {"actions": [ACTION | {"agreed_on": HELD.date() + 4 * DAY}]}, "late", 1),
        ("actions_assigned", {"actions": [ACTION | {"owner": None}]}, "missing", 82),
        ("actions_assigned", {"decisions": [DECISION, DECISION | LATER[4]]}, "closed", None),
        ("actions_assigned", {"decisions": [DECISION, DECISION | LATER[3]]}, "missing", 82),
        ("actions_assigned", {"decisions": [DECISION, DECISION | {"decision_id": "D2"}]}, "missing", 82),
        ("plan_updated", {"decisions": [DECISION | {"touched_on": HELD.date() + 4 * DAY}]}, "late", 1),
        ("plan_updated", {"decisions": [DECISION | {"touched_on": None}]}, "missing", 82),
        ("actions_closed", {"actions": []}, "not_applicable", None),
        ("actions_closed", {"actions": [ACTION | {"state": "open"}]}, "missing", 1),
        ("actions_closed", {"actions": [ACTION | {"state": "open", "carry_over_reason": "waits"}]}, "closed", None),
    ],
)  # fmt: skip
def test_evidence_closes_an_item(item: str, record: dict[str, Any], state: str, days: int | None) -> None:
    row = checklist(changed(**record))[item]
    assert (row["state"], row["days_late"]) == (state, days)
    assert (row["done_at"] is None) == (state in ("missing", "not_applicable"))


@pytest.mark.parametrize(("moment", "state"), [(PREREAD, "open"), (PREREAD + SECOND, "missing")])
def test_an_item_is_open_until_it_is_due(moment: dt.datetime, state: str) -> None:
    assert checklist(changed(events=[]), moment)["packet_compiled"]["state"] == state


def test_evidence_of_the_future_does_not_count_yet() -> None:
    rows = checklist(WHOLE, HELD - SECOND)
    assert {rows[name]["state"] for name in ("kickoff_held", "actions_closed")} == {"open"}


def test_before_anything_of_a_review_is_recorded_nothing_is_owed() -> None:
    assert checklist(WHOLE, key="2025-Q2") == {}
    assert checklist(facts.Record(critics=[CRITIC])) == {}
    begun = CalendarPolicy(cadence_start=dt.date(2025, 10, 1))
    assert facts.review_checklist(facts.Record(), [Q4], OVER, POLICY, begun).num_rows == 11


ITEM: dict[str, Any] = {
    "quarter": "2025-Q4", "phase": "preread", "position": 1, "item": "packet_compiled", "owner": "lead", "opens_at": HELD - DAY,
    "due_at": HELD, "state": "closed", "done_at": HELD, "days_late": None, "evidence": "e", "judged_at": HELD,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {"item_is_closed": "pass", "item_is_in_time": "pass"}),
        ({"state": "late", "days_late": 1}, {"item_is_closed": "pass", "item_is_in_time": "fail"}),
        ({"state": "missing", "days_late": 1, "done_at": None}, {"item_is_closed": "fail"}),
        ({"state": "open", "done_at": None}, {"item_is_closed": "not_applicable"}),
        ({"state": "not_applicable", "done_at": None}, {"item_is_closed": "not_applicable"}),
    ],
)
def test_items(change: dict[str, Any], expected: dict[str, str]) -> None:
    rows = pa.Table.from_pylist([ITEM | change], arrow_schema(ReviewChecklist))
    found = rules.judge_review_checklist(rows, POLICY, "2025-Q4")
    assert {one.rule: one.outcome for one in found} == expected
    assert {one.subject for one in found} == {"preread: packet_compiled"}


def test_no_review_is_not_judged() -> None:
    (found,) = rules.judge_review_checklist(arrow_schema(ReviewChecklist).empty_table(), POLICY, "2025-Q4")
    assert found.outcome == "not_applicable"


@pytest.mark.parametrize(
    "change", [{"position": 0}, {"state": "ticked"}, {"phase": "party"}, {"days_late": 0}, {"due_at": None}, {"owner": None}]
)
def test_the_contract_refuses(change: dict[str, Any]) -> None:
    schema = pa.schema([pa.field(one.name, one.type) for one in arrow_schema(ReviewChecklist)])
    assert violations(ReviewChecklist, pa.Table.from_pylist([ITEM | change], schema))


@pytest.mark.parametrize(("is_simulated", "expected"), [(False, [HELD + DAY, HELD + 2 * DAY]), (True, [HELD, HELD + 2 * DAY])])
def test_a_packet_counts_by_the_ledger(is_simulated: bool, expected: list[dt.datetime]) -> None:
    entry = {"partition_key": "2025-Q3", "revision": 1, "recorded_at": HELD + DAY, "as_of": HELD}
    later = entry | {"recorded_at": HELD + 2 * DAY, "as_of": HELD + 2 * DAY}
    refused = entry | {"revision": None, "recorded_at": HELD - DAY, "as_of": HELD - DAY}
    assert facts.compiled(pa.Table.from_pylist([entry, later, refused]), is_simulated) == {"2025-Q3": expected}


# ---------------------------------------------------------------- context ledger

SAID = {"summary": "s"}
LEFT = facts.Record(
    kickoffs=[KICKOFF],
    decisions=[DECISION | SAID],
    actions=[ACTION | SAID | {"cycle": "2025-Q4", "closed_on": HELD.date() + 9 * DAY, "evidence": "runs/refit.json"}],
    reports=[REPORT | {"risk_shown": "0.62", "risk_lower": 0.625}],
)


def ledger_of(record: facts.Record, checklist: list[dict[str, Any]] | None = None, as_of: dt.datetime = OVER) -> dict[str, dict[str, Any]]:
    made = conform(ContextLedger, facts.context_ledger(record, checklist or [], [Q4], as_of, 0.7))
    assert violations(ContextLedger, made) == []
    return {row["entry"]: row for row in made.to_pylist()}


def left(**parts: Any) -> facts.Record:
    return facts.Record(**{name: parts.get(name, getattr(LEFT, name)) for name in vars(LEFT)})


def test_a_review_leaves_an_entry_and_a_second_once_remediation_lands() -> None:
    rows = ledger_of(LEFT)
    assert set(rows) == {"review", "remediation"}
    assert rows["review"]["text"] == "Review held: 1 decision, 1 action, risk score 0.62. D1: s."
    assert rows["review"]["happened_at"] == HELD
    assert "runs/refit.json" in rows["remediation"]["links"]
    assert {row["missing"] for row in rows.values()} == {""}


@pytest.mark.parametrize(
    ("record", "as_of", "entries", "missing"),
    [
        (left(kickoffs=[KICKOFF | {"status": "scheduled"}]), OVER, {"remediation"}, {""}),
        (LEFT, HELD - SECOND, set(), set()),
        (LEFT, HELD + DAY, {"review"}, {""}),
        (left(actions=[LEFT.actions[0] | {"state": "open", "closed_on": None}]), OVER, {"review"}, {""}),
        (left(actions=[LEFT.actions[0] | {"evidence": None}]), OVER, {"review", "remediation"}, {"", "evidence of A1"}),
        (left(actions=[LEFT.actions[0], LEFT.actions[0] | {"action_id": "A2", "closed_on": None}]), OVER, {"review"}, {""}),
        (left(actions=[], reports=[]), OVER, {"review"}, {"variance report, actions"}),
        (left(reports=[LEFT.reports[0] | {"risk_lower": 0.6999}]), OVER, {"review", "remediation"}, {""}),
        (left(reports=[LEFT.reports[0] | {"risk_lower": 0.7}]), OVER, {"review", "remediation", "escalation"}, {""}),
    ],
)
def test_entries(record: facts.Record, as_of: dt.datetime, entries: set[str], missing: set[str]) -> None:
    rows = ledger_of(record, as_of=as_of)
    assert set(rows) == entries
    assert {row["missing"] for row in rows.values()} == missing


@pytest.mark.parametrize(
    ("state", "as_of", "expected"), [("missing", OVER, True), ("late", OVER, False), ("missing", HELD - SECOND, False)]
)
def test_a_critic_without_a_fresh_verdict_is_a_blocker(state: str, as_of: dt.datetime, expected: bool) -> None:
    item = {"quarter": "2025-Q4", "phase": "telemetry_sweep", "state": state, "item": "allocator_critic_rerun", "evidence": "none"}
    assert ("blocker" in ledger_of(LEFT, [item], as_of)) is expected


@pytest.mark.parametrize(("missing", "expected"), [("", "pass"), ("decisions", "fail"), (None, "not_applicable")])
def test_entries_are_complete(missing: str | None, expected: str) -> None:
    row = {"quarter": "2025-Q4", "cycle": "2025-Q4", "entry": "review", "happened_at": HELD, "text": "t", "links": "l", "missing": missing}
    rows = pa.Table.from_pylist([] if missing is None else [row], arrow_schema(ContextLedger))
    assert [one.outcome for one in rules.judge_context_ledger(rows, POLICY, "2025-Q4")] == [expected]


def test_the_ledger_is_written_as_markdown() -> None:
    rows = facts.context_ledger(left(actions=[]), [], [Q4], OVER, 0.7)
    empty = {made.artifact: arrow_schema(made).empty_table() for made in (GovernanceCalendar, ReviewChecklist)}
    made = report.documents({"context_ledger": rows, **empty}, pa.table({}), OVER)
    assert made[report.LEDGER].startswith("# Context ledger\n\n## 2025-Q4: review, 2025-10-08\n")
    assert "Missing: actions" in made[report.LEDGER]


# ---------------------------------------------------------------- calendar


def test_the_calendar_has_three_quarters_without_what_is_daily() -> None:
    rows = conform(GovernanceCalendar, facts.governance_calendar(dt.datetime(2025, 11, 3, 9, tzinfo=dt.UTC), CALENDAR))
    assert violations(GovernanceCalendar, rows) == []
    told = {row["event"]: row for row in rows.to_pylist()}
    assert {row["quarter"] for row in told.values()} == {"2025-Q3", "2025-Q4", "2026-Q1"}
    assert told["kickoff/2025-Q4"]["due_at"] == HELD
    assert not [name for name in told if name.startswith(("mmm_backtest/", "daily_status/"))]
    assert len([name for name in told if name.startswith("plan_update/")]) == 39


def test_the_feed_is_a_calendar_file() -> None:
    as_of = dt.datetime(2025, 10, 1, 9, tzinfo=dt.UTC)
    tables = {
        "governance_calendar": facts.governance_calendar(as_of, CALENDAR),
        "review_checklist": arrow_schema(ReviewChecklist).empty_table(),
        "context_ledger": arrow_schema(ContextLedger).empty_table(),
    }
    made = report.documents(tables, pa.table({}), as_of)
    lines = made[report.CALENDAR].split("\r\n")
    assert lines.count("BEGIN:VEVENT") == tables["governance_calendar"].num_rows
    assert max(len(line.encode()) for line in lines) <= 75
    kickoff = lines[lines.index("UID:kickoff/2025-Q4") :]
    assert kickoff[2:4] == ["DTSTART:20251008T180000Z", "DURATION:PT60M"]
    page = report.page(tables, pa.table({}), as_of)
    assert {path for section in page["sections"] for _, path in section.get("documents", [])} == set(made)


def test_the_page_tells_states_in_words_and_draws_reviews() -> None:
    rows = facts.review_checklist(WHOLE, [Q4, period("quarter", "2026-Q1")], OVER, POLICY, CALENDAR)
    empty = {made.artifact: arrow_schema(made).empty_table() for made in (GovernanceCalendar, ContextLedger)}
    tables = {"review_checklist": rows, **empty}
    page = report.page(tables, pa.table({}), OVER)
    assert [section["title"] for section in page["sections"]] == ["Checklist of 2026-Q1", "Reviews", "Context ledger", "Calendar"]
    assert page["sections"][1]["plot"]["series"][0]["y"][0] == 0
    assert report.documents(tables, pa.table({}), OVER) == {}
    assert Policy().cycle == POLICY
