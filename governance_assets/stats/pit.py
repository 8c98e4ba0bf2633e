"""The probability integral transform (PIT) of forecasts and its histogram; flat when the forecasts are calibrated.

Belongs here: from where the observed values stand among quantiles or samples, to a density over bins.
Does not belong here: the ranks themselves (``quantile_scores.quantile_ranks``) or a verdict on the histogram.

A forecast given as a few quantiles or samples, or of a count, fixes its PIT only to a range. ``range_histogram`` spreads each
forecast evenly over its range, which is the expectation of a randomised PIT; ``randomised`` draws instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Floats, matrix, vector

# R's hist() moves every break up by this share of the typical bin before it sorts values into bins closed on the right.
_FUZZ = 1e-7


@dataclass(frozen=True)
class PitRange:
    """Between what fractions the PIT of each forecast lies, both (n,), 0 to 1; NaN where it is not known."""

    lower: Floats
    upper: Floats


@dataclass(frozen=True)
class PitHistogram:
    """``density`` (B,) over the bins between ``edges`` (B + 1,); 1 everywhere when calibrated. ``n`` counts the forecasts used."""

    edges: Floats
    density: Floats
    n: int

    @property
    def middles(self) -> Floats:
        middles: Floats = (self.edges[:-1] + self.edges[1:]) / 2
        return middles


def sample_pit(observed: Any, predicted: Any) -> PitRange:
    """Share of samples below, and at or below, the observed value.

    ``observed`` (n,), ``predicted`` (n, M) in the unit of the target. A row with a NaN is NaN.
    Raises ValueError when shapes do not fit or there is no sample.

    >>> sample_pit([2.0], [[1.0, 2.0, 3.0, 4.0]])
    PitRange(lower=array([0.25]), upper=array([0.5]))
    """
    y = vector("observed", observed)
    x = matrix("predicted", predicted, rows=len(y), like="observed")
    if x.shape[1] == 0:
        raise ValueError("predicted has no samples")
    missing = np.where(np.isnan(y) | np.isnan(x).any(axis=1), np.nan, 0.0)
    return PitRange((x < y[:, None]).mean(axis=1) + missing, (x <= y[:, None]).mean(axis=1) + missing)


def quantile_pit(n_below: Any, n_at_or_below: Any, levels: Any) -> PitRange:
    """The range that the ranks of the observed values leave for the PIT of quantile forecasts.

    ``n_below``, ``n_at_or_below`` (n,) as ``quantile_scores.quantile_ranks`` gives them, negative or NaN for unknown; ``levels`` (K,)
    ascending. The range runs from the highest level strictly below the observed value (0 when there is none) to the lowest
    level strictly above it (1 when there is none). Raises ValueError when shapes, ranks or levels do not fit.

    >>> quantile_pit([1, 1], [1, 2], [0.25, 0.5, 0.75])
    PitRange(lower=array([0.25, 0.25]), upper=array([0.5 , 0.75]))
    """
    tau, below, at_or_below = _ranks(n_below, n_at_or_below, levels)
    known = below >= 0
    first, last = np.where(known, below, 0).astype(np.int64), np.where(known, at_or_below, 0).astype(np.int64)
    lower, upper = np.concatenate([[0.0], tau])[first], np.concatenate([tau, [1.0]])[last]
    return PitRange(np.where(known, lower, np.nan), np.where(known, upper, np.nan))


def randomised(pit: PitRange, generator: np.random.Generator) -> Floats:
    """One even draw from each range, (n,); uniform on 0 to 1 when the forecasts are calibrated, NaN where the range is.

    Source: Czado, Gneiting and Held (2009), Biometrics 65(4).

    >>> bool(0.25 <= randomised(PitRange(np.array([0.25]), np.array([0.5])), np.random.default_rng(1))[0] <= 0.5)
    True
    """
    drawn: Floats = pit.lower + generator.random(len(pit.lower)) * (pit.upper - pit.lower)
    return drawn


def range_histogram(pit: PitRange, edges: Any) -> PitHistogram:
    """Histogram with each forecast spread evenly over its range (Czado's non-randomised PIT).

    ``edges`` (B + 1,) rise from 0 to 1. Forecasts without a range are left out; NaN densities when none is left. A range of no width
    falls into the bin that ends at or above it. Raises ValueError when the edges do not rise from 0 to 1.

    Source: Czado, Gneiting and Held (2009), Biometrics 65(4); ``get_pit_histogram`` of scoringutils 2.2 for counts.

    >>> range_histogram(PitRange(np.array([0.25]), np.array([0.75])), [0, 0.5, 1]).density
    array([1., 1.])
    """
    bounds = _edges(edges)
    lower, upper = (part[~np.isnan(pit.lower)] for part in (pit.lower, pit.upper))
    width = np.where(upper > lower, upper - lower, 1.0)
    reached = np.clip((bounds[:, None] - lower) / width, 0, 1)
    reached = np.where(bounds[:, None] >= upper, 1.0, np.where(bounds[:, None] <= lower, 0.0, reached))
    # A forecast with the single value 0 belongs to the first bin, not before it.
    reached[0] = 0.0
    return _histogram(bounds, reached)


def value_histogram(pit: Any, edges: Any) -> PitHistogram:
    """Histogram of PIT values, bins closed on the right and the first on both sides.

    ``pit`` (n,) in [0, 1], NaN left out; ``edges`` (B + 1,) rise from 0 to 1. A value within 1e-7 bins above an edge counts as on it.
    For continuous samples pass ``sample_pit(…).upper``. Raises ValueError when values or edges do not fit.

    Source: ``hist`` of R, as ``get_pit_histogram`` of scoringutils 2.2 uses it.

    >>> value_histogram([0.1, 0.5, 0.6, 0.9], [0, 0.5, 1]).density
    array([1., 1.])
    """
    values, bounds = vector("pit", pit), _edges(edges)
    values = values[~np.isnan(values)]
    if ((values < 0) | (values > 1)).any():
        raise ValueError("pit holds values outside 0 to 1")
    fuzz = _FUZZ * float(np.median(np.diff(bounds)))
    return _histogram(bounds, (values <= bounds[:, None] + fuzz) & (bounds[:, None] > 0))


def quantile_histogram(n_below: Any, levels: Any, edges: Any) -> PitHistogram:
    """Histogram from the shares of observed values at or below the quantiles, at edges that are levels.

    ``n_below`` (n,) quantiles strictly below the observed value, negative or NaN for unknown; ``levels`` (K,) ascending;
    ``edges`` (B + 1,) rise from 0 to 1, those between being levels. Equal to the observed value counts as below the edge.
    Raises ValueError when an edge is not a level.

    Source: ``get_pit_histogram`` of scoringutils 2.2 for quantile forecasts.

    >>> quantile_histogram([0, 1, 2, 3], [0.25, 0.5, 0.75], [0, 0.5, 1]).density
    array([1., 1.])
    """
    tau, below, _ = _ranks(n_below, n_below, levels)
    bounds = _edges(edges)
    positions = [int(np.abs(tau - edge).argmin()) for edge in bounds[1:-1]]
    if not np.allclose(tau[positions], bounds[1:-1], rtol=0, atol=1e-10):
        raise ValueError(f"edges {bounds.tolist()} are not all among the levels {tau.tolist()}")
    known = below[below >= 0]
    reached = np.vstack([np.zeros(len(known)), *(known <= position for position in positions), np.ones(len(known))])
    return _histogram(bounds, reached)


def _histogram(bounds: Floats, reached: Any) -> PitHistogram:
    n = reached.shape[1]
    cumulative = reached.mean(axis=1) if n else np.full(len(bounds), np.nan)
    return PitHistogram(bounds, np.diff(cumulative) / np.diff(bounds), n)


def _edges(edges: Any) -> Floats:
    bounds = vector("edges", edges)
    if len(bounds) < 2 or bounds[0] != 0 or bounds[-1] != 1 or (np.diff(bounds) <= 0).any():
        raise ValueError(f"edges is {bounds.tolist()}, expected values rising from 0 to 1")
    return bounds


def _ranks(n_below: Any, n_at_or_below: Any, levels: Any) -> tuple[Floats, Floats, Floats]:
    tau, below = vector("levels", levels), vector("n_below", n_below)
    at_or_below = vector("n_at_or_below", n_at_or_below, length=len(below), like="n_below")
    if ((tau <= 0) | (tau >= 1)).any() or (np.diff(tau) <= 0).any():
        raise ValueError(f"levels is {tau.tolist()}, expected fractions between 0 and 1 in ascending order")
    known = ~(np.isnan(below) | np.isnan(at_or_below) | (below < 0) | (at_or_below < 0))
    if (at_or_below[known] < below[known]).any() or (at_or_below[known] > len(tau)).any():
        raise ValueError(f"ranks do not fit {len(tau)} levels: n_below ≤ n_at_or_below ≤ {len(tau)} is needed")
    return tau, np.where(known, below, -1.0), np.where(known, at_or_below, -1.0)
