"""Rows of the review: reports with their risk, kickoffs with their week, actions with their days.

Belongs here: shaping landed records. Does not belong here: whether they are acceptable (``rules.py``), or when things are due
(``runtime/due_dates.py``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import duckdb
import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.review.contracts import ActionRegister, DecisionLog, ReviewKickoff, VarianceBundle
from governance_assets.policy import CalendarPolicy, ReviewPolicy
from governance_assets.runtime import due_dates
from governance_assets.runtime.periods import Period, quarter_of, utc_day

Row = dict[str, Any]

_OWN = ("date", "as_of", "details", "position")
_HELD = "held"


def variance_bundle(
    con: duckdb.DuckDBPyConnection,
    reports: str | None,
    verdicts: tuple[str | None, str | None, str | None],
    periods: Sequence[Period],
    policy: ReviewPolicy,
) -> pa.Table:
    """Every report that was made in an asked quarter, with its components and its risk.

    A quarter without one has a report made from ``verdicts``: the views of our components, of key figures and of recommended actions.
    """
    found = _rows(con, reports)
    components, figures, asked = (_rows(con, view) for view in verdicts)
    rows: list[Row] = []
    for period in periods:
        own = [row for row in found if period.start <= row["instant"] < period.end]
        own.sort(key=lambda row: (row["instant"], row["cycle"], row["as_of"] or dt.date.min))
        for entry, (_, parts) in enumerate(groupby(own, lambda row: (row["instant"], row["cycle"])), 1):
            rows += (
                {"quarter": period.key, "entry": entry, "origin": "imported", "recommended_actions": None, **row}
                for row in _report(list(parts), policy)
            )
        if not own:
            made = _own_report([row for row in components if row["quarter"] == period.key], figures, period.key)
            added = {
                "quarter": period.key,
                "entry": 1,
                "origin": "computed",
                "missing_fields": "",
                "recommended_actions": _asked(asked, period.key),
            }
            rows += (row | added for row in (_report(made, policy) if made else ()))
    return pa.Table.from_pylist(rows, schema=arrow_schema(VarianceBundle))


def _own_report(components: Sequence[Row], figures: Sequence[Row], quarter: str) -> list[Row]:
    """A report in the shape of an imported one, from our own verdicts; its revision stands in the ledger, which no content can name."""
    highlights = [f"{row['component']} is {row['status']}: {row['notes']} ({row['source']})" for row in components if _is_unwell(row)]
    highlights += [f"{row['component']} is unknown: {row['notes']}" for row in components if row["status"] is None]
    highlights += [_moved(row) for row in figures if row["quarter"] == quarter and row["is_high_variance"]]
    shared = {
        "cycle": quarter,
        "risk_score": None,
        "git_revision": None,
        "source_commands": f"governance run --quarter {quarter}",
        "highlights": "\n".join(highlights) or "Every component is well, and no key figure left its band.",
    }
    copied = ("component", "status", "notes", "issues")
    return [{name: row[name] for name in copied} | shared | {"instant": row["judged_until"]} for row in components]


def _asked(actions: Sequence[Row], quarter: str) -> str:
    """Recommended actions of a quarter in the shape of the playbook's bundle."""
    own = sorted((row for row in actions if row["quarter"] == quarter), key=lambda row: row["rank"])
    told = [
        {
            "summary": f"{row['summary']} ({row['check']}: {row['subject']})",
            "owner": row["owner"],
            "due_by": row["due_by"].isoformat(),
            "related_tasks": _listed(row["related_items"]),
        }
        for row in own
    ]
    return json.dumps(told, ensure_ascii=False)


def _is_unwell(component: Row) -> bool:
    return component["status"] not in (None, "pass", "stable")


def _moved(figure: Row) -> str:
    scale, unit = (100, " %") if figure["unit"] == "fraction" else (1, f" {figure['unit']}")
    against = f"the quarters before: {figure['centre'] * scale:.3g}{unit} in the median"
    distance = "" if figure["sigmas"] is None else f", {figure['sigmas']:.1f} robust sigmas away"
    return f"{figure['kpi']} of {figure['subject']} is {figure['value'] * scale:.3g}{unit}; {against}{distance} ({figure['source']})"


def _report(parts: Sequence[Row], policy: ReviewPolicy) -> list[Row]:
    stated = {row["component"]: row for row in parts if row["component"]}
    scored = {one.name: one.words for one in policy.components}
    severities = {name: None if name not in stated else _severity(stated[name]["status"], words, policy) for name, words in scored.items()}
    lower, upper = risk(severities)
    whole = parts[-1]
    shown = (f"{lower:.2f}", f"{upper:.2f}")
    said = whole["risk_score"]
    revision = whole["git_revision"]
    shared = {
        "cycle": whole["cycle"],
        "generated_at": whole["instant"],
        "risk_lower": lower,
        "risk_upper": upper,
        "risk_shown": shown[0] if lower == upper else " to ".join(shown),
        "risk_stated": said,
        "is_reproduced": None if said is None or lower != upper else f"{said:.2f}" == shown[0],
        "missing_fields": ", ".join(_missing(whole, policy)),
        "git_revision": revision,
        "is_revision_whole": revision is not None and re.fullmatch(policy.revision_pattern, revision) is not None,
        "source_commands": whole["source_commands"],
        "highlights": whole["highlights"],
        "content_sha256": _digest(parts),
    }
    return [
        {
            **shared,
            "component": name,
            "is_scored": name in scored,
            "words": ", ".join(scored.get(name, ())),
            "severity": severities.get(name),
            **{column: stated.get(name, {}).get(column) for column in ("status", "notes", "issues")},
        }
        for name in sorted({*scored, *stated})
    ]


