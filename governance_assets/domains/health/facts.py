"""What is due of every artifact with a cadence and whether it is recorded, and what stays open.

Belongs here: holding the ledger against the governance calendar, and incidents against their steps. Does not belong here:
whether that is acceptable (``rules.py``), the dates of the calendar (``runtime/calendar.py``) or of a step
(``runtime/alerts/escalation.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.contract import arrow_schema
from governance_assets.domains.health.contracts import Escalations, OperationalHealth
from governance_assets.policy import Policy
from governance_assets.policy.alerts import MissedActivity
from governance_assets.runtime.alerts.escalation import open_steps, overdue_steps
from governance_assets.runtime.alerts.incidents import Incident, Note
from governance_assets.runtime.calendar import Event, Schedule, last_overdue, schedules
from governance_assets.runtime.due_dates import at
from governance_assets.runtime.periods import (
    DAY,
    GRAIN_WORDS,
    PERIODIC,
    last_closed,
    next_period,
    partition_closes,
    period_of,
    previous_period,
)

Row = dict[str, Any]

_NOTHING_DUE: Row = dict.fromkeys(
    ("due", "due_at", "late_at", "grace_days", "newest_partition", "first_recorded_at", "was_late", "days_late")
)


def operational_health(
    ledger: pa.Table, owners: Mapping[str, str], grains: Mapping[str, str], policy: Policy, present: dt.datetime
) -> pa.Table:
    """What is due at ``present``: the newest partition of every artifact with periods, and every activity that policy escalates.

    ``owners`` and ``grains`` are those of the artifacts of this installation. A partition counts from its first record: neither
    a further revision of it nor a record of another partition makes anything fresh.
    """
    recorded = ledger.filter(pc.is_valid(ledger["revision"])).select(["artifact", "partition_key", "as_of", "recorded_at"])
    rows = [
        _of_period(grain, name, owners[name], _first_records(recorded, name), dt.timedelta(days=policy.alerts.late_after_days), present)
        for name, grain in grains.items()
        if grain in PERIODIC
    ]
    known = {schedule.id: schedule for schedule in schedules(policy.calendar)}
    for missed in policy.alerts.missed:
        rows.append(_of_activity(missed, known, grains, recorded, present))
    return pa.Table.from_pylist(rows, schema=arrow_schema(OperationalHealth))


def _first_records(recorded: pa.Table, name: str) -> dict[str, dt.datetime]:
    """When each partition of an artifact was first recorded."""
    own = recorded.filter(pc.equal(recorded["artifact"], name)).group_by("partition_key").aggregate([("recorded_at", "min")])
    return dict(zip(own["partition_key"].to_pylist(), own["recorded_at_min"].to_pylist(), strict=True))


def _of_period(grain: str, name: str, owner: str, first: Mapping[str, dt.datetime], grace: dt.timedelta, present: dt.datetime) -> Row:
    row: Row = {"activity": grain, "artifact_name": name, "role": owner, "is_urgent": False, "reason": ""} | _NOTHING_DUE
    due = _newest_late(grain, present, grace)
    due_at = _closes(grain, due)
    row |= {"due": due, "due_at": due_at, "late_at": due_at + grace, "grace_days": grace / DAY}
    reached = [key for key in first if key <= due]
    row["newest_partition"] = max(reached, default=None)
    if due in first:
        return row | _recorded_at(first[due], due_at + grace, present)
    if not first:
        return row | {"state": "unknown", "reason": "nothing is recorded yet"}
    if not reached:
        return row | {"state": "not_applicable", "reason": f"its first recorded {GRAIN_WORDS[grain]} is {min(first)}"}
    oldest_missing = next_period(grain, max(reached))
    return row | {"state": "missing", "days_late": (present - _closes(grain, oldest_missing)).days}


def _recorded_at(first: dt.datetime, late_at: dt.datetime, present: dt.datetime) -> Row:
    # Where the present is frozen, what is recorded afterwards says nothing of when it would have been.
    return {"state": "recorded", "first_recorded_at": first, "days_late": 0, "was_late": first > late_at if first <= present else None}


def _newest_late(grain: str, present: dt.datetime, grace: dt.timedelta) -> str:
    """The newest partition that closed longer than ``grace`` before ``present``."""
    key = last_closed(grain, present - grace)
    return previous_period(grain, key) if _closes(grain, key) + grace == present else key


def _closes(grain: str, key: str) -> dt.datetime:
    closes = partition_closes(grain, key)
    assert closes is not None
    return closes


def _of_activity(
    missed: MissedActivity, known: Mapping[str, Schedule], grains: Mapping[str, str], recorded: pa.Table, present: dt.datetime
) -> Row:
    row: Row = {
        "activity": missed.activity,
        "artifact_name": missed.artifact,
        "role": missed.role,
        "is_urgent": missed.is_urgent,
        "reason": "",
    }
    row |= _NOTHING_DUE
    schedule = known.get(missed.activity)
    if schedule is None or schedule.overdue_at is None:
        escalated = ", ".join(name for name, one in known.items() if one.overdue_at is not None)
        return row | {"state": "unknown", "reason": f"the calendar never calls {missed.activity} overdue; it does so with {escalated}"}
    if missed.artifact not in grains:
        return row | {"state": "not_applicable", "reason": f"no artifact of this installation is named {missed.artifact}"}
    event = last_overdue(schedule, present)
    if event is None or event.overdue_at is None:
        return row | {"state": "not_applicable", "reason": "it was never overdue yet"}
    row |= {"due": event.id, "due_at": event.due_at, "late_at": event.overdue_at, "grace_days": (event.overdue_at - event.due_at) / DAY}
    own = recorded.filter(pc.equal(recorded["artifact"], missed.artifact)).to_pylist()
    if not own:
        return row | {"state": "unknown", "reason": "nothing is recorded yet"}
    grain = grains[missed.artifact]
    proofs = [entry["recorded_at"] for entry in own if _proves(entry, event, grain)]
    if proofs:
        return row | _recorded_at(min(proofs), event.overdue_at, present)
    first = min(entry["partition_key"] for entry in own)
    if grain in PERIODIC and first > _period_of(event, grain):
        return row | _NOTHING_DUE | {"state": "not_applicable", "reason": f"its first recorded {GRAIN_WORDS[grain]} is {first}"}
    return row | {"state": "missing", "days_late": (present - event.due_at).days}


def _proves(entry: Mapping[str, Any], event: Event, grain: str) -> bool:
    """Whether a ledger entry shows that ``event`` took place: it is of the event's own period, and looks from its day or later.

    A period is recorded while it goes on, again and again; what was recorded before an event says nothing of it.
    """
    is_of_period = grain == "none" or entry["partition_key"] == _period_of(event, grain)
    return bool(is_of_period and (entry["as_of"] or entry["recorded_at"]) >= at(event.due_at.date(), "00:00"))


def _period_of(event: Event, grain: str) -> str:
    """The period that an event is about: the one it closes, else the one it lies in."""
    day = event.due_at.date()
    covered = event.window_start.date() if event.window_start and event.window_end == at(day, "00:00") else day
    return period_of(grain, covered)


def late_artifacts(connection: duckdb.DuckDBPyConnection, view: str) -> frozenset[str]:
    """The artifacts of which something due is missing, from the rows of operational_health in ``view``."""
    return frozenset(name for (name,) in connection.execute(f"SELECT artifact_name FROM {view} WHERE state = 'missing'").fetchall())


def escalations(incidents: Iterable[Incident], late: Collection[str], policy: Policy, present: dt.datetime) -> pa.Table:
    """Every open incident with its steps; ``late`` names the artifacts that are late themselves."""
    rows = [_of_incident(incident, late, policy, present) for incident in incidents if incident.is_open]
    return pa.Table.from_pylist(rows, schema=arrow_schema(Escalations))


def _of_incident(incident: Incident, late: Collection[str], policy: Policy, present: dt.datetime) -> Row:
    copied = ("rule", "subject", "outcome", "severity", "message", "opened_at")
    left = open_steps(incident, policy)
    step = left[0] if left else None
    acknowledged, waiver = (_holding(note, present) for note in (incident.acknowledged, incident.waiver))
    return {name: getattr(incident, name) for name in copied} | {
        "incident": incident.id,
        "priority": incident.priority(policy.alerts),
        "artifact_name": incident.artifact,
        "owner_role": incident.owner,
        "judged_partition": incident.partition_key,
        # An incident of frozen telemetry opens when it is recorded, which is later than the instant the telemetry is frozen at.
        "age_days": max((present - incident.opened_at).days, 0),
        "next_role": step.role if step else None,
        "next_step": step.text if step else None,
        "next_due_at": step.due_at if step else None,
        "steps_taken": len(incident.steps),
        "steps_overdue": len(overdue_steps(incident, policy, present)),
        "acknowledged_by": acknowledged.by if acknowledged else None,
        "acknowledged_until": acknowledged.until if acknowledged else None,
        "waived_by": waiver.by if waiver else None,
        "waived_until": waiver.until if waiver else None,
        "is_artifact_late": incident.artifact in late,
    }


def _holding(note: Note | None, present: dt.datetime) -> Note | None:
    return note if note is not None and note.holds(present) else None
