"""Assets of model risk: approvals, overrides, challenges and attestations of each quarter, and the policies that judged."""

import pyarrow as pa

from governance_assets.domains.model_risk import contracts, facts, facts_approvals, facts_policies, report, rules
from governance_assets.policy import Policy
from governance_assets.runtime.artifact import LandedPast, Past, Run, Within, artifact


@artifact(contracts.DecisionApprovals, judge=rules.judge_decision_approvals, headline=report.headline_of_approvals)
def decision_approvals(
    run: Run, policy: Policy, scorecard_360: Past, adjustment_proposal: Past, approvals: LandedPast, plan_items: LandedPast
) -> pa.Table:
    """One row is one decision or finished item that needs approval."""
    given = facts_approvals.Given(run.connection, scorecard_360.view, adjustment_proposal.view, approvals.if_any, plan_items.if_any)
    return facts_approvals.decision_approvals(given, run.periods, run.as_of, policy)


@artifact(contracts.OverrideRegister, judge=rules.judge_override_register, headline=report.headline_of_overrides)
def override_register(run: Run, decisions: LandedPast) -> pa.Table:
    """One row is one override or waiver that was in force in the quarter."""
    return facts.override_register(run.connection, decisions.if_any, run.periods, run.as_of)


@artifact(contracts.ChallengeLog, judge=rules.judge_challenge_log, headline=report.headline_of_challenges)
def challenge_log(run: Run, challenges: LandedPast, modeling_reality_critic: Within, allocator_critic: Within) -> pa.Table:
    """One row is one challenge, or one critical check that failed without one."""
    critics = {"modeling_reality_critic": modeling_reality_critic.view, "allocator_critic": allocator_critic.view}
    return facts.challenge_log(run.connection, challenges.if_any, critics, run.periods, run.as_of)


@artifact(contracts.OwnerAttestations, judge=rules.judge_owner_attestations, headline=report.headline_of_attestations)
def owner_attestations(run: Run, policy: Policy, model_registry: Past, approvals: LandedPast) -> pa.Table:
    """One row is one role that attests to a quarter."""
    return facts.owner_attestations(run.connection, model_registry.view, approvals.if_any, run.periods, run.as_of, policy.model_risk)


@artifact(contracts.PolicyChanges, judge=rules.judge_policy_changes, headline=report.headline_of_policies)
def policy_changes(run: Run, policy: Policy, approvals: LandedPast) -> pa.Table:
    """One row is one policy that has judged."""
    history, given = run.workspace.history, facts_policies.approvals_of_changes(run.connection, approvals.if_any)
    return facts_policies.policy_changes(history.ledger(), history.policy, given, policy.assessment.deciding_role)
