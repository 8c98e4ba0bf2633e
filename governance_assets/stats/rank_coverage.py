"""Coverages and PIT shares of forecasts from ranks: no quantile value is needed.

Belongs here: what follows from how many quantiles lie below an observed value. Does not belong here: computing those ranks
(``quantile_scores``) or averaging over forecasts (``averages``, ``dependent_mean``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Floats, vector

_DECIMALS = 10


@dataclass(frozen=True)
class Hits:
    """1 or 0 for each forecast (rows) and each nominal share (columns), NaN where the forecast is not observed."""

    nominal: tuple[float, ...]
    hit: Floats


def central_intervals(levels: Sequence[float]) -> list[tuple[float, int, int]]:
    """Nominal coverage, lower and upper position of each central interval of ascending ``levels``, narrowest first.

    >>> central_intervals([0.1, 0.25, 0.5, 0.9])
    [(0.8, 0, 3)]
    """
    at = {round(level, _DECIMALS): position for position, level in enumerate(levels)}
    pairs = [(level, position, at.get(round(1 - level, _DECIMALS))) for level, position in at.items() if level < 0.5]
    return sorted((round(1 - 2 * level, _DECIMALS), low, high) for level, low, high in pairs if high is not None)


def has_median(levels: Sequence[float]) -> bool:
    """Whether 0.5 is among the levels.

    >>> has_median([0.1, 0.5]), has_median([0.1, 0.9])
    (True, False)
    """
    return any(round(level, _DECIMALS) == 0.5 for level in levels)


def is_symmetric(levels: Sequence[float]) -> bool:
    """Whether every level has its partner on the other side of 0.5.

    >>> is_symmetric([0.1, 0.5, 0.9]), is_symmetric([0.1, 0.5])
    (True, False)
    """
    return 2 * len(central_intervals(levels)) + has_median(levels) == len(levels)


def share_text(share: float) -> str:
    """A share in per cent, as it stands in names.

    >>> share_text(0.8), share_text(0.975)
    ('80', '97.5')
    """
    return f"{100 * share:.10g}"


def interval_hits(levels: Sequence[float], n_below: Any, n_at_or_below: Any) -> Hits:
    """Whether the observed value lies in each central interval, ends included.

    ``n_below`` and ``n_at_or_below`` (n,) count the quantiles strictly below, and at or below, the observed value; NaN when not observed.

    >>> interval_hits([0.25, 0.5, 0.75], [1.0, 3.0], [1.0, 3.0]).hit.ravel().tolist()
    [1.0, 0.0]
    """
    below, at_or_below = _ranks(n_below, n_at_or_below)
    intervals = central_intervals(levels)
    hits = [(at_or_below > low) & (below <= high) for _, low, high in intervals]
    return Hits(tuple(nominal for nominal, _, _ in intervals), _observed(hits, below))


def quantile_hits(levels: Sequence[float], n_below: Any) -> Hits:
    """Whether the observed value lies at or below each quantile.

    >>> quantile_hits([0.25, 0.75], [1.0]).hit.tolist()
    [[0.0, 1.0]]
    """
    below = vector("n_below", n_below)
    return Hits(tuple(levels), _observed([below <= position for position in range(len(levels))], below))


def pit_shares(lower: Any, upper: Any, bins: int) -> Floats:
    """Share of each forecast's probability integral transform in ``bins`` equal bins, (n, bins), each row adding to 1.

    The transform of a forecast with steps is only known to lie between ``lower`` and ``upper``, (n,) within [0, 1]; it is spread
    evenly over them. That is the expectation of the randomised transform, without its noise. A transform without spread falls into
    the bin that ends at or above it. NaN gives NaN.

    Source: Czado, Gneiting and Held (2009), Biometrics 65(4), non-randomised PIT histogram.

    >>> pit_shares([0.25, 0.5], [0.75, 0.5], 4).tolist()
    [[0.0, 0.5, 0.5, 0.0], [0.0, 1.0, 0.0, 0.0]]
    """
    low, high = vector("lower", lower)[:, None], vector("upper", upper)[:, None]
    edges = np.arange(bins + 1) / bins
    with np.errstate(over="ignore"):  # a spread close to nothing
        reached = np.clip((edges - low) / np.where(high > low, high - low, 1.0), 0, 1)
    reached = np.where(edges >= high, 1.0, np.where(edges <= low, 0.0, reached))
    reached[:, 0], reached[:, -1] = 0.0, 1.0
    shares: Floats = np.diff(reached, axis=1)
    shares[(np.isnan(low) | np.isnan(high)).ravel()] = np.nan
    return shares


def _ranks(n_below: Any, n_at_or_below: Any) -> tuple[Floats, Floats]:
    below = vector("n_below", n_below)
    return below, vector("n_at_or_below", n_at_or_below, length=len(below), like="n_below")


def _observed(hits: list[Any], below: Floats) -> Floats:
    matrix: Floats = np.array(hits, dtype=np.float64).reshape(len(hits), len(below)).T.copy()
    matrix[np.isnan(below)] = np.nan
    return matrix
