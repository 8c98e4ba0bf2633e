"""Incidents as people see them: what is open, since when, who has said what to it.

Belongs here: reading the rows of the table of alerts. Does not belong here: what makes a row (``transitions.py``) or whether
and how it is sent (``plan.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from governance_assets.policy import AlertsPolicy
from governance_assets.runtime.alerts.transitions import STATE_KINDS, Key

_TOLD = ("failing", "worse", "unknown")


@dataclass(frozen=True)
class Note:
    """What a role said to an incident; it holds until an instant, or for good when that is None."""

    by: str
    reason: str
    at: dt.datetime
    until: dt.datetime | None

    def holds(self, now: dt.datetime) -> bool:
        """Whether it still holds at ``now``."""
        return self.until is None or now < self.until


@dataclass(frozen=True)
class Incident:
    """One incident, open until ``closed_at``; figures and message as last told, ``outcome`` as last judged.

    It was opened for ``first_partition_key`` and last judged for ``partition_key``.
    """

    id: str
    artifact: str
    rule: str
    subject: str
    first_partition_key: str
    partition_key: str
    outcome: str
    severity: str
    value: float | None
    limit: float | None
    unit: str | None
    message: str
    remedy: str
    sources: str
    owner: str
    opened_at: dt.datetime
    changed_at: dt.datetime
    closed_at: dt.datetime | None
    alerts: tuple[int, ...]
    acknowledged: Note | None = None
    waiver: Note | None = None
    steps: frozenset[str] = frozenset()

    @property
    def key(self) -> Key:
        """Artifact, rule and subject."""
        return self.artifact, self.rule, self.subject

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    def is_waived(self, now: dt.datetime) -> bool:
        """Whether a waiver holds at ``now``."""
        return self.waiver is not None and self.waiver.holds(now)

    def is_acknowledged(self, now: dt.datetime) -> bool:
        """Whether an acknowledgement holds at ``now``."""
        return self.acknowledged is not None and self.acknowledged.holds(now)

    def priority(self, policy: AlertsPolicy) -> str:
        """P0 to P3: that of its rule when the policy names one, else that of its severity."""
        named = {one.rule: one.priority for one in policy.rule_priorities}
        return named.get(self.rule, policy.error_priority if self.severity == "error" else policy.warn_priority)


def incidents(rows: Iterable[Mapping[str, Any]]) -> list[Incident]:
    """Every incident that ``rows``, in their order, tell of, in the order in which they opened."""
    found: dict[str, Incident] = {}
    for row in rows:
        if row["incident"]:
            known = found.get(row["incident"])
            found[row["incident"]] = _opened(row) if known is None else _after(known, row)
    return list(found.values())


def _opened(row: Mapping[str, Any]) -> Incident:
    copied = ("artifact", "rule", "subject", "partition_key", "outcome", "severity")
    said = ("value", "limit", "unit", "message", "remedy", "sources", "owner")
    return Incident(
        id=row["incident"],
        first_partition_key=row["partition_key"],
        **{name: row[name] for name in (*copied, *said)},
        opened_at=row["since"],
        changed_at=row["recorded_at"],
        closed_at=None,
        alerts=(row["alert"],),
    )


def _after(known: Incident, row: Mapping[str, Any]) -> Incident:
    grown = replace(known, alerts=(*known.alerts, row["alert"]))
    kind, note = row["kind"], Note(row["by"] or "", row["reason"] or "", row["recorded_at"], row["until"])
    if kind in STATE_KINDS:
        grown = replace(grown, partition_key=row["partition_key"], outcome=row["outcome"], changed_at=row["recorded_at"])
        if kind in _TOLD:
            told = ("severity", "value", "limit", "unit", "message", "remedy", "sources")
            grown = replace(grown, **{name: row[name] for name in told})
        return replace(grown, closed_at=row["recorded_at"]) if kind == "recovered" else grown
    if kind == "escalated":
        return replace(grown, steps=grown.steps | {row["step"]})
    if kind == "acknowledged":
        return replace(grown, acknowledged=note)
    return replace(grown, waiver=note if kind == "waived" else None)
