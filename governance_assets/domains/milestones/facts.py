"""Milestones as they are claimed, the evidence that lies there, and the gates at the end of phases.

Belongs here: pure functions over landed rows and the plan. Does not belong here: verdicts (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.milestones.contracts import EvidenceIndex, ExitGates, MilestoneStatus
from governance_assets.policy import MilestonesPolicy
from governance_assets.policy.milestones import STATES, PlannedMilestone
from governance_assets.runtime.periods import DAY, Period, utc_day

Row = dict[str, Any]
Move = Literal["start", "step", "rework", "no_op", "skip", "back", "left_accepted", "unknown_state"]

_PLANNED, _, _, _ACCEPTED = STATES
_ALLOWED = ("start", "step", "rework", "no_op")
_METADATA = ("author", "date", "inputs", "commit")


def move_of(before: str | None, after: str | None, states: Sequence[str] = STATES) -> Move:
    """Kind of a change of state (D03, B36): only start, step and rework are allowed.

    >>> move_of("Under Review", "In Progress"), move_of("Accepted", "Accepted"), move_of("Planned", "Accepted")
    ('rework', 'no_op', 'skip')
    """
    if after not in states or (before is not None and before not in states):
        return "unknown_state" if after is None or before != after else "no_op"
    to = states.index(after)
    if before is None:
        return "start" if to == 0 else "skip"
    since = states.index(before)
    if to == since:
        return "no_op"
    if since == len(states) - 1:
        return "left_accepted"
    if to > since:
        return "step" if to == since + 1 else "skip"
    return "rework" if (before, after) == ("Under Review", "In Progress") else "back"


class Vanished(NamedTuple):
    """Evidence that came and went: when, and the hours it lay there."""

    path: str
    added: dt.datetime
    deleted: dt.datetime
    hours: float


def vanished(events: Iterable[tuple[dt.datetime, str, str]]) -> list[Vanished]:
    """Files whose last event is their removal (D10), from (instant, change, path), in the order they first came."""
    first: dict[str, dt.datetime] = {}
    last: dict[str, tuple[dt.datetime, str]] = {}
    for instant, change, path in sorted(events):
        if change == "added":
            first.setdefault(path, instant)
        last[path] = (instant, change)
    gone = [(first[path], path, instant) for path, (instant, change) in last.items() if change == "deleted" and path in first]
    return [Vanished(path, added, deleted, (deleted - added) / dt.timedelta(hours=1)) for added, path, deleted in sorted(gone)]


def _until(rows: Sequence[Row], end: dt.datetime) -> list[Row]:
    """The rows before ``end``, oldest first, each with its instant; what is known by its day counts from the day's first instant."""
    dated = [{**row, "instant": row["instant"] or dt.datetime.combine(row["date"], dt.time(), dt.UTC)} for row in rows]
    return sorted((row for row in dated if row["instant"] < end), key=lambda row: row["instant"])


# ---------------------------------------------------------------- evidence


def evidence_index(
    evidence: Sequence[Row], commits: Sequence[Row], periods: Sequence[Period], as_of: dt.datetime, policy: MilestonesPolicy
) -> pa.Table:
    """Every file of evidence that was told of up to the end of each asked quarter."""
    hashes = {row["commit"] for row in commits}
    rows = [
        {"quarter": period.key, **one}
        for period in periods
        for one in _files(_until(evidence, min(period.end, as_of + dt.timedelta(microseconds=1))), hashes, policy)
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(EvidenceIndex))


def _files(told: Sequence[Row], hashes: set[str], policy: MilestonesPolicy) -> Iterator[Row]:
    gone = {one.path: one for one in vanished((row["instant"], row["change"], row["path"]) for row in told)}
    by_file: dict[tuple[str, str], list[Row]] = {}
    for row in told:
        by_file.setdefault((row["path"], row["version"] or ""), []).append(row)
    planned = {one.id for one in policy.milestones}
    for (path, version), rows in sorted(by_file.items()):
        milestone, commit = _newest(rows, "milestone_id"), _newest(rows, "commit")
        removed = gone.get(path)
        yield {
            "path": path,
            "version": version,
            "milestone_id": milestone,
            "is_planned": milestone in planned if planned and milestone is not None else None,
            "first_seen_at": rows[0]["instant"],
            "vanished_at": removed.deleted if removed else None,
            "hours_present": removed.hours if removed else None,
            "checksum": _checksum(rows),
            "sha256": _newest(rows, "sha256"),
            "missing_metadata": _missing_metadata(rows),
            "commit": commit,
            "is_commit_known": any(one.startswith(commit) for one in hashes) if hashes and commit else None,
            "commands": _newest(rows, "command_count"),
        }


