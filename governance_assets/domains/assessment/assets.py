"""Assets of the quarterly assessment: its facts, criteria, risks, scores, decision, what would flip it, and what follows."""

from collections.abc import Callable

import pyarrow as pa

from governance_assets.domains.assessment import contracts, facts, facts_decisions, facts_remedies, facts_risks, facts_scores, report, rules
from governance_assets.pages import plots
from governance_assets.policy import AssessmentPolicy, CalibrationPolicy, PlanPolicy
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
    plan: PlanPolicy,
    calibration_metrics: Within,
    mmm_backtest: Past,
    plan_items: LandedPast,
    feature_catalog: LandedPast,
    risk_register: LandedPast,
    stakeholder_signals: LandedPast,
) -> pa.Table:
    """One row is one metric at the end of a quarter."""
    artifacts = {"calibration_metrics": calibration_metrics, "mmm_backtest": mmm_backtest}
    feeds = {"plan_items": plan_items, "feature_catalog": feature_catalog, "risk_register": risk_register}
    given = artifacts | feeds | {"stakeholder_signals": stakeholder_signals}
    views = {name: view.if_any for name, view in given.items()}
    return facts.assessment_facts(run.connection, views, run.periods, policy, calibration, plan)


@artifact(contracts.RiskMatrix, judge=rules.judge_risk_matrix)
def risk_matrix(run: Run, policy: AssessmentPolicy, risk_register: LandedPast) -> pa.Table:
    """One row is one risk as stated last in a quarter."""
    return facts_risks.risk_matrix(run.connection, {"risk_register": risk_register.if_any}, run.periods, policy)


@artifact(contracts.SuccessCriteria, judge=rules.judge_success_criteria)
def success_criteria(run: Run, policy: AssessmentPolicy, assessment_facts: Same, success_criteria: OwnPast) -> pa.Table:
    """One row is one success criterion of a quarter."""
    known, past = _rows(run, assessment_facts.view), _rows(run, success_criteria.view)
    return facts.success_criteria(known, past, run.partition_keys, policy)


@artifact(contracts.DimensionScores, judge=rules.judge_dimension_scores)
def dimension_scores(run: Run, policy: AssessmentPolicy, assessment_facts: Same, dimension_scores: OwnPast) -> pa.Table:
    """One row is the score of one metric, or of one dimension."""
    return facts_scores.dimension_scores(_rows(run, assessment_facts.view), _rows(run, dimension_scores.view), policy)


@artifact(contracts.Scorecard360, judge=rules.judge_scorecard_360, headline=rules.headline, plots=_drawn)
def scorecard_360(run: Run, policy: AssessmentPolicy, assessment_facts: Same, dimension_scores: Same, scorecard_360: OwnPast) -> pa.Table:
    """One row is the decision of a quarter."""
    known, scores = _rows(run, assessment_facts.view), _rows(run, dimension_scores.view)
    return facts_decisions.scorecard_360(known, scores, _rows(run, scorecard_360.view), policy)


@artifact(contracts.DecisionFlips)
def decision_flips(run: Run, policy: AssessmentPolicy, assessment_facts: Same) -> pa.Table:
    """One row is the smallest change of facts that leads to another decision."""
    return facts_decisions.decision_flips(_rows(run, assessment_facts.view), policy)


@artifact(contracts.RemediationPlan, judge=rules.judge_remediation_plan)
def remediation_plan(
    run: Run, policy: AssessmentPolicy, plan: PlanPolicy, assessment_facts: Same, plan_items: LandedPast, feature_catalog: LandedPast
) -> pa.Table:
    """One row is one gap, ranked."""
    views = {"plan_items": plan_items.if_any, "feature_catalog": feature_catalog.if_any}
    return facts_remedies.remediation_plan(run.connection, views, _rows(run, assessment_facts.view), run.periods, policy, plan)


@artifact(contracts.AdjustmentProposal, judge=rules.judge_adjustment_proposal)
def adjustment_proposal(run: Run, policy: AssessmentPolicy, plan: PlanPolicy, plan_items: LandedPast) -> pa.Table:
    """One row is the variance of one phase, or of the whole plan."""
    return facts_remedies.adjustment_proposal(run.connection, {"plan_items": plan_items.if_any}, run.periods, policy, plan)
