"""Windows of weeks, and sums over them of what is additive by week.

Belongs here: which weeks a named window holds, sums by group and week, and their totals over windows.
Does not belong here: what is summed.

A week is its Monday. A total over a window is summed from that window's weeks alone, in time order: differences of running
totals would carry rounding errors of weeks outside it, and a revision of those would change later figures.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Counts, Flags, Floats

_THURSDAY = 3
_DAYS = 7
_TRAILING = "trailing_"


def monday(day: dt.date) -> dt.date:
    """The Monday of the week that holds ``day``.

    >>> monday(dt.date(2025, 1, 1))
    datetime.date(2024, 12, 30)
    """
    return day - dt.timedelta(days=day.weekday())


def first_week(week: dt.date, window: str) -> dt.date:
    """The first week of the window that ends with ``week``.

    ``week`` itself, ``trailing_N`` for N weeks, ``quarter_to_date``, or ``since_start`` for all there are. A week belongs to
    the quarter that holds its Thursday. Raises ValueError for another name.

    Source: ISO 8601 for the Thursday.

    >>> first_week(dt.date(2025, 1, 27), "quarter_to_date")
    datetime.date(2024, 12, 30)
    >>> first_week(dt.date(2025, 1, 27), "trailing_4")
    datetime.date(2025, 1, 6)
    """
    if window == "week":
        return week
    if window == "since_start":
        return dt.date.min
    if window == "quarter_to_date":
        thursday = week + dt.timedelta(days=_THURSDAY)
        start = thursday.replace(month=thursday.month - (thursday.month - 1) % 3, day=1)
        return start + dt.timedelta(days=(_THURSDAY - start.weekday()) % 7 - _THURSDAY)
    length = window.removeprefix(_TRAILING)
    if window.startswith(_TRAILING) and length.isdecimal() and int(length) > 0:
        return week - dt.timedelta(weeks=int(length) - 1)
    raise ValueError(f"window is {window!r}, expected week, trailing_N, quarter_to_date or since_start")


@dataclass(frozen=True)
class Spans:
    """For each end week its window as positions on an axis of weeks: from ``starts`` up to, not including, ``stops``."""

    starts: Counts
    stops: Counts

    def pairs(self) -> list[tuple[int, int]]:
        """Start and stop of each window."""
        return list(zip(self.starts.tolist(), self.stops.tolist(), strict=True))


def spans(axis: Sequence[dt.date], ends: Sequence[dt.date], window: str) -> Spans:
    """Where the windows that end with ``ends`` lie on ``axis``, ascending weeks of which some may be missing.

    >>> spans([dt.date(2025, 1, 6), dt.date(2025, 1, 20)], [dt.date(2025, 1, 20)], "trailing_2")
    Spans(starts=array([1]), stops=array([2]))
    """
    days = np.array([week.toordinal() for week in axis], dtype=np.int64)
    firsts = np.array([first_week(week, window).toordinal() for week in ends], dtype=np.int64)
    lasts = np.array([week.toordinal() for week in ends], dtype=np.int64)
    return Spans(np.searchsorted(days, firsts).astype(np.int64), np.searchsorted(days, lasts, side="right").astype(np.int64))


@dataclass(frozen=True)
class Sums:
    """Sums of each column and counts of its values that are not NaN, by week and group, (weeks, groups, columns)."""

    total: Floats
    count: Floats

    def over(self, where: Spans) -> Sums:
        """Totals over each window, (windows, groups, columns)."""
        return Sums(window_totals(self.total, where), window_totals(self.count, where))


def group_sums(weeks: Any, groups: Any, values: Any, n_weeks: int, n_groups: int) -> Sums:
    """Sum the columns of ``values`` (rows, columns) by week and group, NaN left out and not counted.

    ``weeks`` and ``groups`` (rows,) are positions from 0. Rows are added in their order.

    >>> group_sums([0, 0, 1], [0, 0, 0], [[1.0], [2.0], [float("nan")]], 2, 1).total.ravel()
    array([3., 0.])
    """
    cell = np.asarray(weeks, dtype=np.int64) * n_groups + np.asarray(groups, dtype=np.int64)
    matrix = np.asarray(values, dtype=np.float64)
    size, shape = n_weeks * n_groups, (n_weeks, n_groups, matrix.shape[1])
    total, count = np.zeros(shape), np.zeros(shape)
    for column, numbers in enumerate(matrix.T):
        known = ~np.isnan(numbers)
        count[..., column] = np.bincount(cell[known], minlength=size).reshape(shape[:2])
        total[..., column] = np.bincount(cell[known], weights=numbers[known], minlength=size).reshape(shape[:2])
    return Sums(total, count)


def window_totals(values: Floats, where: Spans) -> Floats:
    """Totals of ``values`` (weeks, …) over each window, (windows, …).

    >>> window_totals(np.array([[1.0], [2.0], [4.0]]), Spans(np.array([0, 1]), np.array([2, 3]))).ravel()
    array([3., 6.])
    """
    # Planes are added one after the other, as a loop would; a plane of one number would be summed in pairs instead.
    flat = values.reshape(len(values), -1)
    flat = np.repeat(flat, 2, axis=1) if flat.shape[1] == 1 else flat
    result = np.zeros((len(where.starts), flat.shape[1]))
    running = flat.copy() if (where.starts == 0).any() else flat
    if running is not flat:
        for week in range(1, len(flat)):  # plane by plane: several times as fast as a cumulative sum along the first axis
            running[week] += running[week - 1]
    for position, (start, stop) in enumerate(zip(where.starts, where.stops, strict=True)):
        if stop > start:
            result[position] = running[stop - 1] if start == 0 else np.add.reduce(flat[start:stop], axis=0)
    return result[:, : int(np.prod(values.shape[1:]))].reshape(len(where.starts), *values.shape[1:])


def side_by_side(*sums: Sums) -> Sums:
    """The columns of several sums over the same weeks and groups, as one.

    >>> one = group_sums([0], [0], [[2.0]], 1, 1)
    >>> side_by_side(one, one).total.tolist()
    [[[2.0, 2.0]]]
    """
    return Sums(np.concatenate([one.total for one in sums], axis=-1), np.concatenate([one.count for one in sums], axis=-1))


def not_older(dates: Sequence[dt.date], ends: Sequence[dt.date], weeks: int) -> Flags:
    """Whether each date lies at most ``weeks`` weeks before each end, (ends, dates).

    >>> not_older([dt.date(2025, 1, 1), dt.date(2025, 1, 6)], [dt.date(2025, 1, 13)], 1)
    array([[False,  True]])
    """
    oldest = np.array([end.toordinal() for end in ends], dtype=np.int64) - weeks * _DAYS
    recent: Flags = np.array([day.toordinal() for day in dates], dtype=np.int64) >= oldest[:, None]
    return recent
