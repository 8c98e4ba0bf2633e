"""Assets of intake: the manifest of each feed, and what was refused."""

from collections.abc import Callable

import pyarrow as pa

from governance_assets.domains.intake import contracts, facts, rules
from governance_assets.policy import IntakePolicy, SourcesPolicy
from governance_assets.runtime.artifact import Run, artifact, artifacts
from governance_assets.runtime.sources.live.records import fetches


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


def _manifest(name: str) -> Callable[[Run], pa.Table]:
    """What makes the manifest of a record feed; one row is one file of the feed that landed."""

    def manifest(run: Run) -> pa.Table:
        return run.intake().manifests[name]

    return manifest


record_feeds = artifacts(
    "record_feeds",
    list(contracts.RECORD_MANIFESTS.values()),
    _manifest,
    judge=rules.judge_manifest,
    headline=rules.headline,
    kinds=frozenset({"parquet"}),
)


@artifact(contracts.MediaSeries, judge=rules.judge_media, headline=rules.headline_tenants)
def media_series(run: Run, policy: IntakePolicy) -> pa.Table:
    """One row is one series of one tenant over all weeks that landed."""
    return facts.media_series(run.intake().media, policy.spend_past_weeks, policy.spend_recent_weeks)


@artifact(contracts.SourceFetches, judge=rules.judge_sources, headline=rules.headline_sources)
def source_fetches(run: Run, policy: SourcesPolicy) -> pa.Table:
    """One row is one live source and how its last fetch ended."""
    return facts.source_fetches(fetches(run.workspace.settings.home, policy, run.present))


@artifact(contracts.RejectedRecords, judge=rules.judge_rejected, kinds=frozenset({"parquet"}))
def rejected_records(run: Run) -> pa.Table:
    """One row is one refused row, task or file, or one file that is no telemetry."""
    intake = run.intake()
    return facts.with_ignored(intake.rejected, intake.ignored)
