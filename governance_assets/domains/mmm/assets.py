"""Assets of media-mix models: predictions of every week by every engine, their backtests, and what each quarter's refit says."""

from collections.abc import Mapping
from functools import partial

import pyarrow as pa

from governance_assets.domains.mmm import (
    contracts,
    facts_backtests,
    facts_predictions,
    facts_published,
    facts_refits,
    facts_saved,
    facts_stability,
    report,
    rules,
)
from governance_assets.pages import plots
from governance_assets.policy import MmmPolicy
from governance_assets.runtime.artifact import Landed, LandedPast, OwnPast, Past, Run, Same, artifact
from governance_assets.runtime.foreign_engines import fit_abroad

_NUMBA = frozenset({"python", "numba"})


def _drawn(described: Mapping[str, report.Plot]) -> dict[str, str]:
    return {name: plots.markdown_image(plots.svg(plot, plots.NARROW), name.replace("_", " ")) for name, plot in described.items()}


@artifact(contracts.MediaPredictions, judge=rules.judge_media_predictions, headline=report.headline_of_predictions, kinds=_NUMBA)
def media_predictions(run: Run, policy: MmmPolicy, media_weekly: LandedPast, media_results: LandedPast) -> pa.Table:
    """One row is what one engine predicted of one tenant in one week."""
    return facts_predictions.media_predictions(
        run.connection, media_weekly.if_any, media_results.if_any, run.weeks, policy, partial(fit_abroad, policy=policy)
    )


@artifact(
    contracts.MmmBacktest,
    judge=rules.judge_mmm_backtest,
    headline=report.headline_of_backtest,
    plots=lambda rows_of: _drawn(report.backtest_plots(rows_of)),
)
def mmm_backtest(run: Run, policy: MmmPolicy, media_predictions: Past) -> pa.Table:
    """One row is what one engine was worth for one tenant over one window of weeks."""
    return facts_backtests.mmm_backtest(run.connection, media_predictions.view, run.weeks, policy)


@artifact(contracts.MediaDraws, judge=rules.judge_media_draws, headline=report.headline_of_draws, kinds=_NUMBA)
def media_draws(run: Run, policy: MmmPolicy, media_weekly: LandedPast) -> pa.Table:
    """One row is one posterior draw of one channel or control."""
    return facts_refits.media_draws(run.connection, media_weekly.if_any, run.partition_keys, policy)


@artifact(contracts.MediaContributions)
def media_contributions(run: Run, policy: MmmPolicy, media_weekly: LandedPast, media_draws: Same) -> pa.Table:
    """One row is what one channel or control brought in one week."""
    return facts_refits.media_contributions(run.connection, media_weekly.if_any, media_draws.view, run.partition_keys, policy)


@artifact(
    contracts.RefitStability,
    judge=rules.judge_refit_stability,
    headline=report.headline_of_stability,
    plots=lambda rows_of: _drawn(report.stability_plots(rows_of)),
)
def refit_stability(run: Run, policy: MmmPolicy, media_weekly: LandedPast, media_draws: Same, refit_stability: OwnPast) -> pa.Table:
    """One row is what one refit says of one channel or control, and how far it moved."""
    view = run.connection, media_weekly.if_any, media_draws.view, refit_stability.if_any
    return facts_stability.refit_stability(*view, run.partition_keys, policy)


@artifact(contracts.PublishedFigures, judge=rules.judge_published_figures)
def published_figures(run: Run, model_runs: Landed) -> pa.Table:
    """One row is one published figure and what the stored windows give."""
    return facts_published.published_figures(run.connection, model_runs.if_any)


@artifact(contracts.SavedRuns, judge=rules.judge_saved_runs)
def saved_runs(run: Run, media_results: Landed) -> pa.Table:
    """One row is what one saved run of an engine elsewhere says of one channel, or of the weeks it predicts."""
    return facts_saved.saved_runs(run.connection, media_results.if_any)
