"""The simulations behind the intervals: repeatable, of the intended moments, and wider where dependence is stronger."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, binomtest

from governance_assets.stats import serial_simulation as simulation
from governance_assets.stats.share_bounds import effective_cases, exact_bounds, within_bounds


@pytest.mark.parametrize("n", [4, 5, 13, 26, 27, 52, 300])
def test_cosines_are_orthonormal_and_ignore_the_level(n):
    waves = simulation.cosines(n)
    np.testing.assert_allclose(waves @ waves.T, np.eye(len(waves)), atol=1e-12)
    np.testing.assert_allclose(waves.sum(axis=1), 0, atol=1e-12)


def test_sizes_never_exceed_the_weeks():
    sizes = [simulation.simulated_size(n) for n in range(4, 400)]
    assert all(size <= n for size, n in zip(sizes, range(4, 400), strict=True))
    assert np.all(np.diff(sizes) >= 0)
    assert {26, 52, 104, 260} <= set(sizes)
    with pytest.raises(ValueError, match="3 weeks, expected at least 4"):
        simulation.simulated_size(3)


def test_answers_do_not_depend_on_what_was_asked_before():
    values, first = simulation.critical_values(26).copy(), simulation.calibrate(26, 0.5, 0.9)
    simulation.calibrate(29, 0.2, 0.9)
    for cached in (simulation.critical_values, simulation._calibrate_mean, simulation.critical_value):
        cached.cache_clear()
    assert simulation.calibrate(26, 0.5, 0.9) == first
    np.testing.assert_array_equal(simulation.critical_values(26), values)


def test_critical_values_fall_with_weeks_and_rise_with_confidence():
    by_weeks = [simulation.critical_value(size, 0.9) for size in (8, 13, 26, 52, 104)]
    assert np.all(np.diff(by_weeks) < 0)
    assert by_weeks[-1] > 1.645
    assert simulation.critical_value(26, 0.95) > simulation.critical_value(26, 0.9) > simulation.critical_value(26, 0.5)


def test_the_usual_factor_holds_on_average_over_the_dependences_drawn():
    covered = [simulation._calibrate_mean.__wrapped__(26, rho, 0.9) for rho in (0.0, 0.3, 0.6)]
    assert [calibration.factor for calibration in covered] == [1, 1, 1]
    assert all(calibration.coverage > 0.88 for calibration in covered)


@pytest.mark.parametrize(("hits", "cases"), [(0, 20), (3, 20), (19, 20), (20, 20)])
def test_exact_bounds_are_those_of_clopper_and_pearson(hits, cases):
    expected = binomtest(hits, cases).proportion_ci(0.9, method="exact")
    assert exact_bounds(hits / cases, cases, 0.9) == pytest.approx((expected.low, expected.high), abs=1e-10)


@pytest.mark.parametrize("truth", [0.05, 0.3, 0.5, 0.9])
def test_within_bounds_is_the_comparison_with_the_bounds(truth):
    generator = np.random.default_rng(8)
    means, cases = np.concatenate([[0.0, 1.0], generator.uniform(size=200)]), generator.uniform(1, 60, 202)
    bounds = [exact_bounds(mean, case, 0.9) for mean, case in zip(means, cases, strict=True)]
    expected = [lower <= truth <= upper for lower, upper in bounds]
    assert within_bounds(truth, means, cases, 0.9).tolist() == expected
    assert 20 < sum(expected) < 202


def test_effective_cases_of_independent_rows_are_their_number():
    assert float(effective_cases(0.3, 0.3 * 0.7 / 80, 26, 1.6448536269514722, 0.9)) == pytest.approx(80)
    assert float(effective_cases(1.0, 0.0, 26, 1.6448536269514722, 0.9)) == pytest.approx(26)
    assert np.isfinite(float(effective_cases(0.5, 0.0, 26, 2.6, 0.9)))


def test_exact_bounds_of_cases_that_are_not_whole_lie_between_their_neighbours():
    below, between, above = (exact_bounds(0.5, cases, 0.9)[0] for cases in (10.0, 10.7, 12.0))
    assert below < between < above
    assert below == pytest.approx(beta.ppf(0.05, 5, 6))
