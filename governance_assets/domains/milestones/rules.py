"""Verdicts on evidence, milestones and gates: nothing counts as done that is not proved.

Belongs here: pass, fail or unknown of what ``facts.py`` found. Does not belong here: the plan (policy).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from governance_assets.finding import Finding, Rule
from governance_assets.policy import MilestonesPolicy

Row = dict[str, Any]

CHECKSUM_HOLDS = Rule(
    name="checksum_holds",
    requirement="the evidence has the SHA-256 that is recorded of it",
    remedy="Find out who changed it; restore it, or record the new version beside the old one",
    sources="D14",
)
EVIDENCE_STAYS = Rule(
    name="evidence_stays",
    requirement="evidence is not removed",
    remedy="Restore the file from the repository's history, or move it to the archive with its instant",
    unit="hours",
    sources="D10",
)
METADATA_IS_COMPLETE = Rule(
    name="metadata_is_complete",
    requirement="metadata.json names author, date, inputs and commit",
    remedy="Write the missing fields; without inputs and commit nobody can make the evidence again",
    severity="warn",
    sources="D07",
)
COMMIT_EXISTS = Rule(
    name="commit_exists",
    requirement="the commit that the metadata names is among those landed",
    remedy="Push the branch it stands on, or correct the metadata",
    severity="warn",
    sources="D07 D14",
)
IS_IN_PLAN = Rule(
    name="is_in_plan",
    requirement="milestones with events or evidence are in the plan",
    remedy="Add the milestone to milestones.milestones of governance.yaml, or move its folder",
    severity="warn",
    sources="D09",
)
MOVES_ARE_ALLOWED = Rule(
    name="moves_are_allowed",
    requirement="states go forward one at a time, or from review back to work",
    remedy="Do the step that was left out; an accepted milestone is reopened as a new one",
    unit="changes",
    sources="D03 B36",
)
OWNER_IS_ASSIGNED = Rule(
    name="owner_is_assigned",
    requirement="a milestone in progress has an accountable role",
    remedy="Name the role in the plan before work goes on",
    sources="D04 B39",
)
ACCEPTED_IS_PROVED = Rule(
    name="accepted_is_proved",
    requirement="an accepted milestone has every deliverable as evidence, there before the acceptance and unchanged",
    remedy="Land what is missing and accept again, or take the acceptance back",
    sources="D05 D08 B05 A49",
)
WITHIN_DURATION = Rule(
    name="within_duration",
    requirement="work takes no longer than planned",
    remedy="Replan the milestone, or cut its scope at the next steering review",
    severity="warn",
    unit="working days",
    sources="D63",
)
GATE_IS_PASSED_IN_TIME = Rule(
    name="gate_is_passed_in_time",
    requirement="the exit gate is passed by the phase's planned last day",
    remedy="Prove what is open, or move the phase's last day and say why in the decision log",
    sources="D18 D23 D33 D45 D51 D55 D61 D62",
)
NO_WORK_BEFORE_THE_GATE = Rule(
    name="no_work_before_the_gate",
    requirement="later phases begin after the exit gate is passed",
    remedy="Stop the later work, or have steering approve the overlap",
    unit="milestones",
    sources="D64",
)
ROLES_ARE_COVERED = Rule(
    name="roles_are_covered",
    requirement="every milestone of the phase has an accountable role",
    remedy="Name the role in the plan",
    severity="warn",
    sources="D12 D21 D23",
)
_CHECKSUM = {"verified": True, "differs": False, "claimed": None, "not_read": None}


def judge_evidence_index(rows: pa.Table, policy: MilestonesPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether the evidence is there, unchanged and described."""
    if not rows.num_rows:
        return [EVIDENCE_STAYS.not_applicable(partition_key, "no evidence was told of")]
    return [finding for row in rows.to_pylist() for finding in _file(row)]


def _file(row: Row) -> Iterator[Finding]:
    subject = f"{row['path']} {row['version']}".strip()
    gone = "" if row["vanished_at"] is None else f"removed on {row['vanished_at']:%Y-%m-%d %H:%M} after {row['hours_present']:.2f} hours"
    yield EVIDENCE_STAYS.judge(subject, not gone, row["hours_present"], None, gone)
    if row["checksum"] in _CHECKSUM:
        yield CHECKSUM_HOLDS.judge(subject, _CHECKSUM[row["checksum"]], why=_told_of_checksum(row["checksum"]))
    missing = row["missing_metadata"]
    why = "nobody looked for metadata" if missing is None else f"it lacks {missing}" if missing else ""
    yield METADATA_IS_COMPLETE.judge(subject, None if missing is None else not missing, why=why)
    if row["commit"] is not None:
        unknown = "no commits are landed" if row["is_commit_known"] is None else row["commit"]
        yield COMMIT_EXISTS.judge(subject, row["is_commit_known"], why=unknown)
    if row["is_planned"] is not None:
        yield IS_IN_PLAN.judge(subject, row["is_planned"], why=row["milestone_id"])


def _told_of_checksum(checksum: str) -> str:
    return {"claimed": "a list says so; its bytes were not read", "not_read": "its bytes were not read"}.get(checksum, "")


def judge_milestone_status(rows: pa.Table, policy: MilestonesPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether milestones move as they may, have an owner, keep their time, and are proved when accepted."""
    if not rows.num_rows:
        return [ACCEPTED_IS_PROVED.not_applicable(partition_key, "no event of a milestone was told of")]
    return [finding for row in rows.to_pylist() for finding in _milestone(row)]


def _milestone(row: Row) -> Iterator[Finding]:
    subject = row["milestone_id"]
    if row["is_planned"] is not None:
        yield IS_IN_PLAN.judge(subject, row["is_planned"])
    if row["started_at"] is None:
        return
    yield MOVES_ARE_ALLOWED.judge(subject, not row["wrong_moves"], row["wrong_moves"], 0, row["wrong_moves_told"])
    yield OWNER_IS_ASSIGNED.judge(subject, row["owner"] is not None)
    if row["target_days"] is not None:
        yield WITHIN_DURATION.judge(subject, row["elapsed_days"] <= row["target_days"], row["elapsed_days"], row["target_days"])
    if row["proof"] != "not_claimed":
        holds = {"proved": True, "refuted": False}.get(row["proof"])
        yield ACCEPTED_IS_PROVED.judge(subject, holds, why=row["why"])


def judge_exit_gates(rows: pa.Table, policy: MilestonesPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether gates are passed in time, and before what comes after them."""
    if not rows.num_rows:
        why = "no event of a milestone was told of" if policy.phases else "no plan is declared under milestones in governance.yaml"
        return [GATE_IS_PASSED_IN_TIME.not_applicable(partition_key, why)]
    return [finding for row in rows.to_pylist() for finding in _gate(row)]


def _gate(row: Row) -> Iterator[Finding]:
    subject = row["phase"]
    lacking = f"{row['proved']} of {row['milestones']} milestones proved, approval {row['approval'].replace('_', ' ')}"
    if row["ends_on"] is not None and row["ends_on"] < row["judged_on"]:
        in_time = row["passed_at"] is not None and row["passed_at"].date() <= row["ends_on"]
        yield GATE_IS_PASSED_IN_TIME.judge(subject, in_time, why=f"due {row['ends_on']}; {lacking}")
    begun = [name for name in row["begun_before"].split(", ") if name]
    yield NO_WORK_BEFORE_THE_GATE.judge(subject, not begun, len(begun), 0, row["begun_before"] and f"{row['begun_before']}; {lacking}")
    yield ROLES_ARE_COVERED.judge(subject, not row["without_owner"], why=row["without_owner"])
