"""Time that counts towards a service level: all of it, or working hours of a time zone only, less pauses.

Belongs here: counting time between instants on such a clock, and the instant at which a given time has been counted.
Does not belong here: which clock, limit or pause applies (policy), and what a breach means (a domain's ``rules.py``).

Instants are whole microseconds since 1970-01-01 UTC. A clock is a sorted list of stretches during which time counts; counted time is
then a non-decreasing, piecewise linear function of the instant. Working hours are wall times: a day on which the clocks change has
an hour more or less, and an end of 24:00 is the next local midnight.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from governance_assets.stats.arrays import Counts

HOUR = 3_600_000_000
"""Microseconds of an hour."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class ServiceClock:
    """Stretches during which time counts: ``starts[i]`` up to ``ends[i]``, in order, without overlap."""

    starts: Counts
    ends: Counts

    def counted(self, instants: Counts) -> Counts:
        """Microseconds that count before each of ``instants``, from the clock's first stretch on; any shape.

        >>> two_hours = ServiceClock(np.array([0, 10 * HOUR]), np.array([HOUR, 11 * HOUR]))
        >>> (two_hours.counted(np.array([HOUR // 2, 5 * HOUR, 12 * HOUR])) / HOUR).tolist()
        [0.5, 1.0, 2.0]
        """
        if not len(self.starts):
            return np.zeros_like(instants)
        before = np.concatenate([[0], np.cumsum(self.ends - self.starts)])
        at = np.searchsorted(self.starts, instants, side="right")
        within = np.minimum(instants, self.ends[at - 1]) - self.starts[at - 1]
        found: Counts = np.where(at > 0, before[at - 1] + np.maximum(within, 0), 0)
        return found

    def reached(self, amounts: Counts) -> Counts:
        """The first instant at which each of ``amounts`` has been counted; the largest integer where the clock ends before.

        >>> two_hours = ServiceClock(np.array([0, 10 * HOUR]), np.array([HOUR, 11 * HOUR]))
        >>> (two_hours.reached(np.array([HOUR, HOUR + 1])) // HOUR).tolist()
        [1, 10]
        """
        if not len(self.starts):
            return np.full_like(amounts, _NEVER)
        after = np.cumsum(self.ends - self.starts)
        at = np.searchsorted(after, amounts, side="left")
        place = np.minimum(at, len(after) - 1)
        found: Counts = np.where(at < len(after), self.ends[place] - (after[place] - amounts), _NEVER)
        return found


def always(first: dt.datetime, last: dt.datetime) -> ServiceClock:
    """The clock on which all time from ``first`` to ``last`` counts.

    Raises ValueError when ``last`` is not after ``first``, or an instant has no time zone.
    """
    _check_span(first, last)
    return ServiceClock(np.array([microseconds(first)]), np.array([microseconds(last)]))


def working_hours(
    first: dt.datetime,
    last: dt.datetime,
    *,
    zone: str,
    opens: str,
    closes: str,
    weekdays: Collection[int],
    holidays: Collection[dt.date] = (),
) -> ServiceClock:
    """The clock on which working hours between ``first`` and ``last`` count.

    ``opens`` and ``closes`` are wall times of ``zone`` as ``"09:00"``, ``closes`` up to ``"24:00"``; ``weekdays`` counts from 0 for Monday.
    A wall time that a change of clocks skips is the instant of the change; of one that it repeats, the first counts for opening and the
    second for closing. Raises ValueError when closing is not after opening, no weekday is named, or ``last`` is not after ``first``.

    >>> day = dt.datetime(2025, 3, 30, tzinfo=dt.UTC)
    >>> clock = working_hours(day - dt.timedelta(days=1), day + dt.timedelta(days=2),
    ...     zone="Europe/Berlin", opens="00:00", closes="24:00", weekdays={6})
    >>> int(clock.counted(np.array([microseconds(day + dt.timedelta(days=2))]))[0]) // HOUR
    23
    """
    _check_span(first, last)
    if not weekdays:
        raise ValueError("weekdays is empty, expected at least one of 0 for Monday to 6 for Sunday")
    if not opens < closes:
        raise ValueError(f"closes is {closes}, expected a time after opens, {opens}")
    local = ZoneInfo(zone)
    day, end = first.astimezone(local).date() - dt.timedelta(days=1), last.astimezone(local).date() + dt.timedelta(days=1)
    starts, ends = [], []
    while day <= end:
        if day.weekday() in weekdays and day not in holidays:
            starts.append(microseconds(_wall(day, opens, local, is_second=False)))
            ends.append(microseconds(_wall(day, closes, local, is_second=True)))
        day += dt.timedelta(days=1)
    low, high = microseconds(first), microseconds(last)
    bounds = np.clip(np.array([starts, ends], dtype=np.int64), low, high)
    kept = bounds[:, bounds[1] > bounds[0]]
    return ServiceClock(kept[0], kept[1])


