"""Scores of forecasts stated as quantiles: weighted interval score and its parts, coverage, bias, error of the median.

Belongs here: one number a forecast, from its quantiles and the value observed.
Does not belong here: means over forecasts and their uncertainty (``dependent_mean``), comparisons of models (``skill``).

Shapes, the same for all functions: ``observed`` (n,) and ``predicted`` (n, K) in the unit of the target, ``levels`` (K,)
strictly between 0 and 1, in any order, without repetition. Levels that agree to ten decimals are the same level.

A row with NaN in ``observed`` or anywhere in ``predicted`` scores NaN: averaging over the levels that are left would
compare forecasts on different scales. Score forecasts with other levels in a call of their own.

Rows whose quantiles cross (fall while the level rises) have no intervals: everything but the pinball loss and the
weighted interval score is NaN there; ``crosses`` tells which rows these are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Counts, Flags, Floats, matrix, share, vector

_DECIMALS = 10


@dataclass(frozen=True)
class IntervalScore:
    """An interval score and the three parts it is the sum of, each (n,), in the unit of the target, lower is better.

    ``overprediction`` is what observed values below an interval cost, ``underprediction`` what those above cost, and
    ``dispersion`` what the width of the intervals costs.
    """

    score: Floats
    overprediction: Floats
    underprediction: Floats
    dispersion: Floats


@dataclass(frozen=True)
class Ranks:
    """Where the observed value stands among a forecast's quantiles, each (n,); -1 where either is missing.

    ``n_below`` counts quantiles strictly below the observed value, ``n_at_or_below`` those at or below it. With ascending
    levels, the value is at or above quantile k (from 0) when ``n_at_or_below > k`` and at or below it when ``n_below <= k``.
    """

    n_below: Counts
    n_at_or_below: Counts


def pinball(observed: Any, predicted: Any, levels: Any) -> Floats:
    """Pinball (quantile) loss of each quantile: ``max(level · (y − q), (level − 1) · (y − q))``.

    Returns (n, K) in the unit of the target, columns in the order of ``levels``; 0 is perfect, lower is better.
    NaN where the observed value or that quantile is NaN. Raises ValueError when shapes or levels do not fit.

    Source: Koenker and Bassett (1978), Econometrica 46(1).

    >>> pinball([10.0], [[8.0, 11.0]], [0.5, 0.9])
    array([[1. , 0.1]])
    """
    y, q, tau = _inputs(observed, predicted, levels)
    error = y[:, None] - q
    return np.maximum(tau * error, (tau - 1) * error)


def wis(observed: Any, predicted: Any, levels: Any) -> IntervalScore:
    """Weighted interval score with its overprediction, underprediction and dispersion.

    The score is twice the mean pinball loss over the levels. When the levels pair up around 0.5 (with or without 0.5
    itself) this is the mean over the central intervals of half their miss probability times their interval score, the
    median counting as half an interval, and the score is the sum of the three parts. When some level lacks its
    partner the parts are NaN and only the score is defined.

    Range 0 to infinity, unit of the target, lower is better. NaN in a row gives NaN; crossing quantiles give NaN parts.
    Raises ValueError when shapes or levels do not fit.

    Source: Bracher, Ray, Gneiting and Reich (2021), PLOS Computational Biology 17(2), equations 1 to 4.

    >>> wis([10.0], [[4.0, 8.0, 9.0]], [0.25, 0.5, 0.75]).score.round(6)
    array([2.166667])
    """
    y, q, tau = _sorted(observed, predicted, levels)
    error = y[:, None] - q
    score = 2 * np.maximum(tau * error, (tau - 1) * error).mean(axis=1)
    if not _pairs(tau):
        missing = np.full(len(y), np.nan)
        return IntervalScore(score, missing, missing.copy(), missing.copy())
    # Half an interval has one bound; the median counts once on either side, with half the weight.
    side_lower = np.where(tau < 0.5, 1.0, np.where(tau > 0.5, 0.0, 0.5))
    over = 2 * (np.maximum(-error, 0) * side_lower).mean(axis=1)
    under = 2 * (np.maximum(error, 0) * (1 - side_lower)).mean(axis=1)
    half = len(tau) // 2
    dispersion = 2 * ((q[:, ::-1] - q)[:, :half] * tau[:half]).sum(axis=1) / len(tau)
    unusable = np.isnan(score) | _crossing(q)
    return IntervalScore(score, *(np.where(unusable, np.nan, part) for part in (over, under, dispersion)))


def interval_score(observed: Any, lower: Any, upper: Any, nominal: float, *, weighted: bool = True) -> IntervalScore:
    """Interval score of one central interval with ``nominal`` coverage, and its three parts.

    With miss probability ``a = 1 − nominal`` the score is ``(upper − lower) + 2/a · (lower − y)₊ + 2/a · (y − upper)₊``;
    ``weighted`` multiplies it by ``a/2``, the form in which it enters the weighted interval score.

    ``observed``, ``lower``, ``upper`` (n,) in the unit of the target; ``nominal`` in (0, 1). Range 0 to infinity, lower is better.
    NaN in a row gives NaN. Raises ValueError when shapes do not fit or some ``upper`` is below its ``lower``.

    Source: Gneiting and Raftery (2007), JASA 102(477), section 6.2.

    >>> float(interval_score([12.0], [4.0], [10.0], 0.5, weighted=False).score[0])
    14.0
    """
    y = vector("observed", observed)
    low = vector("lower", lower, length=len(y), like="observed")
    high = vector("upper", upper, length=len(y), like="observed")
    miss = 1 - share("nominal", nominal)
    if (high < low).any():
        raise ValueError(f"upper is below lower in {int((high < low).sum())} of {len(y)} rows")
    unit = 1.0 if weighted else 2 / miss
    missing = np.where(np.isnan(y) | np.isnan(low) | np.isnan(high), np.nan, 0.0)
    over = np.maximum(low - y, 0) * unit + missing
    under = np.maximum(y - high, 0) * unit + missing
    dispersion = (high - low) * miss / 2 * unit + missing
    return IntervalScore(over + under + dispersion, over, under, dispersion)


def interval_coverage(observed: Any, predicted: Any, levels: Any, nominal: float) -> Floats:
    """1 where the observed value lies inside the central interval with ``nominal`` coverage, ends included, else 0.

    Returns (n,) floats, NaN where the row has a NaN or its quantiles cross. Calibrated forecasts average ``nominal``.
    Raises ValueError when the two levels of that interval are not among ``levels``.

    >>> interval_coverage([4.0, 9.5], [[4.0, 8.0, 9.0]] * 2, [0.25, 0.5, 0.75], 0.5)
    array([1., 0.])
    """
    y, q, tau = _sorted(observed, predicted, levels)
    miss = 1 - share("nominal", nominal)
    low, high = q[:, _position(tau, miss / 2)], q[:, _position(tau, 1 - miss / 2)]
    return np.where(_missing(y, q) | _crossing(q), np.nan, (low <= y) & (y <= high))


def quantile_coverage(observed: Any, predicted: Any, levels: Any) -> Floats:
    """1 where the observed value is at or below the quantile, else 0, for every quantile.

    Returns (n, K), columns in the order of ``levels``; a calibrated column averages its level. NaN where the observed
    value or that quantile is NaN. Raises ValueError when shapes or levels do not fit.

    >>> quantile_coverage([8.0], [[4.0, 8.0, 9.0]], [0.25, 0.5, 0.75])
    array([[0., 1., 1.]])
    """
    y, q, _ = _inputs(observed, predicted, levels)
    missing = np.isnan(y)[:, None] | np.isnan(q)
    return np.where(missing, np.nan, y[:, None] <= q)


def quantile_bias(observed: Any, predicted: Any, levels: Any) -> Floats:
    """Whether the forecast sits above (+1) or below (−1) the observed value, in steps of the levels.

    0 when the observed value equals the median; ``1 − 2 · level`` of the highest quantile at or below it when it is
    under the median (1 when there is none); ``1 − 2 · level`` of the lowest quantile at or above it when it is over the
    median (−1 when there is none). Without level 0.5 the median is interpolated between the two innermost quantiles.

    Returns (n,) in [−1, 1]; 0 is unbiased, positive is overprediction. NaN for a NaN in the row or crossing quantiles.
    Raises ValueError when shapes or levels do not fit, or the levels do not reach both sides of 0.5.

    Source: definition of ``bias_quantile`` in scoringutils 2.2.

    >>> quantile_bias([3.0, 8.0, 8.5], [[4.0, 8.0, 9.0]] * 3, [0.25, 0.5, 0.75])
    array([ 1. ,  0. , -0.5])
    """
    y, q, tau = _sorted(observed, predicted, levels)
    median = _median(q, tau)
    n_below = (q < y[:, None]).sum(axis=1)
    n_at_or_below = (q <= y[:, None]).sum(axis=1)
    from_below = 1 - 2 * np.concatenate([[0.0], tau])[n_at_or_below]
    from_above = 1 - 2 * np.concatenate([tau, [1.0]])[n_below]
    bias = np.where(y == median, 0.0, np.where(y < median, from_below, from_above))
    return np.where(_missing(y, q) | _crossing(q), np.nan, bias)


def quantile_ae_median(observed: Any, predicted: Any, levels: Any) -> Floats:
    """Absolute error of the predicted median, (n,) in the unit of the target, lower is better.

    NaN where the row has a NaN. Raises ValueError when shapes do not fit or 0.5 is not among the levels.

    >>> quantile_ae_median([10.0], [[4.0, 8.0, 9.0]], [0.25, 0.5, 0.75])
    array([2.])
    """
    y, q, tau = _sorted(observed, predicted, levels)
    return np.where(_missing(y, q), np.nan, np.abs(y - q[:, _position(tau, 0.5)]))


def quantile_ranks(observed: Any, predicted: Any, levels: Any) -> Ranks:
    """How many quantiles lie strictly below, and at or below, the observed value.

    Counts from 0 to K, -1 where the row has a NaN or its quantiles cross. Every coverage and the probability integral
    transform follow from them. Raises ValueError when shapes or levels do not fit.

    >>> quantile_ranks([8.0], [[4.0, 8.0, 9.0]], [0.25, 0.5, 0.75])
    Ranks(n_below=array([1]), n_at_or_below=array([2]))
    """
    y, q, _ = _sorted(observed, predicted, levels)
    unusable = _missing(y, q) | _crossing(q)
    below = np.where(unusable, -1, (q < y[:, None]).sum(axis=1))
    at_or_below = np.where(unusable, -1, (q <= y[:, None]).sum(axis=1))
    return Ranks(below.astype(np.int64), at_or_below.astype(np.int64))


def crosses(predicted: Any, levels: Any) -> Flags:
    """True for rows in which some quantile is lower than one of a smaller level; rows with a NaN are False.

    >>> crosses([[1.0, 2.0], [2.0, 1.0]], [0.25, 0.75])
    array([False,  True])
    """
    tau = _levels(levels)
    q = matrix("predicted", predicted, columns=len(tau), like="levels")[:, np.argsort(tau)]
    return _crossing(q) & ~np.isnan(q).any(axis=1)


def _inputs(observed: Any, predicted: Any, levels: Any) -> tuple[Floats, Floats, Floats]:
    y, tau = vector("observed", observed), _levels(levels)
    return y, matrix("predicted", predicted, rows=len(y), columns=len(tau), like="observed and levels"), tau


def _sorted(observed: Any, predicted: Any, levels: Any) -> tuple[Floats, Floats, Floats]:
    y, q, tau = _inputs(observed, predicted, levels)
    order = np.argsort(tau)
    return y, q[:, order], tau[order]


def _levels(levels: Any) -> Floats:
    tau = vector("levels", levels)
    if len(tau) == 0:
        raise ValueError("levels is empty, expected at least one level")
    if not ((tau > 0) & (tau < 1)).all():
        raise ValueError(f"levels holds {tau[~((tau > 0) & (tau < 1))].tolist()}, expected fractions strictly between 0 and 1")
    if len(np.unique(tau.round(_DECIMALS))) < len(tau):
        raise ValueError("levels holds the same level twice")
    return tau


def _position(tau: Floats, level: float) -> int:
    found = np.flatnonzero(np.abs(tau - level) < 10.0**-_DECIMALS)
    if len(found) == 0:
        raise ValueError(f"level {round(level, _DECIMALS)} is needed; levels holds {tau.tolist()}")
    return int(found[0])


def _pairs(tau: Floats) -> bool:
    return bool(np.allclose(tau + tau[::-1], 1, rtol=0, atol=10.0**-_DECIMALS))


def _median(q: Floats, tau: Floats) -> Floats:
    if np.abs(tau - 0.5).min() < 10.0**-_DECIMALS:
        return q[:, _position(tau, 0.5)]
    above = int(np.searchsorted(tau, 0.5))
    if above in (0, len(tau)):
        raise ValueError(f"levels {tau.tolist()} lie on one side of 0.5, the median cannot be interpolated")
    weight = (0.5 - tau[above]) / (tau[above - 1] - tau[above])
    # The operations in scoringutils' order, so that ties with the observed value fall the same way.
    median: Floats = q[:, above] + weight * (q[:, above - 1] - q[:, above])
    return median


def _missing(y: Floats, q: Floats) -> Flags:
    missing: Flags = np.isnan(y) | np.logical_or.reduce(np.isnan(q), axis=1)
    return missing


def _crossing(q: Floats) -> Flags:
    crossing: Flags = np.logical_or.reduce(np.diff(q, axis=1) < 0, axis=1)
    return crossing
