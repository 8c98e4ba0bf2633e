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
    """Whether a shift of ``size`` planted in the last two weeks is found in either of them, (series,)."""
    moved = errors.copy()
    moved[:, -2:] += size
    score, limit, _ = watched(moved)[:, :, -2:]
    return np.asarray((score > limit).any(axis=1))


def most_found(errors: Floats, freedom: float, kept: float, size: float, weeks_to_an_alarm: float) -> float:
    """Share of shifts of ``size`` that the most powerful test of two errors finds, which knows how ``errors`` were made.

    Its limit is the one at which ``errors``, (series, weeks), give the first false alarm after so many weeks on the mean.
    """
    moved = errors[:, -40:].copy()
    moved[:, -2:] += size
    quiet, planted = (_pair_ratios(each, freedom, kept, size) for each in (errors, moved))
    low, high = 0.0, 50.0
    for _ in range(40):
        limit = (low + high) / 2
        alarms = quiet > limit
        weeks = np.where(alarms.any(axis=1), alarms.argmax(axis=1) + 1, alarms.shape[1])
        is_long = weeks.sum() >= weeks_to_an_alarm * max(int(alarms.any(axis=1).sum()), 1)
        low, high = (low, limit) if is_long else (limit, high)
    return float((planted[:, -2:] > high).any(axis=1).mean())


def _pair_ratios(errors: Floats, freedom: float, kept: float, size: float) -> Floats:
    """Exact log-likelihood ratio, in each week after the second, of a shift on either side that began the week before."""
    root = np.sqrt(1 - kept**2)
    innovations = (errors[:, 1:] - kept * errors[:, :-1]) / root

    def density(values: Floats) -> Floats:
        return -0.5 * values**2 if np.isinf(freedom) else -0.5 * (freedom + 1) * np.log1p(values**2 / (freedom - 2))

    def ratio(side: float, share: float) -> Floats:
        return density(innovations - side * share * size / root) - density(innovations)

    return np.maximum(*(ratio(side, 1.0)[:, :-1] + ratio(side, 1 - kept)[:, 1:] for side in (1.0, -1.0)))
