"""The page of issues, the Markdown of every review, and headline figures.

Belongs here: choosing, sorting and wording of recorded rows. Does not belong here: judging them, or markup.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.runtime.periods import next_half_month

_MOST = 60
_LINKED = 6  # reviews that the page links; the files of all are beside it
_INTRO = (
    "Every issue that was open in a half-month, from whichever system tells of it, with one category, one priority and the reason for "
    "both. The same words in two systems within days are one issue. Time counts from opening to closing; what is reopened goes on counting."
)
_TITLES = {"figure": "Figures", "action": "Actions", "age": "Ages of open issues", "cause": "Causes"}


def page(tables: Mapping[str, pa.Table], findings: pa.Table, as_of: dt.datetime) -> dict[str, Any]:
    """The page model: the newest review, the board of service levels, and every review as a document."""
    reports = tables["issue_report"]
    newest = pc.max(reports["half_month"]).as_py() if reports.num_rows else None
    if newest is None:
        return {"title": "Issues", "intro": _INTRO, "sections": [{"title": "Reviews", "text": "Nothing is recorded yet."}]}
    lines = reports.filter(pc.equal(reports["half_month"], newest))
    sections = [_review_section(lines, newest, reports), _board_section(tables, newest), _cause_section(lines)]
    return {"title": "Issues", "intro": f"{_INTRO}\n\nAs of {as_of.date()}.", "sections": sections}


def documents(tables: Mapping[str, pa.Table], findings: pa.Table, as_of: dt.datetime) -> dict[str, str]:
    """The review of every half-month, named by the day it is held on."""
    reports = tables["issue_report"]
    found = {}
    for start in sorted(pc.unique(reports["half_month"]).to_pylist()):
        lines = reports.filter(pc.equal(reports["half_month"], start))
        found[_path(start)] = "\n".join(_markdown(lines, start)) + "\n"
    return found


def headline_of_triage(rows: pa.Table) -> tuple[str, int, None]:
    """How many issues were open."""
    return "issues", rows.num_rows, None


def headline_of_levels(rows: pa.Table) -> tuple[str, int, None]:
    """How many open issues have broken their service level."""
    late = rows.filter(pc.and_(pc.not_equal(rows["state"], "closed"), pc.is_valid(rows["breach_hours"])))
    return "overdue", late.num_rows, None


def headline_of_report(rows: pa.Table) -> tuple[str, int, None]:
    """How many actions the review has."""
    return "actions", _lines(rows, "action").num_rows, None


def _path(start: dt.date) -> str:
    return f"reviews/{next_half_month(start).isoformat()}-issue-review.md"


def _lines(rows: pa.Table, section: str) -> pa.Table:
    return rows.filter(pc.equal(rows["section"], section))


# ---------------------------------------------------------------- page


def _review_section(lines: pa.Table, newest: dt.date, reports: pa.Table) -> dict[str, Any]:
    figures = {row["name"]: row for row in _lines(lines, "figure").to_pylist()}
    told = ", ".join(f"{figures[name]['value']:.0f} {figures[name]['text']}" for name in ("open", "new", "closed", "breached"))
    ages = sorted(_lines(lines, "age").to_pylist(), key=lambda row: int(row["name"].split()[0]))
    plot = {
        "kind": "bars",
        "title": "Ages of open issues",
        "x_label": "weeks open; the last bar holds all that are older",
        "series": [{"name": "open issues", "x": [week + 0.5 for week in range(len(ages))], "y": [row["value"] for row in ages]}],
    }
    starts = sorted(pc.unique(reports["half_month"]).to_pylist(), reverse=True)[:_LINKED]
    return {
        "title": f"Review of {newest} to {next_half_month(newest) - dt.timedelta(days=1)}",
        "text": f"{told}.",
        "plot": plot,
        "table": {
            "columns": ["action for", "priority", "role", "due", {"name": "beyond its level", "unit": "hours"}, "what to do"],
            "rows": [_action_row(row) for row in _actions(lines)[:_MOST]],
            "note": "An action for every open P0 and P1, the most urgent first.",
        },
        "documents": [(f"Review of {next_half_month(start)}", _path(start)) for start in starts],
    }


def _action_row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["name"], row["priority"], row["owner"], row["due_date"], row["value"], row["text"])


def _actions(lines: pa.Table) -> list[dict[str, Any]]:
    found = _lines(lines, "action").to_pylist()
    return sorted(found, key=lambda row: (row["priority"], row["due_date"], row["name"]))


def _board_section(tables: Mapping[str, pa.Table], newest: dt.date) -> dict[str, Any]:
    status, triage = tables["sla_status"], tables["issue_triage"]
    titles = {row["issue_id"]: row for row in triage.filter(pc.equal(triage["half_month"], newest)).to_pylist()}
    rows = status.filter(pc.and_(pc.equal(status["half_month"], newest), pc.not_equal(status["state"], "closed"))).to_pylist()
    rows.sort(key=lambda row: (row["priority"], -(row["breach_hours"] or 0), row["issue_id"]))
    left = f" Shown are {_MOST} of {len(rows)}." if len(rows) > _MOST else ""
    return {
        "title": "Service levels",
        "text": f"{len(rows)} open issues, the most urgent and latest first.{left}",
        "table": {
            "columns": [
                "issue",
                "title",
                "priority",
                {"name": "verdict", "kind": "verdict"},
                {"name": "counted", "unit": "hours"},
                {"name": "allowed", "unit": "hours"},
                "due",
                "state",
                "category",
                "role",
            ],
            "rows": [_board_row(row, titles.get(row["issue_id"], {})) for row in rows[:_MOST]],
            "note": "Hours count on the clock of the priority's service level.",
        },
    }


def _board_row(row: Mapping[str, Any], told: Mapping[str, Any]) -> tuple[Any, ...]:
    verdict = "pass" if row["breach_hours"] is None else "fail"
    due = None if row["due_at"] is None else row["due_at"].date()
    figures = (row["counted_hours"], row["limit_hours"], due, row["state"])
    return (row["issue_id"], told.get("title"), row["priority"], verdict, *figures, told.get("category"), told.get("owner"))


def _cause_section(lines: pa.Table) -> dict[str, Any]:
    rows = _lines(lines, "cause").sort_by([("value", "descending"), ("name", "ascending")]).to_pylist()
    table = {
        "columns": ["category", {"name": "issues"}, "of these"],
        "rows": [(_words(row["name"]), row["value"], row["text"]) for row in rows],
    }
    return {"title": "Top causes", "text": "" if rows else "No issue was open.", "table": table}


def _words(name: str) -> str:
    return name.replace("_", " ")


# ---------------------------------------------------------------- Markdown


def _markdown(lines: pa.Table, start: dt.date) -> Iterator[str]:
    end = next_half_month(start)
    yield f"# Issue review of {end}"
    yield ""
    yield f"Covers {start} up to, and not including, {end} (UTC)."
    for section, title in _TITLES.items():
        rows = _actions(lines) if section == "action" else _lines(lines, section).to_pylist()
        yield from ("", f"## {title}", "")
        yield from (_bullet(section, row) for row in rows)
        if not rows:
            yield "None."


def _bullet(section: str, row: Mapping[str, Any]) -> str:
    if section == "action":
        late = f", {row['value']:.0f} hours beyond its service level" if row["value"] is not None else ""
        return f"- **{row['priority']}** {_plain(row['name'])} ({row['owner']}, due {row['due_date']}{late}): {_plain(row['text'])}"
    value = "not known" if row["value"] is None else f"{row['value']:,.0f} {row['unit']}"
    return f"- {_words(row['name'])}: {value} ({_plain(row['text'])})"


def _plain(text: str) -> str:
    """Text of others as text: no markup, no line of its own."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#|" else letter for letter in " ".join(text.split()))
