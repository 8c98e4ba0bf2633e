"""The page of the briefing, each packet as Markdown and as printable HTML, and headline figures.

Belongs here: choosing, sorting and wording of recorded rows. Does not belong here: judging them, or markup.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from governance_assets.pages.printed import as_html, as_markdown

Row = dict[str, Any]
Tables = Mapping[str, pa.Table]

_INTRO = (
    "The packet that is read before each quarterly review, compiled from the record of the quarter that it looks back on, and the versions "
    "of the playbook by which reviews are held."
)
_NOTHING = "Nothing is recorded yet."
_WIDTH = 12
_MARK = {True: "yes", False: ""}


def page(tables: Tables, findings: pa.Table, as_of: dt.datetime) -> dict[str, Any]:
    """The page model: the newest packet with its documents, and the playbook."""
    packet = tables["preread_packet"]
    if packet.num_rows:
        told = _packet(packet, pc.max(packet["quarter"]).as_py())
        first = {"title": told["title"], "text": told["intro"], "documents": _links(packet)}
        sections = [first, *told["sections"]]
    else:
        sections = [{"title": "Packet", "text": _NOTHING}]
    return {
        "title": "Briefing",
        "intro": f"{_INTRO}\n\nAs of {as_of.date()}.",
        "sections": [*sections, _playbook(tables["playbook_versions"])],
    }


def documents(tables: Tables, findings: pa.Table, as_of: dt.datetime) -> dict[str, str]:
    """Every packet, as Markdown and as HTML of its own."""
    packet = tables["preread_packet"]
    made = {}
    for quarter in sorted(pc.unique(packet["quarter"]).to_pylist()):
        told = _packet(packet, quarter)
        review = next(row["review"] for row in packet.to_pylist() if row["quarter"] == quarter)
        made |= {_path(review, "md"): as_markdown(told), _path(review, "html"): as_html(told)}
    return made


def headline_of_packet(rows: pa.Table) -> tuple[str, int, None]:
    """How many entries want attention."""
    return "entries flagged", rows.filter(rows["is_flagged"]).num_rows, None


def headline_of_playbook(rows: pa.Table) -> tuple[str, int, None]:
    """How many versions were in force."""
    return "versions", rows.num_rows, None


def _path(review: str, ending: str) -> str:
    return f"reviews/{review}-preread.{ending}"


def _links(packet: pa.Table) -> list[tuple[str, str]]:
    reviews = sorted(pc.unique(packet["review"]).to_pylist(), reverse=True)
    return [
        (f"Packet of {review}, {words}", _path(review, ending))
        for review in reviews
        for words, ending in (("to print", "html"), ("Markdown", "md"))
    ]


def _packet(packet: pa.Table, quarter: str) -> dict[str, Any]:
    """One packet as a page model."""
    rows = sorted((row for row in packet.to_pylist() if row["quarter"] == quarter), key=lambda row: (row["section"], row["position"]))
    first = rows[0]
    by = {name: [row for row in rows if row["section"] == name] for name in {row["section"] for row in rows}}
    flagged = sum(row["is_flagged"] for row in rows)
    intro = f"Looks back on {quarter}. Due {first['packet_due_at']:%Y-%m-%d %H:%M} UTC. {flagged} entries want attention."
    return {
        "title": f"Pre-read of the review {first['review']}",
        "intro": intro,
        "sections": [
            _agenda(by.get("agenda", [])),
            _risk(by.get("risk", [])),
            _variance(by.get("variance", [])),
            _plain("Changed since the review before", by.get("changed", []), "Nothing changed that is recorded."),
            _commitments(by.get("commitment", [])),
            _telemetry(by.get("telemetry", [])),
            _plain("Diagnostics added", by.get("diagnostic", []), "No critic was added since the review before."),
        ],
    }


def _agenda(rows: list[Row]) -> dict[str, Any]:
    return {
        "title": "Agenda",
        "text": f"{sum(row['value'] for row in rows):.0f} minutes.",
        "table": {
            "columns": ["part", {"name": "minutes"}, "role"],
            "rows": [(row["subject"], round(row["value"]), row["role"]) for row in rows],
        },
    }


def _risk(rows: list[Row]) -> dict[str, Any]:
    if not rows:
        return {"title": "Risk", "text": "No variance report is recorded."}
    shown = rows[-_WIDTH:]
    plot = {
        "kind": "intervals",
        "title": "Risk score of the newest report of each quarter",
        "unit": "fraction",
        "x_label": f"{shown[0]['subject']} to {shown[-1]['subject']}, oldest first; a bar spans what unknown components leave open",
        "series": [
            {
                "name": "risk score",
                "x": list(range(1, len(shown) + 1)),
                **{axis: [row[name] for row in shown] for axis, name in (("y", "value"), ("lower", "lower"), ("upper", "upper"))},
            }
        ],
    }
    table = {"columns": ["quarter", "report"], "rows": [(row["subject"], row["text"]) for row in reversed(shown)]}
    return {"title": "Risk", "plot": plot, "table": table}


def _variance(rows: list[Row]) -> dict[str, Any]:
    told = [row["text"] for row in rows if row["subject"] == "highlight"]
    figures = [row for row in rows if row["subject"] != "highlight"]
    section: dict[str, Any] = {"title": "Variance highlights", "text": "\n\n".join(told) or "The quarter has no variance report."}
    drawn = [row for row in figures if row["unit"] == "fraction" and row["lower"] is not None]
    if drawn:
        section["plot"] = {
            "kind": "intervals",
            "title": "Key figures against the band of the quarters before",
            "unit": "fraction",
            "x_label": f"in this order: {', '.join(row['subject'] for row in drawn)}; the bar is the band",
            "series": [
                {
                    "name": "key figure",
                    "x": list(range(1, len(drawn) + 1)),
                    **{axis: [row[name] for row in drawn] for axis, name in (("y", "value"), ("lower", "lower"), ("upper", "upper"))},
                }
            ],
        }
    if figures:
        section["table"] = {
            "columns": ["figure", "value", "quarter before", "band", "moved"],
            "rows": [(row["subject"], _shown(row, "value"), _shown(row, "limit"), _band(row), row["text"]) for row in figures],
        }
    return section


def _shown(row: Row, name: str) -> str | None:
    return None if row[name] is None else f"{row[name]:.1%}" if row["unit"] == "fraction" else f"{row[name]:.0f}"


def _band(row: Row) -> str | None:
    return None if row["lower"] is None else f"{_shown(row, 'lower')} to {_shown(row, 'upper')}"


def _plain(title: str, rows: list[Row], nothing: str) -> dict[str, Any]:
    if not rows:
        return {"title": title, "text": nothing}
    told = [(row["subject"], row["text"], _MARK[row["is_flagged"]]) for row in rows]
    return {"title": title, "table": {"columns": ["what", "how", "attention"], "rows": told}}


def _commitments(rows: list[Row]) -> dict[str, Any]:
    if not rows:
        return {"title": "Open commitments", "text": "No action is open."}
    told = [(row["subject"], row["text"], row["role"], row["due_on"], _MARK[row["is_flagged"]]) for row in rows]
    return {"title": "Open commitments", "table": {"columns": ["action", "what", "role", "due", "overdue"], "rows": told}}


def _telemetry(rows: list[Row]) -> dict[str, Any]:
    if not rows:
        return {"title": "Telemetry of the squads", "text": "No feed of a squad has landed."}
    told = [(row["subject"], row["text"], round(row["value"]), row["role"], _MARK[row["is_flagged"]]) for row in rows]
    stale = sum(row["is_flagged"] for row in rows)
    return {
        "title": "Telemetry of the squads",
        "text": f"{stale} of {len(rows)} feeds are stale by the day the packet is due: older than {rows[0]['limit']:.0f} days.",
        "table": {"columns": ["squad and feed", "newest", {"name": "age", "unit": "days"}, "role", "stale"], "rows": told},
    }


def _playbook(versions: pa.Table) -> dict[str, Any]:
    if not versions.num_rows:
        return {"title": "Playbook", "text": "No playbook is among the evidence."}
    rows = {(row["path"], row["seen_on"], row["sha256"]): row for row in versions.to_pylist()}
    shown = [rows[key] for key in sorted(rows, key=lambda key: (key[1], key[0]), reverse=True)]
    return {
        "title": "Playbook",
        "text": f"{len(shown)} versions, the newest first.",
        "table": {
            "columns": ["document", "since", "version", "approved by", "authenticated", "superseded text kept at"],
            "rows": [
                (row["path"], row["seen_on"], row["sha256"][:12], row["approved_by"], row["authenticated_by"], row["archived_path"])
                for row in shown
            ],
        },
    }
