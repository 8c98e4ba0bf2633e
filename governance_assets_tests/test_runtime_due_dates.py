"""Date rules: the acceptance dates of the definitions, and every quarter of 2020 to 2035 by another definition."""

from __future__ import annotations

import calendar as months
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance_assets.policy import CalendarPolicy, policy_from
from governance_assets.policy.alerts import EscalationStep
from governance_assets.runtime import due_dates
from governance_assets.runtime.periods import WEEKDAYS, half_month_of, quarter_of

POLICY = CalendarPolicy()
QUARTERS = [f"{year}-Q{number}" for year in range(2020, 2036) for number in range(1, 5)]
instants = st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2035, 12, 31), timezones=st.just(dt.UTC))


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def days_of(quarter: str) -> list[dt.date]:
    year, number = int(quarter[:4]), int(quarter[-1])
    return [
        dt.date(year, month, number_of_day)
        for month in range(3 * number - 2, 3 * number + 1)
        for number_of_day in range(1, months.monthrange(year, month)[1] + 1)
    ]


# The review


def test_the_review_of_the_fourth_quarter_of_2025() -> None:
    week = due_dates.review_week("2025-Q4", POLICY)
    assert (week.start, week.end, week.kickoff) == (day("2025-10-06"), day("2025-10-10"), utc("2025-10-08T18:00"))
    assert due_dates.preread_due(week.kickoff, POLICY) == utc("2025-10-01T18:00")
    assert due_dates.sweep_due(week.kickoff, POLICY) == utc("2025-10-03T18:00")
    assert due_dates.product_sync_due(week.kickoff, POLICY) == utc("2025-10-05T18:00")
    assert due_dates.sweep_days(week.kickoff, POLICY) == (day("2025-10-01"), day("2025-10-03"), day("2025-10-05"))
    assert due_dates.oldest_telemetry(week.kickoff, POLICY) == utc("2025-09-28T18:00")
    assert due_dates.post_review_due(week.kickoff, POLICY) == utc("2025-10-11T23:59")
    assert due_dates.quarter_close("2025-Q4", POLICY) == utc("2025-12-31T18:00")
    assert due_dates.next_review_at("2025-Q4", POLICY) == utc("2026-01-07T18:00")


def test_the_recorded_kickoff_four_weeks_late_is_outside_its_week() -> None:
    week = due_dates.review_week("2025-Q4", POLICY)
    assert not week.holds(utc("2025-11-05T18:00"))
    assert week.holds(utc("2025-10-06T00:00"))
    assert week.holds(utc("2025-10-10T23:59:59"))
    assert not week.holds(utc("2025-10-11T00:00"))
    assert not week.holds(utc("2025-10-05T23:59:59"))


@pytest.mark.parametrize("quarter", QUARTERS)
def test_the_review_week_is_the_first_one_wholly_inside(quarter: str) -> None:
    inside = set(days_of(quarter))
    full = [
        monday
        for monday in sorted(inside)
        if monday.strftime("%a") == "Mon" and all(monday + dt.timedelta(days=n) in inside for n in range(5))
    ]
    week = due_dates.review_week(quarter, POLICY)
    assert (week.start, week.end) == (full[0], full[0] + dt.timedelta(days=4))
    assert week.kickoff == dt.datetime.combine(full[0] + dt.timedelta(days=2), dt.time(18), dt.UTC)
    assert week.holds(due_dates.kickoff(quarter, POLICY))


@pytest.mark.parametrize("weekday", WEEKDAYS[:5])
@pytest.mark.parametrize("quarter", QUARTERS[::7])
def test_any_workday_of_the_kickoff_lies_in_the_review_week(quarter: str, weekday: str) -> None:
    policy = policy_from({"calendar": {"kickoff_weekday": weekday, "kickoff_time": "23:59"}}).calendar
    begins = due_dates.kickoff(quarter, policy)
    assert begins.strftime("%A").lower() == weekday
    assert due_dates.review_week(quarter, policy).holds(begins)


