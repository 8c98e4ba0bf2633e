"""The sampler against enumeration, simulation and the known effect of every kind of prior."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from governance_assets.stats.media_columns import level_steps
from governance_assets.stats.media_curves import CurvePriors, curve_grid
from governance_assets.stats.media_design import Design, prepare
from governance_assets.stats.media_fit import extended, fit, window
from governance_assets.stats.media_model import Channel, Column, LiftTest
from governance_assets.stats.media_priors import gamma, half_normal, inverse_gamma, laplace, normal
from governance_assets.stats.media_refine import chosen_cells, refined, split
from governance_assets.stats.media_results import contribution_draws
from governance_assets_tests.media_examples import simulated_rank, spends, tenant, tenant_model, tiny_design

LONG = {"chains": 4, "burn": 100, "draws": 5000}


def exact_point_probabilities(design: Design) -> np.ndarray:
    """Posterior probabilities of all pairs of grid points, coefficients and columns integrated out exactly, (G, G)."""
    deviation = np.sqrt(design.noise_prior[1])
    covariance = deviation**2 * np.eye(design.weeks) + (design.columns.T * design.column_priors[:, 1]) @ design.columns
    inverse = np.linalg.inv(covariance)
    residual = design.target - design.column_priors[:, 0] @ design.columns
    logs = np.empty(tuple(design.points))
    for pair in itertools.product(*map(range, design.points)):
        series = design.series[[0, 1], pair]
        precision = series @ inverse @ series.T + np.diag(design.coefficient_priors[:, 2] + design.lift_precision[[0, 1], pair])
        linear = series @ inverse @ residual + design.lift_linear[[0, 1], pair]
        mean, spread = np.linalg.solve(precision, linear), np.linalg.inv(precision)
        inside = stats.multivariate_normal.cdf(mean, cov=spread, rng=np.random.default_rng(0))
        logs[pair] = design.priors[[0, 1], pair].sum() + 0.5 * linear @ mean + 0.5 * np.linalg.slogdet(spread)[1] + np.log(inside)
    chances = np.exp(logs - logs.max())
    return chances / chances.sum()


@pytest.mark.parametrize("seed", [0, 1])
def test_grid_points_are_drawn_with_their_exact_probabilities(seed: int) -> None:
    design = tiny_design(seed)
    found = fit(design, seed=5, **LONG)
    points = found.flat("points")
    counts = np.zeros(tuple(design.points))
    np.add.at(counts, (points[:, 0], points[:, 1]), 1 / len(points))
    np.testing.assert_allclose(counts, exact_point_probabilities(design), atol=0.008)


def test_a_lift_test_enters_as_a_gaussian_term() -> None:
    """Enumeration with the same terms, and the posterior of the lift pulled to what was measured."""
    base = tiny_design(0)
    lift = LiftTest("channel_0", spend=0.2, change=0.4, lift=0.05, error=0.01)
    design = prepare(base.target, base.channels, base.all_columns, noise=0.2, lifts=[lift])
    found = fit(design, seed=5, **LONG)
    points = found.flat("points")
    counts = np.zeros(tuple(design.points))
    np.add.at(counts, (points[:, 0], points[:, 1]), 1 / len(points))
    np.testing.assert_allclose(counts, exact_point_probabilities(design), atol=0.008)
    gained = {name: fit(each, seed=5, **LONG).flat("coefficients")[:, 0].mean() for name, each in (("without", base), ("with", design))}
    assert gained["with"] < 0.5 * gained["without"]


def test_coefficients_and_columns_have_their_exact_moments_on_one_grid_point() -> None:
    """With one grid point and normal priors all is one multivariate normal."""
    one = CurvePriors(length=1, carryover_points=1, curve_points=1, curves=("logistic",))
    design = tiny_design(2, normal(0.1, 0.7), curves=one)
    found = fit(design, seed=3, **LONG)
    inputs = np.vstack([design.series[:, 0], design.columns])
    prior_mean = np.r_[0.1, 0.1, design.column_priors[:, 0]]
    prior_precision = np.r_[0.7**-2, 0.7**-2, 1 / design.column_priors[:, 1]]
    precision = inputs @ inputs.T / 0.2**2 + np.diag(prior_precision)
    mean = np.linalg.solve(precision, inputs @ design.target / 0.2**2 + prior_precision * prior_mean)
    drawn = np.hstack([found.flat("coefficients"), found.flat("columns")])
    spread = np.linalg.inv(precision)
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.03 * np.sqrt(np.diag(spread)).max())
    np.testing.assert_allclose(np.cov(drawn.T), spread, atol=0.05 * np.diag(spread).max())


@pytest.mark.parametrize("noise", [0.3, half_normal(0.5)])
def test_the_truth_ranks_evenly_among_the_draws(noise: object) -> None:
    """Simulation-based calibration on the discrete prior; ``make sbc`` is the long form, on more models."""
    curves = CurvePriors(length=3, carryover_points=3, curve_points=3, curves=("logistic", "hill", "power"))
    design = tiny_design(4, noise=noise, weeks=30, curves=curves)
    ranked = [simulated_rank(design, seed) for seed in range(160)]
    shares = np.array([(rank + 0.5) / (draws + 1) for rank, draws in ranked])[:, : 4 if noise == 0.3 else 5]
    for column in shares.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3


def test_columns_under_a_laplace_prior_shrink_as_integration_says() -> None:
    """One column, one weak channel: the posterior mean against numerical integration."""
    weeks = 20
    random = np.random.default_rng(1)
    values = random.normal(size=weeks)
    target = 0.1 * values + 0.5 * random.normal(size=weeks)
    target /= np.abs(target).max()
    one = CurvePriors(length=1, carryover_points=1, curve_points=1, curves=("logistic",))
    channel = Channel("spend", random.random(weeks), half_normal(1e-4), one)
    design = prepare(target, [channel], [Column("column", values, laplace(0.0, 0.05))], noise=0.5)
    found = fit(design, seed=1, **LONG).flat("columns")[:, 0]
    grid = np.linspace(-1, 1, 20001)
    squares = ((target - grid[:, None] * values) ** 2).sum(axis=1)
    density = np.exp(-squares / (2 * 0.25) - np.abs(grid) / 0.05 + squares.min() / 0.5)
    density /= density.sum()
    mean = float(density @ grid)
    assert found.mean() == pytest.approx(mean, abs=0.003)
    assert found.std() == pytest.approx(np.sqrt(density @ (grid - mean) ** 2), rel=0.05)


@pytest.mark.parametrize("shape", [0.7, 1.0, 3.0])
def test_a_gamma_coefficient_follows_its_posterior(shape: float) -> None:
    weeks = 16
    random = np.random.default_rng(2)
    one = CurvePriors(length=1, carryover_points=1, curve_points=1, curves=("logistic",))
    spend = random.random(weeks)
    target = 0.4 * spend + 0.3 * random.normal(size=weeks)
    target /= np.abs(target).max()
    design = prepare(target, [Channel("spend", spend, gamma(shape, 4.0), one)], noise=0.4)
    found = fit(design, seed=1, **LONG).flat("coefficients")[:, 0]
    grid = np.linspace(1e-5, 4, 40001)
    series = design.series[0, 0]
    squares = ((design.target - grid[:, None] * series) ** 2).sum(axis=1)
    density = np.exp(-(squares - squares.min()) / (2 * 0.16) - 4 * grid) * grid ** (shape - 1)
    below = np.cumsum(density) / density.sum()
    for level in (0.1, 0.5, 0.9):
        assert float((found <= grid[np.searchsorted(below, level)]).mean()) == pytest.approx(level, abs=0.03)


def test_a_column_with_a_positive_prior_stays_positive() -> None:
    weeks = 30
    random = np.random.default_rng(3)
    values, spend = random.random(weeks), random.random(weeks)
    columns = [Column("intercept", np.ones(weeks)), Column("price", values, half_normal(1.0))]
    target = 2 + spend - 0.5 * values + 0.1 * random.normal(size=weeks)
    found = fit(prepare(target, [Channel("spend", spend)], columns), seed=1, draws=100)
    assert found.coefficients.shape[2] == 2
    assert found.columns.shape[2] == 1
    assert found.coefficients.min() >= 0


def test_the_same_seed_gives_the_same_draws_and_another_seed_others() -> None:
    design = tiny_design(0)
    first, again, other = (fit(design, seed=seed, draws=50) for seed in (7, 7, 8))
    for name in ("points", "coefficients", "columns", "noise"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.coefficients, other.coefficients)


def test_windows_that_grow_are_windows_made_at_once() -> None:
    truth = tenant(1, weeks=60)
    design = prepare(truth.target, *tenant_model(truth))
    grown = extended(extended(window(design, 40), 41), 60)
    whole = window(design)
    assert grown.weeks == whole.weeks == 60
    for name in ("squares", "crossed", "column_squares"):
        np.testing.assert_allclose(getattr(grown, name), getattr(whole, name), rtol=1e-9, atol=1e-9)


def test_a_fit_of_a_window_sees_nothing_of_later_weeks() -> None:
    truth = tenant(1, weeks=60)
    changed = truth.target.copy()
    changed[50:] *= 3
    first, second = (prepare(target, *tenant_model(truth), scale_weeks=50) for target in (truth.target, changed))
    np.testing.assert_array_equal(fit(window(first, 50), seed=1, draws=20).noise, fit(window(second, 50), seed=1, draws=20).noise)


def test_the_basis_gives_back_all_series() -> None:
    truth = tenant(2, weeks=120)
    design = prepare(truth.target, *tenant_model(truth))
    for block, rank in enumerate(design.ranks):
        back = design.weights[block, :rank].astype(float).T @ design.basis[block, :rank]
        assert np.linalg.norm(back - design.series[block]) <= 4e-5 * np.linalg.norm(design.series[block])
    assert design.ranks.max() < 80


@pytest.mark.parametrize("factor", [1e-3, 1e6])
def test_units_change_nothing_but_units(factor: float) -> None:
    truth = tenant(3, weeks=80, channels=2)
    plain = fit(prepare(truth.target, *tenant_model(truth)), seed=1)
    scaled = replace(truth, target=truth.target * factor, spend=truth.spend * 7)
    other = fit(prepare(scaled.target, *tenant_model(scaled)), seed=1)
    middle = [np.median(contribution_draws(each), axis=0) for each in (plain, other)]
    np.testing.assert_allclose(middle[1] / factor, middle[0], rtol=0.1)


@pytest.mark.parametrize("curves", [("logistic",), ("logistic", "hill")])
def test_a_refined_grid_is_near_a_very_fine_one(curves: tuple) -> None:
    truth = tenant(4, channels=2, noise=0.3)
    middle = {}
    for points in (12, 32):
        beliefs = CurvePriors(carryover_points=points, curve_points=8 if points == 12 else 24, curves=curves)
        design = refined(prepare(truth.target, *tenant_model(truth, beliefs)), seed=2, rounds=2 if points == 12 else 1)
        middle[points] = np.median(contribution_draws(fit(design, seed=1, draws=800)), axis=0)
    np.testing.assert_allclose(middle[12], middle[32], rtol=0.01 if curves == ("logistic",) else 0.04)


def test_refining_keeps_the_prior_and_splits_where_the_draws_are() -> None:
    beliefs = CurvePriors(carryover_points=4, curve_points=4, delays=(0, 1))
    grid = curve_grid(beliefs)
    shares = np.zeros(grid.points)
    shares[0] = 1.0
    chosen = chosen_cells(grid, shares)
    finer = split(beliefs, grid, chosen)
    assert chosen[0]
    assert not chosen[grid.is_hill != grid.is_hill[0]].any()
    assert not chosen[grid.delay != grid.delay[0]].any()
    assert finer.points == grid.points + 3 * chosen.sum()
    for kind in (False, True):
        for delay in (0, 1):
            masses = [np.exp(each.log_prior)[(each.is_hill == kind) & (each.delay == delay)].sum() for each in (grid, finer)]
            assert masses[0] == pytest.approx(masses[1], rel=1e-12)
            assert masses[0] == pytest.approx(0.25, rel=1e-12)


def test_a_warm_start_reaches_the_same_posterior() -> None:
    truth = tenant(5, weeks=90, channels=2)
    design = prepare(truth.target, *tenant_model(truth))
    cold = fit(design, seed=1, draws=1000)
    warm = fit(design, seed=2, draws=1000, burn=8, start=fit(window(design, 85), seed=3, draws=20).state)
    middle, other = (np.median(contribution_draws(each), axis=0) for each in (cold, warm))
    np.testing.assert_allclose(other, middle, rtol=0.06)


def test_precisions_of_an_earlier_state_leave_the_posterior_as_it_is() -> None:
    """A burn-in of 3 sweeps is too short to trust them: then all precisions are new, and the posterior must be the same."""
    truth = tenant(8, weeks=80, channels=2, noise=0.5)
    channels, columns = tenant_model(truth)
    columns = [*columns, *level_steps(80, 20), Column("small", np.random.default_rng(1).normal(size=80), laplace(0.0, 0.005))]
    design = prepare(truth.target, channels, columns)
    settled = fit(design, seed=1, draws=20).state
    stale, new = (fit(design, seed=seed, burn=burn, draws=4000, start=settled) for seed, burn in ((2, 40), (3, 3)))
    for quantile in (0.05, 0.5, 0.95):
        ours, theirs = (np.quantile(contribution_draws(each), quantile, axis=0) for each in (stale, new))
        np.testing.assert_allclose(ours, theirs, rtol=0.03)
    np.testing.assert_allclose(np.median(stale.flat("noise")), np.median(new.flat("noise")), rtol=0.01)


def test_noise_with_an_inverse_gamma_prior_is_near_the_truth() -> None:
    truth = tenant(6, weeks=156, channels=2, noise=0.5)
    found = fit(prepare(truth.target, *tenant_model(truth), noise=inverse_gamma(1.0, 1e-4)), seed=1)
    assert float(np.median(found.noise)) * truth.target.max() == pytest.approx(0.5, rel=0.15)


def test_counts_and_starts_that_do_not_fit_are_refused() -> None:
    design = tiny_design(0)
    with pytest.raises(ValueError, match="at least 1, 1 and 0"):
        fit(design, seed=1, chains=0)
    with pytest.raises(ValueError, match="start has"):
        fit(design, seed=1, chains=2, start=fit(design, seed=1, chains=4, draws=5).state)
    with pytest.raises(ValueError, match="expected 15 to the 14 weeks"):
        extended(window(design), 14)


def test_spends_have_pauses() -> None:
    assert (spends(np.random.default_rng(0), 3, 50) == 0).any(axis=1).all()
