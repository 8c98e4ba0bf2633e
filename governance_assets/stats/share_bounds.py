"""Bounds of a share from dependent cases: how many independent cases it is worth, and the exact interval of so many.

Belongs here: arithmetic on a share, the variance of its estimate and a critical value.
Does not belong here: how that variance is estimated (``dependent_mean``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from governance_assets.stats.arrays import Flags, Floats

# Beyond this many cases the exact interval is narrower than any rounding of the share.
_MOST_CASES = 1e8


def effective_cases(mean: Any, variance: Any, n: Any, critical_value: Any, confidence: float) -> Floats:
    """Number of independent cases whose share is as uncertain as this one, less what the estimated variance costs.

    ``mean`` within [0, 1] and ``variance`` of that mean, any equal shapes; ``n`` and ``critical_value`` one for all or of that shape.
    ``n`` weeks stand in for the cases where every week is 0 or every week 1. The number is scaled by the square of the normal
    quantile over ``critical_value``.

    Source: Korn and Graubard (1998), Survey Methodology 24(2).

    >>> round(float(effective_cases(0.5, 0.0025, 26, 1.6448536269514722, 0.9)), 6)
    100.0
    """
    from scipy.special import ndtri

    p, spread = np.asarray(mean, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    product = p * (1 - p)
    cases = np.where(product > 0, np.minimum(product / np.maximum(spread, 1e-300), _MOST_CASES), n)
    return np.asarray(cases * (float(ndtri((1 + confidence) / 2)) / critical_value) ** 2)


def exact_bounds(mean: Any, cases: Any, confidence: float) -> tuple[Floats, Floats]:
    """Exact (Clopper–Pearson) intervals of shares seen in numbers of independent cases that need not be whole, any equal shapes.

    >>> lower, upper = exact_bounds(0.5, 10.0, 0.9)
    >>> round(float(lower), 3), round(float(upper), 3)
    (0.222, 0.778)
    """
    from scipy.special import betaincinv

    p, n = np.asarray(mean, dtype=np.float64), np.asarray(cases, dtype=np.float64)
    miss, hits = (1 - confidence) / 2, p * n
    lower = np.where(p <= 0, 0.0, betaincinv(np.where(p <= 0, 1.0, hits), n - hits + 1, miss))
    upper = np.where(p >= 1, 1.0, betaincinv(hits + 1, np.where(p >= 1, 1.0, n - hits), 1 - miss))
    return lower, upper


def within_bounds(truth: float, mean: Floats, cases: Floats, confidence: float) -> Flags:
    """Whether ``truth`` lies within ``exact_bounds`` of each ``mean`` and ``cases``, without computing the bounds.

    >>> within_bounds(0.3, np.array([0.5, 0.9]), np.array([10.0, 10.0]), 0.9)
    array([ True, False])
    """
    from scipy.special import betainc, xlogy

    # Each interval holds its own mean, so that only the bound on the truth's side can fail.
    below = mean <= truth
    share, at = np.where(below, 1 - mean, mean), np.where(below, 1 - truth, truth)
    miss, hits = (1 - confidence) / 2, np.maximum(share * cases, 1e-12)
    # The tail of a binomial is at most the exponential of minus the divergence: where that is far below, nothing need be computed.
    divergence = xlogy(share, share / at) + xlogy(1 - share, (1 - share) / (1 - at))
    inside: Flags = (share <= 0) | (cases * divergence < 1 - np.log(miss))
    close = inside & (share > 0)
    inside[close] = betainc(hits[close], ((1 - share) * cases)[close] + 1, at[close]) >= miss
    return inside
