"""The page of model risk, the file of what is to be signed, and the headline figures.

Belongs here: choosing, sorting and wording of recorded rows. Does not belong here: computing or judging them, or markup.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

Row = dict[str, Any]

_INTRO = (
    "Who approved what was decided, who overrode a verdict and what came of it, which findings were challenged and how that was answered, "
    "and which owners attest to a quarter. Informed by the guidance SR 26-2 on model risk; it proves no compliance with it."
)
_DIGITS = 12
_TO_SIGN = "model_risk/to_sign.csv"
_OPEN = {
    "decision_approvals": ("approvals pending, rejected or outdated", lambda row: row["state"] not in ("approved", "asserted")),
    "override_register": ("overrides without an outcome", lambda row: row["state"] != "closed"),
    "challenge_log": ("findings without a response", lambda row: row["response"] is None),
    "owner_attestations": ("attestations missing or refused", lambda row: row["state"] in ("missing", "refused")),
}
_STATES = {"approved": "pass", "attested": "pass", "asserted": "warn", "pending": "unknown", "missing": "fail", "refused": "fail"}
_STATES |= {"rejected": "fail", "outdated": "fail", "in_force": "warn", "expired": "fail", "closed": "pass"}


def page(tables: Mapping[str, pa.Table], findings: pa.Table, as_of: dt.datetime) -> dict[str, Any]:
    """The page model of the newest recorded quarter, with what stayed open in the others."""
    quarters = _quarters(tables)
    if not quarters:
        return {"title": "Model risk", "intro": f"{_INTRO}\n\nNo quarter is recorded yet.", "sections": []}
    here = {name: _of(tables[name], quarters[-1]) for name in _OPEN}
    sections = [
        _open_section(tables, quarters),
        _approval_section(here["decision_approvals"], bool(_to_sign(here))),
        _attestation_section(here["owner_attestations"]),
        _challenge_section(here["challenge_log"]),
        _override_section(here["override_register"]),
        _policy_section(tables["policy_changes"]),
    ]
    return {"title": "Model risk", "intro": f"{_INTRO}\n\nAs {quarters[-1]} stands. As of {as_of.date()}.", "sections": sections}


def documents(tables: Mapping[str, pa.Table], findings: pa.Table, as_of: dt.datetime) -> dict[str, str]:
    """The rows that wait for a signature, as a file of approvals to be filled in."""
    quarters = _quarters(tables)
    rows = _to_sign({name: _of(tables[name], quarters[-1]) for name in _OPEN}) if quarters else []
    if not rows:
        return {}
    written = io.StringIO()
    writer = csv.DictWriter(written, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return {_TO_SIGN: written.getvalue()}


def to_decide(tables: Mapping[str, pa.Table], findings: pa.Table, as_of: dt.datetime) -> list[str]:
    """The front page's lines on what waits for an approval, the longest first."""
    newest: dict[str, Row] = {
        row["subject"]: row for row in sorted(tables["decision_approvals"].to_pylist(), key=lambda row: row["quarter"])
    }
    waiting = sorted((row for row in newest.values() if row["state"] in ("pending", "outdated")), key=lambda row: row["due_on"])
    return [f"Approve or reject {row['subject']}, {row['what']}: {row['role']}, by {row['due_on']}" for row in waiting]


def _to_sign(here: Mapping[str, Sequence[Row]]) -> list[Row]:
    blank = {"approved_at": "", "verdict": "", "authenticated_by": "", "reason": ""}
    rows = [
        {"subject": row["subject"], "kind": "approval", "role": row["role"], "cycle": "", "sha256": row["content_sha256"] or ""} | blank
        for row in here["decision_approvals"]
        if row["state"] in ("pending", "outdated")
    ]
    return rows + [
        {"subject": f"models of {row['role']}", "kind": "attestation", "role": row["role"], "cycle": row["cycle"], "sha256": ""} | blank
        for row in here["owner_attestations"]
        if row["state"] in ("pending", "missing")
    ]


def headline_of_approvals(rows: pa.Table) -> tuple[str, int, None]:
    """How many wait for approval, or were refused it."""
    return "not_approved", _count_open("decision_approvals", rows.to_pylist()), None


def headline_of_overrides(rows: pa.Table) -> tuple[str, int, None]:
    """How many overrides have no outcome yet."""
    return "open_overrides", _count_open("override_register", rows.to_pylist()), None


def headline_of_challenges(rows: pa.Table) -> tuple[str, int, None]:
    """How many challenges and critical failures have no response."""
    return "unanswered", _count_open("challenge_log", rows.to_pylist()), None


def headline_of_attestations(rows: pa.Table) -> tuple[str, int, None]:
    """How many attestations are missing or refused."""
    return "missing", _count_open("owner_attestations", rows.to_pylist()), None


def headline_of_policies(rows: pa.Table) -> tuple[str, int, None]:
    """How many policies have judged."""
    return "policies", rows.num_rows, None


def _count_open(name: str, rows: Sequence[Row]) -> int:
    return sum(bool(_OPEN[name][1](row)) for row in rows)


