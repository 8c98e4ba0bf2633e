"""A media-mix model made ready for sampling: scaled, every channel transformed at every grid point, compressed.

Belongs here: the arrays the sampler reads, for the whole horizon and for a training window.
Does not belong here: declarations of models (``media_model``), draws (``media_fit``).

Carry-over looks back only, so the transformed series of a window are the first weeks of those of the whole horizon: a design is
made once and every expanding window reads it. Squares and cross products of a window add up week by week. The responses of one
channel at hundreds of grid points differ little in kind: a few dozen basis series give all of them to ``TOLERANCE``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Counts, Floats
from governance_assets.stats.media_curves import CurveGrid, curve_grid, saturate, transform
from governance_assets.stats.media_model import NOISE_FAMILIES, Channel, Column, LiftTest, check_model
from governance_assets.stats.media_priors import Prior, half_normal

# Norm of what the basis leaves out of a channel's responses, relative to their norm.
TOLERANCE = 3e-5
_FIRST_RANK = 64

_NOISE_KINDS = {"inverse_gamma": 1.0, "half_normal": 2.0}


@dataclass(frozen=True)
class Design:
    """A model with its data, scaled and transformed over all weeks.

    Blocks are the channels, then the columns with a positive prior, each of those with the single point of its own values.
    ``series`` (blocks, G, T) the responses; ``basis`` (blocks, R, T) and ``weights`` (blocks, R, G) give them back, ``ranks`` and
    ``points`` (blocks,) of each; ``priors`` (blocks, G) are the log prior masses of the points. ``columns`` (K, T) are the columns
    with a prior on both sides, ``free`` their places in the model, ``bound`` those of the others.
    """

    channels: tuple[Channel, ...]
    all_columns: tuple[Column, ...]
    grids: tuple[CurveGrid, ...]
    free: tuple[int, ...]
    bound: tuple[int, ...]
    target: Floats
    target_scale: float
    spend: Floats
    spend_scale: Floats
    cost: Floats
    columns: Floats
    series: Floats
    basis: Floats
    weights: np.ndarray
    ranks: Counts
    points: Counts
    priors: Floats
    lift_precision: Floats
    lift_linear: Floats
    coefficient_priors: Floats
    column_priors: Floats
    noise_prior: Floats
    lifts: tuple[LiftTest, ...]

    @property
    def weeks(self) -> int:
        """Weeks of spend, the target may have fewer."""
        return int(self.spend.shape[1])


def prepare(
    target: Any,
    channels: Sequence[Channel],
    columns: Sequence[Column] = (),
    *,
    noise: Prior | float | None = None,
    lifts: Sequence[LiftTest] = (),
    scale_weeks: int | None = None,
) -> Design:
    """Make a model ready for ``media_fit.fit``.

    ``target`` (n,) one value a week, in time order without gaps; every channel's spend and every column (T,) with T ≥ n, so that
    weeks after the target can be predicted. ``noise`` is the prior of the scaled noise's standard deviation (half-normal, 2 unless
    given) or, if inverse gamma, of its variance; a number is the known standard deviation itself. ``scale_weeks`` says which first
    weeks set the scale, all of the target's unless given; in a backtest that is the first window, so that nothing of later weeks
    is used and the scaled model is the same in all windows.

    Raises ValueError, in a sentence, for data no model can use: negative, constant or all-zero spend, missing values, more
    parameters than weeks, names used twice, lift tests of unknown channels.
    """
    train = len(np.asarray(target)) if scale_weeks is None else int(scale_weeks)
    checked = check_model(target, channels, columns, lifts, train)
    target_scale = float(np.abs(checked.target[:train]).max())
    spend_scale = checked.spend[:, :train].max(axis=1)
    used = tuple(curve_grid(channel.curves) for channel in channels)
    bound = tuple(n for n, column in enumerate(columns) if column.prior.is_positive)
    free = tuple(n for n, column in enumerate(columns) if not column.prior.is_positive)
    found = [transform(grid, checked.spend[n] / spend_scale[n]) for n, grid in enumerate(used)]
    found += [checked.columns[[n]] for n in bound]
    believed = [channel.coefficient for channel in channels] + [columns[n].prior for n in bound]
    return Design(
        channels=tuple(channels),
        all_columns=tuple(columns),
        free=free,
        bound=bound,
        target=checked.target / target_scale,
        target_scale=target_scale,
        spend=checked.spend,
        spend_scale=spend_scale,
        cost=checked.cost,
        columns=np.ascontiguousarray(checked.columns[list(free)]),
        **_blocks(found, used, lifts, channels, target_scale, spend_scale),
        coefficient_priors=np.array([_coefficient_row(prior) for prior in believed]),
        column_priors=np.array([_column_row(columns[n].prior) for n in free]).reshape(len(free), 3),
        noise_prior=_noise_row(half_normal(2.0) if noise is None else noise),
        lifts=tuple(lifts),
    )


def regridded(design: Design, grids: Sequence[CurveGrid]) -> Design:
    """``design`` with other grids of its channels."""
    found = [transform(grid, design.spend[n] / design.spend_scale[n]) for n, grid in enumerate(grids)]
    found += [design.series[block, :1] for block in range(len(design.channels), len(design.points))]
    return replace(design, **_blocks(found, grids, design.lifts, design.channels, design.target_scale, design.spend_scale))


def _blocks(
    found: Sequence[Floats],
    grids: Sequence[CurveGrid],
    lifts: Sequence[LiftTest],
    channels: Sequence[Channel],
    target_scale: float,
    spend_scale: Floats,
) -> dict[str, Any]:
    """What a design holds of the responses of its blocks, by the names of its fields."""
    parts = [_compressed(responses) for responses in found]
    series = _stacked(found)
    lift_precision, lift_linear = _lift_terms(lifts, channels, grids, target_scale, spend_scale, series.shape[:2])
    masses = [grid.log_prior[None] for grid in grids] + [np.zeros((1, 1))] * (len(found) - len(grids))
    return {
        "grids": tuple(grids),
        "series": series,
        "basis": _stacked([basis for basis, _ in parts]),
        # Single precision halves what every update reads; sums over it are made in double precision.
        "weights": _stacked([weights for _, weights in parts]).astype(np.float32),
        "ranks": np.array([len(basis) for basis, _ in parts]),
        "points": np.array([len(responses) for responses in found]),
        "priors": _stacked(masses)[:, 0],
        "lift_precision": lift_precision,
        "lift_linear": lift_linear,
    }


def _compressed(series: Floats) -> tuple[Floats, Floats]:
    """Basis (R, T) and weights (R, G) whose product is ``series.T`` to ``TOLERANCE``; the basis is orthonormal."""
    points, weeks = series.shape
    if min(points, weeks) <= 8:
        return np.ascontiguousarray(series if points < weeks else np.eye(weeks)), np.eye(points) if points < weeks else series.T.copy()
    whole = float((series**2).sum())
    rank = min(_FIRST_RANK, points, weeks)
    while True:
        # A fixed seed: the sketch must not depend on who asks, or results would differ in their last digits.
        sketch = np.random.default_rng(0).standard_normal((points, rank))
        orthogonal = np.linalg.qr(series.T @ sketch)[0]
        inner = orthogonal.T @ series.T
        values, vectors = np.linalg.eigh(inner @ inner.T)
        missing = max(whole - float(values.sum()), 0.0) + np.cumsum(np.maximum(values, 0.0))
        if missing[0] <= TOLERANCE**2 * whole or rank == min(points, weeks):
            break
        rank = min(2 * rank, points, weeks)
    kept = vectors[:, missing > TOLERANCE**2 * whole]
    return np.ascontiguousarray((orthogonal @ kept).T), np.ascontiguousarray(kept.T @ inner)


def _stacked(arrays: Sequence[Floats]) -> Floats:
    """Arrays of one kind but different sizes in one, filled up with zeros."""
    shape = tuple(max(array.shape[axis] for array in arrays) for axis in range(2))
    found = np.zeros((len(arrays), *shape))
    for number, array in enumerate(arrays):
        found[number, : array.shape[0], : array.shape[1]] = array
    return found


def _lift_terms(
    lifts: Sequence[LiftTest],
    channels: Sequence[Channel],
    grids: Sequence[CurveGrid],
    target_scale: float,
    spend_scale: Floats,
    shape: tuple[int, ...],
) -> tuple[Floats, Floats]:
    """What lift tests add to the precision and the linear term of every grid point's coefficient, (blocks, G) each."""
    precision, linear = np.zeros(shape), np.zeros(shape)
    names = [channel.name for channel in channels]
    for lift in lifts:
        c = names.index(lift.channel)
        every = np.arange(grids[c].points)
        after, before = ((lift.spend + extra) / spend_scale[c] for extra in (lift.change, 0.0))
        gained = saturate(grids[c], np.asarray(after), every) - saturate(grids[c], np.asarray(before), every)
        weight = (target_scale / lift.error) ** 2
        precision[c, : len(every)] += gained**2 * weight
        linear[c, : len(every)] += gained * weight * lift.lift / target_scale
    return precision, linear


