"""From rows of the table of alerts to messages: what is told now, what waits and why, what is kept silent and why.

Belongs here: suppression, quiet hours, waivers, routes and what a message is made of, as functions of what they are given. Does
not belong here: common causes (``causes.py``), the ceiling (``ceiling.py``), storing plans (``delivery.py``) or wording
(``pages/messages.py``).

A row is told by exactly one message, or kept silent for a reason. Rows wait as rows: a message is made when it is due and
never changes after.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from governance_assets.pages.messages import Line, Message
from governance_assets.policy import AlertsPolicy
from governance_assets.runtime.alerts.causes import CHANGES, OPENING, SEVERITIES, Group, Item, groups, loudness, worst
from governance_assets.runtime.alerts.incidents import Incident
from governance_assets.runtime.alerts.transitions import Key, key_of

Row = Mapping[str, Any]
_LOUDEST = (*OPENING, "escalated", "waiver_expired", "recovered", "reminder", "notice")


@dataclass(frozen=True)
class View:
    """What a plan depends on besides the rows.

    ``now`` is when it is sent, ``present`` what waivers are held against: they differ where telemetry is frozen. ``incidents``
    by id; ``told`` when a subject was last told about; ``upstream`` what each artifact reads; ``trend`` the last values of a
    subject up to a partition; ``link`` where an artifact can be looked at.
    """

    now: dt.datetime
    present: dt.datetime
    policy: AlertsPolicy
    incidents: Mapping[str, Incident]
    told: Mapping[Key, dt.datetime]
    upstream: Mapping[str, frozenset[str]]
    trend: Callable[[Key, str], tuple[float, ...]]
    link: Callable[[str], str]
    ledger_head: str = ""


@dataclass(frozen=True)
class Planned:
    """A message with the rows that it tells, the subjects it is about, and the channels that carry it."""

    message: Message
    alerts: tuple[int, ...]
    subjects: tuple[Key, ...]
    channels: tuple[str, ...]


@dataclass(frozen=True)
class Held:
    """A row that is not told yet."""

    alert: int
    until: dt.datetime
    reason: str


@dataclass(frozen=True)
class Silent:
    """A row that is not told at all."""

    alert: int
    reason: str


@dataclass(frozen=True)
class Plan:
    """What becomes of every row that was asked about."""

    messages: tuple[Planned, ...] = ()
    held: tuple[Held, ...] = ()
    silent: tuple[Silent, ...] = ()


def plan(rows: Iterable[Row], view: View) -> Plan:
    """What to do with ``rows``, in the order of their numbers; those that are not to be sent are skipped."""
    sent = sorted((row for row in rows if row["is_sent"]), key=lambda row: int(row["alert"]))
    silent = [Silent(row["alert"], reason) for row in sent if (reason := _silence(row, view))]
    kept = {one.alert for one in silent}
    due, held = [], []
    for item in _items([row for row in sent if row["alert"] not in kept], view.policy):
        wait = _wait(item, view)
        if wait is None:
            due.append(item)
        else:
            held += [Held(row["alert"], *wait) for row in item.rows]
    planned = [_planned(group, view) for group in groups(due, view.incidents, view.upstream)]
    planned.sort(key=lambda one: (SEVERITIES.index(one.message.severity), min(one.alerts)))
    return Plan(tuple(planned), tuple(held), tuple(silent))


def message_key(kind: str, *parts: object) -> str:
    """The idempotency key of a message: equal for equal parts, whoever makes it and whenever."""
    text = json.dumps([kind, *parts], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def channels_for(policy: AlertsPolicy, kind: str, severity: str, artifact: str) -> tuple[str, ...]:
    """The channels of the first route that takes such a message; the policy's last route takes every message."""
    for route in policy.routes[:-1]:
        if severity in route.severities and kind in (route.kinds or (kind,)) and artifact in (route.artifacts or (artifact,)):
            return route.channels
    return policy.routes[-1].channels


# ---------------------------------------------------------------- what is kept silent, and what waits


def _silence(row: Row, view: View) -> str:
    """Why ``row`` is not told; empty when it is."""
    incident = view.incidents.get(row["incident"])
    if incident is None or row["kind"] == "waiver_expired":
        return ""
    if incident.waiver is not None and incident.is_waived(view.present):
        until = f" until {incident.waiver.until:%Y-%m-%d %H:%M} UTC" if incident.waiver.until else ""
        return f"waived by {incident.waiver.by}{until}: {incident.waiver.reason}"
    if row["kind"] == "escalated" and incident.acknowledged is not None and incident.is_acknowledged(view.present):
        return f"acknowledged by {incident.acknowledged.by}: {incident.acknowledged.reason}"
    return ""


