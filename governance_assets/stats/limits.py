"""Comparisons with a limit that do not hang on the last bit of a sum.

Belongs here: above and below for figures computed in floating point. Does not belong here: the limits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from governance_assets.stats.arrays import Flags

_RELATIVE = 1e-12


def above(value: Any, limit: Any) -> Flags:
    """Whether ``value`` exceeds ``limit`` by more than rounding; any shapes that fit together, NaN is not above anything.

    >>> bool(above(0.8, 0.7 + 0.1)), 0.8 > 0.7 + 0.1
    (False, True)
    """
    v, most = np.asarray(value, dtype=np.float64), np.asarray(limit, dtype=np.float64)
    # An infinite limit has no rounding; scaled by it the margin would make it not a number.
    flags: Flags = v > most + _RELATIVE * np.where(np.isinf(most), 1, np.maximum(np.abs(most), 1))
    return flags


def below(value: Any, limit: Any) -> Flags:
    """Whether ``value`` falls short of ``limit`` by more than rounding.

    >>> bool(below(0.95 - 0.05 - 1e-17, 0.9)), bool(below(0.89, 0.9))
    (False, True)
    """
    return above(-np.asarray(value, dtype=np.float64), -np.asarray(limit, dtype=np.float64))
