"""Scores of probability forecasts: closed forms, properness, edges, and the published binary tables."""

from __future__ import annotations

import numpy as np
import pytest

from governance_assets.stats.binary_scores import binary_log_score, brier_score
from governance_assets_tests.stats_reference import UNIT, assert_equal, means, table


@pytest.mark.parametrize(
    ("outcome", "probability", "brier", "log"),
    [(1, 1.0, 0.0, 0.0), (0, 0.0, 0.0, 0.0), (1, 0.5, 0.25, np.log(2)), (0, 0.75, 0.5625, np.log(4)), (1, 0.0, 1.0, np.inf)],
)
def test_closed_forms(outcome, probability, brier, log):
    assert brier_score([outcome], [probability])[0] == brier
    assert binary_log_score([outcome], [probability])[0] == pytest.approx(log)


@pytest.mark.parametrize("score", [brier_score, binary_log_score])
def test_swapping_the_event_swaps_the_probability(score):
    y, p = np.array([0.0, 1.0, 1.0]), np.array([0.25, 0.5, 0.75])
    np.testing.assert_array_equal(score(y, p), score(1 - y, 1 - p))


@pytest.mark.parametrize("score", [brier_score, binary_log_score])
@pytest.mark.parametrize("truth", [0.1, 0.4, 0.5, 0.9])
def test_the_true_probability_has_the_lowest_expected_score(score, truth):
    stated = np.linspace(0.01, 0.99, 99)
    expected = truth * score(np.ones(99), stated) + (1 - truth) * score(np.zeros(99), stated)
    assert stated[expected.argmin()] == pytest.approx(truth)


@pytest.mark.parametrize("score", [brier_score, binary_log_score])
def test_a_missing_value_makes_the_row_missing_and_no_other(score):
    assert np.isnan(score([np.nan, 1.0, 1.0], [0.5, np.nan, 0.5])).tolist() == [True, True, False]
    assert score([True, False], [0.5, 0.5]).shape == (2,)
    assert score([], []).shape == (0,)


@pytest.mark.parametrize(
    ("observed", "predicted", "message"),
    [
        ([0.5], [0.5], "observed holds values other than 0 and 1"),
        ([1.0], [1.5], "predicted holds values outside 0 to 1"),
        ([1.0], [0.5, 0.5], r"predicted has shape \(2,\), expected \(1,\) to match observed"),
    ],
)
def test_input_that_does_not_fit_is_refused_with_its_name(observed, predicted, message):
    with pytest.raises(ValueError, match=message):
        brier_score(observed, predicted)


def test_scoringutils_scores(shared_data):
    example = table(shared_data, "example_binary").dropna(subset=["predicted", "observed"]).astype({"horizon": int}).set_index(UNIT)
    ours = {name: score(example["observed"], example["predicted"]) for name, score in SCORES.items()}
    reference = table(shared_data, "scores_binary_per_forecast", example.index)
    by_model = means(example.index, ours, ["model"])
    reference_by_model = table(shared_data, "scores_binary_by_model", by_model.index)
    assert len(reference) == 887
    for column in SCORES:
        assert_equal(ours[column], reference[column])
        assert_equal(by_model[column], reference_by_model[column])
    assert np.isinf(by_model["log_score"]).sum() == 1


SCORES = {"brier_score": brier_score, "log_score": binary_log_score}
