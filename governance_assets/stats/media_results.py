"""What a fitted media-mix model says: contributions, return on investment, response curves, how far to trust the draws.

Belongs here: summaries of draws in the units of the data. Does not belong here: predictions (``media_forecast``), limits (policy).

All of it is model-implied and assumes no unmeasured confounding: where spend follows demand, a regression credits the channel with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Floats, share, vector
from governance_assets.stats.chain_diagnostics import bulk_ess, split_r_hat
from governance_assets.stats.media_curves import saturate
from governance_assets.stats.media_fit import Fit


@dataclass(frozen=True)
class Estimates:
    """Medians and central intervals, one a name or (names, ...) arrays; ``confidence`` is the posterior probability inside."""

    names: tuple[str, ...]
    median: Floats
    lower: Floats
    upper: Floats
    confidence: float


@dataclass(frozen=True)
class Edge:
    """Share of a channel's draws that lie on one end of its grid; ``expected`` is that end's prior share.

    Much of the posterior at an end means that the truth may lie beyond it, or that the data do not say.
    """

    channel: str
    parameter: str
    end: str
    share: float
    expected: float


@dataclass(frozen=True)
class Diagnostics:
    """Agreement of chains for the quantities people read: contribution of each channel, coefficients of columns, noise."""

    names: tuple[str, ...]
    r_hat: Floats
    ess: Floats
    edges: tuple[Edge, ...]

    @property
    def worst_edge(self) -> Edge:
        """The end of a grid with most of a channel's draws."""
        return max(self.edges, key=lambda edge: edge.share)


def roi_draws(fit: Fit) -> Floats:
    """Return on investment of each channel over the training weeks, (draws, channels): contribution over cost, NaN without cost."""
    cost = fit.design.cost[:, : fit.weeks].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(cost > 0, contribution_draws(fit) / cost, np.nan)


def contribution_draws(fit: Fit) -> Floats:
    """Contribution of each channel, summed over the training weeks, (draws, channels), in units of the target."""
    design = fit.design
    points, coefficients = fit.flat("points"), fit.flat("coefficients")
    count = len(design.channels)
    totals = design.series[:count, :, : fit.weeks].sum(axis=2)
    responses = totals[np.arange(count), points[:, :count]]
    return np.asarray(responses * coefficients[:, :count] * design.target_scale, dtype=np.float64)


def roi(fit: Fit, confidence: float = 0.9) -> Estimates:
    """Return on investment of each channel over the training weeks, in units of the target for one unit of cost."""
    return _estimates(_names(fit), roi_draws(fit), confidence)


def contributions(fit: Fit, confidence: float = 0.9) -> Estimates:
    """Contribution of each channel, summed over the training weeks."""
    return _estimates(_names(fit), contribution_draws(fit), confidence)


def weekly_contributions(fit: Fit, confidence: float = 0.9) -> Estimates:
    """Contributions week by week, (parts, weeks): every channel and every column of the model, in units of the target."""
    design = fit.design
    names, parts = list(_names(fit)), []
    points, coefficients = fit.flat("points"), fit.flat("coefficients")
    for block in range(len(design.points)):
        series = design.series[block][points[:, block], : fit.weeks]
        parts.append(_spread(series * coefficients[:, [block]] * design.target_scale, confidence))
    names += [design.all_columns[place].name for place in (*design.bound, *design.free)]
    for k, values in enumerate(design.columns[:, : fit.weeks]):
        parts.append(_spread(fit.flat("columns")[:, [k]] * values * design.target_scale, confidence))
    stacked = np.array(parts)
    return Estimates(tuple(names), stacked[:, 1], stacked[:, 0], stacked[:, 2], confidence)


def response_curve(fit: Fit, channel: str, spend: Any, confidence: float = 0.9) -> Estimates:
    """Weekly response of one channel to steady weekly spend (S,), (1, S), in units of the target.

    Beyond the largest training spend the curve is extrapolated by the model alone. Raises ValueError for a channel the model does not
    have or negative spend.
    """
    drawn = response_draws(fit, channel, spend)
    found = _spread(drawn, confidence)
    return Estimates((channel,), found[[1]], found[[0]], found[[2]], confidence)


