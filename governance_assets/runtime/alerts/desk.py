"""What people do with alerts: look at what is open, acknowledge, waive, and try a channel.

Belongs here: notes in the history and the list that a person reads. Does not belong here: what a note changes (``plan.py``) or
printing (``cli/``).
"""

from __future__ import annotations

import datetime as dt
import os
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from governance_assets.runtime import clock
from governance_assets.runtime.alerts import channels, notices
from governance_assets.runtime.alerts.delivery import Delivery, DeliveryStore
from governance_assets.runtime.alerts.incidents import Incident, Note, incidents
from governance_assets.runtime.alerts.transitions import Kind, NewAlert
from governance_assets.runtime.commit_lock import HistoryError
from governance_assets.runtime.settings import parse_instant
from governance_assets.runtime.workspace import COMMAND_TAG, ORIGIN_TAG, Workspace

_COPIED = (
    *("artifact", "rule", "subject", "partition_key", "outcome", "severity"),
    *("value", "limit", "unit", "message", "remedy", "sources", "owner"),
)
_URGENCY = ("P0", "P1", "P2", "P3")


def open_incidents(workspace: Workspace) -> list[dict[str, Any]]:
    """Every open incident, the most urgent and then the oldest first, with how far its messages got."""
    rows = workspace.history.alerts().to_pylist()
    with DeliveryStore.open(workspace.settings.home) as store:
        waiting = set(store.waiting())
        pending = _counted(store.pending()) + Counter(row["incident"] for row in rows if row["alert"] in waiting)
        dead = _counted(store.dead())
    policy = workspace.policy.alerts
    found = sorted((one for one in incidents(rows) if one.is_open), key=lambda one: (_URGENCY.index(one.priority(policy)), one.opened_at))
    return [
        {
            "incident": one.id,
            "priority": one.priority(policy),
            "severity": one.severity,
            "artifact": one.artifact,
            "rule": one.rule,
            "subject": one.subject,
            "partition": one.partition_key,
            "since": f"{one.opened_at:%Y-%m-%d %H:%M}",
            "owner": one.owner,
            "note": "; ".join(_notes(one, workspace.present)),
            "pending": pending[one.id],
            "dead": dead[one.id],
        }
        for one in found
    ]


def undelivered(workspace: Workspace) -> list[dict[str, Any]]:
    """The dead letters, then what is pending after an error."""
    with DeliveryStore.open(workspace.settings.home) as store:
        dead, failing = store.dead(), [one for one in store.pending() if one.last_error]
    return [_letter(one, "dead") for one in dead] + [_letter(one, "pending") for one in failing]


def acknowledge(workspace: Workspace, prefix: str, by: str, reason: str, until: str | None) -> Incident:
    """Record that ``by`` knows of an open incident: it is not escalated any more, until an instant when one is given."""
    return _note(workspace, prefix, "acknowledged", by, reason, _end(workspace, until) if until else None)


def waive(workspace: Workspace, prefix: str, by: str, reason: str, until: str) -> Incident:
    """Record that nothing is to be sent of an open incident until an instant in the future."""
    return _note(workspace, prefix, "waived", by, reason, _end(workspace, until))


def unwaive(workspace: Workspace, prefix: str, by: str, reason: str) -> Incident:
    """Record that a waiver holds no longer."""
    return _note(workspace, prefix, "unwaived", by, reason, None)


def try_channel(workspace: Workspace, name: str) -> str:
    """Send a test message on the channel called ``name``; returns what happened. Raises NotConfigured or DeliveryError."""
    message = notices.trial(name, clock.now())
    entry = notices.entry(workspace.policy.alerts, name)
    channels.build(entry, os.environ, workspace.settings.home).send(message)
    return f"channel {name} ({entry.kind}) took the test message {message.key}"


def revive(workspace: Workspace) -> int:
    """Make every dead letter due again; returns how many there were."""
    with DeliveryStore.open(workspace.settings.home) as store:
        return store.revive(clock.now())


def find(known: Iterable[Incident], prefix: str) -> Incident:
    """The open incident whose id begins with ``prefix``. Raises HistoryError when there is none, or more than one."""
    found = [one for one in known if prefix and one.id.startswith(prefix)]
    is_open = [one for one in found if one.is_open]
    if len(is_open) == 1:
        return is_open[0]
    if is_open:
        raise HistoryError(f"incident {prefix} is not one but {len(is_open)}: {', '.join(one.id for one in is_open)}; write more digits")
    if found:
        raise HistoryError(f"incident {found[-1].id} is closed since {found[-1].closed_at:%Y-%m-%d %H:%M} UTC; there is nothing to note")
    raise HistoryError(f"no incident begins with {prefix!r}; governance alerts list shows the open ones")


def _note(workspace: Workspace, prefix: str, kind: Kind, by: str, reason: str, until: dt.datetime | None) -> Incident:
    for name, text in (("--by", by), ("--reason", reason)):
        if not text.strip():
            raise HistoryError(f"{name} is empty; write who decides as a role, and why")
    noted: list[Incident] = []

    def decide(rows: Sequence[dict[str, Any]]) -> Iterator[NewAlert]:
        incident = find(incidents(rows), prefix)
        if kind == "unwaived" and incident.waiver is None:
            raise HistoryError(f"incident {incident.id} is not waived; there is nothing to take back")
        noted[:] = [incident]
        told = {name: getattr(incident, name) for name in _COPIED}
        yield NewAlert(
            kind=kind,
            **told,
            origin="person",
            incident=incident.id,
            since=incident.opened_at,
            is_sent=False,
            by=by.strip(),
            reason=reason.strip(),
            until=until,
        )

    tags = {ORIGIN_TAG: "cli", COMMAND_TAG: f"governance alerts {kind} {prefix}"}
    workspace.history.record_alerts(decide, workspace.provenance(uuid.uuid4().hex, tags))
    return noted[0]


def _end(workspace: Workspace, text: str) -> dt.datetime:
    """An instant in the future; a day is meant with its end."""
    instant = parse_instant(text, "--until")
    if len(text.strip()) == len("2025-11-20"):
        instant = dt.datetime.combine(instant, dt.time.max, dt.UTC)
    if instant <= workspace.present:
        raise HistoryError(f"--until {text} is over; name a day after {workspace.present:%Y-%m-%d}")
    return instant


def _notes(incident: Incident, present: dt.datetime) -> Iterator[str]:
    if incident.waiver is not None and incident.is_waived(present):
        yield f"waived {_said(incident.waiver)}"
    if incident.acknowledged is not None and incident.is_acknowledged(present):
        yield f"acknowledged {_said(incident.acknowledged)}"


def _said(note: Note) -> str:
    until = f" until {note.until:%Y-%m-%d %H:%M}" if note.until else ""
    return f"by {note.by}{until}: {note.reason}"


def _counted(deliveries: Iterable[Delivery]) -> Counter[str]:
    return Counter(incident for one in deliveries for incident in {line.incident for line in one.message.lines})


def _letter(delivery: Delivery, state: str) -> dict[str, Any]:
    return {
        "message": delivery.message.key,
        "kind": delivery.message.kind,
        "channel": delivery.channel,
        "state": state,
        "attempts": delivery.attempts,
        "last_error": delivery.last_error,
    }
