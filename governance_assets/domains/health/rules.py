"""Whether governance itself ran: partitions on time, activities that took place, steps that were taken.

Belongs here: pass or fail of what ``facts.py`` found. Does not belong here: dates and delays (``policy/`` and the calendar).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.finding import Finding, Rule
from governance_assets.runtime.alerts.escalation import ACTIVITY_TOOK_PLACE
from governance_assets.runtime.periods import PERIODIC

PARTITION_IS_ON_TIME = Rule(
    name="partition_is_on_time",
    requirement="the newest period that ended longer ago than the grace is recorded",
    remedy="See whether its telemetry arrived and whether the daemon runs; then `governance run` records what is missing",
    unit="days",
    sources="A21",
)
ACTIVITY = Rule(
    name=ACTIVITY_TOOK_PLACE,
    requirement="the activity of the calendar took place before it was overdue",
    remedy="Hold it now and record its artifact; `governance calendar` shows when it is due next",
    unit="days",
    sources="C71 C72 C73 C74",
)
ESCALATION_IS_TAKEN = Rule(
    name="escalation_is_taken",
    requirement="no step of an escalation is overdue without having been taken",
    remedy="Start the daemon with `make ui`, or call `governance alerts drain`: both take every step that is due",
    unit="steps",
    sources="C75 C76 C77 C78",
)


def judge_operational_health(rows: pa.Table, policy: None, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """One verdict on each artifact with a cadence, and one on each activity."""
    return [_judge_due(row) for row in rows.to_pylist()]


def _judge_due(row: Mapping[str, Any]) -> Finding:
    is_period = row["activity"] in PERIODIC
    rule, subject = (PARTITION_IS_ON_TIME, row["artifact_name"]) if is_period else (ACTIVITY, row["activity"])
    if row["state"] == "not_applicable":
        return rule.not_applicable(subject, row["reason"])
    if row["state"] == "unknown":
        return rule.judge(subject, None, why=row["reason"])
    if row["state"] == "recorded":
        return rule.judge(subject, True, row["days_late"], row["grace_days"])
    newest = f"; the newest recorded is {row['newest_partition']}" if row["newest_partition"] else ""
    return rule.judge(subject, False, row["days_late"], row["grace_days"], f"{row['due']} is not recorded{newest}")


def judge_escalations(rows: pa.Table, policy: None, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """One verdict on all open incidents: what is open alerts by itself, and a verdict on each would alert of alerts."""
    if not rows.num_rows:
        return [ESCALATION_IS_TAKEN.not_applicable("open incidents", "nothing is open")]
    overdue = pc.sum(rows["steps_overdue"]).as_py()
    worst = [row["subject"] for row in rows.to_pylist() if row["steps_overdue"]]
    return [ESCALATION_IS_TAKEN.judge("open incidents", overdue == 0, overdue, 0, ", ".join(sorted(set(worst))))]
