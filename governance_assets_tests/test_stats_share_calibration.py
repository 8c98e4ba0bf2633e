"""Calibration of intervals for shares: repeatable, continuous, and as often right as it says, between the simulated points too."""

from __future__ import annotations

import numpy as np
import pytest

from governance_assets.stats import share_calibration as calibration
from governance_assets.stats.serial_simulation import critical_value, simulated_size, slow_power
from governance_assets.stats.share_bounds import effective_cases, within_bounds


def case(size: int, autocorrelation: float, confidence: float, mean: float, spread: float) -> tuple[float, float]:
    found = calibration.calibrate_shares(size, confidence, np.array([autocorrelation]), np.array([mean]), np.array([spread]))
    return float(found.factor[0]), float(found.coverage[0])


def brute_force(size: int, autocorrelation: float, confidence: float, mean: float, spread: float, factor: float) -> float:
    """Coverage of the intervals of fresh series simulated at exactly this case."""
    normals = np.random.default_rng(99).standard_normal((size, 6000))
    shares = calibration.simulated_shares(normals, autocorrelation, mean, spread)
    means, variances = shares.mean(axis=0), slow_power(shares).mean(axis=0) / size
    cases = effective_cases(means, variances, size, critical_value(size, confidence) * factor, confidence)
    return float(within_bounds(mean, means, cases, confidence).mean())


@pytest.mark.parametrize(
    ("size", "autocorrelation", "confidence", "mean", "relative_spread"),
    [
        (26, 0.15, 0.9, 0.62, 0.02),
        (26, 0.45, 0.9, 0.82, 0.08),
        (26, 0.68, 0.9, 0.94, 0.08),
        (26, 0.82, 0.95, 0.82, 0.3),
        (40, 0.45, 0.9, 0.94, 0.3),
        (40, 0.68, 0.95, 0.62, 0.08),
        (65, 0.5, 0.9, 0.985, 0.05),
        (80, 0.8, 0.9, 0.8, 0.1),
        (104, 0.45, 0.9, 0.82, 0.08),
        (13, 0.45, 0.9, 0.82, 0.08),
    ],
)
def test_between_the_points_coverage_is_the_one_stated(size, autocorrelation, confidence, mean, relative_spread):
    spread = relative_spread * mean * (1 - mean)
    factor, stated = case(size, autocorrelation, confidence, mean, spread)
    # 2000 series behind the statement and 6000 here have standard errors of 0.7 and 0.4 points at 90 %.
    found = brute_force(size, autocorrelation, confidence, mean, spread, factor)
    assert stated == pytest.approx(found, abs=0.025)
    assert found >= confidence - 0.025


def test_answers_do_not_depend_on_what_was_asked_before_or_with_it():
    many = [np.random.default_rng(1).uniform(low, high, 50) for low, high in ((0, 0.95), (0, 1), (0, 0.2))]
    together = calibration.calibrate_shares(26, 0.9, *many)
    calibration._surface.cache_clear()
    for place in (31, 7):
        alone = calibration.calibrate_shares(26, 0.9, *(values[place : place + 1] for values in many))
        assert (alone.factor[0], alone.coverage[0]) == (together.factor[place], together.coverage[place])


def test_answers_have_no_jumps():
    steps = np.linspace(0, 1, 2001)
    for found in (
        calibration.calibrate_shares(26, 0.9, 0.95 * steps, np.full(2001, 0.8), np.full(2001, 0.01)),
        calibration.calibrate_shares(26, 0.9, np.full(2001, 0.6), 0.1 + 0.8 * steps, np.full(2001, 0.01)),
        calibration.calibrate_shares(26, 0.9, np.full(2001, 0.6), np.full(2001, 0.8), 0.16 * steps),
    ):
        assert np.abs(np.diff(found.factor)).max() < 0.05
        assert np.abs(np.diff(found.coverage)).max() < 0.01


def test_at_a_point_only_that_point_is_simulated():
    calibration._surface.cache_clear()
    factor, covered = case(26, 0.6, 0.9, 0.92, 0.16 * 0.92 * 0.08)
    surface = calibration._surface(26, 0.9)
    assert (~np.isnan(surface).any(axis=(0, 2))).sum() == 1
    tuning, counting = surface[~np.isnan(surface)].reshape(2, -1)
    assert np.interp(factor, calibration.FACTORS, tuning) == pytest.approx(0.9)
    assert np.interp(factor, calibration.FACTORS, counting) == pytest.approx(covered)


def test_factors_rise_with_autocorrelation_and_near_one():
    by_autocorrelation = [case(26, rho, 0.9, 0.9, 0.01)[0] for rho in (0.0, 0.6, 0.9)]
    assert by_autocorrelation == sorted(by_autocorrelation)
    assert by_autocorrelation[-1] > 1.5
    middle, edge = (case(26, 0.6, 0.9, mean, 0.4 * mean * (1 - mean))[0] for mean in (0.5, 0.95))
    assert edge > middle


def test_a_factor_at_its_limit_admits_that_coverage_falls_short():
    factor, covered = case(26, 0.95, 0.9, 0.97, 0.64 * 0.97 * 0.03)
    assert factor == 4
    assert covered < 0.8


@pytest.mark.parametrize("mean", [0.2, 0.0])
def test_mirrored_shares_are_the_same_case(mean):
    assert case(26, 0.3, 0.9, mean, 0.02) == pytest.approx(case(26, 0.3, 0.9, 1 - mean, 0.02), abs=1e-9)


def test_sizes_between_the_simulated_ones_lie_between_them():
    assert calibration._anchors(26) == [(26, 1.0)]
    assert calibration._anchors(260) == [(208, 1.0)]
    for size in {simulated_size(n) for n in range(4, 300)}:
        parts = calibration._anchors(size)
        assert sum(part for _, part in parts) == pytest.approx(1)
        assert min(anchor for anchor, _ in parts) <= size
    factors = [case(size, 0.8, 0.9, 0.9, 0.01)[0] for size in (26, 32, 40, 52)]
    assert factors == sorted(factors, reverse=True) or factors == sorted(factors)


@pytest.mark.parametrize(("mean", "relative_spread", "autocorrelation"), [(0.5, 0.1, 0.3), (0.8, 0.3, 0.6), (0.95, 0.2, 0.5)])
def test_simulated_shares_have_the_moments_asked_for(mean, relative_spread, autocorrelation):
    normals = np.random.default_rng(5).standard_normal((104, 10_000))
    shares = calibration.simulated_shares(normals, autocorrelation, mean, relative_spread * mean * (1 - mean))
    deviation = shares - mean
    variance = (deviation**2).mean()
    assert shares.mean() == pytest.approx(mean, abs=0.005)
    assert variance == pytest.approx(relative_spread * mean * (1 - mean), rel=0.04)
    assert (deviation[1:] * deviation[:-1]).mean() / variance == pytest.approx(autocorrelation, abs=0.03)
