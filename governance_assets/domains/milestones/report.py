"""The page of milestones and headline figures.

Belongs here: choosing, sorting and wording of recorded rows. Does not belong here: judging them, or markup.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

Row = dict[str, Any]
Tables = Mapping[str, pa.Table]

_INTRO = (
    "A milestone is done when its evidence proves it: every deliverable there before the acceptance, unchanged, with metadata. "
    "What is only claimed, or refuted, does not count."
)
_PROOF = {"proved": "pass", "claimed": "unknown", "refuted": "fail", "not_claimed": "not_applicable"}
_CHECKSUM = {"verified": "pass", "differs": "fail", "claimed": "unknown", "not_read": "unknown", "not_recorded": "not_applicable"}
_NOTHING = "Nothing is recorded yet."


def page(tables: Tables, findings: pa.Table, as_of: dt.datetime) -> dict[str, Any]:
    """The page model: gates and milestones of the newest quarter, milestones over time, and the evidence."""
    sections = [
        _gates_section(tables["exit_gates"]),
        *_milestone_sections(tables["milestone_status"]),
        _evidence_section(tables["evidence_index"]),
    ]
    return {"title": "Milestones", "intro": f"{_INTRO}\n\nAs of {as_of.date()}.", "sections": sections}


def headline_of_evidence(rows: pa.Table) -> tuple[str, int, None]:
    """How many files are gone."""
    return "files gone", rows.num_rows - rows["vanished_at"].null_count, None


def headline_of_milestones(rows: pa.Table) -> tuple[str, str | None, None]:
    """How many of the accepted milestones are proved."""
    counted = Counter(rows["proof"].to_pylist())
    accepted = sum(counted.values()) - counted["not_claimed"]
    return "accepted and proved", f"{counted['proved']} of {accepted}" if accepted else None, None


def headline_of_gates(rows: pa.Table) -> tuple[str, str | None, None]:
    """How many gates are passed."""
    return "gates passed", f"{rows.num_rows - rows['passed_at'].null_count} of {rows.num_rows}" if rows.num_rows else None, None


def _newest(table: pa.Table) -> list[Row]:
    newest = pc.max(table["quarter"]).as_py()
    return [row for row in table.to_pylist() if row["quarter"] == newest]


def _gates_section(gates: pa.Table) -> dict[str, Any]:
    if not gates.num_rows:
        return {"title": "Phases and exit gates", "text": f"{_NOTHING} A plan is declared under `milestones` in governance.yaml."}
    rows = sorted(_newest(gates), key=lambda row: row["position"])
    passed = sum(row["passed_at"] is not None for row in rows)
    return {
        "title": "Phases and exit gates",
        "text": f"{passed} of {len(rows)} gates passed in {rows[0]['quarter']}, judged on {rows[0]['judged_on']}.",
        "table": {
            "columns": [
                {"name": "gate", "kind": "verdict"},
                *("phase", "name", "planned from", "to", "work began", "proved", "approval", "passed", "begun before the gate"),
            ],
            "rows": [
                (
                    *(_gate_verdict(row), row["phase"], row["name"], row["starts_on"], row["ends_on"], row["started_on"]),
                    *(
                        f"{row['proved']} of {row['milestones']}",
                        row["approval"].replace("_", " "),
                        _day(row["passed_at"]),
                        row["begun_before"],
                    ),
                )
                for row in rows
            ],
        },
    }


def _gate_verdict(row: Row) -> str:
    if row["passed_at"] is not None:
        return "pass"
    return "fail" if row["ends_on"] is not None and row["ends_on"] < row["judged_on"] else "not_applicable"


def _milestone_sections(status: pa.Table) -> list[dict[str, Any]]:
    if not status.num_rows:
        return [{"title": "Milestones", "text": _NOTHING}]
    rows = _newest(status)
    counted = Counter(row["proof"] for row in rows)
    told = ", ".join(f"{counted[proof]} {proof.replace('_', ' ')}" for proof in _PROOF if counted[proof])
    milestones = {
        "title": f"Milestones of {rows[0]['quarter']}",
        "text": f"{told}.",
        "table": {
            "columns": [
                {"name": "proof", "kind": "verdict"},
                *("milestone", "owner", "state", "started", "accepted"),
                {"name": "worked", "unit": "days"},
                {"name": "planned", "unit": "days"},
                *("deliverables", "why"),
            ],
            "rows": [
                (
                    *(_PROOF[row["proof"]], row["milestone_id"], (row["owner"] or "nobody").replace("_", " "), row["state"]),
                    *(_day(row["started_at"]), _day(row["accepted_at"]), row["elapsed_days"], row["target_days"]),
                    *(f"{row['delivered']} of {row['deliverables']}", "; ".join(filter(None, (row["wrong_moves_told"], row["why"])))),
                )
                for row in rows
            ],
        },
    }
    quarters = sorted(set(status["quarter"].to_pylist()))
    every = status.to_pylist()
    series = [
        {
            "name": name,
            "x": list(range(1, len(quarters) + 1)),
            "y": [sum(row["quarter"] == quarter and test(row) for row in every) for quarter in quarters],
        }
        for name, test in (
            ("in the plan or told of", lambda row: True),
            ("accepted", lambda row: row["proof"] != "not_claimed"),
            ("proved", lambda row: row["proof"] == "proved"),
        )
    ]
    burn_up = {
        "title": "Scope, acceptances and proofs",
        "text": "Acceptances without proof are the distance between the two lower lines.",
        "plot": {
            "kind": "lines",
            "title": "Milestones, quarter by quarter",
            "x_label": f"quarter, oldest first: {quarters[0]} to {quarters[-1]}",
            "unit": "milestones",
            "series": series,
        },
    }
    return [milestones, burn_up]


def _evidence_section(index: pa.Table) -> dict[str, Any]:
    if not index.num_rows:
        return {"title": "Evidence", "text": _NOTHING}
    rows = _newest(index)
    return {
        "title": f"Evidence of {rows[0]['quarter']}",
        "text": f"{len(rows)} files; a checksum is green when the bytes were read and have the recorded SHA-256.",
        "table": {
            "columns": [
                {"name": "checksum", "kind": "verdict"},
                *("milestone", "file", "version", "first seen", "gone", "metadata lacks", "commit"),
            ],
            "rows": [
                (
                    *("fail" if row["vanished_at"] else _CHECKSUM[row["checksum"]], row["milestone_id"], row["path"], row["version"]),
                    *(_day(row["first_seen_at"]), _day(row["vanished_at"]), _lacks(row["missing_metadata"]), (row["commit"] or "")[:12]),
                )
                for row in rows
            ],
        },
    }


def _day(instant: dt.datetime | None) -> dt.date | None:
    return None if instant is None else instant.date()


def _lacks(missing: str | None) -> str:
    return "not looked for" if missing is None else missing or "nothing"
