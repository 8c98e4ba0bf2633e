"""Assets of intake: the manifest of each feed, and what was refused."""

import pyarrow as pa

from governance_assets.domains.intake import contracts, facts, rules
from governance_assets.runtime.artifact import Run, artifact


@artifact(contracts.QuantileForecasts, judge=rules.judge_manifest, headline=rules.headline, kinds=frozenset({"parquet"}))
def quantile_forecasts(run: Run) -> pa.Table:
    """One row is one file of quantile forecasts that landed."""
    return run.intake().manifests["quantile_forecasts"]


@artifact(contracts.SampleForecasts, judge=rules.judge_manifest, headline=rules.headline, kinds=frozenset({"parquet"}))
def sample_forecasts(run: Run) -> pa.Table:
    """One row is one file of sample forecasts that landed."""
    return run.intake().manifests["sample_forecasts"]


@artifact(contracts.Observations, judge=rules.judge_manifest, headline=rules.headline, kinds=frozenset({"parquet"}))
def observations(run: Run) -> pa.Table:
    """One row is one file of observations that landed."""
    return run.intake().manifests["observations"]


@artifact(contracts.RejectedRecords, judge=rules.judge_rejected, kinds=frozenset({"parquet"}))
def rejected_records(run: Run) -> pa.Table:
    """One row is one refused row, task or file, or one file that is no telemetry."""
    intake = run.intake()
    return facts.with_ignored(intake.rejected, intake.ignored)
