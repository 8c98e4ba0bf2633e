"""The smallest change that flips a decision, against brute force on random scorecards, and cases with an answer by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from governance_assets.stats.decision_flips import Change, Fact, smallest_change
from governance_assets.stats.score_maps import ScoreMap, map_of_target

LINE = ScoreMap((0.0, 100.0), (0.0, 100.0))
ROWS = (50.0, 70.0, 90.0)


def row_of(total: float) -> int:
    """Score row: 0 above 90, 1 from 70, 2 from 50, 3 below."""
    return 0 if total > 90 else 1 if total >= 70 else 2 if total >= 50 else 3


def decided(total: float, states: tuple) -> tuple:
    """A decision with a class that worsens the row and a flag that adds to it, as those of an assessment do."""
    worst = max((state for state in states if isinstance(state, int) and not isinstance(state, bool)), default=0)
    row = row_of(total)
    row = max(row, min(worst, 1)) if row == 0 else max(row, worst)
    return row, any(state is True for state in states)


def random_facts(rng: np.random.Generator) -> list[Fact]:
    weights = rng.dirichlet(np.ones(3))
    facts = []
    for n, weight in enumerate(weights):
        target, tolerance = float(rng.normal(0, 3)), float(rng.uniform(0.2, 2))
        direction = rng.choice(["higher", "lower", "near"])
        curve = [(0, 100), (1, 90), (2, rng.uniform(60, 89)), (3, rng.uniform(20, 60)), (rng.uniform(4, 6), 0)]
        made = map_of_target(direction, target, tolerance, curve, target + 0.5 if direction == "near" else None)
        value = float(rng.uniform(target - 5 * tolerance, target + 5 * tolerance))
        # Most facts can only move a little, so that often no single one suffices.
        reach = [float(tolerance * way) for way in rng.uniform(0.1, 2.5, 2)]
        least, most = (value - reach[0], value + reach[1]) if rng.random() < 0.85 else (-math.inf, math.inf)
        cuts, state = (), lambda value: None
        if n == 0:
            first, second = (float(cut) for cut in target + tolerance * np.sort(rng.uniform(-4, 4, 2)))
            cuts = (first, second)
            state = lambda value, a=first, b=second: 0 if value <= a else 2 if value <= b else 3  # noqa: E731
        elif n == 1 and rng.random() < 0.5:
            cut = float(target + tolerance * rng.uniform(-4, 4))
            cuts, state = (cut,), lambda value, c=cut: value > c
        facts.append(Fact(f"m{n}", value, tolerance, float(weight), made, least, most, cuts, state))
    return facts


def outcome(facts: list[Fact], values: list[float]) -> tuple:
    total = math.fsum(fact.points(value) for fact, value in zip(facts, values, strict=True))
    return decided(total, tuple(fact.state(value) for fact, value in zip(facts, values, strict=True)))


def grid_of(fact: Fact, n: int) -> np.ndarray:
    """A grid over the reach of a fact, with both sides of every breakpoint on it."""
    low, high = max(fact.least, fact.map.at[0] - 4 * fact.tolerance), min(fact.most, fact.map.at[-1] + 4 * fact.tolerance)
    marks = np.array([*fact.map.at, *fact.cuts, fact.value])
    points = np.concatenate([np.linspace(low, high, n), marks, marks - 1e-7, marks + 1e-7])
    return np.unique(points[(points >= fact.least) & (points <= fact.most)])


def cheapest_by_force(facts: list[Fact], chosen: tuple[int, ...], start: tuple, n: int) -> float:
    """The least cost at which a point of the grid has another decision."""
    grids = [grid_of(facts[k], n) for k in chosen]
    rest = math.fsum(fact.points(fact.value) for k, fact in enumerate(facts) if k not in chosen)
    mesh = np.meshgrid(*grids, indexing="ij")
    total = rest + sum(facts[k].weight * facts[k].map.score(axis) for k, axis in zip(chosen, mesh, strict=True))
    cost = sum(np.abs(axis - facts[k].value) / facts[k].tolerance for k, axis in zip(chosen, mesh, strict=True))
    fixed = {k: fact.state(fact.value) for k, fact in enumerate(facts) if k not in chosen}
    best = math.inf
    states = [[facts[k].state(float(at)) for at in grid] for k, grid in zip(chosen, grids, strict=True)]
    for combination in itertools.product(*(set(found) for found in states)):
        given = fixed | dict(zip(chosen, combination, strict=True))
        accepted = {
            row: decided(total_of_row, tuple(given[k] for k in range(len(facts)))) for row, total_of_row in enumerate((95, 80, 60, 40))
        }
        rows = np.where(total > 90, 0, np.where(total >= 70, 1, np.where(total >= 50, 2, 3)))
        flips = np.isin(rows, [row for row, found in accepted.items() if found != start])
        for axis, found, state in zip(range(len(chosen)), states, combination, strict=True):
            here = np.array([one == state for one in found])
            flips &= here.reshape([-1 if k == axis else 1 for k in range(len(chosen))])
        best = min(best, float(np.min(cost, initial=math.inf, where=flips)))
    return best


def reaches(facts: list[Fact], change: Change, start: tuple) -> bool:
    """Whether the change, or a point however close beyond it, has another decision."""
    values = {fact.name: fact.value for fact in facts}
    values |= {move.fact: move.to for move in change.moves}
    names = [move.fact for move in change.moves]
    for nudge in itertools.product((0.0, 1e-7, -1e-7), repeat=len(names)):
        moved = values | {name: values[name] + step for name, step in zip(names, nudge, strict=True)}
        if outcome(facts, [moved[fact.name] for fact in facts]) != start:
            return True
    return False


def test_it_is_the_smallest_on_a_thousand_random_scorecards() -> None:
    rng = np.random.default_rng(20251226)
    sizes = {0: 0, 1: 0, 2: 0}
    for _ in range(1000):
        facts = random_facts(rng)
        start = outcome(facts, [fact.value for fact in facts])
        found = smallest_change(facts, ROWS, lambda total, states, start=start: decided(total, states) != start)
        singles = min(cheapest_by_force(facts, (k,), start, 250) for k in range(3))
        if found is not None and len(found.moves) == 1:
            assert found.tolerances <= singles + 1e-6
            assert reaches(facts, found, start)
            assert singles <= found.tolerances + 0.2 or _is_sliver(facts, found, start)
        else:
            assert singles == math.inf
            pairs = min(cheapest_by_force(facts, pair, start, 70) for pair in itertools.combinations(range(3), 2))
            assert (found.tolerances if found else math.inf) <= pairs + 1e-6
            assert found is None or reaches(facts, found, start)
        sizes[len(found.moves) if found else 0] += 1
    assert min(sizes.values()) > 50


def _is_sliver(facts: list[Fact], found: Change, start: tuple) -> bool:
    """A stretch too short for the grid: that a decision changes there is shown by ``reaches``."""
    (move,) = found.moves
    fact = next(fact for fact in facts if fact.name == move.fact)
    values = [one.value for one in facts]
    hits = 0
    for step in (-0.2, 0.2):
        values[facts.index(fact)] = move.to + step * fact.tolerance
        hits += outcome(facts, values) != start
    return hits < 2


@pytest.mark.parametrize(
    ("value", "to", "tolerances", "attained"),
    [
        (69.85, 70.0, 0.15, True),  # a closed bound is reached
        (90.0, 90.0, 0.0, False),  # an open one, stood upon, has only to be left
        (88.0, 90.0, 2.0, False),
        (50.0, 50.0, 0.0, False),
        (55.0, 50.0, 5.0, False),
        (49.0, 50.0, 1.0, True),
    ],
)
def test_bounds_that_are_open_or_closed(value: float, to: float, tolerances: float, attained: bool) -> None:
    fact = Fact("alignment", value, 1.0, 1.0, LINE, 0.0, 100.0)
    found = smallest_change([fact], ROWS, lambda total, states: row_of(total) != row_of(value))
    assert found is not None
    (move,) = found.moves
    assert (round(move.to, 9), round(found.tolerances, 9), found.is_attained) == (to, tolerances, attained)


def test_a_pair_where_no_single_change_suffices_and_none_where_no_pair_does() -> None:
    facts = [Fact(name, 60.0, tolerance, 0.25, LINE, 0.0, 100.0) for name, tolerance in (("a", 4.0), ("b", 2.0), ("c", 1.0), ("d", 1.0))]
    found = smallest_change(facts, ROWS, lambda total, states: total >= 70)
    assert found is not None
    assert [(move.fact, move.to) for move in found.moves] == [("a", 100.0)]
    found = smallest_change(facts, (72.0,), lambda total, states: total >= 72)
    assert found is not None
    assert [(move.fact, move.to) for move in found.moves] == [("a", 100.0), ("b", 68.0)]
    assert found.tolerances == pytest.approx(14.0)
    assert smallest_change(facts, (95.0,), lambda total, states: total >= 95) is None
    three = smallest_change(facts, (84.0,), lambda total, states: total >= 84, at_most=3)
    assert three is not None
    assert three.tolerances == pytest.approx(40 / 4 + 40 / 2 + 16 / 1)


def test_a_state_flips_where_the_sum_does_not() -> None:
    share = Fact("gap_share", 0.04, 0.05, 0.01, LINE, 0.0, 1.0, (0.05, 0.10), lambda at: "major" if at > 0.1 else "minor")
    rest = Fact("rest", 80.0, 1.0, 0.2, LINE, 79.0, 81.0)
    found = smallest_change([rest, share], ROWS, lambda total, states: states[1] == "major")
    assert found is not None
    assert (found.moves[0].fact, found.moves[0].to, found.is_attained) == ("gap_share", pytest.approx(0.10), False)
    assert found.tolerances == pytest.approx(1.2)


def test_what_is_wanted_already_needs_no_change() -> None:
    assert smallest_change([Fact("a", 80.0, 1.0, 1.0, LINE)], ROWS, lambda total, states: True) == Change((), 0.0, True)
    assert smallest_change([], ROWS, lambda total, states: total >= 70) is None


def test_a_fact_without_weight_or_bounds_moves_as_far_as_its_state_needs() -> None:
    flag = Fact("overrun", 0.1, 0.15, 0.0, LINE, cuts=(0.25,), state=lambda at: at > 0.25)
    found = smallest_change([flag], ROWS, lambda total, states: states[0] is True)
    assert found == Change(found.moves, pytest.approx(1.0), False)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"value": math.nan}, "expected a finite number"),
        ({"value": 101.0, "most": 100.0}, "expected a finite number"),
        ({"tolerance": 0.0}, "must be above 0"),
        ({"weight": -1.0}, "not below 0"),
    ],
)
def test_a_fact_that_cannot_be_is_refused(bad: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Fact(**({"name": "a", "value": 1.0, "tolerance": 1.0, "weight": 1.0, "map": LINE} | bad))
