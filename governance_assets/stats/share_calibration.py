"""How much wider an interval for a share must be under serial dependence, and how often it then holds the truth.

Belongs here: simulated shares, and the surfaces over autocorrelation, mean and spread that are read off them.
Does not belong here: estimates from data (``weekly_moments``), intervals (``dependent_mean``), simulated means (``serial_simulation``).

A case is simulated at the points of a coarse grid and interpolated between them, so that answers are continuous and a few
hundred simulations serve any number of series. Points are simulated when they are first asked for.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from governance_assets.stats.arrays import Counts, Floats
from governance_assets.stats.serial_simulation import autoregressive, calibration_draws, critical_value, simulated_size, slow_power
from governance_assets.stats.share_bounds import effective_cases, within_bounds

FACTORS = (1.0, 1.15, 1.3, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)
_SEED = 20_250_106
# Far enough apart that, on the scales of ``_corners``, simulations between them differ from the straight line by a point or so.
_AUTOCORRELATIONS = (0.0, 0.6, 0.8, 0.9)
_MEANS = (0.5, 0.8, 0.92, 0.97, 0.985, 0.995)
_SPREADS = (0.01, 0.16, 0.36, 0.64)
_SHAPE = (len(_AUTOCORRELATIONS), len(_MEANS), len(_SPREADS))
# Every size up to 26, where a week matters and the number of cosines jumps; three beyond.
_SIZES = (*dict.fromkeys(simulated_size(n) for n in range(4, 27)), 52, 104, 208)
_DIGITS = 9
_BINS, _REACH = 8192, 7.0


@dataclass(frozen=True)
class ShareCalibration:
    """For each case the ``factor`` (1 or more) on the usual critical value, and the simulated ``coverage`` of the interval made with it."""

    factor: Floats
    coverage: Floats


def calibrate_shares(size: int, confidence: float, autocorrelation: Floats, mean: Floats, spread: Floats) -> ShareCalibration:
    """Calibration of ``share_interval`` for ``size`` weeks at many cases at once, (cases,) each.

    ``spread`` is the variance of the weekly shares, ``mean`` is within [0, 1]. The simulated shares have these moments and this lag-one
    autocorrelation; they are the normal distribution function of an autoregressive series. One set of series sets the factor, another
    one counts; with 2000 series (1000 above 104 weeks) the standard error of the coverage is two thirds of a point.

    Between the points of the grid the coverage for a given factor is taken as linear in the spread (as a fraction of the largest there
    can be), in the inverse of one less the autocorrelation, in the inverse standard deviation of a hit and, from 26 weeks on, in the
    logarithm of the weeks; beyond the ends of the grid it is that of the end.

    >>> case = calibrate_shares(26, 0.9, np.array([0.0, 0.9]), np.array([0.9, 0.9]), np.array([0.01, 0.01]))
    >>> bool(case.factor[0] < 1.1 < 1.5 < case.factor[1])
    True
    """
    corners = _corners(autocorrelation, mean, spread)
    needed = np.unique(np.stack([points for points, _ in corners]))
    reached = np.zeros((2, len(mean), len(FACTORS)))
    for anchor, part in _anchors(simulated_size(size)):
        surface = _surface(anchor, confidence)
        for point in needed[np.isnan(surface[0, needed, 0])]:
            surface[:, point] = _simulated(anchor, confidence, int(point))
        # One corner after the other: a sum along an axis may depend, in its last bits, on how many cases there are.
        for points, weight in corners:
            reached += (part * weight)[:, None] * surface[:, points]
    return _least_factors(reached[0], reached[1], confidence)


def _least_factors(tuning: Floats, counting: Floats, confidence: float) -> ShareCalibration:
    """The factors at which ``tuning`` reaches the confidence, or the largest there is, and what ``counting`` reaches there.

    Both are the coverages of each case at every one of ``FACTORS``, (cases, factors), not falling.
    """
    rows, factors = np.arange(len(tuning)), np.array(FACTORS)
    # Sums of weights of one fall short of one in the last digit.
    enough = np.round(tuning, _DIGITS) >= confidence
    above = np.where(enough.any(axis=1), enough.argmax(axis=1), len(factors) - 1)
    below = np.maximum(above - 1, 0)
    rise = tuning[rows, above] - tuning[rows, below]
    part = np.divide(confidence - tuning[rows, below], rise, out=np.ones(len(rows)), where=rise > 0).clip(0, 1)
    return ShareCalibration(
        factors[below] + part * (factors[above] - factors[below]),
        counting[rows, below] + part * (counting[rows, above] - counting[rows, below]),
    )


def _corners(autocorrelation: Floats, mean: Floats, spread: Floats) -> list[tuple[Counts, Floats]]:
    """The eight points of the grid around each case, as positions in a flat surface, and their weights: (cases,) each."""
    folded = np.minimum(np.maximum(mean, 1 - mean), _MEANS[-1])
    relative = np.maximum(spread / (folded * (1 - folded)), _SPREADS[0])
    corners = [(np.zeros(len(mean), dtype=np.int64), np.ones(len(mean)))]
    for grid, values in (
        (_slowness(_AUTOCORRELATIONS), _slowness(np.minimum(autocorrelation, _AUTOCORRELATIONS[-1]))),
        (_extremity(_MEANS), _extremity(folded)),
        (np.array(_SPREADS), relative),
    ):
        low, high, part = _between(grid, values)
        sides = ((low, 1 - part), (high, part))
        corners = [(points * len(grid) + at, weight * share) for points, weight in corners for at, share in sides]
    return corners


def _slowness(autocorrelation: Floats | tuple[float, ...]) -> Floats:
    slowness: Floats = 1 / (1 - np.asarray(autocorrelation, dtype=np.float64))
    return slowness


def _extremity(mean: Floats | tuple[float, ...]) -> Floats:
    share = np.asarray(mean, dtype=np.float64)
    extremity: Floats = 1 / np.sqrt(share * (1 - share))
    return extremity


def _between(grid: Floats, values: Floats) -> tuple[Counts, Counts, Floats]:
    """Positions of the grid values around each value, and how far it is from one to the other, 0 to below 1."""
    # What rounding leaves of a value on the grid must not ask for the simulations beyond it.
    place = np.round(np.interp(values, grid, np.arange(len(grid))), _DIGITS)
    low = place.astype(np.int64)
    part = place - low
    return low, low + (part > 0), part


def _anchors(size: int) -> list[tuple[int, float]]:
    """The simulated sizes around ``size`` and their weights."""
    above = bisect_left(_SIZES, size)
    if above == len(_SIZES):
        return [(_SIZES[-1], 1.0)]
    if _SIZES[above] == size:
        return [(size, 1.0)]
    low, high = _SIZES[above - 1], _SIZES[above]
    part = float(np.log(size / low) / np.log(high / low))
    return [(low, 1 - part), (high, part)]


@lru_cache(maxsize=64)
def _surface(size: int, confidence: float) -> Floats:
    """What ``_simulated`` gives for every point, (2, points, factors), NaN where not simulated yet."""
    return np.full((2, np.prod(_SHAPE), len(FACTORS)), np.nan)


def _simulated(size: int, confidence: float, point: int) -> Floats:
    """Coverages at one point of the grid for every one of ``FACTORS``, (2, factors): to set the factor with, and to count with."""
    at = np.unravel_index(point, _SHAPE)
    mean = _MEANS[at[1]]
    shares = simulated_shares(_normals(size), _AUTOCORRELATIONS[at[0]], mean, _SPREADS[at[2]] * mean * (1 - mean))
    means, variances = shares.mean(axis=0), slow_power(shares).mean(axis=0) / size
    reached, missing = [], np.arange(len(means))
    for factor in FACTORS:
        # A wider interval holds all that a narrower one does.
        cases = effective_cases(means[missing], variances[missing], size, critical_value(size, confidence) * factor, confidence)
        missing = missing[~within_bounds(mean, means[missing], cases, confidence)]
        in_first = int(np.searchsorted(missing, len(means) // 2))
        reached.append((in_first, len(missing) - in_first))
    return 1 - np.array(reached).T / (len(means) // 2)


@lru_cache(maxsize=8)
def _normals(size: int) -> Floats:
    """Standard normals for two sets of series: one that sets the factor and one that counts."""
    draws = calibration_draws(size)
    return np.hstack([np.random.default_rng(_SEED + number).standard_normal((size, draws)) for number in (1, 2)])


def simulated_shares(normals: Floats, autocorrelation: float, mean: float, spread: float) -> Floats:
    """Shares with these moments, (weeks, draws), from standard normals: a common factor decides which part of a week's cases are hits.

    >>> shares = simulated_shares(np.random.default_rng(1).standard_normal((2, 10000)), 0.3, 0.8, 0.02)
    >>> round(float(shares.mean()), 2), round(float(shares.var()), 3)
    (0.8, 0.02)
    """
    from scipy.special import ndtr, ndtri

    weight, first = _latent(mean, spread, autocorrelation)
    # A table of a function of one argument, an order of magnitude cheaper than the function.
    middles = (np.arange(_BINS) + 1 / 2) * (2 * _REACH / _BINS) - _REACH
    table = ndtr((float(ndtri(mean)) - np.sqrt(weight) * middles) / np.sqrt(1 - weight))
    latent = autoregressive(normals, first)
    for week in latent:
        table.take(((week + _REACH) * (_BINS / (2 * _REACH))).astype(np.int64), mode="clip", out=week)
    return latent


def _latent(mean: float, spread: float, autocorrelation: float) -> tuple[float, float]:
    """Weight of the common factor and its autocorrelation that give weekly shares this spread and autocorrelation.

    The covariance of two normal distribution functions of jointly normal factors is an orthant probability less its
    independent value: an integral over the correlation, here by the trapezoid rule on a fine grid.
    """
    from scipy.special import ndtri

    grid = np.linspace(0, 0.995, 2000)
    density = np.exp(-(float(ndtri(mean)) ** 2) / (1 + grid)) / (2 * np.pi * np.sqrt(1 - grid**2))
    covariance = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(grid))])
    weight = float(np.interp(spread, covariance, grid))
    lagged = float(np.interp(autocorrelation * spread, covariance, grid))
    return weight, min(lagged / weight, 0.99)
