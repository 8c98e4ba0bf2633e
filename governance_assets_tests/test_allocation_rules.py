"""Guardrails and lift of proposals: every limit at, below and above."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from governance_assets.contract import arrow_schema
from governance_assets.domains.allocation.contracts import BudgetAllocation
from governance_assets.domains.allocation.rules import judge_budget_allocation, proposal_findings
from governance_assets.policy import AllocationPolicy, PolicyError, policy_from

GOOD: dict[str, Any] = {
    "quarter": "2025-Q3", "tenant": "north", "scenario": "budget+0", "channel": "tv", "is_recommended": True, "budget": 1000.0,
    "currency": "EUR",
    "horizon_weeks": 13, "current_spend": 1000.0, "lower": 650.0, "upper": 1350.0, "is_frozen": False, "proposed_spend": 1000.0,
    "change": 0.0, "current_response": 2000.0, "proposed_response": 2100.0, "broken_bounds": "", "lift": 0.05, "lift_lower": 0.01,
    "lift_upper": 0.1, "lift_probability": 0.97, "judged_draws": 256, "regret": 0.0, "problem": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "changed", "expected"),
    [
        ("spend_change_is_small", {"change": 0.349}, "pass"),
        ("spend_change_is_small", {"change": -0.35}, "pass"),
        ("spend_change_is_small", {"change": 0.351}, "fail"),
        ("spend_change_is_small", {"change": None}, "not_applicable"),
        ("platform_floor_is_kept", {"proposed_spend": 199.9}, "fail"),
        ("platform_floor_is_kept", {"proposed_spend": 200.0}, "pass"),
        ("platform_floor_is_kept", {"proposed_spend": 200.1}, "pass"),
        ("platform_floor_is_kept", {"proposed_spend": 0.0, "current_spend": 0.0, "change": None}, "not_applicable"),
        ("platform_floor_is_kept", {"proposed_spend": 0.5, "currency": "scaled"}, "not_applicable"),
        ("platform_floor_is_kept", {"proposed_spend": 0.5, "currency": None}, "not_applicable"),
        ("lift_is_likely", {"lift_probability": 0.799}, "fail"),
        ("lift_is_likely", {"lift_probability": 0.8}, "pass"),
        ("lift_is_likely", {"lift_probability": 0.801}, "pass"),
        ("lift_is_likely", {"lift_probability": None, "lift": None}, "not_applicable"),
        ("lift_is_likely", {"lift_probability": 0.0, "lift": 0.0}, "not_applicable"),
        ("split_is_found", {}, "pass"),
        ("split_is_found", {"problem": "the budget must be 5"}, "fail"),
    ],
)
def test_each_limit(rule: str, changed: dict[str, Any], expected: str) -> None:
    found = {finding.rule: finding for finding in proposal_findings("north", [GOOD | changed], AllocationPolicy())}
    assert found[rule].outcome == expected


def test_a_floor_out_of_reach_is_critical_and_a_large_change_a_warning() -> None:
    rows = [GOOD | {"proposed_spend": 100.0, "current_spend": 100.0, "change": 0.5}]
    severities = {finding.rule: finding.severity for finding in proposal_findings("north", rows, AllocationPolicy()) if finding.is_failure}
    assert severities == {"spend_change_is_small": "warn", "platform_floor_is_kept": "error"}


def judged(*rows: dict[str, Any]) -> dict[tuple[str, str], str]:
    table = pa.Table.from_pylist(list(rows), schema=arrow_schema(BudgetAllocation))
    return {(finding.rule, finding.subject): finding.outcome for finding in judge_budget_allocation(table, AllocationPolicy(), "2025-Q3")}


def test_a_broken_bound_of_any_scenario_is_found() -> None:
    other = GOOD | {"scenario": "budget+10", "is_recommended": False, "broken_bounds": "channel 0 has 5, allowed are 6 to 7", "change": 0.9}
    found = judged(GOOD, other, GOOD | {"tenant": "south"})
    assert found["bounds_are_kept", "north"] == "fail"
    assert found["bounds_are_kept", "south"] == "pass"
    assert found["spend_change_is_small", "north, tv"] == "pass"  # only the judged scenario is


def test_without_a_split_no_bound_can_be_kept() -> None:
    nothing = dict.fromkeys(("proposed_spend", "change", "lift", "lift_lower", "lift_upper", "lift_probability"))
    found = judged(GOOD | nothing | {"problem": "the budget must be 5"})
    assert found == {("bounds_are_kept", "north"): "not_applicable", ("split_is_found", "north"): "fail"}
    assert judged() == {}


def test_the_judged_scenario_must_be_computed() -> None:
    with pytest.raises(PolicyError, match=r"recommended_change 0.3 is not among"):
        policy_from({"allocation": {"recommended_change": 0.3}})
