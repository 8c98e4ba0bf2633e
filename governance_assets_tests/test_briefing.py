"""The packet before a review, its documents, and change control of the playbook."""

from __future__ import annotations

import datetime as dt
from html.parser import HTMLParser
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from governance_assets.contract import arrow_schema, conform, violations
from governance_assets.domains.briefing import facts, report, rules
from governance_assets.domains.briefing.contracts import PlaybookVersions, PrereadPacket
from governance_assets.policy import BriefingPolicy, CalendarPolicy
from governance_assets.runtime.periods import period

POLICY, CALENDAR = BriefingPolicy(), CalendarPolicy()
Q3, Q4 = period("quarter", "2025-Q3"), period("quarter", "2025-Q4")
DUE = dt.datetime(2025, 10, 1, 18, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
OVER = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
PART: dict[str, Any] = {
    "quarter": "2025-Q3", "entry": 1, "origin": "imported", "component": "data_quality", "status": "failed", "risk_lower": 0.25,
    "risk_upper": 0.75, "risk_shown": "0.25 to 0.75", "highlights": "First\nSecond",
}  # fmt: skip
FIGURE: dict[str, Any] = {
    "quarter": "2025-Q3", "kpi": "mmm_wmape", "subject": "north", "value": 0.2, "lower": 0.1, "upper": 0.15, "unit": "fraction",
    "previous": 0.12, "is_high_variance": True,
}  # fmt: skip
ACTION: dict[str, Any] = {
    "quarter": "2025-Q3", "action_id": "A1", "summary": "Mend | it", "state": "open", "owner": "lead", "due_by": dt.date(2025, 9, 1),
    "overdue_days": 29, "carry_over_reason": None,
}  # fmt: skip
DECISION: dict[str, Any] = {
    "quarter": "2025-Q3", "decision_id": "D1", "kind": "pivot", "summary": "Turn", "decided_by": "director", "n_items": 2, "n_touched": 1,
}  # fmt: skip
MOVES: dict[str, Any] = {"quarter": "2025-Q3", "plan": "core", "completed": 2, "added": None, "removed": 0, "reopened": 1}
WEEK = dt.date(2025, 9, 22)
KNOWN = facts.Known(
    reports=[PART | {"quarter": "2025-Q2", "status": "pass"}, PART, PART | {"component": "mmm_backtest", "status": "stable"}],
    figures=[FIGURE, FIGURE | {"quarter": "2025-Q2"}],
    decisions=[DECISION],
    actions=[ACTION, ACTION | {"action_id": "A2", "state": "closed"}],
    critics=[{"critic": "old (ours)", "week": dt.date(2025, 6, 2)}, {"critic": "new", "week": WEEK}, {"critic": "old", "week": WEEK}],
    moves=[MOVES, MOVES | {"reopened": 0}],
    landed={
        "observations": [(WEEK, WEEK + 6 * DAY)],
        "media_weekly": [(dt.date(2025, 8, 4), WEEK), (dt.date(2025, 11, 3), dt.date(2025, 11, 9))],
    },
)


def packet(known: facts.Known = KNOWN) -> pa.Table:
    rows = conform(PrereadPacket, facts.preread_packet(known, [Q3], OVER, POLICY, CALENDAR))
    assert violations(PrereadPacket, rows) == []
    return rows


def section(name: str, known: facts.Known = KNOWN) -> list[dict[str, Any]]:
    return [row for row in packet(known).to_pylist() if row["section"] == name]


def test_the_packet_is_for_the_review_after_the_quarter() -> None:
    assert {(row["review"], row["packet_due_at"]) for row in packet().to_pylist()} == {("2025-Q4", DUE)}
    assert sum(row["value"] for row in section("agenda")) == 60


def test_what_changed_is_told() -> None:
    told = {row["subject"]: (row["text"], row["is_flagged"]) for row in section("changed")}
    assert told == {
        "data_quality": ("pass → failed", True),
        "mmm_backtest": ("unknown → stable", False),
        "D1": ("pivot: Turn; 1 of 2 items of the plan changed after it", True),
        "plan core": ("4 completed, 0 added, 0 removed, 1 reopened", True),
    }


def test_variance_risk_and_commitments_are_told() -> None:
    assert [row["text"] for row in section("variance")] == ["First", "Second", "moved beyond its band"]
    assert [(row["subject"], row["lower"], row["upper"]) for row in section("risk")] == [("2025-Q2", 0.25, 0.75), ("2025-Q3", 0.25, 0.75)]
    assert [(row["subject"], row["text"], row["is_flagged"]) for row in section("commitment")] == [
        ("A1", "Mend | it; 29 days overdue", True)
    ]
    assert [row["subject"] for row in section("diagnostic")] == ["new"]


@pytest.mark.parametrize(
    ("last", "age", "stale"),
    [
        (dt.date(2025, 9, 17), 14, False),
        (dt.date(2025, 9, 16), 15, True),
        (dt.date(2025, 10, 1), 0, False),
        (dt.date(2025, 12, 1), 0, False),
    ],
)
def test_telemetry_is_stale_by_what_landed_up_to_the_day_the_packet_is_due(last: dt.date, age: int, stale: bool) -> None:
    monday = min(last, dt.date(2025, 10, 1)) - min(last, dt.date(2025, 10, 1)).weekday() * DAY
    (row,) = section("telemetry", facts.Known(landed={"observations": [(monday, last)]}))
    assert (row["subject"], row["value"], row["is_flagged"], row["role"]) == ("forecasting: observations", age, stale, "modelling_lead")


def test_before_the_packet_is_due_telemetry_is_judged_by_the_present() -> None:
    known, day = facts.Known(landed={"observations": [(WEEK, WEEK + 6 * DAY)]}), dt.datetime(2025, 9, 29, 8, tzinfo=dt.UTC)
    rows = facts.preread_packet(known, [Q3, Q4], day, POLICY, CALENDAR).to_pylist()
    told = [(row["quarter"], row["value"], row["is_flagged"]) for row in rows if row["section"] == "telemetry"]
    assert told == [("2025-Q3", 1.0, False), ("2025-Q4", 1.0, False)]


def test_weeks_that_landed_after_the_day_do_not_count() -> None:
    rows = {row["subject"]: row["value"] for row in section("telemetry")}
    assert rows == {"forecasting: observations": 3.0, "media: media_weekly": 52.0}
    files = [{"weeks": "2025-09-15,2025-09-22", "last_date": "2025-09-24"}, {"weeks": "", "last_date": None}]
    assert facts.weeks_of(files) == [(dt.date(2025, 9, 15), dt.date(2025, 9, 24)), (WEEK, dt.date(2025, 9, 24))]


def test_a_quarter_without_a_report_says_so() -> None:
    rows = packet(facts.Known())
    found = {one.rule: one.outcome for one in rules.judge_preread_packet(rows, POLICY, "2025-Q3")}
    assert found == {"packet_tells_the_variance": "fail", "squad_is_current": "not_applicable", "agenda_fills_the_review": "pass"}


@pytest.mark.parametrize(("minutes", "expected"), [(59, "fail"), (60, "pass"), (61, "fail")])
def test_the_agenda_fills_the_review(minutes: int, expected: str) -> None:
    policy = BriefingPolicy(agenda=[{"title": "All", "minutes": minutes, "role": "director"}])
    rows = facts.preread_packet(KNOWN, [Q3], OVER, policy, CALENDAR)
    found = [one.outcome for one in rules.judge_preread_packet(rows, policy, "2025-Q3") if one.rule == "agenda_fills_the_review"]
    assert found == [expected]


def test_squads_are_judged_one_by_one() -> None:
    found = {one.subject: one.outcome for one in rules.judge_preread_packet(packet(), POLICY, "2025-Q3") if one.rule == "squad_is_current"}
    assert found == {"forecasting: observations": "pass", "media: media_weekly": "fail"}


# ---------------------------------------------------------------- documents


class Reader(HTMLParser):
    """Collects tags, and whether anything is loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loaded += [value for name, value in attrs if name in ("src", "href") and value and not value.startswith(("data:", "#"))]


def tables() -> dict[str, pa.Table]:
    return {"preread_packet": packet(), "playbook_versions": arrow_schema(PlaybookVersions).empty_table()}


def test_the_packet_is_one_file_to_print() -> None:
    made = report.documents(tables(), pa.table({}), OVER)
    assert set(made) == {"reviews/2025-Q4-preread.md", "reviews/2025-Q4-preread.html"}
    reader = Reader()
    reader.feed(made["reviews/2025-Q4-preread.html"])
    assert reader.loaded == []
    assert "script" not in reader.tags
    assert reader.tags.count("svg") == 2
    assert reader.tags.count("h2") == 7
    assert "@page" in made["reviews/2025-Q4-preread.html"]


def test_the_packet_is_markdown() -> None:
    text = report.documents(tables(), pa.table({}), OVER)["reviews/2025-Q4-preread.md"]
    assert text.startswith("# Pre-read of the review 2025-Q4\n\nLooks back on 2025-Q3. Due 2025-10-01 18:00 UTC.")
    assert "| A1 | Mend \\| it; 29 days overdue | lead | 2025-09-01 | yes |" in text
    assert [line for line in text.split("\n") if line.startswith("## ")][0] == "## Agenda"


def test_hostile_text_stays_text() -> None:
    hostile = facts.Known(actions=[ACTION | {"summary": "<script>alert(1)</script>"}])
    made = report.documents(tables() | {"preread_packet": packet(hostile)}, pa.table({}), OVER)
    assert "<script>" not in made["reviews/2025-Q4-preread.html"]


def test_the_page_links_its_documents() -> None:
    model = report.page(tables(), pa.table({}), OVER)
    linked = {path for part in model["sections"] for _, path in part.get("documents", [])}
    assert linked == set(report.documents(tables(), pa.table({}), OVER))
    nothing = {name: rows.slice(0, 0) for name, rows in tables().items()}
    assert report.documents(nothing, pa.table({}), OVER) == {}
    assert report.page(nothing, pa.table({}), OVER)["sections"][0]["text"] == "Nothing is recorded yet."


# ---------------------------------------------------------------- playbook

OLD, NEW = "a" * 64, "b" * 64
FIRST, SECOND = dt.date(2025, 7, 10), dt.date(2025, 10, 20)


def file(path: str, sha256: str, date: dt.date, change: str = "present") -> dict[str, Any]:
    return {"path": path, "sha256": sha256, "date": date, "change": change}


def approval(**more: Any) -> dict[str, Any]:
    return {"sha256": NEW, "verdict": "approved", "role": "director", "date": SECOND, "authenticated_by": "signed_commit"} | more


BOOK = [file("review/Playbook.md", OLD, FIRST), file("review/Playbook.md", OLD, FIRST + DAY), file("review/Playbook.md", NEW, SECOND)]
KEPT = file("archive/playbook-2025-07.md", OLD, SECOND)


def versions(evidence: list[dict[str, Any]], approvals: list[dict[str, Any]], key: str = "2025-Q4") -> list[dict[str, Any]]:
    made = conform(PlaybookVersions, facts.playbook_versions(evidence, approvals, [period("quarter", key)], OVER, POLICY))
    assert violations(PlaybookVersions, made) == []
    return list(made.to_pylist())


def test_versions_are_those_in_force_in_the_quarter() -> None:
    assert [(row["sha256"], row["is_new"], row["previous_sha256"]) for row in versions([*BOOK, KEPT], [approval()])] == [
        (OLD, False, None), (NEW, True, OLD),
    ]  # fmt: skip
    assert [(row["sha256"], row["is_new"]) for row in versions(BOOK, [], "2025-Q3")] == [(OLD, True)]
    assert [(row["sha256"], row["is_new"]) for row in versions(BOOK, [], "2026-Q1")] == [(NEW, False)]
    assert versions([file("notes.md", OLD, FIRST), file("Playbook.md", OLD, FIRST, "deleted")], []) == []


@pytest.mark.parametrize(
    ("approvals", "kept", "expected"),
    [
        ([approval()], [KEPT], ("pass", "pass")),
        ([approval(authenticated_by=None)], [KEPT], ("pass", "pass")),
        ([], [KEPT], ("fail", "pass")),
        ([approval(sha256=OLD)], [KEPT], ("fail", "pass")),
        ([approval(sha256=None)], [KEPT], ("fail", "pass")),
        ([approval(role="modelling_lead")], [KEPT], ("fail", "pass")),
        ([approval(verdict="rejected")], [KEPT], ("fail", "pass")),
        ([approval(date=OVER.date())], [KEPT], ("fail", "pass")),
        ([approval()], [], ("pass", "fail")),
        ([approval()], [KEPT | {"sha256": NEW}], ("pass", "fail")),
        ([approval()], [KEPT | {"path": "elsewhere/old.md"}], ("pass", "fail")),
    ],
)
def test_a_change_needs_an_approval_of_its_digest_and_an_archive(approvals: list, kept: list, expected: tuple[str, str]) -> None:
    made = facts.playbook_versions([*BOOK, *kept], approvals, [Q4], OVER, POLICY)
    found = rules.judge_playbook_versions(conform(PlaybookVersions, made), POLICY, "2025-Q4")
    assert tuple(one.outcome for one in found) == expected
    if expected[0] == "pass":
        assert ("asserted" in found[0].message) == (approvals[0]["authenticated_by"] is None)


@pytest.mark.parametrize("evidence", [[], BOOK[:2]])
def test_no_change_is_not_judged(evidence: list[dict[str, Any]]) -> None:
    made = facts.playbook_versions(evidence, [], [Q4], OVER, POLICY)
    (found,) = rules.judge_playbook_versions(conform(PlaybookVersions, made), POLICY, "2025-Q4")
    assert found.outcome == "not_applicable"


@pytest.mark.parametrize("change", [{"playbook_pattern": "("}, {"archive_pattern": "["}, {"agenda": []}])
def test_policy_refuses(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BriefingPolicy(**change)


@pytest.mark.parametrize("change", [{"section": "gossip"}, {"position": 0}, {"packet_due_at": None}, {"is_flagged": None}])
def test_the_contract_refuses(change: dict[str, Any]) -> None:
    row = packet().to_pylist()[0] | change
    schema = pa.schema([pa.field(one.name, one.type) for one in arrow_schema(PrereadPacket)])
    assert violations(PrereadPacket, pa.Table.from_pylist([row], schema))
