"""What another split of spend would bring, by the draws of a fitted media-mix model.

Belongs here: response curves of draws, and the lift of one split over another. Does not belong here: finding the split
(``media_allocation``).

A split that was chosen on some draws looks better on them than it is: it is judged on others (``halves``). All of it is model-implied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Floats, share, vector
from governance_assets.stats.media_allocation import Curve
from governance_assets.stats.media_curves import saturate
from governance_assets.stats.media_fit import Fit
from governance_assets.stats.media_results import response_draws


@dataclass(frozen=True)
class Lift:
    """Response of a split over that of another: median and central interval, as a share of the other's, and P(lift > 0)."""

    median: float
    lower: float
    upper: float
    probability: float
    confidence: float
    draws: int


def halves(fit: Fit) -> tuple[np.ndarray, np.ndarray]:
    """Draws to choose a split on, and draws to judge it on: the chains of even and of odd number; of a single chain its two halves."""
    chains, draws = fit.noise.shape
    every = np.arange(chains * draws)
    judged = (every // draws) % 2 == 1 if chains > 1 else every >= draws // 2
    return every[~judged], every[judged]


def mean_curve(fit: Fit, place: int, draws: np.ndarray) -> Curve:
    """Mean over ``draws`` of the weekly response of the channel at ``place`` to steady weekly spend, as a function of spend levels."""
    design = fit.design
    grid, scale = design.grids[place], float(design.spend_scale[place])
    points, coefficients = fit.flat("points")[draws, place], fit.flat("coefficients")[draws, place]
    weights = np.bincount(points, coefficients, grid.points) * design.target_scale / len(draws)
    drawn = np.flatnonzero(np.bincount(points, minlength=grid.points))

    def curve(spend: Floats) -> Floats:
        return np.asarray(saturate(grid, spend[:, None] / scale, drawn) @ weights[drawn], dtype=np.float64)

    return curve


def lift(fit: Fit, spend: Any, baseline: Any, draws: np.ndarray, confidence: float = 0.9) -> Lift:
    """Lift of the weekly response to ``spend`` (channels,) over that to ``baseline``, on ``draws``."""
    names = [channel.name for channel in fit.design.channels]
    after, before = (
        vector(name, given, length=len(names), like="the channels") for name, given in (("spend", spend), ("baseline", baseline))
    )
    found = np.zeros((len(draws), 2))
    for place, name in enumerate(names):
        found += response_draws(fit, name, np.array([after[place], before[place]]))[draws]
    return relative_lift(found[:, 0], found[:, 1], confidence)


def relative_lift(after: Any, before: Any, confidence: float = 0.9) -> Lift:
    """Lift of responses ``after`` (draws,) over those ``before``, draw by draw; NaN where nothing was had before.

    >>> relative_lift([2.0, 3.0, 4.0], [2.0, 2.0, 2.0]).probability.__round__(2)
    0.67
    """
    base = vector("before", before)
    gained = vector("after", after, length=len(base), like="before") - base
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(base > 0, gained / base, np.nan)
    outside = (1 - share("confidence", confidence)) / 2
    lower, median, upper = np.quantile(relative, [outside, 0.5, 1 - outside])
    return Lift(float(median), float(lower), float(upper), float((gained > 0).mean()), confidence, len(base))
