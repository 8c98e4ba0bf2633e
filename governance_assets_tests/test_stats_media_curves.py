"""Priors, carry-over, saturation and the grid of a channel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from governance_assets.stats import media_priors as priors
from governance_assets.stats.media_curves import CurvePriors, adstock, carryover_weights, curve_grid, hill, logistic, saturate, transform

SHARES = np.array([0.05, 0.3, 0.5, 0.9])


@pytest.mark.parametrize(
    ("prior", "same"),
    [
        (priors.half_normal(1.5), stats.halfnorm(scale=1.5)),
        (priors.normal(0.5, 2.0), stats.norm(0.5, 2.0)),
        (priors.laplace(0.5, 2.0), stats.laplace(0.5, 2.0)),
        (priors.gamma(3.0, 2.0), stats.gamma(3.0, scale=0.5)),
        (priors.beta(1.0, 3.0), stats.beta(1.0, 3.0)),
        (priors.inverse_gamma(3.0, 2.0), stats.invgamma(3.0, scale=2.0)),
    ],
)
def test_quantiles_are_those_of_scipy(prior: priors.Prior, same: object) -> None:
    np.testing.assert_allclose(priors.quantile(prior, SHARES), same.ppf(SHARES), rtol=1e-9)


@pytest.mark.parametrize("make", [priors.half_normal, lambda scale: priors.gamma(1.0, scale), lambda scale: priors.normal(0.0, scale)])
@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_none_is_refused(make: object, scale: float) -> None:
    with pytest.raises(ValueError, match="expected a positive number"):
        make(scale)


def test_equal_mass_needs_a_point() -> None:
    with pytest.raises(ValueError, match="points is 0"):
        priors.equal_mass(priors.beta(1.0, 3.0), 0)


@settings(max_examples=50, deadline=None)
@given(share=st.floats(0, 0.99), length=st.integers(1, 20), delay=st.integers(0, 5))
def test_carry_over_moves_spend_in_time_and_loses_none(share: float, length: int, delay: int) -> None:
    weights = carryover_weights(share, length, min(delay, length - 1))
    spend = np.r_[0.0, 5.0, 1.0, 3.0, np.zeros(length)]
    carried = adstock(spend, weights)
    assert weights.sum() == pytest.approx(1)
    assert carried.sum() == pytest.approx(spend.sum())
    assert carried[0] == 0
    assert len(carried) == len(spend)


def test_carry_over_looks_back_only() -> None:
    weights, spend = carryover_weights(0.6, 8), np.random.default_rng(1).random(40)
    np.testing.assert_allclose(adstock(spend[:25], weights), adstock(spend, weights)[:25], rtol=1e-12)


def test_a_delayed_effect_peaks_late() -> None:
    assert int(np.argmax(carryover_weights(0.5, 6, delay=2))) == 2


@settings(max_examples=50, deadline=None)
@given(rate=st.floats(0.1, 20), half=st.floats(0.05, 2), slope=st.floats(0.3, 8))
def test_responses_start_at_zero_rise_and_stay_below_one(rate: float, half: float, slope: float) -> None:
    spend = np.linspace(0, 3, 50)
    for response in (logistic(spend, rate), hill(spend, half, slope)):
        assert response[0] == 0
        assert (np.diff(response) >= 0).all()
        assert response.max() <= 1
    assert hill(np.array([half]), half, slope)[0] == pytest.approx(0.5)


def test_both_curves_share_the_grid_and_the_response_at_the_largest_spend() -> None:
    grid = curve_grid(CurvePriors(length=1))
    assert grid.points == 16 * (16 + 6 * 3)
    mass = np.exp(grid.log_prior)
    assert mass.sum() == pytest.approx(1)
    assert mass[grid.is_hill].sum() == pytest.approx(0.5)
    at_most = saturate(grid, np.ones(1), np.flatnonzero(grid.is_hill))
    middle = logistic(np.ones(1), priors.quantile(priors.gamma(3.0, 1.0), 0.5))
    np.testing.assert_allclose(at_most, middle[0], rtol=1e-12)


def test_a_grid_has_equal_mass_of_each_delay_and_carry_over() -> None:
    grid = curve_grid(CurvePriors(delays=(0, 2), carryover_points=4, curve_points=3, curves=("logistic",)))
    assert grid.points == 2 * 4 * 3
    assert np.bincount(grid.kernel).tolist() == [3] * 8


def test_a_transform_is_carry_over_then_saturation() -> None:
    grid, spend = curve_grid(CurvePriors(carryover_points=3, curve_points=2)), np.random.default_rng(2).random(30)
    found = transform(grid, spend)
    for point in range(grid.points):
        carried = adstock(spend, grid.kernels[grid.kernel[point]])
        np.testing.assert_allclose(found[point], saturate(grid, carried, [point]), rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"length": 0}, "at least one week"),
        ({"delays": (8,)}, "below the length"),
        ({"delays": ()}, "below the length"),
        ({"curves": ()}, "some of logistic, hill and power"),
        ({"curves": ("hill", "hill")}, "each once"),
    ],
)
def test_beliefs_that_make_no_grid_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CurvePriors(**change)
