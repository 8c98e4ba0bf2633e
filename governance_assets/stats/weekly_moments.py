"""Means, spreads, slow variances and autocorrelations of weekly series, many series at once.

Belongs here: estimates from one value a week, for series of any length, with weeks to skip.
Does not belong here: intervals made of them (``dependent_mean``), or what they are worth (``serial_simulation``).

What a series gets does not depend, to the last bit, on the series it is computed with: the same weeks asked for in
another batch must give the same figures. Sums therefore run along the last axis, never through a matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Counts, Flags, Floats, matrix
from governance_assets.stats.serial_simulation import cosines

LEAST_WEEKS = 4
_ROUNDING = 1e-12


@dataclass(frozen=True)
class WeeklyMoments:
    """One entry a series, (series,).

    ``n`` weeks are used; ``mean`` is weighted, ``spread`` the plain variance about it. ``power`` is the sum of the squared projections on
    ``n_cosines`` slow cosines. Everything but ``n`` is NaN without a week; ``power`` and ``autocorrelation`` are NaN below 4 weeks.
    """

    n: Counts
    mean: Floats
    spread: Floats
    power: Floats
    n_cosines: Counts
    autocorrelation: Floats

    @property
    def variance(self) -> Floats:
        """Variance of the mean."""
        estimate: Floats = self.power / np.maximum(self.n_cosines, 1) / np.maximum(self.n, 1)
        return estimate


def weekly_moments(values: Any, weights: Any = None) -> WeeklyMoments:
    """Estimates from ``values`` (series, weeks), in time order, with ``weights`` of the same shape, not negative.

    Weeks that are NaN or have no weight are skipped and their neighbours taken as adjacent.
    Raises ValueError for wrong shapes, infinite numbers or negative weights.

    >>> found = weekly_moments([[1.0, 3.0, 2.0, 2.0, np.nan]])
    >>> int(found.n[0]), float(found.mean[0]), float(found.spread[0])
    (4, 2.0, 0.5)
    """
    series = matrix("values", values)
    rows, columns = series.shape
    weight = np.ones(series.shape) if weights is None else matrix("weights", weights, rows=rows, columns=columns, like="values")
    if (weight < 0).any() or np.isinf(weight).any() or np.isinf(series).any():
        raise ValueError("values or weights hold infinite numbers, or weights negative ones")
    kept: Flags = ~np.isnan(series) & (weight > 0)
    n: Counts = kept.sum(axis=1).astype(np.int64)
    found, n_cosines = np.full((4, len(series)), np.nan), np.zeros(len(series), dtype=np.int64)
    for length in np.unique(n[n > 0]):
        chosen = np.flatnonzero(n == length)
        here, shape = kept[chosen], (len(chosen), int(length))
        found[:, chosen] = _of_length(series[chosen][here].reshape(shape), weight[chosen][here].reshape(shape))
        n_cosines[chosen] = len(cosines(int(length))) if length >= LEAST_WEEKS else 0
    return WeeklyMoments(n, found[0], found[1], found[2], n_cosines, found[3])


def _of_length(series: Floats, weight: Floats) -> Floats:
    """Mean, spread, power and autocorrelation of series without gaps, (4, series)."""
    length = series.shape[1]
    mean = (series * weight).sum(axis=1) / weight.sum(axis=1)
    deviation = series - mean[:, None]
    spread = np.square(deviation).mean(axis=1)
    if length < LEAST_WEEKS:
        return np.stack([mean, spread, np.full_like(mean, np.nan), np.full_like(mean, np.nan)])
    # What rounding leaves of equal weeks is no spread, and would give a random autocorrelation.
    deviation[np.abs(deviation) <= _ROUNDING * np.abs(series).max(axis=1, keepdims=True)] = 0.0
    deviation *= weight / weight.mean(axis=1, keepdims=True)
    power = sum((np.square((deviation * wave).sum(axis=1)) for wave in cosines(length)), np.zeros(len(series)))
    return np.stack([mean, spread, power, _autocorrelation(deviation)])


def _autocorrelation(deviation: Floats) -> Floats:
    n, total = deviation.shape[1], np.square(deviation).sum(axis=1)
    products = (deviation[:, 1:] * deviation[:, :-1]).sum(axis=1)
    raw = np.divide(products, total, out=np.zeros_like(total), where=total > 0)
    # The estimate from deviations about the mean is low by (1 + 3 rho) / n: Kendall (1954), Biometrika 41.
    estimate: Floats = np.clip((n * raw + 1) / (n - 3), 0, 0.95)
    return estimate
