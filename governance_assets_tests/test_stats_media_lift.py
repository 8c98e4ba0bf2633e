"""Lift of one split of spend over another: against the draws it is made of."""

from __future__ import annotations

import numpy as np
import pytest

from governance_assets.stats.media_allocation import allocate, guarded, problem, violations
from governance_assets.stats.media_curves import CurvePriors, logistic
from governance_assets.stats.media_design import prepare
from governance_assets.stats.media_fit import Fit, fit
from governance_assets.stats.media_lift import halves, lift, mean_curve
from governance_assets.stats.media_model import Channel, Column
from governance_assets.stats.media_results import response_draws


@pytest.fixture(scope="module")
def fitted() -> Fit:
    """A strong channel that gets little, and a weak one that gets as much."""
    rng = np.random.default_rng(3)
    spend = rng.gamma(4.0, 25.0, (2, 90))
    target = 500 + 400 * logistic(spend[0] / 200, 2.0) + 40 * logistic(spend[1] / 200, 2.0) + rng.normal(0, 10, 90)
    curves = CurvePriors(length=1, carryover_points=1)
    channels = [Channel(name, values, curves=curves) for name, values in zip(("strong", "weak"), spend, strict=True)]
    return fit(prepare(target, channels, [Column("intercept", np.ones(90))]), seed=5, chains=4, burn=50, draws=60)


def test_the_draws_to_choose_on_and_to_judge_on_share_none(fitted: Fit) -> None:
    chosen, judged = halves(fitted)
    assert len(chosen) == len(judged) == 120
    assert sorted([*chosen, *judged]) == list(range(240))


def test_a_mean_curve_is_the_mean_of_its_draws(fitted: Fit) -> None:
    draws = halves(fitted)[1]
    levels = np.array([0.0, 20.0, 150.0])
    for place, name in enumerate(("strong", "weak")):
        assert mean_curve(fitted, place, draws)(levels) == pytest.approx(response_draws(fitted, name, levels)[draws].mean(axis=0))


def test_moving_spend_to_the_strong_channel_pays(fitted: Fit) -> None:
    chosen, judged = halves(fitted)
    current = np.array([100.0, 100.0])
    low, high = guarded(current, 0.35)
    posed = problem([mean_curve(fitted, place, chosen) for place in range(2)], low, high, budget=200.0)
    split = allocate(posed).spend
    assert violations(posed, split) == []
    assert split == pytest.approx([135.0, 65.0])
    found = lift(fitted, split, current, judged)
    assert found.lower < found.median < found.upper
    assert found.probability > 0.95
    assert found.draws == 120


def test_the_same_split_has_no_lift_and_less_of_everything_less(fitted: Fit) -> None:
    judged = halves(fitted)[1]
    same = lift(fitted, [50.0, 50.0], [50.0, 50.0], judged)
    assert (same.median, same.lower, same.upper, same.probability) == (0.0, 0.0, 0.0, 0.0)
    assert lift(fitted, [40.0, 40.0], [50.0, 50.0], judged).upper < 0


def test_a_lift_over_nothing_is_no_share(fitted: Fit) -> None:
    found = lift(fitted, [50.0, 50.0], [0.0, 0.0], halves(fitted)[1])
    assert np.isnan(found.median)
    assert found.probability == 1.0
