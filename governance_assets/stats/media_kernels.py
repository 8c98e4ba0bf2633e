"""The grid-collapsed Gibbs sampler, compiled.

Belongs here: the loops that numba compiles. Does not belong here: anything that can be said in NumPy in the same time.
Imported inside functions only: numba takes a while to load.

Model of n weeks, everything scaled: ``y = Σ β_c f_c[g_c] + γᵀz + noise``, the response ``f_c[g]`` of channel c being one of G_c known
series. A sweep draws, channel by channel, its grid point and coefficient jointly from their exact conditional with all γ
integrated out, then γ, then the scales of Laplace priors, then the variance of the noise. Given the variance V of γ's priors and σ²,
integrating γ out turns the precision 1/σ² into ``M = I/σ² − z S⁻¹ zᵀ/σ⁴`` with ``S = zᵀz/σ² + V⁻¹``.

Responses of all points come from few basis series: ``f_c[g] = Σ_r weights[c, r, g] basis[c, r]``.
"""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from numba import njit

_RELAXED = {"reassoc", "contract", "nsz", "arcp"}


def compiled(function: Callable[..., Any]) -> Any:
    """``function`` compiled when first used."""
    return njit(nogil=True, fastmath=_RELAXED, error_model="numpy")(function)


def compiled_and_kept(function: Callable[..., Any]) -> Any:
    """``function`` compiled, its machine code kept beside the module or, where that is read-only, in the user's cache folder."""
    try:
        return njit(cache=True, nogil=True, fastmath=_RELAXED, error_model="numpy")(function)
    except RuntimeError:
        # Nowhere to keep it: no writable folder at all, as in a locked-down container.
        return compiled(function)


def source_version(*modules: ModuleType) -> int:
    """A number that changes with the source of the modules.

    Numba notices a change of a kept function's own module only, and of numbers the function closes over: this is one for it.
    """
    return zlib.crc32("".join(inspect.getsource(module) for module in modules).encode())


@compiled
def exp_of_negative(x: float) -> float:
    """e^x for x ≤ 0 to about 1e-9, 0 < result; written so that loops over it become vector instructions."""
    t = max(x, -60.0) / 1024.0
    value = 1.0 + t * (1.0 + t * (0.5 + t * (1 / 6 + t * (1 / 24 + t * (1 / 120 + t / 720)))))
    value = value * value
    value = value * value
    value = value * value
    value = value * value
    value = value * value
    value = value * value
    value = value * value
    value = value * value
    value = value * value
    return value * value


@compiled
def upper_tail_ratio(x: float) -> float:
    """½·e^(x²/2)·erfc(x/√2) for x ≥ 0, which is Φ(−x)·e^(x²/2), to about 2e-12.

    A polynomial through Chebyshev nodes in (s − 3.75)/(s + 3.75), s = x/√2, after Shepherd and Laframboise (1981), Mathematics
    of Computation 36(153); a test compares it with scipy.
    """
    s = x * 0.7071067811865476
    t = (s - 3.75) / (s + 3.75)
    p = -1.0356854433167612e-06 + t * 9.716856233868035e-07
    p = 2.2405776418918178e-05 + t * (-1.0239423414030916e-05 + t * p)
    p = -0.0002901388343616224 + t * (5.059706074307862e-05 + t * p)
    p = 0.0017556078751101295 + t * (0.0002942509021775096 + t * p)
    p = 0.028362284555548886 + t * (-0.009746737315040629 + t * p)
    p = 0.09230431985799188 + t * (-0.05869337382299301 + t * p)
    p = 0.08227673858991764 + t * (-0.10880393189721865 + t * p)
    p = -0.14024059858768156 + t * (0.003585415521916213 + t * p)
    return 0.5 * (1.2375126308378275 + t * p) / (1.0 + 2.0 * s)


@compiled
def normal_above_zero(mean: float, deviation: float, random: np.random.Generator) -> float:
    """A draw from N(mean, deviation²) given that it is above 0 (Robert 1995 when 0 lies in the upper tail)."""
    least = -mean / deviation
    if least < 0.5:
        while True:
            drawn = random.standard_normal()
            if drawn > least:
                return mean + deviation * drawn
    rate = 0.5 * (least + np.sqrt(least * least + 4.0))
    while True:
        excess = random.standard_exponential() / rate
        if random.random() <= np.exp(-0.5 * (least + excess - rate) ** 2):
            return float(deviation * excess)


@compiled
def point_weights(linear: np.ndarray, precision: np.ndarray, prior: np.ndarray, positive: bool, weights: np.ndarray) -> float:
    """Probabilities of grid points, not yet normalised, into ``weights``; returns their sum.

    With β integrated out, the log weight of a point is its log prior + ½z² − ½ log p, + log Φ(z) when β > 0, where p is β's
    precision and z = (linear / p)·√p.
    """
    points = len(linear)
    top = -1e300
    for g in range(points):
        z = linear[g] / np.sqrt(precision[g])
        weights[g] = z
        used = max(z, 0.0) if positive else z
        top = max(top, prior[g] + 0.5 * used * used)
    total = 0.0
    for g in range(points):
        z = weights[g]
        if positive:
            used = max(z, 0.0)
            tail = upper_tail_ratio(abs(z))
            inside = 1.0 - tail * exp_of_negative(-0.5 * used * used)
            shape = tail if z < 0.0 else inside
        else:
            used = z
            shape = 1.0
        weight = shape * exp_of_negative(prior[g] + 0.5 * used * used - top) / np.sqrt(precision[g])
        weights[g] = weight
        total += weight
    return total


