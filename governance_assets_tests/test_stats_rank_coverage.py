"""Coverages from ranks are those from the quantiles themselves; shares of groups are those of each group alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance_assets.stats.dependent_mean import share_interval
from governance_assets.stats.grouped_shares import share_bounds, units_seen
from governance_assets.stats.limits import above, below
from governance_assets.stats.quantile_scores import interval_coverage, quantile_coverage, quantile_ranks
from governance_assets.stats.rank_coverage import central_intervals, interval_hits, is_symmetric, pit_shares, quantile_hits

LEVELS = [0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975]
VALUES = st.lists(st.integers(-2, 4).map(float), min_size=len(LEVELS), max_size=len(LEVELS)).map(sorted)


@settings(max_examples=100)
@given(st.lists(st.tuples(VALUES, st.integers(-3, 5).map(float) | st.just(float("nan"))), min_size=1, max_size=5))
def test_ranks_give_every_coverage(tasks: list[tuple[list[float], float]]) -> None:
    predicted, observed = [values for values, _ in tasks], [y for _, y in tasks]
    ranks = quantile_ranks(observed, predicted, LEVELS)
    below_, at_or_below = (np.where(part < 0, np.nan, part) for part in (ranks.n_below, ranks.n_at_or_below))
    hits = interval_hits(LEVELS, below_, at_or_below)
    for column, nominal in enumerate(hits.nominal):
        np.testing.assert_array_equal(hits.hit[:, column], interval_coverage(observed, predicted, LEVELS, nominal))
    np.testing.assert_array_equal(quantile_hits(LEVELS, below_).hit, quantile_coverage(observed, predicted, LEVELS))


def test_intervals_pair_levels_in_spite_of_rounding() -> None:
    assert central_intervals([0.1 + 1e-13, 0.3, 0.5, 0.9]) == [(0.8, 0, 3)]
    assert is_symmetric([0.025, 0.5, 1 - 0.025])
    assert not is_symmetric([0.1, 0.2, 0.9])
    assert interval_hits([0.5], [0.0], [1.0]).hit.shape == (1, 0)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6), st.integers(2, 12))
def test_pit_shares_of_a_forecast_add_to_one(pairs: list[tuple[float, float]], bins: int) -> None:
    lower, upper = [min(pair) for pair in pairs], [max(pair) for pair in pairs]
    shares = pit_shares(lower, upper, bins)
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1)


@pytest.mark.parametrize(("value", "bin_"), [(0.0, 0), (0.5, 4), (0.51, 5), (1.0, 9)])
def test_a_transform_without_spread_falls_into_one_bin(value: float, bin_: int) -> None:
    assert pit_shares([value], [value], 10)[0].argmax() == bin_


def test_unknown_transforms_are_no_shares() -> None:
    assert np.isnan(pit_shares([np.nan], [0.5], 4)).all()


def test_bounds_of_each_group_are_those_of_the_group_alone() -> None:
    draw = np.random.default_rng(3)
    units, groups = np.repeat(np.arange(30), 8), np.tile([0, 0, 0, 0, 0, 1, 1, 2], 30)
    hits = (draw.random((240, 2)) < 0.8).astype(float)
    hits[(groups == 2) & (units > 10)] = np.nan
    found = share_bounds(groups, units, hits, 3, 26, 0.9)
    for group in (0, 1):
        for column in range(2):
            own = hits[groups == group, column].reshape(30, -1)
            expected = share_interval(own.mean(axis=1), 0.9, weights=np.full(30, own.shape[1]))
            assert (found.lower[group, column], found.upper[group, column]) == (expected.lower, expected.upper)
            assert found.simulated_coverage[group, column] == expected.simulated_coverage
    assert np.isnan(found.lower[2]).all()
    assert units_seen(groups, units, ~np.isnan(hits[:, 0]), 4).tolist() == [30, 30, 11, 0]
    assert units_seen([], [], [], 2).tolist() == [0, 0]


def test_limits_are_crossed_by_more_than_rounding() -> None:
    assert not above(0.1 + 0.2, 0.3)
    assert not below(0.3, 0.1 + 0.2)
    assert above(0.3001, 0.3)
    assert below([0.2999, np.nan], 0.3).tolist() == [True, False]
