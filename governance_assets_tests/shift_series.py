"""Simulated prediction errors, shared by the test and the benchmark of the watch over shifts."""

from __future__ import annotations

import numpy as np

from governance_assets.stats.arrays import Flags, Floats
from governance_assets.stats.shift_watch import watched

_SETTLING_WEEKS = 30


def correlated(random: np.random.Generator, series: int, weeks: int, freedom: float, kept: float) -> Floats:
    """Autoregressive noise of mean 0 and variance 1, (series, weeks), its innovations of t with ``freedom`` (infinite: normal)."""
    size = (series, weeks + _SETTLING_WEEKS)
    drawn = random.standard_normal(size) if np.isinf(freedom) else random.standard_t(freedom, size) / np.sqrt(freedom / (freedom - 2))
    for week in range(1, size[1]):
        drawn[:, week] = kept * drawn[:, week - 1] + np.sqrt(1 - kept**2) * drawn[:, week]
    return drawn[:, _SETTLING_WEEKS:]


def run_length(found: Floats) -> float:
    """Mean weeks judged until the first alarm; series without one count with all their weeks, as for an exponential time."""
    judged = np.isfinite(found[0]).any(axis=0)
    hits = found[0][:, judged] > found[1][:, judged]
    weeks = np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, hits.shape[1])
    return float(weeks.sum() / max(int(hits.any(axis=1).sum()), 1))


def detected(errors: Floats, size: float) -> Flags:
    """Whether a shift of ``size`` planted in the last two weeks is found by the end of them, (series,)."""
    moved = errors.copy()
    moved[:, -2:] += size
    score, limit, _ = watched(moved)[:, :, -1]
    return np.asarray(score > limit)
