"""Assets of the quarterly assessment: its facts, criteria, risks, scores, decision, what would flip it, and what follows."""

from collections.abc import Callable

import pyarrow as pa

from governance_assets.domains.assessment import contracts, facts, report, rules
from governance_assets.pages import plots
from governance_assets.policy import AssessmentPolicy, CalibrationPolicy
from governance_assets.runtime.artifact import LandedPast, OwnPast, Past, Run, Same, Within, artifact


def _drawn(rows_of: Callable[[str], pa.Table]) -> dict[str, str]:
    described = report.scorecard_plots(rows_of)
    return {name: plots.markdown_image(plots.svg(plot, plots.NARROW), name.replace("_", " ")) for name, plot in described.items()}


def _rows(run: Run, view: str) -> pa.Table:
    return run.connection.table(view).to_arrow_table()


@artifact(contracts.AssessmentFacts, judge=rules.judge_assessment_facts)
def assessment_facts(
    run: Run,
    policy: AssessmentPolicy,
    calibration: CalibrationPolicy,
    calibration_metrics: Within,
    mmm_backtest: Past,
    plan_items: LandedPast,
    feature_catalog: LandedPast,
    risk_register: LandedPast,
    stakeholder_signals: LandedPast,
) -> pa.Table:
    """One row is one metric at the end of a quarter."""
    given = (calibration_metrics, mmm_backtest, plan_items, feature_catalog, risk_register, stakeholder_signals)
    names = ("calibration_metrics", "mmm_backtest", "plan_items", "feature_catalog", "risk_register", "stakeholder_signals")
    views = {name: view.if_any for name, view in zip(names, given, strict=True)}
    return facts.assessment_facts(run.connection, views, run.periods, policy, calibration)


@artifact(contracts.RiskMatrix, judge=rules.judge_risk_matrix)
def risk_matrix(run: Run, policy: AssessmentPolicy, risk_register: LandedPast) -> pa.Table:
    """One row is one risk as stated last in a quarter."""
    return facts.risk_matrix(run.connection, {"risk_register": risk_register.if_any}, run.periods, policy)


@artifact(contracts.SuccessCriteria, judge=rules.judge_success_criteria)
def success_criteria(run: Run, policy: AssessmentPolicy, assessment_facts: Same, success_criteria: OwnPast) -> pa.Table:
    """One row is one success criterion of a quarter."""
    known, past = _rows(run, assessment_facts.view), _rows(run, success_criteria.view)
    return facts.success_criteria(known, past, run.partition_keys, policy)


@artifact(contracts.DimensionScores, judge=rules.judge_dimension_scores)
def dimension_scores(run: Run, policy: AssessmentPolicy, assessment_facts: Same, dimension_scores: OwnPast) -> pa.Table:
    """One row is the score of one metric, or of one dimension."""
    return facts.dimension_scores(_rows(run, assessment_facts.view), _rows(run, dimension_scores.view), policy)


@artifact(contracts.Scorecard360, judge=rules.judge_scorecard_360, headline=rules.headline, plots=_drawn)
def scorecard_360(run: Run, policy: AssessmentPolicy, assessment_facts: Same, dimension_scores: Same, scorecard_360: OwnPast) -> pa.Table:
    """One row is the decision of a quarter."""
    known, scores = _rows(run, assessment_facts.view), _rows(run, dimension_scores.view)
    return facts.scorecard_360(known, scores, _rows(run, scorecard_360.view), policy)


@artifact(contracts.DecisionFlips)
def decision_flips(run: Run, policy: AssessmentPolicy, assessment_facts: Same) -> pa.Table:
    """One row is the smallest change of facts that leads to another decision."""
    return facts.decision_flips(_rows(run, assessment_facts.view), policy)


@artifact(contracts.RemediationPlan, judge=rules.judge_remediation_plan)
def remediation_plan(
    run: Run, policy: AssessmentPolicy, assessment_facts: Same, plan_items: LandedPast, feature_catalog: LandedPast
) -> pa.Table:
    """One row is one gap, ranked."""
    views = {"plan_items": plan_items.if_any, "feature_catalog": feature_catalog.if_any}
    return facts.remediation_plan(run.connection, views, _rows(run, assessment_facts.view), run.periods, policy)


@artifact(contracts.AdjustmentProposal, judge=rules.judge_adjustment_proposal)
def adjustment_proposal(run: Run, policy: AssessmentPolicy, plan_items: LandedPast) -> pa.Table:
    """One row is the variance of one phase, or of the whole plan."""
    return facts.adjustment_proposal(run.connection, {"plan_items": plan_items.if_any}, run.periods, policy)
