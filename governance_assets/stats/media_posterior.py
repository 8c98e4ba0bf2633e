"""Posterior draws of a media-mix model as parameters, apart from the grid they were drawn on.

Belongs here: what of a fit is worth recording, and the responses that recorded draws give back. Does not belong here: drawing
(``media_fit``), summaries of a fit that is at hand (``media_results``), limits (policy).

A recorded draw of a channel is a curve in the units of the data: ``height · curve(exposure / scale)`` a week, its exposure carried over
first. All of it is model-implied and assumes no unmeasured confounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Floats, vector
from governance_assets.stats.concave_pieces import envelope
from governance_assets.stats.media_allocation import Curve
from governance_assets.stats.media_curves import adstock, carryover_weights, hill, logistic, power
from governance_assets.stats.media_fit import Fit
from governance_assets.stats.rounding import rounded


@dataclass(frozen=True)
class ChannelDraws:
    """Draws (D,) of one channel: which curve, its parameters, and the unit responses are stated in.

    A logistic curve has its rate in ``first``; a Hill curve its half-saturation in ``first`` and its exponent in ``second``, a power
    curve its exponent in ``first``. Their argument is exposure over ``scale``; ``height`` is in units of the target. ``carryover`` is the
    share kept from week to week over ``length`` weeks, with the peak after ``delay`` weeks.
    """

    is_hill: np.ndarray
    is_power: np.ndarray
    first: Floats
    second: Floats
    height: Floats
    carryover: Floats
    delay: np.ndarray
    length: int
    scale: float

    def taking(self, draws: np.ndarray) -> ChannelDraws:
        """Some of the draws, by their places."""
        names = ("is_hill", "is_power", "first", "second", "height", "carryover", "delay")
        return replace(self, **{name: getattr(self, name)[draws] for name in names})

    def steady(self, exposure: Any) -> Floats:
        """Weekly response to steady weekly exposure (S,), (D, S); beyond the largest training week by the model alone."""
        levels = vector("exposure", exposure)
        if not (levels >= 0).all():
            raise ValueError("exposure has negative or missing levels; a response curve begins at 0")
        return self._curved(np.broadcast_to(levels / self.scale, (len(self.first), len(levels))))

    def mean_curve(self, exposure_per_cost: float) -> Curve:
        """Mean over draws of the weekly response to steady weekly spend, as a function of spend levels."""
        kinds = np.stack([self.is_hill + 2.0 * self.is_power, self.first, self.second])
        apart, kind = np.unique(kinds, axis=1, return_inverse=True)
        heights = np.bincount(np.ravel(kind), self.height) / len(self.height)
        places = np.zeros(len(heights))
        mean = ChannelDraws(apart[0] == 1, apart[0] > 1, apart[1], apart[2], heights, places, places, self.length, self.scale)
        return lambda spend: np.asarray(mean.steady(spend * exposure_per_cost).sum(axis=0), dtype=np.float64)

    def weekly(self, exposure: Any) -> Floats:
        """What each week of a series (T,) brought by the end of it, (D, T); before its first week there was nothing."""
        series = vector("exposure", exposure) / self.scale
        carried = np.empty((len(self.first), len(series)))
        kinds, kind = np.unique(np.stack([self.delay, self.carryover]), axis=1, return_inverse=True)
        for number, (delay, share) in enumerate(kinds.T):
            carried[np.ravel(kind) == number] = adstock(series, carryover_weights(share, self.length, int(delay)))
        return self._curved(np.maximum(carried, 0.0))

    def _curved(self, carried: Floats) -> Floats:
        found = logistic(carried, np.where(self.is_hill | self.is_power, 1.0, self.first)[:, None])
        hills = np.flatnonzero(self.is_hill)
        found[hills] = hill(carried[hills], self.first[hills, None], self.second[hills, None])
        powers = np.flatnonzero(self.is_power)
        found[powers] = power(carried[powers], self.first[powers, None])
        return np.asarray(found * self.height[:, None], dtype=np.float64)


def kept_places(chains: int, draws: int, count: int) -> np.ndarray:
    """Places of about ``count`` draws, evenly spaced in every chain, among ``chains`` rows of ``draws``.

    >>> kept_places(2, 4, 4)
    array([1, 3, 5, 7])
    """
    each = max(1, min(draws, count // chains))
    within = ((np.arange(each) + 1) * draws) // each - 1
    return np.asarray((np.arange(chains)[:, None] * draws + within).ravel())


def channel_draws(fit: Fit, place: int, draws: np.ndarray) -> ChannelDraws:
    """The named ``draws`` of the channel at ``place``."""
    design = fit.design
    grid, points = design.grids[place], fit.flat("points")[draws, place]
    height = fit.flat("coefficients")[draws, place] * grid.height[points] * design.target_scale
    return ChannelDraws(
        is_hill=grid.is_hill[points],
        is_power=grid.is_power[points],
        first=grid.first[points],
        second=grid.second[points],
        height=np.asarray(height, dtype=np.float64),
        carryover=grid.carryover[points],
        delay=grid.delay[points],
        length=design.channels[place].curves.length,
        scale=float(design.spend_scale[place]),
    )


def recorded_columns(drawn: ChannelDraws) -> dict[str, list[Any]]:
    """The draws as columns of plain values that ``recorded_draws`` reads, figures rounded."""
    first, second, height, carryover = (list(map(rounded, part)) for part in (drawn.first, drawn.second, drawn.height, drawn.carryover))
    count = len(drawn.first)
    curves = np.where(drawn.is_power, "power", np.where(drawn.is_hill, "hill", "logistic")).tolist()

    def of(curve: str, values: list[Any]) -> list[Any]:
        return [value if own == curve else None for own, value in zip(curves, values, strict=True)]

    return {
        "curve": curves,
        "rate": of("logistic", first),
        "half": of("hill", first),
        "slope": of("hill", second),
        "exponent": of("power", first),
        "scale": [rounded(drawn.scale)] * count,
        "carryover": carryover,
        "delay": drawn.delay.tolist(),
        "carryover_weeks": [drawn.length] * count,
        "height": height,
    }


def recorded_draws(columns: Mapping[str, Sequence[Any]]) -> ChannelDraws:
    """The draws of one channel from their recorded columns."""
    is_hill, is_power = (np.array([curve == kind for curve in columns["curve"]], dtype=np.bool_) for kind in ("hill", "power"))
    rate, half, slope, exponent = (np.array(columns[name], dtype=np.float64) for name in ("rate", "half", "slope", "exponent"))
    return ChannelDraws(
        is_hill=is_hill,
        is_power=is_power,
        first=np.where(is_power, exponent, np.where(is_hill, half, rate)),
        second=np.where(is_hill, slope, 1.0),
        height=np.array(columns["height"], dtype=np.float64),
        carryover=np.array(columns["carryover"], dtype=np.float64),
        delay=np.array(columns["delay"], dtype=np.int64),
        length=int(columns["carryover_weeks"][0]),
        scale=float(columns["scale"][0]),
    )


def column_draws(fit: Fit, name: str, draws: np.ndarray) -> Floats:
    """The named ``draws`` of the effect of one unit of a column, in units of the target. ValueError for a column not in the model."""
    design = fit.design
    names = [column.name for column in design.all_columns]
    if name not in names:
        raise ValueError(f"column is {name}, the model has {', '.join(names)}")
    place = names.index(name)
    if place in design.free:
        drawn = fit.flat("columns")[draws, design.free.index(place)]
    else:
        drawn = fit.flat("coefficients")[draws, len(design.grids) + design.bound.index(place)]
    return np.asarray(drawn * design.target_scale, dtype=np.float64)


def unconstrained_multiples(target: Any, responses: Any, columns: Any) -> tuple[Floats, Floats]:
    """By how much each of the ``responses`` (C, T) would be multiplied if nothing held its sign, and the standard errors.

    Least squares of ``target`` (T,) on responses and ``columns`` (K, T); 1 is what the model says, a value clearly below 0 an effect
    of the other sign, which a prior of positive effects hides. Standard errors take weeks as independent, and are infinite where the
    columns already explain a response or weeks do not exceed unknowns.

    >>> multiple, error = unconstrained_multiples([1.0, 3.0, 2.0, 5.0], [[0.0, 1.0, 0.5, 2.0]], [[1.0, 1.0, 1.0, 1.0]])
    >>> multiple.round(2), error.round(2)
    (array([2.]), array([0.]))
    """
    y = vector("target", target)
    own, others = np.atleast_2d(np.asarray(responses, dtype=np.float64)), np.atleast_2d(np.asarray(columns, dtype=np.float64))
    design = np.concatenate([own, others]).T
    size = np.sqrt((design**2).sum(axis=0))
    used = size > 0
    scaled = design[:, used] / size[used]
    solved, _, rank, _ = np.linalg.lstsq(scaled, y, rcond=1e-10)
    count = len(own)
    multiple, error = np.full(design.shape[1], np.nan), np.full(design.shape[1], np.inf)
    multiple[used] = solved / size[used]
    if rank == scaled.shape[1] < len(y):
        residual = y - scaled @ solved
        noise = float(residual @ residual) / (len(y) - rank)
        error[used] = np.sqrt(noise * np.diag(np.linalg.inv(scaled.T @ scaled))) / size[used]
    return multiple[:count], error[:count]


def optimal_shares(responses: Any, levels: Any, budget: float) -> Floats:
    """Each draw's own best split of ``budget``, as shares of what it spends, (D, C).

    ``responses`` (D, C, L) of channels at ``levels`` (C, L), each rising from the least to the most a channel may get; every curve is
    replaced by its concave envelope, so the split of an S-shaped curve may end between its two corners. Rows are NaN when nothing is
    spent.

    >>> curve = [[0.0, 3.0, 4.0], [0.0, 2.0, 3.5]]
    >>> optimal_shares([curve], [[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]], 2.0)
    array([[0.5, 0.5]])
    """
    heights, steps = np.asarray(responses, dtype=np.float64), np.asarray(levels, dtype=np.float64)
    count, channels, _ = heights.shape
    width = np.diff(steps, axis=1)
    slopes = np.diff(heights, axis=2) / np.where(width > 0, width, np.inf)
    for draw, channel in np.argwhere((np.diff(slopes, axis=2) > 0).any(axis=2)):
        corners = envelope(steps[channel], heights[draw, channel])
        slopes[draw, channel] = np.diff(np.interp(steps[channel], *corners)) / np.where(width[channel] > 0, width[channel], np.inf)
    order = np.argsort(-slopes.reshape(count, -1), axis=1, kind="stable")
    flat = width.ravel()[order]
    taken = np.clip(budget - steps[:, 0].sum() - (np.cumsum(flat, axis=1) - flat), 0.0, flat)
    owner = np.repeat(np.arange(channels), width.shape[1])[order]
    spend = np.array([np.bincount(owner[draw], taken[draw], channels) for draw in range(count)]) + steps[:, 0]
    total = spend.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(total > 0, spend / total, np.nan), dtype=np.float64)
