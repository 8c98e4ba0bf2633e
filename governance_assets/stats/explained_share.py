"""Out-of-sample R² of predictions, and how much it differs between folds.

Belongs here: shares of squared deviations. Does not belong here: errors in the unit of the target (``forecast_errors``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from governance_assets.stats.arrays import vector


def r_squared(observed: Any, predicted: Any) -> float:
    """1 less squared errors over squared deviations of ``observed`` (n,) from its own mean; NaN for one value, or when nothing varies.

    >>> r_squared([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    0.5
    """
    y = vector("observed", observed)
    errors = y - vector("predicted", predicted, length=len(y), like="observed")
    if len(y) < 2 or np.ptp(y) == 0:
        return float("nan")
    return 1 - float((errors**2).sum()) / float(((y - y.mean()) ** 2).sum())


def fold_spread(observed: Any, predicted: Any, length: int) -> float:
    """Standard deviation (divisor n) of R² over folds of ``length`` values, the last fold at the end; NaN with fewer than two whole folds.

    >>> fold_spread([1.0, 2.0, 3.0, 1.0, 2.0, 3.0], [1.0, 2.0, 2.0, 1.0, 2.0, 3.0], 3)
    0.25
    """
    y = vector("observed", observed)
    p = vector("predicted", predicted, length=len(y), like="observed")
    starts = range(len(y) % length, len(y), length)
    found = [r_squared(y[start : start + length], p[start : start + length]) for start in starts]
    return float(np.std(found)) if len(found) > 1 else float("nan")