def response_draws(fit: Fit, channel: str, spend: Any) -> Floats:
    """The response curve of each draw, (draws, S)."""
    names = _names(fit)
    if channel not in names:
        raise ValueError(f"channel is {channel}, the model has {', '.join(names)}")
    c, levels = names.index(channel), vector("spend", spend)
    if not (levels >= 0).all():
        raise ValueError("spend has negative or missing levels; a response curve begins at 0")
    design = fit.design
    every = np.arange(design.grids[c].points)
    curves = saturate(design.grids[c], (levels / design.spend_scale[c])[:, None], every)
    responses = curves[:, fit.flat("points")[:, c]].T
    return np.asarray(responses * fit.flat("coefficients")[:, [c]] * design.target_scale, dtype=np.float64)


def hill_probability(fit: Fit) -> Floats:
    """Posterior probability that a channel's curve is the Hill curve, (channels,)."""
    points = fit.flat("points")
    return np.array([float(grid.is_hill[points[:, c]].mean()) for c, grid in enumerate(fit.design.grids)])


def carryover(fit: Fit, confidence: float = 0.9) -> Estimates:
    """Share of a channel's effect that is kept from week to week."""
    points = fit.flat("points")
    drawn = np.array([grid.carryover[points[:, c]] for c, grid in enumerate(fit.design.grids)]).T
    return _estimates(_names(fit), drawn, confidence)


def diagnose(fit: Fit) -> Diagnostics:
    """R-hat and bulk ESS of contributions, column coefficients and noise, and how much lies on the ends of the grids."""
    design = fit.design
    chains = fit.noise.shape[0]
    totals = contribution_draws(fit).reshape(chains, -1, len(design.channels))
    bound = fit.coefficients[:, :, len(design.channels) :]
    drawn = np.concatenate([totals, bound, fit.columns, fit.noise[:, :, None]], axis=2)
    names = (*_names(fit), *(design.all_columns[place].name for place in (*design.bound, *design.free)), "noise")
    return Diagnostics(names, split_r_hat(drawn), bulk_ess(drawn), _edges(fit))


def _edges(fit: Fit) -> tuple[Edge, ...]:
    points = fit.flat("points")
    found: list[Edge] = []
    for c, (channel, grid) in enumerate(zip(fit.design.channels, fit.design.grids, strict=True)):
        drawn = points[:, c]
        for name, values, among in (
            ("carryover", grid.carryover, np.ones(grid.points, dtype=bool)),
            ("logistic_rate", grid.first, ~grid.is_hill & ~grid.is_power),
            ("power_exponent", grid.first, grid.is_power),
            ("hill_half", grid.first, grid.is_hill),
            ("hill_slope", grid.second, grid.is_hill),
        ):
            if among.any() and len(np.unique(values[among])) > 1:
                found += _ends(channel.name, name, values, among, drawn, np.exp(grid.log_prior))
    return tuple(found)


def _ends(channel: str, name: str, values: Floats, among: np.ndarray, drawn: np.ndarray, prior: Floats) -> list[Edge]:
    """Both ends of one parameter, among the points that have it."""
    found = []
    for end, extreme in (("low", values[among].min()), ("high", values[among].max())):
        at = among & (values == extreme)
        inside = float(among[drawn].mean())
        found.append(
            Edge(channel, name, end, float(at[drawn].mean()) / inside if inside else 0.0, float(prior[at].sum() / prior[among].sum()))
        )
    return found


def _names(fit: Fit) -> tuple[str, ...]:
    return tuple(channel.name for channel in fit.design.channels)


def _estimates(names: Sequence[str], drawn: Floats, confidence: float) -> Estimates:
    lower, median, upper = _spread(drawn, confidence)
    return Estimates(tuple(names), median, lower, upper, confidence)


def _spread(drawn: Floats, confidence: float) -> Floats:
    outside = (1 - share("confidence", confidence)) / 2
    return np.quantile(drawn, [outside, 0.5, 1 - outside], axis=0)
