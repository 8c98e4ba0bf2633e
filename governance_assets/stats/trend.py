"""The straight-line trend of a few equally spaced observations.

Belongs here: the slope. Does not belong here: what slope counts as a trend (policy).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from governance_assets.stats.arrays import vector


def slope(observations: Any) -> float:
    """Least-squares slope of ``observations`` (n,), oldest first, in their unit per observation; the order is their only time.

    Exact for a straight line, 0 for a constant, and turned about by reversing. Raises ValueError for fewer than 2 observations or
    one that is not finite. Source: ordinary least squares on 0, 1, …, n − 1.

    >>> round(slope([0.4648, 0.2692, 0.2321, 0.9362]), 3), slope([2.0, 4.0, 6.0])
    (0.138, 2.0)
    """
    values = vector("observations", observations)
    if len(values) < 2 or not np.all(np.isfinite(values)):
        raise ValueError(f"observations: found {values.tolist()}, expected at least 2 finite values")
    time = np.arange(len(values)) - (len(values) - 1) / 2
    return float(np.dot(time, values) / np.dot(time, time))
