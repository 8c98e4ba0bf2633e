"""Assets of intake: the manifest of each feed, and what was refused."""

import dagster as dg
import pyarrow as pa

from governance_assets.domains.intake import contracts, facts, rules
from governance_assets.policy import IntakePolicy
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


@artifact(contracts.MediaWeekly, judge=rules.judge_manifest, headline=rules.headline_values, kinds=frozenset({"parquet"}))
def media_weekly(run: Run) -> pa.Table:
    """One row is one wide media file that landed."""
    return run.intake().manifests["media_weekly"]


def _record_feed(name: str) -> dg.AssetsDefinition:
    """The manifest of a record feed as an asset; one row is one file of the feed that landed."""

    def manifest(run: Run) -> pa.Table:
        return run.intake().manifests[name]

    manifest.__name__ = name
    contract = contracts.RECORD_MANIFESTS[name]
    return artifact(contract, judge=rules.judge_manifest, headline=rules.headline, kinds=frozenset({"parquet"}))(manifest)


globals().update({name: _record_feed(name) for name in contracts.RECORD_MANIFESTS})


@artifact(contracts.MediaSeries, judge=rules.judge_media, headline=rules.headline_tenants)
def media_series(run: Run, policy: IntakePolicy) -> pa.Table:
    """One row is one series of one tenant over all weeks that landed."""
    return facts.media_series(run.intake().media, policy.spend_past_weeks, policy.spend_recent_weeks)


@artifact(contracts.RejectedRecords, judge=rules.judge_rejected, kinds=frozenset({"parquet"}))
def rejected_records(run: Run) -> pa.Table:
    """One row is one refused row, task or file, or one file that is no telemetry."""
    intake = run.intake()
    return facts.with_ignored(intake.rejected, intake.ignored)
