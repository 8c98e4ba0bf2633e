"""Dagster's runs, wherever they were started, as things that were seen.

Belongs here: which events of a run say that a check failed, an asset crashed or a run never began its work. Does not belong here:
what becomes of them (``observations.py``), runs whose process is gone (``dead_runs.py``).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
from dagster import DagsterEventType as EventType

from governance_assets.runtime.alerts.observations import MATERIALIZES, RUN_FINISHES, Seen, ended_at, shortened
from governance_assets.runtime.artifact import DECLARATIONS
from governance_assets.runtime.checks import CHECKS

_PAGE = 1000
_HAPPENED = {EventType.ASSET_CHECK_EVALUATION, EventType.ASSET_MATERIALIZATION, EventType.STEP_FAILURE}
_PLANNED = {EventType.ASSET_MATERIALIZATION_PLANNED, EventType.ASSET_CHECK_EVALUATION_PLANNED}
_BEGINNINGS = {EventType.STEP_START, EventType.STEP_RESTARTED}
_ENDS = {EventType.STEP_SUCCESS, EventType.STEP_FAILURE, EventType.STEP_SKIPPED}
_INTERRUPTED = "DagsterExecutionInterruptedError"
_KILLED = "ChildProcessCrashException"


@dataclass(frozen=True)
class Crash:
    """A step that ended in an error, or never ended."""

    step: str
    at: dt.datetime
    message: str
    is_interruption: bool = False


@dataclass
class Plan:
    """What each step of a run was to make: assets, and checks that stand in a step of their own."""

    assets: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    checks: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))


def is_ours(asset: str, check: str) -> bool:
    """Whether a check only shows what the findings of an artifact say; these were committed with their changes of state."""
    return check in CHECKS and asset in DECLARATIONS


def seen_in(instance: dg.DagsterInstance, record: dg.RunRecord, cursor: str | None) -> tuple[list[Seen], str]:
    """What happened in a run behind ``cursor``, and the cursor behind it. Of a run that has ended, its end as well."""
    run = record.dagster_run
    entries, behind = _entries(instance, run.run_id, _HAPPENED, cursor)
    seen: list[Seen] = []
    for entry in entries:
        event = entry.get_dagster_event()
        if event.event_type == EventType.ASSET_CHECK_EVALUATION:
            seen += _evaluated(event.asset_check_evaluation_data, entry)
        elif event.event_type == EventType.ASSET_MATERIALIZATION:
            seen.append(_materialized(_name(event.asset_key), entry))
    if run.status == dg.DagsterRunStatus.SUCCESS:
        seen.append(_finished(record))
    elif run.status == dg.DagsterRunStatus.FAILURE:
        seen += _ended_badly(instance, record)
    elif run.status == dg.DagsterRunStatus.STARTED:
        # Somebody who stops a run interrupts its steps; whether that was a failure, only the end of the run says.
        crashes = [crash for crash in _crashes(entries) if not crash.is_interruption]
        seen += _crashed(instance, run, crashes)
    return seen, behind


def _entries(
    instance: dg.DagsterInstance, run_id: str, types: set[EventType], cursor: str | None = None
) -> tuple[list[dg.EventLogEntry], str]:
    entries: list[dg.EventLogEntry] = []
    while True:
        page = instance.get_records_for_run(run_id, cursor=cursor, of_type=types, limit=_PAGE)
        entries += [record.event_log_entry for record in page.records]
        cursor = page.cursor
        if not page.has_more:
            return entries, cursor


# ---------------------------------------------------------------- checks and materializations


def _evaluated(evaluation: dg.AssetCheckEvaluation, entry: dg.EventLogEntry) -> Iterator[Seen]:
    asset, check, partition = _name(evaluation.asset_key), evaluation.check_name, evaluation.partition
    if is_ours(asset, check):
        return
    verb = "meets" if evaluation.passed else "misses"
    told = shortened(evaluation.description or "")
    yield Seen(
        artifact=asset,
        rule=check,
        subject=f"{asset} {partition}" if partition else asset,
        at=_at(entry),
        outcome="pass" if evaluation.passed else "fail",
        severity="error" if evaluation.severity == dg.AssetCheckSeverity.ERROR else "warn",
        message=f"{asset}{f' {partition}' if partition else ''} {verb} the check {check}" + (f": {told}" if told else ""),
        remedy=_remedy(entry.run_id, "see what the check found, mend it, then run the check again"),
        partition_key=partition or "",
        ended_at=ended_at(partition) if partition else None,
        run_id=entry.run_id,
        owner=_owner(asset),
    )
    if partition:  # the check as such could be evaluated, whatever it said of the partition
        yield Seen(asset, check, asset, _at(entry), "pass", f"{asset} is judged by the check {check} again", run_id=entry.run_id)


def _materialized(asset: str, entry: dg.EventLogEntry) -> Seen:
    return Seen(
        artifact=asset,
        rule=MATERIALIZES,
        subject=asset,
        at=_at(entry),
        outcome="pass",
        message=f"{asset} was materialized",
        run_id=entry.run_id,
        owner=_owner(asset),
    )


# ---------------------------------------------------------------- crashes


def _ended_badly(instance: dg.DagsterInstance, record: dg.RunRecord) -> Iterator[Seen]:
    """What a failed run leaves behind: crashed and unended steps with what they were to make, else the run itself."""
    run = record.dagster_run
    entries, _ = _entries(instance, run.run_id, {*_BEGINNINGS, *_ENDS})
    crashes = [*_crashes(entries), *_unended(entries)]
    if crashes:
        yield from _crashed(instance, run, crashes)
    else:
        yield _unfinished(record, _why(instance, run.run_id))


def _crashes(entries: Iterable[dg.EventLogEntry]) -> Iterator[Crash]:
    for entry in entries:
        event = entry.get_dagster_event()
        if event.event_type == EventType.STEP_FAILURE:
            yield Crash(str(event.step_key), _at(entry), _error_of(event), _is_interruption(event))


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
        yield Crash(step, _instant(last), f"its process ended without a word; the step was begun at {_at(entry):%Y-%m-%d %H:%M:%S} UTC")


def _crashed(instance: dg.DagsterInstance, run: dg.DagsterRun, crashes: Sequence[Crash]) -> Iterator[Seen]:
    plan = _plan(instance, run.run_id) if crashes else Plan()
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
    if entry is not None and _at(entry) > at:
        yield _materialized(asset, entry)


def _finished_since(instance: dg.DagsterInstance, job: str, at: dt.datetime) -> Iterator[Seen]:
    newest = instance.get_run_records(dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS]), limit=1)
    yield from (_finished(record) for record in newest if _end(record) > at)


# ---------------------------------------------------------------- how Dagster tells it


def _plan(instance: dg.DagsterInstance, run_id: str) -> Plan:
    plan = Plan()
    for entry in _entries(instance, run_id, _PLANNED)[0]:
        event = entry.get_dagster_event()
        if event.event_type == EventType.ASSET_MATERIALIZATION_PLANNED:
            plan.assets[str(event.step_key)].add(_name(event.asset_key))
        else:
            planned = event.asset_check_planned_data
            plan.checks[str(event.step_key)].add((_name(planned.asset_key), planned.check_name))
    return plan


def _why(instance: dg.DagsterInstance, run_id: str) -> str:
    """The first error among the last events of a run, else the message it failed with."""
    entries, _ = _entries(instance, run_id, {EventType.RUN_FAILURE, EventType.ENGINE_EVENT})
    events = [entry.get_dagster_event() for entry in reversed(entries)]
    errors = [_error_of(event) for event in events if getattr(event.event_specific_data, "error", None) is not None]
    messages = [shortened(event.message) for event in events if event.event_type == EventType.RUN_FAILURE and event.message]
    return next(iter([*errors, *messages]), "Dagster gives no reason")


def _error_of(event: dg.DagsterEvent) -> str:
    """The first line of the error at the bottom of an event's chain of causes."""
    error = getattr(event.event_specific_data, "error", None)
    while error is not None and error.cause is not None:
        error = error.cause
    if error is not None and error.cls_name == _KILLED:
        return "its process was killed"
    return shortened(error.message if error is not None else event.message or "") or "Dagster gives no reason"


def _is_interruption(event: dg.DagsterEvent) -> bool:
    error = getattr(event.event_specific_data, "error", None)
    while error is not None and error.cls_name != _INTERRUPTED:
        error = error.cause
    return error is not None


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


def _name(key: dg.AssetKey | None) -> str:
    return key.to_user_string() if key is not None else ""


def _at(entry: dg.EventLogEntry) -> dt.datetime:
    return _instant(entry.timestamp)


def _end(record: dg.RunRecord) -> dt.datetime:
    return _instant(record.end_time or record.update_timestamp.timestamp())


def _instant(timestamp: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(timestamp, dt.UTC)
