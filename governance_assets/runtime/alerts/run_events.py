"""The events of one run, as Dagster's log tells them.

Belongs here: paging through the log, plans, errors. Does not belong here: what any of it means for an incident (``runs.py``).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field

import dagster as dg
from dagster import DagsterEventType as EventType

from governance_assets.runtime.alerts.observations import shortened

_PAGE = 1000
_PLANNED = {EventType.ASSET_MATERIALIZATION_PLANNED, EventType.ASSET_CHECK_EVALUATION_PLANNED}
_INTERRUPTED = "DagsterExecutionInterruptedError"
_KILLED = "ChildProcessCrashException"


@dataclass
class Plan:
    """What each step of a run was to make: assets, and checks that stand in a step of their own."""

    assets: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    checks: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))


def entries_of(
    instance: dg.DagsterInstance, run_id: str, types: set[EventType], cursor: str | None = None
) -> tuple[list[dg.EventLogEntry], str]:
    """The events of some types behind ``cursor``, page by page, and the cursor behind them."""
    entries: list[dg.EventLogEntry] = []
    while True:
        page = instance.get_records_for_run(run_id, cursor=cursor, of_type=types, limit=_PAGE)
        entries += [record.event_log_entry for record in page.records]
        cursor = page.cursor
        if not page.has_more:
            return entries, cursor


def plan_of(instance: dg.DagsterInstance, run_id: str) -> Plan:
    """What the steps of a run were to make."""
    plan = Plan()
    for entry in entries_of(instance, run_id, _PLANNED)[0]:
        event = entry.get_dagster_event()
        if event.event_type == EventType.ASSET_MATERIALIZATION_PLANNED:
            plan.assets[str(event.step_key)].add(name_of(event.asset_key))
        else:
            planned = event.asset_check_planned_data
            plan.checks[str(event.step_key)].add((name_of(planned.asset_key), planned.check_name))
    return plan


def why_failed(instance: dg.DagsterInstance, run_id: str) -> str:
    """The first error among the last events of a run, else the message it failed with."""
    entries, _ = entries_of(instance, run_id, {EventType.RUN_FAILURE, EventType.ENGINE_EVENT})
    events = [entry.get_dagster_event() for entry in reversed(entries)]
    errors = [error_of(event) for event in events if getattr(event.event_specific_data, "error", None) is not None]
    messages = [shortened(event.message) for event in events if event.event_type == EventType.RUN_FAILURE and event.message]
    return next(iter([*errors, *messages]), "Dagster gives no reason")


def error_of(event: dg.DagsterEvent) -> str:
    """The first line of the error at the bottom of an event's chain of causes."""
    error = getattr(event.event_specific_data, "error", None)
    while error is not None and error.cause is not None:
        error = error.cause
    if error is not None and error.cls_name == _KILLED:
        return "its process was killed"
    return shortened(error.message if error is not None else event.message or "") or "Dagster gives no reason"


def is_interruption(event: dg.DagsterEvent) -> bool:
    """Whether a step failed because somebody stopped its run."""
    error = getattr(event.event_specific_data, "error", None)
    while error is not None and error.cls_name != _INTERRUPTED:
        error = error.cause
    return error is not None


def name_of(key: dg.AssetKey | None) -> str:
    """An asset as we write it."""
    return key.to_user_string() if key is not None else ""


def instant_of(entry: dg.EventLogEntry) -> dt.datetime:
    """When an event happened."""
    return instant(entry.timestamp)


def instant(timestamp: float) -> dt.datetime:
    """A timestamp of Dagster as an instant."""
    return dt.datetime.fromtimestamp(timestamp, dt.UTC)
