"""Shares of many groups at once: pooled over cases, with intervals from one value a unit of time.

Belongs here: sorting cases into groups and units, and asking ``dependent_mean`` for each group's interval.
Does not belong here: the interval itself, or what is a case.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Counts, Flags, Floats
from governance_assets.stats.dependent_mean import share_intervals
from governance_assets.stats.windows import Spans

_SUMS_AT_ONCE = 1 << 21


@dataclass(frozen=True)
class ShareBounds:
    """Intervals (groups, columns), or (spans, groups, columns), NaN where a group has too few units."""

    lower: Floats
    upper: Floats
    simulated_coverage: Floats


@dataclass(frozen=True)
class _Series:
    """Cases and their sums in each unit, (groups, units), of those ``groups`` that have enough units in one span and column."""

    span: int
    column: int
    groups: Counts
    count: Floats
    total: Floats


def units_seen(groups: Any, units: Any, seen: Any, n_groups: int) -> Counts:
    """How many different units each group has among the cases that are ``seen``, (groups,).

    >>> units_seen([0, 0, 1], [5, 6, 5], [True, False, True], 2)
    array([1, 1])
    """
    cells, n_units = _cells(groups, units, n_groups)
    table = _table(cells, np.asarray(seen, dtype=np.float64), n_groups, n_units)
    counted: Counts = (table > 0).sum(axis=1).astype(np.int64)
    return counted


def share_bounds(groups: Any, units: Any, values: Any, n_groups: int, least_units: int, confidence: float) -> ShareBounds:
    """Interval of the share of each column of ``values`` (cases, columns; 0 to 1 or NaN) in each group.

    ``units`` (cases,) are whole numbers ascending with time: cases of one unit are averaged before the interval is made, and weigh
    by their number. Groups with fewer than ``least_units`` units get NaN.

    >>> hits = np.tile([[1.0], [0.0]], (30, 1))
    >>> bounds = share_bounds(np.zeros(60), np.repeat(np.arange(30), 2), hits, 1, 26, 0.9)
    >>> bool(0.4 < bounds.lower[0, 0] < 0.5 < bounds.upper[0, 0] < 0.6)
    True
    """
    found = share_bounds_of_spans(groups, units, values, n_groups, [(0, len(units))], least_units, confidence)
    return ShareBounds(found.lower[0], found.upper[0], found.simulated_coverage[0])


def share_bounds_of_spans(
    groups: Any, units: Any, values: Any, n_groups: int, spans: Sequence[tuple[int, int]], least_units: int, confidence: float
) -> ShareBounds:
    """``share_bounds`` of the cases from the first to before the last position of each of ``spans``: (spans, groups, columns).

    Cases whose group is negative belong to none. What a span gets does not depend on the other spans, to the last bit.

    >>> hits = np.tile([[1.0], [0.0]], (30, 1))
    >>> bounds = share_bounds_of_spans(np.zeros(60), np.repeat(np.arange(30), 2), hits, 1, [(0, 60), (0, 40)], 26, 0.9)
    >>> np.isnan(bounds.lower).ravel().tolist()
    [False, True]
    """
    columns = np.ascontiguousarray(np.asarray(values, dtype=np.float64).T)
    result = np.full((3, len(spans), n_groups, len(columns)), np.nan)
    every = list(_every_series(_cells(groups, units, n_groups), columns, n_groups, spans, least_units))
    if every:
        count = np.concatenate([series.count for series in every])
        total = np.concatenate([series.total for series in every])
        shares = np.clip(np.divide(total, count, out=np.zeros_like(total), where=count > 0), 0, 1)
        found = share_intervals(shares, confidence, weights=count)
        stop = 0
        for series in every:
            start, stop = stop, stop + len(series.groups)
            for target, bound in zip(result, (found.lower, found.upper, found.simulated_coverage), strict=True):
                target[series.span, series.groups, series.column] = bound[start:stop]
    return ShareBounds(result[0], result[1], result[2])


class SharesOfWindows:
    """Intervals of shares, and how many units they rest on, of every group in windows of weeks; equal windows are computed once.

    ``weeks`` (cases,) are positions on an axis of ``n_weeks`` weeks, ascending; ``groups`` (cases,) are negative for cases of none;
    ``units`` (cases,) are whole numbers, the time of the value that enters an interval; ``is_seen`` (cases,) marks those with a
    value; ``values`` (cases, columns) are 0 to 1 or NaN.

    >>> hits = np.tile([[1.0], [0.0]], (30, 1))
    >>> week = np.repeat(np.arange(30), 2)
    >>> shares = SharesOfWindows(week, np.zeros(60), week, np.ones(60, dtype=bool), hits, 30, 1, 26, 0.9)
    >>> window = Spans(np.array([0, 20]), np.array([30, 30]))
    >>> shares.units(window).ravel().tolist(), np.isnan(shares.bounds(window)[:, 0, 0, 0]).tolist()
    ([30, 10], [False, True])
    """

    def __init__(
        self,
        weeks: Any,
        groups: Any,
        units: Any,
        is_seen: Any,
        values: Any,
        n_weeks: int,
        n_groups: int,
        least_units: int,
        confidence: float,
    ) -> None:
        self._weeks, self._units = np.asarray(weeks, dtype=np.int64), np.asarray(units, dtype=np.int64)
        self._groups, self._values = np.asarray(groups, dtype=np.int64), np.asarray(values, dtype=np.float64)
        self._n_weeks, self._n_groups, self._least_units, self._confidence = n_weeks, n_groups, least_units, confidence
        self._seen = self._weeks_seen(np.asarray(is_seen, dtype=bool))
        self._units_until = self._units_from_start()
        self._units_of_span: dict[tuple[int, int], Counts] = {}
        self._bounds: dict[tuple[int, int], Floats] = {}

    def units(self, where: Spans) -> Counts:
        """Units with a case that is seen, (windows, groups)."""
        if not len(where.starts):
            return np.empty((0, self._n_groups), dtype=np.int64)
        return np.stack([self._units_in(span) for span in where.pairs()])

    def bounds(self, where: Spans) -> Floats:
        """Lower end, upper end and simulated coverage, (windows, groups, columns, 3); there must be a window."""
        missing = sorted(set(where.pairs()) - self._bounds.keys())
        n_units = int(np.ptp(self._units)) + 1
        at_once = max(1, _SUMS_AT_ONCE // (self._n_groups * n_units * max(1, self._values.shape[1])))
        for first in range(0, len(missing), at_once):
            self._add_bounds(missing[first : first + at_once])
        return np.stack([self._bounds[span] for span in where.pairs()])

    def _weeks_seen(self, is_seen: Flags) -> tuple[Counts, Counts, Counts]:
        """Week, group and unit of the cases that are seen, each combination once, week by week."""
        seen = (self._groups >= 0) & is_seen
        first, n_units = self._units.min(), np.ptp(self._units) + 1
        cell = (self._weeks[seen] * self._n_groups + self._groups[seen]) * n_units + self._units[seen] - first
        week_and_group, unit = np.divmod(np.unique(cell), n_units)
        week, group = np.divmod(week_and_group, self._n_groups)
        return week, group, unit

    def _units_from_start(self) -> Counts:
        """Units seen before each position of the axis, (positions, groups): each counts from where it is first seen."""
        week, group, unit = self._seen
        first = np.unique(np.stack([group, unit]), axis=1, return_index=True)[1]
        new = np.zeros((self._n_weeks + 1, self._n_groups), dtype=np.int64)
        np.add.at(new, (week[first] + 1, group[first]), 1)
        return np.cumsum(new, axis=0)

    def _units_in(self, span: tuple[int, int]) -> Counts:
        if span[0] == 0:
            return np.asarray(self._units_until[span[1]])
        if span not in self._units_of_span:
            week, group, unit = self._seen
            rows = slice(*np.searchsorted(week, span))
            self._units_of_span[span] = units_seen(group[rows], unit[rows], np.ones(len(unit[rows])), self._n_groups)
        return self._units_of_span[span]

    def _add_bounds(self, missing: list[tuple[int, int]]) -> None:
        starts, stops = np.searchsorted(self._weeks, np.array(missing, dtype=np.int64).T)
        places = list(zip(starts.tolist(), stops.tolist(), strict=True))
        found = share_bounds_of_spans(self._groups, self._units, self._values, self._n_groups, places, self._least_units, self._confidence)
        made = np.stack([found.lower, found.upper, found.simulated_coverage], axis=-1)
        self._bounds |= dict(zip(missing, made, strict=True))


def _every_series(
    cells: tuple[Counts, int], columns: Floats, n_groups: int, spans: Sequence[tuple[int, int]], least_units: int
) -> Iterator[_Series]:
    cell, n_units = cells
    known = ~np.isnan(columns)
    is_counted_before = [column > 0 and bool((known[column] == known[column - 1]).all()) for column in range(len(columns))]
    hits = np.where(known, columns, 0.0)
    for number, (start, stop) in enumerate(spans):
        count, groups = np.empty(0), np.empty(0, dtype=np.int64)
        for column, is_known in enumerate(is_counted_before):
            if not is_known:
                count = _table(cell[start:stop], known[column, start:stop].astype(np.float64), n_groups, n_units)
                groups = np.flatnonzero((count > 0).sum(axis=1) >= least_units)
            if len(groups):
                total = _table(cell[start:stop], hits[column, start:stop], n_groups, n_units)
                yield _Series(number, column, groups, count[groups], total[groups])


def _cells(groups: Any, units: Any, n_groups: int) -> tuple[Counts, int]:
    """Place of each case in a flat table (groups, units), after its end for cases without a group, and the number of units."""
    group, unit = np.asarray(groups, dtype=np.int64), np.asarray(units, dtype=np.int64)
    first, n_units = (int(unit.min()), int(unit.max() - unit.min()) + 1) if len(unit) else (0, 1)
    return np.where(group >= 0, group * n_units + unit - first, n_groups * n_units), n_units


def _table(cell: Counts, values: Floats, n_groups: int, n_units: int) -> Floats:
    sums: Floats = np.bincount(cell, weights=values, minlength=n_groups * n_units + 1).astype(np.float64)
    return sums[:-1].reshape(n_groups, n_units)
