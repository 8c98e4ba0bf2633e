"""Columns of the packet that is read before a review, and of the versions of the playbook."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.contract import Contract, field

Section = Literal["risk", "variance", "changed", "commitment", "telemetry", "diagnostic", "agenda"]


class PrereadPacket(Contract, artifact="preread_packet", grain="quarter", key=("quarter", "section", "position"), owner="modelling_lead"):
    """One entry of the packet for the review that follows the quarter."""

    quarter: str = field("Quarter that the review looks back on, as 2025-Q3")
    review: str = field("Quarter of the review: the one after")
    section: Section = field("Part of the packet")
    position: int = field("Place within it, from 1", ge=1)
    subject: str = field("What it is about: a component, figure, item, action, squad, critic or part of the agenda")
    text: str = field("What is to be known")
    value: float | None = field("Figure, in the unit of the row", null="there is none")
    lower: float | None = field("Lower end of it, or of the band it is held against", null="there is none")
    upper: float | None = field("Upper end of it", null="there is none")
    limit: float | None = field("What the figure is held against", null="nothing")
    unit: str = field("Unit of the figures; empty without one")
    role: str | None = field("Role that answers for it", null="nobody is named")
    due_on: dt.date | None = field("Day by which it is due", null="none")
    is_flagged: bool = field("Whether it wants attention: unwell, moved, overdue, stale, or new")
    packet_due_at: dt.datetime = field("Instant by which the packet must be there, UTC")


class PlaybookVersions(
    Contract, artifact="playbook_versions", grain="quarter", key=("quarter", "path", "seen_on", "sha256"), owner="facilitator"
):
    """One version of the playbook that was in force in the quarter."""

    quarter: str = field("Quarter, as 2025-Q4")
    path: str = field("Path of the document below evidence/")
    sha256: str = field("SHA-256 of its bytes")
    seen_on: dt.date = field("First day on which this version is recorded")
    is_new: bool = field("Whether it came in this quarter; else it was in force when the quarter began")
    previous_sha256: str | None = field("Version that it takes the place of", null="it is the first that is recorded")
    approved_by: str | None = field(
        "Role that approved it by its SHA-256", null="no approval of this version is recorded, or none is needed"
    )
    approved_on: dt.date | None = field("Day of that approval", null="likewise")
    authenticated_by: str | None = field("How the signer was authenticated", null="not: the approval is asserted, or there is none")
    archived_path: str | None = field(
        "Path in the archive of the version that it takes the place of", null="it is not there, or it is the first"
    )
