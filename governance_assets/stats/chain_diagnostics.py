"""Whether chains of draws agree, and how many independent draws they are worth.

Belongs here: diagnostics of any Markov chain. Does not belong here: limits for them (policy), the chains.

Source: Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), Bayesian Analysis 16(2): rank-normalised, split.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from governance_assets.stats.arrays import Floats

LEAST_DRAWS = 8


def split_r_hat(draws: Any) -> Floats:
    """Rank-normalised split R-hat of each quantity: 1 when all halves of all chains agree; above 1.01 is reason to look.

    ``draws`` (chains, draws, ...); returns (...). The larger of the values for location and for spread. A quantity that never
    moves is 1 if all chains hold the same value, else infinite. Raises ValueError below 8 draws a chain or for values that are not finite.

    >>> float(split_r_hat(np.arange(16.0).reshape(1, 16)).round(1))
    2.1
    """
    halves = _halves(draws)
    folded = np.abs(halves - np.median(halves.reshape(-1, *halves.shape[2:]), axis=0))
    return np.maximum(_r_hat(_normal_ranks(halves)), _r_hat(_normal_ranks(folded)))


def bulk_ess(draws: Any) -> Floats:
    """Effective number of independent draws for the middle of each quantity's distribution.

    ``draws`` (chains, draws, ...); returns (...), at most ``n · log10(n)`` of the n draws; NaN for a quantity that never moves.
    Raises ValueError as ``split_r_hat`` does.
    """
    ranks = _normal_ranks(_halves(draws))
    shape = ranks.shape[2:]
    columns = ranks.reshape(*ranks.shape[:2], -1)
    return np.array([_ess(columns[:, :, k]) for k in range(columns.shape[2])]).reshape(shape)


def _halves(draws: Any) -> Floats:
    values = np.asarray(draws, dtype=np.float64)
    if values.ndim < 2 or values.shape[1] < LEAST_DRAWS:
        raise ValueError(f"draws has shape {values.shape}, expected chains of at least {LEAST_DRAWS} draws")
    if not np.isfinite(values).all():
        raise ValueError("draws has missing or infinite values; a chain that left the numbers has no diagnostics")
    half = values.shape[1] // 2
    return np.concatenate([values[:, :half], values[:, -half:]])


def _normal_ranks(values: Floats) -> Floats:
    """Normal scores of the ranks over all chains, ties at their mean rank."""
    from scipy import special, stats

    count = values.shape[0] * values.shape[1]
    ranks = stats.rankdata(values.reshape(count, -1), axis=0).reshape(values.shape)
    return np.asarray(special.ndtri((ranks - 0.375) / (count + 0.25)), dtype=np.float64)


def _r_hat(values: Floats) -> Floats:
    length = values.shape[1]
    within = values.var(axis=1, ddof=1).mean(axis=0)
    between = values.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.sqrt((length - 1) / length + between / within)
    return np.where(within > 0, ratio, np.where(between > 0, np.inf, 1.0))


def _ess(values: Floats) -> float:
    chains, length = values.shape
    centred = values - values.mean(axis=1, keepdims=True)
    transformed = np.fft.rfft(centred, 2 * length, axis=1)
    covariance = np.fft.irfft(np.abs(transformed) ** 2, axis=1)[:, :length].mean(axis=0) / length
    within = covariance[0] * length / (length - 1)
    pooled = covariance[0] + (float(values.mean(axis=1).var(ddof=1)) if chains > 1 else 0.0)
    if pooled <= 0:
        return float("nan")
    correlation = 1 - (within - covariance) / pooled
    correlation[0] = 1.0
    pairs = correlation[: length // 2 * 2].reshape(-1, 2).sum(axis=1)
    # Geyer: sums of neighbouring pairs are positive and fall; what breaks that is noise.
    positive = pairs[: int(np.argmax(pairs <= 0))] if (pairs <= 0).any() else pairs
    time = -1 + 2 * float(np.minimum.accumulate(positive).sum())
    total = chains * length
    return float(total / max(time, 1 / np.log10(total)))
