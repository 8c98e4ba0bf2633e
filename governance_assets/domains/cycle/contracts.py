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
