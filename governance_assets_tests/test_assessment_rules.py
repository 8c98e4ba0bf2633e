"""Every row, bound, pair and overlay of the decision table, and the verdicts of the assessment."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pyarrow as pa
import pytest

from governance_assets.contract import arrow_schema
from governance_assets.domains.assessment import contracts, rules
from governance_assets.policy import AssessmentPolicy
from governance_assets.stats.decision_flips import Fact, smallest_change
from governance_assets.stats.score_maps import ScoreMap
from governance_assets.stats.scorecards import scorecard

POLICY = AssessmentPolicy()
HAIR = 1e-9
ROWS = [
    (100.0, "continue", "C49"),
    (90 + HAIR, "continue", "C49"),
    (90.0, "adjust_tactics", "C50"),
    (90 - HAIR, "adjust_tactics", "C50"),
    (70 + HAIR, "adjust_tactics", "C50"),
    (70.0, "adjust_tactics", "C50"),
    (70 - HAIR, "pivot", "C51"),
    (69.85, "pivot", "C51"),
    (50.0, "pivot", "C51"),
    (50 - HAIR, "pause", "C52"),
    (0.0, "pause", "C52"),
]


@pytest.mark.parametrize(("alignment", "decision", "rule"), ROWS)
def test_the_rows_by_score_alone(alignment: float, decision: str, rule: str) -> None:
    assert rules.decide(alignment, "none", False, False, POLICY) == rules.Verdict(decision, rule)


@pytest.mark.parametrize(
    ("alignment", "decisions"),
    [
        # gaps:  none, minor, moderate, major
        (95.0, ("continue", "continue", "continue", "adjust_tactics")),
        (90.0, ("adjust_tactics", "adjust_tactics", "pivot", "pause")),
        (80.0, ("adjust_tactics", "adjust_tactics", "pivot", "pause")),
        (60.0, ("pivot", "pivot", "pivot", "pause")),
        (40.0, ("pause", "pause", "pause", "pause")),
    ],
)
def test_every_pair_of_score_row_and_gap_class(alignment: float, decisions: tuple) -> None:
    found = [rules.decide(alignment, gaps, None, None, POLICY) for gaps in rules.GAP_CLASSES]
    assert tuple(one.decision for one in found) == decisions
    by_score = rules.decide(alignment, "none", None, None, POLICY)
    assert [one.rule for one in found] == [by_score.rule if one.decision == by_score.decision else "C55" for one in found]


@pytest.mark.parametrize(("is_degrading", "is_overrun"), list(product((True, False, None), repeat=2)))
@pytest.mark.parametrize("alignment", [95.0, 80.0, 60.0, 40.0])
@pytest.mark.parametrize("gaps", rules.GAP_CLASSES)
def test_overlays_are_added_and_change_no_row(alignment: float, gaps: str, is_degrading: bool | None, is_overrun: bool | None) -> None:
    verdict = rules.decide(alignment, gaps, is_degrading, is_overrun, POLICY)
    assert verdict.decision == rules.decide(alignment, gaps, None, None, POLICY).decision
    assert verdict.overlays == (("accelerate",) if is_degrading else ()) + (("scope_or_funding",) if is_overrun else ())
    assert verdict.name == "+".join((verdict.decision, *verdict.overlays))


@pytest.mark.parametrize(
    ("critical", "share", "classes"),
    [
        (0, 0.0, {"none"}),
        (0, HAIR, {"minor"}),
        (0, 0.05, {"minor"}),
        (0, 0.05 + HAIR, {"moderate"}),
        (0, 0.10, {"moderate"}),
        (0, 0.10 + HAIR, {"major"}),
        (1, 0.0, {"major"}),
        (1, None, {"major"}),
        (None, 0.02, {"minor", "major"}),
        (None, 0.2, {"major"}),
        (0, None, {"none", "minor", "moderate", "major"}),
        (None, None, {"none", "minor", "moderate", "major"}),
    ],
)
def test_gap_classes(critical: float | None, share: float | None, classes: set) -> None:
    assert rules.gap_class(critical, share, POLICY) == classes


@pytest.mark.parametrize(
    ("least", "most", "gaps", "reach"),
    [
        (71.0, 89.0, {"none"}, ("adjust_tactics", "adjust_tactics")),
        (71.0, 90.0, {"none"}, ("adjust_tactics", "adjust_tactics")),
        (71.0, 91.0, {"none"}, ("continue", "adjust_tactics")),
        (69.0, 89.0, {"none"}, ("adjust_tactics", "pivot")),
        (45.0, 95.0, {"none"}, ("continue", "pause")),
        (71.0, 89.0, {"minor", "major"}, ("adjust_tactics", "pause")),
        (91.0, 95.0, {"none", "major"}, ("continue", "adjust_tactics")),
        (10.0, 49.0, {"none", "major"}, ("pause", "pause")),
    ],
)
def test_what_unknown_facts_leave_possible(least: float, most: float, gaps: set, reach: tuple) -> None:
    assert rules.reachable([least, most], gaps, POLICY) == reach


@pytest.mark.parametrize(
    ("value", "limit", "is_floor", "state"),
    [
        (0.49, 0.5, True, "not_met"),
        (0.5, 0.5, True, "met"),
        (0.51, 0.5, True, "met"),
        (0.16, 0.15, False, "not_met"),
        (0.15, 0.15, False, "met"),
        (-0.16, 0.15, False, "not_met"),
        (None, 0.5, True, "unknown"),
    ],
)
def test_criteria(value: float | None, limit: float, is_floor: bool, state: str) -> None:
    assert rules.is_met(value, limit, is_floor) == state


@pytest.mark.parametrize(
    ("budget", "timeline", "due"),
    [
        *((0.15, 0.20, False), (0.15 + HAIR, 0.0, True), (-0.15 - HAIR, None, True), (-0.15, -0.20, False)),
        *((None, 0.20 + HAIR, True), (None, None, False), (0.0, -0.21, True)),
    ],
)
def test_when_an_adjustment_is_due(budget: float | None, timeline: float | None, due: bool) -> None:
    assert rules.is_adjustment_due(budget, timeline, POLICY) is due


@pytest.mark.parametrize(
    ("alignment", "wanted", "points"),
    [
        (69.85, "adjust_tactics", 0.15),
        (69.85, "continue", 20.15),
        (69.85, "pause", 19.85),
        (69.85, "pivot", 0.0),
        (95.0, "adjust_tactics", 5.0),
    ],
)
def test_points_that_are_missing(alignment: float, wanted: str, points: float) -> None:
    assert rules.points_missing(alignment, wanted, POLICY) == pytest.approx(points)


# ---------------------------------------------------------------- the recorded scorecard


def test_the_recorded_scorecard_is_a_pivot_although_it_was_published_as_70(shared_data: Callable[[str], Path]) -> None:
    """Six categories, 69.85 unrounded; 0.15 points are missing to adjust tactics, and mandates are the metric that is nearest."""
    rows = list(csv.DictReader(shared_data("plan/bqx_ml_v3/alignment_scorecard_20251213.csv").read_text().splitlines()))
    weights = {row["category"]: float(row["weight"]) for row in rows}
    scores = [float(row["alignment_pct"]) for row in rows]
    card = scorecard(weights, list(weights), [1.0] * len(rows), scores)
    assert card.alignment.score == pytest.approx(69.85, abs=1e-9)
    assert rules.decide(card.alignment.score, "none", None, None, POLICY) == rules.Verdict("pivot", "C51")
    assert rules.decide(70.0, "none", None, None, POLICY).decision == "adjust_tactics"
    assert rules.points_missing(card.alignment.score, "adjust_tactics", POLICY) == pytest.approx(0.15, abs=1e-9)
    line = ScoreMap((0.0, 100.0), (0.0, 100.0))
    facts = [Fact(name, score, 1.0, float(share), line, 0, 100) for name, score, share in zip(weights, scores, card.shares, strict=True)]
    bounds = (POLICY.min_pivot, POLICY.min_adjust, POLICY.min_continue)
    found = smallest_change(
        facts, bounds, lambda total, states: rules.decide(total, "none", None, None, POLICY).decision == "adjust_tactics"
    )
    assert found is not None
    (move,) = found.moves
    assert (move.fact, move.value, found.is_attained) == ("Explicit Mandates", 40.0, True)
    assert move.to == pytest.approx(40.5, abs=1e-9)


# ---------------------------------------------------------------- verdicts


def table(contract: type, rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=arrow_schema(contract))


def card_row(**changed: object) -> dict:
    row = dict.fromkeys(contracts.Scorecard360.model_fields)
    row |= {
        "quarter": "2025-Q4",
        "decision": "adjust_tactics",
        "rule": "C50",
        "why": "",
        "is_provisional": False,
        "without_uncertainty": "",
    }
    row |= {"worst": "adjust_tactics", "best": "adjust_tactics", "alignment": 80.0, "coverage": 1.0, "least": 80.0, "most": 80.0}
    return row | {"is_accelerated": False, "is_overrun": False} | changed


@pytest.mark.parametrize(
    ("changed", "outcomes"),
    [
        # target, decision, final, R², budget
        ({}, "fail pass pass pass pass"),
        ({"alignment": 91.0, "decision": "continue"}, "pass pass pass pass pass"),
        ({"alignment": 90.0}, "fail pass pass pass pass"),
        ({"alignment": 60.0, "decision": "pivot"}, "fail fail pass pass pass"),
        ({"alignment": 40.0, "decision": "pause"}, "fail fail pass pass pass"),
        ({"is_provisional": True}, "fail pass fail pass pass"),
        ({"is_accelerated": True, "is_overrun": True}, "fail pass pass fail fail"),
        ({"is_accelerated": None, "is_overrun": None}, "fail pass pass unknown unknown"),
        ({"alignment": None, "decision": None}, "unknown unknown unknown pass pass"),
    ],
)
def test_verdicts_on_the_scorecard(changed: dict, outcomes: str) -> None:
    found = rules.judge_scorecard_360(table(contracts.Scorecard360, [card_row(**changed)]), POLICY, "2025-Q4")
    assert " ".join(one.outcome for one in found) == outcomes


def risk(**changed: object) -> dict:
    row = {"quarter": "2025-Q4", "risk_id": "R-1", "description": "", "impact": 3, "probability": 2, "exposure": 6, "is_open": True}
    return row | {"is_high": True, "is_mitigated": True, "status": "", "owner": "", "stated_on": None} | changed


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        ([], "not_applicable"),
        ([risk(is_open=False, is_high=False)], "not_applicable"),
        ([risk(is_high=False)], "not_applicable"),
        ([risk()], "pass"),
        ([risk(is_mitigated=False)], "fail"),
        ([risk(is_high=None, exposure=None)], "unknown"),
    ],
)
def test_verdicts_on_risks(rows: list, outcome: str) -> None:
    assert [one.outcome for one in rules.judge_risk_matrix(table(contracts.RiskMatrix, rows), POLICY, "2025-Q4")] == [outcome]


@pytest.mark.parametrize(("value", "outcome"), [(None, "unknown"), (0.0, "pass"), (0.10, "pass"), (0.10 + HAIR, "fail"), (0.09, "pass")])
def test_a_remediation_plan_is_due_above_a_tenth(value: float | None, outcome: str) -> None:
    assert rules.gaps_are_few({"value": value, "reason": ""}, POLICY).outcome == outcome


@pytest.mark.parametrize(
    ("value", "outcome"), [(None, "unknown"), (0.15, "pass"), (0.15 + HAIR, "fail"), (-0.15 - HAIR, "fail"), (math.nan, "unknown")]
)
def test_a_variance_keeps_its_limit_up_and_down(value: float | None, outcome: str) -> None:
    assert rules.variance_within("budget", value, 0.15).outcome == outcome
