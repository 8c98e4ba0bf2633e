"""Figures as they are recorded: to as many digits as every processor agrees on."""

from __future__ import annotations

import math

DIGITS = 9
"""Significant digits; beyond them results of linear algebra differ between processors, and equal inputs must give equal digests."""


def rounded(value: float) -> float | None:
    """``value`` to ``DIGITS`` significant digits; None for what is not finite.

    >>> rounded(1234.56789012345), rounded(float("nan"))
    (1234.56789, None)
    """
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
