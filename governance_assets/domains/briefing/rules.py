"""Verdicts on the packet before a review and on changes of the playbook.

Belongs here: pass or fail of what ``facts.py`` found. Does not belong here: squads, agenda and approver (policy).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from governance_assets.finding import Finding, Rule
from governance_assets.policy import BriefingPolicy

Row = dict[str, Any]

SQUAD_IS_CURRENT = Rule(
    name="squad_is_current",
    requirement="the newest telemetry of the feed is no older than the limit on the day the packet is due, or now while that is to come",
    remedy="Deliver what is missing before the kickoff; the role named answers for it",
    severity="warn",
    unit="days",
    sources="A53",
)
PACKET_TELLS_THE_VARIANCE = Rule(
    name="packet_tells_the_variance",
    requirement="a variance report of the quarter stands in the packet",
    remedy="Have the critics run, or deliver the quarter's report",
    sources="A08 A43",
)
AGENDA_FILLS_THE_REVIEW = Rule(
    name="agenda_fills_the_review",
    requirement="the minutes of the agenda add up to the length of the kickoff",
    remedy="Change briefing.agenda, or calendar.kickoff_minutes together with it",
    unit="minutes",
    sources="A39",
)
CHANGE_IS_APPROVED = Rule(
    name="change_is_approved",
    requirement="the role that may change the playbook approved exactly this version",
    remedy="Let an approval with the version's SHA-256 land, or restore the version before",
    sources="A46",
)
SUPERSEDED_IS_ARCHIVED = Rule(
    name="superseded_is_archived",
    requirement="the version that it takes the place of lies in the archive, unchanged",
    remedy="Put the superseded text into the archive; it is never deleted",
    severity="warn",
    sources="A46",
)


def judge_preread_packet(rows: pa.Table, policy: BriefingPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether squads are current, the variance is told, and the agenda fills the time."""
    entries = rows.to_pylist()
    told = any(row["section"] == "risk" and row["subject"] == partition_key for row in entries)
    found = [PACKET_TELLS_THE_VARIANCE.judge(partition_key, told)]
    telemetry = [row for row in entries if row["section"] == "telemetry"]
    if not telemetry:
        found.append(SQUAD_IS_CURRENT.not_applicable(partition_key, "no feed of a squad has landed"))
    for row in telemetry:
        why = f"{row['text']}; {row['role']}"
        found.append(SQUAD_IS_CURRENT.judge(row["subject"], not row["is_flagged"], row["value"], row["limit"], why))
    agenda = [row for row in entries if row["section"] == "agenda"]
    minutes, planned = sum(row["value"] for row in agenda), max((row["limit"] for row in agenda), default=None)
    found.append(AGENDA_FILLS_THE_REVIEW.judge(partition_key, minutes == planned, minutes, planned))
    return found


def judge_playbook_versions(rows: pa.Table, policy: BriefingPolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether each change of the playbook was approved, and what it replaced was kept."""
    changes = [row for row in rows.to_pylist() if row["is_new"] and row["previous_sha256"]]
    if not changes:
        why = "the playbook did not change" if rows.num_rows else "no playbook is among the evidence"
        return [CHANGE_IS_APPROVED.not_applicable(partition_key, why)]
    return [finding for row in changes for finding in _change(row)]


def _change(row: Row) -> Iterator[Finding]:
    subject = f"{row['path']} of {row['seen_on']}"
    how = row["authenticated_by"] or "asserted"
    why = f"approved by {row['approved_by']} on {row['approved_on']}, {how}" if row["approved_by"] else f"version {row['sha256']}"
    yield CHANGE_IS_APPROVED.judge(subject, row["approved_by"] is not None, why=why)
    yield SUPERSEDED_IS_ARCHIVED.judge(subject, row["archived_path"] is not None, why=row["archived_path"] or str(row["previous_sha256"]))
