"""The page of the review, the variance bundle as JSON with its schema, and headline figures.

Belongs here: choosing, sorting and wording of recorded rows. Does not belong here: judging them, or markup.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.pages.icalendar import Entry, calendar_file

Row = dict[str, Any]
Tables = Mapping[str, pa.Table]

BUNDLE = "reviews/modeling_meta.json"
SCHEMA = "reviews/modeling_meta.schema.json"
CALENDAR = "reviews/kickoffs.ics"
_INTRO = (
    "The quarterly review: every variance report with its risk score and what it rests on, the kickoff against the first full week of the "
    "quarter, and every action that was promised. A component that a report leaves out is unknown, and the score is then a range."
)
_INSTANT = {"type": "string", "format": "date-time"}
_MAYBE_INSTANT = {"type": ["string", "null"], "format": "date-time"}
_TEXTS = {"type": "array", "items": {"type": "string"}}
_REPORT = {
    "type": "object",
    "required": ["cycle", "generated_at", "source_commands", "highlights", "risk_score", "variance_summary"],
    "anyOf": [{"required": ["git_revision"]}, {"required": ["ledger_entry"]}],
    "properties": {
        "cycle": {"type": "string", "pattern": "^[0-9]{4}-Q[1-4]$"},
        "generated_at": _INSTANT,
        "git_revision": {"type": "string"},
        "ledger_entry": {"type": "string", "description": "Command that shows revision, inputs and command of a computed report"},
        "source_commands": _TEXTS,
        "highlights": _TEXTS,
        "risk_score": {"type": "number", "minimum": 0, "maximum": 1},
        "variance_summary": {
            "type": "object",
            "additionalProperties": {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}},
        },
        "recommended_actions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["summary", "owner", "due_by", "related_tasks"],
                "properties": {"summary": {"type": "string"}, "owner": {"type": "string"}, "due_by": {"type": "string", "format": "date"}},
            },
        },
    },
}
BUNDLE_SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Variance bundle of the quarterly review",
    "type": "object",
    "required": ["cadence", "kickoff_event", "last_reviewed_at", "next_review_at", "variance_reports", "telemetry_schema", "notes"],
    "properties": {
        "cadence": {"const": "quarterly"},
        "kickoff_event": {"type": ["object", "null"]},
        "last_reviewed_at": _MAYBE_INSTANT,
        "next_review_at": _MAYBE_INSTANT,
        "variance_reports": {"type": "array", "items": _REPORT},
        "telemetry_schema": {"type": "object", "additionalProperties": _TEXTS},
        "notes": {"type": "string"},
    },
}


def page(tables: Tables, findings: pa.Table, as_of: dt.datetime) -> dict[str, Any]:
    """The page model: risk by report, the newest report by component, kickoffs, actions."""
    bundle = tables["variance_bundle"]
    sections = [*_risk_sections(bundle), _kickoff_section(tables["review_kickoff"]), _action_section(tables["action_register"])]
    sections.append(_decision_section(tables["decision_log"]))
    return {"title": "Review", "intro": f"{_INTRO}\n\nAs of {as_of.date()}.", "sections": sections}


def documents(tables: Tables, findings: pa.Table, as_of: dt.datetime) -> dict[str, str]:
    """Kickoffs as a calendar file; the bundle over all quarters in the shape of the playbook, and the schema it is meant to fulfil."""
    kickoffs = tables["review_kickoff"]
    made = {CALENDAR: _calendar(kickoffs)} if kickoffs.num_rows else {}
    if not tables["variance_bundle"].num_rows:
        return made
    return made | {
        path: json.dumps(told, indent=2, ensure_ascii=False) + "\n" for path, told in ((BUNDLE, _bundle(tables)), (SCHEMA, BUNDLE_SCHEMA))
    }


def to_decide(tables: Tables, findings: pa.Table, as_of: dt.datetime) -> list[str]:
    """The front page's lines on actions that are overdue, the longest first."""
    actions = tables["action_register"].to_pylist()
    newest = max((row["judged_on"] for row in actions), default=None)
    late = [row for row in actions if row["judged_on"] == newest and row["overdue_days"]]
    return [
        f"Close or move “{row['summary']}”: {row['owner'] or 'nobody owns it'}, {row['overdue_days']} days overdue"
        for row in sorted(late, key=lambda row: -row["overdue_days"])
    ]


def headline_of_bundle(rows: pa.Table) -> tuple[str, float | None, str | None]:
    """The largest risk score that is possible by the newest report."""
    newest = rows.filter(pc.equal(rows["entry"], pc.max(rows["entry"]))) if rows.num_rows else rows
    return "risk score", pc.max(newest["risk_upper"]).as_py(), "fraction"