def _newest(rows: Sequence[Row], column: str) -> Any:
    return next((row[column] for row in reversed(rows) if row[column] is not None), None)


def _checksum(rows: Sequence[Row]) -> str:
    found, recorded = _newest(rows, "sha256"), _newest(rows, "recorded_sha256")
    if found is not None and recorded is not None:
        return "verified" if found == recorded else "differs"
    said = _newest(rows, "is_match")
    if said is not None:
        return "claimed" if said else "differs"
    return "not_recorded" if recorded is None else "not_read"


def _missing_metadata(rows: Sequence[Row]) -> str | None:
    stated = {name: _newest(rows, f"has_{name}") for name in _METADATA}
    if _newest(rows, "has_metadata") is None and all(value is None for value in stated.values()):
        return None
    return ", ".join(name for name, value in stated.items() if not value)


# ---------------------------------------------------------------- milestones


def milestone_status(
    events: Sequence[Row], evidence: Sequence[Row], periods: Sequence[Period], as_of: dt.datetime, policy: MilestonesPolicy
) -> pa.Table:
    """Every milestone that is planned or told of up to the end of each asked quarter; ``evidence`` has the index's rows."""
    rows = []
    for period in periods:
        end = min(period.end, as_of)
        told = _until(events, end)
        by_milestone: dict[str, list[Row]] = {one.id: [] for one in policy.milestones} if told else {}
        for row in told:
            by_milestone.setdefault(row["milestone_id"], []).append(row)
        files: dict[str, list[Row]] = {}
        for row in evidence:
            if row["quarter"] == period.key and row["milestone_id"] is not None:
                files.setdefault(row["milestone_id"], []).append(row)
        plan = {one.id: one for one in policy.milestones}
        rows += [
            {"quarter": period.key, **_status(name, changes, files.get(name, []), plan.get(name), end, policy)}
            for name, changes in sorted(by_milestone.items())
        ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(MilestoneStatus))


def _status(
    name: str, changes: Sequence[Row], files: Sequence[Row], planned: PlannedMilestone | None, end: dt.datetime, policy: MilestonesPolicy
) -> Row:
    state, started, accepted, wrong = _PLANNED, None, None, []
    before: str | None = None
    for row in changes:
        if row["to_state"] is None:
            continue
        state = str(policy.state(row["to_state"]))
        move = move_of(policy.state(row["from_state"]) or before, state)
        if move not in _ALLOWED:
            wrong.append(
                f"{row['instant'].date()} {row['from_state'] or before or 'nothing'} to {row['to_state']}: {move.replace('_', ' ')}"
            )
        if started is None and state != _PLANNED:
            started = row["instant"]
        accepted = row["instant"] if state == _ACCEPTED and before != _ACCEPTED else accepted if state == _ACCEPTED else None
        before = state
    # Evidence is work, whatever the milestone's state says.
    started = min((each for each in (started, *(row["first_seen_at"] for row in files)) if each is not None), default=None)
    wanted = planned.deliverables if planned else ()
    lacking = [each for each in wanted if not any(_delivers(row["path"], each) and row["vanished_at"] is None for row in files)]
    proof, why = _proof(accepted, wanted, lacking, files)
    return {
        "milestone_id": name,
        "phase": planned.phase if planned else None,
        "name": planned.name if planned else None,
        "owner": (planned.accountable if planned else None) or _newest(changes, "actor"),
        "is_planned": planned is not None if policy.milestones else None,
        "state": state if state in STATES else "unknown",
        "started_at": started,
        "accepted_at": accepted,
        "elapsed_days": None if started is None else working_days(utc_day(started), utc_day(accepted or end)),
        "target_days": planned.working_days if planned else None,
        "wrong_moves": len(wrong),
        "wrong_moves_told": "; ".join(wrong),
        "deliverables": len(wanted),
        "delivered": len(wanted) - len(lacking),
        "proof": proof,
        "why": why,
    }


