"""Assets of the plan: its moves, progress, phases and dashboard, adjustments, the week's changelog, and what is written back."""

import datetime as dt

import pyarrow as pa

from governance_assets.domains.plan import contracts, facts, report, rules
from governance_assets.domains.plan.facts import Feeds
from governance_assets.policy import PlanPolicy
from governance_assets.runtime.artifact import LandedPast, Past, Run, Same, artifact
from governance_assets.runtime.publishing import compared


@artifact(contracts.PlanMoves, judge=rules.judge_plan_moves, headline=report.headline_of_moves, in_quiet_weeks=True)
def plan_moves(run: Run, policy: PlanPolicy, plan_transitions: LandedPast) -> pa.Table:
    """One row is one kind of move of a plan's items in one week."""
    feeds = Feeds(plan_transitions=plan_transitions.if_any)
    return facts.plan_moves(run.connection, feeds, run.periods, run.as_of, policy)


@artifact(contracts.PlanProgress, judge=rules.judge_plan_progress, headline=report.headline_of_progress, in_quiet_weeks=True)
def plan_progress(run: Run, policy: PlanPolicy, plan_items: LandedPast, plan_transitions: LandedPast) -> pa.Table:
    """One row is the scope and progress of one plan at the end of one week."""
    feeds = Feeds(plan_items=plan_items.if_any, plan_transitions=plan_transitions.if_any)
    return facts.plan_progress(run.connection, feeds, run.periods, run.as_of, policy)


@artifact(contracts.PlanPhases, judge=rules.judge_plan_phases, headline=report.headline_of_phases, in_quiet_weeks=True)
def plan_phases(run: Run, policy: PlanPolicy, plan_items: LandedPast, plan_notes: LandedPast) -> pa.Table:
    """One row is one phase of one plan at the end of one week."""
    feeds = Feeds(plan_items=plan_items.if_any, plan_notes=plan_notes.if_any)
    return facts.plan_phases(run.connection, feeds, run.periods, run.as_of, policy)


@artifact(contracts.PlanDashboard, judge=rules.judge_plan_dashboard, headline=report.headline_of_dashboard, in_quiet_weeks=True)
def plan_dashboard(
    run: Run, policy: PlanPolicy, plan_phases: Same, plan_items: LandedPast, cost_entries: LandedPast, model_runs: LandedPast
) -> pa.Table:
    """One row is one figure of the weekly dashboard."""
    feeds = Feeds(plan_items=plan_items.if_any, cost_entries=cost_entries.if_any, model_runs=model_runs.if_any)
    return facts.plan_dashboard(run.connection, feeds, plan_phases.view, run.periods, run.as_of, policy)


@artifact(
    contracts.EstimateAdjustments, judge=rules.judge_estimate_adjustments, headline=report.headline_of_adjustments, in_quiet_weeks=True
)
def estimate_adjustments(run: Run, policy: PlanPolicy, plan_items: LandedPast) -> pa.Table:
    """One row is one item with the estimate that the done items of its phase suggest."""
    return facts.estimate_adjustments(run.connection, Feeds(plan_items=plan_items.if_any), run.periods, run.as_of, policy)


@artifact(contracts.WeeklyChangelog, headline=report.headline_of_changelog, in_quiet_weeks=True)
def weekly_changelog(
    run: Run, policy: PlanPolicy, plan_items: LandedPast, plan_transitions: LandedPast, plan_notes: LandedPast, commits: LandedPast
) -> pa.Table:
    """One row is one thing that happened in the week."""
    feeds = Feeds(
        plan_items=plan_items.if_any, plan_transitions=plan_transitions.if_any, plan_notes=plan_notes.if_any, commits=commits.if_any
    )
    return facts.weekly_changelog(run.connection, feeds, run.periods, run.as_of, policy)


@artifact(contracts.PlanChanges, headline=report.headline_of_changes, in_quiet_weeks=True)
def plan_changes(run: Run, policy: PlanPolicy, estimate_adjustments: Same, plan_dashboard: Same, actions: LandedPast) -> pa.Table:
    """One row is one change that the plan store should take over."""
    feeds = Feeds(actions=actions.if_any)
    views = estimate_adjustments.view, plan_dashboard.view
    return facts.plan_changes(run.connection, feeds, *views, run.periods, run.as_of, policy)


@artifact(contracts.RepositorySync, judge=rules.judge_repository_sync, headline=report.headline_of_sync, in_quiet_weeks=True)
def repository_sync(
    run: Run,
    policy: PlanPolicy,
    plan_dashboard: Past,
    plan_phases: Past,
    weekly_changelog: Past,
    plan_items: LandedPast,
    plan_transitions: LandedPast,
    plan_notes: LandedPast,
    model_registry: Past,
) -> pa.Table:
    """One row is one thing that a sync of a repository would write, tag or refuse."""
    con, now = run.connection, run.as_of
    feeds = Feeds(plan_items=plan_items.if_any, plan_transitions=plan_transitions.if_any, plan_notes=plan_notes.if_any)
    tables = {each.view: con.table(each.view).to_arrow_table() for each in (plan_dashboard, plan_phases, weekly_changelog)}
    found = {
        (period.key, target.name): compared(
            run.workspace,
            target,
            report.published(tables, dt.date.fromisoformat(period.key), target.tag_prefix),
            facts.model_commits(con, model_registry.view, period),
            min(period.end, now),
        )
        for period in run.periods
        if period.start < now
        for target in policy.repositories
    }
    return facts.repository_sync(con, feeds, found, run.periods, now, policy)
