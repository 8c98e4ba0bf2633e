"""How spend becomes response: carry-over and saturation, and the grid of both over which a channel is averaged.

Belongs here: transforms of one series of spend. Does not belong here: priors of coefficients, sampling.

Spend is scaled by its largest training week before it comes here, so that 1 is the largest spend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from governance_assets.stats.arrays import Floats
from governance_assets.stats.media_priors import Prior, beta, gamma, quantile

Curve = Literal["logistic", "hill", "power"]


@dataclass(frozen=True)
class CurvePriors:
    """What is believed of a channel's carry-over and saturation, and how finely that is gridded.

    ``length`` weeks of carry-over, this one included. ``delays`` are the weeks until the effect peaks, equally likely. Several
    ``curves`` share the prior mass evenly. ``carryover`` is the share kept from week to week, ``logistic_rate`` the steepness at
    zero of the logistic curve; ``hill_half`` the spend (of the largest) with half the response, ``hill_slope`` the Hill exponent;
    ``power_exponent`` that of the power curve, 1 a straight line.

    The priors of carry-over and logistic curve are those of PyMC-Marketing, those of the Hill curve are of Jin et al. (2017),
    Bayesian Methods for Media Mix Modeling with Carryover and Shape Effects.

    The grid has ``carryover_points`` times ``curve_points`` of the logistic curve and about as many of the Hill curve; carry-over is what
    a coarse grid blurs first. ``media_refine`` makes it finer where the posterior lies.
    """

    length: int = 8
    carryover: Prior = beta(1.0, 3.0)
    delays: tuple[int, ...] = (0,)
    curves: tuple[Curve, ...] = ("logistic", "hill")
    logistic_rate: Prior = gamma(3.0, 1.0)
    hill_half: Prior = beta(2.0, 2.0)
    hill_slope: Prior = gamma(3.0, 1.0)
    power_exponent: Prior = beta(2.0, 2.0)
    carryover_points: int = 16
    curve_points: int = 16

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ValueError(f"length is {self.length}, expected at least one week of carry-over")
        if not self.delays or min(self.delays) < 0 or max(self.delays) >= self.length:
            raise ValueError(f"delays are {self.delays}, expected weeks from 0 to below the length of {self.length}")
        if min(self.carryover_points, self.curve_points) < 1:
            raise ValueError(f"the grid has {self.carryover_points} by {self.curve_points} points, expected at least 1 by 1")
        if not self.curves or len(set(self.curves)) < len(self.curves):
            raise ValueError(f"curves are {self.curves}, expected some of logistic, hill and power, each once")


# For data whose carry-over may be long or late: any share is as likely as any other. ``benchmarks/media_coverage.py`` compares how often
# its intervals of ROI hold the truth. Its grid is coarse: refine it (``media_refine``).
WIDE = CurvePriors(
    length=16, carryover=beta(1.0, 1.0), delays=(0, 1, 2), curves=("logistic", "hill", "power"), carryover_points=8, curve_points=8
)


@dataclass(frozen=True)
class CurveGrid:
    """All points of a channel, (G,) each.

    A point stands for a cell of the priors' probabilities: ``lower`` and ``upper`` (G, 3) are the cell's bounds for carry-over, first and
    second parameter, and the point its middle; ``log_prior`` is the cell's prior mass. ``kernels`` (A, length) are the carry-over weights,
    ``kernel`` says which of them a point has, ``delay`` which of the delays; a logistic point has its rate in ``first``, a Hill point its
    half-saturation in ``first`` and its exponent in ``second``, a power point its exponent in ``first``. ``height`` is the factor that
    gives all Hill and power points the response of the median logistic curve at the largest spend.
    """

    kernels: Floats
    kernel: np.ndarray
    delay: np.ndarray
    is_hill: np.ndarray
    is_power: np.ndarray
    lower: Floats
    upper: Floats
    carryover: Floats
    first: Floats
    second: Floats
    height: Floats
    log_prior: Floats

    @property
    def points(self) -> int:
        """Number of points."""
        return len(self.kernel)


def carryover_weights(share: float, length: int, delay: int = 0) -> Floats:
    """Weights (length,) of this and past weeks, summing to 1: ``share^l``, or ``share^((l − delay)²)`` with a delayed peak.

    >>> carryover_weights(0.5, 3).round(4)
    array([0.5714, 0.2857, 0.1429])
    """
    weeks = np.arange(length)
    powers = weeks if delay == 0 else (weeks - delay) ** 2
    weights = np.asarray(share, dtype=np.float64) ** powers
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def adstock(spend: Floats, weights: Floats) -> Floats:
    """Spend (T,) carried over by ``weights`` (length,): each week's is spread over it and the weeks after.

    >>> adstock(np.array([1.0, 0.0, 0.0]), carryover_weights(0.5, 2)).round(4)
    array([0.6667, 0.3333, 0.    ])
    """
    return np.asarray(np.convolve(spend, weights)[: len(spend)], dtype=np.float64)


def logistic(spend: Floats, rate: float | Floats) -> Floats:
    """``(1 − e^(−rate·spend)) / (1 + e^(−rate·spend))``: 0 at 0, rising to 1, concave.

    >>> logistic(np.array([0.0, 1.0]), 2.0).round(4)
    array([0.    , 0.7616])
    """
    return np.asarray(np.tanh(0.5 * rate * spend), dtype=np.float64)


def hill(spend: Floats, half: float | Floats, slope: float | Floats) -> Floats:
    """``spend^slope / (half^slope + spend^slope)``: ½ at ``half``; an S-curve when ``slope`` exceeds 1.

    >>> hill(np.array([0.0, 0.5]), 0.5, 2.0)
    array([0. , 0.5])
    """
    with np.errstate(divide="ignore", over="ignore"):
        ratio = slope * (np.log(half) - np.log(spend))
        return np.asarray(1 / (1 + np.exp(ratio)), dtype=np.float64)


def power(spend: Floats, exponent: float | Floats) -> Floats:
    """``spend^exponent``: 0 at 0, 1 at 1, without a ceiling; concave when ``exponent`` is below 1.

    >>> power(np.array([0.0, 0.25]), 0.5)
    array([0. , 0.5])
    """
    return np.asarray(spend**exponent, dtype=np.float64)


def curve_grid(priors: CurvePriors) -> CurveGrid:
    """The grid of a channel before anything is known: cells of equal prior mass, every carry-over with every curve and delay."""
    slopes = max(1, round(float(np.sqrt(priors.curve_points / 2))))
    sides = {"logistic": (priors.curve_points, 1), "hill": (2 * slopes, slopes), "power": (priors.curve_points, 1)}
    bounds, delays, kinds = [], [], []
    for delay in priors.delays:
        for curve in priors.curves:
            cells = _cells((priors.carryover_points, *sides[curve]))
            bounds.append(cells)
            delays.append(np.full(len(cells), delay))
            kinds.append(np.full(len(cells), curve))
    joined, kind = np.concatenate(bounds), np.concatenate(kinds)
    return grid_of_cells(priors, np.concatenate(delays), kind == "hill", kind == "power", joined[:, 0], joined[:, 1])


def grid_of_cells(
    priors: CurvePriors, delay: np.ndarray, is_hill: np.ndarray, is_power: np.ndarray, lower: Floats, upper: Floats
) -> CurveGrid:
    """A grid from its cells, given by their bounds in the priors' probabilities."""
    middle = (lower + upper) / 2
    share = quantile(priors.carryover, middle[:, 0])
    kinds, kernel = np.unique(np.stack([delay, share]), axis=1, return_inverse=True)
    first = np.where(is_hill, quantile(priors.hill_half, middle[:, 1]), quantile(priors.logistic_rate, middle[:, 1]))
    first = np.where(is_power, quantile(priors.power_exponent, middle[:, 1]), first)
    second = np.where(is_hill, quantile(priors.hill_slope, middle[:, 2]), 1.0)
    level = float(logistic(np.ones(1), quantile(priors.logistic_rate, 0.5))[0])
    height = np.where(is_hill, level / hill(np.ones(len(first)), np.where(is_hill, first, 1.0), second), np.where(is_power, level, 1.0))
    mass = np.prod(upper - lower, axis=1)
    return CurveGrid(
        kernels=np.array([carryover_weights(kind[1], priors.length, int(kind[0])) for kind in kinds.T]),
        kernel=np.ravel(kernel),
        delay=delay,
        is_hill=is_hill,
        is_power=is_power,
        lower=lower,
        upper=upper,
        carryover=share,
        first=first,
        second=second,
        height=height,
        log_prior=np.log(mass / mass.sum()),
    )


