"""What a long-run variance from few weeks is worth: simulated critical values, p-values and coverage.

Belongs here: the simulations behind ``dependent_mean``, cached, equal at every run because each seeds its own generator.
Does not belong here: the estimates and intervals themselves.

The series simulated are autoregressive with a lag-one autocorrelation drawn evenly between 0 and ``STRONGEST``: a
critical value holds on average over that range instead of at independence only, where no weekly series is. Arrays of series
hold one week a row, (weeks, draws).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from governance_assets.stats.arrays import Floats

STRONGEST = 0.9
_SEED = 20_250_106
_DRAWS = 20_000
_NUMBERS = 1_000_000
_ONE_THREAD = 250_000
_CALIBRATION_DRAWS = 2_000
_CALIBRATION_NUMBERS = 208_000
_WIDEST = 4.0
# Estimates half way between two grid values must fall to the same one on every machine, whatever their last bits.
_DIGITS = 9
_AUTOCORRELATIONS = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9)
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
    return np.sort(np.abs(series.mean(axis=0)) / np.sqrt(slow_power(series).mean(axis=0) / size))


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
    past, recent = series[:n_past], series[n_past:]
    variance = np.concatenate([slow_power(past), slow_power(recent)]).mean(axis=0)
    return np.sort(np.abs(recent.mean(axis=0) - past.mean(axis=0)) / np.sqrt(variance * (1 / n_recent + 1 / n_past)))


def calibrate(size: int, autocorrelation: float, confidence: float) -> Calibration:
    """How much wider a ``mean_interval`` of ``size`` weeks must be under this dependence, and how often it then holds the truth.

    The simulated series are normal and autoregressive with this lag-one autocorrelation, rounded to steps of 0.15 so that answers can
    be kept. One set of series sets the factor, another one counts; with 2000 series (fewer above 104 weeks) the standard error
    of the coverage is two thirds of a point.

    >>> calibrate(26, 0.3, 0.9).factor
    1.0
    """
    return _calibrate_mean(size, _nearest(_AUTOCORRELATIONS, autocorrelation), confidence)


@lru_cache(maxsize=4096)
def _calibrate_mean(size: int, autocorrelation: float, confidence: float) -> Calibration:
    def studentised(seed: int) -> Floats:
        series = _series(np.random.default_rng(seed), calibration_draws(size), size, autocorrelation)
        ratio: Floats = np.abs(series.mean(axis=0)) / np.sqrt(slow_power(series).mean(axis=0) / size)
        return ratio

    usual = critical_value(size, confidence)
    factor = float(np.clip(np.quantile(studentised(_SEED + 1), confidence) / usual, 1, _WIDEST))
    return Calibration(factor, float((studentised(_SEED + 2) <= usual * factor).mean()))


def calibration_draws(size: int) -> int:
    """How many series of ``size`` weeks stand behind a calibration.

    >>> calibration_draws(26), calibration_draws(208)
    (2000, 1000)
    """
    return min(_CALIBRATION_DRAWS, _CALIBRATION_NUMBERS // size)


def slow_power(series: Floats) -> Floats:
    """Squared projections of series, (weeks, draws), on the lowest cosines, (cosines, draws).

    >>> float(slow_power(np.ones((26, 3))).round(12).max())
    0.0
    """
    waves = cosines(len(series))
    # Products of this size stay on one thread: sharing them out costs more than it saves, above all on a busy machine.
    width = max(1, _ONE_THREAD // waves.size)
    blocks = [waves @ series[:, start : start + width] for start in range(0, series.shape[1], width)]
    power: Floats = np.square(np.hstack(blocks))
    return power


def autoregressive(normals: Floats, first: Floats | float) -> Floats:
    """Stationary series, (weeks, draws), with lag-one autocorrelations ``first`` made of independent standard normals.

    >>> autoregressive(np.ones((3, 1)), 0.6).ravel().round(2).tolist()
    [1.0, 1.4, 1.64]
    """
    series = np.empty_like(normals)
    series[0] = normals[0]
    fresh = np.sqrt(1 - np.square(first))
    for week in range(1, len(normals)):
        series[week] = first * series[week - 1] + fresh * normals[week]
    return series


def _series(generator: np.random.Generator, draws: int, n: int, autocorrelation: float | None = None) -> Floats:
    first = generator.uniform(0, STRONGEST, draws) if autocorrelation is None else autocorrelation
    return autoregressive(generator.standard_normal((n, draws)), first)


def _nearest(grid: tuple[float, ...], value: float) -> float:
    """The grid value closest to ``value``; half way between two, the lower one."""
    above = bisect_right(grid, value)
    if above in (0, len(grid)):
        return grid[min(above, len(grid) - 1)]
    below = grid[above - 1]
    return below if round(value - below, _DIGITS) <= round(grid[above] - value, _DIGITS) else grid[above]
