"""Axes: ticks at round numbers and calendar dates, few enough to read, and every value inside."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance_assets.pages.scales import Axis, date_axis, number_axis, step_for


def labels(axis):
    return [tick.label for tick in axis.ticks]


def dated(first, last, count=7):
    return [(tick.label, tick.second) for tick in date_axis([day(first), day(last)], 0, 100, count).ticks]


def day(text):
    return dt.date.fromisoformat(text).toordinal()


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        ((0.71, 0.86), "fraction", ["70 %", "75 %", "80 %", "85 %", "90 %"]),
        ((0.001, 0.0134), "", ["0.000", "0.005", "0.010", "0.015"]),
        ((-2, 3), "", ["-2", "-1", "0", "1", "2", "3"]),
        ((1e6, 3.3e6), "", ["1.0 M", "1.5 M", "2.0 M", "2.5 M", "3.0 M", "3.5 M"]),
        ((5,), "", ["4.4", "4.6", "4.8", "5.0", "5.2", "5.4", "5.6"]),
        ((1e-9, 3e-9), "", ["1e-09", "1.5e-09", "2e-09", "2.5e-09", "3e-09"]),
        ((), "fraction", ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]),
    ],
)
def test_number_labels(values, unit, expected):
    assert labels(number_axis(values, 0, 100, 5, unit)) == expected


@pytest.mark.parametrize("values", [(0.0, 5e-324), (5e-324,), (1.0, 1.0 + 1e-16), (-1e150, 1e150)])
def test_extreme_ranges_have_an_axis(values):
    axis = number_axis(values, 0, 100, 5)
    assert len(axis.ticks) >= 2
    assert all(axis.low <= value <= axis.high for value in values)


def test_bars_start_at_nothing():
    assert number_axis((1.2, 1.4), 0, 100, 5, is_from_zero=True).low == 0


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2025-11-03", "2025-12-29", [("3 Nov", "2025"), ("17 Nov", ""), ("1 Dec", ""), ("15 Dec", ""), ("29 Dec", "")]),
        ("2025-06-02", "2025-12-29", [("Jul", "2025"), ("Aug", ""), ("Sep", ""), ("Oct", ""), ("Nov", ""), ("Dec", "")]),
        ("2023-12-04", "2024-09-02", [("Jan", "2024"), ("Mar", ""), ("May", ""), ("Jul", ""), ("Sep", "")]),
        ("2020-01-06", "2025-01-06", [("2021", ""), ("2022", ""), ("2023", ""), ("2024", ""), ("2025", "")]),
        (
            "2000-01-03",
            "2035-01-01",
            [("2005", ""), ("2010", ""), ("2015", ""), ("2020", ""), ("2025", ""), ("2030", ""), ("2035", "")],
        ),
    ],
)
def test_date_labels(first, last, expected):
    found = dated(first, last)
    assert found == expected


@pytest.mark.parametrize("only", ["0001-01-01", "2025-11-03", "9999-12-31"])
def test_a_single_day_has_room_on_its_axis(only):
    axis = date_axis([day(only)], 0, 100, 7)
    assert axis.low < axis.high
    assert 0 <= axis.at(day(only)) <= 100


def test_no_days_give_an_axis_all_the_same():
    assert date_axis([], 0, 100, 7).low < date_axis([], 0, 100, 7).high


def test_values_become_pixels_in_proportion():
    axis = Axis(0, 10, 200, 100, ())
    assert [axis.at(value) for value in (0, 5, 10)] == [200, 150, 100]


@given(st.lists(st.floats(-1e150, 1e150), min_size=1, max_size=6), st.integers(2, 9), st.booleans())
def test_every_number_is_inside_its_axis_with_few_ticks(values, count, is_from_zero):
    axis = number_axis(values, 0, 100, count, is_from_zero=is_from_zero)
    room = 1e-6 * (axis.high - axis.low)
    assert axis.low < axis.high
    assert all(axis.low - room <= value <= axis.high + room for value in values)
    assert 2 <= len(axis.ticks) <= count + 3
    assert [tick.value for tick in axis.ticks] == sorted({tick.value for tick in axis.ticks})


@given(st.lists(st.dates(), min_size=1, max_size=5), st.integers(3, 12))
def test_date_ticks_are_inside_and_few(days, count):
    ordinals = [one.toordinal() for one in days]
    axis = date_axis(ordinals, 0, 100, count)
    assert all(axis.low <= tick.value <= axis.high for tick in axis.ticks)
    assert len({tick.value for tick in axis.ticks}) == len(axis.ticks) <= 1.3 * count + 2


@given(st.floats(1e-100, 1e100), st.integers(1, 10))
def test_a_step_is_one_two_or_five(width, count):
    step = step_for(0, width, count)
    assert float(f"{step:.0e}") == pytest.approx(step)
    assert f"{step:e}"[0] in "125"
    assert width <= count * step * (1 + 1e-6)