def _cells(sides: tuple[int, ...]) -> Floats:
    """Bounds of the cells of an even grid on the unit cube, (cells, 2, 3): lower, then upper."""
    places = np.stack(np.meshgrid(*[np.arange(side) for side in sides], indexing="ij"), axis=-1).reshape(-1, len(sides))
    return np.asarray(np.stack([places, places + 1], axis=1) / np.array(sides), dtype=np.float64)


def saturate(grid: CurveGrid, carried: Floats, points: Sequence[int] | np.ndarray) -> Floats:
    """Responses of the named points to carried-over spend; ``carried`` (..., points) or anything that broadcasts to it."""
    chosen = np.asarray(points)
    first, second, is_hill = grid.first[chosen], grid.second[chosen], grid.is_hill[chosen]
    is_power = grid.is_power[chosen]
    curved = np.where(is_hill, hill(carried, np.where(is_hill, first, 1.0), second), logistic(carried, first))
    curved = np.where(is_power, power(carried, np.where(is_power, first, 1.0)), curved)
    return np.asarray(curved * grid.height[chosen], dtype=np.float64)


def transform(grid: CurveGrid, spend: Floats) -> Floats:
    """Responses of all points to a series of scaled spend, (G, T)."""
    found = np.empty((grid.points, len(spend)))
    for number, weights in enumerate(grid.kernels):
        carried = np.maximum(adstock(spend, weights), 0.0)
        rows = np.flatnonzero(grid.kernel == number)
        hills, powers = rows[grid.is_hill[rows]], rows[grid.is_power[rows]]
        others = rows[~grid.is_hill[rows] & ~grid.is_power[rows]]
        found[others] = logistic(carried, grid.first[others, None])
        found[powers] = power(carried, grid.first[powers, None]) * grid.height[powers, None]
        found[hills] = hill(carried, grid.first[hills, None], grid.second[hills, None]) * grid.height[hills, None]
    return found
