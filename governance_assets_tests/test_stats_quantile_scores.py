"""Scores of quantile forecasts: closed forms, symmetries, edges, a peer, and every published quantile table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from governance_assets.stats import quantile_scores as scores
from governance_assets_tests.stats_reference import Forecasts, assert_equal, means, quantile_forecasts, table

LEVELS = np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])
PAIRED = st.sampled_from([LEVELS, LEVELS[LEVELS != 0.5], np.array([0.5]), np.array([0.2, 0.8])])
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)
quick = settings(deadline=None, max_examples=60)
COLUMNS = ["wis", "overprediction", "underprediction", "dispersion", "bias", "interval_coverage_50", "interval_coverage_90", "ae_median"]


@st.composite
def forecasts(draw):
    levels = draw(PAIRED)
    n = draw(st.integers(1, 5))
    predicted = np.sort(draw(hnp.arrays(float, (n, len(levels)), elements=NUMBERS)), axis=1)
    return draw(hnp.arrays(float, n, elements=NUMBERS)), predicted, levels


@quick
@given(forecasts())
def test_wis_is_the_sum_of_its_parts_none_of_which_is_negative(case):
    parts = scores.wis(*case)
    total = parts.overprediction + parts.underprediction + parts.dispersion
    np.testing.assert_allclose(parts.score, total, rtol=1e-9, atol=1e-6)
    assert min(part.min() for part in (parts.overprediction, parts.underprediction, parts.dispersion)) >= 0


@quick
@given(forecasts())
def test_wis_is_the_mean_of_weighted_interval_scores_with_half_weight_for_the_median(case):
    y, q, levels = case
    half = len(levels) // 2
    pairs = [scores.interval_score(y, q[:, k], q[:, -1 - k], 1 - 2 * levels[k]).score for k in range(half)]
    total = sum(pairs) + (0.5 * np.abs(y - q[:, half]) if len(levels) % 2 else 0.0)
    np.testing.assert_allclose(scores.wis(*case).score, total / (len(levels) / 2), rtol=1e-9, atol=1e-6)


@quick
@given(forecasts(), st.floats(0.01, 100))
def test_scores_scale_with_the_unit(case, unit):
    y, q, levels = case
    for name in ("score", "overprediction", "underprediction", "dispersion"):
        scaled = getattr(scores.wis(y * unit, q * unit, levels), name)
        np.testing.assert_allclose(scaled, getattr(scores.wis(*case), name) * unit, rtol=1e-9, atol=1e-6)


@quick
@given(forecasts(), st.floats(-1000, 1000))
def test_scores_ignore_a_common_shift(case, shift):
    y, q, levels = case
    np.testing.assert_allclose(scores.wis(y + shift, q + shift, levels).score, scores.wis(*case).score, rtol=1e-9, atol=1e-6)


@quick
@given(forecasts())
def test_mirroring_swaps_over_and_underprediction(case):
    y, q, levels = case
    here, mirrored = scores.wis(*case), scores.wis(-y, -q, 1 - levels)
    np.testing.assert_allclose(here.overprediction, mirrored.underprediction, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(here.dispersion, mirrored.dispersion, rtol=1e-9, atol=1e-6)
    if len(levels) > 1:
        np.testing.assert_allclose(scores.quantile_bias(*case), -scores.quantile_bias(-y, -q, 1 - levels), atol=1e-12)


@quick
@given(forecasts(), st.randoms(use_true_random=False))
def test_order_of_levels_does_not_matter(case, random):
    y, q, levels = case
    order = list(range(len(levels)))
    random.shuffle(order)
    shuffled = (y, q[:, order], levels[order])
    np.testing.assert_array_equal(scores.wis(*case).dispersion, scores.wis(*shuffled).dispersion)
    np.testing.assert_array_equal(scores.pinball(*case)[:, order], scores.pinball(*shuffled))
    assert scores.quantile_ranks(*case).n_below.tolist() == scores.quantile_ranks(*shuffled).n_below.tolist()


@quick
@given(forecasts())
def test_coverages_follow_from_the_ranks(case):
    y, q, levels = case
    ranks = scores.quantile_ranks(*case)
    for k in range(len(levels) // 2):
        inside = scores.interval_coverage(y, q, levels, 1 - 2 * levels[k])
        np.testing.assert_array_equal(inside, (ranks.n_at_or_below > k) & (ranks.n_below <= len(levels) - 1 - k))
    expected = ranks.n_below[:, None] <= np.arange(len(levels))
    np.testing.assert_array_equal(scores.quantile_coverage(y, q, levels), expected)


def test_a_point_forecast_scores_its_absolute_error_with_one_level():
    parts = scores.wis([3.0, 10.0], [[5.0], [4.0]], [0.5])
    assert parts.score.tolist() == [2.0, 6.0]
    assert parts.overprediction.tolist() == [2.0, 0.0]
    assert parts.underprediction.tolist() == [0.0, 6.0]
    assert parts.dispersion.tolist() == [0.0, 0.0]


def test_many_levels_approach_twice_the_crps_of_a_uniform_forecast():
    levels = (np.arange(2000) + 0.5) / 2000
    # CRPS of the uniform distribution on 0 to 1 at y: y² − y + 1/3.
    assert scores.wis([0.3], levels[None, :], levels).score[0] == pytest.approx(0.09 - 0.3 + 1 / 3, abs=1e-6)


def test_levels_without_partners_leave_the_score_and_drop_the_parts():
    parts = scores.wis([5.0], [[1.0, 2.0]], [0.5, 0.9])
    assert parts.score[0] == pytest.approx(2 * (2.0 + 2.7) / 2)
    assert np.isnan(parts.dispersion[0])


def test_crossing_quantiles_keep_the_score_and_lose_what_needs_intervals():
    y, q, levels = [5.0], [[6.0, 4.0]], [0.25, 0.75]
    assert scores.crosses(q, levels).tolist() == [True]
    assert scores.wis(y, q, levels).score[0] == pytest.approx(2 * (0.75 + 0.75) / 2)
    assert np.isnan(scores.wis(y, q, levels).overprediction[0])
    assert np.isnan(scores.interval_coverage(y, q, levels, 0.5)[0])
    assert np.isnan(scores.quantile_bias(y, q, levels)[0])
    assert scores.quantile_ranks(y, q, levels).n_below.tolist() == [-1]


@pytest.mark.parametrize(("observed", "hole"), [(np.nan, False), (5.0, True)])
def test_a_missing_value_makes_the_row_missing_and_no_other(observed, hole):
    q = np.tile([4.0, 5.0, 6.0], (2, 1))
    q[0, 2] = np.nan if hole else 6.0
    y, levels = [observed, 5.0], [0.25, 0.5, 0.75]
    results = [scores.wis(y, q, levels).score, scores.wis(y, q, levels).dispersion, scores.quantile_bias(y, q, levels)]
    results += [scores.interval_coverage(y, q, levels, 0.5), scores.quantile_ae_median(y, q, levels)]
    assert [np.isnan(result).tolist() for result in results] == [[True, False]] * 5
    assert scores.quantile_ranks(y, q, levels).n_below.tolist() == [-1, 1]


def test_no_forecasts_give_empty_results():
    assert scores.wis([], np.empty((0, 3)), [0.25, 0.5, 0.75]).score.shape == (0,)
    assert scores.quantile_bias([], np.empty((0, 3)), [0.25, 0.5, 0.75]).shape == (0,)


def test_interval_ends_count_as_inside():
    assert scores.interval_coverage([4.0, 6.0, 3.9, 6.1], np.tile([4.0, 6.0], (4, 1)), [0.25, 0.75], 0.5).tolist() == [1, 1, 0, 0]


def test_levels_match_after_rounding():
    levels = [0.1 + 0.2 - 0.2, 1 - 0.1]
    assert scores.interval_coverage([5.0], [[4.0, 6.0]], levels, 0.8).tolist() == [1.0]


@pytest.mark.parametrize(
    ("observed", "expected"),
    [(0.0, 1.0), (1.0, 0.8), (2.5, 0.5), (3.0, 0.0), (3.5, -0.5), (5.0, -0.8), (6.0, -1.0)],
)
def test_bias_in_steps_of_the_levels(observed, expected):
    assert scores.quantile_bias([observed], [[1.0, 2.0, 3.0, 4.0, 5.0]], [0.1, 0.25, 0.5, 0.75, 0.9])[0] == pytest.approx(expected)


def test_bias_interpolates_a_missing_median():
    assert scores.quantile_bias([3.0], [[2.0, 4.0]], [0.25, 0.75]).tolist() == [0.0]
    assert scores.quantile_bias([2.9], [[2.0, 4.0]], [0.25, 0.75]).tolist() == [0.5]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scores.wis([1.0, 2.0], [[1.0, 2.0]], [0.25, 0.75]), r"predicted has shape \(1, 2\), expected \(2, 2\)"),
        (lambda: scores.wis([[1.0]], [[1.0]], [0.5]), r"observed has shape \(1, 1\)"),
        (lambda: scores.wis([1.0], [[1.0, 2.0]], [0.25, 0.25]), "same level twice"),
        (lambda: scores.wis([1.0], [[1.0, 2.0]], [0.0, 1.0]), "strictly between 0 and 1"),
        (lambda: scores.wis([1.0], np.empty((1, 0)), []), "levels is empty"),
        (lambda: scores.interval_coverage([1.0], [[1.0, 2.0]], [0.25, 0.75], 0.9), "level 0.05 is needed"),
        (lambda: scores.quantile_ae_median([1.0], [[1.0, 2.0]], [0.25, 0.75]), "level 0.5 is needed"),
        (lambda: scores.quantile_bias([1.0], [[1.0, 2.0]], [0.25, 0.4]), "one side of 0.5"),
        (lambda: scores.interval_score([1.0], [2.0], [1.0], 0.5), "upper is below lower in 1 of 1 rows"),
        (lambda: scores.interval_score([1.0], [1.0], [2.0], 1.0), "nominal is 1.0"),
    ],
)
def test_input_that_does_not_fit_is_refused_with_its_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_pinball_and_interval_scores_agree_with_scoringrules():
    peer = pytest.importorskip("scoringrules")
    generator = np.random.default_rng(4)
    y, q = generator.normal(size=50), np.sort(generator.normal(size=(50, len(LEVELS))), axis=1)
    ours = scores.pinball(y, q, LEVELS)
    np.testing.assert_allclose(ours, peer.quantile_score(y[:, None], q, LEVELS[None, :], backend="numpy"), rtol=1e-12, atol=1e-15)
    ours = scores.interval_score(y, q[:, 0], q[:, -1], 1 - 2 * LEVELS[0], weighted=False).score
    np.testing.assert_allclose(ours, peer.interval_score(y, q[:, 0], q[:, -1], 2 * LEVELS[0], backend="numpy"), rtol=1e-12)


@pytest.fixture(scope="module")
def example(shared_data) -> Forecasts:
    return quantile_forecasts(shared_data)


@pytest.fixture(scope="module")
def scored(example):
    y, q, levels = example.observed, example.predicted, example.levels
    parts = scores.wis(y, q, levels)
    columns = (parts.score, parts.overprediction, parts.underprediction, parts.dispersion, scores.quantile_bias(y, q, levels))
    coverages = (scores.interval_coverage(y, q, levels, nominal) for nominal in (0.5, 0.9))
    return dict(zip(COLUMNS, (*columns, *coverages, scores.quantile_ae_median(y, q, levels)), strict=True))


def test_scoringutils_scores_of_every_forecast(shared_data, example, scored):
    reference = table(shared_data, "scores_quantile_per_forecast", example.units)
    assert len(example.units) == 887
    for column in COLUMNS:
        assert_equal(scored[column], reference[column])


@pytest.mark.parametrize("by", [["model"], ["model", "target_type"], ["model", "horizon"], ["model", "target_type", "horizon"]])
def test_scoringutils_mean_scores(shared_data, example, scored, by):
    ours = means(example.units, scored, by)
    reference = table(shared_data, "scores_quantile_by_" + "_".join(by), ours.index)
    for column in COLUMNS:
        assert_equal(ours[column], reference[column])


def test_scoringutils_coverages(shared_data, example):
    y, q, levels = example.observed, example.predicted, example.levels
    below = scores.quantile_coverage(y, q, levels)
    reference = table(shared_data, "coverage_by_model_target_type").set_index(["model", "target_type", "quantile_level"])
    for position, level in enumerate(levels):
        inside = scores.interval_coverage(y, q, levels, abs(1 - 2 * level)) if level != 0.5 else y == q[:, position]
        ours = means(example.units, {"interval_coverage": inside, "quantile_coverage": below[:, position]}, ["model", "target_type"])
        ours["interval_coverage_deviation"] = ours["interval_coverage"] - abs(1 - 2 * level)
        ours["quantile_coverage_deviation"] = ours["quantile_coverage"] - level
        theirs = reference.xs(level, level="quantile_level").reindex(ours.index)
        for column in ours.columns:
            assert_equal(ours[column], theirs[column], absolute=1e-12)
    assert len(reference) == 7 * len(levels)
