"""The page of health and the headline figures of its artifacts.

Belongs here: choosing, sorting and wording of recorded rows. Does not belong here: judging them, or markup.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.runtime.periods import PERIODIC

_VERDICTS = {"recorded": "pass", "missing": "fail", "unknown": "unknown", "not_applicable": "not_applicable"}
_ORDER = ("missing", "unknown", "recorded", "not_applicable")
_FEWEST_BARS, _MOST_BARS = 8, 26
_SHORT = 8
_INTRO = (
    "Governance that does not run looks like governance that finds nothing. Here the record is held against the calendar: a week "
    "counts as recorded when that very week is, so a backfill of older weeks makes nothing fresh. What fails stays an open incident "
    "until it passes, and goes to the next role as it ages."
)


def page(tables: Mapping[str, pa.Table], findings: pa.Table, as_of: dt.datetime) -> dict[str, Any]:
    """The page model: what is due, and what is open."""
    sections = [_due_section(tables["operational_health"]), _open_section(tables["escalations"])]
    return {"title": "Health", "intro": f"{_INTRO}\n\nAs of {as_of.date()}.", "sections": sections}


def headline_of_health(rows: pa.Table) -> tuple[str, int, None]:
    """How many of the things that are due are missing."""
    return "missing", _count(rows, "missing"), None


def headline_of_escalations(rows: pa.Table) -> tuple[str, int, None]:
    """How many incidents are open."""
    return "open_incidents", rows.num_rows, None


def _due_section(rows: pa.Table) -> dict[str, Any]:
    every = sorted(
        rows.to_pylist(), key=lambda row: (_ORDER.index(row["state"]), -(row["days_late"] or 0), row["activity"], row["artifact_name"])
    )
    counted = [f"{n} {state.replace('_', ' ')}" for state in _ORDER if (n := _count(rows, state))]
    spared = [f"{_expected(row)}: {row['reason']}" for row in every if row["state"] == "not_applicable"]
    columns = [
        "what",
        {"name": "verdict", "kind": "verdict"},
        "due",
        "late after",
        "first recorded",
        {"name": "late by", "unit": "days"},
        "told",
    ]
    return {
        "title": "What is due",
        "text": f"{', '.join(counted)}." if counted else "Nothing is recorded yet.",
        "table": {
            "columns": columns,
            "rows": [_due_row(row) for row in every if row["state"] != "not_applicable"],
            "note": "“First recorded” is when the due week or activity itself was first recorded. “Late by” counts from the oldest "
            "missing week, or from the hour of the activity." + (f" Not applicable: {'; '.join(spared)}." if spared else ""),
        },
    }


def _due_row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    told = f"{row['role']}, urgently" if row["is_urgent"] else row["role"]
    late = row["days_late"] if row["state"] == "missing" else None
    recorded = row["reason"] if row["state"] == "unknown" else _day(row["first_recorded_at"])
    if row["was_late"]:
        recorded = f"{recorded}, late"
    return (_expected(row), _VERDICTS[row["state"]], row["due"], _day(row["late_at"]), recorded, late, told)


def _expected(row: Mapping[str, Any]) -> str:
    """What the calendar expects: an artifact every week, or an activity proved by one."""
    name = row["artifact_name"]
    return str(name) if row["activity"] in PERIODIC else f"{row['activity'].replace('_', ' ')} ({name})"


def _day(instant: dt.datetime | None) -> dt.date | None:
    return None if instant is None else instant.date()


def _open_section(rows: pa.Table) -> dict[str, Any]:
    shown = sorted(rows.to_pylist(), key=lambda row: (row["priority"], -row["age_days"], row["opened_at"], row["incident"]))
    section: dict[str, Any] = {"title": "What stays open", "text": _open_text(shown)}
    if not shown:
        return section
    columns = ["incident", "priority", "artifact", "rule and subject", {"name": "open for", "unit": "days"}, "next step", "due", "held by"]
    table = {
        "columns": columns,
        "rows": [_open_row(row) for row in shown],
        "note": "`governance alerts` acknowledges and waives by these first digits. A step is taken once, and none while an "
        "acknowledgement or waiver holds.",
    }
    return section | {"plot": _age_plot(shown), "table": table}


def _open_text(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "No incident is open."
    counted = Counter(row["priority"] for row in rows)
    overdue = sum(row["steps_overdue"] for row in rows)
    late = f" Steps overdue: {overdue}." if overdue else ""
    return f"{', '.join(f'{n} {priority}' for priority, n in sorted(counted.items()))}.{late}"


def _open_row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    held = [f"{what} by {row[f'{what}_by']}{_until(row[f'{what}_until'])}" for what in ("waived", "acknowledged") if row[f"{what}_by"]]
    step = None if row["next_step"] is None else row["next_step"].partition(" (")[0]
    named = (row["incident"][:_SHORT], row["priority"], row["artifact_name"], f"{row['rule']}: {row['subject']}")
    return (*named, row["age_days"], step, _day(row["next_due_at"]), "; ".join(held))


def _until(instant: dt.datetime | None) -> str:
    return "" if instant is None else f" until {instant:%Y-%m-%d}"


def _age_plot(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How many incidents are open for how many weeks; those older than the last bar stand in it."""
    weeks = Counter(min(row["age_days"] // 7, _MOST_BARS - 1) for row in rows)
    ages = range(max(*weeks, _FEWEST_BARS - 1) + 1)
    return {
        "kind": "bars",
        "title": "Open incidents by age",
        "x_label": "weeks open",
        "series": [{"name": "open incidents", "x": [age + 0.5 for age in ages], "y": [float(weeks[age]) for age in ages]}],
    }


def _count(rows: pa.Table, state: str) -> int:
    return int(pc.sum(pc.equal(rows["state"], state)).as_py() or 0)
