"""Columns of the review's checklist and of the governance calendar."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from governance_assets.contract import Contract, field

Phase = Literal["preread", "telemetry_sweep", "product_sync", "review_session", "post_review", "quarter_close"]
_QUARTER = "Quarter of the review, as 2025-Q4"


class ReviewChecklist(Contract, artifact="review_checklist", grain="quarter", key=("quarter", "phase", "item"), owner="modelling_lead"):
    """One item of a quarter's review; recorded evidence closes it, never a tick."""

    quarter: str = field(_QUARTER)
    phase: Phase = field("Phase of the review")
    position: int = field("Place of the item in the review, from 1", ge=1)
    item: str = field("What must be there")
    owner: str = field("Role that owes it")
    opens_at: dt.datetime = field("First instant of its window, UTC")
    due_at: dt.datetime = field("Last instant of its window, UTC")
    state: Literal["closed", "late", "open", "missing", "not_applicable"] = field(
        "closed in time; late: closed after it was due; open: not due yet; missing: due and without evidence; not_applicable: nothing to do"
    )
    done_at: dt.datetime | None = field(
        "Instant of the evidence, UTC; evidence that is known by its day counts from that day's first instant", null="there is none"
    )
    days_late: int | None = field("Days past due, begun ones included", unit="days", gt=0, null="neither late nor missing")
    evidence: str = field("What was found, or looked for")
    judged_at: dt.datetime = field("Instant judged, UTC: the quarter's end, or the run's present while the quarter goes on")


class ContextLedger(Contract, artifact="context_ledger", grain="quarter", key=("quarter", "cycle", "entry"), owner="facilitator"):
    """One entry that a review leaves for the next: what it found and decided, what blocked it, and when what it asked for has landed."""

    quarter: str = field("Quarter in which the entry is due, as 2025-Q4")
    cycle: str = field(_QUARTER)
    entry: Literal["review", "remediation", "escalation", "blocker"] = field(
        "review: it was held; remediation: all its actions are closed; escalation: the risk reached the limit; "
        "blocker: a critic had no fresh verdict at the kickoff"
    )
    happened_at: dt.datetime = field("Instant of what it tells: the kickoff, the last closing, the report; UTC")
    text: str = field("What happened, in a sentence or two")
    links: str = field("Artifacts, documents and evidence it rests on, one a line")
    missing: str = field("Parts that the entry should link and that are not recorded, separated by commas; empty when it is complete")


class GovernanceCalendar(Contract, artifact="governance_calendar", key=("event",), owner="coordination"):
    """One event of the governance calendar from the quarter before the present one to the one after; what recurs daily is left out."""

    event: str = field("Identifier, as health and reminders name it")
    name: str = field("What it is")
    quarter: str = field("Quarter in which it is due, as 2025-Q4")
    due_at: dt.datetime = field("When to act, UTC: a deadline's last minute, a window's opening")
    window_start: dt.datetime | None = field("First instant that it covers, UTC", null="it covers none")
    window_end: dt.datetime | None = field("First instant after that, UTC", null="it covers none")
    overdue_at: dt.datetime | None = field("Instant after which it is escalated while missing, UTC", null="it is never escalated")
    kind: Literal["job", "meeting", "deadline", "reminder", "window"] = field("Kind")
    cadence: Literal["weekly", "half_monthly", "monthly", "quarterly", "once"] = field("How often it comes")
    inventory_ids: str = field("Rules it stands for, separated by blanks")
