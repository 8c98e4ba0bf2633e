"""Facts of a quarter from feeds and signals, and the rows that scores, decision, flips and plans make of them."""

from __future__ import annotations

import datetime as dt
import math

import duckdb
import pyarrow as pa
import pytest

from governance_assets.contract import arrow_schema, conform, empty, violations
from governance_assets.domains.assessment import contracts, facts, facts_decisions, facts_remedies, facts_risks, facts_scores, report
from governance_assets.feeds import RECORD_FEEDS
from governance_assets.pages import plots
from governance_assets.pages.model import page_from
from governance_assets.policy import AssessmentPolicy, CalibrationPolicy, PlanPolicy
from governance_assets.runtime.periods import period

POLICY = AssessmentPolicy(draws=300, band_trials=50)
NAMES = ("calibration_metrics", "mmm_backtest", "plan_items", "feature_catalog", "risk_register", "stakeholder_signals")
Q3, Q4 = period("quarter", "2025-Q3"), period("quarter", "2025-Q4")
DAY = dt.date(2025, 12, 20)


def feed(connection: duckdb.DuckDBPyConnection, name: str, rows: list[dict]) -> None:
    empty_row = dict.fromkeys(RECORD_FEEDS[name].model_fields)
    connection.register(
        name, pa.Table.from_pylist([empty_row | {"date": DAY} | row for row in rows], schema=arrow_schema(RECORD_FEEDS[name]))
    )


def item(code: str, status: str, **more: object) -> dict:
    return {"plan": "main", "kind": "stage", "item_id": code, "status": status, "currency": "USD", "phase_id": "P1"} | more


def signal(name: str, value: float, **more: object) -> dict:
    return {"signal": name, "value": value, "unit": "", "stakeholder": ""} | more


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    days = {"planned_start": dt.date(2025, 10, 1), "planned_end": dt.date(2025, 10, 10), "actual_start": dt.date(2025, 10, 1)}
    plan = [
        item("S1", "Done", estimated_cost=100.0, realised_cost=130.0, actual_end=dt.date(2025, 10, 12), **days),
        item("S2", "Todo", estimated_cost=50.0, planned_end=dt.date(2025, 11, 1), priority="P0"),
        item("S3", "Todo", estimated_cost=10.0, planned_end=dt.date(2026, 2, 1)),
        item("S4", "Todo", estimated_cost=None),
    ]
    feed(con, "plan_items", plan)
    feed(
        con,
        "feature_catalog",
        [{"signal_id": "a", "category": "x", "status": "available"}, {"signal_id": "b", "category": "x", "status": "gap"}],
    )
    risks = [
        ("R-1", "HIGH", "MEDIUM", "OPEN", None),
        ("R-2", "critical", "high", "open", "insure"),
        ("R-3", "high", "high", "RESOLVED", None),
    ]
    feed(
        con,
        "risk_register",
        [dict(zip(("risk_id", "impact", "probability", "status", "mitigation"), r, strict=True), description="") for r in risks],
    )
    feed(
        con,
        "stakeholder_signals",
        [
            signal("goal_alignment", 84.0, unit="percent", stderr=2.0),
            signal("satisfaction", 8.0, unit="of 10", stakeholder="users", stderr=0.3),
            signal("satisfaction", 9.0, unit="of 10", stakeholder="planners", stderr=0.4),
            signal("utilisation", 0.7, date=dt.date(2025, 6, 1)),
            signal("dependency_uptime", 99.5, unit="days"),
            signal("regime_fit", 1.5),
            signal("competitive_percentile", 0.7),
        ],
    )
    return con


def known(connection: duckdb.DuckDBPyConnection, views: tuple[str, ...] = NAMES[2:], policy: AssessmentPolicy = POLICY) -> pa.Table:
    return facts.assessment_facts(
        connection, {name: name if name in views else None for name in NAMES}, [Q4], policy, CalibrationPolicy(), PlanPolicy()
    )


def checked(contract: type, rows: pa.Table) -> list[dict]:
    assert violations(contract, conform(contract, rows)) == []
    return rows.to_pylist()


def test_facts_are_computed_or_stated_or_unknown_with_a_reason(connection: duckdb.DuckDBPyConnection) -> None:
    rows = {row["metric"]: row for row in checked(contracts.AssessmentFacts, known(connection))}
    assert {name: row["value"] for name, row in rows.items() if row["origin"] == "computed"} == {
        "feature_completeness": 0.5,
        "critical_gaps": 1.0,
        "gap_share": 0.5,
        "budget_variance": pytest.approx(0.3),
        "timeline_variance": pytest.approx(0.2),
        "criteria_met": pytest.approx(2 / 4),
        "open_high_risks": 2.0,
        "mitigation_coverage": 0.5,
    }
    assert (rows["goal_alignment"]["value"], rows["goal_alignment"]["standard_error"]) == (pytest.approx(0.84), pytest.approx(0.02))
    assert (rows["satisfaction"]["value"], rows["satisfaction"]["standard_error"]) == (8.5, pytest.approx(0.25))
    reasons = {name: row["reason"] for name, row in rows.items() if row["value"] is None}
    assert "days before the quarter's end" in reasons["utilisation"]
    assert reasons["dependency_uptime"] == "the signal is in days, expected fraction"
    assert "outside 0 to 1" in reasons["regime_fit"]
    assert reasons["out_of_sample_r2"] == "no backtest of this quarter is recorded"
    assert reasons["roi"] == "nothing computes it, and no signal states it"


