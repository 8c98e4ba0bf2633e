"""Assets of issues: their triage, their service levels and the review of each half-month."""

import pyarrow as pa

from governance_assets.domains.issues import contracts, facts, report, rules
from governance_assets.policy import IssuesPolicy
from governance_assets.runtime.artifact import Run, artifact
from governance_assets.runtime.inputs import LandedPast, Same


@artifact(contracts.IssueTriage, judge=rules.judge_issue_triage, headline=report.headline_of_triage)
def issue_triage(
    run: Run,
    policy: IssuesPolicy,
    issue_events: LandedPast,
    model_runs: LandedPast,
    latency_samples: LandedPast,
    test_runs: LandedPast,
) -> pa.Table:
    """One row is one issue that was open in the half-month, with its category and priority."""
    feeds = facts.Feeds(issue_events.if_any, model_runs.if_any, latency_samples.if_any, test_runs.if_any)
    return facts.issue_triage(run.connection, feeds, run.periods, run.as_of, policy)


@artifact(contracts.SlaStatus, judge=rules.judge_sla_status, headline=report.headline_of_levels)
def sla_status(
    run: Run,
    policy: IssuesPolicy,
    issue_triage: Same,
    issue_events: LandedPast,
    model_runs: LandedPast,
    latency_samples: LandedPast,
    test_runs: LandedPast,
) -> pa.Table:
    """One row is one issue of the triage, with the time counted for it."""
    feeds = facts.Feeds(issue_events.if_any, model_runs.if_any, latency_samples.if_any, test_runs.if_any)
    return facts.sla_status(run.connection, feeds, issue_triage.view, run.periods, run.as_of, policy)


@artifact(contracts.IssueReport, headline=report.headline_of_report)
def issue_report(run: Run, policy: IssuesPolicy, issue_triage: Same, sla_status: Same) -> pa.Table:
    """One row is one line of the review of a half-month."""
    return facts.issue_report(run.connection, issue_triage.view, sla_status.view, run.periods, run.as_of, policy)
