"""Verdicts on what is due and on steps: every outcome, and what the message says."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from governance_assets.contract import arrow_schema
from governance_assets.domains.health import rules
from governance_assets.domains.health.contracts import Escalations, OperationalHealth

NOW = dt.datetime(2025, 10, 6, 8, tzinfo=dt.UTC)


def due(state: str, activity: str = "week", **more: Any) -> pa.Table:
    row = dict.fromkeys(arrow_schema(OperationalHealth).names) | {
        "activity": activity,
        "artifact_name": "scores",
        "state": state,
        "reason": "",
        "role": "owner",
        "is_urgent": False,
    }
    return pa.Table.from_pylist([row | {"grace_days": 2.0} | more], schema=arrow_schema(OperationalHealth))


@pytest.mark.parametrize(
    ("state", "more", "outcome"),
    [
        ("recorded", {"days_late": 0}, "pass"),
        ("missing", {"days_late": 7, "due": "2025-09-22", "newest_partition": "2025-09-15"}, "fail"),
        ("unknown", {"reason": "nothing is recorded yet"}, "unknown"),
        ("not_applicable", {"reason": "no such artifact"}, "not_applicable"),
    ],
)
@pytest.mark.parametrize(
    ("activity", "rule", "subject"), [("week", "partition_is_on_time", "scores"), ("assessment", "activity_took_place", "assessment")]
)
def test_each_state_has_its_verdict(state: str, more: dict[str, Any], outcome: str, activity: str, rule: str, subject: str) -> None:
    (finding,) = rules.judge_operational_health(due(state, activity, **more), None, "all")
    assert (finding.rule, finding.subject, finding.outcome, finding.severity) == (rule, subject, outcome, "error")
    assert more.get("reason", "") in finding.message


def test_a_missing_week_is_named_with_the_newest_recorded_one_its_lateness_and_the_grace() -> None:
    (finding,) = rules.judge_operational_health(due("missing", days_late=7, due="2025-09-22", newest_partition="2025-09-15"), None, "all")
    assert (finding.value, finding.limit, finding.unit) == (7, 2, "days")
    assert finding.message.endswith("2025-09-22 is not recorded; the newest recorded is 2025-09-15")


def steps(*overdue: int) -> pa.Table:
    shared = {
        "priority": "P1",
        "artifact_name": "a",
        "rule": "r",
        "judged_partition": "all",
        "outcome": "fail",
        "severity": "error",
        "owner_role": "o",
        "message": "m",
    }
    rows = [
        dict.fromkeys(arrow_schema(Escalations).names)
        | shared
        | {
            "incident": str(n),
            "subject": f"toy {n}",
            "opened_at": NOW,
            "age_days": 1,
            "steps_taken": 0,
            "steps_overdue": one,
            "is_artifact_late": False,
        }
        for n, one in enumerate(overdue)
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(Escalations))


@pytest.mark.parametrize(
    ("overdue", "outcome", "value"), [((), "not_applicable", None), ((0, 0), "pass", 0), ((0, 1), "fail", 1), ((2, 1), "fail", 3)]
)
def test_a_step_that_nobody_took_fails(overdue: tuple[int, ...], outcome: str, value: float | None) -> None:
    (finding,) = rules.judge_escalations(steps(*overdue), None, "all")
    assert (finding.rule, finding.subject, finding.outcome, finding.value) == ("escalation_is_taken", "open incidents", outcome, value)


def test_the_incidents_whose_steps_are_overdue_are_named() -> None:
    (finding,) = rules.judge_escalations(steps(0, 1), None, "all")
    assert finding.message.endswith(": toy 1")
