"""Chains of the grid-collapsed Gibbs sampler, compiled.

Belongs here: the order of the draws. Does not belong here: the draws themselves (``media_kernels``). Imported inside functions only.

All chains go through a channel together, one after the other, because what they read of it, the weights of its grid points, is
larger than everything else and then stays in the processor's cache.

The precision of a coefficient at every grid point (``collapsed_squares``) changes with the noise and with the scales of Laplace priors, in
most models by little. So points are proposed with precisions of a common earlier state, scaled to the present noise, and accepted by the
exact ratio of the two points concerned (Metropolis and Hastings): the posterior stays exact. That state is fixed before the first
kept draw; where too few proposals were accepted by then, precisions are made anew in every sweep.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np

from governance_assets.stats import media_kernels
from governance_assets.stats.media_kernels import (
    chosen_point,
    collapsed_squares,
    compiled,
    compiled_and_kept,
    inverse_cholesky,
    laplace_variance,
    linear_terms,
    noise_variance,
    normal_above_zero,
    point_weights,
    projected,
    solved,
    source_version,
)

# Below this share of proposals accepted in the second half of the burn-in, new precisions are worth their time.
LEAST_ACCEPTED = 0.8


class Data(NamedTuple):
    """What the chains read; the fields are those of ``Design`` and ``Window``.

    ``coefficient_priors`` (blocks, 6): above zero only (1 or 0), mean, precision, rate, power, Laplace scale (0 if not Laplace).
    ``column_priors`` (K, 3): mean, variance, Laplace scale. ``noise_prior`` (3,): kind, first, second. ``weeks`` are trained on.
    """

    target: np.ndarray
    columns: np.ndarray
    column_squares: np.ndarray
    series: np.ndarray
    basis: np.ndarray
    weights: np.ndarray
    ranks: np.ndarray
    points: np.ndarray
    squares: np.ndarray
    crossed: np.ndarray
    priors: np.ndarray
    lift_precision: np.ndarray
    lift_linear: np.ndarray
    coefficient_priors: np.ndarray
    column_priors: np.ndarray
    noise_prior: np.ndarray
    weeks: int


class Chains(NamedTuple):
    """Where the chains are; first axis the chain. Scales are prior variances of columns and prior precisions of coefficients."""

    point: np.ndarray
    coefficient: np.ndarray
    column: np.ndarray
    variance: np.ndarray
    spread: np.ndarray
    precision: np.ndarray
    residual: np.ndarray
    factor: np.ndarray
    loads: np.ndarray


class Drawn(NamedTuple):
    """What is kept, (chains, draws, ...)."""

    points: np.ndarray
    coefficients: np.ndarray
    columns: np.ndarray
    scales: np.ndarray
    noise: np.ndarray


class Work(NamedTuple):
    """Room for one update; ``stale`` (blocks, G) are squares at unit noise of a common state, ``trust`` whether they serve, tries, hits."""

    linear: np.ndarray
    square: np.ndarray
    chance: np.ndarray
    vector: np.ndarray
    matrix: np.ndarray
    half: np.ndarray
    right: np.ndarray
    stale: np.ndarray
    trust: np.ndarray


@compiled
def renew_squares(data: Data, chains: Chains, work: Work) -> None:
    """Squares of all points at the chains' mean scales."""
    size, count, variance = len(data.columns), len(chains.variance), chains.variance.mean()
    for i in range(size):
        for j in range(size):
            work.matrix[i, j] = data.column_squares[i, j] / variance
        spread = 0.0
        for chain in range(count):
            spread += chains.spread[chain, i] / count
        work.matrix[i, i] += 1.0 / spread
    factor = np.empty((size, size))
    inverse_cholesky(work.matrix, factor)
    for c in range(len(data.points)):
        points = data.points[c]
        stale = work.stale[c, :points]
        collapsed_squares(data.squares[c], data.crossed[c], factor, variance, work.chance[:points], stale)
        for g in range(points):
            stale[g] *= variance


