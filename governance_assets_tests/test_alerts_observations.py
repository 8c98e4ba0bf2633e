"""What was seen in Dagster becomes changes of state, each once, in any order of looking; secrets stay out of messages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance_assets.finding import Rule
from governance_assets.policy import AlertsPolicy
from governance_assets.runtime.alerts.incidents import incidents
from governance_assets.runtime.alerts.observations import MATERIALIZES, Seen, changes, ended_at, shortened
from governance_assets.runtime.alerts.transitions import Alerting, Evaluation, NewAlert, states_after, transitions

NOW = dt.datetime(2025, 12, 24, 12, tzinfo=dt.UTC)
ALERTING = Alerting.by(AlertsPolicy(), NOW)


def seen(minute: int, outcome: str, subject: str = "orders", severity: str = "error", partition: str = "") -> Seen:
    return Seen(
        artifact="orders",
        rule=MATERIALIZES,
        subject=subject,
        at=NOW + dt.timedelta(minutes=minute),
        outcome=outcome,
        message=f"{subject} {outcome}",
        severity=severity,
        partition_key=partition,
        ended_at=ended_at(partition),
        run_id=f"run {minute}",
    )


def look(rows: list[dict[str, Any]], *found: Seen) -> list[str]:
    """Append what ``found`` changes; the kinds of the appended rows."""
    new = changes(found, rows, ALERTING)
    for one in new:
        rows.append(one.row(len(rows) + 1, NOW + dt.timedelta(days=1)))
    return [one.kind for one in new]


def test_a_failure_opens_further_ones_are_kept_quiet_and_a_pass_closes() -> None:
    rows: list[dict[str, Any]] = []
    assert look(rows, seen(1, "error")) == ["failing"]
    assert look(rows, seen(2, "error"), seen(3, "error")) == []
    assert look(rows, seen(4, "pass"), seen(5, "pass")) == ["recovered"]
    assert look(rows, seen(6, "error")) == ["failing"]
    assert len({row["incident"] for row in rows}) == 2
    assert rows[1]["incident"] == rows[0]["incident"]
    assert rows[1]["since"] == rows[0]["since"] == NOW + dt.timedelta(minutes=1)
    assert rows[1]["until"] == NOW + dt.timedelta(minutes=4)


def test_what_opens_and_closes_in_one_look_is_one_incident() -> None:
    rows: list[dict[str, Any]] = []
    assert look(rows, seen(2, "pass"), seen(1, "error")) == ["failing", "recovered"]
    (incident,) = incidents(rows)
    assert not incident.is_open
    assert incident.alerts == (1, 2)


def test_a_warning_that_becomes_an_error_is_worse_and_not_the_other_way_round() -> None:
    rows: list[dict[str, Any]] = []
    assert look(rows, seen(1, "fail", severity="warn")) == ["failing"]
    assert look(rows, seen(2, "fail", severity="error")) == ["worse"]
    assert look(rows, seen(3, "fail", severity="warn")) == []
    assert look(rows, seen(2, "fail", severity="error"), seen(4, "pass")) == ["recovered"]


def test_subjects_do_not_touch_each_other() -> None:
    rows: list[dict[str, Any]] = []
    assert look(rows, seen(1, "error", "orders"), seen(1, "error", "days 2025-12-01"), seen(2, "pass", "orders")) == [
        "failing",
        "failing",
        "recovered",
    ]
    assert [one.subject for one in incidents(rows) if one.is_open] == ["days 2025-12-01"]


@pytest.mark.parametrize(("partition", "kinds"), [("2025-12-20", ["failing"]), ("2024-01-01", []), ("2024-01", []), ("north", ["failing"])])
def test_a_partition_of_long_ago_opens_nothing(partition: str, kinds: list[str]) -> None:
    assert look([], seen(1, "fail", partition=partition)) == kinds


@pytest.mark.parametrize(
    ("key", "end"),
    [
        ("2025-11-03", dt.datetime(2025, 11, 10, tzinfo=dt.UTC)),
        ("2025-11-03-14:00", dt.datetime(2025, 11, 10, tzinfo=dt.UTC)),
        ("2025-11", dt.datetime(2025, 12, 2, tzinfo=dt.UTC)),
        ("2025-13-40", None),
        ("9999-12-31", None),
        ("north", None),
        ("20251103", None),
        ("", None),
    ],
)
def test_when_a_partition_ended_at_the_latest(key: str, end: dt.datetime | None) -> None:
    assert ended_at(key) == end


@pytest.mark.parametrize("week", ["2025-12-15", "2025-12-22", "all"])
def test_verdicts_on_an_artifact_leave_its_crash_open(week: str) -> None:
    rows: list[dict[str, Any]] = []
    look(rows, seen(1, "error"), seen(1, "fail", "orders 2025-12-15"))
    verdict = Rule("level_holds", "it holds", "look at it").judge("team a", True)
    brought: list[NewAlert] = []

    def assign(new: NewAlert) -> dict[str, Any]:
        brought.append(new)
        return new.row(len(rows) + len(brought), NOW)

    transitions(
        [Evaluation("orders", week, None, [verdict], "analyst", 1, "run", True)], states_after(rows), ALERTING, assign, lambda *_: False
    )
    assert brought == []


EVENTS = st.lists(st.tuples(st.sampled_from(["pass", "fail", "error"]), st.sampled_from(["a", "b"])), max_size=12)


@given(EVENTS, st.data())
def test_looking_again_at_what_was_seen_changes_nothing(outcomes: Sequence[tuple[str, str]], data: st.DataObject) -> None:
    events = [seen(minute, outcome, subject) for minute, (outcome, subject) in enumerate(outcomes)]
    once: list[dict[str, Any]] = []
    look(once, *events)
    again: list[dict[str, Any]] = []
    reached = 0
    while reached < len(events):  # cursors are lost at any time: each look begins anywhere in what was seen already
        first = data.draw(st.integers(0, reached))
        reached = data.draw(st.integers(reached + 1, len(events)))
        look(again, *data.draw(st.permutations(events[first:reached])))
    look(again, *events)
    told = ("kind", "subject", "incident", "since", "until", "alert")
    assert sorted([row[name] for name in told] for row in map(plain, again)) == sorted(
        [row[name] for name in told] for row in map(plain, once)
    )


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what depends on its number, for two subjects may be told in another order."""
    return {name: str(value) for name, value in row.items()} | {"alert": "", "incident": ""}


