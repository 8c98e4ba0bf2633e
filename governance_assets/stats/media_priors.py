"""Prior distributions of media-mix models.

Belongs here: what a prior is, and its quantiles. Does not belong here: which parameter has which prior (``media_model``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from governance_assets.stats.arrays import Floats

Family = Literal["half_normal", "normal", "laplace", "gamma", "beta", "inverse_gamma"]

POSITIVE = ("half_normal", "gamma")


@dataclass(frozen=True)
class Prior:
    """A distribution by its family and two numbers, whose meaning the functions of this module say."""

    family: Family
    first: float
    second: float

    @property
    def is_positive(self) -> bool:
        """Whether negative values are excluded."""
        return self.family in POSITIVE


def half_normal(scale: float) -> Prior:
    """|x| of a normal with mean 0 and standard deviation ``scale``."""
    return Prior("half_normal", 0.0, _positive("scale", scale))


def normal(mean: float, scale: float) -> Prior:
    """Normal with ``mean`` and standard deviation ``scale``."""
    return Prior("normal", float(mean), _positive("scale", scale))


def laplace(mean: float, scale: float) -> Prior:
    """Double exponential about ``mean``; its standard deviation is √2 · ``scale``."""
    return Prior("laplace", float(mean), _positive("scale", scale))


def gamma(shape: float, rate: float) -> Prior:
    """Gamma with mean ``shape / rate``; shape 1 is the exponential distribution."""
    return Prior("gamma", _positive("shape", shape), _positive("rate", rate))


def beta(first: float, second: float) -> Prior:
    """Beta on 0 to 1 with mean ``first / (first + second)``."""
    return Prior("beta", _positive("first", first), _positive("second", second))


def inverse_gamma(shape: float, scale: float) -> Prior:
    """Inverse gamma, for the variance of noise only: mean ``scale / (shape − 1)`` where it exists."""
    return Prior("inverse_gamma", _positive("shape", shape), _positive("scale", scale))


def quantile(prior: Prior, probability: Any) -> Floats:
    """The values below which the prior has the stated probabilities, in the shape of ``probability``.

    >>> quantile(normal(1.0, 2.0), [0.5])
    array([1.])
    """
    from scipy import special

    p = np.asarray(probability, dtype=np.float64)
    match prior.family:
        case "half_normal":
            found = prior.second * special.ndtri((1 + p) / 2)
        case "normal":
            found = prior.first + prior.second * special.ndtri(p)
        case "laplace":
            found = prior.first - prior.second * np.sign(p - 0.5) * np.log1p(-2 * np.abs(p - 0.5))
        case "gamma":
            found = special.gammaincinv(prior.first, p) / prior.second
        case "beta":
            found = special.betaincinv(prior.first, prior.second, p)
        case "inverse_gamma":
            found = prior.second / special.gammainccinv(prior.first, p)
    return np.asarray(found, dtype=np.float64)


def equal_mass(prior: Prior, points: int) -> Floats:
    """``points`` values that stand for slices of equal prior mass, the middle of each slice, rising.

    >>> equal_mass(beta(1.0, 1.0), 2)
    array([0.25, 0.75])
    """
    if points < 1:
        raise ValueError(f"points is {points}, expected at least 1")
    return quantile(prior, (np.arange(points) + 0.5) / points)


def _positive(name: str, value: float) -> float:
    number = float(value)
    if not (number > 0 and math.isfinite(number)):
        raise ValueError(f"{name} is {value}, expected a positive number")
    return number
