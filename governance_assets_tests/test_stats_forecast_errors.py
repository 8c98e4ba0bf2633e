"""Means of errors over cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from governance_assets.stats.forecast_errors import forecast_errors, relative_improvement


def test_errors_of_a_normal_forecast_are_the_closed_forms() -> None:
    observed = np.array([9.0, 10.0, 12.5])
    samples = np.tile(stats.norm(10, 2).ppf((np.arange(2000) + 0.5) / 2000), (3, 1))
    found = forecast_errors(observed, samples, log_density=stats.norm(10, 2).logpdf(observed), confidence=0.8, estimator="qd")
    error = np.array([1.0, 0.0, -2.5])
    assert found.mae == pytest.approx(np.abs(error).mean(), abs=1e-6)
    assert found.rmse == pytest.approx(np.sqrt((error**2).mean()), abs=1e-6)
    assert found.bias == pytest.approx(error.mean(), abs=1e-6)
    assert found.wmape == pytest.approx(3.5 / 31.5, abs=1e-6)
    z = (observed - 10) / 2
    closed = 2 * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    assert found.crps == pytest.approx(closed.mean(), rel=1e-3)
    assert (found.n, found.estimator, found.coverage, found.confidence) == (3, "qd", 1.0, 0.8)
    assert found.log_density == pytest.approx(stats.norm(10, 2).logpdf(observed).sum())


def test_coverage_counts_both_ends() -> None:
    samples = np.tile(np.linspace(0, 10, 11), (4, 1))
    assert forecast_errors([1.0, 9.0, 0.99, 9.01], samples, confidence=0.8).coverage == 0.5


def test_nothing_observed_has_no_wmape() -> None:
    assert np.isnan(forecast_errors([0.0], [[1.0, 2.0]]).wmape)


@pytest.mark.parametrize(("observed", "samples"), [([], np.zeros((0, 3))), ([np.nan], [[1.0, 2.0]]), ([1.0], [[np.inf, 1.0]])])
def test_cases_without_numbers_are_refused(observed: list, samples: object) -> None:
    with pytest.raises(ValueError, match="expected at least one"):
        forecast_errors(observed, samples)


def test_improvement_is_relative_to_the_baseline() -> None:
    assert relative_improvement(17.5206995165, 20.8333333333) == pytest.approx(0.15900642320628142, rel=1e-9)
    assert np.isnan(relative_improvement(1.0, 0.0))
