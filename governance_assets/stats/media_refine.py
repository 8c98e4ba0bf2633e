"""A finer grid where the posterior lies.

Belongs here: which cells of a channel's grid to split. Does not belong here: what a grid is (``media_curves``).

A grid of equal prior mass is coarse where strong data put their posterior; a point then stands for curves that differ by more
than the data allow. The Hill curve, with two parameters, needs refining most. A short pilot run tells where the posterior lies; those
cells and their neighbours are split in two along every parameter, their prior mass divided: the prior stays what it was. Twelve by
eight points (``CurvePriors``) refined twice are nearer to a very fine grid than sixteen by sixteen, for little more time.
"""

from __future__ import annotations

import numpy as np

from governance_assets.stats.arrays import Floats
from governance_assets.stats.media_curves import CurveGrid, CurvePriors, grid_of_cells
from governance_assets.stats.media_design import Design, regridded
from governance_assets.stats.media_fit import fit, window

ROUNDS = 2
_PILOT_CHAINS, _PILOT_BURN, _PILOT_DRAWS = 4, 40, 60
# Cells with less of the pilot's draws than this are left as they are.
_LEAST_SHARE = 0.01
# A channel's grid grows by no more than this many points a round, so that time and memory stay bounded.
_MOST_NEW = 256


def refined(design: Design, *, seed: int, weeks: int | None = None, rounds: int = ROUNDS) -> Design:
    """``design`` with finer grids, after ``rounds`` pilot runs on its first ``weeks`` (all of the target unless given).

    In a backtest, ``weeks`` is the first window, so that nothing later is used. Deterministic by ``seed``.
    """
    found = design
    for number in range(rounds):
        pilot = fit(window(found, weeks), seed=seed + number, chains=_PILOT_CHAINS, burn=_PILOT_BURN, draws=_PILOT_DRAWS)
        points = pilot.flat("points")
        grids = []
        for c, (channel, grid) in enumerate(zip(found.channels, found.grids, strict=True)):
            shares = np.bincount(points[:, c], minlength=grid.points) / len(points)
            grids.append(split(channel.curves, grid, chosen_cells(grid, shares)))
        found = regridded(found, grids)
    return found


def chosen_cells(grid: CurveGrid, shares: Floats) -> np.ndarray:
    """Cells to split (G,): those with a share of draws, heaviest first, each with its neighbours, as far as the room goes."""
    chosen = np.zeros(grid.points, dtype=bool)
    room = _MOST_NEW
    for cell in np.argsort(-shares, kind="stable"):
        if shares[cell] < _LEAST_SHARE:
            break
        new = _neighbours(grid, int(cell)) & ~chosen
        cost = int(np.where(grid.is_hill[new], 7, 3).sum())
        if cost > room:
            break
        chosen |= new
        room -= cost
    return chosen


def _neighbours(grid: CurveGrid, cell: int) -> np.ndarray:
    """Cells of the same curve and delay that touch a cell, itself included."""
    slack = 1e-9
    touches = (grid.lower <= grid.upper[cell] + slack) & (grid.upper >= grid.lower[cell] - slack)
    alike = (grid.is_hill == grid.is_hill[cell]) & (grid.is_power == grid.is_power[cell]) & (grid.delay == grid.delay[cell])
    return np.asarray(touches.all(axis=1) & alike)


def split(priors: CurvePriors, grid: CurveGrid, chosen: np.ndarray) -> CurveGrid:
    """A grid with the chosen cells split in two along carry-over and the parameters of their curve."""
    parts = [(grid.delay[~chosen], grid.is_hill[~chosen], grid.is_power[~chosen], grid.lower[~chosen], grid.upper[~chosen])]
    for is_hill in (False, True):
        cells = np.flatnonzero(chosen & (grid.is_hill == is_hill))
        lower, upper = grid.lower[cells], grid.upper[cells]
        for axis in range(3 if is_hill else 2):
            lower, upper = _halved(lower, upper, axis)
        copies = len(lower) // max(len(cells), 1)
        delays, powers = (np.tile(values[cells], copies) for values in (grid.delay, grid.is_power))
        parts.append((delays, np.full(len(lower), is_hill), powers, lower, upper))
    delay, hill, power, lower, upper = (np.concatenate([part[column] for part in parts]) for column in range(5))
    return grid_of_cells(priors, delay, hill, power, lower, upper)


def _halved(lower: Floats, upper: Floats, axis: int) -> tuple[Floats, Floats]:
    """Every cell as two, first all lower halves and then all upper ones."""
    middle = (lower[:, axis] + upper[:, axis]) / 2
    below, above = upper.copy(), lower.copy()
    below[:, axis], above[:, axis] = middle, middle
    return np.concatenate([lower, above]), np.concatenate([below, upper])