@pytest.mark.parametrize(
    ("missed", "latest"),
    [
        ("2025-10-08T18:00", "2025-10-15T23:59"),  # Wednesday to Wednesday
        ("2025-10-10T18:00", "2025-10-17T23:59"),  # Friday to Friday
        ("2025-10-11T18:00", "2025-10-17T23:59"),  # a Saturday counts from Monday
        ("2025-12-24T18:00", "2025-12-31T23:59"),
    ],
)
def test_a_missed_review_is_rebooked_within_five_business_days(missed: str, latest: str) -> None:
    assert due_dates.rebook_deadline(utc(missed), POLICY) == utc(latest)


def test_a_holiday_moves_the_rebooking() -> None:
    policy = policy_from({"calendar": {"holidays": ["2025-12-25", "2025-12-26"]}}).calendar
    assert due_dates.rebook_deadline(utc("2025-12-24T18:00"), policy) == utc("2026-01-02T23:59")


@given(instants)
def test_deadlines_of_a_review_descend_towards_it(begins: dt.datetime) -> None:
    assert (
        due_dates.oldest_telemetry(begins, POLICY)
        < due_dates.preread_due(begins, POLICY)
        < due_dates.sweep_due(begins, POLICY)
        < due_dates.product_sync_due(begins, POLICY)
        < begins
        < due_dates.post_review_due(begins, POLICY)
        < due_dates.rebook_deadline(begins, POLICY)
    )


@pytest.mark.parametrize("quarter", QUARTERS)
def test_sweep_days_are_seven_five_and_three_days_before_the_kickoff(quarter: str) -> None:
    held = due_dates.kickoff(quarter, POLICY).date()
    expected = [held - dt.timedelta(days=before) for before in (7, 5, 3)]
    near = [held + dt.timedelta(days=n) for n in range(-40, 20)]
    assert [date for date in near if due_dates.is_sweep_day(date, POLICY)] == expected


def test_a_repeated_tick_day_is_one_sweep() -> None:
    policy = policy_from({"calendar": {"sweep_tick_days": [3, 7, 7]}}).calendar
    assert due_dates.sweep_days(utc("2025-10-08T18:00"), policy) == (day("2025-10-01"), day("2025-10-05"))


@pytest.mark.parametrize("quarter", QUARTERS)
def test_the_quarter_is_closed_on_its_last_day(quarter: str) -> None:
    assert due_dates.quarter_close(quarter, POLICY) == dt.datetime.combine(days_of(quarter)[-1], dt.time(18), dt.UTC)


# The assessment


@pytest.mark.parametrize(
    ("quarter", "reminder", "start", "presented", "overdue"),
    [
        ("2025-Q1", "2025-03-07", "2025-03-10", "2025-03-28", "2025-04-11"),
        ("2025-Q2", "2025-06-06", "2025-06-09", "2025-06-27", "2025-07-11"),
        ("2025-Q3", "2025-09-05", "2025-09-08", "2025-09-26", "2025-10-10"),
        ("2025-Q4", "2025-12-05", "2025-12-08", "2025-12-26", "2026-01-09"),
    ],
)
def test_the_assessments_of_2025(quarter: str, reminder: str, start: str, presented: str, overdue: str) -> None:
    assert due_dates.last_friday(quarter) == day(presented)
    assert due_dates.assessment_reminder_day(quarter, POLICY) == day(reminder)
    assert due_dates.assessment_start(quarter, POLICY) == day(start)
    assert due_dates.assessment_overdue_day(quarter, POLICY) == day(overdue)


@pytest.mark.parametrize("quarter", QUARTERS)
def test_the_assessment_by_another_definition(quarter: str) -> None:
    year, month = int(quarter[:4]), 3 * int(quarter[-1])
    presented = dt.date(year, month, max(week[months.FRIDAY] for week in months.monthcalendar(year, month)))
    assert due_dates.last_friday(quarter) == presented
    assert due_dates.assessment_start(quarter, POLICY) == presented - dt.timedelta(days=18)
    assert due_dates.assessment_start(quarter, POLICY).strftime("%A") == "Monday"
    assert due_dates.assessment_reminder_day(quarter, POLICY) < due_dates.assessment_start(quarter, POLICY)
    assert quarter_of(due_dates.assessment_reminder_day(quarter, POLICY)) == quarter
    stages = due_dates.assessment_stages(quarter, POLICY)
    assert [name for name, _, _ in stages] == ["collection", "analysis", "deliverables"]
    assert all((friday - monday).days == 4 for _, monday, friday in stages)
    assert [(after[1] - before[1]).days for before, after in zip(stages, stages[1:], strict=False)] == [7, 7]
    assert stages[-1][2] == presented


