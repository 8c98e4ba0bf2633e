"""Where the next unit of spend does most: the best split of a budget over channels with known response curves.

Belongs here: the optimum under bounds, and the bounds that guardrails make. Does not belong here: limits (policy), whether a split
is worth it (``media_lift``).

Every curve is cut into short straight pieces and replaced by its concave envelope; then taking pieces by falling slope is the optimum,
and stays it under bounds of channels and of groups that are nested or apart, each group taking what its own bounds leave. Concave curves
are their own envelope: the pieces are made ever shorter round the optimum until it no longer moves. Where a curve is S-shaped the
envelope promises too much inside its chord; the range of that channel is then split there, until what is promised is what is had.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, count
from typing import Any

import numpy as np

from governance_assets.stats.arrays import Floats, vector
from governance_assets.stats.concave_pieces import Pieces, bounded, envelope, merged

Curve = Callable[[Floats], Floats]

SEGMENTS = 256
SPLITS = 200
# Of the result: how far the value may stay below its bound, and of the budget: how far a sum may miss a bound by rounding.
TOLERANCE = 1e-7
ROUNDING = 1e-9


@dataclass(frozen=True)
class Group:
    """Channels, by their places, whose spend together has bounds."""

    name: str
    members: frozenset[int]
    lower: float = 0.0
    upper: float = float("inf")


@dataclass(frozen=True)
class Problem:
    """What may be spent where: curves of the response to spend, bounds (C,) of each channel, groups, and the budget.

    Without a budget, spend is free and ``worth``, money for one unit of response, says when a further unit of spend no longer pays.
    """

    curves: tuple[Curve, ...]
    lower: Floats
    upper: Floats
    groups: tuple[Group, ...]
    budget: float | None
    worth: float

    @property
    def size(self) -> float:
        """The most that can be spent; what is lost in rounding is measured by it."""
        return max(float(self.upper.sum()), 1e-300)

    def value(self, spend: Floats) -> float:
        """Response of all channels or, without a budget, its worth less the spend."""
        return float(self._values(spend[:, None])[:, 0].sum())

    def _values(self, levels: Floats) -> Floats:
        """Value of each channel at its ``levels`` (C, n)."""
        responses = np.array([curve(row) for curve, row in zip(self.curves, levels, strict=True)])
        return responses if self.budget is not None else self.worth * responses - levels


@dataclass(frozen=True)
class Allocation:
    """The best split found: spend (C,), its value, and a value that no split exceeds (up to the bend of the curves between levels)."""

    spend: Floats
    value: float
    bound: float


def problem(
    curves: Sequence[Curve],
    lower: Any,
    upper: Any,
    *,
    budget: float | None,
    worth: float = 1.0,
    groups: Sequence[Group] = (),
) -> Problem:
    """A problem that has a solution; a frozen channel has equal bounds.

    Raises ValueError, in a sentence, for bounds that cross, groups that overlap without being nested, or bounds that leave nothing.
    """
    low, high = vector("lower", lower, length=len(curves), like="curves"), vector("upper", upper, length=len(curves), like="curves")
    if not len(low) or not (np.isfinite(low).all() and np.isfinite(high).all()) or (low < 0).any() or (low > high).any():
        raise ValueError(f"bounds are {low.tolist()} to {high.tolist()}; expected one channel or more, 0 ≤ lower ≤ upper and no infinity")
    if worth <= 0 or (budget is not None and not 0 <= budget < np.inf):
        raise ValueError(f"budget is {budget} and worth {worth}; expected a budget of 0 or more, or none, and a positive worth")
    for group in groups:
        if not group.name or not group.members or not group.members <= set(range(len(low))) or not 0 <= group.lower <= group.upper:
            raise ValueError(f"group {group.name} has members {sorted(group.members)} and bounds {group.lower:g} to {group.upper:g}")
    for one, other in combinations(groups, 2):
        shared = one.members & other.members
        if shared and shared not in (one.members, other.members):
            raise ValueError(f"groups {one.name} and {other.name} share some channels and not others; expected nested or apart")
    posed = Problem(tuple(curves), low, high, _by_size(groups), budget, float(worth))
    _check_room(posed)
    return posed


def allocate(posed: Problem, *, segments: int = SEGMENTS, splits: int = SPLITS) -> Allocation:
    """The best split; at most ``splits`` times a channel's range is split where its curve lies below its envelope."""
    number = count()
    first = _relaxed(posed, posed.lower, posed.upper, segments)
    assert first is not None  # the problem has been found to have room
    best, value = first.spend, posed.value(first.spend)
    heap = [(-first.bound, next(number), posed.lower, posed.upper, first)]
    closed = -np.inf
    for _ in range(splits):
        if not heap or -heap[0][0] <= value + TOLERANCE * abs(value):
            break
        _, _, lower, upper, found = heapq.heappop(heap)
        widest = int(np.argmax(found.gaps))
        if found.gaps[widest] <= TOLERANCE * abs(value) / len(lower):
            closed = max(closed, found.bound)
            continue
        for low, high in _halves(lower, upper, widest, found.spend[widest]):
            part = _relaxed(posed, low, high, segments)
            if part is None:
                continue
            if posed.value(part.spend) > value:
                best, value = part.spend, posed.value(part.spend)
            heapq.heappush(heap, (-part.bound, next(number), low, high, part))
    best = _polished(posed, best, segments)
    value = posed.value(best)
    return Allocation(best, value, max(value, closed, -heap[0][0] if heap else -np.inf))


