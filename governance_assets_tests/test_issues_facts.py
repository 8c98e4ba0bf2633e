"""Lives, triage and service levels of issues: planted events, every boundary, and the recorded lists of the origin."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from governance_assets.contract import arrow_schema, conform, violations
from governance_assets.domains.issues import contracts, facts
from governance_assets.feeds import RECORD_FEEDS
from governance_assets.policy import IssuesPolicy
from governance_assets.policy.issues import ServiceLevel
from governance_assets.runtime.periods import period

UTC = dt.UTC
KEY = "2025-10-01"
LATE = dt.datetime(2026, 1, 1, tzinfo=UTC)


def at(day: int, hour: float = 0, month: int = 10) -> dt.datetime:
    return dt.datetime(2025, month, day, tzinfo=UTC) + dt.timedelta(hours=hour)


def event(source_id: str, name: str, instant: dt.datetime, **more: Any) -> dict[str, Any]:
    return {
        "source": "github",
        "source_id": source_id,
        "event": name,
        "instant": instant,
        "kind": "issue",
        "title": "Endpoint is down",
    } | more


def view(con: duckdb.DuckDBPyConnection, feed: str, rows: list[dict[str, Any]]) -> str:
    schema = arrow_schema(RECORD_FEEDS[feed])
    plain = pa.schema([pa.field(field.name, field.type) for field in schema])
    con.register(feed, pa.Table.from_pylist([{"date": row["instant"].date()} | row for row in rows], schema=plain))
    return feed


def computed(
    events: list[dict[str, Any]],
    policy: IssuesPolicy | None = None,
    keys: tuple[str, ...] = (KEY,),
    as_of: dt.datetime = LATE,
    **feeds: list[dict[str, Any]],
) -> tuple[pa.Table, pa.Table, pa.Table]:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    names = {feed: view(con, feed, rows) for feed, rows in {"issue_events": events, **feeds}.items() if rows}
    given = facts.Feeds(*(names.get(feed) for feed in ("issue_events", "model_runs", "latency_samples", "test_runs")))
    policy = policy or IssuesPolicy()
    periods = [period("half_month", key) for key in keys]
    triage = conform(contracts.IssueTriage, facts.issue_triage(con, given, periods, as_of, policy))
    con.register("triage", triage)
    status = conform(contracts.SlaStatus, facts.sla_status(con, given, "triage", periods, as_of, policy))
    con.register("status", status)
    lines = conform(contracts.IssueReport, facts.issue_report(con, "triage", "status", periods, as_of, policy))
    for contract, rows in ((contracts.IssueTriage, triage), (contracts.SlaStatus, status), (contracts.IssueReport, lines)):
        assert violations(contract, rows) == []
    return triage, status, lines


def only(events: list[dict[str, Any]], policy: IssuesPolicy | None = None, **given: Any) -> dict[str, Any]:
    triage, status, _ = computed(events, policy, **given)
    assert (triage.num_rows, status.num_rows) == (1, 1)
    return triage.to_pylist()[0] | status.to_pylist()[0]


# ---------------------------------------------------------------- windows and lives


@pytest.mark.parametrize(
    ("opened", "closed", "is_in"),
    [
        (at(15), None, False),
        (at(14, 23.99), None, True),
        (at(1, -0.01), at(1, -0.001), False),
        (at(1, -0.01), at(1), True),
        (at(3), at(4), True),
    ],
)
def test_an_issue_is_in_the_windows_it_was_open_in(opened: dt.datetime, closed: dt.datetime | None, is_in: bool) -> None:
    events = [event("1", "opened", opened)] + ([event("1", "closed", closed)] if closed else [])
    assert computed(events)[0].num_rows == int(is_in)


def test_one_run_of_several_windows_equals_each_alone() -> None:
    events = [
        event("1", "opened", at(2)),
        event("1", "closed", at(20)),
        event("2", "opened", at(16)),
        event("1", "reopened", at(28)),
        event("2", "labelled", at(17), severity="P0"),
    ]
    keys = ("2025-10-01", "2025-10-15", "2025-11-01")
    together = computed(events, keys=keys)
    alone = [computed(events, keys=(key,)) for key in keys]
    for number, table in enumerate(together):
        assert table.to_pylist() == [row for parts in alone for row in parts[number].to_pylist()]


def test_reopening_adds_open_time_and_leaves_closed_time_out() -> None:
    events = [event("1", "opened", at(1)), event("1", "closed", at(2)), event("1", "reopened", at(5)), event("1", "closed", at(6, 12))]
    row = only(events)
    assert (row["counted_hours"], row["reopened"], row["state"], row["closed_at"]) == (60.0, 1, "closed", at(6, 12))
    assert only(events, IssuesPolicy(restarts_on_reopening=True))["counted_hours"] == 36.0


def test_waiting_counts_unless_the_policy_pauses() -> None:
    events = [event("1", "opened", at(1)), event("1", "waiting", at(2)), event("1", "resumed", at(10)), event("1", "waiting", at(12))]
    counts, pauses = only(events), only(events, IssuesPolicy(pauses_while_waiting=True))
    assert (counts["counted_hours"], counts["state"]) == (14 * 24.0, "waiting")
    assert (pauses["counted_hours"], pauses["due_at"]) == (3 * 24.0, None)


def test_a_comment_after_closing_does_not_reopen() -> None:
    row = only([event("1", "opened", at(1)), event("1", "closed", at(2)), event("1", "commented", at(3)), event("1", "labelled", at(4))])
    assert (row["state"], row["counted_hours"]) == ("closed", 24.0)


def test_a_list_tells_ends_and_waits_by_its_words() -> None:
    listed = [
        event("1", "listed", at(2), status="OPEN"),
        event("1", "listed", at(5), status="RESOLVED 2025-10-04"),
        event("2", "listed", at(3), status="Blocked by vendor", title="Other words"),
    ]
    _, status, _ = computed(listed)
    assert {row["issue_id"]: row["state"] for row in status.to_pylist()} == {"github:1": "closed", "github:2": "waiting"}


# ---------------------------------------------------------------- service levels


@pytest.mark.parametrize(("priority", "hours"), [("P0", 24), ("P1", 7 * 24), ("P2", 14 * 24), ("P3", 30 * 24)])
@pytest.mark.parametrize(("more", "is_late"), [(-1, False), (0, False), (1, True)])
def test_a_level_is_kept_up_to_its_very_microsecond(priority: str, hours: int, more: int, is_late: bool) -> None:
    end = period("half_month", KEY).end
    opened = end - dt.timedelta(hours=hours, microseconds=more)
    row = only([event("1", "opened", opened, severity=priority)])
    assert (row["priority"], row["breach_hours"] is not None) == (priority, is_late)
    assert row["due_at"] == opened + dt.timedelta(hours=hours)


def test_the_open_half_month_is_judged_at_the_present() -> None:
    row = only([event("1", "opened", at(1))], as_of=at(3, 6))
    assert (row["judged_at"], row["age_hours"]) == (at(3, 6), 54.0)
    assert computed([event("1", "opened", at(1))], as_of=at(1))[0].num_rows == 0


def test_working_hours_of_a_zone_may_count() -> None:
    levels = tuple(
        ServiceLevel(priority=priority, hours=24, is_working_time=True, owner="architect", action="act")
        for priority in ("P0", "P1", "P2", "P3")
    )
    policy = IssuesPolicy(levels=levels, zone="Europe/Berlin")
    # Opened on Friday 24 October 08:00 UTC (10:00 in Berlin); the clocks go back on Sunday: seven hours that day, eight a day after it.
    row = only([event("1", "opened", at(24, 8), severity="P1")], policy, keys=("2025-10-15",), as_of=at(28, 10))
    assert row["counted_hours"] == 7 + 8 + 2
    assert row["due_at"] == at(29, 9)


@pytest.mark.parametrize(("days", "is_debt"), [(14, False), (14.001, True)])
def test_debt_is_a_flag_of_its_own(days: float, is_debt: bool) -> None:
    opened = period("half_month", KEY).end - dt.timedelta(days=days)
    assert only([event("1", "opened", opened, severity="P1")])["is_debt"] is is_debt
    assert only([event("1", "opened", opened, severity="P2")])["is_debt"] is False


# ---------------------------------------------------------------- triage


@pytest.mark.parametrize(
    ("more", "priority"),
    [
        ({"severity": "CRITICAL"}, "P0"),
        ({"severity": "HIGH (multiple agents flagged)"}, "P1"),
        ({"severity": "medium"}, "P2"),
        ({"labels": "bug,p3", "title": "System is down"}, "P3"),
        ({"title": "System is down"}, "P0"),
        ({"title": "Login crash on start"}, "P1"),
        ({"title": "Slow page"}, "P2"),
        ({"title": "Typo in the heading"}, "P3"),
        ({"title": "Something"}, "P3"),
    ],
)
def test_one_priority_by_the_first_rule_that_holds(more: dict[str, str], priority: str) -> None:
    row = only([event("1", "opened", at(2), **more)])
    assert row["priority"] == priority
    assert row["priority_reason"].startswith(("rule ", "no rule"))


@pytest.mark.parametrize(
    ("more", "category"),
    [
        ({"title": "Monthly budget overrun"}, "cost_overrun"),
        ({"title": "Phase 2 is behind schedule"}, "timeline_delay"),
        ({"title": "Accuracy of the ensemble fell"}, "model_performance"),
        ({"title": "Duplicate columns in the table"}, "data_quality"),
        ({"title": "Endpoint timeout"}, "infrastructure"),
        ({"title": "zzz", "kind": "log_event"}, "infrastructure"),
        ({"title": "zzz", "kind": "training_job"}, "model_performance"),
        ({"title": "zzz"}, "uncategorised"),
    ],
)
def test_one_category_by_the_first_rule_that_holds(more: dict[str, str], category: str) -> None:
    assert only([event("1", "opened", at(2), **more)])["category"] == category


def test_the_same_words_in_two_sources_are_one_issue_and_in_one_source_two() -> None:
    events = [
        event("1", "opened", at(2), title="Job 17 failed: timeout"),
        event("9", "opened", at(3), source="cloudwatch", title="job 18 FAILED timeout"),
        event("2", "opened", at(4), title="Job 19 failed, timeout"),
        event("1", "closed", at(5), title="Job 17 failed: timeout"),
    ]
    triage, status, _ = computed(events)
    assert {row["issue_id"]: row["seen_in"] for row in triage.to_pylist()} == {
        "github:1": "github:1,cloudwatch:9",
        "github:2": "github:2",
    }
    assert {row["issue_id"]: row["state"] for row in status.to_pylist()} == {"github:1": "open", "github:2": "open"}
    apart = [event("1", "opened", at(1, month=9)), event("9", "opened", at(16, month=9), source="cloudwatch")]
    assert computed(apart)[0].num_rows == 2


# ---------------------------------------------------------------- what the telemetry itself shows


def run_rows(values: list[float], **more: Any) -> list[dict[str, Any]]:
    return [
        {
            "model_id": "m",
            "metric": "r2",
            "series": "EURUSD",
            "source": "measured",
            "unit": "fraction",
            "value": value,
            "instant": at(1 + day),
        }
        | more
        for day, value in enumerate(values)
    ]


@pytest.mark.parametrize(("drop", "priority"), [(0.03, None), (0.031, "P2"), (0.05, "P2"), (0.051, "P1"), (-0.1, None)])
def test_a_fall_of_r2_opens_an_issue_above_each_limit_and_not_at_it(drop: float, priority: str | None) -> None:
    triage, _, _ = computed([], model_runs=run_rows([0.9] * 7 + [0.9 - drop] * 20), keys=("2025-10-15",))
    assert [row["priority"] for row in triage.to_pylist()] == ([priority] if priority else [])


def test_an_issue_of_r2_closes_when_it_recovers() -> None:
    values = [0.9] * 7 + [0.8] * 5 + [0.95] * 15
    _, status, _ = computed([], model_runs=run_rows(values), keys=("2025-10-01", "2025-10-15"))
    assert [row["state"] for row in status.sort_by("half_month").to_pylist()] == ["open", "closed"]
    assert computed([], model_runs=run_rows(values, split="train"))[0].num_rows == 0


def test_a_slow_day_and_a_failing_check_open_issues() -> None:
    slow = [{"service": "api", "statistic": "sample", "duration_ms": 250.0, "instant": at(2, n / 10)} for n in range(30)]
    few = [{"service": "other", "statistic": "sample", "duration_ms": 900.0, "instant": at(2, n / 10)} for n in range(29)]
    runs = [
        {"batch": "python", "status": "fail", "instant": at(3), "first_failure": "test_a"},
        {"batch": "python", "status": "pass", "instant": at(4)},
        {"batch": "web", "status": "pass", "instant": at(4)},
    ]
    triage, status, _ = computed([], latency_samples=slow + few, test_runs=runs)
    assert {row["issue_id"]: row["priority"] for row in triage.to_pylist()} == {"latency:api": "P2", "test_runs:python": "P1"}
    assert {row["issue_id"]: row["state"] for row in status.to_pylist()} == {"latency:api": "open", "test_runs:python": "closed"}


# ---------------------------------------------------------------- the review


def test_the_review_has_figures_actions_ages_and_causes() -> None:
    events = [
        event("1", "opened", at(1), severity="P0"),
        event("2", "opened", at(2), severity="P3", title="Typo in table"),
        event("2", "closed", at(4)),
        event("3", "opened", at(8), severity="P1", title="Budget crash", owner="cost_owner", due_by=dt.date(2025, 10, 30)),
    ]
    _, _, lines = computed(events)
    rows = {(row["section"], row["name"]): row for row in lines.to_pylist()}
    assert {name: rows["figure", name]["value"] for name in ("open", "new", "closed", "breached", "debt")} == {
        "open": 2.0, "new": 3.0, "closed": 1.0, "breached": 1.0, "debt": 0.0,
    }  # fmt: skip
    assert rows["figure", "median time to resolve"]["value"] == 48.0
    first, second = rows["action", "github:1"], rows["action", "github:3"]
    assert (first["owner"], first["due_date"], first["value"]) == ("architect", dt.date(2025, 10, 16), 13 * 24.0)
    assert (second["owner"], second["due_date"], second["value"]) == ("cost_owner", dt.date(2025, 10, 30), None)
    assert sum(row["value"] for key, row in rows.items() if key[0] == "age") == 2


def test_a_review_of_nothing_says_so() -> None:
    _, _, lines = computed([])
    rows = {(row["section"], row["name"]): row for row in lines.to_pylist()}
    assert rows["figure", "open"]["value"] == 0
    assert rows["figure", "median time to resolve"]["value"] is None
    assert not [key for key in rows if key[0] == "action"]