# The issue review


@pytest.mark.parametrize(
    ("review", "start"),
    [("2025-11-01", "2025-10-15"), ("2025-11-15", "2025-11-01"), ("2026-01-01", "2025-12-15"), ("2024-03-01", "2024-02-15")],
)
def test_what_an_issue_review_covers(review: str, start: str) -> None:
    assert due_dates.issue_window(day(review)) == (day(start), day(review))


def test_a_review_on_another_day_is_refused() -> None:
    with pytest.raises(ValueError, match="2025-11-14 is neither a 1st nor a 15th"):
        due_dates.issue_window(day("2025-11-14"))


@given(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2199, 1, 1)))
def test_every_instant_is_in_exactly_one_issue_window(instant: dt.datetime) -> None:
    this = half_month_of(instant.date())
    near = [this + dt.timedelta(days=n) for n in range(-40, 41)]
    windows = [due_dates.issue_window(date) for date in near if date.day in (1, 15)]
    midnight = dt.time()
    holding = [
        (start, end) for start, end in windows if dt.datetime.combine(start, midnight) <= instant < dt.datetime.combine(end, midnight)
    ]
    assert len(holding) == 1
    assert [before[1] for before in windows[:-1]] == [after[0] for after in windows[1:]]


def test_a_missed_issue_review_is_escalated_a_cycle_later() -> None:
    assert due_dates.issue_review_overdue_at(day("2025-11-01"), POLICY) == utc("2025-11-15T10:00")
    assert due_dates.issue_review_overdue_at(day("2025-11-15"), POLICY) == utc("2025-12-01T10:00")
    patient = policy_from({"calendar": {"issue_review_overdue_cycles": 3}}).calendar
    assert due_dates.issue_review_overdue_at(day("2025-11-15"), patient) == utc("2026-01-01T10:00")


# The sprint and the programme


def test_the_sprint_counts_from_the_day_its_plan_was_prepared() -> None:
    assert due_dates.sprint_milestones(POLICY) == {"M0.1": day("2025-10-21"), "M0.2": day("2025-10-22"), "M0.3": day("2025-10-23")}
    assert due_dates.sprint_windows(POLICY) == {
        "design": (day("2025-10-20"), day("2025-10-21")),
        "implementation": (day("2025-10-21"), day("2025-10-24")),
        "qa": (day("2025-10-24"), day("2025-10-25")),
    }


@given(st.dates(dt.date(2000, 1, 1), dt.date(2100, 1, 1)))
def test_phases_follow_one_another_for_twenty_five_weeks(start: dt.date) -> None:
    phases = list(due_dates.phase_windows(start, POLICY).items())
    assert [name for name, _ in phases] == ["P0", "P1", "P2", "P3", "P4", "P5", "P6"]
    assert [(last - first).days + 1 for _, (first, last) in phases] == [14, 7, 21, 21, 21, 49, 42]
    assert phases[0][1][0] == start
    for (_, (_, ended)), (_, (began, _)) in zip(phases, phases[1:], strict=False):
        assert began == ended + dt.timedelta(days=1)


# Escalation


def test_a_step_falls_due_after_calendar_hours_or_after_business_hours() -> None:
    opened, off = utc("2025-10-10T18:00"), policy_from({"calendar": {"holidays": ["2025-10-13"]}}).calendar
    step = EscalationStep(priority="P0", after_hours=24, role="director", action="decide")
    business = step.model_copy(update={"is_business_time": True})
    assert due_dates.escalation_due(opened, step, off) == utc("2025-10-11T18:00")
    assert due_dates.escalation_due(opened, business, POLICY) == utc("2025-10-13T18:00")
    assert due_dates.escalation_due(opened, business, off) == utc("2025-10-14T18:00")