@compiled
def exact_square(data: Data, chains: Chains, chain: int, c: int, point: int) -> float:
    """fᵀMf of one point at a chain's present scales."""
    factor, variance, left = chains.factor[chain], chains.variance[chain], data.squares[c, point]
    for i in range(len(data.columns)):
        value = 0.0
        for j in range(i + 1):
            value += factor[i, j] * data.crossed[c, j, point]
        left -= value * value / variance
    return float(max(left, 0.0) / variance)


@compiled
def begin(data: Data, chains: Chains) -> None:
    """Residuals of all chains where they start: the target less the columns' prior means and the channels."""
    for chain in range(len(chains.variance)):
        residual = chains.residual[chain]
        for t in range(data.weeks):
            residual[t] = data.target[t]
        for k in range(len(data.columns)):
            chains.spread[chain, k] = data.column_priors[k, 1]
            for t in range(data.weeks):
                residual[t] -= data.column_priors[k, 0] * data.columns[k, t]
        for c in range(len(data.points)):
            chains.precision[chain, c] = data.coefficient_priors[c, 2]
            for t in range(data.weeks):
                residual[t] -= chains.coefficient[chain, c] * data.series[c, chains.point[chain, c], t]


@compiled
def factor_columns(data: Data, chains: Chains, chain: int, work: Work) -> None:
    """L⁻¹ of the columns' posterior precision at the present scales, and the columns' products with the residual."""
    size, variance = len(data.columns), chains.variance[chain]
    for i in range(size):
        for j in range(size):
            work.matrix[i, j] = data.column_squares[i, j] / variance
        work.matrix[i, i] += 1.0 / chains.spread[chain, i]
    inverse_cholesky(work.matrix, chains.factor[chain])
    residual = chains.residual[chain]
    for k in range(size):
        value = 0.0
        for t in range(data.weeks):
            value += data.columns[k, t] * residual[t]
        chains.loads[chain, k] = value


@compiled
def shift_block(data: Data, chains: Chains, chain: int, c: int, amount: float) -> None:
    """Add ``amount`` times a block's response to the residual and its products with the columns."""
    residual, series, place = chains.residual[chain], data.series[c, chains.point[chain, c]], chains.point[chain, c]
    for t in range(data.weeks):
        residual[t] += amount * series[t]
    for k in range(len(data.columns)):
        chains.loads[chain, k] += amount * data.crossed[c, k, place]


@compiled
def update_block(data: Data, chains: Chains, chain: int, c: int, work: Work, random: np.random.Generator) -> None:
    """Draw a block's grid point and coefficient given all else but the columns' coefficients."""
    count, old, variance = data.points[c], chains.coefficient[chain, c], chains.variance[chain]
    shift_block(data, chains, chain, c, old)
    solved(chains.factor[chain], chains.loads[chain], work.half, work.right)
    projected(chains.residual[chain], data.columns, work.right, variance, data.weeks, work.vector)
    own, linear, square, chance = data.coefficient_priors[c], work.linear[:count], work.square[:count], work.chance[:count]
    precision = chains.precision[chain, c]
    for g in range(count):
        linear[g] = data.lift_linear[c, g] + own[1] * precision - own[3]
    linear_terms(work.vector, data.basis[c], data.weights[c], data.ranks[c], data.weeks, linear)
    trusts, own_point = work.trust[0] > 0.0, chains.point[chain, c]
    if trusts:
        for g in range(count):
            square[g] = work.stale[c, g] / variance
    else:
        collapsed_squares(data.squares[c], data.crossed[c], chains.factor[chain], variance, chance, square)
    for g in range(count):
        square[g] = max(square[g] + data.lift_precision[c, g] + precision, 1e-12)
    positive = own[0] > 0.0
    total = point_weights(linear, square, data.priors[c], positive, chance)
    g = chosen_point(chance, total, random)
    mean, deviation = linear[g] / square[g], 1.0 / np.sqrt(square[g])
    new = normal_above_zero(mean, deviation, random) if positive else mean + deviation * random.standard_normal()
    # The factor β^power of a gamma prior is left out of the proposal, and precisions may be stale: both are put right here.
    ratio = 0.0
    if own[4] != 0.0:
        ratio = own[4] * (np.log(new) - np.log(max(old, 1e-300)))
    if trusts:
        beyond = exact_square(data, chains, chain, c, g) - work.stale[c, g] / variance
        before = exact_square(data, chains, chain, c, own_point) - work.stale[c, own_point] / variance
        ratio += 0.5 * (before * old * old - beyond * new * new)
        work.trust[1] += 1.0
        work.trust[2] += np.exp(min(ratio, 0.0))
    if ratio >= 0.0 or np.log(random.random()) <= ratio:
        chains.point[chain, c], chains.coefficient[chain, c] = g, new
    shift_block(data, chains, chain, c, -chains.coefficient[chain, c])


