"""Assets of scores: every forecast, and every central interval by week."""

import pyarrow as pa

from governance_assets.domains.scores import contracts, facts, report, rules
from governance_assets.policy import CalibrationPolicy
from governance_assets.runtime.artifact import Landed, Run, artifact

_DUCKDB = frozenset({"duckdb", "parquet"})


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
