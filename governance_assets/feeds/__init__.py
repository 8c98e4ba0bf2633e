"""Record feeds: what a landed row of each is. One class a feed; its columns, key, dates and folder stand there and nowhere else.

Belongs here: columns with type, unit, meaning of null, bounds, and the names they arrive under. Does not belong here: reading
files (``runtime/sources/``), manifests of what landed (intake's ``contracts.py``) or what the rows mean (a later domain).
"""

from __future__ import annotations

from collections.abc import Mapping

from governance_assets.feeds import issues, milestones, models, plan, reviews
from governance_assets.feeds.base import OWN, Arrival, Row, arrivals, declared

__all__ = ["OWN", "RECORD_FEEDS", "Arrival", "Row", "arrivals", "newest", "snapshot"]

_FILES = (plan, issues, milestones, models, reviews)
RECORD_FEEDS: Mapping[str, type[Row]] = {
    name: row for name, row in declared().items() if row.__module__ in {file.__name__ for file in _FILES}
}
"""Every record feed by name."""


def newest(view: str, feed: str, *, until: str | None = None) -> str:
    """SQL: of each key of ``feed`` the newest row of ``view``, dates after ``until`` (an SQL expression) left out.

    The key counts without its dates, so that a register that is restated every week gives each entry once.

    >>> newest("risk_register", "risk_register", until="DATE '2025-11-09'").split(" QUALIFY ")[0]
    "SELECT * FROM risk_register WHERE date <= DATE '2025-11-09'"
    """
    key = ", ".join(f'"{name}"' for name in RECORD_FEEDS[feed].key if name not in _TIMES)
    return f"SELECT * FROM {view}{_until(until)} QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {_latest(feed)}) = 1"


def snapshot(view: str, feed: str, *, until: str | None = None) -> str:
    """SQL: the rows of ``view`` of the newest snapshot of each plan and kind of item, or of the whole feed where it has neither.

    Unlike ``newest`` it leaves out what a later snapshot no longer has.
    """
    names = RECORD_FEEDS[feed].model_fields
    parts = ", ".join(f'"{name}"' for name in ("plan", "kind") if name in names)
    return (
        f"SELECT * FROM {view}{_until(until)} QUALIFY rank() OVER ({'PARTITION BY ' + parts if parts else ''} ORDER BY {_latest(feed)}) = 1"
    )


_TIMES = ("date", "as_of", "instant")


def _until(until: str | None) -> str:
    return f" WHERE date <= {until}" if until else ""


def _latest(feed: str) -> str:
    instant = "instant DESC NULLS LAST, " if "instant" in RECORD_FEEDS[feed].model_fields else ""
    return f"date DESC, {instant}as_of DESC NULLS LAST"