def risk(severities: Mapping[str, float | None]) -> tuple[float, float]:
    """Smallest and largest mean severity of the components, each of equal weight; an unknown one may be anything from 0 to 1.

    >>> risk({"critic": 0.5, "allocator": 1.0, "backtest": 0.0, "data": 1.0}), risk({"critic": 0.5, "data": None})
    ((0.625, 0.625), (0.25, 0.75))
    """
    known = sum(value for value in severities.values() if value is not None)
    unknown = sum(value is None for value in severities.values())
    return known / len(severities), (known + unknown) / len(severities)


def _severity(status: str | None, words: Sequence[str], policy: ReviewPolicy) -> float | None:
    word = (status or "").strip().lower()
    return next((one.severity for one in policy.severities if one.word == word and word in words), None)


def _missing(report: Row, policy: ReviewPolicy) -> list[str]:
    """Required fields without a value; ``generated_at`` is the row's instant, without which nothing lands."""
    columns = {"generated_at": "instant"}
    return [name for name in policy.required_fields if report.get(columns.get(name, name)) in (None, "")]


def _digest(parts: Sequence[Row]) -> str:
    told = [{name: value for name, value in row.items() if name not in _OWN} for row in sorted(parts, key=lambda row: row["component"])]
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


# ---------------------------------------------------------------- kickoffs


def review_kickoff(
    con: duckdb.DuckDBPyConnection,
    events: str | None,
    periods: Sequence[Period],
    as_of: dt.datetime,
    policy: ReviewPolicy,
    calendar: CalendarPolicy,
) -> pa.Table:
    """Every kickoff that starts in an asked quarter, in its newest version."""
    newest: dict[tuple[str, str], Row] = {}
    for row in sorted(_rows(con, events), key=lambda row: row["as_of"] or dt.date.min):
        if row["kind"] == "kickoff":
            newest[(quarter_of(utc_day(row["starts_at"])), row["event_id"] or row["starts_at"].isoformat())] = row
    rows = []
    for period in periods:
        week = due_dates.review_week(period.key, calendar)
        cut = min(as_of, period.end)
        held = [row["starts_at"] for row in newest.values() if row["status"] == _HELD and row["starts_at"] < cut]
        for (quarter, name), row in sorted(newest.items()):
            if quarter != period.key:
                continue
            is_to_come = row["status"] != _HELD and row["starts_at"] >= cut
            copied = ("title", "starts_at", "status", "duration_minutes", "created_at", "replaces", "facilitator", "participants", "notes")
            rows.append(
                {column: row[column] for column in copied}
                | {
                    "quarter": quarter,
                    "event": name,
                    "due_at": week.kickoff,
                    "window_start": week.start,
                    "window_end": week.end,
                    "is_in_window": week.holds(row["starts_at"]),
                    "planned_minutes": calendar.kickoff_minutes,
                    "rebook_by": None if row["replaces"] is None else due_dates.rebook_deadline(row["replaces"], calendar),
                    "missing_roles": ", ".join(_absent(row, policy)),
                    "last_reviewed_at": max(held, default=None),
                    "next_review_at": row["starts_at"] if is_to_come else due_dates.next_review_at(quarter, calendar),
                }
            )
    return pa.Table.from_pylist(rows, schema=arrow_schema(ReviewKickoff))


def _absent(kickoff: Row, policy: ReviewPolicy) -> list[str]:
    there = kickoff["participants"] or ""
    absent = [one.role for one in policy.required_roles if re.search(one.words, there, re.IGNORECASE) is None]
    return absent if kickoff["facilitator"] else [*absent, "facilitator"]


# ---------------------------------------------------------------- actions


