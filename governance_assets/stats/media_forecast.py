"""Predictions of a fitted media-mix model for weeks whose spend and columns are known.

Belongs here: the posterior predictive distribution. Does not belong here: scoring it (``forecast_errors``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Floats, vector
from governance_assets.stats.media_fit import Fit


@dataclass(frozen=True)
class Prediction:
    """A mixture of normals for each week, in units of the target: ``mean`` and ``deviation`` (draws, weeks)."""

    mean: Floats
    deviation: Floats

    def samples(self, seed: int) -> Floats:
        """One value from each part of the mixture, (weeks, draws); weeks are drawn apart, so a row is no path through time."""
        noise = np.random.default_rng(seed).standard_normal(self.mean.shape)
        return np.ascontiguousarray((self.mean + self.deviation * noise).T)

    def log_density(self, observed: Any) -> Floats:
        """Log of the predictive density at ``observed`` (weeks,), in 1 / unit of the target: summed, the leave-future-out ELPD."""
        y = vector("observed", observed, length=self.mean.shape[1], like="the predicted weeks")
        logs = -0.5 * ((y - self.mean) / self.deviation) ** 2 - np.log(self.deviation) - 0.5 * np.log(2 * np.pi)
        top = logs.max(axis=0)
        return np.asarray(top + np.log(np.exp(logs - top).mean(axis=0)), dtype=np.float64)


def predict(fit: Fit, weeks: Sequence[int] | np.ndarray) -> Prediction:
    """The posterior predictive distribution of ``weeks`` (counted from 0), training weeks or later ones.

    Coefficients of columns are integrated out given the rest of each draw: a column that never moved in training then counts with
    its whole prior, not with the few draws that happen to reach the tail.
    """
    design, training = fit.design, fit.window
    chosen = np.asarray(weeks, dtype=np.int64)
    if len(chosen) == 0 or chosen.min() < 0 or chosen.max() >= design.weeks:
        raise ValueError(f"weeks reach from {chosen.min(initial=0)} to {chosen.max(initial=0)}, expected 0 to {design.weeks - 1}")
    points, coefficients = fit.flat("points"), fit.flat("coefficients")
    noise, scales = fit.flat("noise"), fit.flat("scales")
    centre = design.column_priors[:, 0]
    seen = design.columns[:, : fit.weeks]
    loads = np.repeat((seen @ (design.target[: fit.weeks] - centre @ seen))[None], len(noise), axis=0)
    fitted = np.repeat((centre @ design.columns[:, chosen])[None], len(noise), axis=0)
    for block in range(len(design.points)):
        fitted += coefficients[:, [block]] * design.series[block][:, chosen][points[:, block]]
        loads -= coefficients[:, [block]] * training.crossed[block].T[points[:, block]]
    mean, variance = _columns_integrated(training.column_squares, scales, noise, loads, design.columns[:, chosen])
    return Prediction((fitted + mean) * design.target_scale, np.sqrt(variance + noise[:, None] ** 2) * design.target_scale)


def _columns_integrated(squares: Floats, scales: Floats, noise: Floats, loads: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Mean and variance (draws, weeks) of what the columns add, their coefficients integrated out."""
    if not len(squares):
        return np.zeros((len(noise), values.shape[1])), np.zeros((len(noise), values.shape[1]))
    inverse = 1 / noise**2
    precision = squares * inverse[:, None, None]
    diagonal = np.arange(len(squares))
    precision[:, diagonal, diagonal] += 1 / scales
    factor = np.linalg.cholesky(precision)
    right = np.concatenate([(loads * inverse[:, None])[:, :, None], np.broadcast_to(values, (len(noise), *values.shape))], axis=2)
    half = np.linalg.solve(factor, right)
    mean = np.einsum("dk,dkw->dw", half[:, :, 0], half[:, :, 1:])
    return mean, (half[:, :, 1:] ** 2).sum(axis=1)
