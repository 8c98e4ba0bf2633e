"""What only the passing of time brings: escalation, the end of waivers, unknown states that nobody looks at, reminders.

Belongs here: alerts that no verdict brings, each recorded once, decided under the commit lock. Does not belong here: changes
of state (``transitions.py``), when a step is due (``escalation.py``) or sending (``drain.py``).
"""

from __future__ import annotations

import datetime as dt
import importlib
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from governance_assets import domains
from governance_assets.contract import WHOLE, registry
from governance_assets.domains import FLOW
from governance_assets.pages.wording import VERDICTS, count, verdict_of
from governance_assets.policy import Policy
from governance_assets.runtime import calendar
from governance_assets.runtime.alerts.escalation import overdue_steps
from governance_assets.runtime.alerts.incidents import Incident, incidents
from governance_assets.runtime.alerts.transitions import STATE_KINDS, Alerting, Kind, NewAlert, key_of, states_after
from governance_assets.runtime.ledger import findings_of
from governance_assets.runtime.periods import partition_end
from governance_assets.runtime.workspace import ORIGIN_TAG, Workspace

GOVERNANCE = "governance"
"""The artifact of what is about no artifact: reminders and the nightly message."""
REMINDER, NIGHTLY_STATUS = "reminder", "nightly_status"

Row = Mapping[str, Any]


def sweep(workspace: Workspace) -> int:
    """Record what time has brought since the last sweep; returns how many rows of alerts that are.

    Any number of sweeps may run at once: what is due is decided again under the commit lock, where each sees the rows of all
    before it.
    """
    time = _Time(workspace.policy, workspace.present)
    rows = workspace.history.alerts().to_pylist()
    status = _nightly_status(workspace, rows)
    if not list(time.brings(rows, status)):
        return 0
    provenance = workspace.provenance("", {ORIGIN_TAG: "sweep"})
    return len(workspace.history.record_alerts(lambda known: time.brings(known, status), provenance))


@dataclass(frozen=True)
class _Time:
    """The passing of time under one policy, looked at from one instant."""

    policy: Policy
    now: dt.datetime

    def brings(self, rows: Sequence[Row], status: NewAlert | None) -> Iterator[NewAlert]:
        """The alerts that are due now and do not stand in ``rows``."""
        for incident in incidents(rows):
            if incident.is_open:
                yield from self._of_incident(incident)
        yield from self._unknown(rows)
        yield from self._reminders(rows)
        if status is not None and not _is_told(rows, status):
            yield status

    def _of_incident(self, incident: Incident) -> Iterator[NewAlert]:
        if incident.waiver is not None and not incident.waiver.holds(self.now):
            yield _about(incident, "waiver_expired", by=incident.waiver.by, reason=incident.waiver.reason, until=incident.waiver.until)
        for step in overdue_steps(incident, self.policy, self.now):
            yield _about(incident, "escalated", step=step.text)

    def _unknown(self, rows: Sequence[Row]) -> Iterator[NewAlert]:
        """States that became unknown long ago and were not judged again: without a verdict nothing else would tell."""
        alerting = Alerting.by(self.policy.alerts, self.now)
        newest = {key_of(row): row for row in rows if row["kind"] in STATE_KINDS}
        for key, state in states_after(rows).items():
            row = newest[key]
            is_long = self.now - state.changed_at >= alerting.unknown_after
            if state.outcome == "unknown" and not state.is_open and is_long and not alerting.is_old(_ended_at(row)):
                yield NewAlert(kind="unknown", **_told(row) | {"severity": "warn"}, origin="clock")

    def _reminders(self, rows: Sequence[Row]) -> Iterator[NewAlert]:
        """Each reminder of the calendar once; those that are too old are recorded and not sent."""
        alerts = self.policy.alerts
        known = {row["subject"]: row["since"] for row in rows if row["artifact"] == GOVERNANCE and row["rule"] == REMINDER}
        # From the newest that is recorded: nobody swept in the time of a long stop, and none of it may be missing.
        first = min([self.now - dt.timedelta(days=alerts.lookback_days), *([max(known.values())] if known else [])])
        for event in calendar.reminders(first, self.now, alerts.reminders, self.policy.calendar):
            is_fresh = self.now - event.due_at <= dt.timedelta(hours=alerts.max_reminder_age_hours)
            if event.id not in known:
                said = f"{event.name} ({event.due_at:%a %Y-%m-%d %H:%M} UTC)"
                kind: Kind = "reminder" if is_fresh else "quiet"
                yield _said(kind, REMINDER, event.id, said, " ".join(event.inventory_ids), event.due_at, is_sent=is_fresh)