@compiled
def chosen_point(weights: np.ndarray, total: float, random: np.random.Generator) -> int:
    """A grid point drawn by its weight."""
    left = random.random() * total
    for g in range(len(weights)):
        left -= weights[g]
        if left <= 0.0:
            return g
    return len(weights) - 1


@compiled
def inverse_cholesky(matrix: np.ndarray, factor: np.ndarray) -> None:
    """L⁻¹ of ``matrix = L Lᵀ`` into ``factor``, lower triangular; ``matrix`` is overwritten."""
    size = len(matrix)
    for i in range(size):
        for j in range(i + 1):
            value = matrix[i, j]
            for k in range(j):
                value -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = np.sqrt(value) if i == j else value / matrix[j, j]
    for i in range(size):
        for j in range(i):
            value = 0.0
            for k in range(j, i):
                value -= matrix[i, k] * factor[k, j]
            factor[i, j] = value / matrix[i, i]
        factor[i, i] = 1.0 / matrix[i, i]
        for j in range(i + 1, size):
            factor[i, j] = 0.0


@compiled
def solved(factor: np.ndarray, right: np.ndarray, work: np.ndarray, result: np.ndarray) -> None:
    """S⁻¹·right into ``result``, where ``factor`` is L⁻¹ of S = L Lᵀ."""
    size = len(right)
    for i in range(size):
        value = 0.0
        for j in range(i + 1):
            value += factor[i, j] * right[j]
        work[i] = value
    for i in range(size):
        value = 0.0
        for j in range(i, size):
            value += factor[j, i] * work[j]
        result[i] = value


@compiled
def collapsed_squares(
    squares: np.ndarray, crossed: np.ndarray, factor: np.ndarray, variance: float, work: np.ndarray, into: np.ndarray
) -> None:
    """fᵀMf of all points of a channel into ``into``; ``squares`` (G,) is fᵀf and ``crossed`` (K, G) is zᵀf.

    Rows of both may be longer than ``into``, whose length says how many points there are.
    """
    size, points = len(crossed), len(into)
    for g in range(points):
        into[g] = 0.0
    for i in range(size):
        for g in range(points):
            work[g] = factor[i, i] * crossed[i, g]
        for j in range(i):
            weight = factor[i, j]
            for g in range(points):
                work[g] += weight * crossed[j, g]
        for g in range(points):
            into[g] += work[g] * work[g]
    for g in range(points):
        into[g] = max(squares[g] - into[g] / variance, 0.0) / variance


@compiled
def projected(residual: np.ndarray, columns: np.ndarray, loads: np.ndarray, variance: float, weeks: int, into: np.ndarray) -> None:
    """M·residual into ``into``; ``loads`` (K,) is S⁻¹zᵀ·residual and ``columns`` (K, T) is zᵀ."""
    for t in range(weeks):
        into[t] = residual[t]
    for k in range(len(loads)):
        load = loads[k] / variance
        for t in range(weeks):
            into[t] -= load * columns[k, t]
    for t in range(weeks):
        into[t] /= variance


@compiled
def linear_terms(vector: np.ndarray, basis: np.ndarray, weights: np.ndarray, rank: int, weeks: int, into: np.ndarray) -> None:
    """fᵀ·vector of all points of a channel, added to ``into``, by way of its basis."""
    # Four series at a time: the sums over points are then read and written once for all four.
    for start in range(0, rank, 4):
        first = second = third = fourth = 0.0
        last = rank - 1
        b, c, d = min(start + 1, last), min(start + 2, last), min(start + 3, last)
        for t in range(weeks):
            first += basis[start, t] * vector[t]
            second += basis[b, t] * vector[t]
            third += basis[c, t] * vector[t]
            fourth += basis[d, t] * vector[t]
        second *= start + 1 < rank
        third *= start + 2 < rank
        fourth *= start + 3 < rank
        for g in range(len(into)):
            into[g] += first * weights[start, g] + second * weights[b, g] + third * weights[c, g] + fourth * weights[d, g]


@compiled
def laplace_variance(distance: float, scale: float, random: np.random.Generator) -> float:
    """The variance that makes a Laplace prior normal, given a coefficient's distance from its mean (inverse Gaussian draw)."""
    mean, shape = 1.0 / (scale * max(distance, 1e-10 * scale)), 1.0 / (scale * scale)
    normal = random.standard_normal()
    ratio = 0.5 * mean * normal * normal / shape
    drawn = mean / (1.0 + ratio + np.sqrt(ratio * (ratio + 2.0)))
    if random.random() > mean / (mean + drawn):
        drawn = mean * mean / drawn
    return float(1.0 / drawn)


@compiled
def noise_variance(
    present: float, squares: float, weeks: int, kind: int, first: float, second: float, random: np.random.Generator
) -> float:
    """A draw of σ² given the residuals' sum of squares; kind 0 keeps it, 1 is inverse gamma, 2 a half-normal prior of σ.

    For the half-normal the draw without the prior is proposed and accepted by the ratio of the prior, e^(−σ²/2s²).
    """
    if kind == 0:
        return present
    if kind == 1:
        return (second + 0.5 * squares) / random.standard_gamma(first + 0.5 * weeks)
    proposed = 0.5 * squares / random.standard_gamma(0.5 * (weeks - 1))
    if np.log(random.random()) <= (present - proposed) / (2.0 * second * second):
        return proposed
    return present
