"""What is told, what waits and what is kept silent."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance_assets.policy import AlertsPolicy
from governance_assets.policy.alerts import Route
from governance_assets.runtime.alerts.causes import closure
from governance_assets.runtime.alerts.ceiling import Load, share
from governance_assets.runtime.alerts.plan import Held, Plan, channels_for, plan, quiet_until
from governance_assets_tests.alert_rows import MINUTE, NOON, row, view

UPSTREAM = {
    "quantile_forecasts": frozenset[str](),
    "forecast_scores": frozenset({"quantile_forecasts"}),
    "calibration_metrics": frozenset({"forecast_scores"}),
    "calibration_report": frozenset({"calibration_metrics", "calibration_report"}),
}
KEY = ("calibration_metrics", "coverage_holds", "team-a")


def told(made: Plan) -> list[list[int]]:
    """The rows that each message tells."""
    return [sorted(one.alerts) for one in made.messages]


# ---------------------------------------------------------------- one message a change


def test_a_change_becomes_one_message_with_everything_a_reader_needs():
    rows = [row(7, since=NOON - 3 * MINUTE)]
    (one,) = plan(rows, view(rows)).messages
    (line,) = one.message.lines
    assert (one.alerts, one.subjects, one.channels) == ((7,), (KEY,), ("console", "file"))
    assert (one.message.kind, one.message.severity, one.message.is_grouped, one.message.ledger_head) == ("failing", "error", False, "head")
    assert (line.value, line.limit, line.unit, line.trend, line.since) == (0.62, 0.75, "fraction", (0.8, 0.7, 0.62), NOON - 3 * MINUTE)
    assert (line.remedy, line.owner, line.link, line.alerts) == ("widen the intervals", "modelling_lead", "site/calibration_metrics", (7,))


def test_what_is_not_to_be_sent_is_no_part_of_a_plan():
    rows = [row(1, "quiet", is_sent=False), row(2, "acknowledged", is_sent=False)]
    assert plan(rows, view(rows)) == Plan()


def test_the_key_depends_on_what_is_told_and_on_nothing_else():
    first, later = [row(1)], [row(1, value=0.5)]
    (one,), (two,) = plan(first, view(first)).messages, plan(later, view(later, now=NOON + 9 * MINUTE)).messages
    (other,) = plan([row(2)], view([row(2)])).messages
    assert one.message.key == two.message.key != other.message.key


def test_the_loudest_messages_come_first():
    rows = [row(1, "recovered", subject="a"), row(2, severity="warn", subject="b"), row(3, subject="c")]
    assert told(plan(rows, view(rows))) == [[3], [2], [1]]


def test_an_escalation_and_a_reminder_each_go_by_themselves():
    rows = [
        row(1),
        row(2, "escalated", step="architect: step in"),
        row(3, "reminder", incident="", severity="info"),
        row(4, "reminder", incident="", severity="info"),
    ]
    made = plan(rows, view(rows))
    assert told(made) == [[1], [2], [3], [4]]
    assert made.messages[1].message.lines[0].step == "architect: step in"


# ---------------------------------------------------------------- suppression


def test_what_flips_back_and_forth_is_told_once_when_the_window_ends():
    rows = [row(2, "recovered"), row(3, "failing", value=0.5)]
    just_told = {KEY: NOON - 10 * MINUTE}
    held = plan(rows, view(rows, told=just_told))
    until = NOON + 20 * MINUTE
    assert [(one.alert, one.until) for one in held.held] == [(2, until), (3, until)]
    assert held.messages == ()
    (one,) = plan(rows, view(rows, told=just_told, now=until)).messages
    (line,) = one.message.lines
    assert (one.alerts, line.alerts, line.kind, line.value) == ((2, 3), (2, 3), "failing", 0.5)
    assert "before that: recovered" in line.message


def test_a_failure_that_recovered_before_anybody_was_told_is_one_message_of_information():
    rows = [row(1), row(2, "recovered")]
    (one,) = plan(rows, view(rows)).messages
    assert (one.message.kind, one.message.severity, one.alerts) == ("recovered", "info", (1, 2))


def test_without_suppression_each_change_has_its_own_message():
    rows = [row(1), row(2, "worse")]
    assert told(plan(rows, view(rows, AlertsPolicy(suppression_minutes=0)))) == [[1], [2]]


def test_another_subject_and_an_escalation_are_not_suppressed():
    rows = [row(1, subject="team-b"), row(2, "escalated", step="x")]
    assert told(plan(rows, view(rows, told={KEY: NOON}))) == [[1], [2]]


def test_a_clock_that_was_turned_back_suppresses_nothing():
    rows = [row(1)]
    assert told(plan(rows, view(rows, told={KEY: NOON + dt.timedelta(days=300)}))) == [[1]]


# ---------------------------------------------------------------- quiet hours


@pytest.mark.parametrize(
    ("hours", "at", "until"),
    [
        (("22:00", "06:00"), "2025-11-20T23:30", "2025-11-21T06:00"),
        (("22:00", "06:00"), "2025-11-21T00:00", "2025-11-21T06:00"),
        (("22:00", "06:00"), "2025-11-21T05:59", "2025-11-21T06:00"),
        (("22:00", "06:00"), "2025-11-21T06:00", None),
        (("22:00", "06:00"), "2025-11-20T21:59", None),
        (("01:00", "05:00"), "2025-11-21T04:00", "2025-11-21T05:00"),
        (("01:00", "05:00"), "2025-11-21T23:00", None),
        (("00:00", "00:00"), "2025-11-21T00:00", None),
    ],
)
def test_quiet_hours_also_reach_over_midnight(hours: tuple[str, str], at: str, until: str | None):
    policy = AlertsPolicy(quiet_start=hours[0], quiet_end=hours[1])
    expected = None if until is None else dt.datetime.fromisoformat(until).replace(tzinfo=dt.UTC)
    assert quiet_until(dt.datetime.fromisoformat(at).replace(tzinfo=dt.UTC), policy) == expected


def test_in_quiet_hours_an_error_goes_and_a_recovery_waits_for_the_morning():
    night = dt.datetime(2025, 11, 20, 23, 0, tzinfo=dt.UTC)
    rows = [row(1, "recovered", subject="a"), row(2, subject="b"), row(3, severity="warn", subject="c")]
    made = plan(rows, view(rows, now=night))
    assert told(made) == [[2], [3]]
    assert made.held == (Held(1, dt.datetime(2025, 11, 21, 6, 0, tzinfo=dt.UTC), "quiet hours until 06:00 UTC"),)


# ---------------------------------------------------------------- grouping by cause


def test_what_fails_downstream_is_told_with_its_cause_in_one_message():
    rows = [row(1, artifact="calibration_report"), row(2, artifact="quantile_forecasts"), row(3), row(4, artifact="elsewhere")]
    made = plan(rows, view(rows, upstream=UPSTREAM))
    grouped = next(one for one in made.messages if one.message.is_grouped)
    assert [line.artifact for line in grouped.message.lines] == ["quantile_forecasts", "calibration_metrics", "calibration_report"]
    assert told(made) == [[1, 2, 3], [4]]


def test_a_cause_that_was_told_before_is_named_again_and_not_counted_again():
    before = row(1, artifact="quantile_forecasts", severity="warn")
    new = row(2, severity="warn")
    (one,) = plan([new], view([before, new], upstream=UPSTREAM)).messages
    assert [(line.artifact, line.alerts) for line in one.message.lines] == [("quantile_forecasts", ()), ("calibration_metrics", (2,))]
    assert (one.alerts, one.message.is_grouped, one.subjects) == ((2,), True, (KEY,))


def test_a_cause_that_is_closed_groups_nothing():
    rows = [row(1, artifact="quantile_forecasts"), row(2, "recovered", artifact="quantile_forecasts"), row(3)]
    (one,) = plan(rows[2:], view(rows, upstream=UPSTREAM)).messages
    assert not one.message.is_grouped


def test_incidents_of_one_artifact_and_of_siblings_stay_apart():
    rows = [row(1, subject="team-a"), row(2, subject="team-b"), row(3, artifact="sibling")]
    upstream = UPSTREAM | {"sibling": frozenset({"forecast_scores"})}
    assert told(plan(rows, view(rows, upstream=upstream))) == [[1], [2], [3]]


def test_what_one_run_brought_of_one_artifact_is_told_together_without_a_cause():
    rows = [row(n, kind, subject=f"team-{n}", run_id="run") for n, kind in ((1, "failing"), (2, "recovered"), (3, "failing"))]
    made = plan([*rows, row(4, artifact="elsewhere", run_id="run")], view(rows))
    assert sorted(told(made)) == [[1, 3], [2], [4]]
    assert not any(one.message.is_grouped for one in made.messages)


@pytest.mark.parametrize(
    ("cause", "effect", "is_grouped"),
    [
        ({"partition_key": "2025-11-03"}, {"partition_key": "2025-11-03"}, True),
        ({"partition_key": "2025-11-03"}, {"partition_key": "2025-11-10"}, True),
        ({"partition_key": "2025-11-10"}, {"partition_key": "2025-11-03"}, False),
        ({"partition_key": "all"}, {"partition_key": "2025-11-03"}, True),
        ({"severity": "warn"}, {"severity": "error"}, False),
        ({"severity": "error"}, {"severity": "warn"}, True),
    ],
)
def test_a_cause_began_no_later_and_is_as_loud(cause: dict[str, str], effect: dict[str, str], is_grouped: bool):
    rows = [row(1, artifact="quantile_forecasts", **cause), row(2, **effect)]
    assert any(one.message.is_grouped for one in plan(rows, view(rows, upstream=UPSTREAM)).messages) is is_grouped


def test_the_furthest_cause_leads_and_the_loudest_of_several():
    rows = [
        row(1, artifact="forecast_scores", severity="error"),
        row(2, artifact="quantile_forecasts", severity="warn", subject="x"),
        row(3, artifact="quantile_forecasts", severity="error", subject="y"),
        row(4),
    ]
    made = plan(rows, view(rows, upstream=UPSTREAM))
    assert told(made) == [[1, 3, 4], [2]]
    assert made.messages[0].message.lines[0].alerts == (3,)


def test_recoveries_are_grouped_with_the_recovery_of_their_cause():
    opened = [row(1, artifact="quantile_forecasts"), row(2)]
    ended = [row(3, "recovered"), row(4, "recovered", artifact="quantile_forecasts")]
    (one,) = plan(ended, view([*opened, *ended], upstream=UPSTREAM)).messages
    assert [(line.kind, line.artifact) for line in one.message.lines] == [
        ("recovered", "quantile_forecasts"),
        ("recovered", "calibration_metrics"),
    ]
    assert (one.message.kind, one.message.is_grouped) == ("recovered", True)


def test_everything_upstream_is_found_and_nothing_is_upstream_of_itself():
    above = closure(UPSTREAM)
    assert above["calibration_report"] == {"calibration_metrics", "forecast_scores", "quantile_forecasts"}
    assert closure({"a": frozenset({"b"}), "b": frozenset({"a"})}) == {"a": {"b"}, "b": {"a"}}


# ---------------------------------------------------------------- waivers and acknowledgement


def note(alert: int, kind: str, **more: Any) -> dict[str, Any]:
    return row(alert, kind, is_sent=False, by="modelling_lead", reason="known defect", origin="person", **more)


def test_a_waived_incident_is_kept_silent_until_the_waiver_ends():
    rows = [row(1), note(2, "waived", until=NOON + 60 * MINUTE), row(3, "worse"), row(4, "escalated", step="x"), row(5, "recovered")]
    made = plan(rows[2:], view(rows))
    assert [one.alert for one in made.silent] == [3, 4, 5]
    assert {one.reason for one in made.silent} == {"waived by modelling_lead until 2025-11-20 13:00 UTC: known defect"}
    assert (made.messages, made.held) == ((), ())
    assert told(plan(rows[2:4], view(rows[:4], now=NOON + 61 * MINUTE))) == [[3], [4]]


def test_the_end_of_a_waiver_is_told():
    rows = [row(1), note(2, "waived", until=NOON + 60 * MINUTE), row(3, "waiver_expired")]
    assert told(plan(rows[2:], view(rows))) == [[3]]


def test_an_acknowledged_incident_is_not_escalated_but_worse_and_recovered_go():
    rows = [row(1), note(2, "acknowledged"), row(3, "escalated", step="x"), row(4, "worse")]
    made = plan(rows[2:], view(rows))
    assert told(made) == [[4]]
    assert [(one.alert, one.reason) for one in made.silent] == [(3, "acknowledged by modelling_lead: known defect")]
    ended = [*rows, row(5, "recovered")]
    assert told(plan(ended[4:], view(ended))) == [[5]]


def test_an_acknowledgement_that_ended_holds_nothing_back():
    rows = [row(1), note(2, "acknowledged", until=NOON - MINUTE), row(3, "escalated", step="x")]
    assert told(plan(rows[2:], view(rows))) == [[3]]


# ---------------------------------------------------------------- routes and the ceiling


def test_the_first_route_that_matches_is_taken():
    policy = AlertsPolicy(
        routes=(
            Route(severities=("error",), artifacts=("calibration_metrics",), channels=("console",)),
            Route(kinds=("recovered",), channels=("file",)),
            Route(channels=("console", "file")),
        )
    )
    assert channels_for(policy, "failing", "error", "calibration_metrics") == ("console",)
    assert channels_for(policy, "failing", "warn", "calibration_metrics") == ("console", "file")
    assert channels_for(policy, "recovered", "info", "calibration_metrics") == ("file",)


def test_beyond_the_ceiling_the_rest_comes_as_one_digest_an_hour():
    policy = AlertsPolicy(max_messages_per_hour=3)
    rows = [row(number, subject=f"team-{number}") for number in range(1, 8)]
    seen = view(rows, policy)
    shares = share(plan(rows, seen).messages, {"console": Load(messages=1)}, seen)
    assert [channel for _, channel in shares.single] == ["console", "file", "console", "file", "file"]
    digests = {one.channel: one for one in shares.digests}
    assert {channel: len(one.message.lines) for channel, one in digests.items()} == {"console": 5, "file": 4}
    assert {one.message.kind for one in shares.digests} == {"digest"}
    assert digests["console"].message.severity == "error"
    waiting = tuple(one.message for one in plan(rows, seen).messages)
    for minutes, is_due in ((59, False), (60, True)):
        load = {"console": Load(0, NOON - minutes * MINUTE, waiting)}
        assert bool(share((), load, seen).digests) == is_due


def test_nothing_overtakes_what_waits_for_a_digest():
    rows = [row(1), row(2, "recovered", subject="team-b")]
    seen = view(rows)
    first, second = plan(rows[:1], seen).messages[0], plan(rows[1:], seen).messages[0]
    shares = share([second], {"console": Load(0, NOON - MINUTE, (first.message,))}, seen)
    assert (second.message.key, "console") in shares.gathered
    assert (second.message.key, "file") in shares.single
    assert shares.digests == []


# ---------------------------------------------------------------- whatever comes


@st.composite
def outboxes(draw: st.DrawFn) -> list[dict[str, Any]]:
    kinds = st.sampled_from(["failing", "worse", "recovered", "unknown", "escalated", "reminder", "waived", "acknowledged", "quiet"])
    names = st.sampled_from([*UPSTREAM, "elsewhere"])
    found = []
    for number, kind in enumerate(draw(st.lists(kinds, max_size=25)), start=1):
        is_note = kind in ("waived", "acknowledged")
        until = NOON + dt.timedelta(hours=draw(st.integers(-2, 2))) if is_note else None
        severity = draw(st.sampled_from(["error", "warn", "info"]))
        subject = draw(st.sampled_from("ab"))
        is_sent = not is_note and kind != "quiet"
        found.append(row(number, kind, artifact=draw(names), subject=subject, severity=severity, is_sent=is_sent, until=until))
    return found


@given(outboxes(), st.integers(0, 23), st.sampled_from([0.0, 30.0, 600.0]))
def test_every_row_that_is_to_be_sent_has_exactly_one_fate(rows: list[dict[str, Any]], hour: int, suppression: float):
    policy = AlertsPolicy(suppression_minutes=suppression)
    last = {(one["artifact"], one["rule"], one["subject"]): NOON - hour * MINUTE for one in rows[::3]}
    made = plan(rows, view(rows, policy, upstream=UPSTREAM, told=last, now=NOON.replace(hour=hour)))
    fates = [alert for one in made.messages for alert in one.alerts] + [one.alert for one in (*made.held, *made.silent)]
    assert sorted(fates) == [one["alert"] for one in rows if one["is_sent"]]
    lines = sorted(alert for one in made.messages for line in one.message.lines for alert in line.alerts)
    assert lines == sorted(alert for one in made.messages for alert in one.alerts)
    assert len({one.message.key for one in made.messages}) == len(made.messages)
    assert all(one.channels for one in made.messages)