def _about(incident: Incident, kind: Kind, **more: Any) -> NewAlert:
    """A row that says something about an open incident, with the incident's own figures."""
    return NewAlert(kind=kind, **_told(vars(incident)), origin="clock", incident=incident.id, since=incident.opened_at, **more)


_TOLD = (
    *("artifact", "rule", "subject", "partition_key", "outcome", "severity"),
    *("value", "limit", "unit", "message", "remedy", "sources", "owner"),
)


def _told(source: Mapping[str, Any]) -> dict[str, Any]:
    return {name: source[name] for name in _TOLD}


def _ended_at(row: Row) -> dt.datetime | None:
    return partition_end(_grain(row["artifact"]), row["partition_key"])


def _grain(artifact: str) -> str:
    """How an artifact is partitioned; what no domain declares, such as an asset of another code location, counts as not at all."""
    if artifact not in registry():
        for domain in FLOW:
            name = f"{domains.__name__}.{domain}"
            if importlib.util.find_spec(name) is not None:
                importlib.import_module(f"{name}.contracts")
    contract = registry().get(artifact)
    return "none" if contract is None else contract.grain


def _said(kind: Kind, rule: str, subject: str, message: str, sources: str, since: dt.datetime, is_sent: bool = True) -> NewAlert:
    """A row about no incident."""
    return NewAlert(
        kind=kind,
        artifact=GOVERNANCE,
        rule=rule,
        subject=subject,
        partition_key=WHOLE,
        outcome="not_applicable",
        severity="info",
        message=message,
        sources=sources,
        origin="clock",
        incident="",
        since=since,
        is_sent=is_sent,
    )


def _is_told(rows: Sequence[Row], new: NewAlert) -> bool:
    return any((row["artifact"], row["rule"], row["subject"]) == (new.artifact, new.rule, new.subject) for row in rows)


# ---------------------------------------------------------------- the nightly message (B22)


def _nightly_status(workspace: Workspace, rows: Sequence[Row]) -> NewAlert | None:
    """The message that follows the nightly run of the present day; None before it, and once it is recorded."""
    today = workspace.present.date()
    status = _said("notice", NIGHTLY_STATUS, today.isoformat(), "", "B22", workspace.present)
    names = workspace.policy.alerts.status_artifacts
    if _is_told(rows, status) or not any(_ran_by_schedule(workspace, name, today) for name in names):
        return None
    parts = [part for name in names if (part := _verdict(workspace, name))]
    n_open = sum(incident.is_open for incident in incidents(rows))
    message = f"{'; '.join(parts)}; {count(n_open, 'open incident')}"
    return _said("notice", NIGHTLY_STATUS, today.isoformat(), message, "B22", workspace.present)


def _ran_by_schedule(workspace: Workspace, artifact: str, day: dt.date) -> bool:
    ledger = workspace.history.ledger(artifact).select(["as_of", "committed_by"])
    scheduled = ledger.filter(pc.equal(ledger["committed_by"], "schedule"))
    newest = pc.max(scheduled["as_of"]).as_py()
    return newest is not None and newest.date() == day


def _verdict(workspace: Workspace, artifact: str) -> str:
    """How the newest closed partition of an artifact stands, in words; empty when none is judged."""
    findings = workspace.history.findings(artifact)
    grain = _grain(artifact)
    closed = [key for key in pc.unique(findings["partition_key"]).to_pylist() if key == WHOLE or not workspace.is_open(grain, key)]
    if not closed:
        return ""
    newest = max(closed)
    found = findings_of(findings.filter(pc.equal(findings["partition_key"], newest)))
    failed = [finding for finding in found if finding.is_failure]
    shown = artifact if newest == WHOLE else f"{artifact} {newest}"
    return f"{shown}: {VERDICTS[verdict_of(found)].word}" + (f", {len(failed)} of {count(len(found), 'finding')} failed" if failed else "")
