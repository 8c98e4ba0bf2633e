"""Intervals of grouped cases: each group, column and span gets what its own weekly shares get."""

from __future__ import annotations

import numpy as np
import pytest

from governance_assets.stats.dependent_mean import share_interval
from governance_assets.stats.grouped_shares import share_bounds, share_bounds_of_spans, units_seen

N_GROUPS = 3


@pytest.fixture
def cases():
    """Groups (some cases have none), units ascending, and hits in three columns of which the last two have gaps of their own."""
    generator = np.random.default_rng(6)
    units = np.repeat(np.arange(100, 160), 10)
    groups = generator.integers(-1, N_GROUPS, len(units))
    hits = (generator.uniform(size=(len(units), 3)) < [0.5, 0.8, 0.95]).astype(float)
    hits[generator.uniform(size=len(units)) < 0.2, 1] = np.nan
    hits[(groups == 2) & (units < 140), 2] = np.nan
    return groups, units, hits


def test_every_group_and_column_gets_the_interval_of_its_weekly_shares(cases):
    groups, units, hits = cases
    found = share_bounds(groups, units, hits, N_GROUPS, 26, 0.9)
    for group in range(N_GROUPS):
        for column in range(3):
            own = (groups == group) & ~np.isnan(hits[:, column])
            weeks = np.unique(units[own])
            shares = [hits[own & (units == week), column].mean() for week in weeks]
            weights = [(own & (units == week)).sum() for week in weeks]
            expected = share_interval(shares, 0.9, weights=weights)
            bounds = found.lower[group, column], found.upper[group, column], found.simulated_coverage[group, column]
            if len(weeks) < 26:
                assert np.isnan(bounds).all()
            else:
                assert bounds == pytest.approx((expected.lower, expected.upper, expected.simulated_coverage), abs=1e-9)
    assert np.isnan(found.lower).sum() == 1


def test_spans_get_what_their_cases_get_alone_to_the_last_bit(cases):
    groups, units, hits = cases
    spans = [(0, 600), (0, 260), (300, 600), (40, 40), (0, 100), (7, 533)]
    found = share_bounds_of_spans(groups, units, hits, N_GROUPS, spans, 26, 0.9)
    for number, (start, stop) in enumerate(spans):
        alone = share_bounds(groups[start:stop], units[start:stop], hits[start:stop], N_GROUPS, 26, 0.9)
        for name in ("lower", "upper", "simulated_coverage"):
            np.testing.assert_array_equal(getattr(found, name)[number], getattr(alone, name))
    assert np.isnan(found.lower).all(axis=(1, 2)).tolist() == [False, False, False, True, True, False]


def test_nothing_to_count_gives_nothing():
    assert np.isnan(share_bounds([], [], np.empty((0, 2)), N_GROUPS, 26, 0.9).lower).all()
    assert share_bounds([0, 1], [0, 1], np.empty((2, 0)), N_GROUPS, 26, 0.9).lower.shape == (N_GROUPS, 0)
    assert share_bounds_of_spans([0], [0], np.ones((1, 1)), N_GROUPS, [], 26, 0.9).lower.shape == (0, N_GROUPS, 1)
    assert units_seen([], [], [], 2).tolist() == [0, 0]


def test_cases_without_a_group_are_not_seen():
    assert units_seen([0, -1, 1, 1], [5, 5, 5, 6], [True, True, True, True], 2).tolist() == [1, 2]
