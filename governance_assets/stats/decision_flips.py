"""The smallest change of facts that changes a decision taken on a weighted sum of scores and on states of single facts.

Belongs here: exact search over the breakpoints of the maps. Does not belong here: the decision (a domain's ``rules.py``, handed in as
a function) or the words for it.

Every fact is cut at its breakpoints into single values and open stretches. On a stretch the score is linear and the state constant,
so that on one stretch of each changed fact the cheapest change is a fractional knapsack: go first where a tolerance moves the sum
most. No grid and no optimiser is involved, and whether the smallest change itself suffices, or only everything beyond it, is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Flags, Floats
from governance_assets.stats.limits import above, below
from governance_assets.stats.score_maps import ScoreMap

States = tuple[Hashable, ...]
_SAME_COST = 1e-9


def _no_state(value: float) -> Hashable:
    return None


@dataclass(frozen=True)
class Fact:
    """One known figure: its value and tolerance in its own unit, what it scores, and what one point of its score is worth.

    ``weight`` is points of the sum a point of score; 0 for a fact whose state alone counts. ``least`` and ``most`` bound the values
    it can take. ``state`` is what the decision looks at besides the sum, such as a class; it may change at ``cuts`` only.
    """

    name: str
    value: float
    tolerance: float
    weight: float
    map: ScoreMap
    least: float = -math.inf
    most: float = math.inf
    cuts: tuple[float, ...] = ()
    state: Callable[[float], Hashable] = _no_state

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and self.least <= self.value <= self.most):
            raise ValueError(f"{self.name} is {self.value}, expected a finite number from {self.least} to {self.most}")
        if not self.tolerance > 0 or not self.weight >= 0:
            raise ValueError(f"{self.name}: tolerance {self.tolerance} must be above 0 and weight {self.weight} not below 0")

    def points(self, value: float) -> float:
        """What ``value`` adds to the sum."""
        return self.weight * float(self.map.score(value))


@dataclass(frozen=True)
class Move:
    """One fact moved from its value to another; ``tolerances`` is how far that is."""

    fact: str
    value: float
    to: float
    tolerances: float


@dataclass(frozen=True)
class Change:
    """The smallest change; when not ``is_attained`` it is the limit that has to be passed by however little."""

    moves: tuple[Move, ...]
    tolerances: float
    is_attained: bool


def smallest_change(
    facts: Sequence[Fact], boundaries: Sequence[float], is_wanted: Callable[[float, States], bool], at_most: int = 2
) -> Change | None:
    """The change of the fewest facts, up to ``at_most``, and among these of the least sum of tolerances, that makes a wanted decision.

    ``is_wanted`` tells it of a sum of points and the states of all facts in order; along the sum it may change at ``boundaries``
    only. Facts that do not move keep value and state. None when no change of so many facts does it; a change without moves when the
    decision is wanted as things are. Equal costs: what suffices itself before what has to be passed, then the earlier fact.

    >>> line = ScoreMap((0.0, 100.0), (0.0, 100.0))
    >>> facts = [Fact("a", 60.0, 5.0, 0.5, line, 0, 100), Fact("b", 70.0, 2.0, 0.5, line, 0, 100)]
    >>> smallest_change(facts, [70.0], lambda total, states: total >= 70)
    Change(moves=(Move(fact='a', value=60.0, to=70.0, tolerances=2.0),), tolerances=2.0, is_attained=True)
    >>> smallest_change(facts, [64.0], lambda total, states: total < 64).is_attained
    False
    """
    states = tuple(fact.state(fact.value) for fact in facts)
    standing = math.fsum(fact.points(fact.value) for fact in facts)
    if is_wanted(standing, states):
        return Change((), 0.0, True)
    cut = [_Pieces(fact) for fact in facts]
    for size in range(1, at_most + 1):
        best: Change | None = None
        for chosen in combinations(range(len(facts)), size):
            rest = math.fsum(fact.points(fact.value) for n, fact in enumerate(facts) if n not in chosen)
            for picked, bands in _offers([cut[n] for n in chosen], chosen, states, boundaries, is_wanted):
                best = _cheaper(best, _among(picked, bands, rest))
        if best is not None:
            return best
    return None


@dataclass(frozen=True)
class _Band:
    """Wanted sums: an interval with its ends in or out."""

    low: float
    high: float
    has_low: bool
    has_high: bool


class _Pieces:
    """A fact cut into points and open stretches, none of which reaches over the fact's value or a breakpoint.

    ``near`` and ``room`` are tolerances from the value to the nearer end, and from there to the farther; ``base`` is points of the
    sum at the nearer end, and ``rate`` their change a tolerance away from the value.
    """

    def __init__(self, fact: Fact) -> None:
        self.fact = fact
        inner = {at for at in (*fact.map.at, *fact.cuts, fact.least, fact.most) if fact.least <= at <= fact.most and math.isfinite(at)}
        marks = sorted(inner | {float(fact.value)})
        ends = [(at, at) for at in marks] + list(zip(marks, marks[1:], strict=False))
        ends += [(-math.inf, marks[0])] if fact.least == -math.inf else []
        ends += [(marks[-1], math.inf)] if fact.most == math.inf else []
        low, high = np.array(ends).T
        self.sign: Floats = np.where(low >= fact.value, 1.0, -1.0)
        closer, farther = np.where(self.sign > 0, low, high), np.where(self.sign > 0, high, low)
        self.near: Floats = np.abs(closer - fact.value) / fact.tolerance
        self.room: Floats = np.abs(farther - closer) / fact.tolerance
        self.is_point: Flags = low == high
        self.base: Floats = fact.weight * fact.map.score(closer)
        rise = fact.weight * fact.map.score(farther) - self.base
        self.rate: Floats = np.where(np.isfinite(self.room) & ~self.is_point, rise / np.where(self.room > 0, self.room, 1.0), 0.0)
        inside = np.where(np.isfinite(low + high), (low + high) / 2, np.where(np.isfinite(low), low + 1, high - 1))
        self.states: list[Hashable] = [fact.state(float(at)) for at in inside]

    def of_state(self, state: Hashable) -> _Some:
        return _Some(self, np.array([n for n, found in enumerate(self.states) if found == state]))


@dataclass(frozen=True)
class _Some:
    pieces: _Pieces
    index: Any

    def column(self, name: str) -> Floats:
        values: Floats = getattr(self.pieces, name)[self.index]
        return values


def _offers(
    pieces: Sequence[_Pieces],
    chosen: Sequence[int],
    states: States,
    boundaries: Sequence[float],
    is_wanted: Callable[[float, States], bool],
) -> Iterator[tuple[list[_Some], list[_Band]]]:
    """For every combination of states of the chosen facts its pieces, and the sums that are wanted then."""
    for combination in product(*(dict.fromkeys(one.states) for one in pieces)):
        given = list(states)
        for place, state in zip(chosen, combination, strict=True):
            given[place] = state
        bands = _bands(boundaries, tuple(given), is_wanted)
        if bands:
            yield [one.of_state(state) for one, state in zip(pieces, combination, strict=True)], bands


def _bands(boundaries: Sequence[float], states: States, is_wanted: Callable[[float, States], bool]) -> list[_Band]:
    marks = sorted({float(at) for at in boundaries})
    steps = [_Band(at, at, True, True) for at in marks] + [
        _Band(low, high, False, False) for low, high in zip([-math.inf, *marks], [*marks, math.inf], strict=True)
    ]
    steps.sort(key=lambda band: (band.low, band.high))
    found: list[_Band] = []
    for step in steps:
        if not is_wanted(_inside(step), states):
            continue
        if found and found[-1].high == step.low and (found[-1].has_high or step.has_low):
            found[-1] = _Band(found[-1].low, step.high, found[-1].has_low, step.has_high)
        else:
            found.append(step)
    return found


def _inside(band: _Band) -> float:
    if math.isfinite(band.low) and math.isfinite(band.high):
        return (band.low + band.high) / 2
    return band.low + 1 if math.isfinite(band.low) else band.high - 1 if math.isfinite(band.high) else 0.0


def _among(picked: Sequence[_Some], bands: Sequence[_Band], rest: float) -> Change | None:
    """The cheapest change over all combinations of pieces and bands."""
    grids = np.meshgrid(*(np.arange(len(some.index)) for some in picked), indexing="ij")
    flat = [grid.ravel() for grid in grids]
    columns = {name: [some.column(name)[at] for some, at in zip(picked, flat, strict=True)] for name in ("near", "room", "base", "rate")}
    is_point = [some.pieces.is_point[some.index][at] for some, at in zip(picked, flat, strict=True)]
    best: Change | None = None
    for band in bands:
        steps, cost, is_attained = _cheapest(columns, is_point, band, rest)
        if not np.isfinite(cost).any():
            continue
        least = float(cost.min())
        near_best = np.flatnonzero(cost <= least + _SAME_COST)
        at = int(near_best[np.argmax(is_attained[near_best])])
        moves = tuple(_move(some, int(index[at]), float(step[at])) for some, index, step in zip(picked, flat, steps, strict=True))
        best = _cheaper(best, Change(moves, float(cost[at]), bool(is_attained[at])))
    return best


def _cheapest(columns: dict[str, list[Floats]], is_point: list[Flags], band: _Band, rest: float) -> tuple[list[Floats], Floats, Flags]:
    """For each combination of pieces: steps beyond the nearer ends, cost (infinite when it cannot be), and whether it suffices."""
    near, room, base, rate = (columns[name] for name in ("near", "room", "base", "rate"))
    gains = [np.where(q == 0, 0.0, q * np.where(q == 0, 0.0, r)) for q, r in zip(rate, room, strict=True)]
    standing = rest + np.sum(base, axis=0)
    lowest = standing + np.sum([np.minimum(gain, 0) for gain in gains], axis=0)
    highest = standing + np.sum([np.maximum(gain, 0) for gain in gains], axis=0)
    is_flat = np.all([q == 0 for q in rate], axis=0)
    start, end = np.maximum(lowest, band.low), np.minimum(highest, band.high)
    meets = above(end, start) | (~below(end, start) & is_flat & _holds(band, start))
    wanted = np.where(below(standing, band.low), band.low - standing, np.where(above(standing, band.high), band.high - standing, 0.0))
    wanted = np.nan_to_num(wanted, posinf=0.0, neginf=0.0)
    speed = [np.maximum(q * np.sign(wanted), 0) for q in rate]
    steps = [np.zeros_like(standing) for _ in near]
    left = np.abs(wanted)
    for place in np.argsort([-one for one in speed], axis=0, kind="stable"):
        for n, pace in enumerate(speed):
            here = (place == n) & (pace > 0) & (left > 0)
            step = np.where(here, np.minimum(np.where(here, left, 0.0) / np.where(here, pace, 1.0), room[n]), 0.0)
            steps[n] += step
            left = np.where(here, left - step * pace, left)
    cost = np.where(meets, np.sum(near, axis=0) + np.sum(steps, axis=0), np.inf)
    stays = [point | ((step > 0) & below(step, r)) for point, step, r in zip(is_point, steps, room, strict=True)]
    is_attained = np.all(stays, axis=0) & _holds(band, standing + wanted)
    return steps, cost, is_attained


def _holds(band: _Band, total: Floats) -> Flags:
    """Whether ``total`` lies in the band, up to rounding."""
    low = above(total, band.low) | (band.has_low & ~below(total, band.low))
    high = below(total, band.high) | (band.has_high & ~above(total, band.high))
    return np.asarray(low & high)


def _move(some: _Some, at: int, step: float) -> Move:
    fact, place = some.pieces.fact, int(some.index[at])
    tolerances = float(some.pieces.near[place]) + step
    return Move(fact.name, float(fact.value), float(fact.value + some.pieces.sign[place] * tolerances * fact.tolerance), tolerances)


def _cheaper(best: Change | None, other: Change | None) -> Change | None:
    if best is None or other is None:
        return other if best is None else best
    if abs(best.tolerances - other.tolerances) <= _SAME_COST:
        return other if other.is_attained and not best.is_attained else best
    return other if other.tolerances < best.tolerances else best
