"""Maps to scores, weights with unknowns, the decomposition of a change, series that fall, and the band of an alignment."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from governance_assets.stats.alignment_band import share_of_bands_that_hold, simulated
from governance_assets.stats.decision_flips import Fact
from governance_assets.stats.falling import falling_cuts, is_falling
from governance_assets.stats.score_maps import ScoreMap, map_of_target
from governance_assets.stats.scorecards import parts_of_change, scorecard

CURVE = ((0, 100), (1, 90), (2, 70), (3, 50), (5, 0))
NAN = float("nan")
LINE = ScoreMap((0.0, 100.0), (0.0, 100.0))


# ---------------------------------------------------------------- maps


@pytest.mark.parametrize(
    ("direction", "upper", "value", "score"),
    [
        ("higher", None, 0.96, 100),
        ("higher", None, 0.95, 100),
        ("higher", None, 0.94, 90),
        ("higher", None, 0.935, 80),
        ("higher", None, 0.92, 50),
        ("higher", None, 0.90, 0),
        ("higher", None, -9.0, 0),
        ("lower", None, 0.95, 100),
        ("lower", None, 0.96, 90),
        ("lower", None, 1.01, 0),
        ("near", None, 0.95, 100),
        ("near", None, 0.96, 90),
        ("near", None, 0.93, 70),
        ("near", 0.97, 0.96, 100),
        ("near", 0.97, 0.98, 90),
        ("near", 0.97, 0.94, 90),
    ],
)
def test_a_target_makes_a_map(direction: str, upper: float | None, value: float, score: float) -> None:
    assert float(map_of_target(direction, 0.95, 0.01, CURVE, upper).score(value)) == pytest.approx(score, abs=1e-9)


def test_a_map_keeps_what_is_not_known() -> None:
    assert math.isnan(float(LINE.score(NAN)))


@pytest.mark.parametrize(
    ("at", "scores", "message"),
    [
        ((), (), "at least one"),
        ((0.0, 1.0), (1.0,), "equally many"),
        ((1.0, 1.0), (1.0, 2.0), "strictly ascending"),
        ((0.0, math.inf), (1.0, 2.0), "not all finite"),
        ((0.0,), (101.0,), "between 0 and 100"),
    ],
)
def test_breakpoints_that_make_no_map(at: tuple, scores: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ScoreMap(at, scores)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("higher", 1.0, 0.0, CURVE), "tolerance"),
        (("higher", 1.0, 1.0, ((1, 100), (2, 0))), "distance 0"),
        (("higher", 1.0, 1.0, ((0, 50), (1, 60))), "do not rise"),
        (("higher", 1.0, 1.0, CURVE, 2.0), "upper target"),
        (("near", 1.0, 1.0, CURVE, 0.5), "upper target"),
    ],
)
def test_targets_that_make_no_map(given: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        map_of_target(*given)


# ---------------------------------------------------------------- weights and unknowns


def test_an_unknown_dimension_lowers_the_coverage_and_not_the_score() -> None:
    card = scorecard({"a": 1, "b": 1, "c": 2}, ["a", "b", "c"], [1, 1, 1], [80, NAN, 60])
    assert card.alignment.score == pytest.approx((80 + 2 * 60) / 3)
    assert (card.alignment.coverage, card.alignment.least, card.alignment.most) == (0.75, 50.0, 75.0)
    assert math.isnan(card.dimensions["b"].score)
    assert (card.dimensions["b"].coverage, card.dimensions["b"].least, card.dimensions["b"].most) == (0.0, 0.0, 100.0)


def test_a_dimension_without_any_metric_is_unknown() -> None:
    card = scorecard({"a": 1, "b": 3}, ["a"], [1], [80])
    assert (card.alignment.score, card.alignment.coverage, card.alignment.least, card.alignment.most) == (80.0, 0.25, 20.0, 95.0)


def test_nothing_known_is_no_score() -> None:
    card = scorecard({"a": 1}, ["a"], [1], [NAN])
    assert math.isnan(card.alignment.score)
    assert (card.alignment.coverage, card.alignment.least, card.alignment.most) == (0.0, 0.0, 100.0)
    assert card.shares.tolist() == [0.0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (({"a": 1}, ["b"], [1], [1]), "no weight for dimension b"),
        (({"a": 1}, ["a"], [-1], [1]), "must not be negative"),
        (({"a": 0}, ["a"], [1], [1]), "more than 0"),
        (({"a": 1}, ["a"], [0], [1]), "no weight in sum"),
        (({"a": 1}, ["a", "a"], [1], [1]), "expected 1 to match"),
        (({"a": 1}, ["a"], [1], [1, 2]), "scores has shape"),
    ],
)
def test_weights_that_do_not_fit(given: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scorecard(*given)


SCORES = st.one_of(st.just(NAN), st.floats(0, 100, allow_subnormal=False))
CARDS = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.1, 5), SCORES), min_size=1, max_size=9)


@given(CARDS, st.tuples(*[st.floats(0.1, 5)] * 3))
@settings(max_examples=100, deadline=None)
def test_shares_add_up_and_the_range_holds_the_score(metrics: list, weights: tuple) -> None:
    dimensions, within, scores = zip(*metrics, strict=True)
    card = scorecard(dict(zip("abc", weights, strict=True)), dimensions, within, scores)
    known = ~np.isnan(scores)
    assert card.alignment.least <= card.alignment.most + 1e-9
    assert card.alignment.most - card.alignment.least == pytest.approx(100 * (1 - card.alignment.coverage), abs=1e-9)
    if known.any():
        assert card.shares.sum() == pytest.approx(1)
        assert float(np.dot(card.shares[known], np.array(scores)[known])) == pytest.approx(card.alignment.score)


# ---------------------------------------------------------------- what changed


@given(CARDS, st.data())
@settings(max_examples=200, deadline=None)
def test_the_parts_add_up_to_the_change(metrics: list, data: st.DataObject) -> None:
    dimensions, within, before = zip(*metrics, strict=True)
    after = data.draw(st.lists(SCORES, min_size=len(before), max_size=len(before)))
    weights = {"a": 1.0, "b": 2.0, "c": 3.0}
    cards = [scorecard(weights, dimensions, within, scores) for scores in (before, after)]
    if any(math.isnan(card.alignment.score) for card in cards):
        return
    parts = parts_of_change(cards[0].shares, before, cards[1].shares, after)
    assert math.fsum(part.points for part in parts) == pytest.approx(cards[1].alignment.score - cards[0].alignment.score, abs=1e-9)


def test_a_score_that_moves_alone_makes_the_whole_change() -> None:
    parts = parts_of_change([0.25, 0.75], [80, 60], [0.25, 0.75], [80, 70])
    assert [(part.by_score, part.by_weight) for part in parts] == [(0.0, 0.0), (7.5, 0.0)]


def test_shares_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="without a known metric"):
        parts_of_change([0.0], [NAN], [1.0], [50])


# ---------------------------------------------------------------- series that fall


@pytest.mark.parametrize(
    ("observations", "falls"),
    [
        ([0.4648, 0.2692, 0.2321, 0.9362], False),  # the recorded series of one model
        ([0.9, 0.8, 0.7, 0.6], True),
        ([0.9, 0.899, 0.898, 0.2], True),  # three falls, although the slope is not significant
        ([0.9, 0.8, 0.8, 0.7], True),  # one pause, and a significant slope
        ([0.9, 0.9, 0.9, 0.2], False),
        ([0.6, 0.7, 0.8, 0.9], False),
        ([0.9, 0.9, 0.9, 0.9], False),
    ],
)
def test_three_falls_or_a_significant_slope(observations: list, falls: bool) -> None:
    assert is_falling(observations, 0.1) is falls


@given(st.lists(st.floats(-1, 1).map(lambda value: round(value, 3)), min_size=4, max_size=6))
@settings(max_examples=200, deadline=None)
def test_the_slope_is_judged_as_by_linear_regression(observations: list) -> None:
    if len(set(observations)) == 1:
        assert not is_falling(observations, 0.1)
        return
    fit = stats.linregress(range(len(observations)), observations)
    if abs(fit.pvalue - 0.1) < 1e-6:
        return
    falls = bool(np.all(np.diff(observations) < 0)) or (fit.slope < 0 and fit.pvalue < 0.1)
    assert is_falling(observations, 0.1) == falls


@pytest.mark.parametrize("earlier", [[0.9, 0.8, 0.7], [0.9, 0.8, 0.8], [0.2, 0.9, 0.4], [0.5, 0.5, 0.5], [0.9, 0.7, 0.8]])
def test_between_two_cuts_the_answer_is_one(earlier: list) -> None:
    cuts = falling_cuts(earlier, 0.1)
    marks = [-3.0, *cuts, 3.0]
    for low, high in zip(marks, marks[1:], strict=False):
        inside = np.linspace(low, high, 52)[1:-1]
        assert len({is_falling([*earlier, value], 0.1) for value in inside}) == 1


def test_what_makes_a_falling_series_fall() -> None:
    """Below 0.7641 the slope is significant; below 0.5216 the last fall is so large that it no longer looks like a line."""
    first, second, last = falling_cuts([0.9, 0.8, 0.8], 0.1)
    assert [is_falling([0.9, 0.8, 0.8, value], 0.1) for value in (first - 1e-6, first + 1e-6, second - 1e-6, second + 1e-6, last + 1)] == [
        *(False, True, True, False, False)
    ]


@pytest.mark.parametrize("bad", [[0.1, 0.2], [0.1, NAN, 0.3, 0.2]])
def test_series_that_cannot_be_judged_are_refused(bad: list) -> None:
    with pytest.raises(ValueError, match="at least 3 finite numbers"):
        is_falling(bad, 0.1)


# ---------------------------------------------------------------- the band


def facts(*values: float, curve: ScoreMap = LINE) -> list[Fact]:
    return [Fact(f"m{n}", value, 1.0, 1 / len(values), curve, 0.0, 100.0) for n, value in enumerate(values)]


def test_only_the_metrics_that_state_an_uncertainty_move() -> None:
    drawn = simulated(facts(50, 60), [2.0, NAN], 4000, np.random.default_rng(1))
    assert set(drawn.values[:, 1]) == {60.0}
    assert drawn.totals.std() == pytest.approx(1.0, rel=0.05)
    low, high = drawn.band(0.90)
    assert (low, high) == (pytest.approx(55 - 1.645, abs=0.1), pytest.approx(55 + 1.645, abs=0.1))


def test_the_band_holds_the_truth_as_often_as_it_says() -> None:
    """Truth drawn first, then an observation of it with the stated error, then the band: 1,500 scorecards with kinked maps."""
    rng = np.random.default_rng(3)
    errors, held, trials = np.array([1.0, 2.0, 0.5]), 0, 1500
    kinked = map_of_target("higher", 80.0, 4.0, CURVE)
    for _ in range(trials):
        truth = rng.uniform(62, 78, 3)
        observed = truth + errors * rng.standard_normal(3)
        total = simulated(facts(*truth, curve=kinked), [0, 0, 0], 1, rng).totals[0]
        low, high = simulated(facts(*observed, curve=kinked), errors, 400, rng).band(0.90)
        held += low <= total <= high
    assert held / trials == pytest.approx(0.90, abs=3 * math.sqrt(0.9 * 0.1 / trials) + 0.01)


def test_the_published_share_of_bands_that_hold() -> None:
    rng = np.random.default_rng(4)
    assert share_of_bands_that_hold(facts(50, 60), [2.0, 1.0], 0.90, 300, 600, rng) == pytest.approx(0.90, abs=0.04)
    assert math.isnan(share_of_bands_that_hold(facts(50, 60), [0.0, NAN], 0.90, 10, 10, rng))


def test_draws_stay_where_a_fact_can_be() -> None:
    drawn = simulated(facts(99.0), [5.0], 500, np.random.default_rng(0))
    assert drawn.values.max() == 100.0


@pytest.mark.parametrize(
    ("errors", "draws", "message"), [([-1.0], 10, "no negative"), ([1.0], 0, "at least one draw"), ([1.0, 2.0], 10, "match facts")]
)
def test_draws_that_make_no_sense_are_refused(errors: list, draws: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        simulated(facts(50.0), errors, draws, np.random.default_rng(0))