def working_days(first: dt.date, last: dt.date) -> int:
    """Days from Monday to Friday that were begun from ``first`` to ``last``, both included; no holidays are known.

    >>> working_days(dt.date(2025, 10, 17), dt.date(2025, 10, 20))
    2
    """
    return int(np.busday_count(first, last + DAY))


def _delivers(path: str, deliverable: str) -> bool:
    """Whether the file is the deliverable, or lies in the folder of that name."""
    wanted, parts = deliverable.strip("/").split("/"), path.split("/")
    return any(parts[at : at + len(wanted)] == wanted for at in range(len(parts)))


def _proof(accepted: dt.datetime | None, wanted: Sequence[str], lacking: Sequence[str], files: Sequence[Row]) -> tuple[str, str]:
    if accepted is None:
        return "not_claimed", ""
    used = [row for row in files if not wanted or any(_delivers(row["path"], each) for each in wanted)]
    against = [f"no evidence of {each}" for each in lacking] if wanted or files else ["no evidence at all"]
    for row in used:
        against += _against(row, accepted)
    if against:
        return "refuted", "; ".join(against)
    unsure = [row["path"] for row in used if row["checksum"] != "verified" or row["missing_metadata"] is None]
    if unsure:
        return "claimed", f"not verified: {', '.join(unsure)}"
    return "proved", f"verified: {', '.join(row['path'] for row in used)}"


def _against(row: Row, accepted: dt.datetime) -> Iterator[str]:
    path = row["path"]
    if row["vanished_at"] is not None:
        yield f"{path} was removed on {row['vanished_at'].date()}"
    if row["first_seen_at"] > accepted:
        yield f"{path} came on {row['first_seen_at'].date()}, after the acceptance of {accepted.date()}"
    if row["checksum"] == "differs":
        yield f"{path} has another SHA-256 than recorded"
    if row["missing_metadata"]:
        yield f"{path}: metadata without {row['missing_metadata']}"


# ---------------------------------------------------------------- gates


def exit_gates(
    status: Sequence[Row], approvals: Sequence[Row], periods: Sequence[Period], as_of: dt.datetime, policy: MilestonesPolicy
) -> pa.Table:
    """Every phase of the plan at the end of each asked quarter; ``status`` has rows of ``milestone_status``."""
    rows = []
    for period in periods:
        now = [row for row in status if row["quarter"] == period.key]
        end = min(period.end, as_of)
        if now:
            rows += [{"quarter": period.key, **row} for row in _gates(now, _until(approvals, end), end, policy)]
    return pa.Table.from_pylist(rows, schema=arrow_schema(ExitGates))


def _gates(status: Sequence[Row], approvals: Sequence[Row], end: dt.datetime, policy: MilestonesPolicy) -> Iterator[Row]:
    order = {phase.id: place for place, phase in enumerate(policy.phases, 1)}
    judged_on = utc_day(end - dt.timedelta(microseconds=1))
    for phase in policy.phases:
        own = [row for row in status if row["phase"] == phase.id]
        proved = [row for row in own if row["proof"] == "proved"]
        given = next((row for row in reversed(approvals) if row["subject"] == phase.approval), None)
        approval = "not_needed" if phase.approval is None else "missing" if given is None else given["verdict"]
        is_passed = bool(own) and len(proved) == len(own) and approval in ("approved", "not_needed")
        passed_at = max([row["accepted_at"] for row in proved] + ([given["instant"]] if given else [])) if is_passed else None
        later = [row for row in status if order.get(row["phase"], 0) > order[phase.id] and row["started_at"] is not None]
        starts = [row["started_at"] for row in own if row["started_at"] is not None]
        yield {
            "phase": phase.id,
            "position": order[phase.id],
            "name": phase.name,
            "starts_on": phase.starts_on,
            "ends_on": phase.ends_on,
            "started_on": utc_day(min(starts)) if starts else None,
            "milestones": len(own),
            "proved": len(proved),
            "without_owner": ", ".join(row["milestone_id"] for row in own if row["owner"] is None),
            "approval": "approved" if approval == "attested" else approval,
            "passed_at": passed_at,
            "begun_before": ", ".join(sorted(row["milestone_id"] for row in later if passed_at is None or row["started_at"] < passed_at)),
            "judged_on": judged_on,
        }
