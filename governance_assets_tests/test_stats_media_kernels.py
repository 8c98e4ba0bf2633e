"""The compiled draws, each against the distribution it must come from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, special, stats

from governance_assets.stats import media_kernels as kernels

DRAWS = 20_000


def drawn(draw: object, *arguments: float) -> np.ndarray:
    random = np.random.Generator(np.random.PCG64(11))
    return np.array([draw(*arguments, random) for _ in range(DRAWS)])


def test_the_exponential_is_that_of_numpy() -> None:
    x = np.linspace(-59, 0, 400)
    np.testing.assert_allclose([kernels.exp_of_negative(value) for value in x], np.exp(x), rtol=2e-9)
    assert 0 < kernels.exp_of_negative(-1e9) < 1e-20


def test_the_tail_ratio_is_that_of_scipy() -> None:
    x = np.concatenate([np.linspace(0, 12, 300), np.geomspace(12, 1e6, 50)])
    np.testing.assert_allclose([kernels.upper_tail_ratio(value) for value in x], 0.5 * special.erfcx(x / np.sqrt(2)), rtol=1e-11)


@pytest.mark.parametrize("mean", [-30.0, -3.0, -0.4, 0.0, 2.0])
def test_a_truncated_normal_is_one(mean: float) -> None:
    found = drawn(kernels.normal_above_zero, mean, 0.7)
    assert found.min() >= 0
    assert stats.kstest(found, stats.truncnorm(-mean / 0.7, np.inf, mean, 0.7).cdf).pvalue > 1e-3


def test_laplace_variances_make_a_laplace_prior() -> None:
    """Alternating a coefficient given its variance and the variance given the coefficient gives the Laplace distribution."""
    random, scale, variance = np.random.Generator(np.random.PCG64(3)), 0.4, 0.3
    found = np.empty(DRAWS)
    for place in range(DRAWS):
        found[place] = np.sqrt(variance) * random.standard_normal()
        variance = kernels.laplace_variance(abs(found[place]), scale, random)
    assert stats.kstest(found[::20], stats.laplace(scale=scale).cdf).pvalue > 1e-3


def test_the_noise_follows_its_inverse_gamma() -> None:
    found = drawn(kernels.noise_variance, 1.0, 6.0, 20, 1, 2.0, 0.5)
    assert stats.kstest(found, stats.invgamma(2 + 10, scale=0.5 + 3).cdf).pvalue > 1e-3


def test_the_noise_follows_a_half_normal_prior() -> None:
    """Against the posterior integrated numerically, with a prior that pulls."""
    random, squares, weeks, scale = np.random.Generator(np.random.PCG64(5)), 6.0, 9, 0.5
    found, variance = np.empty(DRAWS), 1.0
    for place in range(DRAWS):
        variance = kernels.noise_variance(variance, squares, weeks, 2, 0.0, scale, random)
        found[place] = np.sqrt(variance)

    def density(s: float) -> float:
        return s**-weeks * np.exp(-squares / (2 * s * s) - s * s / (2 * scale * scale))

    whole = integrate.quad(density, 1e-3, 20)[0]
    for level in (0.1, 0.5, 0.9):
        at = float(np.quantile(found, level))
        assert integrate.quad(density, 1e-3, at)[0] / whole == pytest.approx(level, abs=0.02)


def test_a_known_noise_stays() -> None:
    assert kernels.noise_variance(0.25, 6.0, 9, 0, 0.0, 0.0, np.random.Generator(np.random.PCG64(1))) == 0.25


def test_the_inverse_cholesky_solves() -> None:
    random = np.random.default_rng(4)
    root = random.normal(size=(6, 6))
    matrix, factor, right = root @ root.T + np.eye(6), np.empty((6, 6)), random.normal(size=6)
    kernels.inverse_cholesky(matrix.copy(), factor)
    np.testing.assert_allclose(factor.T @ factor, np.linalg.inv(matrix), rtol=1e-9)
    work, result = np.empty(6), np.empty(6)
    kernels.solved(factor, right, work, result)
    np.testing.assert_allclose(result, np.linalg.solve(matrix, right), rtol=1e-9)


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("pull", [-60.0, -2.0, 0.0, 3.0, 40.0])
def test_point_weights_are_the_integrals_over_the_coefficient(positive: bool, pull: float) -> None:
    random = np.random.default_rng(6)
    linear, precision = pull + random.normal(size=40), 0.5 + random.random(40)
    prior, weights = np.log(random.dirichlet(np.ones(40))), np.empty(40)
    total = kernels.point_weights(linear, precision, prior, positive, weights)
    z = linear / np.sqrt(precision)
    exact = prior + 0.5 * z * z - 0.5 * np.log(precision) + (special.log_ndtr(z) if positive else 0)
    expected = np.exp(exact - special.logsumexp(exact))
    assert total == pytest.approx(weights.sum(), rel=1e-12)
    np.testing.assert_allclose(weights / total, expected, rtol=1e-6, atol=1e-12)


def test_points_are_drawn_by_their_weight() -> None:
    random, weights = np.random.Generator(np.random.PCG64(8)), np.array([1.0, 0.0, 3.0, 6.0])
    counts = np.bincount([kernels.chosen_point(weights, 10.0, random) for _ in range(DRAWS)], minlength=4)
    assert counts[1] == 0
    assert stats.chisquare(counts[[0, 2, 3]], DRAWS * np.array([0.1, 0.3, 0.6])).pvalue > 1e-3


def test_collapsing_the_columns_is_the_matrix_of_the_docstring() -> None:
    random, variance, weeks = np.random.default_rng(9), 0.3, 12
    columns, series, spread = random.normal(size=(3, weeks)), random.random((5, weeks)), np.array([1.0, 0.2, 4.0])
    precision = columns @ columns.T / variance + np.diag(1 / spread)
    middle = np.eye(weeks) / variance - columns.T @ np.linalg.inv(precision) @ columns / variance**2
    np.testing.assert_allclose(middle, np.linalg.inv(variance * np.eye(weeks) + columns.T @ np.diag(spread) @ columns), rtol=1e-9)
    factor, work, into = np.empty((3, 3)), np.empty(5), np.empty(5)
    kernels.inverse_cholesky(precision.copy(), factor)
    kernels.collapsed_squares((series**2).sum(axis=1), columns @ series.T, factor, variance, work, into)
    np.testing.assert_allclose(into, np.einsum("gt,tu,gu->g", series, middle, series), rtol=1e-9)
    residual, loads, half, vector = random.normal(size=weeks), np.empty(3), np.empty(3), np.empty(weeks)
    kernels.solved(factor, columns @ residual, half, loads)
    kernels.projected(residual, columns, loads, variance, weeks, vector)
    np.testing.assert_allclose(vector, middle @ residual, rtol=1e-9, atol=1e-12)