def test_nothing_known_is_no_decision(connection: duckdb.DuckDBPyConnection) -> None:
    nothing = known(connection, views=())
    assert {row["value"] for row in nothing.to_pylist()} == {None}
    scores = facts_scores.dimension_scores(nothing, empty(contracts.DimensionScores), POLICY)
    (card,) = checked(contracts.Scorecard360, facts_decisions.scorecard_360(nothing, scores, empty(contracts.Scorecard360), POLICY))
    assert (card["decision"], card["alignment"], card["coverage"], card["least"], card["most"]) == (None, None, 0.0, 0.0, 100.0)
    assert facts_decisions.decision_flips(nothing, POLICY).num_rows == 0


def test_a_quarter_from_facts_to_its_page(connection: duckdb.DuckDBPyConnection) -> None:
    now = known(connection)
    before = pa.Table.from_pylist(
        [row | {"quarter": "2025-Q3", "value": 0.95 if row["metric"] == "goal_alignment" else row["value"]} for row in now.to_pylist()],
        schema=now.schema,
    )
    scores_before = facts_scores.dimension_scores(before, empty(contracts.DimensionScores), POLICY)
    cards_before = facts_decisions.scorecard_360(before, scores_before, empty(contracts.Scorecard360), POLICY)
    scores = facts_scores.dimension_scores(now, scores_before, POLICY)
    cards = facts_decisions.scorecard_360(now, scores, cards_before, POLICY)
    (card,) = checked(contracts.Scorecard360, cards)
    checked(contracts.DimensionScores, scores)
    assert (card["decision"], card["gap_class"], card["rule"], card["is_overrun"], card["is_accelerated"]) == (
        "pause",
        "major",
        "C55",
        True,
        None,
    )
    assert card["change"] == pytest.approx(card["alignment"] - cards_before.to_pylist()[0]["alignment"])
    moved = {row["metric"]: row["change_by_score"] for row in scores.to_pylist() if row["change_by_score"]}
    assert moved == {"goal_alignment": pytest.approx(card["change"])}
    assert card["lower"] < card["alignment"] < card["upper"]
    assert math.fsum(card[f"p_{name}"] for name in ("continue", "adjust_tactics", "pivot", "pause")) == pytest.approx(1)
    flips = checked(contracts.DecisionFlips, facts_decisions.decision_flips(now, POLICY))
    nearest = next(row for row in flips if row["wanted"] == "any")
    assert (nearest["first_metric"], nearest["first_to"], nearest["is_attained"]) == ("budget_variance", pytest.approx(0.25), True)
    views = {"plan_items": "plan_items", "feature_catalog": "feature_catalog"}
    plan = facts_remedies.remediation_plan(connection, views, now, [Q4], POLICY, PlanPolicy())
    assert [row["kind"] for row in checked(contracts.RemediationPlan, plan)] == ["late_item", "missing_feature"]
    proposal = facts_remedies.adjustment_proposal(connection, views, [Q4], POLICY, PlanPolicy())
    whole = checked(contracts.AdjustmentProposal, proposal)[0]
    assert (whole["phase"], whole["is_due"], whole["open_estimate"]) == ("*", True, 60.0)
    assert whole["proposed_estimate"] == pytest.approx(78.0)
    tables = {"assessment_facts": now, "dimension_scores": scores, "decision_flips": facts_decisions.decision_flips(now, POLICY)}
    tables |= {"scorecard_360": cards, "remediation_plan": plan, "adjustment_proposal": proposal}
    tables["risk_matrix"] = facts_risks.risk_matrix(connection, {"risk_register": "risk_register"}, [Q4], POLICY)
    tables["success_criteria"] = facts.success_criteria(now, empty(contracts.SuccessCriteria), ["2025-Q4"], POLICY)
    described = report.page(tables, pa.table({}), dt.datetime(2026, 1, 5, tzinfo=dt.UTC))
    assert described["intro"].startswith("2025-Q4: pause (provisional)" if card["is_provisional"] else "2025-Q4: pause.")
    page = page_from(described)
    assert [section.plots[0].kind for section in page.sections if section.plots] == ["ranges", "matrix", "lines"]
    for section in page.sections:
        for plot in section.plots:
            assert plots.svg(plot, plots.NARROW).count("</svg>") == 1


def test_criteria_come_and_go(connection: duckdb.DuckDBPyConnection) -> None:
    now = known(connection)
    fewer = AssessmentPolicy(criteria=POLICY.criteria[1:])
    past = facts.success_criteria(
        pa.Table.from_pylist([row | {"quarter": "2025-Q3"} for row in now.to_pylist()], schema=now.schema),
        empty(contracts.SuccessCriteria),
        ["2025-Q3"],
        fewer,
    )
    assert not any(row["is_new"] for row in past.to_pylist())
    rows = checked(contracts.SuccessCriteria, facts.success_criteria(now, past, ["2025-Q4"], POLICY))
    assert [row["criterion"] for row in rows if row["is_new"]] == [POLICY.criteria[0].name]
    one = AssessmentPolicy(criteria=POLICY.criteria[2:])
    rows = checked(contracts.SuccessCriteria, facts.success_criteria(now, past, ["2025-Q4"], one))
    assert [row["criterion"] for row in rows if row["state"] == "obsolete"] == [POLICY.criteria[1].name]


def test_a_register_with_unknown_words_leaves_its_metrics_unknown() -> None:
    con = duckdb.connect()
    feed(con, "risk_register", [{"risk_id": "R-1", "description": "", "impact": "grave", "probability": "high", "status": "open"}])
    rows = {row["metric"]: row for row in known(con, views=("risk_register",)).to_pylist()}
    assert rows["open_high_risks"]["value"] is None
    assert "1 open risks state no impact or probability" in rows["open_high_risks"]["reason"]
