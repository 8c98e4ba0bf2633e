"""Verdicts on what arrived: how much was refused, what could not be read, what went missing.

Belongs here: pass or fail, and the next step. Does not belong here: limits (``policy.py``) or counting (``facts.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from governance_assets.domains.intake import facts
from governance_assets.finding import Finding, Rule
from governance_assets.policy import IntakePolicy

SOMETHING_ARRIVED = Rule(
    "something_arrived",
    "at least one file with rows",
    "put files into the folder of the feed, or point --telemetry at the right folder",
    severity="warn",
    unit="rows",
)
FEW_ROWS_REFUSED = Rule(
    "few_rows_refused",
    "a small share of refused rows",
    "read rejected_records: each names file, row, column and the next step",
    severity="error",
    unit="fraction",
)
NO_FILE_VANISHED = Rule(
    "no_file_vanished",
    "every file of the last manifest still there",
    "put the files back, or accept that their weeks are scored without them",
    severity="warn",
    unit="files",
)
EVERY_FILE_READABLE = Rule(
    "every_file_readable",
    "no file that could not be read",
    "mend the files that rejected_records names; copies lie in the quarantine",
    severity="error",
    unit="files",
)


def judge_manifest(rows: pa.Table, policy: IntakePolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Verdicts on the manifest of one feed; ``past`` is its previous manifest."""
    return [_arrived(rows), *_refused(rows, policy), _vanished(rows, past)]


def judge_rejected(rows: pa.Table, policy: IntakePolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Verdict on the files that could not be read; one finding a file, or one that says there is none."""
    unreadable = facts.unreadable_files(rows)
    if not unreadable:
        return [EVERY_FILE_READABLE.judge("the telemetry folder", True, 0, 0)]
    return [EVERY_FILE_READABLE.judge(file, False, 1, 0, found) for file, found in unreadable]


def headline(rows: pa.Table) -> tuple[str, int, None]:
    """The figure shown beside a manifest: its name, value and unit."""
    return "landed rows", facts.total(rows, "rows"), None


def _arrived(rows: pa.Table) -> Finding:
    if not rows.num_rows:
        return SOMETHING_ARRIVED.not_applicable("the feed", "no file of this feed is in the telemetry folder")
    landed = facts.total(rows, "rows")
    return SOMETHING_ARRIVED.judge("the feed", landed > 0, landed, 1)


def _refused(rows: pa.Table, policy: IntakePolicy) -> Sequence[Finding]:
    if not rows.num_rows:
        return [FEW_ROWS_REFUSED.not_applicable("the feed", "no file arrived")]
    limit = policy.max_rejected_share
    share = facts.refused_share(rows)
    total = FEW_ROWS_REFUSED.judge("the feed", share <= limit, share, limit)
    worst = [
        FEW_ROWS_REFUSED.judge(origin, False, file_share, limit) for origin, file_share in facts.refused_shares(rows) if file_share > limit
    ]
    return [total, *worst]


def _vanished(rows: pa.Table, past: pa.Table | None) -> Finding:
    # Against no earlier manifest nothing has vanished: the same telemetry must give the same finding on its first day.
    gone = [] if past is None else facts.vanished(rows, past)
    return NO_FILE_VANISHED.judge("the feed", not gone, len(gone), 0, ", ".join(gone))
