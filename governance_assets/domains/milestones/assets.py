"""Assets of milestones: the index of evidence, their status, and the exit gates of phases."""

import pyarrow as pa

from governance_assets.domains.milestones import contracts, facts, report, rules
from governance_assets.policy import MilestonesPolicy
from governance_assets.runtime.artifact import LandedPast, Run, Same, artifact


@artifact(contracts.EvidenceIndex, judge=rules.judge_evidence_index, headline=report.headline_of_evidence)
def evidence_index(run: Run, policy: MilestonesPolicy, evidence_files: LandedPast, commits: LandedPast) -> pa.Table:
    """One row is one file of evidence."""
    evidence, known = (run.rows(each) for each in (evidence_files, commits))
    return facts.evidence_index(evidence, known, run.periods, run.as_of, policy)


@artifact(contracts.MilestoneStatus, judge=rules.judge_milestone_status, headline=report.headline_of_milestones)
def milestone_status(run: Run, policy: MilestonesPolicy, milestone_events: LandedPast, evidence_index: Same) -> pa.Table:
    """One row is one milestone, claimed and proved or not."""
    events, evidence = (run.rows(each) for each in (milestone_events, evidence_index))
    return facts.milestone_status(events, evidence, run.periods, run.as_of, policy)


@artifact(contracts.ExitGates, judge=rules.judge_exit_gates, headline=report.headline_of_gates)
def exit_gates(run: Run, policy: MilestonesPolicy, milestone_status: Same, approvals: LandedPast) -> pa.Table:
    """One row is one phase with its exit gate."""
    status, given = (run.rows(each) for each in (milestone_status, approvals))
    return facts.exit_gates(status, given, run.periods, run.as_of, policy)
