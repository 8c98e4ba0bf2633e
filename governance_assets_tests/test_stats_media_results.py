"""What a fit says, against the truth it was made from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from governance_assets.stats.media_curves import CurvePriors
from governance_assets.stats.media_design import prepare
from governance_assets.stats.media_fit import Fit, fit
from governance_assets.stats.media_forecast import predict
from governance_assets.stats.media_model import Channel, Column, LiftTest
from governance_assets.stats.media_priors import normal
from governance_assets.stats.media_results import (
    carryover,
    contributions,
    diagnose,
    hill_probability,
    response_curve,
    roi,
    roi_draws,
    weekly_contributions,
)
from governance_assets_tests.media_examples import Truth, tenant, tenant_model


@pytest.fixture(scope="module")
def truth() -> Truth:
    return tenant(11, weeks=169, noise=0.3)


@pytest.fixture(scope="module")
def found(truth: Truth) -> Fit:
    return fit(prepare(truth.target[:156], *tenant_model(truth)), seed=1)


def test_the_truth_lies_in_the_intervals(truth: Truth, found: Fit) -> None:
    estimate, spent = roi(found, 0.98), truth.spend[:, :156].sum(axis=1)
    true = truth.contribution[:, :156].sum(axis=1) / spent
    assert ((estimate.lower < true) & (true < estimate.upper)).all()
    assert (np.abs(estimate.median / true - 1) < 0.3).all()
    assert estimate.names == ("channel_0", "channel_1", "channel_2")
    whole = contributions(found, 0.98)
    np.testing.assert_allclose(whole.median, estimate.median * spent, rtol=1e-9)


def test_cost_replaces_spend_in_roi(truth: Truth) -> None:
    channels, columns = tenant_model(truth)
    bought = [replace(channel, cost=2 * channel.spend) for channel in channels]
    bought[0] = replace(channels[0], cost=np.zeros(169))
    once, twice = (roi_draws(fit(prepare(truth.target, each, columns), seed=1, draws=20)) for each in (channels, bought))
    np.testing.assert_allclose(twice[:, 1:], once[:, 1:] / 2, rtol=1e-9)
    assert np.isnan(twice[:, 0]).all()


def test_parts_of_a_week_add_up_to_the_fitted_week(truth: Truth, found: Fit) -> None:
    weekly = weekly_contributions(found)
    assert weekly.names == ("channel_0", "channel_1", "channel_2", "intercept", "trend", "sine", "cosine")
    assert weekly.median.shape == (7, 156)
    np.testing.assert_allclose(weekly.median.sum(axis=0), predict(found, range(156)).mean.mean(axis=0), rtol=0.02)
    assert (weekly.lower <= weekly.median).all()
    assert (weekly.median <= weekly.upper).all()


def test_a_response_curve_starts_at_nothing_and_rises(truth: Truth, found: Fit) -> None:
    levels = np.linspace(0, truth.spend[1].max() * 1.5, 20)
    curve = response_curve(found, "channel_1", levels)
    assert curve.median[0, 0] == 0
    assert (np.diff(curve.median[0]) >= 0).all()
    with pytest.raises(ValueError, match="channel is radio, the model has channel_0"):
        response_curve(found, "radio", levels)
    with pytest.raises(ValueError, match="negative or missing"):
        response_curve(found, "channel_1", [-1.0])


def test_chains_agree_and_say_so(found: Fit) -> None:
    health = diagnose(found)
    assert health.names == ("channel_0", "channel_1", "channel_2", "intercept", "trend", "sine", "cosine", "noise")
    assert health.r_hat.max() < 1.02
    assert health.ess.min() > 600
    by_name = {(edge.channel, edge.parameter, edge.end): edge for edge in health.edges}
    assert len(by_name) == len(health.edges) == 3 * 8
    assert by_name["channel_0", "carryover", "low"].expected == pytest.approx(1 / 16)
    assert health.worst_edge.share == max(edge.share for edge in health.edges)


def test_carry_over_beyond_the_grid_is_seen_at_its_edge() -> None:
    truth = tenant(12, noise=0.1, length=1)
    curves = CurvePriors(curves=("logistic",))
    edges = diagnose(fit(prepare(truth.target, *tenant_model(truth, curves)), seed=1)).edges
    assert max(edge.share for edge in edges if (edge.parameter, edge.end) == ("carryover", "low")) > 0.5


def test_the_curve_that_made_the_data_is_found() -> None:
    found = {}
    for with_hill in (True, False):
        truth = tenant(13, weeks=260, channels=2, noise=0.02, with_hill=with_hill)
        found[with_hill] = fit(prepare(truth.target, *tenant_model(truth)), seed=1)
    assert hill_probability(found[True]).min() > 0.9
    assert hill_probability(found[False]).max() < 0.5
    kept = carryover(found[False]).median
    assert ((kept > 0) & (kept < 0.8)).all()


def test_a_lift_test_narrows_what_is_said_of_its_channel(truth: Truth) -> None:
    model = tenant_model(replace(truth, spend=truth.spend[:, :60], target=truth.target[:60]))
    plain = fit(prepare(truth.target[:60], *model), seed=1)
    level = float(truth.spend[0].max()) / 2
    measured = float(response_curve(plain, "channel_0", [level]).median[0, 0])
    lifted = fit(prepare(truth.target[:60], *model, lifts=[LiftTest("channel_0", 0.0, level, measured, 0.02 * measured)]), seed=1)
    wide, narrow = (float(np.ptp([getattr(roi(each), end)[0] for end in ("lower", "upper")])) for each in (plain, lifted))
    assert narrow < 0.7 * wide


def test_predictions_of_a_model_without_curves_are_those_of_regression() -> None:
    """One negligible channel, normal priors, known noise: mean and variance in closed form, for a column first seen in the future."""
    random, weeks, train = np.random.default_rng(5), 30, 25
    values = np.vstack([np.ones(weeks), random.normal(size=weeks), (np.arange(weeks) == 27).astype(float)])
    target = 1 + 0.2 * values[1, :train] + 0.1 * random.normal(size=train)
    columns = [Column(f"column_{k}", row, normal(0.1, 0.5)) for k, row in enumerate(values)]
    design = prepare(target, [Channel("spend", random.random(weeks), normal(0.0, 1e-6))], columns, noise=0.1)
    found = predict(fit(design, seed=1, draws=10), range(train, weeks))
    seen, ahead = values[:, :train], values[:, train:]
    spread = np.linalg.inv(seen @ seen.T / 0.01 + 4 * np.eye(3))
    mean = spread @ (seen @ design.target / 0.01 + 4 * 0.1)
    scale = design.target_scale
    np.testing.assert_allclose(found.mean[0], ahead.T @ mean * scale, rtol=1e-4)
    np.testing.assert_allclose(found.deviation[0], np.sqrt(np.einsum("kw,kl,lw->w", ahead, spread, ahead) + 0.01) * scale, rtol=1e-4)
    assert found.deviation[0, 2] > 4 * found.deviation[0, 1]


def test_samples_and_density_are_of_the_same_distribution(truth: Truth, found: Fit) -> None:
    ahead = predict(found, [156, 160])
    drawn = ahead.samples(3)
    assert drawn.shape == (2, 2048)
    np.testing.assert_allclose(drawn.mean(axis=1), ahead.mean.mean(axis=0), rtol=0.01)
    grid = np.linspace(drawn.min() - 3, drawn.max() + 3, 4001)
    density = np.exp([ahead.log_density([value, value]) for value in grid])
    np.testing.assert_allclose(density.sum(axis=0) * (grid[1] - grid[0]), 1.0, rtol=1e-3)


def test_weeks_nobody_knows_the_spend_of_cannot_be_predicted(found: Fit) -> None:
    with pytest.raises(ValueError, match="expected 0 to 168"):
        predict(found, [169])
