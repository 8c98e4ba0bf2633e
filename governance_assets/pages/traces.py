"""Series as points in order, and points as path texts.

Belongs here: cleaning, thinning and encoding of points. Does not belong here: axes (``scales.py``) and layout (``plots.py``).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Value = float | int | str | dt.date
Pixel = tuple[float, float]
_LARGEST = 1e150  # beyond this the arithmetic of an axis overflows; not-a-number is not below it either


@dataclass(frozen=True)
class Point:
    """One point in numbers; days are ordinals, what is missing, infinite or not a number is None."""

    x: float
    y: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Trace:
    """A series in numbers, with its place among the coloured ones (−1 for a grey one)."""

    name: str
    place: int
    points: tuple[Point, ...]

    @property
    def last(self) -> Point | None:
        """The last point that has a value."""
        return next((point for point in reversed(self.points) if point.y is not None), None)

    def runs(self) -> Iterator[list[Point]]:
        """Unbroken stretches of points that have an interval."""
        run: list[Point] = []
        for point in self.points:
            if point.lower is not None and point.upper is not None:
                run.append(point)
            elif run:
                yield run
                run = []
        if run:
            yield run


def trace(
    name: str,
    place: int,
    x: Sequence[Value],
    y: Sequence[float | None],
    lower: Sequence[float | None],
    upper: Sequence[float | None],
) -> Trace:
    """The series as a trace, its points in the order of x."""
    nothing = [None] * len(x)
    rows = zip(x, y, lower or nothing, upper or nothing, strict=True)
    points = (Point(ordinal(across), _finite(up), _finite(low), _finite(high)) for across, up, low, high in rows)
    return Trace(name, place, tuple(sorted(points, key=lambda point: point.x)))


def ordinal(value: Value) -> float:
    """A date, or its ISO text, as a day number; a number as it is."""
    if isinstance(value, str):
        value = dt.date.fromisoformat(value)
    return float(value.toordinal()) if isinstance(value, dt.date) else float(value)


def spacing(points: Sequence[Point]) -> float:
    """The smallest distance between neighbours."""
    gaps = [after.x - before.x for before, after in zip(points, points[1:], strict=False)]
    return min(gaps, default=1.0)


def thinned(points: Sequence[Point], budget: int) -> Sequence[Point]:
    """At most about ``budget`` points: the lowest and the highest of each stretch, so that extremes stay."""
    stretch = math.ceil(2 * len(points) / max(budget, 2))
    if stretch <= 2:
        return points
    kept: list[Point] = []
    for start in range(0, len(points), stretch):
        seen = sorted((point for point in points[start : start + stretch] if point.y is not None), key=lambda point: point.y or 0.0)
        kept += sorted({seen[0], seen[-1]}, key=lambda point: point.x) if seen else [points[start]]
    return kept


def path(points: Sequence[Pixel | None]) -> str:
    """A path in half pixels, relative and without blanks where it can be: a fifth of the usual size; None is a gap.

    >>> path([(1, 1), (2, 0.5), None, (4, 1)])
    'M2,2l2-1M8,2h0'
    """
    parts: list[str] = []
    at: tuple[int, int] | None = None
    for place, point in enumerate(points):
        if point is None:
            at = None
            continue
        here = (round(2 * point[0]), round(2 * point[1]))
        if at is None:
            is_alone = place + 1 == len(points) or points[place + 1] is None
            parts.append(f"M{here[0]},{here[1]}" + ("h0" if is_alone else ""))
        else:
            parts.append(f"l{here[0] - at[0]},{here[1] - at[1]}".replace(",-", "-"))
        at = here
    return "".join(parts)


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and abs(value) < _LARGEST else None
