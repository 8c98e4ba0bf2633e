"""Random problems of allocation that have a solution, and what a general solver finds of them."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from governance_assets.stats.arrays import Floats
from governance_assets.stats.media_allocation import Curve, Group, Problem, problem
from governance_assets.stats.media_curves import hill, logistic


def bending(height: float, rate: float) -> Curve:
    return lambda spend: height * logistic(spend, rate)


def s_shaped(height: float, half: float, slope: float) -> Curve:
    return lambda spend: height * hill(spend, half, slope)


def straight(corners: Floats, heights: Floats) -> Curve:
    return lambda spend: np.asarray(np.interp(spend, corners, heights))


def by_slsqp(posed: Problem, start: Floats) -> tuple[Floats, float]:
    constraints = []
    for group in posed.groups:
        members = sorted(group.members)
        constraints.append({"type": "ineq", "fun": lambda x, m=members, low=group.lower: x[m].sum() - low})
        if np.isfinite(group.upper):
            constraints.append({"type": "ineq", "fun": lambda x, m=members, high=group.upper: high - x[m].sum()})
    if posed.budget is not None:
        constraints.append({"type": "eq", "fun": lambda x: x.sum() - posed.budget})
    found = minimize(
        lambda x: -posed.value(x),
        start,
        bounds=list(zip(posed.lower, posed.upper, strict=True)),
        constraints=constraints,
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    return found.x, -found.fun


def a_problem(seed: int, is_concave: bool) -> Problem:
    """A random problem that has a solution: its bounds are laid round a point."""
    rng = np.random.default_rng(seed)
    channels = int(rng.integers(2, 8))
    curves = []
    for _ in range(channels):
        height, half = rng.gamma(2.0, 1.0), rng.uniform(0.3, 2.0)
        curves.append(
            bending(height, rng.uniform(0.3, 3.0)) if is_concave or rng.random() < 0.3 else s_shaped(height, half, rng.uniform(0.5, 4))
        )
    inside = rng.uniform(0.2, 1.5, channels)
    lower, upper = inside * rng.uniform(0, 1, channels), inside * rng.uniform(1, 3, channels)
    frozen = rng.random(channels) < 0.15
    lower[frozen] = upper[frozen] = inside[frozen]
    groups = []
    if channels > 2:
        outer = frozenset(range(int(rng.integers(2, channels))))
        groups.append(
            Group("outer", outer, inside[sorted(outer)].sum() * rng.uniform(0.6, 1), inside[sorted(outer)].sum() * rng.uniform(1, 1.5))
        )
        groups.append(Group("inner", frozenset({0}) if len(outer) < 3 else frozenset({0, 1}), 0.0, 0.0))
        own = inside[sorted(groups[1].members)].sum()
        groups[1] = Group("inner", groups[1].members, own * 0.9, own * 1.2)
    budget = float(inside.sum()) if rng.random() < 0.6 else None
    return problem(curves, lower, upper, budget=budget, worth=float(rng.uniform(0.5, 3)), groups=groups)
