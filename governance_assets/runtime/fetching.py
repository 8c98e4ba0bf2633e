"""Live sources in Dagster: an asset, a job and a schedule a kind, which land files before intake reads them.

Belongs here: when a kind is fetched, and what the UI shows of it. Does not belong here: fetching (``sources/live/``), or judging how
it went (intake's ``source_fetches``). These assets are no artifacts: what they leave is a telemetry folder.
"""

import os
from collections.abc import Iterator
from typing import Any

import dagster as dg

from governance_assets.policy import PolicyError, SourcesPolicy
from governance_assets.runtime.settings import Settings
from governance_assets.runtime.sources.live import kind as kind_of
from governance_assets.runtime.sources.live.engine import FetchRunning, Places, fetch
from governance_assets.runtime.workspace import ORIGIN_TAG, Workspace

GROUP = "sources"


def asset_name(kind: str) -> str:
    """Name of the asset that fetches a kind."""
    return f"fetch_{kind}"


def job_name(kind: str) -> str:
    """Name of the job that fetches a kind; a repository does not load whose job is named as an op."""
    return f"{asset_name(kind)}_job"


def fetch_kind(workspace: Workspace, kind: str) -> dict[str, str]:
    """Fetch every source of a kind that the policy names, one after the other; how each went."""
    policy, settings = workspace.policy.sources, workspace.settings
    told = {}
    for source in policy.of(kind):
        try:
            done = fetch(kind, source, policy, Places(settings.home, settings.telemetry), os.environ)
        except FetchRunning as error:
            told[source.stream] = str(error)
        else:
            told[source.stream] = f"{done.state}; {done.error}" if done.error else done.state
    return told


def fetch_assets() -> list[dg.AssetsDefinition]:
    """One asset a kind of source."""
    return [_asset(kind) for kind in SourcesPolicy.KINDS]


def _asset(kind: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=asset_name(kind),
        group_name=GROUP,
        kinds={"json"},
        owners=["team:data_quality"],
        required_resource_keys={"workspace"},
        pool=asset_name(kind),
        description=kind_of(kind).telling,
    )
    def op(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        states = fetch_kind(context.resources.workspace, kind)
        # A source that failed is judged by source_fetches and alerts from there; the run did what it could.
        return dg.MaterializeResult(
            metadata={"sources": len(states), **{stream: dg.MetadataValue.text(state) for stream, state in states.items()}}
        )

    return op


def fetch_jobs() -> list[Any]:
    """One job a kind of source."""
    return [
        dg.define_asset_job(job_name(kind), dg.AssetSelection.assets(asset_name(kind)), description=f"Fetch: {kind_of(kind).telling}")
        for kind in SourcesPolicy.KINDS
    ]


def fetch_schedules() -> list[dg.ScheduleDefinition]:
    """One schedule a kind, at the policy's hour; a kind of which the policy names no source is passed over."""
    policy = _policy()
    return [_schedule(kind, getattr(policy, f"{kind}_cron")) for kind in SourcesPolicy.KINDS]


def _schedule(kind: str, cron: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{asset_name(kind)}_schedule",
        job_name=job_name(kind),
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"At {cron} UTC, where governance.yaml names a source below sources.{kind}.",
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if not Settings.from_environment().policy().sources.of(kind):
            return dg.SkipReason(f"governance.yaml names no source below sources.{kind}")
        return dg.RunRequest(run_key=context.scheduled_execution_time.isoformat(), tags={ORIGIN_TAG: "schedule"})

    return tick


def _policy() -> SourcesPolicy:
    """The policy in force. One that cannot be read fails every tick and run with its reason; definitions load all the same."""
    try:
        return Settings.from_environment().policy().sources
    except PolicyError:
        return SourcesPolicy()


def records_of_fetches(settings: Settings) -> Iterator[tuple[str, int]]:
    """Names and sizes of the records of fetches; they grow with every fetch, whole or not."""
    folder = settings.home / "sources"
    yield from ((path.relative_to(folder).as_posix(), path.stat().st_size) for path in sorted(folder.glob("*/*/fetches.jsonl")))
