"""Axes: where ticks stand, what they say, and how values become coordinates.

Belongs here: arithmetic of axes. Does not belong here: drawing (``plots.py``).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS_A_MONTH = 30.4
_SMALLEST = 1e-150  # below this the arithmetic of an axis underflows
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120)


@dataclass(frozen=True)
class Tick:
    """One mark of an axis; ``second`` is a second line, the year on an axis of dates."""

    value: float
    label: str
    second: str = ""


@dataclass(frozen=True)
class Axis:
    """A linear axis from ``low`` to ``high``, drawn from ``start`` to ``end`` in pixels."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[Tick, ...]

    def at(self, value: float) -> float:
        """The pixel of ``value``."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def step_for(low: float, high: float, count: int) -> float:
    """The smallest step of 1, 2 or 5 times a power of ten that crosses [low, high] in at most ``count`` steps.

    >>> step_for(0, 1, 5), step_for(3, 61, 6)
    (0.2, 10.0)
    """
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    multiple = next(m for m in (1, 2, 5, 10) if raw <= m * power * (1 + 1e-9))
    return multiple * power


def number_axis(values: Iterable[float], start: float, end: float, count: int, unit: str = "", is_from_zero: bool = False) -> Axis:
    """An axis that holds every value and ends on ticks."""
    seen = [*values, *([0.0] if is_from_zero else [])] or [0.0, 1.0]
    low, high = min(seen), max(seen)
    if high - low <= max(1e-9 * max(abs(low), abs(high)), _SMALLEST):
        spread = abs(low) * 0.1 if abs(low) > _SMALLEST else 0.5
        low, high = low - (0 if is_from_zero else spread), high + spread
    step = step_for(low, high, count)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(Tick(n * step, _tick_label(n * step, step, unit)) for n in range(first, last + 1))
    return Axis(first * step, last * step, start, end, ticks)


def date_axis(days: Sequence[float], start: float, end: float, count: int) -> Axis:
    """An axis over day ordinals that starts at the first and ends at the last, with ticks at weeks, months or years."""
    low, high = (min(days), max(days)) if days else (dt.date(2000, 1, 3).toordinal(), dt.date(2000, 12, 25).toordinal())
    if low == high:
        low, high = max(low - 7, 1), min(high + 7, dt.date.max.toordinal())
    ticks = _weeks(low, high, count) if high - low < _DAYS_A_MONTH * 3 else _months(low, high, count)
    return Axis(low, high, start, end, tuple(ticks))


def _tick_label(value: float, step: float, unit: str) -> str:
    if unit == "fraction":
        return f"{_short(100 * value, 100 * step)} %"
    return f"{_short(value / 1e6, step / 1e6)} M" if 1e5 <= step < 1e9 else _short(value, step)


def _short(value: float, step: float) -> str:
    if not 1e-5 <= step < 1e5:
        return f"{value:.3g}"
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value + 0.0:,.{places}f}"


def _weeks(low: float, high: float, count: int) -> Iterator[Tick]:
    step = 7 * max(1, math.ceil((high - low) / 7 / count))
    year = 0
    for ordinal in range(math.ceil(low), math.floor(high) + 1, step):
        day = dt.date.fromordinal(ordinal)
        yield Tick(ordinal, f"{day.day} {MONTHS[day.month - 1]}", "" if day.year == year else str(day.year))
        year = day.year


def _months(low: float, high: float, count: int) -> Iterator[Tick]:
    # A tick or two more than asked for reads better than half as many.
    needed = 0.85 * (high - low) / _DAYS_A_MONTH / count
    step = next((months for months in _MONTH_STEPS if months >= needed), 120 * math.ceil(needed / 120))
    first = dt.date.fromordinal(math.ceil(low))
    month, year = first.year * 12 + first.month - 1 + (first.day > 1), 0
    month = math.ceil(month / step) * step
    while month // 12 <= dt.MAXYEAR and (ordinal := dt.date(month // 12, month % 12 + 1, 1).toordinal()) <= high:
        here, name = month // 12, MONTHS[month % 12]
        yield Tick(ordinal, str(here)) if step >= 12 else Tick(ordinal, name, "" if here == year else str(here))
        month, year = month + step, here
