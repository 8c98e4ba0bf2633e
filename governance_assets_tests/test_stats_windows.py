"""Windows of weeks hold the right weeks, and their sums do not depend on weeks outside."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance_assets.stats.averages import Average, Averaged, averages, mean_over_groups
from governance_assets.stats.windows import Spans, Sums, first_week, group_sums, monday, spans

DAYS = st.dates(dt.date(2015, 1, 1), dt.date(2040, 12, 31))


@given(DAYS)
def test_a_quarter_starts_with_the_week_of_its_first_thursday(day: dt.date) -> None:
    week = monday(day)
    start = first_week(week, "quarter_to_date")
    thursday = week + dt.timedelta(days=3)
    quarter = (thursday.year, (thursday.month - 1) // 3)
    first = start + dt.timedelta(days=3)
    before = first - dt.timedelta(weeks=1)
    assert start <= week
    assert (first.year, (first.month - 1) // 3) == quarter != (before.year, (before.month - 1) // 3)


def test_windows_end_with_their_week() -> None:
    week = dt.date(2025, 3, 31)
    assert first_week(week, "week") == week
    assert first_week(week, "trailing_52") == dt.date(2024, 4, 8)
    assert first_week(week, "quarter_to_date") == week
    assert first_week(week, "since_start") < dt.date(1900, 1, 1)


@pytest.mark.parametrize("name", ["trailing_0", "trailing_", "trailing_x", "month", ""])
def test_an_unknown_window_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected week, trailing_N"):
        first_week(dt.date(2025, 3, 31), name)


def test_missing_weeks_are_not_counted_as_weeks() -> None:
    axis = [dt.date(2025, 1, 6), dt.date(2025, 1, 13), dt.date(2025, 2, 3)]
    found = spans(axis, axis, "trailing_4")
    assert found.starts.tolist() == [0, 0, 1]
    assert found.stops.tolist() == [1, 2, 3]


@pytest.mark.parametrize("shape", [(40, 1, 1), (40, 3, 1), (40, 1, 5), (40, 7, 24)])
def test_window_sums_add_week_by_week_to_the_last_bit(shape: tuple[int, int, int]) -> None:
    draw = np.random.default_rng(1)
    values = draw.standard_normal(shape) * 10.0 ** draw.integers(-8, 8, shape)
    where = Spans(np.array([0, 3, 0, 10, 5]), np.array([40, 40, 12, 33, 5]))
    found = Sums(values, np.ones(shape)).over(where)
    for position, (start, stop) in enumerate(zip(where.starts, where.stops, strict=True)):
        expected = np.zeros(shape[1:])
        for week in range(start, stop):
            expected = expected + values[week]
        assert (found.total[position] == expected).all()
        assert (found.count[position] == stop - start).all()


def test_group_sums_leave_out_what_is_missing() -> None:
    sums = group_sums([0, 1, 1], [1, 0, 0], [[1.0, np.nan], [2.0, 5.0], [4.0, np.nan]], 2, 2)
    assert sums.total[:, :, 0].tolist() == [[0.0, 1.0], [6.0, 0.0]]
    assert sums.count[:, :, 1].tolist() == [[0.0, 0.0], [1.0, 0.0]]


def test_averages_tell_what_they_rest_on() -> None:
    sums = Sums(np.array([[6.0, 0.0], [0.0, 0.0]]), np.array([[3.0, 2.0], [0.0, 0.0]]))
    found = averages(sums, ["a", "b"], {"mean": Average("a"), "ratio": Average("a", "ratio", "b")})
    assert found.value[0, 0] == 2.0
    assert np.isnan(found.value[0, 1])
    assert np.isnan(found.value[1]).all()
    assert found.count.tolist() == [[3.0, 3.0], [0.0, 0.0]]
    with pytest.raises(ValueError, match="columns lacks c"):
        averages(sums, ["a", "b"], {"x": Average("c")})


def test_the_mean_of_groups_does_not_see_groups_without_a_value() -> None:
    draw = np.random.default_rng(2).standard_normal((1, 30, 1))
    padded = np.full((1, 60, 1), np.nan)
    padded[:, ::2] = draw
    alone = mean_over_groups(Averaged(draw, np.ones_like(draw)))
    beside = mean_over_groups(Averaged(padded, np.nan_to_num(padded * 0 + 1)))
    assert (alone.value == beside.value).all()
    assert np.isnan(mean_over_groups(Averaged(np.full((1, 3, 1), np.nan), np.zeros((1, 3, 1)))).value).all()
