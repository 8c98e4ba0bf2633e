"""Median and robust spread: closed forms, symmetries, edges."""

import numpy as np
import pytest

from governance_assets.stats.robust_band import robust_band


def test_half_of_the_values_may_be_arbitrary() -> None:
    assert robust_band([1.0, 2.0, 3.0], 1.0) == (2.0, 1.0)
    assert robust_band([1.0, 2.0, 3.0, 1e9, 1e9], 1.0)[0] == 3.0
    assert robust_band([5.0], 1.4826) == (5.0, 0.0)


def test_shift_and_scale() -> None:
    values = np.array([0.3, 1.7, 2.2, 9.0])
    middle, spread = robust_band(values, 1.4826)
    assert robust_band(values + 4, 1.4826) == (pytest.approx(middle + 4), pytest.approx(spread))
    assert robust_band(-3 * values, 1.4826) == (pytest.approx(-3 * middle), pytest.approx(3 * spread))


def test_it_estimates_the_standard_deviation_of_normal_values() -> None:
    values = np.random.default_rng(7).normal(2.0, 3.0, 20_000)
    assert robust_band(values, 1.4826) == (pytest.approx(2.0, abs=0.1), pytest.approx(3.0, rel=0.03))


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_what_is_no_figure_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="expected at least 1 finite value"):
        robust_band(values, 1.0)
