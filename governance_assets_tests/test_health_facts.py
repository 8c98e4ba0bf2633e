"""What is due and recorded, judged per partition; and open incidents with their steps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from governance_assets.contract import conform, violations
from governance_assets.domains.health import facts
from governance_assets.domains.health.contracts import Escalations, OperationalHealth
from governance_assets.policy import Policy, policy_from
from governance_assets.runtime.alerts.incidents import incidents
from governance_assets.runtime.alerts.transitions import NewAlert
from governance_assets.runtime.periods import PERIODIC
from governance_assets.runtime.tables import LEDGER

DAY, TICK = dt.timedelta(days=1), dt.timedelta(microseconds=1)
NOW = dt.datetime(2025, 10, 6, 8, tzinfo=dt.UTC)  # a Monday
DUE = "2025-09-22"  # the week before ended eight hours ago: two days are allowed
GRAINS = {"scores": "week"}
OWNERS = {"scores": "modelling_lead"}


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def ledger(*entries: tuple[str, str, str]) -> pa.Table:
    """Artifact, partition and instant of what was recorded; an instant that ends in ! is that of a refusal."""
    rows = []
    for number, (artifact, key, told) in enumerate(entries, start=1):
        is_refused = told.endswith("!")
        recorded_at = utc(told.rstrip("!"))
        rows.append(
            dict.fromkeys(LEDGER.names)
            | {
                "entry": number,
                "artifact": artifact,
                "partition_key": key,
                "recorded_at": recorded_at,
                "revision": None if is_refused else 1,
            }
        )
    return pa.Table.from_pylist(rows, schema=LEDGER)


def health(
    entries: Sequence[tuple[str, str, str]], present: dt.datetime = NOW, grains: dict[str, str] | None = None, policy: Policy | None = None
) -> dict[str, dict[str, Any]]:
    """The rows by artifact for periods, and by activity for the rest; only activities of known artifacts."""
    known = GRAINS if grains is None else grains
    owners = dict.fromkeys(known, "owner") | OWNERS
    rows = conform(OperationalHealth, facts.operational_health(ledger(*entries), owners, known, policy or Policy(), present))
    assert violations(OperationalHealth, rows) == []
    return {row["artifact_name"] if row["activity"] in PERIODIC else row["activity"]: row for row in rows.to_pylist()}


def scores(*entries: tuple[str, str], **more: Any) -> dict[str, Any]:
    return health([("scores", key, told) for key, told in entries], **more)["scores"]


# ---------------------------------------------------------------- weeks


@pytest.mark.parametrize(
    ("present", "due"),
    [
        ("2025-10-06T08:00", "2025-09-22"),
        ("2025-10-07T23:59:59.999999", "2025-09-22"),
        ("2025-10-08T00:00", "2025-09-22"),  # exactly two days after the end of the week is not later than that
        ("2025-10-08T00:00:00.000001", "2025-09-29"),
    ],
)
def test_the_newest_week_that_ended_longer_ago_than_the_grace_is_due(present: str, due: str) -> None:
    row = scores(("2025-09-01", "2025-09-08T01:00"), present=utc(present))
    end = utc(due) + 7 * DAY
    assert (row["due"], row["due_at"], row["late_at"], row["grace_days"]) == (due, end, end + 2 * DAY, 2.0)


def test_a_recorded_week_is_recorded_since_its_first_revision() -> None:
    row = scores((DUE, "2025-09-30T06:30"), (DUE, "2025-10-05T06:30"), ("2025-09-15", "2025-09-23T06:30"))
    assert (row["state"], row["first_recorded_at"], row["days_late"]) == ("recorded", utc("2025-09-30T06:30"), 0)
    assert row["newest_partition"] == DUE
    assert row["role"] == "modelling_lead"


@pytest.mark.parametrize(
    "more",
    [
        [("2024-01-01", "2025-10-06T07:59")],  # a backfill of a year ago, a minute ago
        [("2025-09-08", "2025-10-06T07:59")],  # a new revision of an old week
        [("2025-10-06", "2025-10-06T07:59")],  # the open week
        [("2025-09-29", "2025-10-06T07:59")],  # the week after
        [(DUE, "2025-10-06T07:59!")],  # refused
    ],
    ids=["backfill", "restatement", "open week", "later week", "refusal"],
)
def test_nothing_but_the_week_itself_makes_it_fresh(more: list[tuple[str, str]]) -> None:
    before = scores(("2025-09-08", "2025-09-15T06:30"))
    assert (before["state"], before["newest_partition"]) == ("missing", "2025-09-08")
    assert scores(("2025-09-08", "2025-09-15T06:30"), *more) == before


def test_days_late_count_from_the_end_of_the_oldest_missing_week() -> None:
    assert scores(("2025-09-15", "2025-09-22T06:30"))["days_late"] == 7
    assert scores(("2025-09-08", "2025-09-15T06:30"))["days_late"] == 14
    later = scores(("2025-09-15", "2025-09-22T06:30"), present=utc("2025-10-06T00:00") - TICK)
    assert later["days_late"] == 6


def test_nothing_recorded_at_all_is_unknown_and_not_late() -> None:
    row = scores()
    assert (row["state"], row["days_late"], row["newest_partition"]) == ("unknown", None, None)
    assert scores((DUE, "2025-10-06T07:59!"))["state"] == "unknown"


def test_an_artifact_that_began_later_owes_nothing_yet() -> None:
    row = scores(("2025-09-29", "2025-10-06T06:30"))
    assert (row["state"], row["reason"]) == ("not_applicable", "its first recorded week is 2025-09-29")


def test_only_weekly_artifacts_have_weeks() -> None:
    assert set(health([], grains={"scores": "week", "manifest": "none"})) - {"scores"} == {one.activity for one in Policy().alerts.missed}


# ---------------------------------------------------------------- activities


def activity(name: str, grain: str, *entries: tuple[str, str], present: str) -> dict[str, Any]:
    artifact = next(one.artifact for one in Policy().alerts.missed if one.activity == name)
    return health([(artifact, key, told) for key, told in entries], utc(present), {artifact: grain})[name]


OLD = ("all", "2025-01-01T00:00")
CASES = [
    # name, grain, what was recorded, present, state, days late
    ("repository_sync", "none", [OLD], "2025-10-09T09:00", "missing", 10),  # that of the week before; today's is late by exactly three
    ("repository_sync", "none", [OLD, ("all", "2025-09-29T09:30")], "2025-10-09T09:00", "recorded", 0),
    ("repository_sync", "none", [OLD, ("all", "2025-09-29T09:30")], "2025-10-09T09:00:00.000001", "missing", 3),
    ("repository_sync", "none", [OLD, ("all", "2025-10-06T00:00")], "2025-10-09T09:01", "recorded", 0),
    ("repository_sync", "none", [OLD, ("all", "2025-10-05T23:59")], "2025-10-09T09:01", "missing", 3),
    ("repository_sync", "none", [OLD, ("all", "2025-10-12T09:00")], "2025-10-12T10:00", "recorded", 0),
    ("repository_sync", "week", [("2025-09-29", "2025-10-06T10:00")], "2025-10-09T09:01", "missing", 3),
    ("repository_sync", "week", [("2025-10-06", "2025-10-06T10:00")], "2025-10-09T09:01", "recorded", 0),
    ("plan_update", "none", [OLD, ("all", "2025-10-03T12:00")], "2025-10-10T16:01", "recorded", 0),
    ("plan_update", "none", [OLD, ("all", "2025-10-02T12:00")], "2025-10-10T16:00", "recorded", 0),
    ("plan_update", "none", [OLD, ("all", "2025-10-02T12:00")], "2025-10-10T16:01", "missing", 7),
    ("plan_update", "week", [("2025-09-22", "2025-10-10T12:00")], "2025-10-10T16:01", "missing", 7),
    ("plan_update", "week", [("2025-09-29", "2025-10-10T12:00")], "2025-10-10T16:01", "recorded", 0),
    ("issue_review", "half_month", [("2025-09-01", "2025-09-15T12:00")], "2025-10-15T10:00", "recorded", 0),
    ("issue_review", "half_month", [("2025-09-01", "2025-09-15T12:00")], "2025-10-15T10:01", "missing", 14),
    ("issue_review", "half_month", [("2025-09-15", "2025-10-15T10:00")], "2025-10-15T10:01", "recorded", 0),
    ("assessment", "quarter", [("2025-Q2", "2025-06-27T12:00")], "2025-10-10T23:59", "recorded", 0),
    ("assessment", "quarter", [("2025-Q2", "2025-06-27T12:00")], "2025-10-11T00:00", "missing", 14),
    ("assessment", "quarter", [("2025-Q3", "2025-10-10T12:00")], "2025-10-11T00:00", "recorded", 0),
]


@pytest.mark.parametrize(("name", "grain", "entries", "present", "state", "days"), CASES)
def test_an_activity_is_missing_when_it_is_overdue_and_its_own_period_is_not_recorded(
    name: str, grain: str, entries: list[tuple[str, str]], present: str, state: str, days: int
) -> None:
    row = activity(name, grain, *entries, present=present)
    assert (row["state"], row["days_late"]) == (state, days)
    assert row["due"].startswith(f"{name}/")
    assert row["late_at"] < utc(present)


def test_a_backfill_of_older_periods_is_no_proof() -> None:
    before = activity("assessment", "quarter", ("2025-Q2", "2025-06-27T12:00"), present="2025-10-11T00:00")
    after = activity("assessment", "quarter", ("2025-Q2", "2025-06-27T12:00"), ("2025-Q1", "2025-10-10T12:00"), present="2025-10-11T00:00")
    assert after == before


def test_an_activity_before_the_first_record_is_owed_by_nobody() -> None:
    row = activity("assessment", "quarter", ("2025-Q4", "2025-10-10T12:00"), present="2025-10-11T00:00")
    assert (row["state"], row["due"], row["reason"]) == ("not_applicable", None, "its first recorded quarter is 2025-Q4")


def test_the_role_and_the_urgency_are_those_of_the_policy() -> None:
    rows = health([])
    assert {name: (row["role"], row["is_urgent"]) for name, row in rows.items() if name != "scores"} == {
        "repository_sync": ("programme_owner", False),
        "plan_update": ("programme_owner", False),
        "issue_review": ("architect", False),
        "assessment": ("programme_owner", True),
    }


def test_an_activity_whose_artifact_is_not_installed_is_not_applicable_and_says_so() -> None:
    row = health([])["assessment"]
    assert (row["state"], row["due"], row["reason"]) == ("not_applicable", None, "no artifact of this installation is named scorecard_360")


def test_an_installed_activity_that_never_recorded_anything_is_unknown() -> None:
    row = activity("repository_sync", "none", present="2025-10-09T09:01")
    assert (row["state"], row["reason"], row["days_late"]) == ("unknown", "nothing is recorded yet", None)


@pytest.mark.parametrize("name", ["sync", "steering_review"])
def test_an_activity_that_the_calendar_never_calls_overdue_is_unknown_and_says_which_are(name: str) -> None:
    missed = [{"activity": name, "artifact": "scores", "role": "architect"}]
    row = health([], policy=policy_from({"alerts": {"missed": missed}}))[name]
    assert row["state"] == "unknown"
    assert row["reason"].startswith(f"the calendar never calls {name} overdue; it does so with repository_sync, plan_update")


# ---------------------------------------------------------------- incidents


def failing(number: int, subject: str, since: dt.datetime, **more: Any) -> dict[str, Any]:
    given = {"rule": "value_is_low", "partition_key": "2025-09-22", "outcome": "fail", "severity": "error", "owner": "toy_lead"} | more
    return NewAlert(kind="failing", artifact="scores", subject=subject, since=since, message="it misses", origin="finding", **given).row(
        number, since
    )


def about(opened: dict[str, Any], kind: str, **more: Any) -> dict[str, Any]:
    return opened | {"kind": kind, "recorded_at": opened["since"]} | more


def listed(*rows: dict[str, Any], present: dt.datetime = NOW, late: Sequence[str] = ()) -> list[dict[str, Any]]:
    made = conform(Escalations, facts.escalations(incidents(rows), late, Policy(), present))
    assert violations(Escalations, made) == []
    return made.to_pylist()


def test_every_open_incident_has_its_next_step_with_role_and_hour() -> None:
    opened = failing(1, "red", NOW - 5 * DAY)
    (row,) = listed(opened)
    assert (row["incident"], row["priority"], row["age_days"], row["owner_role"]) == (opened["incident"], "P1", 5, "toy_lead")
    assert (row["next_role"], row["next_due_at"]) == ("architect", NOW + 2 * DAY)
    assert row["next_step"].startswith("architect: step in")
    assert (row["steps_taken"], row["steps_overdue"], row["is_artifact_late"]) == (0, 0, False)


def test_what_recovered_is_not_listed() -> None:
    opened = failing(1, "red", NOW - 5 * DAY)
    assert listed(opened, about(opened, "recovered", outcome="pass")) == []


@pytest.mark.parametrize(("age", "overdue"), [(7 * DAY - TICK, 0), (7 * DAY, 0), (7 * DAY + TICK, 1)])
def test_a_step_is_overdue_only_beyond_its_hours(age: dt.timedelta, overdue: int) -> None:
    (row,) = listed(failing(1, "red", NOW - age))
    assert row["steps_overdue"] == overdue


def test_a_taken_step_is_counted_and_never_overdue() -> None:
    opened = failing(1, "red", NOW - 8 * DAY)
    (before,) = listed(opened)
    (row,) = listed(opened, about(opened, "escalated", step=before["next_step"]))
    assert (row["steps_taken"], row["steps_overdue"], row["next_step"], row["next_due_at"]) == (1, 0, None, None)


@pytest.mark.parametrize(("kind", "by"), [("acknowledged", "acknowledged_by"), ("waived", "waived_by")])
@pytest.mark.parametrize(("until", "holds"), [(NOW + TICK, True), (NOW, False), (None, True)])
def test_what_was_said_holds_until_its_end(kind: str, by: str, until: dt.datetime | None, holds: bool) -> None:
    opened = failing(1, "red", NOW - 8 * DAY)
    (row,) = listed(opened, about(opened, kind, by="toy_lead", until=until))
    assert (row[by], row["steps_overdue"]) == (("toy_lead", 0) if holds else (None, 1))


def test_ages_are_whole_days_and_never_negative() -> None:
    ages = [listed(failing(1, "red", NOW - age))[0]["age_days"] for age in (-DAY, 0 * DAY, DAY - TICK, DAY, 2 * DAY)]
    assert ages == [0, 0, 0, 1, 2]


def test_an_incident_of_a_late_artifact_says_so() -> None:
    connection = duckdb.connect()
    rows = facts.operational_health(ledger(("scores", "2025-09-08", "2025-09-15T06:30")), OWNERS, GRAINS, Policy(), NOW)
    connection.register("operational_health", rows)
    late = facts.late_artifacts(connection, "operational_health")
    assert late == {"scores"}
    assert listed(failing(1, "red", NOW), late=sorted(late))[0]["is_artifact_late"]


@pytest.mark.parametrize(
    ("grain", "present", "recorded", "due", "state", "days_late"),
    [
        ("quarter", "2025-10-03T00:00", "2025-Q2", "2025-Q2", "recorded", 0),  # two days are allowed
        ("quarter", "2025-10-03T00:01", "2025-Q2", "2025-Q3", "missing", 2),
        ("half_month", "2025-10-03T00:00", "2025-09-01", "2025-09-01", "recorded", 0),
        ("half_month", "2025-10-03T00:01", "2025-09-01", "2025-09-15", "missing", 2),
    ],
)
def test_other_periods_are_due_when_they_are_closed(grain: str, present: str, recorded: str, due: str, state: str, days_late: int) -> None:
    row = scores((recorded, "2025-09-20T06:00"), grains={"scores": grain}, present=utc(present))
    assert (row["activity"], row["due"], row["state"], row["days_late"]) == (grain, due, state, days_late)


@pytest.mark.parametrize(("recorded", "state"), [("2025-09-25T12:00", "missing"), ("2025-09-26T00:00", "recorded")])
def test_a_record_from_before_the_day_of_an_activity_does_not_prove_it(recorded: str, state: str) -> None:
    assert activity("assessment", "quarter", ("2025-Q3", recorded), present="2025-10-11T00:00")["state"] == state


@pytest.mark.parametrize(("recorded", "was_late"), [("2025-10-10T23:59", False), ("2025-10-11T00:00", True), ("2025-12-01T00:00", None)])
def test_what_was_recorded_late_says_so(recorded: str, was_late: bool | None) -> None:
    assert activity("assessment", "quarter", ("2025-Q3", recorded), present="2025-11-01T00:00")["was_late"] is was_late
