"""Assets of the quarter's variance: key figures, components of the risk, and recommended actions."""

import pyarrow as pa

from governance_assets.contract import registry
from governance_assets.domains.variance import contracts, facts, report, rules
from governance_assets.policy import MmmPolicy, ReviewPolicy, VariancePolicy
from governance_assets.runtime.artifact import Past, Run, Within, artifact


@artifact(contracts.KpiDeltas, judge=rules.judge_kpi_deltas, headline=report.headline_of_figures)
def kpi_deltas(run: Run, policy: VariancePolicy, mmm: MmmPolicy, mmm_backtest: Past, allocator_critic: Past) -> pa.Table:
    """One row is one key figure of the quarter."""
    seen = facts.Seen(*(run.rows(each) for each in (mmm_backtest, allocator_critic)))
    return facts.kpi_deltas(seen, run.periods, policy, mmm)


@artifact(contracts.VarianceComponents, judge=rules.judge_variance_components, headline=report.headline_of_components)
def variance_components(
    run: Run, policy: VariancePolicy, review: ReviewPolicy, mmm: MmmPolicy, mmm_backtest: Within, critic_summary: Within
) -> pa.Table:
    """One row is one component of the quarter's risk."""
    backtests, summary = (run.rows(each) for each in (mmm_backtest, critic_summary))
    return facts.variance_components(facts.Seen(backtests, summary=summary), run.periods, run.as_of, policy, review, mmm)


@artifact(contracts.RecommendedActions, judge=rules.judge_recommended_actions, headline=report.headline_of_actions)
def recommended_actions(run: Run, policy: VariancePolicy, modeling_reality_critic: Within, allocator_critic: Within) -> pa.Table:
    """One row is one action that a failed check asks for."""
    reality, allocator = (run.rows(each) for each in (modeling_reality_critic, allocator_critic))
    owners = {name: registry()[name].owner for name in ("modeling_reality_critic", "allocator_critic")}
    return facts.recommended_actions(facts.Seen(reality=reality, allocator=allocator), owners, run.periods, run.as_of, policy)
