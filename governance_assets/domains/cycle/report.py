"""The page of the review's cycle, the governance calendar as iCalendar, and headline figures.

Belongs here: choosing, sorting and wording of recorded rows. Does not belong here: judging them, or markup.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.pages.icalendar import Entry, calendar_file

Row = dict[str, Any]
Tables = Mapping[str, pa.Table]

CALENDAR = "reviews/governance-calendar.ics"
LEDGER = "reviews/context.md"
_INTRO = (
    "The quarterly review in six phases. An item is closed by evidence that is recorded: a session, a report, a verdict, a decision with "
    "its action, a change in the plan. Nobody ticks it."
)
_WORDS = {"closed": "pass", "late": "warn", "missing": "fail", "open": "unknown", "not_applicable": "not_applicable"}
_SHOWN_DAYS = 45
_NOTHING = "Nothing is recorded yet."


def page(tables: Tables, findings: pa.Table, as_of: dt.datetime) -> dict[str, Any]:
    """The page model: the newest review's checklist, reviews over time, and what comes next on the calendar."""
    checklist = tables["review_checklist"]
    sections = [_checklist_section(checklist), *_trend_section(checklist), _ledger_section(tables["context_ledger"])]
    sections.append(_calendar_section(tables["governance_calendar"], as_of))
    return {"title": "Review cycle", "intro": f"{_INTRO}\n\nAs of {as_of.date()}.", "sections": sections}


def documents(tables: Tables, findings: pa.Table, as_of: dt.datetime) -> dict[str, str]:
    """The governance calendar for calendar programs, and the context ledger as Markdown."""
    calendar, ledger = tables["governance_calendar"], tables["context_ledger"]
    made = {CALENDAR: _feed(calendar)} if calendar.num_rows else {}
    return made | ({LEDGER: _context(ledger)} if ledger.num_rows else {})


def headline_of_checklist(rows: pa.Table) -> tuple[str, int, None]:
    """How many items are missing."""
    return "items missing", rows.filter(pc.equal(rows["state"], "missing")).num_rows, None


def headline_of_ledger(rows: pa.Table) -> tuple[str, int, None]:
    """How many entries there are."""
    return "entries", rows.num_rows, None


def headline_of_calendar(rows: pa.Table) -> tuple[str, int, None]:
    """How many events there are."""
    return "events", rows.num_rows, None


def _checklist_section(checklist: pa.Table) -> dict[str, Any]:
    if not checklist.num_rows:
        return {"title": "Checklist", "text": _NOTHING}
    newest = pc.max(checklist["quarter"]).as_py()
    rows = sorted((row for row in checklist.to_pylist() if row["quarter"] == newest), key=lambda row: row["position"])
    counted = Counter(row["state"] for row in rows)
    told = ", ".join(f"{counted[state]} {state.replace('_', ' ')}" for state in _WORDS if counted[state])
    return {
        "title": f"Checklist of {newest}",
        "text": f"{told}, judged at {rows[0]['judged_at']:%Y-%m-%d %H:%M} UTC.",
        "table": {
            "columns": [
                {"name": "state", "kind": "verdict"},
                *("phase", "item", "role", "due", "evidence of"),
                {"name": "late", "unit": "days"},
                "evidence",
            ],
            "rows": [
                (
                    *(_WORDS[row["state"]], row["phase"].replace("_", " "), row["item"].replace("_", " "), row["owner"].replace("_", " ")),
                    *(row["due_at"], row["done_at"], row["days_late"], row["evidence"]),
                )
                for row in rows
            ],
        },
    }


def _trend_section(checklist: pa.Table) -> list[dict[str, Any]]:
    quarters = sorted(set(checklist["quarter"].to_pylist()))
    if not quarters:
        return []
    rows = checklist.to_pylist()
    counted = {quarter: Counter(row["state"] for row in rows if row["quarter"] == quarter) for quarter in quarters}
    plot = {
        "kind": "bars",
        "title": "Items closed late or missing, review by review",
        "x_label": f"review, oldest first: {quarters[0]} to {quarters[-1]}",
        "series": [
            {
                "name": "late or missing",
                "x": list(range(1, len(quarters) + 1)),
                "y": [counted[quarter]["late"] + counted[quarter]["missing"] for quarter in quarters],
            }
        ],
    }
    table = {
        "columns": ["review", *(state.replace("_", " ") for state in _WORDS)],
        "rows": [(quarter, *(counted[quarter][state] for state in _WORDS)) for quarter in reversed(quarters)],
    }
    return [{"title": "Reviews", "plot": plot, "table": table}]


def _entries(ledger: pa.Table) -> list[Row]:
    return sorted(ledger.to_pylist(), key=lambda row: (row["happened_at"], row["cycle"], row["entry"]), reverse=True)


def _ledger_section(ledger: pa.Table) -> dict[str, Any]:
    if not ledger.num_rows:
        return {"title": "Context ledger", "text": "No review has left an entry yet."}
    return {
        "title": "Context ledger",
        "text": "What reviews leave for the next one, the newest first.",
        "documents": [("Context ledger, Markdown", LEDGER)],
        "table": {
            "columns": ["review", "entry", "when", "what", "links", "missing"],
            "rows": [
                (row["cycle"], row["entry"], row["happened_at"], row["text"], row["links"], row["missing"]) for row in _entries(ledger)
            ],
        },
    }


def _context(ledger: pa.Table) -> str:
    lines = ["# Context ledger", ""]
    for row in _entries(ledger):
        lines += [f"## {row['cycle']}: {row['entry']}, {row['happened_at']:%Y-%m-%d}", "", row["text"], ""]
        lines += [f"- {link}" for link in row["links"].split("\n")]
        lines += ["", f"Missing: {row['missing']}"] if row["missing"] else []
        lines.append("")
    return "\n".join(lines)


def _calendar_section(calendar: pa.Table, as_of: dt.datetime) -> dict[str, Any]:
    if not calendar.num_rows:
        return {"title": "Calendar", "text": _NOTHING}
    until = as_of + dt.timedelta(days=_SHOWN_DAYS)
    rows = sorted(
        (row for row in calendar.to_pylist() if as_of <= row["due_at"] < until and row["cadence"] != "weekly"),
        key=lambda row: row["due_at"],
    )
    return {
        "title": "Calendar",
        "text": f"What is due in the next {_SHOWN_DAYS} days, weekly and daily events left out; the feed has the weekly ones too.",
        "documents": [("Governance calendar, iCalendar", CALENDAR)],
        "table": {"columns": ["due", "what", "kind", "rules"],
                  "rows": [(row["due_at"], row["name"], row["kind"], row["inventory_ids"]) for row in rows]},
    }  # fmt: skip


def _feed(calendar: pa.Table) -> str:
    entries = []
    for row in sorted(calendar.to_pylist(), key=lambda row: (row["due_at"], row["event"])):
        lasts = row["kind"] in ("meeting", "window") and row["window_start"] == row["due_at"]
        entries.append(
            Entry(
                uid=row["event"],
                starts_at=row["due_at"],
                ends_at=row["window_end"] if lasts else row["due_at"],
                stamped_at=row["due_at"],
                title=row["name"],
                notes=f"{row['kind']}; {row['inventory_ids']}",
            )
        )
    return calendar_file("governance", entries)
