"""A watch over one-step prediction errors that tells a lasting shift from noise within two weeks.

Belongs here: what two weeks of errors say against the errors before them. Does not belong here: whose errors, and what follows.

A shift that began last week shows in two weeks, an outlier in one, so weeks are judged in pairs: the log-likelihood ratio of a shift
of ``SHIFT`` residual standard deviations that began a week ago, on either side, against none. Errors before the pair give their own
centre, spread and autocorrelation, robustly, and how fat their tails are. The ratio is that of a t distribution, so that one week
alone can say only so much. The limit is the simulated one for that autocorrelation and those tails; ``benchmarks/shift_watch.py``
measures run lengths and the share of planted shifts found.

How much is possible: the most powerful test of a shift of 3.3 deviations in two errors, which knows centre, spread, autocorrelation and
tails exactly and gives a false alarm every 200 weeks, finds 97.5 % of such shifts in normal noise without autocorrelation, 94 % at an
autocorrelation of 0.15, 92 % at 0.3, and 96.5 and 91 % in t noise with 4 degrees of freedom without and at 0.3 (simulated; the benchmark
prints it beside the watch). Two errors say no more. At exactly that run length this statistic finds 94.5 % in normal noise without
autocorrelation: estimating centre and spread from 104 errors costs 2 points of the 3, autocorrelation and tails the rest. One limit that
keeps 200 weeks in all the cases named below makes the run length longer than that, near 380 weeks, and finds 92 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Flags, Floats, share, vector

SHIFT = 3.3
# Errors before the pair that the pair is held against: at least, and at most the latest so many.
LEAST_REFERENCE, MOST_REFERENCE = 26, 104
_RATIO_FREEDOM = 5.0
# Errors further out than this many robust deviations count as that far when spread and autocorrelation are estimated.
_CLIP = 2.5
_SHRINKAGE_WEEKS = 13
_MOST_AUTOCORRELATION = 0.8
# Tails by their degrees of freedom: the deviation of such noise, clipped as above, in units of its scale; and the limit for it.
_TAILS = ((4.0, 1.22918, 3.95), (8.0, 1.11709, 2.60), (math.inf, 1.01096, 1.50))
_LIMIT_PER_AUTOCORRELATION, _AUTOCORRELATION_KNEE = 3.5, 0.3
# What few weeks of reference leave uncertain of their spread and autocorrelation.
_LIMIT_PER_INVERSE_WEEK = 25.0
_LIMIT_PER_LOG_RUN_LENGTH = 1.25
_RUN_LENGTH = 200.0


@dataclass(frozen=True)
class ShiftWatch:
    """What was found in each week, (weeks,): NaN and False in weeks not judged.

    ``score`` is the log-likelihood ratio of a shift that began the week before, ``limit`` what it must exceed, ``is_shift`` whether it
    does. ``size`` is the mean of the two errors less the centre of those before them, in residual standard deviations, signed.
    """

    score: Floats
    limit: Floats
    is_shift: Flags
    size: Floats


def standardised_errors(observed: Any, median: Any, lower: Any, upper: Any, confidence: float = 0.9) -> Floats:
    """Errors (weeks,) in standard deviations of a normal with the stated central interval; NaN where anything is NaN.

    ``lower`` and ``upper`` are the ends of the interval with probability ``confidence``. Raises ValueError for arrays of different
    lengths or an interval that is empty.

    >>> standardised_errors([3.0], [1.0], [-0.645], [2.645]).round(2)
    array([2.])
    """
    from scipy import special

    y = vector("observed", observed)
    middle, low, high = (
        vector(name, values, length=len(y), like="observed") for name, values in (("median", median), ("lower", lower), ("upper", upper))
    )
    if (high <= low).any():
        raise ValueError(f"upper is not above lower in row {int(np.argmax(high <= low))}; an interval without width has no scale")
    return np.asarray((y - middle) * 2 * special.ndtri((1 + share("confidence", confidence)) / 2) / (high - low), dtype=np.float64)


def watch_shifts(errors: Any, *, run_length: float = _RUN_LENGTH) -> ShiftWatch:
    """Judge every week of ``errors`` (weeks,), in time order, by that week, the one before, and up to 104 weeks before those.

    ``errors`` are those of one-step predictions, standardised by their predictive spread (``standardised_errors``); their scale and
    centre do not matter, for both are estimated. NaN weeks are passed over. Weeks with fewer than 26 errors before the pair are
    not judged. ``run_length`` is the mean number of weeks until the first false alarm, 100 to 1000; it holds for errors with
    autocorrelation from 0 to 0.6 and tails from normal to t with 4 degrees of freedom, and is longer for most of these. A week's
    verdict never changes when later weeks arrive.

    Raises ValueError for a run length out of range or errors that never differ.

    >>> noise = np.random.default_rng(0).standard_normal(60)
    >>> noise[58:] += 4.0
    >>> np.flatnonzero(watch_shifts(noise).is_shift)
    array([59])
    """
    values = vector("errors", errors)
    if not 100 <= run_length <= 1000:
        raise ValueError(f"run_length is {run_length}, expected 100 to 1000 weeks: the limits were simulated for these")
    known = np.flatnonzero(np.isfinite(values))
    if len(known) > 1 and np.ptp(values[known]) == 0:
        raise ValueError(f"errors are {values[known[0]]:g} in every week; errors of real predictions differ")
    found = np.full((3, len(values)), np.nan)
    found[:, known] = watched(values[known][None], run_length)[:, 0]
    score, limit, size = found
    return ShiftWatch(score, limit, np.nan_to_num(score, nan=-np.inf) > np.nan_to_num(limit, nan=np.inf), size)


def watched(errors: Floats, run_length: float = _RUN_LENGTH) -> Floats:
    """Score, limit and size, (3, series, weeks), of many series without gaps (series, weeks); NaN in weeks not judged."""
    series, weeks = errors.shape
    found = np.full((3, series, weeks), np.nan)
    for week in range(LEAST_REFERENCE + 1, weeks):
        reference = errors[:, max(0, week - 1 - MOST_REFERENCE) : week - 1]
        centre, spread, kept = _reference(reference)
        standard = (errors[:, : week + 1] - centre[:, None]) / spread[:, None]
        root = np.sqrt(1 - kept**2)
        first, second = ((standard[:, t] - kept * standard[:, t - 1]) / root for t in (week - 1, week))
        ratios = [_log_ratio(side * first, SHIFT / root) + _log_ratio(side * second, SHIFT * (1 - kept) / root) for side in (1, -1)]
        innovations = (standard[:, -reference.shape[1] - 1 : -2] - kept[:, None] * standard[:, -reference.shape[1] - 2 : -3]) / root[
            :, None
        ]
        found[0, :, week] = np.maximum(*ratios)
        found[1, :, week] = _limits(innovations, kept, run_length) + _LIMIT_PER_INVERSE_WEEK / reference.shape[1]
        found[2, :, week] = standard[:, week - 1 :].mean(axis=1)
    return found


def _reference(errors: Floats) -> tuple[Floats, Floats, Floats]:
    """Centre, spread and autocorrelation of each series, (series,) each; errors far out are clipped first."""
    weeks = errors.shape[1]
    middle = np.median(errors, axis=1, keepdims=True)
    reach = _CLIP * 1.4826 * np.median(np.abs(errors - middle), axis=1, keepdims=True)
    # Half of the errors alike leave a median deviation of 0; nothing is clipped then.
    clipped = np.where(reach > 0, np.clip(errors, middle - reach, middle + reach), errors)
    centre = clipped.mean(axis=1)
    left = clipped - centre[:, None]
    squares = np.maximum((left**2).sum(axis=1), np.finfo(np.float64).tiny)
    # The usual estimate is low by about one over the number of weeks.
    raw = (left[:, 1:] * left[:, :-1]).sum(axis=1) / squares + 1 / weeks
    kept = np.clip(raw, 0.0, _MOST_AUTOCORRELATION) * weeks / (weeks + _SHRINKAGE_WEEKS)
    # What clipping takes from the deviation of normal errors is given back.
    return centre, np.sqrt(squares / (weeks - 1)) / 0.978, kept


def _log_ratio(error: Floats, shift: Floats) -> Floats:
    """Log-likelihood ratio of a shift against none for one week's error, noise of t with few degrees of freedom."""
    return np.asarray(0.5 * (_RATIO_FREEDOM + 1) * (np.log1p(error**2 / _RATIO_FREEDOM) - np.log1p((error - shift) ** 2 / _RATIO_FREEDOM)))


def _limits(innovations: Floats, kept: Floats, run_length: float) -> Floats:
    """The limit of each series: those for the kinds of tails, weighted by how well each explains the reference."""
    logs = np.array([_log_density(innovations * scale, freedom, scale).sum(axis=1) for freedom, scale, _ in _TAILS])
    weights = np.exp(logs - logs.max(axis=0))
    by_tails = np.array([limit for _, _, limit in _TAILS]) @ (weights / weights.sum(axis=0))
    by_run_length = _LIMIT_PER_LOG_RUN_LENGTH * math.log(run_length / _RUN_LENGTH)
    return np.asarray(by_tails + _LIMIT_PER_AUTOCORRELATION * np.minimum(kept, _AUTOCORRELATION_KNEE) + by_run_length)


def _log_density(values: Floats, freedom: float, scale: float) -> Floats:
    """Log density of t noise, its scale and the change of scale included."""
    if math.isinf(freedom):
        return np.asarray(math.log(scale / math.sqrt(2 * math.pi)) - 0.5 * values**2)
    constant = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - 0.5 * math.log(freedom * math.pi) + math.log(scale)
    return np.asarray(constant - (freedom + 1) / 2 * np.log1p(values**2 / freedom))
