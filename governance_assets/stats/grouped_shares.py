"""Shares of many groups at once: pooled over cases, with intervals from one value a unit of time.

Belongs here: sorting cases into groups and units, and asking ``dependent_mean`` for each group's interval.
Does not belong here: the interval itself, or what is a case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Counts, Floats
from governance_assets.stats.dependent_mean import share_intervals


@dataclass(frozen=True)
class ShareBounds:
    """Intervals (groups, columns), NaN where a group has too few units."""

    lower: Floats
    upper: Floats
    simulated_coverage: Floats


def units_seen(groups: Any, units: Any, seen: Any, n_groups: int) -> Counts:
    """How many different units each group has among the cases that are ``seen``, (groups,).

    >>> units_seen([0, 0, 1], [5, 6, 5], [True, False, True], 2)
    array([1, 1])
    """
    table = _table(groups, units, np.asarray(seen, dtype=np.float64), n_groups)
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
    matrix = np.asarray(values, dtype=np.float64)
    result = np.full((3, n_groups, matrix.shape[1]), np.nan)
    known = ~np.isnan(matrix)
    shared = matrix.shape[1] > 0 and bool((known == known[:, :1]).all())
    series = []
    for column in range(matrix.shape[1]):
        if column == 0 or not shared:
            count = _table(groups, units, known[:, column].astype(np.float64), n_groups)
            chosen = np.flatnonzero((count > 0).sum(axis=1) >= least_units)
        total = _table(groups, units, np.where(known[:, column], matrix[:, column], 0.0), n_groups)
        series.append((np.full(len(chosen), column), chosen, count[chosen], total[chosen]))
    columns, rows, weights, totals = (np.concatenate(parts) for parts in zip(*series, strict=True))
    if len(rows):
        shares = np.clip(totals / np.where(weights > 0, weights, np.nan), 0, 1)
        found = share_intervals(shares, confidence, weights=weights)
        result[:, rows, columns] = found.lower, found.upper, found.simulated_coverage
    return ShareBounds(result[0], result[1], result[2])


def _table(groups: Any, units: Any, values: Floats, n_groups: int) -> Floats:
    unit = np.asarray(units, dtype=np.int64)
    first, n_units = (int(unit.min()), int(np.ptp(unit)) + 1) if len(unit) else (0, 1)
    cell = np.asarray(groups, dtype=np.int64) * n_units + unit - first
    sums: Floats = np.bincount(cell, weights=values, minlength=n_groups * n_units).astype(np.float64)
    return sums.reshape(n_groups, n_units)
