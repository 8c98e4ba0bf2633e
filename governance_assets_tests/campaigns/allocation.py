"""Random problems of allocation: no bound is ever broken, and concave ones reach the optimum of a general solver.

``make allocations`` runs it at full length, about 200 s of processor time. Bounds are checked here from the problem alone, apart from the
code that allocates and from the check it has of its own.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field

import numpy as np

from governance_assets.stats.arrays import Floats
from governance_assets.stats.media_allocation import Problem, allocate, violations
from governance_assets_tests.allocation_problems import a_problem, by_slsqp

PROBLEMS, COMPARED = 10_000, 1_000
ALLOWED = 1e-6
_ROUNDING = 1e-9
_SPLITS = 20  # bounds are kept at any number; more only prove S-shaped curves nearer to their optimum


@dataclass
class Outcome:
    """Problems solved and compared, the largest shortfall against the solver relative to its value, and every fault in words."""

    problems: int = 0
    s_shaped: int = 0
    compared: int = 0
    shortfall: float = 0.0
    faults: list[str] = field(default_factory=list)


def broken(posed: Problem, spend: Floats) -> bool:
    """Whether the split breaks a bound of a channel, a group or the budget by more than rounding of the largest possible spend."""
    slack = _ROUNDING * float(np.sum(posed.upper))
    totals = [(sum(spend[place] for place in group.members), group.lower, group.upper) for group in posed.groups]
    if posed.budget is not None:
        totals.append((float(np.sum(spend)), posed.budget, posed.budget))
    inside = [least - slack <= total <= most + slack for total, least, most in totals]
    return not (all(inside) and np.all(spend >= posed.lower - slack) and np.all(spend <= posed.upper + slack) and np.isfinite(spend).all())


def campaign(problems: int, compared: int, first: int = 0) -> Outcome:
    """Solve random problems, every second one with S-shaped curves among them; compare the first ``compared`` concave ones."""
    outcome = Outcome()
    for seed in range(first, first + problems):
        is_concave = seed % 2 == 0
        posed = a_problem(seed, is_concave)
        found = allocate(posed, splits=_SPLITS)
        outcome.problems += 1
        outcome.s_shaped += not is_concave
        if broken(posed, found.spend) or violations(posed, found.spend):
            outcome.faults.append(f"problem {seed}: {found.spend.tolist()} breaks a bound")
        if is_concave and outcome.compared < compared:
            outcome.compared += 1
            for start in (found.spend, (found.spend + posed.lower) / 2):
                spend, value = by_slsqp(posed, start)
                shortfall = 0.0 if broken(posed, spend) else (value - found.value) / max(abs(value), 1e-12)
                outcome.shortfall = max(outcome.shortfall, shortfall)
                if shortfall > ALLOWED:
                    outcome.faults.append(f"problem {seed}: {found.value} where a solver has {value}")
    return outcome


def main() -> int:
    """The campaign at full length, unless told otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=PROBLEMS)
    parser.add_argument("--compared", type=int, default=COMPARED)
    asked = parser.parse_args()
    outcome = campaign(asked.problems, asked.compared)
    print(f"{outcome.problems} problems, {outcome.s_shaped} with S-shaped curves: {len(outcome.faults)} faults", end="")
    print("" if outcome.faults else f" (95 % bound {3 / outcome.problems:.2%})")
    print(f"{outcome.compared} compared with SLSQP: largest shortfall {outcome.shortfall:.1e} of its value")
    print("\n".join(outcome.faults[:20]))
    return bool(outcome.faults)


if __name__ == "__main__":
    raise SystemExit(main())