def _quarters(tables: Mapping[str, pa.Table]) -> list[str]:
    return sorted({quarter for name in _OPEN for quarter in pc.unique(tables[name]["quarter"]).to_pylist()})


def _of(table: pa.Table, quarter: str) -> list[Row]:
    return list(table.filter(pc.equal(table["quarter"], quarter)).to_pylist())


# ---------------------------------------------------------------- sections


def _open_section(tables: Mapping[str, pa.Table], quarters: Sequence[str]) -> dict[str, Any]:
    counts = {name: [_count_open(name, _of(tables[name], quarter)) for quarter in quarters] for name in _OPEN}
    plot = {
        "kind": "lines",
        "title": "Open at the end of each quarter",
        "x_label": "quarter, by its first day",
        "series": [{"name": _OPEN[name][0], "x": [_first_day(one) for one in quarters], "y": counts[name]} for name in _OPEN],
    }
    told = "; ".join(f"{counts[name][-1]} {_OPEN[name][0]}" for name in _OPEN)
    return {"title": "What is open", "text": f"{told}.", "plot": plot}


def _first_day(quarter: str) -> str:
    year, number = quarter.split("-Q")
    return f"{year}-{3 * int(number) - 2:02}-01"


_STATE = {"name": "state", "kind": "verdict"}


def _approval_section(rows: Sequence[Row], is_to_sign: bool) -> dict[str, Any]:
    if not rows:
        return {"title": "Approvals", "text": "Nothing needs approval."}
    told = [
        (
            row["subject"],
            row["what"],
            _STATES[row["state"]],
            row["state"],
            row["due_on"],
            row["given_on"],
            row["authenticated_by"],
            row["adjust_by"],
            row["adjusted_items"],
        )
        for row in sorted(rows, key=lambda row: (row["state"] in ("approved", "asserted"), row["due_on"], row["subject"]))
    ]
    columns = ["subject", "what", _STATE, "approval", "due", "given", "signer authenticated by", "adjust plan by", "items adjusted"]
    note = "Asserted: the approval does not say how its signer was authenticated. Outdated: another content than is recorded was approved."
    section: dict[str, Any] = {"title": "Approvals", "text": "", "table": {"columns": columns, "rows": told, "note": note}}
    return section | {"documents": [("what is to be signed", _TO_SIGN)]} if is_to_sign else section


def _attestation_section(rows: Sequence[Row]) -> dict[str, Any]:
    if not rows:
        return {"title": "Attestations", "text": "Nobody owns a governed model."}
    told = [
        (row["cycle"], row["role"], row["n_models"], _STATES[row["state"]], row["state"], row["due_on"], row["given_on"], row["reason"])
        for row in sorted(rows, key=lambda row: (row["cycle"], row["role"]))
    ]
    columns = ["quarter", "role", "models", _STATE, "attestation", "due", "given", "condition"]
    return {"title": "Attestations", "text": "", "table": {"columns": columns, "rows": told}}


def _challenge_section(rows: Sequence[Row]) -> dict[str, Any]:
    if not rows:
        return {"title": "Challenge and response", "text": "Nothing was challenged, and no critical check failed."}
    told = [
        (
            " ".join(part for part in (row["artifact_name"], row["rule"], row["subject"]) if part),
            row["evidence"],
            row["challenge"],
            row["challenged_by"],
            row["response"],
            row["responded_by"],
            row["verdict"],
        )
        for row in sorted(rows, key=lambda row: (row["response"] is not None, row["artifact_name"], row["rule"], row["subject"]))
    ]
    columns = ["finding", "evidence", "challenge", "raised by", "response", "answered by", "became of it"]
    return {"title": "Challenge and response", "text": "", "table": {"columns": columns, "rows": told}}


def _override_section(rows: Sequence[Row]) -> dict[str, Any]:
    if not rows:
        return {"title": "Overrides", "text": "No override was in force."}
    told = [
        (
            row["override"],
            row["sets_aside"],
            row["summary"],
            row["overrider"],
            row["reason"],
            row["expires_on"],
            _STATES[row["state"]],
            row["outcome"] or row["state"].replace("_", " "),
        )
        for row in sorted(rows, key=lambda row: (row["state"] == "closed", row["override"]))
    ]
    columns = ["override", "sets aside", "instead", "role", "why", "until", _STATE, "outcome"]
    return {"title": "Overrides", "text": "", "table": {"columns": columns, "rows": told}}


def _policy_section(rows: pa.Table) -> dict[str, Any]:
    verdicts = _STATES | {"first": "not_applicable", "pending": "fail"}
    told = [
        (row["policy_sha256"][:_DIGITS], row["first_judged_at"], row["changes"], verdicts[row["state"]], row["state"], row["given_on"])
        for row in sorted(rows.to_pylist(), key=lambda row: row["first_judged_at"], reverse=True)
    ]
    if not told:
        return {"title": "Policies", "text": "No policy has judged yet."}
    text = "One policy has judged everything." if len(told) == 1 else f"{len(told)} policies have judged, the newest first."
    columns = ["policy", "first judged", "what changed", _STATE, "approval", "given"]
    return {"title": "Policies", "text": text, "table": {"columns": columns, "rows": told}}
