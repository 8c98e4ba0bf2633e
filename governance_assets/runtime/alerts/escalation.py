"""The steps that an open incident brings as it ages: what is due when, and what has not been taken.

Belongs here: date arithmetic over incidents, from the policy. Does not belong here: recording a step (``sweep.py``) or
telling anybody (``drain.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from governance_assets.policy import Policy
from governance_assets.runtime.alerts.incidents import Incident
from governance_assets.runtime.due_dates import escalation_due

ACTIVITY_TOOK_PLACE = "activity_took_place"
"""The rule whose subject is an activity of the calendar; its role is told as soon as it fails, for it fails late enough."""


@dataclass(frozen=True)
class Step:
    """One step: what it says, whom it tells, and the last instant at which it is not overdue."""

    text: str
    role: str
    due_at: dt.datetime


def steps_of(incident: Incident, policy: Policy) -> list[Step]:
    """Every step that ``incident`` brings while it stays open, in order of time."""
    return sorted(_steps(incident, policy), key=lambda step: (step.due_at, step.text))


def open_steps(incident: Incident, policy: Policy) -> list[Step]:
    """The steps of an open incident that have not been taken."""
    return [step for step in steps_of(incident, policy) if incident.is_open and step.text not in incident.steps]


def overdue_steps(incident: Incident, policy: Policy, now: dt.datetime) -> list[Step]:
    """The steps to take at ``now``: none while an acknowledgement or a waiver holds."""
    if incident.is_acknowledged(now) or incident.is_waived(now):
        return []
    return [step for step in open_steps(incident, policy) if step.due_at < now]


def _steps(incident: Incident, policy: Policy) -> Iterator[Step]:
    for step in policy.alerts.steps_of(incident.priority(policy.alerts)):
        yield Step(step.text, step.role, escalation_due(incident.opened_at, step, policy.calendar))
    for missed in policy.alerts.missed if incident.rule == ACTIVITY_TOOK_PLACE else ():
        if missed.activity == incident.subject:
            yield Step(missed.text, missed.role, incident.opened_at)