def action_register(
    con: duckdb.DuckDBPyConnection, actions: str | None, periods: Sequence[Period], as_of: dt.datetime, policy: ReviewPolicy
) -> pa.Table:
    """Every action that was open in an asked quarter, in the newest version that was written by then."""
    versions = sorted(_rows(con, actions), key=lambda row: (row["as_of"] or row["date"], row["date"]))
    rows = []
    for period in periods:
        cut = min(as_of, period.end)
        judged_on = utc_day(cut - dt.timedelta(microseconds=1))
        known = [row for row in versions if row["date"] <= judged_on]
        first: dict[str, dt.date] = {}
        newest: dict[str, Row] = {}
        for row in known:
            first[row["action_id"]] = min(first.get(row["action_id"], row["date"]), row["date"])
            newest[row["action_id"]] = row
        for name, row in sorted(newest.items()):
            closed_on = None if row["closed_at"] is None else utc_day(row["closed_at"])
            says_so = re.fullmatch(policy.closing_words, (row["status"] or "").strip(), re.IGNORECASE) is not None
            is_closed = says_so if closed_on is None else closed_on <= judged_on
            if is_closed and (closed_on or row["date"]) < utc_day(period.start):
                continue
            late = None if row["due_by"] is None or is_closed else (judged_on - row["due_by"]).days
            copied = (
                "action_id",
                "cycle",
                "decision_id",
                "summary",
                "owner",
                "due_by",
                "related_items",
                "status",
                "carry_over_reason",
                "evidence",
            )
            rows.append(
                {column: row[column] for column in copied}
                | {
                    "quarter": period.key,
                    "agreed_on": first[name],
                    "state": "closed" if is_closed else "open",
                    "closed_on": closed_on if is_closed else None,
                    "judged_on": judged_on,
                    "is_close": as_of >= period.end,
                    "overdue_days": late if late is not None and late > 0 else None,
                }
            )
    return pa.Table.from_pylist(rows, schema=arrow_schema(ActionRegister))


# ---------------------------------------------------------------- decisions


def decision_log(
    con: duckdb.DuckDBPyConnection,
    decisions: str | None,
    actions: str | None,
    plan: tuple[str | None, str | None],
    periods: Sequence[Period],
    as_of: dt.datetime,
    calendar: CalendarPolicy,
) -> pa.Table:
    """Every decision that was taken in an asked quarter, in its newest version, with the actions and changes of the plan that follow.

    ``plan`` is the views of the plan's transitions and of its snapshots.
    """
    changes = _changes(con, *plan)
    versions = sorted(_rows(con, decisions), key=lambda row: (row["as_of"] or row["date"], row["date"]))
    promised = _rows(con, actions)
    rows = []
    for period in periods:
        judged_on = utc_day(min(as_of, period.end) - dt.timedelta(microseconds=1))
        newest = {row["decision_id"]: row for row in versions if row["date"] <= judged_on}
        for name, row in sorted(newest.items()):
            taken_on = row["decided_on"] or row["date"]
            if not utc_day(period.start) <= taken_on < utc_day(period.end):
                continue
            due_on = utc_day(due_dates.post_review_due(due_dates.at(taken_on, calendar.day_end), calendar))
            known = {one["action_id"] for one in promised if one["decision_id"] == name and one["date"] <= min(due_on, judged_on)}
            named = _listed(row["related_items"])
            touched = {
                item: min(days) for item in named if (days := [day for day in changes.get(item, ()) if taken_on <= day <= judged_on])
            }
            copied = ("kind", "cycle", "summary", "rationale", "decided_by", "severity", "related_items", "expires_on", "outcome")
            rows.append(
                {column: row[column] for column in copied}
                | {
                    "quarter": period.key,
                    "decision_id": name,
                    "decided_on": taken_on,
                    "judged_on": judged_on,
                    "actions_due_on": due_on,
                    "n_actions": len(known),
                    "n_items": len(named),
                    "n_touched": len(touched),
                    "touched_on": min(touched.values(), default=None),
                    "touched_items": ", ".join(sorted(touched)),
                }
            )
    return pa.Table.from_pylist(rows, schema=arrow_schema(DecisionLog))


def _listed(text: str | None) -> list[str]:
    """The names in a text that separates them by commas, each once."""
    return sorted({name for each in (text or "").split(",") if (name := each.strip())})


_STATED = ("title", "status", "phase_id", "owner", "priority", "planned_start", "planned_end", "estimated_cost", "dependencies")


def _changes(con: duckdb.DuckDBPyConnection, transitions: str | None, snapshots: str | None) -> dict[str, set[dt.date]]:
    """The days on which each item of the plan changed: by its transitions, and where two of its snapshots in a row differ."""
    found: dict[str, set[dt.date]] = {}
    if transitions is not None:
        for item, day in con.execute(f"SELECT DISTINCT item_id, date FROM {transitions} WHERE kind <> 'removed'").fetchall():
            found.setdefault(item, set()).add(day)
    if snapshots is not None:
        told = f"hash({', '.join(_STATED)})"
        query = f"""
            WITH told AS (SELECT plan, item_id, date, {told} AS told FROM {snapshots} WHERE item_id IS NOT NULL),
            first AS (SELECT plan, min(date) AS first FROM told GROUP BY plan),
            moved AS (
                SELECT plan, item_id, date, told, lag(told) OVER (PARTITION BY plan, item_id ORDER BY date, told) AS before FROM told
            )
            SELECT DISTINCT item_id, date FROM moved JOIN first USING (plan)
            WHERE (before IS NULL AND date > first) OR before <> told
        """
        for item, day in con.execute(query).fetchall():
            found.setdefault(item, set()).add(day)
    return found


def _rows(con: duckdb.DuckDBPyConnection, view: str | None) -> list[Row]:
    return [] if view is None else list(con.execute(f"SELECT * FROM {view} ORDER BY ALL").to_arrow_table().to_pylist())