def _coefficient_row(prior: Prior) -> list[float]:
    """Above zero only, mean, precision, rate, power, Laplace scale."""
    match prior.family:
        case "half_normal":
            return [1.0, 0.0, prior.second**-2, 0.0, 0.0, 0.0]
        case "gamma":
            return [1.0, 0.0, 0.0, prior.second, prior.first - 1, 0.0]
        case "laplace":
            return [0.0, prior.first, 0.5 * prior.second**-2, 0.0, 0.0, prior.second]
        case _:
            return [0.0, prior.first, prior.second**-2, 0.0, 0.0, 0.0]


def _column_row(prior: Prior) -> list[float]:
    """Mean, variance, Laplace scale."""
    if prior.family == "laplace":
        return [prior.first, 2 * prior.second**2, prior.second]
    return [prior.first, prior.second**2, 0.0]


def _noise_row(prior: Prior | float) -> Floats:
    if not isinstance(prior, Prior):
        if not prior > 0:
            raise ValueError(f"noise is {prior}, expected a positive standard deviation or a prior of it")
        return np.array([0.0, float(prior) ** 2, 0.0])
    if prior.family not in NOISE_FAMILIES:
        raise ValueError(f"the prior of the noise is {prior.family}, expected one of {', '.join(NOISE_FAMILIES)}")
    return np.array([_NOISE_KINDS[prior.family], prior.first, prior.second])