@given(EVENTS)
def test_open_is_who_failed_last(outcomes: Sequence[tuple[str, str]]) -> None:
    rows: list[dict[str, Any]] = []
    for minute, (outcome, subject) in enumerate(outcomes):
        look(rows, seen(minute, outcome, subject))
    last = {subject: outcome for outcome, subject in outcomes}
    assert {one.subject for one in incidents(rows) if one.is_open} == {subject for subject, outcome in last.items() if outcome != "pass"}


@pytest.mark.parametrize(
    ("text", "kept", "secret"),
    [
        ("cannot reach postgres://reader:hunter2@warehouse/x", "cannot reach postgres://", "hunter2"),
        ("https://ghp_0123456789abcdefghij@github.example/x failed", "failed", "ghp_0123456789abcdefghij"),
        ("login with password=hunter2 refused", "refused", "hunter2"),
        ("PGPASSWORD='hunter2' was wrong", "was wrong", "hunter2"),
        ('{"api_key": "hunter2", "page": 3}', '"page": 3', "hunter2"),
        ("Authorization: Bearer hunter2.abc.def rejected", "rejected", "hunter2"),
        ("posted to https://hooks.example.com/services/T0/B0/hunter2 in vain", "in vain", "hunter2"),
        ("token xoxb-123456789012-abcdefABCDEF expired", "expired", "abcdefABCDEF"),
        ("key AKIAIOSFODNN7EXAMPLE denied", "denied", "AKIAIOSFODNN7EXAMPLE"),
        ("aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key", "wJalrXUtnFEMI"),
        ("first line\npassword=hunter2", "first line", "hunter2"),
    ],
)
def test_a_message_keeps_no_secret(text: str, kept: str, secret: str) -> None:
    told = shortened(text)
    assert kept in told
    assert secret not in told


def test_a_message_is_one_line_that_can_be_read() -> None:
    assert shortened("\n\n  ValueError: 3 is no week \nmore") == "ValueError: 3 is no week"
    assert len(shortened("x " * 5000)) == 300
    assert shortened("") == ""
    assert shortened("column forecast_scores.interval_coverage_80 is missing") == "column forecast_scores.interval_coverage_80 is missing"
