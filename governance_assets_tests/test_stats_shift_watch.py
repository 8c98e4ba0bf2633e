"""The watch over shifts: its run length and power by simulation, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest

from governance_assets.stats.shift_watch import LEAST_REFERENCE, SHIFT, standardised_errors, watch_shifts, watched
from governance_assets_tests.shift_series import correlated, detected, most_found, run_length


@pytest.mark.parametrize(
    ("freedom", "kept", "least_share"), [(np.inf, 0.0, 0.89), (np.inf, 0.45, 0.76), (5.0, 0.0, 0.86), (4.0, 0.3, 0.76)]
)
def test_a_false_alarm_comes_every_200_weeks_and_two_weeks_show_a_shift(freedom: float, kept: float, least_share: float) -> None:
    errors = correlated(np.random.default_rng(3), 400, 250, freedom, kept)
    assert run_length(watched(errors)) >= 200
    assert detected(errors[:, -106:], SHIFT).mean() >= least_share
    assert detected(errors[:, -106:], 5.0).mean() >= 0.95


def test_no_test_of_two_errors_finds_more_than_the_best_one() -> None:
    """Closed form: two known errors tell a shift by their mean, with 3.3 times the root of 2 deviations between the two cases."""
    errors = correlated(np.random.default_rng(9), 1500, 400, np.inf, 0.0)
    assert most_found(errors, np.inf, 0.0, SHIFT, 200) == pytest.approx(0.975, abs=0.012)
    assert most_found(errors, np.inf, 0.0, SHIFT, 20) > most_found(errors, np.inf, 0.0, SHIFT, 2000)
    few = errors[:400, :250]
    assert detected(few[:, -106:], SHIFT).mean() < most_found(errors, np.inf, 0.0, SHIFT, 200)


def test_a_longer_run_length_raises_the_limit() -> None:
    errors = correlated(np.random.default_rng(4), 300, 200, np.inf, 0.0)
    measured = [run_length(watched(errors, length)) for length in (100.0, 400.0)]
    assert measured[0] >= 100
    assert measured[1] >= 400


def test_scale_centre_and_side_change_nothing() -> None:
    errors = correlated(np.random.default_rng(5), 1, 120, np.inf, 0.2)[0]
    errors[90:] += 5
    plain, other = watch_shifts(errors), watch_shifts(7 - 3 * errors)
    np.testing.assert_allclose(other.score, plain.score, rtol=1e-9)
    np.testing.assert_array_equal(other.is_shift, plain.is_shift)
    np.testing.assert_allclose(other.size, -plain.size, rtol=1e-9)
    assert plain.is_shift[91]
    assert plain.size[91] > SHIFT


def test_one_outlier_is_no_shift() -> None:
    errors = np.random.default_rng(6).standard_normal(80)
    errors[70:72] = 0.0, 12.0
    errors[72] = 0.0
    assert not watch_shifts(errors).is_shift[69:73].any()


def test_later_weeks_change_no_verdict() -> None:
    errors = np.random.default_rng(7).standard_normal(140)
    whole, part = watch_shifts(errors), watch_shifts(errors[:100])
    np.testing.assert_array_equal(whole.score[:100], part.score)
    np.testing.assert_array_equal(whole.limit[:100], part.limit)


def test_too_few_weeks_are_not_judged_and_gaps_are_passed_over() -> None:
    errors = np.random.default_rng(8).standard_normal(60)
    judged = np.isfinite(watch_shifts(errors).score)
    assert not judged[: LEAST_REFERENCE + 1].any()
    assert judged[LEAST_REFERENCE + 1 :].all()
    gappy = np.insert(errors, 30, [np.nan, np.nan])
    found = watch_shifts(gappy)
    assert np.isnan(found.score[30:32]).all()
    np.testing.assert_array_equal(np.delete(found.score, [30, 31]), watch_shifts(errors).score)
    assert not watch_shifts([]).is_shift.any()
    assert not watch_shifts([np.nan, 1.0]).is_shift.any()


def test_standardised_errors_are_in_units_of_the_interval() -> None:
    np.testing.assert_allclose(standardised_errors([10, 12], [10, 10], [8, 8], [12, 12], 0.6826894921370859), [0, 1], rtol=1e-12)
    assert np.isnan(standardised_errors([np.nan], [0], [-1], [1])).all()
    with pytest.raises(ValueError, match="upper is not above lower in row 1"):
        standardised_errors([1, 1], [1, 1], [0, 1], [2, 1])
    with pytest.raises(ValueError, match="to match observed"):
        standardised_errors([1], [1, 2], [0], [2])


def test_what_no_watch_can_use_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 100 to 1000 weeks"):
        watch_shifts(np.zeros(50), run_length=50)
    with pytest.raises(ValueError, match="errors are 2 in every week"):
        watch_shifts(np.full(50, 2.0))
