"""Recorded draws give back what the fit says, and splits of single draws are the best ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from governance_assets.stats.media_curves import CurvePriors
from governance_assets.stats.media_design import prepare
from governance_assets.stats.media_fit import Fit, fit
from governance_assets.stats.media_posterior import (
    channel_draws,
    column_draws,
    kept_places,
    optimal_shares,
    recorded_columns,
    recorded_draws,
    unconstrained_multiples,
)
from governance_assets.stats.media_results import contribution_draws, response_draws, weekly_contributions
from governance_assets_tests.media_examples import tenant, tenant_model


@pytest.fixture(scope="module")
def found() -> Fit:
    truth = tenant(3, weeks=80, channels=2)
    return fit(
        prepare(truth.target, *tenant_model(truth, CurvePriors(delays=(0, 1), carryover_points=6, curve_points=6))),
        seed=1,
        chains=2,
        draws=80,
    )


def test_steady_and_weekly_responses_are_those_of_the_fit(found: Fit) -> None:
    every = np.arange(160)
    weekly = weekly_contributions(found)
    for place, channel in enumerate(found.design.channels):
        drawn = channel_draws(found, place, every)
        levels = np.linspace(0, 2 * drawn.scale, 9)
        assert drawn.steady(levels) == pytest.approx(response_draws(found, channel.name, levels), rel=1e-12)
        brought = drawn.weekly(channel.spend)
        assert brought.sum(axis=1) == pytest.approx(contribution_draws(found)[:, place], rel=1e-9)
        assert np.median(brought, axis=0) == pytest.approx(weekly.median[weekly.names.index(channel.name)], rel=1e-9)
    assert set(drawn.taking(np.arange(5)).height) == set(drawn.height[:5])


def test_recorded_columns_give_the_draws_back_and_their_mean(found: Fit) -> None:
    drawn = channel_draws(found, 1, np.arange(160))
    assert 0 < drawn.is_hill.mean() < 1
    again = recorded_draws(recorded_columns(drawn))
    levels = np.linspace(0, 2 * drawn.scale, 7)
    assert again.steady(levels) == pytest.approx(drawn.steady(levels), rel=1e-7)
    assert again.weekly(levels) == pytest.approx(drawn.weekly(levels), rel=1e-7)
    assert drawn.mean_curve(2.0)(levels / 2) == pytest.approx(drawn.steady(levels).mean(axis=0))


def test_effects_of_columns_are_those_of_the_fit(found: Fit) -> None:
    weekly = weekly_contributions(found)
    effect = column_draws(found, "trend", np.arange(160))
    assert np.median(effect) == pytest.approx(weekly.median[weekly.names.index("trend")][-1])  # the trend ends at 1
    with pytest.raises(ValueError, match="column is rain, the model has intercept"):
        column_draws(found, "rain", np.arange(3))


def test_all_three_curves_are_recorded_and_give_the_response_of_the_fit() -> None:
    truth = tenant(3, weeks=60, channels=1)
    model = tenant_model(truth, CurvePriors(curves=("logistic", "hill", "power"), carryover_points=3, curve_points=3))
    found = fit(prepare(truth.target, *model), seed=1, chains=2, draws=64)
    drawn = channel_draws(found, 0, np.arange(128))
    assert drawn.is_power.any()
    assert not (drawn.is_power & drawn.is_hill).any()
    levels = np.linspace(0, 2 * drawn.scale, 7)
    assert drawn.steady(levels) == pytest.approx(response_draws(found, "channel_0", levels), rel=1e-12)
    assert recorded_draws(recorded_columns(drawn)).steady(levels) == pytest.approx(drawn.steady(levels), rel=1e-7)
    assert drawn.mean_curve(2.0)(levels / 2) == pytest.approx(drawn.steady(levels).mean(axis=0))


def test_negative_exposure_is_refused(found: Fit) -> None:
    with pytest.raises(ValueError, match="a response curve begins at 0"):
        channel_draws(found, 0, np.arange(3)).steady([-1.0])


@pytest.mark.parametrize(("chains", "draws", "count", "n"), [(4, 256, 512, 512), (4, 256, 4096, 1024), (4, 10, 1, 4), (1, 100, 30, 30)])
def test_kept_draws_are_spread_over_the_chains(chains: int, draws: int, count: int, n: int) -> None:
    kept = kept_places(chains, draws, count)
    assert len(kept) == len(set(kept)) == n
    assert kept.max() == chains * draws - 1
    assert set(np.bincount(kept // draws)) == {n // chains}


def test_an_effect_of_the_other_sign_is_seen_through_a_positive_response() -> None:
    rng = np.random.default_rng(5)
    responses, columns = rng.random((2, 90)), np.ones((1, 90))
    target = 4 - 3 * responses[0] + 2 * responses[1] + 0.1 * rng.normal(size=90)
    multiple, error = unconstrained_multiples(target, responses, columns)
    assert multiple == pytest.approx([-3, 2], abs=0.2)
    assert (error < 0.1).all()
    held = np.linalg.inv(np.concatenate([responses, columns]) @ np.concatenate([responses, columns]).T)
    fitted = np.concatenate([responses, columns]).T @ np.r_[multiple, 0]
    residual = (target - fitted) - (target - fitted).mean()
    assert error[0] == pytest.approx(np.sqrt(held[0, 0] * (residual @ residual) / 87), rel=1e-6)


def test_what_columns_explain_already_has_no_error_to_speak_of() -> None:
    ones = np.ones(20)
    multiple, error = unconstrained_multiples(np.arange(20.0), [ones, 0 * ones], [ones])
    assert np.isinf(error).all()
    assert np.isnan(multiple[1])


def test_each_draw_is_split_as_a_solver_would() -> None:
    rng = np.random.default_rng(8)
    heights, rates = rng.uniform(1, 5, (6, 3)), rng.uniform(0.5, 4, (6, 3))
    levels = np.tile(np.linspace(0, 2, 401), (3, 1))
    responses = heights[:, :, None] * np.tanh(rates[:, :, None] * levels / 2)
    shares = optimal_shares(responses, levels, 2.5)
    for draw in range(6):
        solved = optimize.minimize(
            lambda spend, draw=draw: -(heights[draw] * np.tanh(rates[draw] * spend / 2)).sum(),
            np.full(3, 2.5 / 3), bounds=[(0, 2)] * 3, constraints={"type": "eq", "fun": lambda spend: spend.sum() - 2.5},
        )  # fmt: skip
        assert shares[draw] == pytest.approx(solved.x / 2.5, abs=0.004)


def test_an_s_curve_gets_all_or_nothing() -> None:
    levels = np.tile(np.linspace(0, 1, 11), (2, 1))
    s_curve, line = levels[0] ** 3 / (0.7**3 + levels[0] ** 3), 0.3 * levels[1]
    assert optimal_shares([[s_curve, line]], levels, 1.0)[0] == pytest.approx([1, 0])
    assert np.isnan(optimal_shares([[s_curve, line]], levels, 0.0)).all()
