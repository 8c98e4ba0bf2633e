"""Dagster's runs, wherever they were started, as things that were seen.

Belongs here: which events of a run say that a check failed, an asset crashed or a run never began its work. Does not belong here:
what becomes of them (``observations.py``), runs whose process is gone (``dead_runs.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterEventType as EventType

from governance_assets.runtime.alerts.observations import MATERIALIZES, RUN_FINISHES, Seen, ended_at, shortened
from governance_assets.runtime.alerts.run_events import (
    Plan,
    entries_of,
    error_of,
    instant,
    instant_of,
    is_interruption,
    name_of,
    plan_of,
    why_failed,
)
from governance_assets.runtime.artifact import DECLARATIONS
from governance_assets.runtime.checks import CHECKS

_HAPPENED = {EventType.ASSET_CHECK_EVALUATION, EventType.ASSET_MATERIALIZATION, EventType.STEP_FAILURE}
_BEGINNINGS = {EventType.STEP_START, EventType.STEP_RESTARTED}
_ENDS = {EventType.STEP_SUCCESS, EventType.STEP_FAILURE, EventType.STEP_SKIPPED}


@dataclass(frozen=True)
class Crash:
    """A step that ended in an error, or never ended."""

    step: str
    at: dt.datetime
    message: str
    is_interruption: bool = False


def is_ours(asset: str, check: str) -> bool:
    """Whether a check only shows what the findings of an artifact say; these were committed with their changes of state."""
    return check in CHECKS and asset in DECLARATIONS


def seen_in(instance: dg.DagsterInstance, record: dg.RunRecord, cursor: str | None) -> tuple[list[Seen], str]:
    """What happened in a run behind ``cursor``, and the cursor behind it. Of a run that has ended, its end as well."""
    run = record.dagster_run
    entries, behind = entries_of(instance, run.run_id, _HAPPENED, cursor)
    seen: list[Seen] = []
    for entry in entries:
        event = entry.get_dagster_event()
        if event.event_type == EventType.ASSET_CHECK_EVALUATION:
            seen += _evaluated(event.asset_check_evaluation_data, entry)
        elif event.event_type == EventType.ASSET_MATERIALIZATION:
            seen.append(_materialized(name_of(event.asset_key), entry))
    if run.status == dg.DagsterRunStatus.SUCCESS:
        seen.append(_finished(record))
    elif run.status == dg.DagsterRunStatus.FAILURE:
        seen += _ended_badly(instance, record)
    elif run.status == dg.DagsterRunStatus.STARTED:
        # Somebody who stops a run interrupts its steps; whether that was a failure, only the end of the run says.
        crashes = [crash for crash in _crashes(entries) if not crash.is_interruption]
        seen += _crashed(instance, run, crashes)
    return seen, behind


# ---------------------------------------------------------------- checks and materializations


def _evaluated(evaluation: dg.AssetCheckEvaluation, entry: dg.EventLogEntry) -> Iterator[Seen]:
    asset, check, partition = name_of(evaluation.asset_key), evaluation.check_name, evaluation.partition
    if is_ours(asset, check):
        return
    verb = "meets" if evaluation.passed else "misses"
    told = shortened(evaluation.description or "")
    yield Seen(
        artifact=asset,
        rule=check,
        subject=f"{asset} {partition}" if partition else asset,
        at=instant_of(entry),
        outcome="pass" if evaluation.passed else "fail",
        severity="error" if evaluation.severity == dg.AssetCheckSeverity.ERROR else "warn",
        message=f"{asset}{f' {partition}' if partition else ''} {verb} the check {check}" + (f": {told}" if told else ""),
        remedy=_remedy(entry.run_id, "see what the check found, mend it, then run the check again"),
        # The subject names it. Of an artifact of ours the key stays empty: findings of a partition end what they no longer judge.
        partition_key="" if asset in DECLARATIONS else partition or "",
        ended_at=ended_at(partition) if partition else None,
        run_id=entry.run_id,
        owner=_owner(asset),
    )
    if partition:  # the check as such could be evaluated, whatever it said of the partition
        yield Seen(asset, check, asset, instant_of(entry), "pass", f"{asset} is judged by the check {check} again", run_id=entry.run_id)


def _materialized(asset: str, entry: dg.EventLogEntry) -> Seen:
    return Seen(
        artifact=asset,
        rule=MATERIALIZES,
        subject=asset,
        at=instant_of(entry),
        outcome="pass",
        message=f"{asset} was materialized",
        run_id=entry.run_id,
        owner=_owner(asset),
    )


# ---------------------------------------------------------------- crashes


def _ended_badly(instance: dg.DagsterInstance, record: dg.RunRecord) -> Iterator[Seen]:
    """What a failed run leaves behind: crashed and unended steps with what they were to make, else the run itself."""
    run = record.dagster_run
    entries, _ = entries_of(instance, run.run_id, {*_BEGINNINGS, *_ENDS})
    crashes = [*_crashes(entries), *_unended(entries)]
    if crashes:
        yield from _crashed(instance, run, crashes)
    else:
        yield _unfinished(record, why_failed(instance, run.run_id))


def _crashes(entries: Iterable[dg.EventLogEntry]) -> Iterator[Crash]:
    for entry in entries:
        event = entry.get_dagster_event()
        if event.event_type == EventType.STEP_FAILURE:
            yield Crash(str(event.step_key), instant_of(entry), error_of(event), is_interruption(event))


def _unended(entries: Iterable[dg.EventLogEntry]) -> Iterator[Crash]:
    """Steps that were begun and never ended; they died with the last sign of life that any step gave."""
    begun: dict[str, dg.EventLogEntry] = {}
    last = 0.0
    for entry in entries:
        event = entry.get_dagster_event()
        last = max(last, entry.timestamp)
        if event.event_type in _BEGINNINGS:
            begun[str(event.step_key)] = entry
        else:
            begun.pop(str(event.step_key), None)
    for step, entry in begun.items():
        yield Crash(
            step, instant(last), f"its process ended without a word; the step was begun at {instant_of(entry):%Y-%m-%d %H:%M:%S} UTC"
        )


def _crashed(instance: dg.DagsterInstance, run: dg.DagsterRun, crashes: Sequence[Crash]) -> Iterator[Seen]:
    plan = plan_of(instance, run.run_id) if crashes else Plan()
    for crash in crashes:
        assets = plan.assets.get(crash.step, set())
        checks = plan.checks.get(crash.step, set()) if not assets else set()
        assets = assets | {asset for asset, check in checks if is_ours(asset, check)}
        for asset in sorted(assets):
            yield _crashed_asset(asset, run, crash)
            yield from _materialized_since(instance, asset, crash.at)
        for asset, check in sorted(one for one in checks if not is_ours(*one)):
            yield _crashed_check(asset, check, run, crash)
        if not assets and not checks:
            yield _crashed_op(run, crash)
            yield from _finished_since(instance, run.job_name, crash.at)


def _crashed_asset(asset: str, run: dg.DagsterRun, crash: Crash) -> Seen:
    # No partition key: an incident of the asset, whatever partition it crashed in, and any materialization closes it.
    where = _partitions(run.tags)
    return Seen(
        artifact=asset,
        rule=MATERIALIZES,
        subject=asset,
        at=crash.at,
        outcome="error",
        message=f"{asset} was not materialized{where}: {crash.message}",
        remedy=_remedy(run.run_id, "mend what its error names, then materialize the asset again"),
        run_id=run.run_id,
        owner=_owner(asset),
    )


def _crashed_check(asset: str, check: str, run: dg.DagsterRun, crash: Crash) -> Seen:
    return Seen(
        artifact=asset,
        rule=check,
        subject=asset,
        at=crash.at,
        outcome="error",
        message=f"{asset} could not be judged by the check {check}: {crash.message}",
        remedy=_remedy(run.run_id, "mend the check, then run it again"),
        run_id=run.run_id,
        owner=_owner(asset),
    )


def _crashed_op(run: dg.DagsterRun, crash: Crash) -> Seen:
    return _of_job(run.job_name, crash.at, run.run_id, f"the job {run.job_name} failed in {crash.step}: {crash.message}")


def _unfinished(record: dg.RunRecord, why: str) -> Seen:
    run = record.dagster_run
    return _of_job(run.job_name, _end(record), run.run_id, f"a run of {run.job_name} failed before any step began: {why}")


def _of_job(job: str, at: dt.datetime, run_id: str, message: str) -> Seen:
    remedy = _remedy(run_id, "mend what its error names, then run the job again")
    return Seen(job, RUN_FINISHES, job, at, "error", message, remedy=remedy, run_id=run_id)


def _finished(record: dg.RunRecord) -> Seen:
    job = record.dagster_run.job_name
    return Seen(job, RUN_FINISHES, job, _end(record), "pass", f"a run of {job} finished", run_id=record.dagster_run.run_id)


def _materialized_since(instance: dg.DagsterInstance, asset: str, at: dt.datetime) -> Iterator[Seen]:
    """A materialization that is later than a crash of which we hear only now."""
    entry = instance.get_latest_materialization_event(dg.AssetKey.from_user_string(asset))
    if entry is not None and instant_of(entry) > at:
        yield _materialized(asset, entry)


def _finished_since(instance: dg.DagsterInstance, job: str, at: dt.datetime) -> Iterator[Seen]:
    newest = instance.get_run_records(dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS]), limit=1)
    yield from (_finished(record) for record in newest if _end(record) > at)


# ---------------------------------------------------------------- words


def _partitions(tags: Mapping[str, str]) -> str:
    one = tags.get("dagster/partition")
    first, last = tags.get("dagster/asset_partition_range_start"), tags.get("dagster/asset_partition_range_end")
    if one is None and first is None:
        return ""
    return f" for {one or (first if first == last else f'{first} to {last}')}"


def _remedy(run_id: str, what: str) -> str:
    return f"Open run {run_id[:8]} in Dagster's UI; {what}"


def _owner(asset: str) -> str:
    return DECLARATIONS[asset].contract.owner if asset in DECLARATIONS else ""


def _end(record: dg.RunRecord) -> dt.datetime:
    return instant(record.end_time or record.update_timestamp.timestamp())
