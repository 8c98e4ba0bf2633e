"""Assets of critics: what ours find, runs of tests, the board of all critics, and timed operations."""

import pyarrow as pa

from governance_assets.domains.critics import contracts, facts, facts_merges, report, rules
from governance_assets.policy import CriticsPolicy, Policy
from governance_assets.runtime.artifact import Landed, LandedPast, Run, Same, artifact


@artifact(contracts.ModelingRealityCritic, judge=rules.judge_critic, headline=report.headline_of_critic)
def modeling_reality_critic(run: Run, policy: Policy, mmm_backtest: Same, model_registry: Same) -> pa.Table:
    """One row is one check of a media-mix model, of the fleet or of a registered model."""
    backtests, registry = (run.rows(view) for view in (mmm_backtest, model_registry))
    return facts.modeling_reality_critic(backtests, registry, run.weeks, policy)


@artifact(contracts.AllocatorCritic, judge=rules.judge_critic, headline=report.headline_of_critic)
def allocator_critic(run: Run, policy: Policy, allocator_proposals: LandedPast) -> pa.Table:
    """One row is one suite of checks of one tenant's newest proposal."""
    return facts.allocator_critic(run.rows(allocator_proposals), run.weeks, policy)


@artifact(contracts.IntegritySuite, judge=rules.judge_integrity_suite, headline=report.headline_of_suite)
def integrity_suite(run: Run, policy: CriticsPolicy, test_runs: Landed) -> pa.Table:
    """One row is one run of batches of tests."""
    return facts.integrity_suite(run.rows(test_runs), run.weeks, policy)


@artifact(contracts.MergeCoverage, judge=rules.judge_merge_coverage, headline=report.headline_of_merges)
def merge_coverage(run: Run, policy: CriticsPolicy, commits: Landed, test_runs: LandedPast) -> pa.Table:
    """One row is one merge, and whether the batches that it needs ran on it."""
    merged, ran = (run.rows(view) for view in (commits, test_runs))
    return facts_merges.merge_coverage(merged, ran, run.partition_keys, policy)


@artifact(contracts.CriticSummary, judge=rules.judge_critic_summary, headline=report.headline_of_summary)
def critic_summary(
    run: Run,
    policy: CriticsPolicy,
    modeling_reality_critic: Same,
    allocator_critic: Same,
    integrity_suite: Same,
    critic_results: LandedPast,
    variance_reports: LandedPast,
) -> pa.Table:
    """One row is one critic as it stood at the end of the week."""
    views = (modeling_reality_critic, allocator_critic, integrity_suite)
    own = {view.view: run.rows(view) for view in views}
    results, reports = (run.rows(view) for view in (critic_results, variance_reports))
    return facts.critic_summary(own, results, reports, run.weeks, policy)


@artifact(contracts.PerformanceBenchmarks, judge=rules.judge_performance_benchmarks, headline=report.headline_of_benchmarks)
def performance_benchmarks(run: Run, latency_samples: LandedPast) -> pa.Table:
    """One row is how the operations of one service went up to the end of the week."""
    return facts.performance_benchmarks(run.rows(latency_samples), run.weeks)
