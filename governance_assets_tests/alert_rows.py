"""Rows of the table of alerts as tests need them: a subject that fails, worsens and recovers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from governance_assets.policy import AlertsPolicy
from governance_assets.runtime.alerts.incidents import incidents
from governance_assets.runtime.alerts.plan import View
from governance_assets.runtime.alerts.transitions import Key

NOON = dt.datetime(2025, 11, 20, 12, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


def row(alert: int, kind: str = "failing", **given: Any) -> dict[str, Any]:
    """One row; an incident is that of the artifact unless ``given``."""
    artifact = given.get("artifact", "calibration_metrics")
    standard = {
        "alert": alert,
        "kind": kind,
        "incident": f"{artifact}-{given.get('subject', 'team-a')}",
        "artifact": artifact,
        "rule": "coverage_holds",
        "subject": "team-a",
        "partition_key": "2025-11-10",
        "outcome": {"recovered": "pass", "unknown": "unknown"}.get(kind, "fail"),
        "severity": "info" if kind in ("recovered", "reminder", "notice") else "error",
        "value": 0.62,
        "limit": 0.75,
        "unit": "fraction",
        "message": f"{artifact} {kind}",
        "remedy": "widen the intervals",
        "sources": "B16",
        "owner": "modelling_lead",
        "origin": "finding",
        "entry": alert,
        "run_id": f"run {alert}",
        "recorded_at": NOON - MINUTE,
        "since": NOON - MINUTE,
        "is_sent": True,
        "step": None,
        "by": None,
        "reason": None,
        "until": None,
    }
    return standard | given


def view(rows: Iterable[Mapping[str, Any]], policy: AlertsPolicy | None = None, **given: Any) -> View:
    """What a plan may look at, at noon unless ``given``; incidents are those of ``rows``."""
    told: Mapping[Key, dt.datetime] = {}
    standard: dict[str, Any] = {
        "now": NOON,
        "present": given.get("now", NOON),
        "policy": policy or AlertsPolicy(),
        "incidents": {one.id: one for one in incidents(rows)},
        "told": told,
        "upstream": {},
        "trend": lambda key, partition: (0.8, 0.7, 0.62),
        "link": lambda artifact: f"site/{artifact}",
        "ledger_head": "head",
    }
    return View(**standard | given)
