"""Whether a short series degrades consistently, and which next values would make it so.

Belongs here: the test on a few observations in a row. Does not belong here: what is observed, or what follows from it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Floats, share, vector


def is_falling(observations: Any, significance: float) -> bool:
    """Whether ``observations``, at least 3 and equally spaced in time, oldest first, fall one and all, or have a falling trend.

    A trend falls when the least-squares slope is negative with a two-sided p below ``significance`` (t test, n − 2 degrees of freedom;
    with four observations p is 1 less the absolute correlation with time). Without any trend, four independent normal observations
    fall by this rule at significance 0.1 in 5.3 % of series (simulated).

    Raises ValueError for fewer than 3 observations or one that is not finite.

    >>> is_falling([0.9, 0.8, 0.7, 0.6], 0.1), is_falling([0.4648, 0.2692, 0.2321, 0.9362], 0.1)
    (True, False)
    >>> is_falling([0.90, 0.70, 0.705, 0.5], 0.1), is_falling([0.7, 0.7, 0.7, 0.7], 0.1)
    (True, False)
    """
    values = _checked(observations)
    if np.all(np.diff(values) < 0):
        return True
    time = np.arange(len(values)) - (len(values) - 1) / 2
    deviations = values - values.mean()
    products = float(np.dot(time, deviations))
    squares = float(np.dot(deviations, deviations))
    return products < 0 and products**2 > _critical_square(len(values), significance) * float(np.dot(time, time)) * squares


def falling_cuts(earlier: Any, significance: float) -> tuple[float, ...]:
    """The values of one more observation at which ``is_falling`` can change its answer, ascending.

    They are the last of ``earlier`` and the roots of the quadratic equation that puts the slope's p at ``significance``.

    >>> [round(at, 4) for at in falling_cuts([0.9, 0.8, 0.8], 0.1)]
    [0.5216, 0.7641, 0.8]
    """
    before = vector("earlier", earlier)
    _checked([*before, 0.0])
    n = len(before) + 1
    time = np.arange(n) - (n - 1) / 2
    # With the new value y: products = p0 + p1 y, squares = q0 + q1 y + q2 y², and the cut is products² = c · Σtime² · squares.
    p0, p1 = float(np.dot(time[:-1], before)), float(time[-1])
    total = float(before.sum())
    q0, q1, q2 = float(np.dot(before, before)) - total**2 / n, -2 * total / n, 1 - 1 / n
    scale = _critical_square(n, significance) * float(np.dot(time, time))
    roots = np.roots([p1**2 - scale * q2, 2 * p0 * p1 - scale * q1, p0**2 - scale * q0])
    real = [float(root.real) for root in roots if abs(root.imag) <= 1e-12 * max(1.0, abs(root))]
    return tuple(sorted({float(before[-1]), *real}))


def _critical_square(n: int, significance: float) -> float:
    """Square of the correlation with time of n observations at which the two-sided p of the slope is ``significance``."""
    from scipy.special import stdtrit

    critical = float(stdtrit(n - 2, 1 - share("significance", significance) / 2))
    return critical**2 / (critical**2 + n - 2)


def _checked(observations: Any) -> Floats:
    values = vector("observations", observations)
    if len(values) < 3 or not all(map(math.isfinite, values)):
        raise ValueError(f"observations are {list(values)}, expected at least 3 finite numbers")
    return values
