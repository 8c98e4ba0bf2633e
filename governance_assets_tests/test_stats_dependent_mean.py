"""Intervals for weekly means: symmetries, edges, verdicts, and that they hold the truth far oftener than counting rows would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import ndtr, ndtri

from governance_assets.stats.dependent_mean import interval_verdict, mean_interval, mean_shift, share_interval, share_intervals
from governance_assets.stats.weekly_moments import weekly_moments

quick = settings(deadline=None, max_examples=40)
WEEKS = st.integers(4, 40)
VALUES = WEEKS.flatmap(lambda n: hnp.arrays(float, n, elements=st.floats(-1e3, 1e3).map(lambda value: round(value, 3))))
SHARES = WEEKS.flatmap(lambda n: hnp.arrays(float, n, elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 0.9, 1.0])))
NAN = np.nan


def autoregressive(seed: int, n_sets: int, weeks: int, persistence: float) -> np.ndarray:
    state = np.random.default_rng(seed).standard_normal((n_sets, weeks))
    for week in range(1, weeks):
        state[:, week] = persistence * state[:, week - 1] + np.sqrt(1 - persistence**2) * state[:, week]
    return state


def weekly_coverages(seed: int, n_sets: int, weeks: int, nominal: float, persistence: float, factor: float) -> np.ndarray:
    """Shares of 52 locations inside a central interval when the standardised errors of a week have a common factor."""
    common = np.sqrt(factor) * autoregressive(seed, n_sets, weeks, persistence)
    reach, own = ndtri((1 + nominal) / 2), np.sqrt(1 - factor)
    inside = ndtr((reach - common) / own) - ndtr((-reach - common) / own)
    return np.random.default_rng(seed + 1).binomial(52, inside) / 52


def held(intervals, truth: float) -> float:
    return float(np.mean([interval.lower <= truth <= interval.upper for interval in intervals]))


@quick
@given(VALUES, st.floats(0.01, 100), st.floats(-100, 100))
def test_mean_interval_follows_the_unit_and_a_shift(values, unit, shift):
    here, moved = mean_interval(values), mean_interval(values * unit + shift)
    tolerance = {"rel": 1e-6, "abs": 1e-6 * (1 + unit * np.abs(values).max() + abs(shift))}
    assert moved.mean == pytest.approx(here.mean * unit + shift, **tolerance)
    assert moved.upper == pytest.approx(here.upper * unit + shift, **tolerance)


@quick
@given(VALUES)
def test_mean_interval_is_symmetric_and_mirrors(values):
    here, mirrored = mean_interval(values), mean_interval(-values)
    assert here.upper - here.mean == pytest.approx(here.mean - here.lower, abs=1e-6)
    assert mirrored.lower == pytest.approx(-here.upper, abs=1e-6)
    assert here.autocorrelation == pytest.approx(mirrored.autocorrelation)


@quick
@given(SHARES)
def test_share_interval_stays_within_zero_and_one_holds_the_mean_and_mirrors(shares):
    here, mirrored = share_interval(shares), share_interval(1 - shares)
    assert 0 <= here.lower <= here.mean + 1e-12
    assert here.mean - 1e-12 <= here.upper <= 1
    assert mirrored.lower == pytest.approx(1 - here.upper, abs=1e-6)
    assert 0 <= here.simulated_coverage <= 1


@quick
@given(SHARES, st.integers(1, 50))
def test_equal_weights_change_nothing(shares, weight):
    plain, weighted = share_interval(shares), share_interval(shares, weights=np.full(len(shares), weight))
    assert weighted.lower == pytest.approx(plain.lower, abs=1e-6)
    assert weighted.upper == pytest.approx(plain.upper, abs=1e-6)


def test_weights_give_the_mean_over_tasks():
    interval = share_interval([0.5, 1.0] * 13, weights=[30, 10] * 13)
    assert interval.mean == pytest.approx(25 / 40)
    assert mean_interval([2.0, 4.0] * 13, weights=[1, 3] * 13).mean == pytest.approx(3.5)


def test_missing_weeks_and_weeks_without_weight_are_skipped():
    values = np.random.default_rng(1).uniform(0.5, 1, 30)
    holes = np.insert(values, [3, 10, 30], [NAN, 0.9, 0.1])
    weights = np.insert(np.ones(30), [3, 10, 30], [5, 0, 0])
    assert share_interval(holes, weights=weights) == share_interval(values)
    assert share_interval(holes, weights=weights).n == 30


def test_many_series_at_once_get_the_same_to_the_last_bit_as_each_alone():
    generator = np.random.default_rng(2)
    values, weights = generator.uniform(0.3, 1, (60, 57)), generator.integers(0, 4, (60, 57)).astype(float)
    values[generator.uniform(size=values.shape) < 0.1] = NAN
    values[7, 3:] = NAN
    values[9] = 1.0
    many = share_intervals(values, 0.9, weights=weights)
    for place in range(60):
        alone = share_interval(values[place], 0.9, weights=weights[place])
        assert alone.n == many.n[place] == ((weights[place] > 0) & ~np.isnan(values[place])).sum()
        for name in ("mean", "lower", "upper", "autocorrelation", "simulated_coverage"):
            np.testing.assert_array_equal(getattr(many, name)[place], getattr(alone, name))
    assert len(set(many.n)) > 5
    assert np.isnan(many.lower).sum() == 1


def test_estimates_are_those_of_their_formulas():
    values, weights = np.random.default_rng(3).uniform(0.3, 1, 30), np.random.default_rng(4).uniform(1, 5, 30)
    found = weekly_moments([values], [weights])
    mean = np.average(values, weights=weights)
    deviation = (values - mean) * weights / weights.mean()
    waves = [np.sqrt(2 / 30) * np.cos(np.pi * k * (np.arange(30) + 0.5) / 30) for k in range(1, 6)]
    raw = deviation[1:] @ deviation[:-1] / (deviation @ deviation)
    assert found.mean[0] == pytest.approx(mean, abs=1e-12)
    assert found.spread[0] == pytest.approx(np.mean((values - mean) ** 2), abs=1e-12)
    assert found.variance[0] == pytest.approx(np.mean([(wave @ deviation) ** 2 for wave in waves]) / 30, abs=1e-12)
    assert found.autocorrelation[0] == pytest.approx(np.clip((30 * raw + 1) / 27, 0, 0.95), abs=1e-12)


@pytest.mark.parametrize("interval", [mean_interval, share_interval])
def test_too_few_weeks_have_a_mean_but_no_interval(interval):
    short = interval([0.5, 0.7, 0.9])
    assert (short.n, short.mean) == (3, pytest.approx(0.7))
    assert np.isnan([short.lower, short.upper, short.simulated_coverage, short.autocorrelation]).all()
    empty = interval([NAN])
    assert empty.n == 0
    assert np.isnan([empty.mean, empty.lower]).all()
    assert interval_verdict(short.lower, short.upper, 0, 1) == "not_enough_data"


def test_every_week_perfect_still_leaves_doubt_that_shrinks_with_weeks():
    half_year, two_years = share_interval(np.ones(26)), share_interval(np.ones(104))
    assert half_year.upper == two_years.upper == 1
    assert 0.7 < half_year.lower < 0.8 < 0.9 < two_years.lower < 1
    assert share_interval(np.zeros(26)).upper == pytest.approx(1 - half_year.lower)


def test_equal_weeks_leave_no_doubt_about_a_mean():
    interval = mean_interval(np.full(26, 3.0))
    assert (interval.lower, interval.upper) == pytest.approx((3.0, 3.0))
    assert share_interval(np.full(26, 0.5)).upper == pytest.approx(0.5, abs=1e-3)


def test_slow_series_get_wider_intervals_than_shuffled_ones():
    shares = np.concatenate([np.full(13, 0.9), np.full(13, 0.6)])
    slow, shuffled = share_interval(shares), share_interval(np.random.default_rng(1).permutation(shares))
    assert slow.upper - slow.lower > 2 * (shuffled.upper - shuffled.lower)
    assert slow.autocorrelation > 0.8 > 0.4 > shuffled.autocorrelation


def test_near_one_the_interval_reaches_further_inwards():
    shares = np.clip(0.95 + 0.1 * autoregressive(3, 1, 52, 0.3)[0], 0, 1)
    interval = share_interval(shares)
    assert interval.mean - interval.lower > 1.2 * (interval.upper - interval.mean)


def test_higher_confidence_is_wider_and_more_weeks_are_narrower():
    shares = weekly_coverages(5, 1, 104, 0.8, 0.3, 0.3)[0]
    widths = [share_interval(shares, confidence) for confidence in (0.5, 0.8, 0.9, 0.95)]
    assert np.all(np.diff([interval.upper - interval.lower for interval in widths]) > 0)
    assert share_interval(shares).upper - share_interval(shares).lower < np.diff(_bounds(share_interval(shares[:26])))


def _bounds(interval):
    return interval.lower, interval.upper


@pytest.mark.parametrize(("nominal", "persistence", "factor"), [(0.5, 0.5, 0.5), (0.8, 0.7, 0.7), (0.95, 0.5, 0.5)])
def test_intervals_hold_the_truth_about_as_often_as_they_say_where_rows_counted_as_independent_do_not(nominal, persistence, factor):
    shares = weekly_coverages(11, 120, 26, nominal, persistence, factor)
    intervals = [share_interval(series, 0.9) for series in shares]
    mean = shares.mean(axis=1)
    half = 1.645 * np.sqrt(mean * (1 - mean) / (26 * 52))
    assert held(intervals, nominal) >= 0.84
    assert np.mean(np.abs(mean - nominal) <= half) <= 0.5
    assert np.mean([interval.simulated_coverage for interval in intervals]) == pytest.approx(held(intervals, nominal), abs=0.1)


@pytest.mark.parametrize("persistence", [0.0, 0.4, 0.7])
def test_mean_intervals_hold_the_truth(persistence):
    series = autoregressive(12, 300, 39, persistence)
    assert held([mean_interval(values, 0.9) for values in series], 0.0) >= 0.86


def test_bias_of_the_autocorrelation_is_taken_off():
    estimates = [mean_interval(values).autocorrelation for values in autoregressive(13, 400, 40, 0.5)]
    assert np.mean(estimates) == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize(
    ("lower", "upper", "verdict"),
    [
        (0.75, 0.90, "pass"),
        (0.76, 0.84, "pass"),
        (0.74, 0.84, "inconclusive"),
        (0.76, 0.91, "inconclusive"),
        (0.60, 0.95, "inconclusive"),
        (0.60, 0.75, "inconclusive"),
        (0.60, 0.74, "fail"),
        (0.91, 0.99, "fail"),
        (NAN, 0.8, "not_enough_data"),
        (0.8, NAN, "not_enough_data"),
    ],
)
def test_verdicts_at_every_side_of_the_limits(lower, upper, verdict):
    assert interval_verdict(lower, upper, 0.75, 0.90) == verdict


@quick
@given(VALUES, VALUES, st.floats(0.1, 10))
def test_shift_turns_round_with_the_sign_and_its_p_value_ignores_the_unit(recent, past, unit):
    here, turned = mean_shift(recent, past), mean_shift(-recent, -past)
    assert turned.shift == pytest.approx(-here.shift, abs=1e-6)
    assert turned.lower == pytest.approx(-here.upper, abs=1e-6)
    assert 0 < here.p_value <= 1
    if np.std(recent) > 1 and np.std(past) > 1:
        assert mean_shift(recent * unit, past * unit).p_value == pytest.approx(here.p_value, abs=1e-3)


def test_a_plain_fall_is_found_and_bounds_agree_with_the_p_value():
    noise = 0.02 * autoregressive(14, 1, 52, 0.3)[0]
    result = mean_shift(0.6 + noise[39:], 0.8 + noise[:39], 0.95)
    assert result.p_value < 0.01
    assert result.upper < 0
    assert (result.n_recent, result.n_past) == (13, 39)
    quiet = mean_shift(0.8 + noise[39:], 0.8 + noise[:39], 0.95)
    assert (quiet.p_value > 0.05) == (quiet.lower <= 0 <= quiet.upper)


@pytest.mark.parametrize("persistence", [0.0, 0.5, 0.8])
def test_without_a_shift_false_alarms_are_rare(persistence):
    series = autoregressive(15, 400, 52, persistence)
    p_values = np.array([mean_shift(values[39:], values[:39]).p_value for values in series])
    # 400 series have a standard error of one point.
    assert np.mean(p_values < 0.05) <= 0.09
    assert np.mean(p_values < 0.01) <= 0.025


def test_equal_weeks_shift_with_certainty_or_not_at_all():
    assert mean_shift(np.full(5, 0.5), np.full(9, 0.5)).p_value == 1
    assert mean_shift(np.full(5, 0.25), np.full(9, 0.5)).p_value < 0.001


def test_too_few_weeks_give_a_difference_without_a_test():
    result = mean_shift([1.0, 2.0, 3.0], np.arange(20.0))
    assert result.shift == pytest.approx(2.0 - 9.5)
    assert np.isnan([result.p_value, result.lower, result.upper]).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: share_interval([0.5, 1.5] * 4), "outside 0 to 1"),
        (lambda: share_intervals([[0.5] * 4], weights=[[1, 1, 1]]), r"weights has shape \(1, 3\), expected \(1, 4\) to match values"),
        (lambda: share_intervals([0.5] * 4), r"values has shape \(4,\), expected two dimensions"),
        (lambda: share_interval([0.5] * 4, weights=[1, 1, 1]), r"weights has shape \(3,\), expected \(4,\) to match values"),
        (lambda: mean_interval([0.5] * 4, weights=[1, 1, 1, -1]), "weights negative ones"),
        (lambda: mean_interval([np.inf] * 4), "infinite"),
        (lambda: mean_interval([[1.0]]), r"values has shape \(1, 1\)"),
        (lambda: mean_interval([1.0] * 4, 1.0), "confidence is 1.0"),
        (lambda: mean_shift([1.0] * 4, [1.0] * 4, 0.0), "confidence is 0.0"),
        (lambda: interval_verdict(0.1, 0.2, 0.9, 0.8), "least is 0.9"),
    ],
)
def test_input_that_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