def _items(rows: Sequence[Row], policy: AlertsPolicy) -> list[Item]:
    """Changes of one subject together, unless nothing is to be suppressed; everything else by itself."""
    together: dict[object, list[Row]] = {}
    for row in rows:
        is_joined = row["kind"] in CHANGES and row["incident"] and policy.suppression_minutes > 0
        together.setdefault(key_of(row) if is_joined else row["alert"], []).append(row)
    return [Item(tuple(part)) for part in together.values()]


def _wait(item: Item, view: View) -> tuple[dt.datetime, str] | None:
    """Until when ``item`` waits, and why; None when it is due."""
    told = view.told.get(key_of(item.last)) if item.is_change else None
    window = dt.timedelta(minutes=view.policy.suppression_minutes)
    if told is not None and told <= view.now < told + window:
        return told + window, f"told less than {view.policy.suppression_minutes:g} minutes ago"
    until = quiet_until(view.now, view.policy)
    if until is not None and item.severity in view.policy.quiet_severities:
        return until, f"quiet hours until {view.policy.quiet_end} UTC"
    return None


def quiet_until(now: dt.datetime, policy: AlertsPolicy) -> dt.datetime | None:
    """The end of the quiet hours that ``now`` lies in; None outside."""
    start, end = dt.time.fromisoformat(policy.quiet_start), dt.time.fromisoformat(policy.quiet_end)
    if start == end:
        return None
    today = now.astimezone(dt.UTC).date()
    for day in (today - dt.timedelta(days=1), today):  # hours that began yesterday may reach over midnight
        begins = dt.datetime.combine(day, start, dt.UTC)
        ends = dt.datetime.combine(day if start < end else day + dt.timedelta(days=1), end, dt.UTC)
        if begins <= now < ends:
            return ends
    return None


# ---------------------------------------------------------------- messages


def _planned(group: Group, view: View) -> Planned:
    rows = [row for item in group.items for row in item.rows]
    lines = [_line(item, view) for item in group.items]
    if group.root is not None:
        lines.insert(0, _root_line(group.root, view))
    wanted = {name for row in rows for name in channels_for(view.policy, row["kind"], loudness(row), row["artifact"])}
    message = Message(
        key=message_key("alerts", *sorted([row["alert"], *key_of(row), row["partition_key"], row["kind"]] for row in rows)),
        kind=min((item.last["kind"] for item in group.items), key=_LOUDEST.index),
        severity=worst([item.severity for item in group.items] + ([group.root.severity] if group.root else [])),
        lines=tuple(lines),
        is_grouped=group.root is not None or group.is_caused_by_first,
        ledger_head=view.ledger_head,
        created_at=view.now,
    )
    return Planned(
        message,
        tuple(row["alert"] for row in rows),
        tuple(key_of(item.last) for item in group.items if item.is_change and item.last["incident"]),
        tuple(channel.name for channel in view.policy.channels if channel.name in wanted),
    )


def _line(item: Item, view: View) -> Line:
    """The newest change of a subject, with what happened since it was last told about."""
    row = item.last
    before = "; ".join(f"{one['kind']} for {one['partition_key']}, {one['message']}" for one in item.rows[:-1])
    return Line(
        alerts=tuple(one["alert"] for one in item.rows),
        incident=row["incident"],
        kind=row["kind"],
        artifact=row["artifact"],
        rule=row["rule"],
        subject=row["subject"],
        partition_key=row["partition_key"],
        outcome=row["outcome"],
        severity=row["severity"],
        value=row["value"],
        limit=row["limit"],
        unit=row["unit"],
        since=row["since"],
        trend=view.trend(key_of(row), row["partition_key"]),
        message=f"{row['message']} (before that: {before})" if before else row["message"],
        remedy=row["remedy"],
        owner=row["owner"],
        link=view.link(row["artifact"]),
        step=row["step"] or "",
    )


def _root_line(incident: Incident, view: View) -> Line:
    """A cause that this message does not tell for the first time."""
    kind = "unknown" if incident.outcome == "unknown" else "failing"
    given = {"alert": 0, "incident": incident.id, "kind": kind, "since": incident.opened_at, "step": None}
    return replace(_line(Item(({**vars(incident), **given},)), view), alerts=())