def headline_of_kickoff(rows: pa.Table) -> tuple[str, int, None]:
    """How many kickoffs lie outside their week."""
    return "outside the first full week", rows.filter(pc.invert(rows["is_in_window"])).num_rows, None


def headline_of_actions(rows: pa.Table) -> tuple[str, int, None]:
    """How many actions are overdue."""
    return "overdue", rows.filter(pc.is_valid(rows["overdue_days"])).num_rows, None


def headline_of_decisions(rows: pa.Table) -> tuple[str, int, None]:
    """How many decisions were taken."""
    return "decisions", rows.num_rows, None


# ---------------------------------------------------------------- page


def _risk_sections(bundle: pa.Table) -> list[dict[str, Any]]:
    if not bundle.num_rows:
        return [{"title": "Variance reports", "text": "Nothing is recorded yet."}]
    reports = _reports(bundle)
    newest = reports[-1]
    places = list(range(1, len(reports) + 1))
    plot = {
        "kind": "bars",
        "title": "Risk score of every report",
        "x_label": "report, oldest first; its largest possible score",
        "series": [{"name": "risk score", "x": places, "y": [row["risk_upper"] for row in reports]}],
    }
    told = {
        "columns": ["quarter", "report", "origin", "made", "risk score", "stated", "missing fields", "revision"],
        "rows": [
            (row["quarter"], row["entry"], row["origin"], row["generated_at"].date(), row["risk_shown"], row["risk_stated"],
             row["missing_fields"],
             row["git_revision"])
            for row in reversed(reports)
        ],
    }  # fmt: skip
    parts = [row for row in bundle.to_pylist() if (row["quarter"], row["entry"]) == (newest["quarter"], newest["entry"])]
    return [
        {"title": "Variance reports", "text": f"{len(reports)} reports.", "plot": plot, "table": told,
         "documents": [("Bundle, JSON", BUNDLE), ("Its JSON schema", SCHEMA)]},
        {"title": f"Report {newest['entry']} of {newest['quarter']}",
         "text": f"Risk score {newest['risk_shown']}, the mean over its scored components.\n\n{newest['highlights'] or 'No highlights.'}",
         "table": {"columns": ["component", "status", "weighs", "notes", "issues"],
                   "rows": [(row["component"], row["status"], row["severity"], row["notes"], row["issues"]) for row in parts]}},
    ]  # fmt: skip


def _kickoff_section(kickoffs: pa.Table) -> dict[str, Any]:
    if not kickoffs.num_rows:
        return {"title": "Kickoff", "text": "Nothing is recorded yet."}
    rows = sorted(kickoffs.to_pylist(), key=lambda row: (row["starts_at"], row["event"]), reverse=True)
    return {
        "title": "Kickoff",
        "documents": [("Kickoffs, iCalendar", CALENDAR)],
        "text": "Against the first Monday to Friday that lies wholly in the quarter.",
        "table": {
            "columns": ["quarter", "event", "starts", "first full week", "in it", "state", "missing roles", "next review"],
            "rows": [
                (row["quarter"], row["event"], row["starts_at"], f"{row['window_start']} to {row['window_end']}",
                 "yes" if row["is_in_window"] else "no", row["status"], row["missing_roles"], row["next_review_at"])
                for row in rows
            ],
        },
    }  # fmt: skip


def _action_section(actions: pa.Table) -> dict[str, Any]:
    if not actions.num_rows:
        return {"title": "Actions", "text": "Nothing is recorded yet."}
    newest = pc.max(pc.cast(actions["judged_on"], pa.date32())).as_py()
    here = [row for row in actions.to_pylist() if row["judged_on"] == newest]
    here.sort(key=lambda row: (row["state"] != "open", row["due_by"] or dt.date.max, row["action_id"]))
    return {
        "title": f"Actions of {here[0]['quarter']}",
        "text": f"{sum(row['overdue_days'] is not None for row in here)} of {len(here)} are overdue, as of {newest}.",
        "table": {
            "columns": ["action", "role", "due", {"name": "overdue", "unit": "days"}, "state", "items", "carried over because"],
            "rows": [
                (
                    row["summary"],
                    row["owner"],
                    row["due_by"],
                    row["overdue_days"],
                    row["state"],
                    row["related_items"],
                    row["carry_over_reason"],
                )
                for row in here
            ],
        },
    }


def _decision_section(decisions: pa.Table) -> dict[str, Any]:
    if not decisions.num_rows:
        return {"title": "Decisions", "text": "Nothing is recorded yet."}
    rows = sorted(decisions.to_pylist(), key=lambda row: (row["decided_on"], row["decision_id"]), reverse=True)
    return {
        "title": "Decisions",
        "text": f"{len(rows)} decisions, the newest first.",
        "table": {
            "columns": [
                "decision",
                "taken",
                "kind",
                "what",
                "role",
                "why",
                "items",
                {"name": "actions", "unit": "actions"},
                "changed in the plan",
                "outcome",
            ],
            "rows": [
                (
                    *(row[name] for name in ("decision_id", "decided_on", "kind", "summary", "decided_by", "rationale")),
                    *(row[name] for name in ("related_items", "n_actions", "touched_items", "outcome")),
                )
                for row in rows
            ],
        },
    }


