"""When things are due: the review, the assessment, the sprint and the programme.

Belongs here: date rules as functions of a period or an instant handed in and of the policy. Does not belong here: the
numbers of a rule (``policy/``), periods as such (``runtime/periods.py``) or the list of all events (``runtime/calendar.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from governance_assets.policy import CalendarPolicy
from governance_assets.policy.alerts import EscalationStep
from governance_assets.runtime.periods import (
    DAY,
    FRIDAY,
    WEEK,
    WEEKDAYS,
    add_business_days,
    add_business_time,
    half_month_of,
    next_half_month,
    next_quarter,
    quarter_end,
    quarter_of,
    quarter_start,
    utc_day,
    week_of,
)


def at(day: dt.date, time: str) -> dt.datetime:
    """The instant of ``day`` at ``time``, such as ``18:00``, UTC."""
    return dt.datetime.combine(day, dt.time.fromisoformat(time), tzinfo=dt.UTC)


# The quarterly review (A01 to A41)


@dataclass(frozen=True)
class ReviewWeek:
    """The first full week of a quarter: its Monday, its Friday, and when the review is to begin."""

    start: dt.date
    end: dt.date
    kickoff: dt.datetime

    def holds(self, instant: dt.datetime) -> bool:
        """Whether a review that began at ``instant`` was held in this week."""
        return self.start <= utc_day(instant) <= self.end


def review_week(quarter: str, policy: CalendarPolicy) -> ReviewWeek:
    """The first Monday to Friday wholly inside ``quarter``.

    >>> print(review_week("2025-Q4", CalendarPolicy()).kickoff)
    2025-10-08 18:00:00+00:00
    """
    first = quarter_start(quarter)
    monday = week_of(first + 6 * DAY)
    held = monday + WEEKDAYS.index(policy.kickoff_weekday) * DAY
    return ReviewWeek(monday, monday + FRIDAY * DAY, at(held, policy.kickoff_time))


def kickoff(quarter: str, policy: CalendarPolicy) -> dt.datetime:
    """When the review of ``quarter`` is to begin."""
    return review_week(quarter, policy).kickoff


def next_review_at(quarter: str, policy: CalendarPolicy) -> dt.datetime:
    """When the review after that of ``quarter`` is to begin (A41)."""
    return kickoff(next_quarter(quarter), policy)


def rebook_deadline(missed: dt.datetime, policy: CalendarPolicy) -> dt.datetime:
    """The last instant to which a kickoff missed at ``missed`` may be moved (A05)."""
    return at(add_business_days(utc_day(missed), policy.rebook_business_days, policy.holidays), policy.day_end)


def preread_due(begins: dt.datetime, policy: CalendarPolicy) -> dt.datetime:
    """When the pre-read of a review that ``begins`` then must be there (A08)."""
    return begins - policy.preread_days * DAY


def sweep_due(begins: dt.datetime, policy: CalendarPolicy) -> dt.datetime:
    """When the telemetry sweep must be done (A10)."""
    return begins - policy.sweep_days * DAY


def sweep_days(begins: dt.datetime, policy: CalendarPolicy) -> tuple[dt.date, ...]:
    """The days on which the sweep is run, ascending (A11)."""
    return tuple(utc_day(begins) - days * DAY for days in sorted(set(policy.sweep_tick_days), reverse=True))


def is_sweep_day(day: dt.date, policy: CalendarPolicy) -> bool:
    """Whether the sweep of any review is run on ``day``, which may lie in the quarter before it."""
    here = quarter_of(day)
    return any(day in sweep_days(kickoff(quarter, policy), policy) for quarter in (here, next_quarter(here)))


def review_of(day: dt.date, is_day: Callable[[str], dt.date]) -> str | None:
    """The quarter whose review has ``day`` as the date ``is_day`` gives; dates of a review may lie in the quarter before it."""
    here = quarter_of(day)
    return next((quarter for quarter in (here, next_quarter(here)) if is_day(quarter) == day), None)


def oldest_telemetry(begins: dt.datetime, policy: CalendarPolicy) -> dt.datetime:
    """The oldest critic result that still counts as fresh at the review (A12)."""
    return begins - policy.telemetry_max_age_days * DAY


def product_sync_due(begins: dt.datetime, policy: CalendarPolicy) -> dt.datetime:
    """When claims and model state must have been compared (A13)."""
    return begins - policy.product_sync_days * DAY


def post_review_due(held: dt.datetime, policy: CalendarPolicy) -> dt.datetime:
    """When issues must be open and the roadmap updated after a review ``held`` then (A16)."""
    return at(utc_day(held) + policy.post_review_days * DAY, policy.day_end)


def quarter_close(quarter: str, policy: CalendarPolicy) -> dt.datetime:
    """When the quarter is closed: its last day (A17)."""
    return at(quarter_end(quarter) - DAY, policy.quarter_close_time)


# The 360 assessment (C38 to C40, C74)


def last_friday(quarter: str) -> dt.date:
    """The last Friday of the quarter, the day the assessment is presented.

    >>> last_friday("2025-Q4")
    datetime.date(2025, 12, 26)
    """
    last = quarter_end(quarter) - DAY
    return last - (last.weekday() - FRIDAY) % 7 * DAY


def assessment_stages(quarter: str, policy: CalendarPolicy) -> tuple[tuple[str, dt.date, dt.date], ...]:
    """Name, Monday and Friday of each work week of the assessment; the last one ends on its day."""
    final = week_of(last_friday(quarter))
    count = len(policy.assessment_stages)
    mondays = [final - (count - 1 - number) * WEEK for number in range(count)]
    return tuple((name, monday, monday + FRIDAY * DAY) for name, monday in zip(policy.assessment_stages, mondays, strict=True))


def assessment_start(quarter: str, policy: CalendarPolicy) -> dt.date:
    """The Monday the assessment starts."""
    return assessment_stages(quarter, policy)[0][1]


def assessment_reminder_day(quarter: str, policy: CalendarPolicy) -> dt.date:
    """The day of the reminder that the assessment is coming."""
    return last_friday(quarter) - policy.assessment_reminder_days * DAY


def assessment_overdue_day(quarter: str, policy: CalendarPolicy) -> dt.date:
    """The last day before a missing assessment is escalated."""
    return last_friday(quarter) + policy.assessment_overdue_days * DAY


# The issue review (C22 to C24, C73)


def issue_window(review: dt.date) -> tuple[dt.date, dt.date]:
    """What an issue review on the 1st or 15th covers: the half-month that ends as ``review`` begins."""
    if review.day not in (1, 15):
        raise ValueError(f"{review} is neither a 1st nor a 15th; issue reviews are held on those days")
    return half_month_of(review - DAY), review


def issue_review_overdue_at(review: dt.date, policy: CalendarPolicy) -> dt.datetime:
    """When a review that was due on ``review`` and never held is escalated: whole cycles later, at the hour of a review."""
    for _ in range(policy.issue_review_overdue_cycles):
        review = next_half_month(review)
    return at(review, policy.issue_review_time)


# Escalation of what stays open (C75 to C78)


def escalation_due(opened: dt.datetime, step: EscalationStep, policy: CalendarPolicy) -> dt.datetime:
    """The last instant at which what was ``opened`` then has not stayed open for longer than ``step`` allows."""
    span = dt.timedelta(hours=step.after_hours)
    return add_business_time(opened, span, policy.holidays) if step.is_business_time else opened + span


# The sprint (B01 to B04, B27) and the programme (D62)


def sprint_milestones(policy: CalendarPolicy) -> dict[str, dt.date]:
    """The day each milestone of the sprint is due."""
    return {milestone.name: policy.sprint_start + milestone.day * DAY for milestone in policy.sprint_milestones}


def sprint_windows(policy: CalendarPolicy) -> dict[str, tuple[dt.date, dt.date]]:
    """First and last day of each window of the sprint."""
    start = policy.sprint_start
    return {window.name: (start + window.first_day * DAY, start + window.last_day * DAY) for window in policy.sprint_windows}


def phase_windows(start: dt.date, policy: CalendarPolicy) -> dict[str, tuple[dt.date, dt.date]]:
    """First and last day of each phase of a programme whose week 0 begins on ``start``."""
    return {phase.name: (start + phase.first_week * WEEK, start + (phase.last_week + 1) * WEEK - DAY) for phase in policy.phases}
