"""Allocation against SLSQP, linear programmes and enumeration; bounds over random problems."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from governance_assets.stats.media_allocation import Group, allocate, guarded, problem, violations
from governance_assets_tests.allocation_problems import a_problem, bending, by_slsqp, s_shaped, straight
from governance_assets_tests.campaigns import allocation


@pytest.mark.parametrize("seed", range(25))
def test_concave_curves_give_the_optimum_of_slsqp(seed: int) -> None:
    posed = a_problem(seed, is_concave=True)
    found = allocate(posed)
    spend, value = by_slsqp(posed, found.spend * 0.5 + 0.5 * posed.lower)
    assert violations(posed, found.spend) == []
    if violations(posed, spend) == []:
        assert found.value >= value - 1e-9 * abs(value)
    best = max(value for _, value in [by_slsqp(posed, found.spend), (spend, value)])
    assert found.value == pytest.approx(best, rel=1e-6)
    assert found.bound >= found.value


def test_two_equal_channels_share_alike_and_free_spend_stops_where_it_no_longer_pays() -> None:
    twins = problem([bending(1.0, 1.0), bending(1.0, 1.0)], [0, 0], [5, 5], budget=2.0)
    assert allocate(twins).spend == pytest.approx([1.0, 1.0], abs=1e-6)
    # The derivative of tanh(s / 2) is (1 − tanh²) / 2; worth 4 it is 1 where tanh² is one half.
    free = problem([bending(1.0, 1.0)], [0], [5], budget=None, worth=4.0)
    assert allocate(free).spend[0] == pytest.approx(2 * np.arctanh(np.sqrt(0.5)), abs=1e-6)


def test_straight_pieces_give_the_optimum_of_a_linear_programme() -> None:
    corners, heights = np.array([0.0, 1.0, 2.0, 4.0]), np.array([[0.0, 3.0, 4.0, 4.5], [0.0, 2.0, 3.5, 4.4], [0.0, 1.0, 2.0, 4.0]])
    curves = [straight(corners, row) for row in heights]
    group = Group("two", frozenset({0, 1}), 0.0, 2.5)
    posed = problem(curves, [0, 0, 0], [4, 4, 4], budget=5.0, groups=[group])
    widths = np.tile(np.diff(corners), 3)
    slopes = (np.diff(heights) / np.diff(corners)).ravel()
    inside = np.repeat([1.0, 1.0, 0.0], 3)
    reference = linprog(
        -slopes, A_ub=[inside], b_ub=[2.5], A_eq=[np.ones(9)], b_eq=[5.0], bounds=list(zip(np.zeros(9), widths, strict=True))
    )
    assert allocate(posed, segments=4).value == pytest.approx(-reference.fun, abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_s_shaped_curves_are_no_worse_than_enumeration(seed: int) -> None:
    rng = np.random.default_rng(seed)
    curves = [s_shaped(rng.uniform(1, 3), rng.uniform(0.5, 1.5), rng.uniform(2, 4)) for _ in range(3)]
    posed = problem(curves, [0, 0, 0], [2, 2, 2], budget=2.0)
    found = allocate(posed)
    every = np.linspace(0, 2, 81)
    splits = np.array([(one, other, max(2 - one - other, 0.0)) for one, other in product(every, every) if one + other < 2 + 1e-9])
    best = max(posed.value(split) for split in splits)
    assert found.value >= best - 1e-6
    assert found.bound == pytest.approx(found.value, rel=1e-4)
    assert violations(posed, found.spend) == []


def test_a_small_budget_is_not_spread_over_s_shaped_curves() -> None:
    posed = problem([s_shaped(1.0, 1.0, 4.0)] * 3, [0, 0, 0], [3, 3, 3], budget=1.5)
    found = allocate(posed)
    assert sorted(found.spend)[:2] == pytest.approx([0, 0], abs=1e-6)


def test_no_bound_is_broken_in_random_problems_and_concave_ones_are_as_good_as_a_solvers() -> None:
    """The short form of ``make allocations``."""
    outcome = allocation.campaign(problems=60, compared=10)
    assert outcome.faults == []
    assert (outcome.problems, outcome.s_shaped, outcome.compared) == (60, 30, 10)
    assert outcome.shortfall <= 1e-6


def test_the_campaign_sees_a_broken_bound() -> None:
    posed = a_problem(2, is_concave=True)
    spend = allocate(posed).spend
    assert not allocation.broken(posed, spend)
    for worse in (posed.upper * 1.001, posed.lower * 0.999, spend * np.nan):
        assert allocation.broken(posed, worse)


def test_frozen_channels_stay_where_they_are() -> None:
    posed = problem([bending(1.0, 1.0), bending(9.0, 1.0), bending(1.0, 2.0)], [0, 0.25, 0], [2, 0.25, 2], budget=1.0)
    assert allocate(posed).spend[1] == 0.25


@pytest.mark.parametrize(("change", "is_kept"), [(0.35, True), (0.349, True), (0.351, False)])
def test_a_guardrail_holds_at_its_limit_and_not_above(change: float, is_kept: bool) -> None:
    low, high = guarded([100.0, 100.0], 0.35)
    posed = problem([bending(1.0, 0.01), bending(5.0, 0.01)], low, high, budget=200.0)
    assert (violations(posed, [100 * (1 - change), 100 * (1 + change)]) == []) is is_kept
    assert allocate(posed).spend == pytest.approx([65.0, 135.0])


def test_what_breaks_a_bound_is_named() -> None:
    group = Group("platform", frozenset({0, 1}), 1.0, 2.0)
    posed = problem([bending(1.0, 1.0)] * 3, [0, 0, 0], [1, 1, 1], budget=2.0, groups=[group])
    named = violations(posed, [0.1, 0.2, 1.5])
    assert [sentence.split(" has ")[0].split(" is ")[0] for sentence in named] == ["channel 2", "group platform", "1.8"]


@pytest.mark.parametrize(
    ("lower", "upper", "budget", "groups", "words"),
    [
        ([0, 2], [1, 1], 1.0, [], "lower ≤ upper"),
        ([0, 0], [1, 1], 3.0, [], "the budget must be 3"),
        ([0, 0], [1, 1], 1.0, [Group("all", frozenset({0, 1}), 2.5, 3.0)], "group all must be"),
        ([0, 0], [1, 1], 1.9, [Group("one", frozenset({0}), 0.0, 0.5)], "the budget must be"),
        ([0, 0], [1, 1], 1.0, [Group("odd", frozenset({7}))], "group odd has members"),
        ([0, 0], [1, 1], -1.0, [], "a budget of 0 or more"),
    ],
)  # fmt: skip
def test_bounds_that_leave_nothing_are_refused(
    lower: list[float], upper: list[float], budget: float, groups: list[Group], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        problem([bending(1.0, 1.0)] * 2, lower, upper, budget=budget, groups=groups)


def test_groups_that_overlap_are_refused() -> None:
    crossed = [Group("one", frozenset({0, 1})), Group("other", frozenset({1, 2}))]
    with pytest.raises(ValueError, match="nested or apart"):
        problem([bending(1.0, 1.0)] * 3, [0] * 3, [1] * 3, budget=1.0, groups=crossed)
