"""The governance calendar: its events, and its cron strings by Dagster's own reading of them."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest
from dagster._utils.schedules import cron_string_iterator, is_valid_cron_schedule
from hypothesis import example, given, settings
from hypothesis import strategies as st

from governance_assets.policy import AlertsPolicy, CalendarPolicy, policy_from
from governance_assets.runtime import due_dates
from governance_assets.runtime.calendar import Event, Schedule, governance_calendar, last_overdue, reminders, schedules, upcoming
from governance_assets.runtime.periods import WEEKDAYS, quarter_of, quarters_between

POLICY = CalendarPolicy()
FULL = policy_from({"calendar": {"programme_start": "2025-11-03", "cadence_start": "2025-11-10"}}).calendar
MOVED = policy_from(
    {
        "calendar": {
            "kickoff_weekday": "monday",
            "sweep_tick_days": [21, 5],
            "preread_days": 60,
            "sync_weekday": "sunday",
            "sync_time": "00:07",
            "plan_update_weekday": "saturday",
            "steering_weekday": "thursday",
            "issue_review_time": "23:59",
            "assessment_reminder_days": 60,
            "assessment_time": "13:05",
        }
    }
).calendar
FIRST, LAST = dt.date(2020, 1, 1), dt.date(2035, 12, 31)
DAYS = [FIRST + dt.timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
QUARTERS = quarters_between("2020-Q1", "2035-Q4")


def by_id(quarter: str, policy: CalendarPolicy = POLICY) -> dict[str, Event]:
    return {event.id: event for event in governance_calendar(quarter, policy)}


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def ticks(cron: str) -> list[dt.datetime]:
    found = []
    for tick in cron_string_iterator(dt.datetime(2020, 1, 1, tzinfo=dt.UTC).timestamp(), cron, "UTC"):
        if tick.date() > LAST:
            return found
        found.append(tick)
    raise AssertionError("a cron string never ends")


def named(name: str, policy: CalendarPolicy = POLICY) -> Schedule:
    return next(schedule for schedule in schedules(policy) if schedule.id == name)


# Cron strings


@pytest.mark.parametrize("policy", [POLICY, MOVED], ids=["default", "moved"])
@pytest.mark.parametrize("name", [schedule.id for schedule in schedules(POLICY)])
def test_a_cron_string_ticks_exactly_when_its_rule_says(name: str, policy: CalendarPolicy) -> None:
    schedule = named(name, policy)
    ticked = ticks(schedule.cron)
    kept = [tick for tick in ticked if schedule.is_due(tick.date())]
    assert [tick.strftime("%H:%M") for tick in ticked] == [schedule.time] * len(ticked)
    assert [tick.date() for tick in kept] == [day for day in DAYS if schedule.is_due(day)]
    assert (len(kept) < len(ticked)) == schedule.is_gated


@pytest.mark.parametrize(
    ("name", "cron"),
    [
        ("mmm_backtest", "0 0 * * *"),
        ("geo_holdout", "0 2 * * *"),
        ("calibration_append", "30 6 * * *"),
        ("telemetry_sweep", "0 6 * * *"),
        ("interim_critics", "0 6 1 * *"),
        ("repository_sync", "0 9 * * 1"),
        ("plan_update", "0 16 * * 5"),
        ("plan_update_reminder", "0 15 * * 5"),
        ("issue_review", "0 10 1,15 * *"),
        ("issue_review_reminder", "0 10 14,L * *"),
        ("steering_review", "0 14 * * 1"),
        ("daily_status", "0 9 * * 1-5"),
        ("assessment", "0 9 * 3,6,9,12 L5"),
        ("quarter_close", "0 18 L 3,6,9,12 *"),
        ("quarter_close_reminder", "0 8 L 3,6,9,12 *"),
        ("assessment_day_reminder", "0 8 * 3,6,9,12 L5"),
        ("post_review_check", "59 23 * * *"),
    ],
)
def test_the_cron_strings_of_the_inventory(name: str, cron: str) -> None:
    assert named(name).cron == cron


@pytest.mark.parametrize("policy", [POLICY, MOVED], ids=["default", "moved"])
def test_no_cron_string_restricts_day_and_weekday_together(policy: CalendarPolicy) -> None:
    for schedule in schedules(policy):
        _, _, day, _, weekday = schedule.cron.split()
        assert is_valid_cron_schedule(schedule.cron)
        assert "*" in (day, weekday), schedule.cron


def test_day_and_weekday_together_would_mean_either() -> None:
    """The surprise behind the test above: restricted to 22–31 *and* Fridays, cron ticks on every one of either."""
    both = [tick for tick in ticks("0 9 22-31 3,6,9,12 5") if tick.year == 2025]
    assert len(both) > 4 * 5
    assert [tick.date().isoformat() for tick in ticks(named("assessment").cron) if tick.year == 2025] == [
        "2025-03-28",
        "2025-06-27",
        "2025-09-26",
        "2025-12-26",
    ]


# Events of a quarter


def test_the_fourth_quarter_of_2025() -> None:
    events = by_id("2025-Q4")
    due = {
        "preread/2025-Q4": "2025-10-01T18:00",
        "squad_telemetry/2025-Q4": "2025-10-01T18:00",
        "telemetry_sweep/2025-10-01": "2025-10-01T06:00",
        "telemetry_sweep/2025-10-03": "2025-10-03T06:00",
        "telemetry_sweep/2025-10-05": "2025-10-05T06:00",
        "sweep_done/2025-Q4": "2025-10-03T18:00",
        "product_sync/2025-Q4": "2025-10-05T18:00",
        "review_week/2025-Q4": "2025-10-06T00:00",
        "kickoff/2025-Q4": "2025-10-08T18:00",
        "issues_opened/2025-Q4": "2025-10-08T23:59",
        "post_review/2025-Q4": "2025-10-11T23:59",
        "rebook/2025-Q4": "2025-10-15T23:59",
        "sprint_milestone/M0.1": "2025-10-21T23:59",
        "sprint_milestone/M0.2": "2025-10-22T23:59",
        "sprint_milestone/M0.3": "2025-10-23T23:59",
        "issue_review_reminder/2025-10-31": "2025-10-31T10:00",
        "issue_review/2025-11-01": "2025-11-01T10:00",
        "interim_critics/2025-11-01": "2025-11-01T06:00",
        "repository_sync/2025-11-03": "2025-11-03T09:00",
        "steering_review/2025-11-03": "2025-11-03T14:00",
        "plan_update_reminder/2025-11-07": "2025-11-07T15:00",
        "plan_update/2025-11-07": "2025-11-07T16:00",
        "issue_review_reminder/2025-11-14": "2025-11-14T10:00",
        "assessment_reminder/2025-Q4": "2025-12-05T09:00",
        "assessment_collection/2025-Q4": "2025-12-08T00:00",
        "assessment_analysis/2025-Q4": "2025-12-15T00:00",
        "assessment_deliverables/2025-Q4": "2025-12-22T00:00",
        "assessment/2025-Q4": "2025-12-26T09:00",
        "adjustments/2025-Q3": "2025-10-03T23:59",
        "quarter_close/2025-Q4": "2025-12-31T18:00",
        "preread/2026-Q1": "2025-12-31T18:00",
    }
    assert {name: events[name].due_at for name in due} == {name: utc(instant) for name, instant in due.items()}
    assert "adjustments/2025-Q4" not in events


def test_how_long_events_last_and_what_they_cover() -> None:
    events = by_id("2025-Q4")
    windows = {
        "review_week/2025-Q4": ("2025-10-06T00:00", "2025-10-11T00:00"),
        "kickoff/2025-Q4": ("2025-10-08T18:00", "2025-10-08T19:00"),
        "fresh_telemetry/2025-Q4": ("2025-09-28T18:00", "2025-10-08T18:00"),
        "issue_review/2025-11-01": ("2025-10-15T00:00", "2025-11-01T00:00"),
        "issue_review/2025-11-15": ("2025-11-01T00:00", "2025-11-15T00:00"),
        "repository_sync/2025-11-03": ("2025-11-03T09:00", "2025-11-03T11:00"),
        "plan_update/2025-11-07": ("2025-11-07T16:00", "2025-11-07T17:00"),
        "assessment_deliverables/2025-Q4": ("2025-12-22T00:00", "2025-12-27T00:00"),
        "assessment/2025-Q4": ("2025-12-26T09:00", "2025-12-26T17:00"),
        "sprint_window/implementation": ("2025-10-21T00:00", "2025-10-25T00:00"),
    }
    for name, (start, end) in windows.items():
        assert (events[name].window_start, events[name].window_end) == (utc(start), utc(end)), name
    assert events["preread/2025-Q4"].window_start is None


def test_when_a_missing_event_is_escalated() -> None:
    events = by_id("2025-Q4")
    overdue = {
        "repository_sync/2025-11-03": "2025-11-06T09:00",
        "plan_update/2025-11-07": "2025-11-14T16:00",
        "issue_review/2025-12-15": "2026-01-01T10:00",
        "assessment/2025-Q4": "2026-01-09T23:59",
        "preread/2025-Q4": "2025-10-08T18:00",
    }
    assert {name: events[name].overdue_at for name in overdue} == {name: utc(instant) for name, instant in overdue.items()}


def test_how_often_things_recur_in_a_quarter() -> None:
    counts = Counter(event.id.split("/")[0] for event in governance_calendar("2025-Q4", POLICY))
    assert counts["mmm_backtest"] == counts["geo_holdout"] == counts["calibration_append"] == 92
    assert counts["daily_status"] == 66
    assert counts["repository_sync"] == counts["plan_update"] == counts["steering_review"] == 13
    assert counts["issue_review"] == counts["issue_review_reminder"] == 6
    assert counts["interim_critics"] == 3
    assert counts["assessment"] == counts["quarter_close"] == counts["assessment_reminder"] == 1


@pytest.mark.parametrize("policy", [FULL, MOVED], ids=["full", "moved"])
def test_every_event_is_in_exactly_one_quarter(policy: CalendarPolicy) -> None:
    seen: Counter[str] = Counter()
    previous = None
    for quarter in QUARTERS:
        events = governance_calendar(quarter, policy)
        seen.update(event.id for event in events)
        assert all(quarter_of(event.due_at) == quarter for event in events)
        assert events == sorted(events, key=lambda event: (event.due_at, event.id))
        assert previous is None or previous < events[0].due_at
        previous = events[-1].due_at
    assert set(seen.values()) == {1}
    for quarter in QUARTERS[1:-1]:
        for name in ("preread", "kickoff", "post_review", "rebook", "assessment", "adjustments", "quarter_close", "assessment_reminder"):
            assert seen[f"{name}/{quarter}"] == 1, (name, quarter)


def test_schedules_and_date_rules_agree_in_every_quarter() -> None:
    for quarter in QUARTERS[1:-1]:
        events = by_id(quarter)
        assert events[f"quarter_close/{quarter}"].due_at == due_dates.quarter_close(quarter, POLICY)
        assert events[f"assessment/{quarter}"].due_at.date() == due_dates.last_friday(quarter)
        assert events[f"assessment_collection/{quarter}"].due_at.date() == due_dates.assessment_start(quarter, POLICY)
        assert events[f"kickoff/{quarter}"].due_at == due_dates.kickoff(quarter, POLICY)


def test_every_event_names_its_inventory_ids_and_lasts_no_negative_time() -> None:
    for quarter in ("2025-Q4", "2026-Q1", "2026-Q2"):
        for event in governance_calendar(quarter, FULL):
            assert event.inventory_ids, event.id
            assert all(name[0] in "ABCD" and name[1:].isdigit() for name in event.inventory_ids), event.id
            assert (event.window_start is None) == (event.window_end is None)
            assert event.window_start is None or event.window_start < event.window_end
            assert event.overdue_at is None or event.due_at < event.overdue_at


def test_every_date_rule_of_the_inventory_is_in_the_calendar() -> None:
    named_ids = {name for quarter in QUARTERS[20:28] for event in governance_calendar(quarter, FULL) for name in event.inventory_ids}
    review = {"A01", "A03", "A05", "A08", "A09", "A10", "A11", "A12", "A13", "A16", "A17", "A34", "A40", "A53"}
    sprint = {"B01", "B02", "B03", "B04", "B06", "B20", "B27"}
    cadence = {"C01", "C09", "C10", "C22", "C23", "C24", "C38", "C39", "C40", "C60", "C71", "C72", "C73", "C74", "C85", "C86", "C87"}
    rewrite = {"D01", "D02", "D18", "D23", "D33", "D45", "D51", "D55", "D61", "D62"}
    assert review | sprint | cadence | rewrite <= named_ids


def test_dates_that_count_from_a_start_appear_once_it_is_set() -> None:
    assert not [name for name in by_id("2025-Q4") if name.startswith(("phase/", "exit_gate/", "setup/", "first_"))]
    events = by_id("2025-Q4", FULL)
    assert events["phase/P1"].window_start == utc("2025-11-17T00:00")
    assert events["exit_gate/P0"].due_at == utc("2025-11-16T23:59")
    assert events["exit_gate/P0"].inventory_ids == ("D62", "D18")
    assert events["setup/1"].due_at == utc("2025-11-10T23:59")
    assert events["setup/5"].due_at == utc("2025-11-14T23:59")
    assert events["first_month/1"].due_at == utc("2025-11-16T23:59")
    assert events["first_month/4"].due_at == utc("2025-12-07T23:59")
    assert events["first_assessment/1"].due_at == utc("2025-12-31T23:59")


def test_a_quarter_written_wrongly_is_refused() -> None:
    with pytest.raises(ValueError, match="write it as 2025-Q4"):
        governance_calendar("Q4-2025", POLICY)


# What comes next


def test_what_is_upcoming_begins_now_and_ends_before_the_last_instant() -> None:
    found = [event.id for event in upcoming(utc("2025-12-26T09:00"), 1, POLICY)]
    assert found == [
        "assessment/2025-Q4",
        "daily_status/2025-12-26",
        "plan_update_reminder/2025-12-26",
        "plan_update/2025-12-26",
        "mmm_backtest/2025-12-27",
        "geo_holdout/2025-12-27",
        "calibration_append/2025-12-27",
    ]
    assert upcoming(utc("2025-12-26T09:00"), 0, POLICY) == []


@settings(max_examples=25, deadline=None)
@given(
    st.datetimes(dt.datetime(2021, 1, 1), dt.datetime(2034, 1, 1), timezones=st.just(dt.UTC)),
    st.integers(1, 120),
    st.integers(0, 120),
    st.sampled_from([POLICY, MOVED]),
)
@example(utc("2025-10-20"), 40, 30, MOVED)  # its pre-read is due two months before the review, deep in the quarter before
def test_upcoming_is_the_calendar_cut_to_a_span(as_of: dt.datetime, days: int, more: int, policy: CalendarPolicy) -> None:
    end = as_of + dt.timedelta(days=days)
    quarters = quarters_between(quarter_of(as_of), quarter_of(end))
    whole = [event for quarter in quarters for event in governance_calendar(quarter, policy)]
    assert upcoming(as_of, days, policy) == [event for event in whole if as_of <= event.due_at < end]
    assert upcoming(as_of, days + more, policy) == upcoming(as_of, days, policy) + upcoming(end, more, policy)


def test_upcoming_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        upcoming(dt.datetime(2025, 1, 1), 7, POLICY)


def test_a_day_of_the_week_is_named_as_everywhere() -> None:
    assert list(WEEKDAYS) == [dt.date(2024, 1, day).strftime("%A").lower() for day in range(1, 8)]


@pytest.mark.parametrize(
    ("id", "present", "expected"),
    [
        ("repository_sync", "2025-10-09T09:00", "repository_sync/2025-09-29"),  # three days late is not more than three
        ("repository_sync", "2025-10-09T09:00:00.000001", "repository_sync/2025-10-06"),
        ("repository_sync", "2025-10-10T09:00", "repository_sync/2025-10-06"),
        ("plan_update", "2025-10-10T16:00", "plan_update/2025-09-26"),
        ("plan_update", "2025-10-10T16:01", "plan_update/2025-10-03"),
        ("issue_review", "2025-10-15T10:00", "issue_review/2025-09-15"),
        ("issue_review", "2025-10-15T10:01", "issue_review/2025-10-01"),
        ("assessment", "2025-10-10T23:59", "assessment/2025-Q2"),  # due on Friday, 26 September
        ("assessment", "2025-10-11T00:00", "assessment/2025-Q3"),
    ],
)
def test_the_newest_event_that_is_overdue(id: str, present: str, expected: str) -> None:
    (schedule,) = [one for one in schedules(POLICY) if one.id == id]
    event = last_overdue(schedule, utc(present))
    assert event is not None
    assert event.id == expected


def test_what_is_never_escalated_is_never_overdue() -> None:
    assert [one.id for one in schedules(POLICY) if last_overdue(one, utc("2025-12-01"))] == [
        "repository_sync",
        "plan_update",
        "issue_review",
        "assessment",
    ]


def test_every_activity_and_reminder_of_the_policy_is_in_the_calendar() -> None:
    alerts, known = AlertsPolicy(), {one.id: one for one in schedules(POLICY)}
    assert all(known[missed.activity].overdue_at is not None for missed in alerts.missed)
    assert {known[id].kind for id in alerts.reminders} == {"reminder"}


def test_reminders_are_those_asked_for_in_a_span_open_at_its_start() -> None:
    ids = AlertsPolicy().reminders

    def told(after: str, until: str) -> list[str]:
        return [event.id for event in reminders(utc(after), utc(until), ids, POLICY)]

    assert told("2025-10-10T14:59", "2025-10-10T15:00") == ["plan_update_reminder/2025-10-10"]
    assert told("2025-10-10T15:00", "2025-10-11T07:59") == []
    assert told("2025-09-25T15:00", "2025-10-02T00:00") == [
        "assessment_day_reminder/2025-Q3",
        "plan_update_reminder/2025-09-26",
        "quarter_close_reminder/2025-Q3",
        "issue_review_reminder/2025-09-30",
        "preread_reminder/2025-Q4",
    ]
    assert told("2025-10-02T00:00", "2025-10-12T00:00") == [
        "sweep_reminder/2025-Q4",
        "plan_update_reminder/2025-10-03",
        "product_sync_reminder/2025-Q4",
        "plan_update_reminder/2025-10-10",
        "post_review_reminder/2025-Q4",
    ]
    assert told("2025-09-04T00:00", "2025-09-15T00:00") == [
        "assessment_reminder/2025-Q3",
        "plan_update_reminder/2025-09-05",
        "plan_update_reminder/2025-09-12",
        "issue_review_reminder/2025-09-14",
    ]
