"""Median and robust spread of a few values.

Belongs here: the estimate. Does not belong here: how many spreads away is far (policy).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from governance_assets.stats.arrays import vector


def robust_band(values: Any, factor: float) -> tuple[float, float]:
    """Median of ``values`` (n,) and ``factor`` times their median absolute deviation from it, both in their unit.

    With the factor 1.4826 the second is a consistent estimate of the standard deviation of normal values; up to half of the values
    may be arbitrary without carrying it away. It is 0 when more than half are equal. Shifting the values shifts the first and leaves
    the second; scaling scales both. Raises ValueError for no values or one that is not finite.
    Source: P. J. Rousseeuw and C. Croux, Alternatives to the Median Absolute Deviation, JASA 88 (1993).

    >>> robust_band([1.0, 2.0, 3.0, 4.0, 100.0], 1.0)
    (3.0, 1.0)
    """
    given = vector("values", values)
    if not len(given) or not np.all(np.isfinite(given)):
        raise ValueError(f"values: found {given.tolist()}, expected at least 1 finite value")
    middle = float(np.median(given))
    return middle, factor * float(np.median(np.abs(given - middle)))
