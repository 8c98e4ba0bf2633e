"""Columns of what is due and whether it was recorded, and of what stays open."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.contract import Contract, field


class OperationalHealth(Contract, artifact="operational_health", key=("activity", "artifact_name"), owner="programme_owner"):
    """Something the calendar expects of one artifact, and whether it is recorded."""

    activity: str = field("week for the record of every closed week, else the id of an activity of the governance calendar")
    artifact_name: str = field("Artifact whose entry in the ledger proves it")
    due: str | None = field("What is due: the Monday of a week, or the id of the calendar's event", null="nothing is due")
    due_at: dt.datetime | None = field("When it was due: the end of the week, or the hour of the event", null="nothing is due")
    late_at: dt.datetime | None = field("Last instant at which it was not late", null="nothing is due")
    grace_days: float | None = field("Days from due to late", unit="days", ge=0, null="nothing is due")
    newest_partition: str | None = field("Newest recorded week up to what is due", null="there is none, or the activity has no weeks")
    first_recorded_at: dt.datetime | None = field(
        "When what is due was first recorded; later revisions of it, or records of anything else, do not move this",
        null="it is not recorded",
    )
    was_late: bool | None = field(
        "Whether it was first recorded when it was late already", null="it is not recorded, or was recorded after the instant looked from"
    )
    days_late: int | None = field(
        "Whole days that the oldest missing week, or the activity, is past due; 0 when it is recorded", unit="days", ge=0, null="unknown"
    )
    state: Literal["recorded", "missing", "unknown", "not_applicable"] = field("Whether it is recorded")
    reason: str = field("Why it is unknown or not applicable; else empty")
    role: str = field("Role that is told when it is missing")
    is_urgent: bool = field("Whether that role is told with urgency")


class Escalations(Contract, artifact="escalations", key=("incident",), owner="programme_owner"):
    """One open incident: how old it is, who is told next and when, and what was said to it."""

    incident: str = field("Id of the incident, as alerts name it")
    priority: Literal["P0", "P1", "P2", "P3"] = field("Priority by policy: that of its rule, else that of its severity")
    artifact_name: str = field("Artifact that was judged")
    rule: str = field("Rule that does not hold")
    subject: str = field("What was judged")
    judged_partition: str = field("Partition it was last judged for")
    outcome: str = field("Outcome as last judged")
    severity: str = field("Severity as last told")
    owner_role: str = field("Role that owns the artifact")
    message: str = field("The verdict in words, as last told")
    opened_at: dt.datetime = field("When it opened")
    age_days: int = field("Whole days it has been open", unit="days", ge=0)
    next_role: str | None = field("Role that is told next", null="no step is left")
    next_step: str | None = field("What that role is asked to do", null="no step is left")
    next_due_at: dt.datetime | None = field("When it has been open for as long as that step allows", null="no step is left")
    steps_taken: int = field("Steps that were taken", unit="steps", ge=0)
    steps_overdue: int = field("Steps that should have been taken; none while an acknowledgement or waiver holds", unit="steps", ge=0)
    acknowledged_by: str | None = field("Role that acknowledged it", null="nobody did, or it no longer holds")
    acknowledged_until: dt.datetime | None = field("End of the acknowledgement", null="none holds, or it has no end")
    waived_by: str | None = field("Role that waived it", null="nobody did, or it no longer holds")
    waived_until: dt.datetime | None = field("End of the waiver", null="none holds, or it has no end")
    is_artifact_late: bool = field("Whether the artifact itself is late: then no newer verdict can close the incident")
