"""Scores of sample forecasts: closed forms, symmetries, edges, a peer, and the published sample tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from governance_assets.stats import sample_scores as scores
from governance_assets_tests.stats_reference import assert_equal, means, sample_forecasts, table

quick = settings(deadline=None, max_examples=60)
NUMBERS = st.floats(-1e4, 1e4, allow_nan=False)
COLUMNS = ["bias", "dss", "crps", "overprediction", "underprediction", "dispersion", "log_score", "mad", "ae_median", "se_mean"]
ESTIMATORS = ["nrg", "fair", "pwm", "qd"]


@st.composite
def forecasts(draw, least=2):
    n, n_samples = draw(st.integers(1, 4)), draw(st.integers(least, 9))
    return draw(hnp.arrays(float, n, elements=NUMBERS)), draw(hnp.arrays(float, (n, n_samples), elements=NUMBERS))


@quick
@given(forecasts())
def test_the_two_forms_of_each_kind_of_estimator_agree(case):
    np.testing.assert_allclose(scores.crps(*case, "nrg"), scores.crps(*case, "qd"), rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(scores.crps(*case, "fair"), scores.crps(*case, "pwm"), rtol=1e-9, atol=1e-7)


@quick
@given(forecasts())
def test_crps_is_the_mean_distance_to_the_observation_less_half_that_between_samples(case):
    y, x = case
    error = np.abs(x - y[:, None]).mean(axis=1)
    distances = np.abs(x[:, :, None] - x[:, None, :]).sum(axis=(1, 2))
    m = x.shape[1]
    np.testing.assert_allclose(scores.crps(y, x, "nrg"), error - distances / (2 * m**2), rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(scores.crps(y, x, "fair"), error - distances / (2 * m * (m - 1)), rtol=1e-9, atol=1e-7)


@quick
@given(forecasts(least=1))
def test_one_sample_scores_its_absolute_error(case):
    y, x = case
    for estimator in ("nrg", "qd"):
        np.testing.assert_allclose(scores.crps(y, x[:, :1], estimator), np.abs(y - x[:, 0]), atol=1e-9)


@quick
@given(forecasts(), st.sampled_from(ESTIMATORS))
def test_crps_is_the_sum_of_its_parts(case, estimator):
    parts = scores.crps_parts(*case, estimator)
    np.testing.assert_allclose(parts.score, parts.overprediction + parts.underprediction + parts.dispersion, rtol=1e-9, atol=1e-7)
    assert (np.minimum(parts.overprediction, parts.underprediction) == 0).all()
    assert (np.maximum(parts.overprediction, parts.underprediction) >= 0).all()


@quick
@given(forecasts(), st.sampled_from(ESTIMATORS), st.floats(0.01, 100), st.floats(-100, 100))
def test_crps_scales_with_the_unit_and_ignores_a_shift(case, estimator, unit, shift):
    y, x = case
    moved = scores.crps(y * unit + shift, x * unit + shift, estimator)
    np.testing.assert_allclose(moved, scores.crps(y, x, estimator) * unit, rtol=1e-9, atol=1e-6)


@quick
@given(forecasts(), st.randoms(use_true_random=False))
def test_order_of_samples_does_not_matter(case, random):
    y, x = case
    order = list(range(x.shape[1]))
    random.shuffle(order)
    np.testing.assert_allclose(scores.crps(y, x, "qd"), scores.crps(y, x[:, order], "qd"), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(scores.sample_bias(y, x), scores.sample_bias(y, x[:, order]))


@quick
@given(forecasts())
def test_mirroring_turns_the_bias_round_and_swaps_the_parts(case):
    y, x = case
    np.testing.assert_allclose(scores.sample_bias(y, x), -scores.sample_bias(-y, -x), atol=1e-12)
    here, mirrored = scores.crps_parts(y, x, "qd"), scores.crps_parts(-y, -x, "qd")
    np.testing.assert_allclose(here.overprediction, mirrored.underprediction, rtol=1e-9, atol=1e-7)


def test_fair_crps_does_not_depend_on_the_number_of_samples_on_average():
    generator = np.random.default_rng(3)
    y = generator.normal(size=40_000)
    # A calibrated standard normal forecast has an expected CRPS of 1 / sqrt(pi).
    for n_samples in (2, 5, 20):
        x = generator.normal(size=(40_000, n_samples))
        assert scores.crps(y, x, "fair").mean() == pytest.approx(1 / np.sqrt(np.pi), abs=0.015)
        assert scores.crps(y, x, "qd").mean() == pytest.approx((1 + 1 / n_samples) / np.sqrt(np.pi), abs=0.015)


def test_bias_of_counts_follows_the_definition_for_counts():
    y, x = np.array([3.0]), np.array([[1.0, 3.0, 3.0, 4.0]])
    at, before = (x <= y[:, None]).mean(), (x <= y[:, None] - 1).mean()
    assert scores.sample_bias(y, x)[0] == pytest.approx(1 - (at + before))


def test_log_score_of_many_normal_samples_approaches_the_normal_density():
    samples = np.random.default_rng(2).normal(size=(1, 200_000))
    assert scores.log_score([0.5], samples)[0] == pytest.approx(0.5 * np.log(2 * np.pi) + 0.125, abs=0.01)


def test_samples_without_spread():
    assert np.isnan(scores.dss([1.0], [[2.0, 2.0]])[0])
    assert scores.log_score([1.0, 2.0], [[2.0, 2.0], [2.0, 2.0]]).tolist() == [np.inf, -np.inf]
    assert scores.mad([[2.0, 2.0]]).tolist() == [0.0]


@pytest.mark.parametrize(
    "score",
    [
        lambda y, x: scores.crps(y, x, "qd"),
        lambda y, x: scores.crps_parts(y, x, "fair").overprediction,
        scores.sample_bias,
        scores.dss,
        scores.log_score,
        scores.sample_ae_median,
        scores.sample_se_mean,
        lambda y, x: scores.mad(np.where(np.isnan(y)[:, None], np.nan, x)),
    ],
)
@pytest.mark.parametrize("hole", ["observed", "sample"])
def test_a_missing_value_makes_the_row_missing_and_no_other(score, hole):
    y, x = np.array([1.0, 1.0]), np.array([[0.0, 2.0, 3.0]] * 2)
    if hole == "observed":
        y[0] = np.nan
    else:
        x[0, 1] = np.nan
    assert np.isnan(score(y, x)).tolist() == [True, False]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scores.crps([1.0], [[1.0]], "fair"), "1 samples a row, expected at least 2"),
        (lambda: scores.crps([1.0], [[1.0, 2.0]], "best"), "estimator is 'best'"),
        (lambda: scores.crps([1.0, 2.0], [[1.0, 2.0]], "qd"), r"predicted has shape \(1, 2\), expected \(2, 2\)"),
        (lambda: scores.sample_bias([1.0], np.empty((1, 0))), "0 samples"),
    ],
)
def test_input_that_does_not_fit_is_refused_with_its_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_estimators_agree_with_scoringrules():
    peer = pytest.importorskip("scoringrules")
    generator = np.random.default_rng(5)
    y, x = generator.normal(size=30), generator.normal(size=(30, 11))
    for estimator in ESTIMATORS:
        theirs = peer.crps_ensemble(y, x, estimator=estimator, backend="numpy")
        np.testing.assert_allclose(scores.crps(y, x, estimator), theirs, rtol=1e-10)


@pytest.fixture(scope="module")
def example(shared_data):
    return sample_forecasts(shared_data)


@pytest.fixture(scope="module")
def scored(example):
    y, x = example.observed, example.predicted
    parts = scores.crps_parts(y, x, "qd")
    columns = (scores.sample_bias(y, x), scores.dss(y, x), parts.score, parts.overprediction, parts.underprediction, parts.dispersion)
    errors = (scores.log_score(y, x), scores.mad(x), scores.sample_ae_median(y, x), scores.sample_se_mean(y, x))
    return dict(zip(COLUMNS, (*columns, *errors), strict=True))


def test_scoringutils_scores_of_every_forecast(shared_data, example, scored):
    reference = table(shared_data, "scores_sample_per_forecast", example.units)
    for column in COLUMNS:
        # Between the two middle samples either tool leaves a rounding rest of the CRPS where the exact value is zero.
        rest = 1e-12 * reference["crps"].to_numpy() if column.endswith("prediction") else 0.0
        assert_equal(scored[column], reference[column], absolute=rest)
    assert np.isinf(scored["log_score"]).sum() == 4
    assert np.isnan(scored["dss"]).sum() == 1


def test_scoringutils_mean_scores(shared_data, example, scored):
    ours = means(example.units, scored, ["model"])
    reference = table(shared_data, "scores_sample_by_model", ours.index)
    for column in COLUMNS:
        assert_equal(ours[column], reference[column])


def test_estimators_differ_on_forty_samples(example):
    qd, fair = (scores.crps(example.observed, example.predicted, estimator).mean() for estimator in ("qd", "fair"))
    assert 0.002 < 1 - fair / qd < 0.12
