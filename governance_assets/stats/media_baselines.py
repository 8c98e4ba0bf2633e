"""Forecasts a media-mix model must beat: seasonal naive, trailing mean, ridge, and NNLS with searched transforms.

Belongs here: how each baseline predicts one window. Does not belong here: the windows (``media_backtest``).

Every baseline reads a prepared design, so that all engines see the same weeks and columns, and predicts normals: its spread is that of
its own errors in training, where it makes them without looking ahead, else of its residuals by their degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from governance_assets.stats.arrays import Floats
from governance_assets.stats.media_design import Design
from governance_assets.stats.media_forecast import Prediction

SEASON_WEEKS = 52
TRAILING_WEEKS = 12
_RIDGE_PENALTIES = np.geomspace(1e-6, 1e3, 28)
_SEARCH_POINTS = 48
_SEARCH_ROUNDS = 3

Baseline = Callable[[Design, int, np.ndarray], Prediction]


@dataclass(frozen=True)
class Nnls:
    """Non-negative least squares at the best grid points found: one point and coefficient a channel, in the scaled model."""

    points: tuple[int, ...]
    coefficients: Floats
    columns: Floats
    deviation: float


def seasonal_naive(design: Design, train: int, weeks: np.ndarray) -> Prediction:
    """The value of the same week a year earlier (of the latest year seen); the mean of training while a year has not passed."""
    y = design.target[:train]
    if train <= SEASON_WEEKS + 1:
        return _normal(design, np.full(len(weeks), y.mean()), float(y.std(ddof=1)))
    back = weeks - SEASON_WEEKS * ((weeks - train) // SEASON_WEEKS + 1)
    errors = y[SEASON_WEEKS:] - y[:-SEASON_WEEKS]
    return _normal(design, y[back], float(np.sqrt((errors**2).mean())))


def trailing_mean(design: Design, train: int, weeks: np.ndarray) -> Prediction:
    """The mean of the last 12 training weeks; its spread is that of the same forecast made in training."""
    y = design.target[:train]
    length = min(TRAILING_WEEKS, train // 2)
    sums = np.concatenate([[0.0], np.cumsum(y)])
    means = (sums[length:-1] - sums[: -length - 1]) / length
    errors = y[length:] - means
    return _normal(design, np.full(len(weeks), y[-length:].mean()), float(np.sqrt((errors**2).mean())))


def ridge(design: Design, train: int, weeks: np.ndarray) -> Prediction:
    """Ridge regression on spend as it is and all columns, the penalty by generalised cross-validation."""
    count = len(design.channels)
    bound = design.series[count:, 0]
    inputs = np.concatenate([design.spend / design.spend_scale[:, None], bound, design.columns]).T
    centre, spread = inputs[:train].mean(axis=0), inputs[:train].std(axis=0)
    varies = spread > 0
    scaled = (inputs[:, varies] - centre[varies]) / spread[varies]
    y = design.target[:train]
    left, values, right = np.linalg.svd(scaled[:train], full_matrices=False)
    loads = left.T @ (y - y.mean())
    squares = float(((y - y.mean()) ** 2).sum())
    kept = values**2 / (values**2 + train * _RIDGE_PENALTIES[:, None])
    residual = squares - (loads**2 * (2 * kept - kept**2)).sum(axis=1)
    freedom = train - 1 - kept.sum(axis=1)
    best = int(np.argmin(np.where(freedom > 1, residual / np.maximum(freedom, 1) ** 2, np.inf)))
    weights = right.T @ (kept[best] * loads / np.maximum(values, 1e-300))
    return _normal(design, y.mean() + scaled[weeks] @ weights, float(np.sqrt(residual[best] / max(freedom[best], 1.0))))


def searched_nnls(design: Design, train: int, weeks: np.ndarray) -> Prediction:
    """Non-negative coefficients at the transforms that fit best, as Robyn has them; see ``search_nnls``."""
    found = search_nnls(design, train)
    blocks = np.arange(len(found.points))
    mean = found.coefficients @ design.series[blocks, list(found.points)][:, weeks] + found.columns @ design.columns[:, weeks]
    return _normal(design, mean, found.deviation)


def search_nnls(design: Design, train: int) -> Nnls:
    """Least squares with non-negative coefficients of channels, each channel's grid point searched in turn.

    Columns are taken out first by least squares; then, channel by channel and round by round, the grid point with the smallest sum
    of squares is kept, among evenly spaced ones. Deterministic.
    """
    y, columns = design.target[:train], design.columns[:, :train].T
    basis = np.linalg.qr(columns)[0] if columns.size else np.zeros((train, 0))
    clean = y - basis @ (basis.T @ y)
    candidates = [np.unique(np.linspace(0, points - 1, min(points, _SEARCH_POINTS)).astype(int)) for points in design.points]
    series = [design.series[block, chosen, :train] for block, chosen in enumerate(candidates)]
    series = [each - (each @ basis) @ basis.T for each in series]
    state = [len(each) // 2 for each in candidates]
    for _ in range(_SEARCH_ROUNDS):
        before = list(state)
        for block in range(len(state)):
            state[block] = _best_point(clean, series, state, block)
        if state == before:
            break
    coefficients = _nnls(np.array([each[point] for each, point in zip(series, state, strict=True)]), clean)[0]
    points = tuple(int(each[point]) for each, point in zip(candidates, state, strict=True))
    explained = coefficients @ design.series[np.arange(len(points)), list(points)][:, :train]
    loads = np.asarray(np.linalg.lstsq(columns, y - explained, rcond=None)[0] if columns.size else np.zeros(0), dtype=np.float64)
    residual = y - explained - columns @ loads
    freedom = max(train - len(loads) - 3 * int((coefficients > 0).sum()), 1)
    return Nnls(points, coefficients, loads, float(np.sqrt((residual**2).sum() / freedom)))


def _best_point(clean: Floats, series: list[Floats], state: list[int], block: int) -> int:
    others = [each[point] for number, (each, point) in enumerate(zip(series, state, strict=True)) if number != block]
    left = [_nnls(np.array([candidate, *others]), clean)[1] for candidate in series[block]]
    return int(np.argmin(left))


def _nnls(rows: Floats, target: Floats) -> tuple[Floats, float]:
    """Coefficients and sum of squares of non-negative least squares on ``rows`` (C, n), by way of their Gram matrix."""
    from scipy.optimize import nnls

    gram, loads = rows @ rows.T, rows @ target
    factor = np.linalg.cholesky(gram + np.eye(len(gram)) * (1e-10 * float(np.trace(gram)) + 1e-300))
    found, _ = nnls(factor.T, np.linalg.solve(factor, loads))
    return found, float(target @ target - 2 * found @ loads + found @ gram @ found)


def _normal(design: Design, mean: Floats, deviation: float) -> Prediction:
    """One normal a week, as a mixture of equal parts."""
    parts = np.repeat(np.asarray(mean, dtype=np.float64)[None], PARTS, axis=0) * design.target_scale
    return Prediction(parts, np.full(parts.shape, max(deviation, 1e-12) * design.target_scale))


PARTS = 512

BASELINES: dict[str, Baseline] = {
    "seasonal_naive": seasonal_naive,
    "trailing_mean": trailing_mean,
    "ridge": ridge,
    "searched_nnls": searched_nnls,
}