def guarded(current: Any, max_change: float, lower: Any = 0.0, upper: Any = np.inf) -> tuple[Floats, Floats]:
    """Bounds that keep every channel within ``max_change`` (a fraction) of its ``current`` spend, and within its own bounds.

    >>> guarded([100.0, 50.0], 0.35, upper=[120.0, 100.0])
    (array([65. , 32.5]), array([120. ,  67.5]))
    """
    spend = vector("current", current)
    return np.maximum(spend * (1 - max_change), lower), np.minimum(spend * (1 + max_change), upper)


def violations(posed: Problem, spend: Any) -> list[str]:
    """Every bound that ``spend`` breaks by more than rounding, in words; empty when it keeps them all."""
    given = vector("spend", spend, length=len(posed.lower), like="curves")
    slack = ROUNDING * posed.size
    found = [
        f"channel {place} has {given[place]:g}, allowed are {posed.lower[place]:g} to {posed.upper[place]:g}"
        for place in np.flatnonzero((given < posed.lower - slack) | (given > posed.upper + slack))
    ]
    for group in posed.groups:
        total = float(given[sorted(group.members)].sum())
        if not group.lower - slack <= total <= group.upper + slack:
            found.append(f"group {group.name} has {total:g}, allowed are {group.lower:g} to {group.upper:g}")
    if posed.budget is not None and abs(float(given.sum()) - posed.budget) > slack:
        found.append(f"{given.sum():g} is spent of a budget of {posed.budget:g}")
    return found


# ---------------------------------------------------------------- the optimum over pieces


@dataclass(frozen=True)
class _Relaxed:
    """The optimum of the envelopes: spend, its value by the envelopes, and by how much each envelope exceeds its curve there."""

    spend: Floats
    bound: float
    gaps: Floats


def _relaxed(posed: Problem, lower: Floats, upper: Floats, segments: int) -> _Relaxed | None:
    """The optimum of the envelopes over a part of the ranges; None when the bounds leave nothing there."""
    levels = np.linspace(lower, upper, segments + 1).T
    values = posed._values(levels)
    hulls = [envelope(row, heights) for row, heights in zip(levels, values, strict=True)]
    spend = _greedy(posed, lower, hulls)
    if spend is None:
        return None
    spend = np.clip(spend, lower, upper)
    promised = np.array([np.interp(at, *hull) for at, hull in zip(spend, hulls, strict=True)])
    had = posed._values(spend[:, None])[:, 0]
    return _Relaxed(spend, float(np.maximum(promised, had).sum()), promised - had)


def _greedy(posed: Problem, lower: Floats, hulls: Sequence[tuple[Floats, Floats]]) -> Floats | None:
    """Spend by falling slope within all bounds; None when there is none."""
    slack = ROUNDING * posed.size
    parts: dict[frozenset[int], Pieces] = {}
    for channel, (levels, values) in enumerate(hulls):
        settled = np.zeros(len(lower))
        settled[channel] = lower[channel]
        width = np.diff(levels)
        parts[frozenset([channel])] = Pieces(settled, np.diff(values) / width, width, np.full(len(width), channel))
    for group in posed.groups:
        inside = [parts.pop(members) for members in list(parts) if members <= group.members]
        kept = bounded(merged(inside), group.lower, group.upper, slack)
        if kept is None:
            return None
        parts[group.members] = kept
    whole = merged(list(parts.values()))
    if posed.budget is None:
        return whole.taking(float(whole.width[whole.slope > 0].sum())).settled
    spent = bounded(whole, posed.budget, posed.budget, slack)
    return None if spent is None else spent.settled


def _halves(lower: Floats, upper: Floats, place: int, at: float) -> list[tuple[Floats, Floats]]:
    below, above = upper.copy(), lower.copy()
    below[place] = above[place] = at
    return [(lower, below), (above, upper)]


def _polished(posed: Problem, spend: Floats, segments: int) -> Floats:
    """``spend`` with ever shorter pieces round it, as long as that does not lose."""
    reach = len(spend) + 1
    pieces = max(64, 8 * reach)
    step = (posed.upper - posed.lower) / segments
    while (step * reach).max() > 1e-3 * ROUNDING * posed.size:
        low, high = np.maximum(spend - reach * step, posed.lower), np.minimum(spend + reach * step, posed.upper)
        found = _relaxed(posed, low, high, pieces)
        if found is not None and posed.value(found.spend) >= posed.value(spend):
            spend = found.spend
        step = (high - low) / pieces
    return spend


def _by_size(groups: Sequence[Group]) -> tuple[Group, ...]:
    """Inner groups before those that hold them."""
    return tuple(sorted(groups, key=lambda group: len(group.members)))


def _check_room(posed: Problem) -> None:
    """Refuse bounds that leave nothing, naming the first that cannot be kept."""
    slack = ROUNDING * posed.size
    room: dict[frozenset[int], tuple[float, float]] = {
        frozenset([place]): (low, high) for place, (low, high) in enumerate(zip(posed.lower, posed.upper, strict=True))
    }
    budget = [] if posed.budget is None else [Group("", frozenset(range(len(posed.lower))), posed.budget, posed.budget)]
    for group in (*posed.groups, *budget):
        inside = [room.pop(members) for members in list(room) if members <= group.members]
        least, most = (float(sum(ends)) for ends in zip(*inside, strict=True))
        if least > group.upper + slack or most < group.lower - slack:
            named = f"group {group.name}" if group.name else "the budget"
            raise ValueError(
                f"{named} must be {group.lower:g} to {group.upper:g}, its channels allow {least:g} to {most:g}; widen one or the other"
            )
        room[group.members] = max(least, group.lower), min(most, group.upper)
