"""Traces: points in order, thinned without losing extremes, encoded as short paths."""

from __future__ import annotations

import datetime as dt
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance_assets.pages.traces import Point, ordinal, path, spacing, thinned, trace


def points(heights):
    return [Point(float(n), height, None, None) for n, height in enumerate(heights)]


def decoded(text):
    """The pixels of a path text, a list a stroke."""
    strokes = []
    for command, numbers in re.findall(r"([Mlh])([^Mlhz]*)", text):
        step = [int(number) for number in re.findall(r"-?\d+", numbers)]
        if command == "M":
            strokes.append([tuple(step)])
        elif command == "l":
            last = strokes[-1][-1]
            strokes[-1].append((last[0] + step[0], last[1] + step[1]))
    return [[(x / 2, y / 2) for x, y in stroke] for stroke in strokes]


def test_points_come_in_order_with_gaps_for_what_is_no_number():
    made = trace("m", 0, ["2025-11-10", "2025-11-03", "2025-11-17"], [math.nan, 1.0, math.inf], [], [])
    assert [point.y for point in made.points] == [1.0, None, None]
    assert made.last is made.points[0]


def test_a_trace_without_values_has_no_last_point():
    assert trace("m", 0, [1, 2], [None, None], [], []).last is None


@pytest.mark.parametrize("value", ["2025-11-03", dt.date(2025, 11, 3), dt.datetime(2025, 11, 3, 5), dt.date(2025, 11, 3).toordinal()])
def test_a_day_is_the_same_number_however_it_is_written(value):
    assert ordinal(value) == dt.date(2025, 11, 3).toordinal()


def test_runs_are_the_stretches_with_an_interval():
    made = trace("m", 0, [1, 2, 3, 4, 5], [1.0] * 5, [0.0, 0.0, None, 0.0, 0.0], [2.0, 2.0, 2.0, 2.0, None])
    assert [[point.x for point in run] for run in made.runs()] == [[1.0, 2.0], [4.0]]


def test_spacing_is_the_smallest_distance():
    assert spacing(points([1, 2]) + [Point(1.5, 1.0, None, None)]) == 0.5
    assert spacing(points([1])) == 1.0


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=400), st.integers(2, 60))
def test_thinning_keeps_the_extremes_and_the_order(heights, budget):
    kept = thinned(points(heights), budget)
    seen = [height for height in heights if height is not None]
    left = [point.y for point in kept if point.y is not None]
    assert (min(left), max(left)) == (min(seen), max(seen)) if seen else not left
    assert [point.x for point in kept] == sorted({point.x for point in kept})
    assert len(kept) <= max(budget + 2, 3) or len(kept) == len(heights) <= budget


@given(st.lists(st.one_of(st.none(), st.tuples(st.floats(-900, 900), st.floats(-900, 900))), max_size=40))
def test_a_path_is_exact_to_a_quarter_of_a_pixel(pixels):
    strokes = decoded(path(pixels))
    drawn = [pixel for stroke in strokes for pixel in stroke]
    given_ones = [pixel for pixel in pixels if pixel is not None]
    assert len(drawn) == len(given_ones)
    assert all(abs(a - b) <= 0.2500001 for one, other in zip(drawn, given_ones, strict=True) for a, b in zip(one, other, strict=True))
