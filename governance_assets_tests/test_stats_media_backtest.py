"""Windows, engines and baselines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from governance_assets.stats.media_backtest import backtest_baseline, backtest_bayes, expanding_windows
from governance_assets.stats.media_baselines import BASELINES, ridge, search_nnls, seasonal_naive, trailing_mean
from governance_assets.stats.media_curves import CurvePriors
from governance_assets.stats.media_design import Design, prepare
from governance_assets_tests.media_examples import Truth, tenant, tenant_model

TRAINS = expanding_windows(130, 6)
SMALL = CurvePriors(carryover_points=8, curve_points=6, curves=("logistic",))


@pytest.fixture(scope="module")
def truth() -> Truth:
    return tenant(21, weeks=130, channels=2, noise=0.3)


@pytest.fixture(scope="module")
def design(truth: Truth) -> Design:
    return prepare(truth.target, *tenant_model(truth, SMALL), scale_weeks=TRAINS[0])


def test_windows_end_where_the_data_end() -> None:
    assert expanding_windows(130, 3) == [127, 128, 129]
    assert expanding_windows(130, 3, horizon=4, step=12) == [102, 114, 126]
    with pytest.raises(ValueError, match="need more than the 10 weeks"):
        expanding_windows(10, 11)


def test_the_model_beats_every_baseline_on_its_own_kind_of_data(design: Design) -> None:
    bayes = backtest_bayes(design, TRAINS, seed=1)
    errors = bayes.predictions.errors()
    assert errors.n == 6
    assert bayes.predictions.week.tolist() == TRAINS
    assert [refit.train for refit in bayes.refits] == TRAINS
    assert bayes.refits[0].diagnostics is None
    for name, baseline in BASELINES.items():
        other = backtest_baseline(design, TRAINS, 1, name, baseline, seed=1)
        np.testing.assert_array_equal(other.observed, bayes.predictions.observed)
        if name in ("seasonal_naive", "trailing_mean"):
            assert errors.crps < 0.6 * other.errors().crps
            assert errors.log_density > other.errors().log_density


def test_a_backtest_uses_nothing_of_later_weeks(truth: Truth, design: Design) -> None:
    changed = truth.target.copy()
    changed[TRAINS[2] :] *= 2
    other = prepare(changed, *tenant_model(truth, SMALL), scale_weeks=TRAINS[0])
    for run in (
        lambda data: backtest_bayes(data, TRAINS[:3], seed=1, draws=30).predictions,
        *(lambda data, name=name: backtest_baseline(data, TRAINS[:3], 1, name, BASELINES[name], seed=1) for name in BASELINES),
    ):
        np.testing.assert_allclose(run(other).samples, run(design).samples, rtol=1e-9)


def test_a_window_does_not_depend_on_how_many_follow(design: Design) -> None:
    short, long = (backtest_bayes(design, trains, seed=1, draws=30).predictions for trains in (TRAINS[:2], TRAINS))
    np.testing.assert_allclose(short.samples, long.samples[:2], rtol=1e-9)


def test_horizons_and_diagnostics(design: Design) -> None:
    found = backtest_bayes(design, [100, 110], 4, seed=1, draws=40, with_diagnostics=True)
    assert found.predictions.train.tolist() == [100] * 4 + [110] * 4
    assert found.predictions.week.tolist() == [100, 101, 102, 103, 110, 111, 112, 113]
    assert found.refits[1].diagnostics is not None
    assert found.refits[1].roi.shape == (320, 2)


@pytest.mark.parametrize("trains", [[], [110, 100], [100, 100], [130]])
def test_windows_that_make_no_backtest_are_refused(design: Design, trains: list[int]) -> None:
    with pytest.raises(ValueError, match="expected rising lengths"):
        backtest_bayes(design, trains, seed=1)


def test_naive_forecasts_are_what_they_say(truth: Truth, design: Design) -> None:
    weeks = np.array([100, 101])
    np.testing.assert_allclose(seasonal_naive(design, 100, weeks).mean[0], truth.target[[48, 49]])
    np.testing.assert_allclose(seasonal_naive(design, 50, weeks).mean[0], truth.target[:50].mean())
    np.testing.assert_allclose(trailing_mean(design, 100, weeks).mean[0], truth.target[88:100].mean())
    errors = np.array([truth.target[t] - truth.target[t - 12 : t].mean() for t in range(12, 100)])
    assert trailing_mean(design, 100, weeks).deviation[0, 0] == pytest.approx(np.sqrt((errors**2).mean()))


def test_ridge_finds_a_linear_truth(truth: Truth) -> None:
    channels, columns = tenant_model(truth, SMALL)
    inputs = np.vstack([truth.spend, [column.values for column in columns]])
    linear = np.array([1.0, 2.0, 5.0, 1.0, 0.5, 0.5]) @ inputs
    made = prepare(linear + 0.01 * np.random.default_rng(0).normal(size=130), channels, columns)
    np.testing.assert_allclose(ridge(made, 120, np.arange(120, 130)).mean[0], linear[120:], rtol=0.01)


def test_searched_nnls_finds_the_transforms_that_made_the_data(truth: Truth) -> None:
    channels, columns = tenant_model(truth, SMALL)
    made = prepare(truth.target, channels, columns)
    chosen = [17, 30]
    target = (0.3 * made.series[0, 17] + 0.5 * made.series[1, 30] + 0.4) * 10
    found = search_nnls(prepare(target, channels, columns), 130)
    assert list(found.points) == chosen
    np.testing.assert_allclose(found.coefficients * target.max(), [3, 5], rtol=1e-3)
    none = search_nnls(replace(made, target=made.target - made.series[0, 17]), 130)
    assert none.coefficients[0] == 0
