"""Columns of milestones, their evidence and the exit gates."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.contract import Contract, field

_QUARTER = "Quarter at whose end this holds, or the present while it goes on, as 2025-Q4"


class EvidenceIndex(Contract, artifact="evidence_index", grain="quarter", key=("quarter", "path", "version"), owner="quality"):
    """One file of evidence as it is known at the quarter's end."""

    quarter: str = field(_QUARTER)
    path: str = field("Path")
    version: str = field("Version it belongs to; empty when none is stated")
    milestone_id: str | None = field("Milestone it is evidence of", null="it lies in no milestone's folder")
    is_planned: bool | None = field("Whether the plan has the milestone", null="no milestone, or no plan is declared")
    first_seen_at: dt.datetime = field("Instant it was first told of, UTC; a file known by its day counts from the day's first instant")
    vanished_at: dt.datetime | None = field("Instant it was removed, UTC", null="it is there")
    hours_present: float | None = field("Time from first seen to removed", unit="hours", ge=0, null="it is there")
    checksum: Literal["verified", "claimed", "differs", "not_recorded", "not_read"] = field(
        "verified: its bytes have the recorded SHA-256; claimed: a list says so, and the bytes were not read; "
        "not_recorded: nothing to compare with; not_read: recorded, and the bytes were not read"
    )
    sha256: str | None = field("SHA-256 of its bytes", null="its bytes were not read")
    missing_metadata: str | None = field(
        "What its metadata.json lacks of author, date, inputs and commit, separated by commas; empty when complete",
        null="nobody looked for metadata",
    )
    commit: str | None = field("Commit that its metadata names", null="none is named")
    is_commit_known: bool | None = field("Whether that commit is among those landed", null="none is named, or no commits are landed")
    commands: int | None = field("Commands that its metadata records", unit="commands", ge=0, null="no metadata")


class MilestoneStatus(Contract, artifact="milestone_status", grain="quarter", key=("quarter", "milestone_id"), owner="delivery"):
    """One milestone: what is claimed of it, and what its evidence shows."""

    quarter: str = field(_QUARTER)
    milestone_id: str = field("Its code")
    phase: str | None = field("Phase in the plan", null="not in the plan")
    name: str | None = field("Name in the plan", null="not in the plan")
    owner: str | None = field("Accountable role: the plan's, else the role behind its newest event", null="nobody")
    is_planned: bool | None = field("Whether the plan has it", null="no plan is declared")
    state: Literal["Planned", "In Progress", "Under Review", "Accepted", "unknown"] = field(
        "State that is claimed; unknown: the source's word means none of the four"
    )
    started_at: dt.datetime | None = field("Instant it first left Planned or evidence of it first came, UTC", null="neither")
    accepted_at: dt.datetime | None = field("Instant of the newest acceptance, UTC", null="not accepted")
    elapsed_days: int | None = field("Working days begun from start to acceptance, or to now", unit="days", ge=0, null="not started")
    target_days: float | None = field("Planned duration", unit="days", gt=0, null="none is planned")
    wrong_moves: int = field("Changes of state that are not allowed", unit="changes", ge=0)
    wrong_moves_told: str = field("Which, oldest first; empty when none")
    deliverables: int = field("Deliverables in the plan", unit="deliverables", ge=0)
    delivered: int = field("Of these, those with evidence that is there", unit="deliverables", ge=0)
    proof: Literal["proved", "claimed", "refuted", "not_claimed"] = field(
        "Whether an acceptance is proved: claimed when the evidence is there and nobody verified it, refuted when some is missing, "
        "later than the acceptance, gone, changed or without its metadata"
    )
    why: str = field("What proves, lacks or refutes it; empty when nothing is claimed")


class ExitGates(Contract, artifact="exit_gates", grain="quarter", key=("quarter", "phase"), owner="delivery"):
    """One phase and its exit gate."""

    quarter: str = field(_QUARTER)
    phase: str = field("Phase")
    position: int = field("Place of the phase in the plan, from 1", ge=1)
    name: str = field("Name")
    starts_on: dt.date | None = field("Planned first day", null="not planned")
    ends_on: dt.date | None = field("Planned last day", null="not planned")
    started_on: dt.date | None = field("Day work of the phase first began", null="it has not")
    milestones: int = field("Milestones of the phase", unit="milestones", ge=0)
    proved: int = field("Of these, accepted and proved", unit="milestones", ge=0)
    without_owner: str = field("Milestones without an accountable role, separated by commas; empty when none")
    approval: Literal["approved", "rejected", "missing", "not_needed"] = field("Approval that the gate needs")
    passed_at: dt.datetime | None = field("Instant the gate was passed, UTC: its last acceptance or approval", null="it is not")
    begun_before: str = field("Milestones of later phases on which work began before the gate was passed; empty when none")
    judged_on: dt.date = field("Day judged")
