"""Assets of the review: the variance bundle, the kickoff, the actions and the decisions of each quarter."""

import pyarrow as pa

from governance_assets.domains.review import contracts, facts, report, rules
from governance_assets.policy import CalendarPolicy, ReviewPolicy
from governance_assets.runtime.artifact import Landed, LandedPast, Run, Same, artifact


@artifact(contracts.VarianceBundle, judge=rules.judge_variance_bundle, headline=report.headline_of_bundle)
def variance_bundle(
    run: Run,
    policy: ReviewPolicy,
    variance_reports: Landed,
    variance_components: Same,
    kpi_deltas: Same,
    recommended_actions: Same,
) -> pa.Table:
    """One row is one component of one variance report."""
    verdicts = variance_components.if_any, kpi_deltas.if_any, recommended_actions.if_any
    return facts.variance_bundle(run.connection, variance_reports.if_any, verdicts, run.periods, policy)


@artifact(contracts.ReviewKickoff, judge=rules.judge_review_kickoff, headline=report.headline_of_kickoff)
def review_kickoff(run: Run, policy: ReviewPolicy, calendar: CalendarPolicy, review_events: LandedPast) -> pa.Table:
    """One row is one kickoff planned or held in the quarter."""
    return facts.review_kickoff(run.connection, review_events.if_any, run.periods, run.as_of, policy, calendar)


@artifact(contracts.ActionRegister, judge=rules.judge_action_register, headline=report.headline_of_actions)
def action_register(run: Run, policy: ReviewPolicy, actions: LandedPast) -> pa.Table:
    """One row is one action that was open in the quarter."""
    return facts.action_register(run.connection, actions.if_any, run.periods, run.as_of, policy)


@artifact(contracts.DecisionLog, judge=rules.judge_decision_log, headline=report.headline_of_decisions)
def decision_log(
    run: Run,
    calendar: CalendarPolicy,
    decisions: LandedPast,
    actions: LandedPast,
    plan_transitions: LandedPast,
    plan_items: LandedPast,
) -> pa.Table:
    """One row is one decision taken in the quarter."""
    plan = plan_transitions.if_any, plan_items.if_any
    return facts.decision_log(run.connection, decisions.if_any, actions.if_any, plan, run.periods, run.as_of, calendar)
