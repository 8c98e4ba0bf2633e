"""Reconciliation with Dagster: what happened in its runs and ticks, wherever they were started, becomes changes of state.

Belongs here: how far Dagster was read, and committing what is new. Does not belong here: what an event means (``runs.py``,
``ticks.py``, ``dead_runs.py``) or when it changes a state (``observations.py``).

Cursors only spare work. That each change is recorded once is decided under the commit lock from the rows that are there, so any
number of processes may reconcile at once, and cursors may be lost.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from governance_assets.pages.wording import count
from governance_assets.runtime import clock
from governance_assets.runtime.alerts.dead_runs import UNENDED, bury
from governance_assets.runtime.alerts.delivery import DeliveryStore
from governance_assets.runtime.alerts.observations import Seen, changes
from governance_assets.runtime.alerts.runs import seen_in
from governance_assets.runtime.alerts.ticks import seen_in_ticks
from governance_assets.runtime.alerts.transitions import Alerting, NewAlert
from governance_assets.runtime.workspace import ORIGIN_TAG, Workspace

OVERLAP = dt.timedelta(minutes=10)
"""Runs are looked at again for this long after their last change: clocks of hosts differ, and an event may be stored late."""
_CURSORS = "reconcile"


@dataclass(frozen=True)
class Reconciled:
    """What one look at Dagster found."""

    runs: int
    dead: int
    opened: int
    closed: int

    def __str__(self) -> str:
        found = [count(self.runs, "run") + " looked at"]
        found += [f"{count(self.dead, 'run')} found dead"] if self.dead else []
        found += [f"{count(self.opened, 'incident')} opened or worse"] if self.opened else []
        return ", ".join(found + ([f"{count(self.closed, 'incident')} closed"] if self.closed else []))


@dataclass(frozen=True)
class Cursors:
    """How far Dagster was read: the last look, the event cursor of each run since then, the last tick of each sensor and schedule."""

    looked_at: dt.datetime
    runs: Mapping[str, str]
    ticks: Mapping[str, float]

    @classmethod
    def read(cls, text: str | None, first: dt.datetime) -> Cursors:
        """From stored text; what is missing or cannot be read begins at ``first``."""
        try:
            stored = json.loads(text or "{}")
            return cls(dt.datetime.fromisoformat(stored["looked_at"]), dict(stored["runs"]), dict(stored["ticks"]))
        except (ValueError, KeyError, TypeError):
            return cls(first, {}, {})

    def text(self) -> str:
        """As text that ``read`` takes."""
        return json.dumps({"looked_at": self.looked_at.isoformat(), "runs": dict(self.runs), "ticks": dict(self.ticks)})


def reconcile(workspace: Workspace, instance: dg.DagsterInstance, delivery: DeliveryStore) -> Reconciled:
    """Look at every run and tick since the last look and record the changes of state.

    The definitions must be loaded: which checks are those of artifacts is known from their declarations.
    """
    policy, now = workspace.policy.alerts, clock.now()
    dead = bury(instance, now, dt.timedelta(minutes=policy.silent_run_minutes))
    known = Cursors.read(delivery.value(_CURSORS), now - dt.timedelta(days=policy.lookback_days))
    since = known.looked_at - OVERLAP
    seen: list[Seen] = []
    cursors: dict[str, str] = {}
    for record in _records(instance, since):
        run_id = record.dagster_run.run_id
        found, cursors[run_id] = seen_in(instance, record, known.runs.get(run_id))
        seen += found
    ticked, ticks = seen_in_ticks(instance, known.ticks, since.timestamp())
    new = _record(workspace, [*seen, *ticked])
    delivery.set_value(_CURSORS, Cursors(now, cursors, ticks).text())
    closed = sum(row["kind"] == "recovered" for row in new)
    return Reconciled(len(cursors), len(dead), len(new) - closed, closed)


def _records(instance: dg.DagsterInstance, since: dt.datetime) -> list[dg.RunRecord]:
    """Runs that changed since an instant, and those that are still going on: their events do not count as a change."""
    changed = instance.get_run_records(dg.RunsFilter(updated_after=since))
    going_on = instance.get_run_records(dg.RunsFilter(statuses=UNENDED))
    return list({record.dagster_run.run_id: record for record in [*going_on, *changed]}.values())


def _record(workspace: Workspace, seen: Sequence[Seen]) -> list[dict[str, Any]]:
    """Commit what is new; nobody is kept from committing while nothing is."""
    alerting = Alerting.by(workspace.policy.alerts, workspace.present)

    def decide(rows: Iterable[Mapping[str, Any]]) -> list[NewAlert]:
        return changes(seen, rows, alerting)

    if not seen or not decide(workspace.history.alerts().to_pylist()):
        return []
    return workspace.history.record_alerts(decide, workspace.provenance("", {ORIGIN_TAG: "reconcile"}))
