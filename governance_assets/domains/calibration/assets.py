"""Assets of calibration: what windows of scored weeks say about stated uncertainties."""

from collections.abc import Mapping

import pyarrow as pa

from governance_assets.domains.calibration import contracts, facts, report, rules
from governance_assets.pages import plots
from governance_assets.policy import CalibrationPolicy
from governance_assets.runtime.artifact import Past, Run, artifact

_DUCKDB = frozenset({"duckdb", "parquet"})


def _drawn(described: Mapping[str, report.Plot]) -> dict[str, str]:
    return {name: plots.markdown_image(plots.svg(plot, plots.NARROW), name.replace("_", " ")) for name, plot in described.items()}


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
