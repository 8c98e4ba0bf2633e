"""Assets of governed models: their weekly retraining, the registry, promotions, demos and features."""

from collections.abc import Callable

import pyarrow as pa

from governance_assets.domains.registry import (
    contracts,
    facts,
    facts_demos,
    facts_features,
    facts_promotions,
    facts_retraining,
    report,
    rules,
)
from governance_assets.pages import plots
from governance_assets.policy import Policy, RegistryPolicy
from governance_assets.runtime.artifact import LandedPast, Past, Run, Same, artifact


def _drawn(rows_of: Callable[[str], pa.Table]) -> dict[str, str]:
    described = report.promotion_plots(rows_of)
    return {name: plots.markdown_image(plots.svg(plot, plots.NARROW), name.replace("_", " ")) for name, plot in described.items()}


@artifact(
    contracts.WeeklyRetraining,
    judge=rules.judge_weekly_retraining,
    headline=report.headline_of_retraining,
    kinds=frozenset({"python", "numba"}),
)
def weekly_retraining(run: Run, policy: RegistryPolicy, media_weekly: LandedPast) -> pa.Table:
    """One row is one engine fitted to everything known of a tenant at the end of the week."""
    return facts_retraining.weekly_retraining(run.connection, media_weekly.if_any, run.weeks, policy)


@artifact(contracts.ModelRegistry, judge=rules.judge_model_registry, headline=report.headline_of_registry)
def model_registry(
    run: Run,
    policy: Policy,
    weekly_retraining: Past,
    media_predictions: Same,
    mmm_backtest: Same,
    calibration_metrics: Same,
    model_registrations: LandedPast,
) -> pa.Table:
    """One row is one version of one governed model as it stood at the end of the week."""
    views = (weekly_retraining.view, media_predictions.view, mmm_backtest.view, calibration_metrics.view)
    return facts.model_registry(facts.sources(run.connection, *views, model_registrations.if_any, policy), run.weeks, policy)


@artifact(contracts.PromotionDecisions, judge=rules.judge_promotion_decisions, headline=report.headline_of_promotions, plots=_drawn)
def promotion_decisions(
    run: Run, policy: RegistryPolicy, model_registry: Same, media_predictions: Past, weekly_retraining: Past
) -> pa.Table:
    """One row is one challenger against the incumbent of its model."""
    registry, predicted, retrained = (
        facts.recorded(run.connection, view.view) for view in (model_registry, media_predictions, weekly_retraining)
    )
    return facts_promotions.promotion_decisions(registry, predicted, retrained, policy)


@artifact(contracts.DemoArtifacts, judge=rules.judge_demo_artifacts, headline=report.headline_of_demos)
def demo_artifacts(run: Run, model_registry: Same, weekly_retraining: Past, test_runs: LandedPast) -> pa.Table:
    """One row is the demo of one tenant's model: which version it shows, and its summary."""
    registry, retrained = (facts.recorded(run.connection, view.view) for view in (model_registry, weekly_retraining))
    failed = facts_demos.failed_runs(run.connection, test_runs.if_any)
    return facts_demos.demo_artifacts(registry, retrained, failed, report.demo_summary)


@artifact(contracts.FeatureCoverage, judge=rules.judge_feature_coverage, headline=report.headline_of_features)
def feature_coverage(run: Run, policy: RegistryPolicy, feature_catalog: LandedPast) -> pa.Table:
    """One row is how many of a category's catalogued signals are available."""
    catalogue = [] if feature_catalog.if_any is None else facts.recorded(run.connection, feature_catalog.view)
    return facts_features.feature_coverage(catalogue, run.weeks, policy)
