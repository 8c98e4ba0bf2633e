"""The probability integral transform: uniformity when calibrated, ranges, edges, and the published histograms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from governance_assets.stats import pit
from governance_assets.stats.quantile_scores import quantile_ranks
from governance_assets_tests.stats_reference import assert_equal, quantile_forecasts, sample_forecasts, table

quick = settings(deadline=None, max_examples=60)
EDGES = np.linspace(0, 1, 11).round(10)
LEVELS = np.array([0.1, 0.25, 0.5, 0.75, 0.9])


def test_calibrated_continuous_samples_have_a_flat_histogram():
    generator = np.random.default_rng(1)
    ranges = pit.sample_pit(generator.normal(size=20_000), generator.normal(size=(20_000, 99)))
    assert np.abs(pit.range_histogram(ranges, EDGES).density - 1).max() < 0.08
    assert np.abs(pit.value_histogram(pit.randomised(ranges, generator), EDGES).density - 1).max() < 0.12


def test_calibrated_counts_have_a_flat_histogram_only_when_spread_over_their_ranges():
    generator = np.random.default_rng(2)
    y, x = generator.poisson(2.0, 5000).astype(float), generator.poisson(2.0, (5000, 400)).astype(float)
    ranges = pit.sample_pit(y, x)
    assert np.abs(pit.range_histogram(ranges, EDGES).density - 1).max() < 0.1
    assert np.abs(pit.value_histogram(ranges.upper, EDGES).density - 1).max() > 0.5


def test_the_spread_histogram_is_the_average_of_randomised_ones():
    lower = np.array([0.0, 0.2, 0.35, 0.9])
    ranges = pit.PitRange(lower, lower + np.array([0.05, 0.5, 0.0, 0.1]))
    generator = np.random.default_rng(3)
    drawn = [pit.value_histogram(pit.randomised(ranges, generator), EDGES).density for _ in range(4000)]
    np.testing.assert_allclose(pit.range_histogram(ranges, EDGES).density, np.mean(drawn, axis=0), atol=0.1)


@quick
@given(st.integers(1, 20).flatmap(lambda n: st.tuples(*[hnp.arrays(float, n, elements=st.floats(0, 1))] * 2)))
def test_densities_hold_all_forecasts(pair):
    ranges = pit.PitRange(np.minimum(*pair), np.maximum(*pair))
    widths = np.diff([0, 0.3, 0.4, 1])
    for histogram in (pit.range_histogram(ranges, [0, 0.3, 0.4, 1]), pit.value_histogram(pair[0], [0, 0.3, 0.4, 1])):
        assert (histogram.density * widths).sum() == pytest.approx(1)
        assert histogram.density.min() > -1e-12
        assert histogram.n == len(pair[0])


def test_too_narrow_forecasts_pile_up_at_the_ends():
    generator = np.random.default_rng(4)
    density = pit.range_histogram(pit.sample_pit(generator.normal(size=2000), 0.3 * generator.normal(size=(2000, 50))), EDGES).density
    assert min(density[0], density[-1]) > 2 > 1 > density[4]


def test_calibrated_quantiles_have_a_flat_histogram():
    generator = np.random.default_rng(5)
    y = generator.uniform(size=20_000)
    ranks = quantile_ranks(y, np.tile(LEVELS, (20_000, 1)), LEVELS)
    edges = [0, *LEVELS, 1]
    ranges = pit.quantile_pit(ranks.n_below, ranks.n_at_or_below, LEVELS)
    assert np.abs(pit.range_histogram(ranges, edges).density - 1).max() < 0.08
    assert np.abs(pit.quantile_histogram(ranks.n_below, LEVELS, edges).density - 1).max() < 0.08


def test_ranges_of_ranks():
    ranges = pit.quantile_pit([0, 5, 2, 1, -1, np.nan], [0, 5, 3, 1, -1, 2], LEVELS)
    np.testing.assert_array_equal(ranges.lower, [0.0, 0.9, 0.25, 0.1, np.nan, np.nan])
    np.testing.assert_array_equal(ranges.upper, [0.1, 1.0, 0.75, 0.25, np.nan, np.nan])


def test_forecasts_without_a_range_are_left_out_and_none_left_gives_no_density():
    half = pit.PitRange(np.array([np.nan, 0.0]), np.array([np.nan, 0.5]))
    assert pit.range_histogram(half, [0, 0.5, 1]).density.tolist() == [2.0, 0.0]
    assert pit.range_histogram(half, [0, 0.5, 1]).n == 1
    nothing = pit.value_histogram([np.nan], [0, 0.5, 1])
    assert np.isnan(nothing.density).all()
    assert nothing.n == 0


def test_values_on_an_edge_fall_below_it_and_zero_into_the_first_bin():
    assert pit.value_histogram([0.0, 0.1, 0.1 + 1e-9, 1.0], EDGES).density.tolist() == pytest.approx([7.5, *[0] * 8, 2.5])
    assert pit.value_histogram([0.0], [0, 0.5, 1]).middles.tolist() == [0.25, 0.75]


def test_a_missing_value_has_no_range():
    ranges = pit.sample_pit([np.nan, 1.0, 1.0], [[1.0, 2.0], [np.nan, 2.0], [1.0, 2.0]])
    np.testing.assert_array_equal(ranges.lower, [np.nan, np.nan, 0.0])
    np.testing.assert_array_equal(ranges.upper, [np.nan, np.nan, 0.5])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pit.value_histogram([0.5], [0, 0.5]), "rising from 0 to 1"),
        (lambda: pit.value_histogram([0.5], [0, 0.7, 0.3, 1]), "rising from 0 to 1"),
        (lambda: pit.value_histogram([1.5], [0, 1]), "outside 0 to 1"),
        (lambda: pit.quantile_histogram([1], LEVELS, [0, 0.3, 1]), "not all among the levels"),
        (lambda: pit.quantile_pit([2], [1], LEVELS), "ranks do not fit"),
        (lambda: pit.quantile_pit([6], [6], LEVELS), "ranks do not fit"),
        (lambda: pit.quantile_pit([1], [1], LEVELS[::-1]), "ascending"),
        (lambda: pit.sample_pit([1.0], np.empty((1, 0))), "no samples"),
    ],
)
def test_input_that_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_scoringutils_histograms_of_samples(shared_data):
    example = sample_forecasts(shared_data)
    reference = table(shared_data, "pit_histogram_sample_by_model")
    for model, rows in reference.groupby("model"):
        mine = example.of("model", model)
        histogram = pit.value_histogram(pit.sample_pit(example.observed[mine], example.predicted[mine]).upper, EDGES)
        assert_equal(histogram.density, rows["density"])
        assert_equal(histogram.middles, rows["mid"])
    assert len(reference) == 40


def test_scoringutils_histograms_of_quantiles(shared_data):
    example = quantile_forecasts(shared_data)
    reference = table(shared_data, "pit_histogram_quantile_by_model")
    for model, rows in reference.groupby("model"):
        mine = example.of("model", model)
        ranks = quantile_ranks(example.observed[mine], example.predicted[mine], example.levels)
        histogram = pit.quantile_histogram(ranks.n_below, example.levels, EDGES)
        assert_equal(histogram.density, rows["density"])
        assert_equal(histogram.middles, rows["mid"])
    assert len(reference) == 40
