"""Assets of calibration: scores of every forecast, and what windows of weeks say about them."""

from collections.abc import Mapping

import pyarrow as pa

from governance_assets.domains.calibration import contracts, facts, report, rules
from governance_assets.pages import plots
from governance_assets.policy import CalibrationPolicy
from governance_assets.runtime.artifact import Landed, Past, Run, artifact

_DUCKDB = frozenset({"duckdb", "parquet"})


def _drawn(described: Mapping[str, report.Plot]) -> dict[str, str]:
    return {name: plots.markdown_image(plots.svg(plot, plots.NARROW), name.replace("_", " ")) for name, plot in described.items()}


@artifact(contracts.ForecastScores, judge=rules.judge_forecast_scores, headline=report.headline_of_scores, kinds=_DUCKDB)
def forecast_scores(
    run: Run, policy: CalibrationPolicy, quantile_forecasts: Landed, sample_forecasts: Landed, observations: Landed
) -> pa.Table:
    """One row is one forecast of one model for one task, scored."""
    return facts.forecast_scores(run.connection, quantile_forecasts.if_any, sample_forecasts.if_any, observations.view, run.weeks, policy)


@artifact(contracts.IntervalScores, kinds=_DUCKDB)
def interval_scores(
    run: Run, policy: CalibrationPolicy, quantile_forecasts: Landed, sample_forecasts: Landed, observations: Landed
) -> pa.Table:
    """One row is the width and score of one central interval over one week and stratum."""
    return facts.interval_scores(run.connection, quantile_forecasts.if_any, sample_forecasts.if_any, observations.view, run.weeks, policy)


@artifact(
    contracts.CalibrationMetrics,
    judge=rules.judge_calibration_metrics,
    judge_gap=rules.judge_gap,
    headline=report.headline_of_metrics,
    plots=lambda rows_of: _drawn(report.metric_plots(rows_of)),
    kinds=_DUCKDB,
)
def calibration_metrics(run: Run, policy: CalibrationPolicy, forecast_scores: Past, interval_scores: Past) -> pa.Table:
    """One row is one metric of one model over one window of weeks."""
    return facts.calibration_metrics(run.connection, forecast_scores.view, interval_scores.view, run.weeks, policy)


@artifact(contracts.CalibrationCurve, plots=lambda rows_of: _drawn(report.curve_plots(rows_of)), kinds=_DUCKDB)
def calibration_curve(run: Run, policy: CalibrationPolicy, forecast_scores: Past) -> pa.Table:
    """One row is one point of a reliability curve, or one bin of a PIT histogram."""
    return facts.calibration_curve(run.connection, forecast_scores.view, run.weeks, policy)


@artifact(contracts.RelativeSkill, judge=rules.judge_relative_skill, headline=report.headline_of_skill, kinds=_DUCKDB)
def relative_skill(run: Run, policy: CalibrationPolicy, forecast_scores: Past) -> pa.Table:
    """One row is one model against one other, or against all of them."""
    return facts.relative_skill(run.connection, forecast_scores.view, run.weeks, policy)
