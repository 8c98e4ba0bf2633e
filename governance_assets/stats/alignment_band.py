"""How far an alignment is uncertain because some of its metrics are: by simulation.

Belongs here: draws of the metrics that state an uncertainty, the band of the weighted sum, how often such bands hold.
Does not belong here: the decision on each draw (a domain's ``rules.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Floats, share, vector
from governance_assets.stats.decision_flips import Fact


@dataclass(frozen=True)
class Simulated:
    """Drawn ``values`` (draws × facts; a fact without uncertainty never moves) and the ``totals`` they add up to."""

    values: Floats
    totals: Floats

    def band(self, level: float) -> tuple[float, float]:
        """Ends of the central band that holds ``level`` of the totals."""
        tail = (1 - share("level", level)) / 2
        low, high = np.quantile(self.totals, [tail, 1 - tail])
        return float(low), float(high)


def simulated(facts: Sequence[Fact], standard_errors: Any, draws: int, rng: np.random.Generator) -> Simulated:
    """Draw each fact from a normal distribution around its value, NaN or 0 in ``standard_errors`` standing for none stated.

    Draws beyond the values a fact can take are set to the nearest it can. Errors of different facts are taken as independent.

    Raises ValueError when lengths differ, an error is negative, or there are no draws.
    """
    errors = np.nan_to_num(vector("standard_errors", standard_errors, length=len(facts), like="facts"))
    if draws < 1 or np.any(errors < 0):
        raise ValueError(f"draws is {draws} and standard errors {errors}, expected at least one draw and no negative error")
    center = np.array([fact.value for fact in facts], dtype=np.float64)
    values = _bounded(facts, center + errors * rng.standard_normal((draws, len(facts))))
    return Simulated(values, _totals(facts, values))


def share_of_bands_that_hold(
    facts: Sequence[Fact], standard_errors: Any, level: float, draws: int, trials: int, rng: np.random.Generator
) -> float:
    """Share of simulated bands that hold the truth: the facts as they are taken for true, and observed ``trials`` times with error.

    The kinks of the maps and the bounds of the facts make it differ from ``level``; it is published beside the band. NaN without any
    error: such a band has no width and nothing to hold.
    """
    errors = np.nan_to_num(vector("standard_errors", standard_errors, length=len(facts), like="facts"))
    if not errors.any():
        return float("nan")
    tail = (1 - share("level", level)) / 2
    center = np.array([fact.value for fact in facts], dtype=np.float64)
    truth = float(_totals(facts, center[None, :])[0])
    held = 0
    for _ in range(trials):
        observed = _bounded(facts, center + errors * rng.standard_normal(len(facts)))
        totals = _totals(facts, _bounded(facts, observed + errors * rng.standard_normal((draws, len(facts)))))
        low, high = np.quantile(totals, [tail, 1 - tail])
        held += bool(low - 1e-9 <= truth <= high + 1e-9)
    return held / trials


def _bounded(facts: Sequence[Fact], values: Floats) -> Floats:
    return np.clip(values, [fact.least for fact in facts], [fact.most for fact in facts])


def _totals(facts: Sequence[Fact], values: Floats) -> Floats:
    total = np.zeros(len(values))
    for n, fact in enumerate(facts):
        total += fact.weight * fact.map.score(values[:, n])
    return total