@compiled
def update_columns(data: Data, chains: Chains, chain: int, work: Work, random: np.random.Generator) -> None:
    """Draw the columns' coefficients, less their prior means, given all else."""
    size, factor = len(data.columns), chains.factor[chain]
    solved(factor, chains.loads[chain], work.half, work.right)
    for k in range(size):
        work.half[k] = random.standard_normal()
    for k in range(size):
        value = work.right[k] / chains.variance[chain]
        for j in range(k, size):
            value += factor[j, k] * work.half[j]
        chains.column[chain, k] = value


@compiled
def update_scales(data: Data, chains: Chains, chain: int, work: Work, random: np.random.Generator) -> None:
    """Draw the scales of Laplace priors and the variance of the noise given all coefficients."""
    vector, residual = work.vector, chains.residual[chain]
    for t in range(data.weeks):
        vector[t] = residual[t]
    for k in range(len(data.columns)):
        value = chains.column[chain, k]
        for t in range(data.weeks):
            vector[t] -= value * data.columns[k, t]
        if data.column_priors[k, 2] > 0.0:
            chains.spread[chain, k] = laplace_variance(abs(value), data.column_priors[k, 2], random)
    for c in range(len(data.points)):
        own = data.coefficient_priors[c]
        if own[5] > 0.0:
            chains.precision[chain, c] = 1.0 / laplace_variance(abs(chains.coefficient[chain, c] - own[1]), own[5], random)
    total = 0.0
    for t in range(data.weeks):
        total += vector[t] * vector[t]
    kind, first, second = int(data.noise_prior[0]), data.noise_prior[1], data.noise_prior[2]
    chains.variance[chain] = noise_variance(chains.variance[chain], total, data.weeks, kind, first, second, random)


@compiled
def keep(data: Data, chains: Chains, chain: int, place: int, drawn: Drawn) -> None:
    """Write a chain's state, its scales those the coefficients were drawn with."""
    for c in range(len(data.points)):
        drawn.points[chain, place, c] = chains.point[chain, c]
        drawn.coefficients[chain, place, c] = chains.coefficient[chain, c]
    for k in range(len(data.columns)):
        drawn.columns[chain, place, k] = chains.column[chain, k] + data.column_priors[k, 0]
        drawn.scales[chain, place, k] = chains.spread[chain, k]
    drawn.noise[chain, place] = np.sqrt(chains.variance[chain])


def _entry(version: int) -> Any:
    """``run_chains``, its machine code kept for this ``version`` of the sources."""

    def run_chains(data: Data, chains: Chains, drawn: Drawn, work: Work, burn: int, random: np.random.Generator) -> int:
        count, draws = drawn.noise.shape
        begin(data, chains)
        for sweep in range(burn + draws):
            if work.trust[1] > 0.0 and work.trust[2] < LEAST_ACCEPTED * work.trust[1] and sweep == burn:
                work.trust[0] = 0.0
            if work.trust[0] > 0.0 and (sweep == burn // 4 or sweep == burn // 2 or sweep == 0):
                renew_squares(data, chains, work)
                work.trust[1] = work.trust[2] = 0.0
            for chain in range(count):
                factor_columns(data, chains, chain, work)
            for c in range(len(data.points)):
                for chain in range(count):
                    update_block(data, chains, chain, c, work, random)
            for chain in range(count):
                update_columns(data, chains, chain, work, random)
                if sweep >= burn:
                    keep(data, chains, chain, sweep - burn, drawn)
                update_scales(data, chains, chain, work, random)
        return version

    return compiled_and_kept(run_chains)


# Runs all chains, ``burn`` sweeps that are not kept and then as many as ``drawn`` has room for.
run_chains = _entry(source_version(media_kernels, sys.modules[__name__]))
