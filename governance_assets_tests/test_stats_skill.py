"""Comparisons of models: additivity, symmetry, pairs left out, exact p-values, adjustments, and the published tables."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from governance_assets.stats import skill
from governance_assets.stats.quantile_scores import wis
from governance_assets_tests.stats_reference import assert_equal, quantile_forecasts, table

quick = settings(deadline=None, max_examples=60)
NAN = np.nan
SCORES = hnp.arrays(float, st.tuples(st.integers(1, 5), st.integers(1, 8)), elements=st.one_of(st.just(NAN), st.floats(0, 1e6)))
POSITIVE = hnp.arrays(float, st.tuples(st.integers(2, 5), st.integers(1, 8)), elements=st.floats(0.1, 1e3))


@quick
@given(SCORES)
def test_sums_match_a_loop_over_pairs(scores):
    sums = skill.pairwise_sums(scores)
    for i, j in itertools.product(range(len(scores)), repeat=2):
        both = ~np.isnan(scores[i]) & ~np.isnan(scores[j])
        assert sums.total[i, j] == pytest.approx(scores[i][both].sum(), rel=1e-12)
        assert sums.shared[i, j] == both.sum()


@quick
@given(SCORES, st.integers(0, 8))
def test_sums_of_blocks_of_tasks_add_up(scores, cut):
    whole = skill.pairwise_sums(scores)
    blocks = skill.add_sums([skill.pairwise_sums(scores[:, :cut]), skill.pairwise_sums(scores[:, cut:])])
    np.testing.assert_allclose(blocks.total, whole.total, rtol=1e-12)
    np.testing.assert_array_equal(blocks.shared, whole.shared)


@quick
@given(SCORES, st.sets(st.integers(1, 7)))
def test_sums_by_block_are_those_of_each_block(scores, cuts):
    starts = [0, *sorted(cut for cut in cuts if cut < scores.shape[1])]
    sums = skill.pairwise_sums_by_block(scores, starts)
    for block, tasks in enumerate(np.split(np.arange(scores.shape[1]), starts[1:])):
        alone = skill.pairwise_sums(scores[:, tasks])
        np.testing.assert_allclose(sums.total[block], alone.total, rtol=1e-12)
        np.testing.assert_array_equal(sums.shared[block], alone.shared)


def test_a_block_has_the_same_bits_whatever_other_models_and_blocks_there_are():
    draw = np.random.default_rng(7)
    scores = np.where(draw.random((37, 301)) < 0.2, NAN, draw.lognormal(0, 3, (37, 301)))
    scores[20:, :101] = NAN
    whole = skill.pairwise_sums_by_block(scores, [0, 101, 130])
    few = skill.pairwise_sums_by_block(scores[:20, :101], [0])
    assert (whole.total[0, :20, :20] == few.total[0]).all()
    together, alone = skill.relative_skill(whole, [3, 25, -1]), skill.relative_skill(few, 3)
    assert (together.scaled[0, :20] == alone.scaled[0]).all()
    assert np.isnan(together.scaled[0, 20:]).all()
    assert np.isnan(together.scaled[2]).all()
    assert together.scaled[1, 25] == 1


@quick
@given(POSITIVE)
def test_ratios_are_inverse_to_each_other_and_one_on_the_diagonal(scores):
    ratios = skill.score_ratios(skill.pairwise_sums(scores))
    np.testing.assert_allclose(ratios * ratios.T, 1, rtol=1e-12)
    assert (np.diag(ratios) == 1).all()


@quick
@given(POSITIVE, st.floats(0.01, 100))
def test_relative_skill_ignores_the_unit_and_averages_to_one(scores, unit):
    result = skill.relative_skill(skill.pairwise_sums(scores), baseline=0)
    np.testing.assert_allclose(skill.relative_skill(skill.pairwise_sums(scores * unit), 0).scaled, result.scaled, rtol=1e-9)
    assert np.log(result.relative).sum() == pytest.approx(0, abs=1e-9)
    assert result.scaled[0] == 1
    # On complete scores the scaled skill is the plain ratio of the sums.
    np.testing.assert_allclose(result.scaled, scores.sum(axis=1) / scores[0].sum(), rtol=1e-9)
    assert (result.n_pairs == len(scores) - 1).all()


@quick
@given(POSITIVE, st.randoms(use_true_random=False))
def test_order_of_models_and_tasks_does_not_matter(scores, random):
    models, tasks = list(range(scores.shape[0])), list(range(scores.shape[1]))
    random.shuffle(models)
    random.shuffle(tasks)
    plain = skill.relative_skill(skill.pairwise_sums(scores)).relative
    shuffled = skill.relative_skill(skill.pairwise_sums(scores[models][:, tasks])).relative
    np.testing.assert_allclose(shuffled, plain[models], rtol=1e-9)


def test_pairs_without_shared_tasks_are_left_out_and_counted():
    result = skill.relative_skill(skill.pairwise_sums([[1.0, NAN, 4.0], [NAN, 2.0, 2.0], [3.0, NAN, NAN]]), baseline=0)
    assert result.n_pairs.tolist() == [2, 1, 1]
    assert result.n_pairs_left_out.tolist() == [0, 1, 1]
    np.testing.assert_allclose(result.relative, [(2 / 3) ** (1 / 3), 0.5**0.5, 3**0.5])
    np.testing.assert_allclose(result.scaled, result.relative / result.relative[0])


def test_zero_over_zero_is_left_out_and_counted():
    sums = skill.pairwise_sums([[0.0, 1.0], [0.0, NAN], [2.0, 2.0]])
    assert np.isnan(skill.score_ratios(sums)[0, 1])
    result = skill.relative_skill(sums)
    assert result.n_pairs_left_out.tolist() == [1, 1, 0]
    assert result.relative[0] == pytest.approx((1 / 4) ** 0.5)
    assert np.isnan(result.scaled).all()


def test_a_perfect_model_against_an_imperfect_one():
    ratios = skill.score_ratios(skill.pairwise_sums([[0.0], [1.0]]))
    assert ratios.tolist() == [[1.0, 0.0], [np.inf, 1.0]]


def test_a_model_without_tasks_has_no_skill():
    result = skill.relative_skill(skill.pairwise_sums([[1.0], [NAN]]), baseline=0)
    assert np.isnan(result.relative[1])
    assert result.relative[0] == 1
    assert result.n_pairs_left_out.tolist() == [1, 1]


def test_a_raw_mean_would_rank_a_model_that_skips_hard_tasks_first():
    scores = np.array([[1.0, 10.0], [1.1, NAN]])
    assert np.nanmean(scores[1]) < np.nanmean(scores[0])
    relative = skill.relative_skill(skill.pairwise_sums(scores)).relative
    assert relative[1] > relative[0]


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_exact_signed_rank_matches_all_sign_patterns(n):
    generator = np.random.default_rng(n)
    difference = generator.normal(size=n)
    ranks = np.argsort(np.argsort(np.abs(difference))) + 1
    statistics = [sum(r for r, sign in zip(ranks, signs, strict=True) if sign) for signs in itertools.product([0, 1], repeat=n)]
    observed = ranks[difference > 0].sum()
    tails = (np.mean(np.array(statistics) <= observed), np.mean(np.array(statistics) >= observed))
    assert skill.signed_rank_p_value(difference, np.zeros(n)) == pytest.approx(min(1, 2 * min(tails)), abs=1e-12)


@pytest.mark.parametrize("n", [12, 49, 50, 200])
def test_signed_rank_agrees_with_scipy(n):
    from scipy.stats import wilcoxon

    generator = np.random.default_rng(n)
    difference = generator.normal(0.2, size=n)
    method = "exact" if n < 50 else "asymptotic"
    expected = wilcoxon(difference, method=method, correction=True).pvalue
    assert skill.signed_rank_p_value(difference, np.zeros(n)) == pytest.approx(expected, rel=1e-9)


def test_signed_rank_drops_equal_and_missing_pairs_and_is_symmetric():
    a, b = np.array([1.0, 2.0, 5.0, NAN, 7.0, 4.0]), np.array([1.0, 1.0, 2.0, 3.0, 3.0, NAN])
    assert skill.signed_rank_p_value(a, b) == skill.signed_rank_p_value(a[[1, 2, 4]], b[[1, 2, 4]]) == skill.signed_rank_p_value(b, a)
    assert np.isnan(skill.signed_rank_p_value([1.0, NAN], [1.0, 2.0]))


def test_tied_differences_use_the_corrected_normal_approximation():
    # R 4.2: wilcox.test(c(1, 1, 1, 2), mu = 0, correct = TRUE), ranks 2, 2, 2, 4.
    spread = np.sqrt(4 * 5 * 9 / 24 - (27 - 3) / 48)
    from scipy.special import ndtr

    assert skill.signed_rank_p_value([1.0, 1.0, 1.0, 2.0], np.zeros(4)) == pytest.approx(2 * ndtr(-(5 - 0.5) / spread), rel=1e-12)


@pytest.mark.parametrize(
    ("method", "expected"),
    [("holm", [0.05, 0.08, 0.09, 0.09, 0.09]), ("BH", [0.05] * 5), ("BY", [0.114166666666667] * 5)],
)
def test_published_adjustments(method, expected):
    np.testing.assert_allclose(skill.p_adjust([0.01, 0.02, 0.03, 0.04, 0.05], method), expected, rtol=0, atol=1e-12)


@quick
@given(st.lists(st.floats(0, 1), min_size=1, max_size=10), st.sampled_from(["holm", "BH", "BY"]))
def test_adjusted_p_values_keep_their_order_and_never_fall(p, method):
    adjusted = skill.p_adjust(p, method)
    assert (adjusted >= np.array(p) - 1e-15).all()
    assert adjusted.max() <= 1
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= -1e-15).all()


def test_missing_p_values_stay_missing_and_do_not_count():
    adjusted = skill.p_adjust([0.02, NAN, 0.03])
    np.testing.assert_allclose(adjusted, [0.04, NAN, 0.04])
    assert skill.p_adjust([]).shape == (0,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: skill.pairwise_sums([[-1.0]]), "negative or infinite"),
        (lambda: skill.pairwise_sums([[np.inf]]), "negative or infinite"),
        (lambda: skill.pairwise_sums([1.0]), r"scores has shape \(1,\)"),
        (lambda: skill.add_sums([]), "at least one block"),
        (lambda: skill.pairwise_sums([[1.0]]) + skill.pairwise_sums([[1.0], [2.0]]), "cannot be added"),
        (lambda: skill.relative_skill(skill.pairwise_sums([[1.0]]), 1), "baseline is 1"),
        (lambda: skill.p_adjust([1.5]), "outside 0 to 1"),
        (lambda: skill.p_adjust([0.5], "none"), "method is 'none'"),
        (lambda: skill.signed_rank_p_value([1.0], [1.0, 2.0]), "to match first"),
    ],
)
def test_input_that_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_scoringutils_pairwise_comparison(shared_data):
    example = quantile_forecasts(shared_data)
    scores = pd.Series(wis(example.observed, example.predicted, example.levels).score, index=example.units)
    reference = table(shared_data, "pairwise_wis_by_model_target_type")
    for target, rows in reference.groupby("target_type"):
        by_task = scores.xs(target, level="target_type").unstack("model").T
        assert_equal(_pairwise(by_task, rows), rows[_PAIRWISE])
    assert len(reference) == 25


_PAIRWISE = ["mean_scores_ratio", "pval", "adj_pval", "wis_relative_skill", "wis_scaled_relative_skill"]


def _pairwise(by_task: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """The published columns, in the order of ``rows``; p-values are adjusted over the pairs of different models."""
    models = list(by_task.index)
    scores = by_task.to_numpy()
    sums, p_values = skill.pairwise_sums(scores), skill.pairwise_p_values(scores)
    pairs = np.triu_indices(len(models), 1)
    adjusted = np.eye(len(models))
    adjusted[pairs] = skill.p_adjust(p_values[pairs])
    adjusted = np.maximum(adjusted, adjusted.T)
    result = skill.relative_skill(sums, models.index("EuroCOVIDhub-baseline"))
    i = [models.index(model) for model in rows["model"]]
    j = [models.index(model) for model in rows["compare_against"]]
    return np.column_stack([skill.score_ratios(sums)[i, j], p_values[i, j], adjusted[i, j], result.relative[i], result.scaled[i]])


def test_published_relative_skill_of_the_us_flu_season(shared_data):
    folder = "forecasts/flusight_2024_25"
    published = pd.read_parquet(shared_data(f"{folder}/published_scores.parquet")).query("stratum == 'overall'")
    published = published[published["eval_set"].str.contains("US national")].set_index("model_id")
    by_task = _flu_scores(shared_data, folder)
    models = sorted(published.index)
    sums = skill.pairwise_sums(by_task.reindex(models).to_numpy())
    result = skill.relative_skill(sums, models.index("FluSight-baseline"))
    assert_equal(result.scaled, published.loc[models, "wis_scaled_relative_skill"])
    assert len(models) == 48


def _flu_scores(shared_data, folder: str) -> pd.DataFrame:
    """WIS of the national forecasts, one row a model and one column a task."""
    forecasts = pd.read_parquet(shared_data(f"{folder}/forecasts.parquet"), filters=[("location", "==", "US")])
    observations = pd.read_parquet(shared_data(f"{folder}/observations.parquet"), filters=[("location", "==", "US")])
    joined = forecasts.merge(observations[["target_end_date", "observed"]], on="target_end_date").dropna(subset=["observed"])
    index = ["model_id", "reference_date", "horizon", "target_end_date", "observed"]
    wide = joined.assign(quantile_level=joined["quantile_level"].round(4)).pivot(index=index, columns="quantile_level", values="predicted")
    scores = wis(wide.index.get_level_values("observed").to_numpy(), wide.to_numpy(), wide.columns.to_numpy()).score
    return pd.Series(scores, index=wide.index.droplevel("observed")).unstack("model_id").T
