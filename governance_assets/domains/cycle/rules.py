"""Verdicts on the cycle of the review: every item of its checklist closed by evidence, and in time.

Belongs here: pass or fail of what ``facts.py`` found. Does not belong here: windows and owners (policy).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from governance_assets.finding import Finding, Rule
from governance_assets.policy import CyclePolicy

Row = dict[str, Any]

ITEM_IS_CLOSED = Rule(
    name="item_is_closed",
    requirement="recorded evidence closes the item by the end of its window",
    remedy="Do what is missing and let its evidence land; record in the decision log why it was left out",
    unit="days",
    sources="A08 A09 A10 A12 A13 A15 A16 A17 A18 A43",
)
ITEM_IS_IN_TIME = Rule(
    name="item_is_in_time",
    requirement="the evidence is not later than the item's window",
    remedy="Begin it earlier next quarter: the calendar's reminders name its day",
    severity="warn",
    unit="days",
    sources="A09 A16",
)

ENTRY_IS_COMPLETE = Rule(
    name="entry_is_complete",
    requirement="the entry links everything that it rests on",
    remedy="Let what is named land: the next review inherits what stands here and nothing else",
    severity="warn",
    unit="parts",
    sources="A38 A51",
)


def judge_context_ledger(rows: pa.Table, policy: CyclePolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether each entry links what it rests on."""
    if not rows.num_rows:
        return [ENTRY_IS_COMPLETE.not_applicable(partition_key, "no review is recorded as held, and nothing of an earlier one landed")]
    found = []
    for row in rows.to_pylist():
        lacking = row["missing"].split(", ") if row["missing"] else []
        found.append(ENTRY_IS_COMPLETE.judge(f"{row['cycle']}: {row['entry']}", not lacking, len(lacking), 0, row["missing"]))
    return found


def judge_review_checklist(rows: pa.Table, policy: CyclePolicy, partition_key: str, past: pa.Table | None = None) -> list[Finding]:
    """Whether each item is closed, and whether what is closed was in time."""
    if not rows.num_rows:
        return [ITEM_IS_CLOSED.not_applicable(partition_key, "nothing of a review is recorded up to its end")]
    return [finding for row in rows.to_pylist() for finding in _item(row)]


def _item(row: Row) -> Iterator[Finding]:
    subject, state, told = f"{row['phase']}: {row['item']}", row["state"], f"due {row['due_at']:%Y-%m-%d %H:%M}; {row['evidence']}"
    if state in ("open", "not_applicable"):
        yield ITEM_IS_CLOSED.not_applicable(subject, told)
        return
    is_missing = state == "missing"
    yield ITEM_IS_CLOSED.judge(subject, not is_missing, row["days_late"] if is_missing else None, 0, told)
    if not is_missing:
        yield ITEM_IS_IN_TIME.judge(subject, state == "closed", row["days_late"], 0, told)
