"""Runs whose process is gone: reported to Dagster as failed, so that no page shows them running for ever.

Belongs here: when a run that has not ended is dead. Does not belong here: what its death means for assets (``runs.py``).

Dagster notices a dead process only of runs that its own code server started, and only while that server lives. Our runs carry the
name of their process; of others, silence decides.
"""

from __future__ import annotations

import datetime as dt

import dagster as dg

from governance_assets.runtime import processes

Status = dg.DagsterRunStatus
UNENDED = [Status.NOT_STARTED, Status.STARTING, Status.STARTED, Status.CANCELING]
"""Runs that should have a process by now, or soon; a queued run waits for one."""


def bury(instance: dg.DagsterInstance, now: dt.datetime, silence: dt.timedelta) -> list[str]:
    """Report every dead run to Dagster; returns their ids. Who is silent for longer than ``silence``, and has no known process, is dead."""
    buried = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=UNENDED)):
        why = _why_dead(instance, record, now, silence)
        if why is not None and _report(instance, record.dagster_run.run_id, why):
            buried.append(record.dagster_run.run_id)
    return buried


def _why_dead(instance: dg.DagsterInstance, record: dg.RunRecord, now: dt.datetime, silence: dt.timedelta) -> str | None:
    tags = record.dagster_run.tags
    lives = processes.lives(tags)
    if lives is False:
        return f"The process of this run, number {tags[processes.PROCESS_TAG]}, is gone: it was killed or its machine stopped"
    if lives or record.dagster_run.status == Status.NOT_STARTED:  # Dagster's own monitoring gives up on what never starts
        return None
    quiet = now - _last_sign(instance, record)
    if quiet <= silence or _works_in_silence(instance, record.dagster_run.run_id):
        return None
    return f"Nothing was heard of this run for {quiet.total_seconds() / 60:.0f} minutes"


def _works_in_silence(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the process that last said it executes the run still lives on this machine: a step may work for long and say nothing."""
    of_type = {dg.DagsterEventType.ENGINE_EVENT}
    for record in instance.get_records_for_run(run_id, of_type=of_type, ascending=False).records:
        told = getattr(record.event_log_entry.get_dagster_event().event_specific_data, "metadata", None) or {}
        number = getattr(told.get("pid"), "text", None) or ""
        if number.isdecimal():
            began = processes.began_at(int(number))
            return began is not None and began <= record.event_log_entry.timestamp
    return False


def _last_sign(instance: dg.DagsterInstance, record: dg.RunRecord) -> dt.datetime:
    newest = instance.get_records_for_run(record.dagster_run.run_id, limit=1, ascending=False).records
    timestamps = [entry.event_log_entry.timestamp for entry in newest] + [record.update_timestamp.timestamp()]
    return dt.datetime.fromtimestamp(max(timestamps), dt.UTC)


def _report(instance: dg.DagsterInstance, run_id: str, why: str) -> bool:
    """Ask again first: a process may have ended its run properly between the two questions."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return False
    if run.status == Status.CANCELING:
        instance.report_run_canceled(run, why)
    else:
        instance.report_run_failed(run, why)
    return True
