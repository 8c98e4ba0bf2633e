"""Weeks, half-months, quarters and business days, held against definitions written another way."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from dagster._utils.schedules import cron_string_iterator
from hypothesis import given
from hypothesis import strategies as st

from governance_assets.runtime import periods

FIRST, LAST = dt.date(2020, 1, 1), dt.date(2035, 12, 31)
DAYS = [FIRST + dt.timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
WEEKS = [day for day in DAYS if day.isoweekday() == 1]
QUARTERS = [f"{year}-Q{number}" for year in range(2020, 2036) for number in range(1, 5)]

days = st.dates(dt.date(1900, 1, 1), dt.date(2199, 12, 31))
instants = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2199, 12, 31), timezones=st.just(dt.UTC))
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
holidays = st.lists(st.dates(dt.date(2025, 1, 1), dt.date(2025, 12, 31)), max_size=20).map(frozenset)


def month_quarter(day: dt.date) -> str:
    return f"{day.year}-Q{ {1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 2, 7: 3, 8: 3, 9: 3}.get(day.month, 4) }"


# Days and business days


def test_an_instant_belongs_to_its_utc_day() -> None:
    east = dt.timezone(dt.timedelta(hours=9))
    assert periods.utc_day(dt.datetime(2025, 10, 6, 8, 59, tzinfo=east)) == dt.date(2025, 10, 5)
    assert periods.utc_day(dt.datetime(2025, 10, 6, 9, 0, tzinfo=east)) == dt.date(2025, 10, 6)
    assert periods.utc_day(dt.date(2025, 10, 6)) == dt.date(2025, 10, 6)


def test_an_instant_without_time_zone_is_refused() -> None:
    for function in (periods.utc_day, periods.week_of, periods.quarter_of, periods.half_month_of, periods.open_week):
        with pytest.raises(ValueError, match="has no time zone; write it as 2025-10-06T00:00:00Z"):
            function(dt.datetime(2025, 10, 6))


@given(instants, zones)
def test_every_zone_tells_the_same_period(instant: dt.datetime, zone: dt.timezone) -> None:
    moved = instant.astimezone(zone)
    assert periods.week_of(moved) == periods.week_of(instant.date())
    assert periods.quarter_of(moved) == periods.quarter_of(instant.date())
    assert periods.half_month_of(moved) == periods.half_month_of(instant.date())


@given(st.dates(dt.date(2025, 1, 1), dt.date(2025, 12, 31)), st.integers(1, 30), holidays)
def test_business_days_agree_with_numpy(day: dt.date, count: int, off: frozenset[dt.date]) -> None:
    names = [holiday.isoformat() for holiday in off]
    later = np.busday_offset(day.isoformat(), count, roll="backward", holidays=names).astype(object)
    earlier = np.busday_offset(day.isoformat(), -count, roll="forward", holidays=names).astype(object)
    assert periods.add_business_days(day, count, off) == later
    assert periods.add_business_days(day, -count, off) == earlier
    assert periods.is_business_day(day, off) == bool(np.is_busday(day.isoformat(), holidays=names))


@given(st.dates(dt.date(2025, 1, 1), dt.date(2025, 12, 31)), st.integers(-40, 400), holidays)
def test_business_days_between_agrees_with_numpy(first: dt.date, length: int, off: frozenset[dt.date]) -> None:
    last = first + dt.timedelta(days=length)
    low, high = min(first, last) + periods.DAY, max(first, last) + periods.DAY
    counted = int(np.busday_count(low.isoformat(), high.isoformat(), holidays=[day.isoformat() for day in off]))
    assert periods.business_days_between(first, last, off) == (counted if last >= first else -counted)


@given(days, st.integers(0, 60))
def test_counting_business_days_undoes_adding_them(day: dt.date, count: int) -> None:
    assert periods.business_days_between(day, periods.add_business_days(day, count)) == count


def test_no_business_day_added_is_the_day_itself() -> None:
    assert periods.add_business_days(dt.date(2025, 10, 11), 0) == dt.date(2025, 10, 11)


BEFORE_WEEKEND = dt.datetime(2025, 10, 10, 18, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("start", "hours", "off", "expected"),
    [
        (BEFORE_WEEKEND, 5, (), "2025-10-10T23:00"),
        (BEFORE_WEEKEND, 6, (), "2025-10-11T00:00"),  # the last instant of Friday: nothing of the weekend is used
        (BEFORE_WEEKEND, 7, (), "2025-10-13T01:00"),
        (BEFORE_WEEKEND, 24, (), "2025-10-13T18:00"),
        (BEFORE_WEEKEND, 24, (dt.date(2025, 10, 13),), "2025-10-14T18:00"),
        (dt.datetime(2025, 10, 11, 12, tzinfo=dt.UTC), 1, (), "2025-10-13T01:00"),  # what begins at the weekend begins on Monday
        (dt.datetime(2025, 10, 13, 2, tzinfo=dt.UTC), 1, (dt.date(2025, 10, 13),), "2025-10-14T01:00"),
        (dt.datetime(2025, 10, 6, 9, tzinfo=dt.UTC), 5 * 24, (), "2025-10-13T09:00"),
    ],
)
def test_business_time_stands_still_at_weekends_and_on_holidays(
    start: dt.datetime, hours: float, off: tuple[dt.date, ...], expected: str
) -> None:
    reached = periods.add_business_time(start, dt.timedelta(hours=hours), off)
    assert reached == dt.datetime.fromisoformat(f"{expected}+00:00")


@given(st.datetimes(dt.datetime(2025, 1, 1), dt.datetime(2025, 12, 1), timezones=st.just(dt.UTC)), st.integers(1, 400), holidays)
def test_business_time_is_counted_hour_by_hour(start: dt.datetime, hours: int, off: frozenset[dt.date]) -> None:
    start = start.replace(minute=0, second=0, microsecond=0)
    passed, here = 0, start
    while passed < hours:
        passed += periods.is_business_day(here.date(), off)
        here += dt.timedelta(hours=1)
    assert periods.add_business_time(start, dt.timedelta(hours=hours), off) == here


# Weeks


def test_a_week_begins_on_its_monday() -> None:
    for day in DAYS:
        year, number, _ = day.isocalendar()
        assert periods.week_of(day) == dt.date.fromisocalendar(year, number, 1)


def test_the_cron_string_of_weeks_ticks_on_mondays() -> None:
    assert ticks(periods.WEEK_CRON) == [day for day in DAYS if periods.week_of(day) == day]


@pytest.mark.parametrize("key", ["2025-11-04", "2025-11-09", "2025-W45", "20251103", "2025-11-03\n", "", "2025-02-30", "2025-Q4"])
def test_a_key_that_names_no_monday_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="Monday"):
        periods.week_from_key(key)


def test_a_refused_week_names_the_right_one() -> None:
    with pytest.raises(ValueError, match="2025-11-05 is a Wednesday; a week is named by its Monday, 2025-11-03"):
        periods.quarter_of_week(dt.date(2025, 11, 5))
    assert periods.week_from_key("2025-11-03") == dt.date(2025, 11, 3)


@given(days)
def test_neighbouring_weeks_touch(day: dt.date) -> None:
    week = periods.week_of(day)
    assert week <= day < periods.next_week(week)
    assert periods.previous_week(periods.next_week(week)) == week
    assert periods.week_of(periods.next_week(week) - periods.DAY) == week


@given(instants)
def test_the_last_closed_week_ends_where_the_open_one_begins(as_of: dt.datetime) -> None:
    running = periods.open_week(as_of)
    assert running <= as_of.date() <= running + dt.timedelta(days=6)
    assert periods.next_week(periods.last_closed_week(as_of)) == running


def test_a_week_closes_at_midnight_before_monday() -> None:
    assert periods.last_closed_week(dt.datetime(2025, 11, 9, 23, 59, 59, tzinfo=dt.UTC)) == dt.date(2025, 10, 27)
    assert periods.last_closed_week(dt.datetime(2025, 11, 10, tzinfo=dt.UTC)) == dt.date(2025, 11, 3)


def test_weeks_between_two_days() -> None:
    assert periods.weeks_between(FIRST, LAST) == (dt.date(2019, 12, 30), *WEEKS)
    assert periods.weeks_between(dt.date(2025, 11, 5), dt.date(2025, 11, 5)) == (dt.date(2025, 11, 3),)
    assert periods.weeks_between(dt.date(2025, 11, 5), dt.date(2025, 10, 5)) == ()


def test_a_week_is_owned_by_the_period_with_most_of_its_days() -> None:
    for week in WEEKS:
        inside = [week + dt.timedelta(days=n) for n in range(7)]
        quarters, months = [month_quarter(day) for day in inside], [day.strftime("%Y-%m") for day in inside]
        halves = [dt.date(day.year, day.month, 1 if day.day < 15 else 15) for day in inside]
        assert periods.quarter_of_week(week) == max(set(quarters), key=quarters.count)
        assert periods.month_of_week(week) == max(set(months), key=months.count)
        assert periods.half_month_of_week(week) == max(set(halves), key=halves.count)


@pytest.mark.parametrize(
    ("week", "quarter"),
    [("2025-09-29", "2025-Q4"), ("2025-12-22", "2025-Q4"), ("2025-12-29", "2026-Q1"), ("2026-12-28", "2026-Q4"), ("2027-01-04", "2027-Q1")],
)
def test_weeks_at_the_turn_of_a_quarter(week: str, quarter: str) -> None:
    assert periods.quarter_of_week(periods.week_from_key(week)) == quarter


def test_every_week_is_in_exactly_one_quarter() -> None:
    owned = [week for quarter in ["2019-Q4", *QUARTERS, "2036-Q1"] for week in periods.weeks_of_quarter(quarter)]
    assert owned == sorted(set(owned))
    assert set(WEEKS) <= set(owned)


def test_a_quarter_owns_thirteen_weeks_more_or_less() -> None:
    twelve = {"2021-Q1", "2027-Q1"}  # 90 days that begin on a Friday hold only 12 Thursdays
    counts = {quarter: len(periods.weeks_of_quarter(quarter)) for quarter in QUARTERS}
    assert {quarter for quarter, count in counts.items() if count == 12} == twelve
    assert {count for quarter, count in counts.items() if quarter not in twelve} == {13, 14}
    for year in range(2020, 2036):
        weeks_of_year = dt.date(year, 12, 28).isocalendar().week
        assert sum(counts[f"{year}-Q{number}"] for number in range(1, 5)) == weeks_of_year


@given(days)
def test_weeks_of_a_quarter_are_the_weeks_that_name_it(day: dt.date) -> None:
    week = periods.week_of(day)
    quarter = periods.quarter_of_week(week)
    assert week in periods.weeks_of_quarter(quarter)
    assert week not in periods.weeks_of_quarter(periods.next_quarter(quarter))
    assert week not in periods.weeks_of_quarter(periods.previous_quarter(quarter))


# Half-months


@given(days)
def test_every_day_is_in_exactly_one_half_month(day: dt.date) -> None:
    start = periods.half_month_of(day)
    end = periods.next_half_month(start)
    assert start <= day < end
    assert {start.day, end.day} == {1, 15}
    assert periods.half_month_of(end - periods.DAY) == start
    assert periods.half_month_of(end) == end


def test_half_months_follow_one_another_without_gap() -> None:
    start, seen = FIRST, []
    while start <= LAST:
        seen.append(start)
        start = periods.next_half_month(start)
    assert seen == [day for day in DAYS if day.day in (1, 15)] == ticks(periods.HALF_MONTH_CRON)


# Quarters


def test_quarters_and_their_ends() -> None:
    for day in DAYS:
        quarter = month_quarter(day)
        assert periods.quarter_of(day) == quarter
        assert periods.quarter_start(quarter) <= day < periods.quarter_end(quarter)
    assert [periods.quarter_start(quarter) for quarter in QUARTERS] == ticks(periods.QUARTER_CRON)
    assert [periods.next_quarter(quarter) for quarter in QUARTERS[:-1]] == QUARTERS[1:]
    assert [periods.previous_quarter(quarter) for quarter in QUARTERS[1:]] == QUARTERS[:-1]
    assert periods.quarters_between("2020-Q1", "2035-Q4") == tuple(QUARTERS)
    assert periods.quarters_between("2020-Q2", "2020-Q1") == ()


@pytest.mark.parametrize(
    "key", ["2025-Q5", "2025-Q0", "2025Q4", "Q4-2025", "25-Q4", "2025-q4", " 2025-Q4", "2025-Q4\n", "0000-Q1", "٢٠٢٥-Q4", ""]
)
def test_a_key_that_names_no_quarter_is_refused(key: str) -> None:
    for function in (periods.quarter_start, periods.quarter_end, periods.next_quarter, periods.weeks_of_quarter):
        with pytest.raises(ValueError, match="write it as 2025-Q4"):
            function(key)


@given(instants)
def test_a_closed_quarter_has_no_open_day_and_no_open_week(as_of: dt.datetime) -> None:
    closed = periods.last_closed_quarter(as_of)
    assert periods.is_quarter_closed(closed, as_of)
    assert not periods.is_quarter_closed(periods.next_quarter(closed), as_of)
    assert periods.open_week(as_of) not in periods.weeks_of_quarter(closed)
    assert periods.open_quarter(as_of) != closed


@pytest.mark.parametrize(
    ("as_of", "closed"),
    [
        ("2025-12-31T23:59:59", "2025-Q3"),  # its weeks are over since the 28th, its days are not
        ("2026-01-01T00:00:00", "2025-Q4"),
        ("2027-01-01T00:00:00", "2026-Q3"),  # the week of 28 December belongs to it and runs until the 3rd
        ("2027-01-03T23:59:59", "2026-Q3"),
        ("2027-01-04T00:00:00", "2026-Q4"),
    ],
)
def test_when_a_quarter_closes(as_of: str, closed: str) -> None:
    assert periods.last_closed_quarter(dt.datetime.fromisoformat(as_of).replace(tzinfo=dt.UTC)) == closed


def ticks(cron: str) -> list[dt.date]:
    """The days of 2020 to 2035 on which ``cron`` ticks, by Dagster's own reading of it."""
    found = []
    for tick in cron_string_iterator(dt.datetime(2020, 1, 1, tzinfo=dt.UTC).timestamp(), cron, "UTC"):
        if tick.date() > LAST:
            return found
        found.append(tick.date())
    raise AssertionError("a cron string never ends")
