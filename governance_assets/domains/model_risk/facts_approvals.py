"""Rows of what needs the deciding role's approval, with what was given, and whether the plan was adjusted after it.

Belongs here: matching approvals with decisions, proposals and items, and versions of the plan with each other. Does not belong here:
whether that is acceptable (``rules.py``).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.contract import conform, registry
from governance_assets.domains.model_risk import contracts
from governance_assets.domains.model_risk.facts import Row, judged_on, role_of, rows_of_feed, table_of
from governance_assets.feeds import newest, snapshot
from governance_assets.policy import Policy
from governance_assets.runtime.due_dates import last_friday
from governance_assets.runtime.periods import DAY, Period
from governance_assets.stats.digest import table_digest

_ADJUSTED = ("estimated_cost", "planned_start", "planned_end", "phase_id", "priority")


@dataclass(frozen=True)
class Given:
    """Where the rows are that approvals are held against."""

    connection: duckdb.DuckDBPyConnection
    scorecards: str
    proposals: str
    approvals: str | None
    plan_items: str | None


def decision_approvals(given: Given, periods: Sequence[Period], as_of: dt.datetime, policy: Policy) -> pa.Table:
    """What needed approval in each period, with what was given by its end."""
    con, role = given.connection, role_of(policy.assessment.deciding_role)
    rows: list[Row] = []
    for period in periods:
        day = judged_on(period, as_of)
        answers = [row for row in rows_of_feed(con, given.approvals, day) if row["kind"] == "approval"]
        asked = [*_assessments(given, period, policy), *_items(given, day, policy)]
        for row in asked:
            needs = row.pop("needs_adjustment")
            row |= _answer(row, answers, role, day) | {"quarter": period.key, "role": role, "judged_on": day}
            row |= _adjustments(given, row, day, policy) if needs else {"adjust_by": None, "adjusted_items": None}
            if row["given_on"] is None or row["given_on"] >= period.start.date() or row["decided_on"] >= period.start.date():
                rows.append(row)
    return table_of(contracts.DecisionApprovals, rows)


def _assessments(given: Given, period: Period, policy: Policy) -> list[Row]:
    """Decisions of every quarter up to this one, each with the adjustment that was proposed beside it."""
    cards = _recorded(given.connection, given.scorecards, "scorecard_360", period.key)
    proposals = _recorded(given.connection, given.proposals, "adjustment_proposal", period.key)
    rows = []
    for quarter, part in cards.items():
        if (decision := part["decision"][0].as_py()) is None:
            continue
        whole = [row for row in proposals[quarter].to_pylist() if row["phase"] == "*" and row["is_due"]] if quarter in proposals else []
        proposed = [f"proposed for {told}" for row in whole if (told := _variances(row))]
        decided_on = last_friday(quarter)
        rows.append(
            {
                "subject": f"scorecard_360 {quarter}",
                "kind": "decision",
                "what": "; ".join([str(decision).replace("_", " "), *proposed]),
                "decided_on": decided_on,
                "due_on": decided_on + policy.model_risk.approval_days * DAY,
                "content_sha256": table_digest(part, registry()["scorecard_360"].key),
                "needs_adjustment": decision != "continue" or bool(whole),
            }
        )
    return rows


def _variances(row: Row) -> str:
    told = [f"{name} {100 * value:+.1f} %" for name in ("budget", "timeline") if (value := row[f"{name}_variance"]) is not None]
    return ", ".join(told)


def _recorded(con: duckdb.DuckDBPyConnection, view: str, artifact: str, until: str) -> dict[str, pa.Table]:
    """The rows of each quarter up to one, as the ledger digests them."""
    rows = conform(registry()[artifact], con.execute(f"SELECT * FROM {view} WHERE quarter <= ? ORDER BY quarter", [until]).to_arrow_table())
    return {key: rows.filter(pc.equal(rows["quarter"], key)) for key in sorted(set(rows["quarter"].to_pylist()))}


def _items(given: Given, day: dt.date, policy: Policy) -> list[Row]:
    """Finished items of the plan whose autonomy level asks for approval."""
    if given.plan_items is None:
        return []
    query = newest(given.plan_items, "plan_items", until=f"DATE '{day}'")
    done: dict[str, Row] = {}
    for item in given.connection.execute(query).to_arrow_table().to_pylist():
        name = item["item_id"] or item["record_id"] or item["title"]
        is_done = (item["status"] or "").strip().lower() in policy.plan.done_words
        if name and is_done and _level(item["autonomy_level"]) >= policy.model_risk.approval_level:
            decided_on = min(item["actual_end"] or item["date"], item["date"])
            row = {"subject": f"{item['plan']} {name}".strip(), "kind": "item", "what": item["title"] or name, "decided_on": decided_on}
            done[str(row["subject"])] = row | {"due_on": decided_on + policy.model_risk.approval_days * DAY, "content_sha256": None}
    return [row | {"needs_adjustment": False} for _, row in sorted(done.items())]


def _level(text: str | None) -> int:
    found = re.search(r"\d+", text or "")
    return int(found[0]) if found else 0


def _answer(asked: Row, answers: Iterable[Row], role: str, day: dt.date) -> Row:
    """What the deciding role said last to what is asked."""
    about = [one for one in answers if " ".join(one["subject"].lower().split()) == asked["subject"].lower()]
    own = [one for one in about if role_of(one["role"]) == role and one["verdict"] != "attested"]
    others = sorted({role_of(one["role"]) for one in about if one["verdict"] == "approved"} - {role})
    row: Row = dict.fromkeys(("given_on", "authenticated_by", "stated_sha256", "reason"))
    row |= {"state": "pending", "given_by_others": ", ".join(others), "days_taken": max((day - asked["decided_on"]).days, 0)}
    if not own:
        return row
    last = own[-1]
    stated, digest = (last["sha256"] or "").strip().lower().removeprefix("sha256:"), asked["content_sha256"]
    signed = "approved" if last["authenticated_by"] else "asserted"
    state = "rejected" if last["verdict"] == "rejected" else "outdated" if stated and digest and stated != digest else signed
    return row | {
        "state": state,
        "given_on": last["date"],
        "authenticated_by": last["authenticated_by"],
        "stated_sha256": stated or None,
        "reason": last["reason"],
        "days_taken": max((last["date"] - asked["decided_on"]).days, 0),
    }


def _adjustments(given: Given, row: Row, day: dt.date, policy: Policy) -> Row:
    """How many items of the plan changed in the days after an approval."""
    if row["state"] not in ("approved", "asserted"):
        return {"adjust_by": None, "adjusted_items": None}
    adjust_by = row["given_on"] + policy.calendar.adjustment_days * DAY
    before = _plan(given, row["given_on"] - DAY)
    after = _plan(given, min(adjust_by, day))
    is_newer = bool(before) and bool(after) and max(one["date"] for one in after.values()) >= row["given_on"]
    changed = {key for key in before.keys() | after.keys() if _shape(before.get(key)) != _shape(after.get(key))}
    return {"adjust_by": adjust_by, "adjusted_items": len(changed) if is_newer else None}


def _plan(given: Given, until: dt.date) -> dict[tuple[str, ...], Row]:
    """The items of the newest version of each plan up to a day."""
    if given.plan_items is None:
        return {}
    found = given.connection.execute(snapshot(given.plan_items, "plan_items", until=f"DATE '{until}'")).to_arrow_table().to_pylist()
    return {(one["plan"], one["kind"], one["record_id"] or one["item_id"] or one["title"] or ""): one for one in found}


def _shape(item: Row | None) -> tuple[object, ...] | None:
    return None if item is None else tuple(item[name] for name in _ADJUSTED)
