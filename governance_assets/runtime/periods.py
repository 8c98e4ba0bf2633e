"""Weeks, half-months and quarters, and business days.

Belongs here: which period holds a day, its first and last day, its neighbours, whether it has ended. Does not belong
here: what is due in a period (``runtime/due_dates.py``). Days and instants are handed in; instants are UTC.

A week is named by its Monday and owned by the month and quarter that hold its Thursday, as ISO 8601 has it. A quarter is
a calendar quarter, written ``2025-Q4``. A half-month is [1st, 15th) or [15th, 1st), named by its first day.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from governance_assets.contract import WHOLE

WEEK_CRON = "0 0 * * 1"
HALF_MONTH_CRON = "0 0 1,15 * *"
QUARTER_CRON = "0 0 1 1,4,7,10 *"

DAY = dt.timedelta(days=1)
WEEK = dt.timedelta(weeks=1)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
THURSDAY, FRIDAY = WEEKDAYS.index("thursday"), WEEKDAYS.index("friday")


# Days and business days


def days_to_monday(weekday: int) -> int:
    """Days from the first day of a week, Monday being 0, to the Monday of the calendar week that most of its days lie in.

    >>> days_to_monday(3), days_to_monday(4)
    (-3, 3)
    """
    return -weekday if weekday <= THURSDAY else len(WEEKDAYS) - weekday


def utc_day(moment: dt.date) -> dt.date:
    """The UTC day of an instant; a plain date is returned as it is. Raises ValueError for an instant without time zone."""
    if not isinstance(moment, dt.datetime):
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; write it as {moment.isoformat()}Z")
    return moment.astimezone(dt.UTC).date()


def is_business_day(day: dt.date, holidays: Collection[dt.date] = ()) -> bool:
    """Whether ``day`` is a Monday to Friday and no holiday."""
    return day.weekday() <= FRIDAY and day not in holidays


def add_business_days(day: dt.date, count: int, holidays: Collection[dt.date] = ()) -> dt.date:
    """The ``count``-th business day after ``day``, or before it when ``count`` is negative; ``day`` itself for 0.

    >>> add_business_days(dt.date(2025, 10, 8), 5)
    datetime.date(2025, 10, 15)
    """
    step = DAY if count > 0 else -DAY
    for _ in range(abs(count)):
        day += step
        while not is_business_day(day, holidays):
            day += step
    return day


def business_days_between(first: dt.date, last: dt.date, holidays: Collection[dt.date] = ()) -> int:
    """Business days after ``first`` up to and including ``last``; negative when ``last`` is earlier."""
    if last < first:
        return -business_days_between(last, first, holidays)
    days = (last - first).days
    return sum(is_business_day(first + number * DAY, holidays) for number in range(1, days + 1))


def add_business_time(moment: dt.datetime, span: dt.timedelta, holidays: Collection[dt.date] = ()) -> dt.datetime:
    """The first instant at which ``span`` of business days has passed since ``moment``; a business day has all of its 24 hours.

    >>> print(add_business_time(dt.datetime(2025, 10, 10, 18, tzinfo=dt.UTC), dt.timedelta(hours=24)))
    2025-10-13 18:00:00+00:00
    """
    here = moment.astimezone(dt.UTC)
    while True:
        midnight = dt.datetime.combine(here.date() + DAY, dt.time(), dt.UTC)
        if is_business_day(here.date(), holidays):
            if here + span <= midnight:
                return here + span
            span -= midnight - here
        here = midnight


# Weeks: named by their Monday, and owned by the period that holds their Thursday (ISO 8601)


def week_of(day: dt.date) -> dt.date:
    """The Monday of the week of ``day``."""
    day = utc_day(day)
    return day - day.weekday() * DAY


def week_from_key(key: str) -> dt.date:
    """The week with the partition key ``key``, its Monday in ISO form. Raises ValueError for anything else."""
    # Python also reads 20251103 and 2025-W45; a partition has one key only.
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", key):
        raise ValueError(f"{key!r} is no week; write its Monday as 2025-11-03")
    try:
        day = dt.date.fromisoformat(key)
    except ValueError as error:
        raise ValueError(f"{key!r} is no week ({error}); write its Monday as 2025-11-03") from None
    return _checked_week(day)


def previous_week(week: dt.date) -> dt.date:
    """The week before ``week``."""
    return _checked_week(week) - WEEK


def next_week(week: dt.date) -> dt.date:
    """The week after ``week``."""
    return _checked_week(week) + WEEK


def open_week(as_of: dt.datetime) -> dt.date:
    """The week that is running at ``as_of``."""
    return week_of(as_of)


def last_closed_week(as_of: dt.datetime) -> dt.date:
    """The newest week that has ended at ``as_of``."""
    return previous_week(open_week(as_of))


def weeks_between(first: dt.date, last: dt.date) -> tuple[dt.date, ...]:
    """The weeks from the one of ``first`` to the one of ``last``, both included."""
    start = week_of(first)
    return tuple(start + number * WEEK for number in range((week_of(last) - start).days // WEEK.days + 1))


def quarter_of_week(week: dt.date) -> str:
    """The quarter that owns ``week``.

    >>> quarter_of_week(dt.date(2025, 12, 29))
    '2026-Q1'
    """
    return quarter_of(_thursday(week))


def month_of_week(week: dt.date) -> str:
    """The month that owns ``week``, as ``2025-11``."""
    return f"{_thursday(week):%Y-%m}"


def half_month_of_week(week: dt.date) -> dt.date:
    """The half-month that owns ``week``."""
    return half_month_of(_thursday(week))


def _thursday(week: dt.date) -> dt.date:
    return _checked_week(week) + THURSDAY * DAY


def _checked_week(week: dt.date) -> dt.date:
    if week.weekday():
        raise ValueError(f"{week} is a {WEEKDAYS[week.weekday()].title()}; a week is named by its Monday, {week_of(week)}")
    return week


# Half-months: [1st, 15th) and [15th, 1st), named by their first day


def half_month_of(day: dt.date) -> dt.date:
    """First day of the half-month of ``day``."""
    day = utc_day(day)
    return day.replace(day=15 if day.day >= 15 else 1)


def next_half_month(start: dt.date) -> dt.date:
    """The half-month after the one that starts on ``start``: the first day no longer in it, and the day of its review."""
    return half_month_of(half_month_of(start) + 17 * DAY)


# Quarters: calendar quarters, written 2025-Q4


def quarter_of(day: dt.date) -> str:
    """The calendar quarter of ``day``."""
    day = utc_day(day)
    return f"{day.year:04}-Q{(day.month + 2) // 3}"


def quarter_start(quarter: str) -> dt.date:
    """First day of ``quarter``. Raises ValueError unless it is written as ``2025-Q4``."""
    match = re.fullmatch(r"([0-9]{4})-Q([1-4])", quarter)
    if match is None or int(match[1]) < dt.MINYEAR:
        raise ValueError(f"{quarter!r} is no quarter; write it as 2025-Q4")
    return dt.date(int(match[1]), 3 * int(match[2]) - 2, 1)


def quarter_end(quarter: str) -> dt.date:
    """First day no longer in ``quarter``."""
    start = quarter_start(quarter)
    return dt.date(start.year + start.month // 10, (start.month + 3) % 12, 1)


def next_quarter(quarter: str) -> str:
    """The quarter after ``quarter``."""
    return quarter_of(quarter_end(quarter))


def previous_quarter(quarter: str) -> str:
    """The quarter before ``quarter``."""
    return quarter_of(quarter_start(quarter) - DAY)


def quarters_between(first: str, last: str) -> tuple[str, ...]:
    """The quarters from ``first`` to ``last``, both included."""
    found = []
    while first <= last:
        found.append(first)
        first = next_quarter(first)
    return tuple(found)


def weeks_of_quarter(quarter: str) -> tuple[dt.date, ...]:
    """The weeks ``quarter`` owns: 12 (a first quarter of a common year that begins on a Friday), 13 or 14."""
    return tuple(week for week in weeks_between(quarter_start(quarter), quarter_end(quarter) - DAY) if quarter_of_week(week) == quarter)


def open_quarter(as_of: dt.datetime) -> str:
    """The quarter that is running at ``as_of``."""
    return quarter_of(as_of)


def quarter_closes(quarter: str) -> dt.date:
    """The day from which ``quarter`` and every week it owns have ended: its last week may run up to three days beyond it."""
    return max(quarter_end(quarter), next_week(weeks_of_quarter(quarter)[-1]))


def is_quarter_closed(quarter: str, as_of: dt.datetime) -> bool:
    """Whether ``quarter`` and every week it owns have ended."""
    return utc_day(as_of) >= quarter_closes(quarter)


def last_closed_quarter(as_of: dt.datetime) -> str:
    """The newest quarter that is closed at ``as_of``."""
    quarter = previous_quarter(open_quarter(as_of))
    return quarter if is_quarter_closed(quarter, as_of) else previous_quarter(quarter)


# Partitions of any grain, by their keys: ``2025-11-03`` (a week), ``2025-11-01`` (a half-month), ``2025-Q4``

PERIODIC = ("week", "half_month", "quarter")
"""The grains that have periods, from fine to coarse."""
GRAIN_WORDS = {"none": "whole", "week": "week", "half_month": "half-month", "quarter": "quarter"}
"""What a person calls a partition of each grain."""


@dataclass(frozen=True)
class Period:
    """A partition with its exact instants: the first one in it and the first one after it."""

    key: str
    start: dt.datetime
    end: dt.datetime


def period(grain: str, key: str) -> Period:
    """The partition ``key`` of a grain that has periods.

    >>> print(period("quarter", "2025-Q4").end)
    2026-01-01 00:00:00+00:00
    """
    start = first_day(grain, key)
    return Period(key, _midnight(start), _midnight(_after(grain, start)))


def first_day(grain: str, key: str) -> dt.date:
    """First day of the partition ``key``. Raises ValueError for a key that its grain does not have."""
    if grain == "quarter":
        return quarter_start(key)
    if grain == "week":
        return week_from_key(key)
    day = dt.date.fromisoformat(key)
    if day != half_month_of(day) or day.isoformat() != key:
        raise ValueError(f"{key!r} is no half-month; write its first day as 2025-11-01 or 2025-11-15")
    return day


def period_of(grain: str, day: dt.date) -> str:
    """The key of the partition that holds ``day``."""
    if grain == "quarter":
        return quarter_of(day)
    return (week_of(day) if grain == "week" else half_month_of(day)).isoformat()


def next_period(grain: str, key: str) -> str:
    """The key after ``key``."""
    return period_of(grain, _after(grain, first_day(grain, key)))


def previous_period(grain: str, key: str) -> str:
    """The key before ``key``."""
    return period_of(grain, first_day(grain, key) - DAY)


def periods_between(grain: str, first: str, last: str) -> Iterator[str]:
    """The keys from ``first`` to ``last``, both included."""
    while first <= last:
        yield first
        first = next_period(grain, first)


def owner(source: str, key: str, grain: str) -> str:
    """The partition of ``grain`` that the partition ``key`` of an equal or finer grain belongs to: a week to that of its Thursday.

    >>> owner("week", "2025-12-29", "quarter"), owner("week", "2025-12-29", "half_month"), owner("half_month", "2025-12-15", "quarter")
    ('2026-Q1', '2026-01-01', '2025-Q4')
    """
    if grain == "none":
        return WHOLE
    if source == grain:
        return key
    if is_finer(grain, source):
        raise ValueError(f"a {GRAIN_WORDS[source]} belongs to no {GRAIN_WORDS[grain]}")
    first = first_day(source, key)
    return period_of(grain, _thursday(first) if source == "week" else first)


def overlapping(week: str, grain: str) -> Sequence[str]:
    """The partitions of ``grain`` that have a day of ``week``, in order: one or two."""
    if grain == "none":
        return (WHOLE,)
    first = dt.date.fromisoformat(week)
    return sorted({period_of(grain, first), period_of(grain, first + WEEK - DAY)})


def is_finer(grain: str, other: str) -> bool:
    """Whether ``grain`` has the shorter periods; an artifact without partitions is the coarsest."""
    return grain != "none" and (other == "none" or PERIODIC.index(grain) < PERIODIC.index(other))


def partition_end(grain: str, key: str) -> dt.datetime | None:
    """First instant after the partition ``key``; None for an artifact without partitions, which never closes."""
    if grain == "none" or key == WHOLE:
        return None
    return _midnight(_after(grain, quarter_start(key) if grain == "quarter" else dt.date.fromisoformat(key)))


def partition_closes(grain: str, key: str) -> dt.datetime | None:
    """The instant from which the partition ``key`` is closed: its end, or for a quarter the end of its last week if that is later."""
    return _midnight(quarter_closes(key)) if grain == "quarter" and key != WHOLE else partition_end(grain, key)


def last_closed(grain: str, as_of: dt.datetime) -> str:
    """The key of the newest partition that is closed at ``as_of``."""
    key = period_of(grain, utc_day(as_of))
    while (closes := partition_closes(grain, key)) is not None and as_of < closes:
        key = previous_period(grain, key)
    return key


def _after(grain: str, first: dt.date) -> dt.date:
    if grain == "quarter":
        return quarter_end(quarter_of(first))
    return next_week(first) if grain == "week" else next_half_month(first)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