def elapsed(clock: ServiceClock, owners: Counts, starts: Counts, ends: Counts, size: int) -> Counts:
    """Counted microseconds of each of ``size`` owners over its stretches ``starts`` to ``ends``.

    ``owners`` has the place, from 0, of the owner of each stretch; the three have one length. Stretches of one owner must not overlap.

    >>> clock = ServiceClock(np.array([0]), np.array([100]))
    >>> elapsed(clock, np.array([0, 1, 0]), np.array([0, 5, 50]), np.array([10, 6, 60]), 2).tolist()
    [20, 1]
    """
    total = np.zeros(size, dtype=np.int64)
    np.add.at(total, owners, clock.counted(ends) - clock.counted(starts))
    return total


def due(clock: ServiceClock, since: Counts, remaining: Counts) -> Counts:
    """The first instant after ``since`` at which ``remaining`` microseconds have been counted; ``since`` for nothing remaining.

    >>> clock = ServiceClock(np.array([0, 10]), np.array([5, 20]))
    >>> due(clock, np.array([3]), np.array([4])).tolist()
    [12]
    """
    reached = clock.reached(clock.counted(since) + remaining)
    found: Counts = np.where(remaining > 0, reached, since)
    return found


def microseconds(instant: dt.datetime) -> int:
    """Whole microseconds since 1970 of an instant with a time zone.

    >>> microseconds(dt.datetime(1970, 1, 1, 1, tzinfo=dt.UTC)) == HOUR
    True
    """
    return (instant - _EPOCH) // _MICROSECOND


def _check_span(first: dt.datetime, last: dt.datetime) -> None:
    if first.tzinfo is None or last.tzinfo is None:
        raise ValueError("first and last need a time zone; write them as 2025-11-20T00:00Z")
    if last <= first:
        raise ValueError(f"last is {last.isoformat()}, expected an instant after first, {first.isoformat()}")


def _wall(day: dt.date, time: str, zone: ZoneInfo, *, is_second: bool) -> dt.datetime:
    hour, minute = (int(part) for part in time.split(":"))
    days, hour = divmod(hour, 24)
    naive = dt.datetime.combine(day + dt.timedelta(days=days), dt.time(hour, minute))
    local = naive.replace(tzinfo=zone, fold=int(is_second))
    instant = local.astimezone(dt.UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == naive:
        return instant
    # The wall time is skipped: with fold 0 it is read by the offset before the change, with fold 1 by the one after.
    early, late = (naive.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    assert early is not None
    assert late is not None
    return _change(zone, naive.replace(tzinfo=dt.UTC) - late, naive.replace(tzinfo=dt.UTC) - early)


def _change(zone: ZoneInfo, one: dt.datetime, other: dt.datetime) -> dt.datetime:
    """The instant between two at which the offset of ``zone`` changes, to the second."""
    low, high = min(one, other), max(one, other)
    before = low.astimezone(zone).utcoffset()
    while high - low > dt.timedelta(seconds=1):
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
