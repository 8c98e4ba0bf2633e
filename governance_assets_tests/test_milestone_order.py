"""Work begins when evidence first comes, so that a phase begun too early shows without any change of state."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

from governance_assets.domains.milestones import facts
from governance_assets.policy import MilestonesPolicy, policy_from
from governance_assets.runtime.periods import period

QUARTER = [period("quarter", "2025-Q4")]
AS_OF = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
_WORDS = {"A": "added", "M": "modified", "D": "deleted"}
_COLUMNS = (
    *("version", "sha256", "recorded_sha256", "is_match", "has_metadata", "has_author", "has_date", "has_inputs", "has_commit"),
    *("commit", "command_count", "milestone_id", "path", "change", "instant", "date"),
)
PLAN = policy_from(
    {
        "milestones": {
            "phases": [{"id": "P0", "name": "first"}, {"id": "P2", "name": "third"}],
            "milestones": [{"id": code, "name": code, "phase": code[:2]} for code in ("P0.M1", "P0.M2", "P2.M1", "P2.M2", "P2.M3")],
        }
    }
).milestones


def judged(files: list[dict[str, Any]], events: list[dict[str, Any]], policy: MilestonesPolicy) -> tuple[dict[str, Any], dict[str, Any]]:
    rows = [dict.fromkeys(_COLUMNS) | row for row in files]
    index = facts.evidence_index(rows, [], QUARTER, AS_OF, policy).to_pylist()
    status = facts.milestone_status(events, index, QUARTER, AS_OF, policy).to_pylist()
    gates = facts.exit_gates(status, [], QUARTER, AS_OF, policy).to_pylist()
    return {row["milestone_id"]: row for row in status}, {row["phase"]: row for row in gates}


def event(day: int) -> dict[str, Any]:
    instant = dt.datetime(2025, 11, day, tzinfo=dt.UTC)
    return {"milestone_id": "P0.M1", "instant": instant, "from_state": "Planned", "to_state": "In Progress", "actor": "lead"}


def test_work_begins_with_the_state_or_the_evidence_whichever_is_first() -> None:
    for day, expected in ((3, 3), (4, 4), (5, 4)):
        file = {"milestone_id": "P0.M1", "path": "P0.M1/a", "change": "added", "instant": dt.datetime(2025, 11, 4, tzinfo=dt.UTC)}
        status, _ = judged([file], [event(day)], PLAN)
        assert status["P0.M1"]["started_at"] == dt.datetime(2025, 11, expected, tzinfo=dt.UTC)
        assert status["P2.M1"]["started_at"] is None


def test_the_recorded_third_phase_began_before_the_first_was_done(shared_data: Callable[[str], Path]) -> None:
    """D64 on the record: the documents of P2 came before any metadata.json of P0, and after the documents of P0."""
    with shared_data("milestones/evidence_events.csv").open(encoding="utf-8") as file:
        told = list(csv.DictReader(file))
    files = [
        {"milestone_id": row["milestone_id"], "path": row["path"], "change": _WORDS[row["change"]]}
        | {"instant": dt.datetime.fromisoformat(row["committed_at"]).astimezone(dt.UTC)}
        for row in told
    ]
    status, gates = judged(files, [event(30)], PLAN)
    assert gates["P0"]["passed_at"] is None
    assert {"P2.M1", "P2.M2"} <= set(gates["P0"]["begun_before"].split(", "))
    described = [row["instant"] for row in files if row["milestone_id"].startswith("P0") and row["path"].endswith("metadata.json")]
    assert described
    assert status["P0.M1"]["started_at"] < status["P2.M1"]["started_at"] < min(described)
