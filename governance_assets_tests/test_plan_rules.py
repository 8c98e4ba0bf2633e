"""Verdicts on plans: every rule just below, at and above its limit, and every outcome; and the policy's own checks."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from governance_assets.contract import Contract, arrow_schema, empty
from governance_assets.domains.plan import contracts, report, rules
from governance_assets.policy import PlanPolicy, PolicyError, policy_from

WEEK = dt.date(2025, 10, 6)
MOVE: dict[str, Any] = {
    "week": WEEK, "plan": "p", "change": "forward", "from_status": "todo", "to_status": "in progress", "moves": 1, "items": 1,
    "misstated": 0, "examples": "a",
}  # fmt: skip
PROGRESS: dict[str, Any] = {
    "week": WEEK, "plan": "p", "source": "transitions", "items": 5, "todo": 5, "in_progress": 0, "blocked": 0, "done": 0, "unknown": 0,
    "added": 0, "removed": 0, "completed": 0, "reopened": 0, "snapshot_date": WEEK, "snapshot_items": 5,
}  # fmt: skip
PHASE: dict[str, Any] = {
    "week": WEEK, "plan": "p", "phase_id": "1", "title": None, "position": 1, "state": "in_progress", "items": 2, "done": 1,
    "in_progress": 1, "estimated_cost": None, "realised_cost": None, "planned_start": None, "planned_end": None,
    "actual_start": None, "actual_end": None,
    "last_note": WEEK, "note_age_days": 7, "is_newly_complete": False,
}  # fmt: skip
ADJUSTMENT: dict[str, Any] = {
    "week": WEEK, "plan": "p", "item_key": "a", "item_id": "a", "record_id": None, "title": None, "phase_id": "1", "original_estimate": 1.0,
    "present_estimate": 1.0, "factor": 1.5, "new_estimate": 1.5, "done_items": 1, "reason": "r",
}  # fmt: skip


def outcomes(artifact: str, contract: type[Contract], rows: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    table = pa.Table.from_pylist(rows, schema=arrow_schema(contract))
    found = getattr(rules, f"judge_{artifact}")(table, PlanPolicy(), "2025-10-06")
    return {(one.rule, one.subject): one.outcome for one in found}


@pytest.mark.parametrize(
    ("change", "rule", "expected"),
    [
        ({}, "done_stays_done", "pass"),
        ({"change": "out_of_done"}, "done_stays_done", "fail"),
        ({}, "no_state_is_skipped", "pass"),
        ({"change": "skip"}, "no_state_is_skipped", "fail"),
        ({}, "no_step_back", "pass"),
        ({"change": "backward"}, "no_step_back", "fail"),
        ({"change": "pause"}, "no_step_back", "pass"),
        ({}, "labels_are_known", "pass"),
        ({"change": "unknown_label"}, "labels_are_known", "fail"),
        ({}, "changes_are_whole", "pass"),
        ({"misstated": 1}, "changes_are_whole", "fail"),
    ],
)
def test_moves(change: dict[str, Any], rule: str, expected: str) -> None:
    assert outcomes("plan_moves", contracts.PlanMoves, [MOVE | change])[rule, "plan p"] == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "pass"),
        ({"snapshot_items": 6}, "fail"),
        ({"snapshot_items": 4}, "fail"),
        ({"snapshot_items": None, "snapshot_date": None}, "not_applicable"),
        ({"source": "snapshots"}, "not_applicable"),
    ],
)
def test_progress(change: dict[str, Any], expected: str) -> None:
    assert outcomes("plan_progress", contracts.PlanProgress, [PROGRESS | change]) == {("snapshot_matches_changes", "plan p"): expected}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "pass"),
        ({"note_age_days": 8}, "fail"),
        ({"note_age_days": None, "last_note": None}, "fail"),
        ({"state": "complete", "note_age_days": None}, "not_applicable"),
        ({"phase_id": "", "note_age_days": None}, "not_applicable"),
    ],
)
def test_notes(change: dict[str, Any], expected: str) -> None:
    assert outcomes("plan_phases", contracts.PlanPhases, [PHASE | change]) == {("phase_has_a_note", "plan p"): expected}


FIGURES: dict[tuple[str, str], dict[str, Any]] = {
    ("records", "snapshot age"): {"value": 14.0},
    ("records", "items"): {"value": 10.0},
    ("records", "done"): {"value": 4.0},
    ("records", "unknown status"): {"value": 0.0},
    ("records", "repeated codes"): {"value": 0.0},
    ("records", "without code"): {"value": 0.0},
    ("records", "estimates"): {"value": 10.0},
    ("records", "realised costs"): {"value": 4.0},
    ("records", "early costs"): {"value": 0.0},
    ("phases", "total"): {"value": 11.0, "lower": 11.0, "upper": 11.0},
    ("timeline", "done share"): {"value": 0.4},
    ("timeline", "behind"): {"value": 1.0, "lower": 0.0, "upper": 2.0},
    ("budget", "spent"): {"value": 0.129},
    ("budget", "discrepancy items"): {"value": 0.01},
    ("budget", "published spent"): {"value": 0.1295},
}


@pytest.mark.parametrize(
    ("figure", "change", "rule", "expected"),
    [
        (("records", "snapshot age"), {}, "snapshot_is_fresh", "pass"),
        (("records", "snapshot age"), {"value": 15.0}, "snapshot_is_fresh", "fail"),
        (("records", "repeated codes"), {}, "codes_are_unique", "pass"),
        (("records", "repeated codes"), {"value": 1.0}, "codes_are_unique", "fail"),
        (("records", "without code"), {}, "items_have_codes", "pass"),
        (("records", "without code"), {"value": 1.0}, "items_have_codes", "fail"),
        (("records", "unknown status"), {}, "statuses_are_known", "pass"),
        (("records", "unknown status"), {"value": 1.0}, "statuses_are_known", "fail"),
        (("records", "early costs"), {}, "cost_follows_work", "pass"),
        (("records", "early costs"), {"value": 1.0}, "cost_follows_work", "fail"),
        (("records", "realised costs"), {}, "realised_cost_is_recorded", "pass"),
        (("records", "realised costs"), {"value": 3.0}, "realised_cost_is_recorded", "fail"),
        (("records", "done"), {"value": 0.0}, "realised_cost_is_recorded", "not_applicable"),
        (("phases", "total"), {}, "phases_are_as_expected", "pass"),
        (("phases", "total"), {"value": 10.0}, "phases_are_as_expected", "fail"),
        (("phases", "total"), {"value": 12.0}, "phases_are_as_expected", "fail"),
        (("phases", "total"), {"lower": None, "upper": None}, "phases_are_as_expected", "not_applicable"),
        (("timeline", "behind"), {}, "time_is_kept", "pass"),
        (("timeline", "behind"), {"lower": 0.01}, "time_is_kept", "fail"),
        (("timeline", "behind"), {"value": None, "lower": None, "upper": None}, "time_is_kept", "unknown"),
        (("budget", "published spent"), {}, "published_share_holds", "pass"),
        (("budget", "published spent"), {"value": 0.1296}, "published_share_holds", "fail"),
        (("budget", "spent"), {"value": None}, "published_share_holds", "unknown"),
    ],
)
def test_dashboard(figure: tuple[str, str], change: dict[str, Any], rule: str, expected: str) -> None:
    figures = {name: dict(row) for name, row in FIGURES.items()}
    figures[figure] |= change
    blank = {"week": WEEK, "plan": "p", "unit": "", "lower": None, "upper": None, "arrow": None, "text": ""}
    rows = [{**blank, "line": line, "name": name, **row} for (line, name), row in figures.items()]
    assert outcomes("plan_dashboard", contracts.PlanDashboard, rows)[rule, "plan p"] == expected


@pytest.mark.parametrize(("value", "expected"), [(0.01, "pass"), (-0.01, "pass"), (0.0101, "fail"), (-0.0101, "fail")])
def test_totals(value: float, expected: str) -> None:
    row = {"week": WEEK, "plan": "p", "line": "budget", "name": "discrepancy items", "value": value, "unit": "fraction", "text": "t"}
    found = outcomes("plan_dashboard", contracts.PlanDashboard, [row | {"lower": None, "upper": None, "arrow": None}])
    assert found == {("totals_agree", "plan p: items"): expected}


@pytest.mark.parametrize(("value", "expected"), [(0.9499, "fail"), (0.95, "pass"), (0.97, "pass")])
def test_r2(value: float, expected: str) -> None:
    row = {"week": WEEK, "plan": "", "line": "r2", "name": "m", "value": value, "unit": "fraction", "arrow": "up", "text": "t"}
    found = outcomes("plan_dashboard", contracts.PlanDashboard, [row | {"lower": 0.95, "upper": 0.99}])
    assert found["r2_reaches_its_target", "model m"] == expected


@pytest.mark.parametrize(("factor", "expected"), [(3.0, "pass"), (3.01, "fail"), (1 / 3, "pass"), (0.33, "fail")])
def test_adjustments(factor: float, expected: str) -> None:
    found = outcomes("estimate_adjustments", contracts.EstimateAdjustments, [ADJUSTMENT | {"factor": factor}])
    assert found == {("adjustment_is_moderate", "plan p: phase 1"): expected}


@pytest.mark.parametrize(
    ("artifact", "contract"),
    [
        ("plan_moves", contracts.PlanMoves),
        ("plan_progress", contracts.PlanProgress),
        ("plan_phases", contracts.PlanPhases),
        ("plan_dashboard", contracts.PlanDashboard),
        ("estimate_adjustments", contracts.EstimateAdjustments),
        ("repository_sync", contracts.RepositorySync),
    ],
)
def test_silence_is_never_a_pass(artifact: str, contract: type[Contract]) -> None:
    assert set(outcomes(artifact, contract, []).values()) == {"not_applicable"}


def test_headlines_of_nothing() -> None:
    found = {
        report.headline_of_moves(empty(contracts.PlanMoves)),
        report.headline_of_progress(empty(contracts.PlanProgress)),
        report.headline_of_phases(empty(contracts.PlanPhases)),
    }
    assert found == {("moves out of order", 0, None), ("done", "0 of 0", None), ("phases complete", "0 of 0", None)}


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"states": [{"state": "todo", "words": ["x"]}, {"state": "done", "words": ["x"]}]}, "given twice"),
        ({"plans": [{"plan": "p", "low_days": 5}]}, "given together"),
        ({"plans": [{"plan": "p", "low_days": 6, "high_days": 5}]}, "given together"),
        ({"r2_target": 0.99, "r2_target_high": 0.95}, "must not be below"),
        ({"reported_budget": "("}, "not a regular expression"),
        ({"repositories": [{"name": "r", "repository": "https://me:secret@host/x"}]}, "password"),
        ({"repositories": [{"name": "r", "repository": "ext::sh -c x"}]}, "no address"),
        ({"repositories": [{"name": "r", "repository": "x", "docs": "../y"}]}, "below the repository"),
        ({"repositories": [{"name": "r", "repository": "x", "branch": "-f"}]}, "branch"),
    ],
)
def test_a_wrong_policy_is_refused(overrides: dict[str, Any], told: str) -> None:
    with pytest.raises(PolicyError, match=told):
        policy_from({"plan": overrides})


SYNC: dict[str, Any] = {
    "week": WEEK, "repository": "r", "kind": "repository", "path": "r", "state": "current", "drift_hours": 0.0, "written_at": None,
    "age_days": None, "commit": "c", "text": "t",
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "change", "rule", "expected"),
    [
        ("repository", {"drift_hours": 24.0}, "documents_follow_the_plan", "pass"),
        ("repository", {"drift_hours": 24.1}, "documents_follow_the_plan", "fail"),
        ("repository", {"drift_hours": 168.0}, "documents_do_not_drift", "pass"),
        ("repository", {"drift_hours": 168.1}, "documents_do_not_drift", "fail"),
        ("repository", {"drift_hours": None, "state": "unknown"}, "documents_do_not_drift", "unknown"),
        ("repository", {"drift_hours": None, "state": "unknown"}, "nothing_conflicts", None),
        ("readme", {"age_days": 7.0}, "readme_is_written_weekly", "pass"),
        ("readme", {"age_days": 7.1}, "readme_is_written_weekly", "fail"),
        ("readme", {"age_days": None}, "readme_is_written_weekly", "fail"),
        ("readme", {"state": "conflict"}, "nothing_conflicts", "fail"),
        ("readme", {"state": "update"}, "nothing_conflicts", "pass"),
        ("tag", {"state": "create"}, "phase_is_tagged", "fail"),
        ("tag", {}, "phase_is_tagged", "pass"),
    ],
)
def test_syncs(kind: str, change: dict[str, Any], rule: str, expected: str | None) -> None:
    rows = [SYNC | {"kind": each} | (change if each == kind else {}) for each in ("repository", "readme", "tag")]
    assert outcomes("repository_sync", contracts.RepositorySync, rows).get((rule, "repository r")) == expected


@pytest.mark.parametrize(("state", "expected"), [("current", "pass"), ("update", "fail"), ("unknown", "unknown")])
def test_code_of_models(state: str, expected: str) -> None:
    rows = [SYNC, SYNC | {"kind": "readme"}, SYNC | {"kind": "model", "path": "m@1", "state": state}]
    assert outcomes("repository_sync", contracts.RepositorySync, rows)["code_matches_the_model", "model m@1"] == expected
