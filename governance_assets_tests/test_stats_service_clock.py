"""Counted time: against a count of every minute, over changes of clocks, leap days and year ends, and at exact boundaries."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance_assets.stats.service_clock import HOUR, ServiceClock, always, due, elapsed, microseconds, working_hours

MINUTE = HOUR // 60
UTC = dt.UTC
FIRST, LAST = dt.datetime(2019, 1, 1, tzinfo=UTC), dt.datetime(2032, 1, 1, tzinfo=UTC)
ALWAYS = always(FIRST, LAST)
WEEKDAYS = range(5)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")


def at(*parts: int) -> int:
    return microseconds(dt.datetime(*parts, tzinfo=UTC))


def one(value: int) -> np.ndarray:
    return np.array([value], dtype=np.int64)


def by_the_minute(start: int, end: int, zone: str, opens: int, closes: int, holidays: set[dt.date]) -> int:
    """Counted minutes, asked minute by minute for the wall time."""
    local, found = ZoneInfo(zone), 0
    for moment in range(start, end, MINUTE):
        wall = dt.datetime.fromtimestamp(moment / 1e6, UTC).astimezone(local)
        is_open = opens <= wall.hour * 60 + wall.minute < closes
        found += is_open and wall.weekday() < 5 and wall.date() not in holidays
    return found


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "day",
    [dt.date(2025, 3, 28), dt.date(2025, 10, 24), dt.date(2024, 2, 28), dt.date(2024, 12, 30), dt.date(2025, 3, 7), dt.date(2025, 4, 4)],
)
@pytest.mark.parametrize(("opens", "closes"), [("09:00", "17:30"), ("00:00", "24:00"), ("01:30", "02:45")])
def test_working_hours_are_those_counted_by_the_minute(zone: str, day: dt.date, opens: str, closes: str) -> None:
    holidays = {day + dt.timedelta(days=3)}
    clock = working_hours(FIRST, LAST, zone=zone, opens=opens, closes=closes, weekdays=WEEKDAYS, holidays=holidays)
    start = at(day.year, day.month, day.day) + 7 * MINUTE
    end = start + 6 * 24 * HOUR + 13 * MINUTE
    minutes = [int(text[:2]) * 60 + int(text[3:]) for text in (opens, closes)]
    counted = clock.counted(one(end)) - clock.counted(one(start))
    assert int(counted[0]) == by_the_minute(start, end, zone, *minutes, holidays) * MINUTE


@pytest.mark.parametrize("hours", [24, 7 * 24, 14 * 24, 30 * 24])
@pytest.mark.parametrize("opened", [at(2024, 2, 28, 23), at(2025, 12, 31, 12), at(2025, 3, 30, 0, 30), at(2025, 10, 26, 0, 30)])
def test_a_limit_in_calendar_time_is_due_at_the_very_microsecond(hours: int, opened: int) -> None:
    limit = one(hours * HOUR)
    assert due(ALWAYS, one(opened), limit).tolist() == [opened + hours * HOUR]
    for more in (-1, 0, 1):
        spent = elapsed(ALWAYS, one(0), one(opened), one(opened + hours * HOUR + more), 1)
        assert (spent > limit).tolist() == [more > 0]


instants = st.integers(at(2020, 1, 1), at(2030, 12, 31))
clocks = st.builds(
    lambda zone, opens, hours, days: working_hours(
        FIRST, LAST, zone=zone, opens=f"{opens:02}:15", closes=f"{opens + hours:02}:45", weekdays=days
    ),
    st.sampled_from(ZONES),
    st.integers(0, 12),
    st.integers(1, 11),
    st.sets(st.integers(0, 6), min_size=1),
)


@settings(max_examples=40, deadline=None)
@given(clocks, st.lists(instants, min_size=3, max_size=3), st.integers(1, 400 * HOUR))
def test_time_adds_up_never_runs_back_and_is_found_again(clock: ServiceClock, moments: list[int], amount: int) -> None:
    a, b, c = sorted(moments)
    spent = clock.counted(np.array([a, b, c]))
    assert spent[0] <= spent[1] <= spent[2]
    assert spent[2] - spent[0] <= c - a
    parts = elapsed(clock, np.array([0, 0]), np.array([a, b]), np.array([b, c]), 1)
    assert parts[0] == spent[2] - spent[0]
    reached = due(clock, one(a), one(amount))
    assert (clock.counted(reached) - spent[0]).tolist() == [amount]
    assert (clock.counted(reached - 1) - spent[0]).tolist() == [amount - 1]


def test_a_pause_counts_for_nothing() -> None:
    opened, paused, resumed, now = at(2025, 6, 2), at(2025, 6, 2, 20), at(2025, 6, 20), at(2025, 6, 20, 4)
    spent = elapsed(ALWAYS, np.array([0, 0]), np.array([opened, resumed]), np.array([paused, now]), 1)
    assert spent.tolist() == [24 * HOUR]


def test_beyond_its_end_a_clock_reaches_nothing() -> None:
    clock = always(FIRST, LAST)
    assert due(clock, one(at(2031, 12, 31)), one(30 * 24 * HOUR))[0] == np.iinfo(np.int64).max
    nothing = ServiceClock(np.array([], dtype=np.int64), np.array([], dtype=np.int64))
    assert (nothing.reached(one(1)).tolist(), nothing.counted(one(1)).tolist()) == ([np.iinfo(np.int64).max], [0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"closes": "09:00"}, "closes is 09:00, expected a time after opens, 09:00"),
        ({"weekdays": ()}, "weekdays is empty"),
        ({"last": FIRST}, "expected an instant after first"),
        ({"first": FIRST.replace(tzinfo=None)}, "need a time zone"),
    ],
)
def test_what_makes_no_clock_is_refused(change: dict[str, object], message: str) -> None:
    given_: dict[str, object] = {"first": FIRST, "last": LAST, "zone": "UTC", "opens": "09:00", "closes": "17:00", "weekdays": WEEKDAYS}
    given_ |= change
    with pytest.raises(ValueError, match=message):
        working_hours(given_.pop("first"), given_.pop("last"), **given_)  # type: ignore[arg-type]
