"""What a long-run variance from few weeks is worth: simulated critical values, p-values and coverage.

Belongs here: the simulations behind ``dependent_mean``, cached, equal at every run because each seeds its own generator.
Does not belong here: the estimates and intervals themselves.

The series simulated are autoregressive with a lag-one autocorrelation drawn evenly between 0 and ``STRONGEST``: a
critical value holds on average over that range instead of at independence only, where no weekly series is.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from governance_assets.stats.arrays import Floats
from governance_assets.stats.share_bounds import effective_cases, within_bounds

STRONGEST = 0.9
_SEED = 20_250_106
_DRAWS = 20_000
_NUMBERS = 1_000_000
_CALIBRATION_DRAWS = 2_000
_CALIBRATION_NUMBERS = 208_000
_FACTORS = (1.0, 1.15, 1.3, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)
# Estimates half way between two grid values must fall to the same one on every machine, whatever their last bits.
_DIGITS = 9
_AUTOCORRELATIONS = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9)
_MEANS = (0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 0.995)
_SPREADS = (0.005, 0.02, 0.05, 0.15, 0.4, 0.8)
_SIZES = (4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 17, 20, 23, 26, 32, 40, 52, 65, 80, 104, 130, 156, 208, 260)


@dataclass(frozen=True)
class Calibration:
    """``factor`` (1 or more) on the usual critical value, and the simulated ``coverage`` of the interval made with it."""

    factor: float
    coverage: float


def simulated_size(n: int) -> int:
    """The number of weeks that stands for ``n`` in a simulation: the largest of a fixed list that is not above it.

    The list is dense where a week matters; fewer weeks than there are give wider intervals, never narrower ones.
    Raises ValueError below 4 weeks.

    >>> [simulated_size(n) for n in (4, 26, 27, 1000)]
    [4, 26, 26, 260]
    """
    if n < _SIZES[0]:
        raise ValueError(f"{n} weeks, expected at least {_SIZES[0]}")
    return _SIZES[bisect_right(_SIZES, n) - 1]


@lru_cache(maxsize=512)
def cosines(n: int) -> Floats:
    """The lowest cosines over ``n`` weeks, one row each: orthonormal, and orthogonal to a constant.

    Their number is 0.6 times the 2/3 power of the weeks, at least one: few enough to see only the slow part of the series.

    Source: Lazarus, Lewis, Stock and Watson (2018), JBES 36(4), section 2.

    >>> [len(cosines(n)) for n in (4, 26, 52, 104)]
    [2, 5, 8, 13]
    """
    count = max(1, round(0.6 * simulated_size(n) ** (2 / 3)))
    weeks = np.arange(n) + 0.5
    waves: Floats = np.sqrt(2 / n) * np.cos(np.pi / n * np.outer(np.arange(1, count + 1), weeks))
    return waves


@lru_cache(maxsize=256)
def critical_value(size: int, confidence: float) -> float:
    """The factor on the standard error of the mean of ``size`` weeks that makes an interval with this confidence.

    At 26 weeks and 90 % it is 2.6, against the 2.0 of a t distribution, which takes the long-run variance as unbiased.

    >>> round(critical_value(26, 0.9), 1)
    2.6
    """
    return float(np.quantile(critical_values(size), confidence))


@lru_cache(maxsize=64)
def critical_values(size: int) -> Floats:
    """Sorted absolute studentised means of simulated series of ``size`` weeks.

    Their q-quantile is the factor that makes an interval cover with probability q on average over the dependences drawn.

    >>> len(critical_values(26))
    20000
    """
    series = _series(np.random.default_rng(_SEED), min(_DRAWS, _NUMBERS // size), size)
    return np.sort(np.abs(series.mean(axis=1)) / np.sqrt(_power(series).mean(axis=1) / size))


def shift_values(n_recent: int, n_past: int, autocorrelation: float) -> tuple[Floats, Floats]:
    """Sorted absolute studentised differences between the last ``n_recent`` weeks and the ``n_past`` before, without a shift.

    Twice: over the dependences drawn, and at this lag-one autocorrelation (rounded to steps of 0.15). A claim of a shift must stand
    against both.

    >>> [bool(2 < np.quantile(values, 0.9) < 2.7) for values in shift_values(13, 26, 0.6)]
    [True, True]
    """
    return _shift_values(n_recent, n_past, None), _shift_values(n_recent, n_past, _nearest(_AUTOCORRELATIONS, autocorrelation))


@lru_cache(maxsize=256)
def _shift_values(n_recent: int, n_past: int, autocorrelation: float | None) -> Floats:
    draws = min(_DRAWS, _NUMBERS // (n_recent + n_past))
    series = _series(np.random.default_rng(_SEED), draws, n_past + n_recent, autocorrelation)
    past, recent = series[:, :n_past], series[:, n_past:]
    variance = np.hstack([_power(past), _power(recent)]).mean(axis=1)
    return np.sort(np.abs(recent.mean(axis=1) - past.mean(axis=1)) / np.sqrt(variance * (1 / n_recent + 1 / n_past)))


def calibrate(
    size: int, autocorrelation: float, confidence: float, *, mean: float | None = None, spread: float | None = None
) -> Calibration:
    """How much wider an interval of ``size`` weeks must be under this dependence, and how often it then holds the truth.

    The simulated series are autoregressive with this lag-one autocorrelation. Without ``mean`` they are normal and the interval is
    that of ``mean_interval``; with ``mean`` and ``spread`` (the variance of the weekly shares) they are shares with these moments, made as
    the normal distribution function of an autoregressive series, and the interval is that of ``share_interval``. One set of series sets the
    factor, another one counts.

    The arguments are rounded to a grid first (autocorrelation to steps of 0.15), so that answers can be kept. With 2000 series (fewer
    above 104 weeks) the standard error of the coverage is two thirds of a point.

    >>> calibrate(26, 0.3, 0.9).factor
    1.0
    """
    rounded = _nearest(_AUTOCORRELATIONS, autocorrelation)
    if mean is None or spread is None:
        return _calibrate_mean(size, rounded, confidence)
    folded = _nearest(_MEANS, max(mean, 1 - mean))
    return _calibrate_share(size, rounded, confidence, folded, _nearest(_SPREADS, spread / (folded * (1 - folded))))


@lru_cache(maxsize=4096)
def _calibrate_mean(size: int, autocorrelation: float, confidence: float) -> Calibration:
    def studentised(seed: int) -> Floats:
        series = _series(np.random.default_rng(seed), _calibration_draws(size), size, autocorrelation)
        ratio: Floats = np.abs(series.mean(axis=1)) / np.sqrt(_power(series).mean(axis=1) / size)
        return ratio

    usual = critical_value(size, confidence)
    factor = float(np.clip(np.quantile(studentised(_SEED + 1), confidence) / usual, 1, _FACTORS[-1]))
    return Calibration(factor, float((studentised(_SEED + 2) <= usual * factor).mean()))


@lru_cache(maxsize=4096)
def _calibrate_share(size: int, autocorrelation: float, confidence: float, mean: float, relative_spread: float) -> Calibration:
    weight, first = _latent(mean, relative_spread, autocorrelation)
    usual = critical_value(size, confidence)

    def moments(seed: int) -> tuple[Floats, Floats]:
        shares = _shares(np.random.default_rng(seed), size, mean, weight, first)
        return shares.mean(axis=1), _power(shares).mean(axis=1) / size

    def covered(means: Floats, variances: Floats, factor: float) -> float:
        cases = effective_cases(means, variances, size, usual * factor, confidence)
        return float(within_bounds(mean, means, cases, confidence).mean())

    tuning, counting = moments(_SEED + 1), moments(_SEED + 2)
    reached: list[float] = []
    for wider in _FACTORS:
        reached.append(max([*reached[-1:], covered(*tuning, wider)]))
        if reached[-1] >= confidence:
            break
    factor = float(np.interp(confidence, reached, _FACTORS[: len(reached)]))
    return Calibration(factor, covered(*counting, factor))


def _shares(generator: np.random.Generator, size: int, mean: float, weight: float, first: float) -> Floats:
    from scipy.special import ndtr, ndtri

    latent = _series(generator, _calibration_draws(size), size, first)
    shares: Floats = ndtr((float(ndtri(mean)) - np.sqrt(weight) * latent) / np.sqrt(1 - weight))
    return shares


def _calibration_draws(size: int) -> int:
    return min(_CALIBRATION_DRAWS, _CALIBRATION_NUMBERS // size)


def _latent(mean: float, relative_spread: float, autocorrelation: float) -> tuple[float, float]:
    """Weight of the common factor and its autocorrelation that give weekly shares this spread and autocorrelation.

    The covariance of two normal distribution functions of jointly normal factors is an orthant probability less its
    independent value: an integral over the correlation, here by the trapezoid rule on a fine grid.
    """
    from scipy.special import ndtri

    grid = np.linspace(0, 0.995, 2000)
    density = np.exp(-(float(ndtri(mean)) ** 2) / (1 + grid)) / (2 * np.pi * np.sqrt(1 - grid**2))
    covariance = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(grid))])
    target = relative_spread * mean * (1 - mean)
    weight = float(np.interp(target, covariance, grid))
    lagged = float(np.interp(autocorrelation * target, covariance, grid))
    return weight, min(lagged / weight, 0.99)


def _series(generator: np.random.Generator, draws: int, n: int, autocorrelation: float | None = None) -> Floats:
    first = generator.uniform(0, STRONGEST, draws) if autocorrelation is None else np.full(draws, autocorrelation)
    series = generator.standard_normal((n, draws))
    fresh = np.sqrt(1 - first**2)
    for week in range(1, n):
        series[week] = first * series[week - 1] + fresh * series[week]
    return np.ascontiguousarray(series.T)


def _power(series: Floats) -> Floats:
    power: Floats = np.square(series @ cosines(series.shape[1]).T)
    return power


def _nearest(grid: tuple[float, ...], value: float) -> float:
    """The grid value closest to ``value``; half way between two, the lower one."""
    above = bisect_right(grid, value)
    if above in (0, len(grid)):
        return grid[min(above, len(grid) - 1)]
    below = grid[above - 1]
    return below if round(value - below, _DIGITS) <= round(grid[above] - value, _DIGITS) else grid[above]