# ---------------------------------------------------------------- bundle


def _bundle(tables: Tables) -> dict[str, Any]:
    bundle = tables["variance_bundle"]
    parts = bundle.to_pylist()
    kickoffs = sorted(tables["review_kickoff"].to_pylist(), key=lambda row: (row["starts_at"], row["event"]))
    newest = kickoffs[-1] if kickoffs else None
    words = {row["component"]: row["words"].split(", ") for row in parts if row["is_scored"]}
    return {
        "cadence": "quarterly",
        "kickoff_event": None if newest is None else _event(newest),
        "last_reviewed_at": None if newest is None else _instant(newest["last_reviewed_at"]),
        "next_review_at": None if newest is None else _instant(newest["next_review_at"]),
        "variance_reports": [_entry(report, parts, tables["action_register"]) for report in _reports(bundle)],
        "telemetry_schema": {f"variance_reports[*].variance_summary.{name}.status": words[name] for name in sorted(words)},
        "notes": "Fields that a report lacks are absent here too. A risk score is the one computed where all components are known.",
    }


def _event(row: Row) -> dict[str, Any]:
    return {
        "calendar_id": row["event"],
        "created_at": _instant(row["created_at"]),
        "title": row["title"],
        "start": _instant(row["starts_at"]),
        "duration_minutes": row["duration_minutes"],
        "status": row["status"],
        "facilitator": row["facilitator"],
        "participants": [each.strip() for each in (row["participants"] or "").split(",") if each.strip()],
        "notes": row["notes"],
    }


def _entry(report: Row, parts: list[Row], actions: pa.Table) -> dict[str, Any]:
    own = [row for row in parts if (row["quarter"], row["entry"]) == (report["quarter"], report["entry"]) and row["status"] is not None]
    is_known = report["risk_lower"] == report["risk_upper"]
    asked = report["recommended_actions"]  # rows recorded before there were computed reports have neither these nor an origin
    told = {
        "cycle": report["cycle"],
        "generated_at": _instant(report["generated_at"]),
        "source_commands": _lines(report["source_commands"]),
        "git_revision": report["git_revision"],
        "highlights": _lines(report["highlights"]),
        "variance_summary": {
            row["component"]: {
                name: value
                for name, value in (("status", row["status"]), ("notes", row["notes"]), ("issues", _lines(row["issues"])))
                if value is not None
            }
            for row in own
        },
        "risk_score": float(report["risk_shown"]) if is_known else None,
        "recommended_actions": _actions(report, actions) if asked is None else json.loads(asked),
        "ledger_entry": f"governance explain variance_bundle {report['quarter']}" if report["origin"] == "computed" else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _actions(report: Row, actions: pa.Table) -> list[dict[str, Any]]:
    newest = {row["action_id"]: row for row in sorted(actions.to_pylist(), key=lambda row: row["quarter"])}
    return [
        {
            "summary": row["summary"],
            "owner": row["owner"],
            "due_by": None if row["due_by"] is None else row["due_by"].isoformat(),
            "related_tasks": [each.strip() for each in (row["related_items"] or "").split(",") if each.strip()],
        }
        for name, row in sorted(newest.items())
        if row["cycle"] == report["cycle"] and row["agreed_on"] == report["generated_at"].date()
    ]


def _reports(bundle: pa.Table) -> list[Row]:
    found = {(row["quarter"], row["entry"]): row for row in bundle.to_pylist()}
    return [found[key] for key in sorted(found)]


def _lines(text: str | None) -> list[str] | None:
    return None if text is None else text.split("\n")


def _instant(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


# ---------------------------------------------------------------- calendar


def _calendar(kickoffs: pa.Table) -> str:
    entries = []
    for row in sorted(kickoffs.to_pylist(), key=lambda row: (row["starts_at"], row["event"])):
        minutes = row["planned_minutes"] if row["duration_minutes"] is None else row["duration_minutes"]
        entries.append(
            Entry(
                uid=row["event"],
                starts_at=row["starts_at"],
                ends_at=row["starts_at"] + dt.timedelta(minutes=minutes),
                stamped_at=row["created_at"] or row["starts_at"],
                title=row["title"] or "Kickoff of the quarterly review",
                notes=row["notes"] or "",
                is_cancelled=row["status"] == "cancelled",
            )
        )
    return calendar_file("review", entries)
