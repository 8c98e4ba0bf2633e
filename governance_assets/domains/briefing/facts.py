"""Rows of the packet that is read before a review, and of the versions of the playbook.

Belongs here: gathering recorded rows of the quarter that the review looks back on. Does not belong here: whether they are
acceptable (``rules.py``), or the words of the documents (``report.py``).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from governance_assets.contract import arrow_schema
from governance_assets.domains.briefing.contracts import PlaybookVersions, PrereadPacket
from governance_assets.policy import BriefingPolicy, CalendarPolicy
from governance_assets.runtime import due_dates
from governance_assets.runtime.periods import DAY, Period, next_quarter, utc_day

Row = dict[str, Any]

_OURS = " (ours)"
_WELL = ("pass", "stable")
_BLANK: Row = dict.fromkeys(("value", "lower", "upper", "limit", "role", "due_on")) | {"unit": "", "is_flagged": False}


@dataclass(frozen=True)
class Known:
    """Recorded rows that a packet is made of; ``landed`` are the weeks of each feed's landed files, each with the file's last day."""

    reports: Sequence[Row] = ()
    figures: Sequence[Row] = ()
    decisions: Sequence[Row] = ()
    actions: Sequence[Row] = ()
    critics: Sequence[Row] = ()
    moves: Sequence[Row] = ()
    landed: Mapping[str, Sequence[tuple[dt.date, dt.date]]] = field(default_factory=dict)


def weeks_of(files: Sequence[Row]) -> list[tuple[dt.date, dt.date]]:
    """The weeks that the files of a manifest touch, each with the last day of its file."""
    return [
        (dt.date.fromisoformat(week), dt.date.fromisoformat(file["last_date"]))
        for file in files
        for week in file["weeks"].split(",")
        if week
    ]


def preread_packet(
    known: Known, periods: Sequence[Period], as_of: dt.datetime, policy: BriefingPolicy, calendar: CalendarPolicy
) -> pa.Table:
    """The packet for the review after each asked quarter."""
    rows = []
    for period in periods:
        packet = _Packet(known, period, as_of, policy, calendar)
        for section, entries in packet.sections().items():
            own = {"quarter": period.key, "review": packet.review, "section": section, "packet_due_at": packet.due}
            rows += [_BLANK | own | {"position": place} | entry for place, entry in enumerate(entries, 1)]
    return pa.Table.from_pylist(rows, schema=arrow_schema(PrereadPacket))


class _Packet:
    def __init__(self, known: Known, period: Period, as_of: dt.datetime, policy: BriefingPolicy, calendar: CalendarPolicy) -> None:
        self.known, self.quarter, self.policy, self.minutes = known, period.key, policy, float(calendar.kickoff_minutes)
        self.review = next_quarter(period.key)
        self.begins = due_dates.kickoff(self.review, calendar)
        self.due = due_dates.preread_due(self.begins, calendar)
        self.cut = min(self.due, as_of)
        self.since = utc_day(due_dates.kickoff(period.key, calendar))
        newest: dict[str, list[Row]] = {}
        for row in sorted(known.reports, key=lambda row: (row["quarter"], row["entry"])):
            if row["quarter"] <= period.key:
                newest.setdefault(row["quarter"], [])
                newest[row["quarter"]] = [one for one in newest[row["quarter"]] if one["entry"] == row["entry"]] + [row]
        self.reports = [newest[quarter] for quarter in sorted(newest)]

    def sections(self) -> dict[str, list[Row]]:
        """The entries of every section."""
        return {
            "risk": [self._risk(parts[0]) for parts in self.reports],
            "variance": [*self._highlights(), *self._figures()],
            "changed": [*self._changed_components(), *self._decided(), *self._plan()],
            "commitment": list(self._commitments()),
            "telemetry": list(self._telemetry()),
            "diagnostic": list(self._diagnostics()),
            "agenda": [
                {"subject": one.title, "text": "", "value": float(one.minutes), "limit": self.minutes, "unit": "minutes", "role": one.role}
                for one in self.policy.agenda
            ],
        }

    def _risk(self, report: Row) -> Row:
        return {
            "subject": report["quarter"],
            "text": f"risk score {report['risk_shown']}, report {report['entry']} ({report['origin']})",
            "value": (report["risk_lower"] + report["risk_upper"]) / 2,
            "lower": report["risk_lower"],
            "upper": report["risk_upper"],
            "unit": "fraction",
        }

    def _highlights(self) -> Iterator[Row]:
        newest = self.reports[-1] if self.reports and self.reports[-1][0]["quarter"] == self.quarter else []
        for line in (newest[0]["highlights"] or "").split("\n") if newest else []:
            if line:
                yield {"subject": "highlight", "text": line, "is_flagged": True}

    def _figures(self) -> Iterator[Row]:
        for row in self.known.figures:
            if row["quarter"] == self.quarter:
                moved = {True: "moved beyond its band", False: "within its band", None: "too few quarters for a band"}[
                    row["is_high_variance"]
                ]
                yield {
                    "subject": f"{row['kpi']}: {row['subject']}",
                    "text": moved,
                    **{name: row[name] for name in ("value", "lower", "upper", "unit")},
                    "limit": row["previous"],
                    "is_flagged": bool(row["is_high_variance"]),
                }

    def _changed_components(self) -> Iterator[Row]:
        """Components whose status is another than in the newest report before."""
        if len(self.reports) < 2 or self.reports[-1][0]["quarter"] != self.quarter:
            return
        before = {row["component"]: row["status"] for row in self.reports[-2]}
        for row in sorted(self.reports[-1], key=lambda row: row["component"]):
            was, now = before.get(row["component"]), row["status"]
            if was != now:
                told = f"{was or 'unknown'} → {now or 'unknown'}"
                yield {"subject": row["component"], "text": told, "is_flagged": now not in (*_WELL, None) or now is None}

    def _decided(self) -> Iterator[Row]:
        for row in self.known.decisions:
            if row["quarter"] == self.quarter:
                told = f"{row['kind']}: {row['summary']}; {row['n_touched']} of {row['n_items']} items of the plan changed after it"
                yield {
                    "subject": row["decision_id"],
                    "text": told,
                    "role": row["decided_by"],
                    "is_flagged": row["n_touched"] < row["n_items"],
                }

    def _plan(self) -> Iterator[Row]:
        """What each plan completed, added, removed and reopened in the quarter."""
        names = ("completed", "added", "removed", "reopened")
        for plan in sorted({row["plan"] for row in self.known.moves if row["quarter"] == self.quarter}):
            own = [row for row in self.known.moves if (row["quarter"], row["plan"]) == (self.quarter, plan)]
            sums = {name: sum(row[name] or 0 for row in own) for name in names}
            if any(sums.values()):
                told = ", ".join(f"{sums[name]} {name}" for name in names)
                yield {"subject": f"plan {plan}".strip(), "text": told, "is_flagged": sums["reopened"] > 0}

    def _commitments(self) -> Iterator[Row]:
        own = [row for row in self.known.actions if row["quarter"] == self.quarter and row["state"] == "open"]
        for row in sorted(own, key=lambda row: (row["due_by"] or dt.date.max, row["action_id"])):
            late = row["overdue_days"]
            told = (
                row["summary"]
                + (f"; {late} days overdue" if late else "")
                + (f"; carried over: {row['carry_over_reason']}" if row["carry_over_reason"] else "")
            )
            yield {"subject": row["action_id"], "text": told, "role": row["owner"], "due_on": row["due_by"], "is_flagged": bool(late)}

    def _telemetry(self) -> Iterator[Row]:
        """Each squad's feeds by the newest day that landed up to the day on which the packet is due, or to the present before it."""
        cut, limit = utc_day(self.cut), self.policy.max_telemetry_age_days
        for squad in self.policy.squads:
            for feed in squad.feeds:
                days = [min(week + 6 * DAY, last, cut) for week, last in self.known.landed.get(feed, ()) if week <= cut]
                if days:
                    age = (cut - max(days)).days
                    yield {
                        "subject": f"{squad.name}: {feed}",
                        "text": f"newest day {max(days)}, as of {cut}",
                        **{"value": float(age), "limit": float(limit), "unit": "days", "role": squad.role, "is_flagged": age > limit},
                    }

    def _diagnostics(self) -> Iterator[Row]:
        """Critics that are recorded for the first time since the review before."""
        first: dict[str, dt.date] = {}
        for row in self.known.critics:
            name = row["critic"].removesuffix(_OURS)
            first[name] = min(first.get(name, row["week"]), row["week"])
        for name, week in sorted(first.items()):
            if self.since <= week + 6 * DAY and week < utc_day(self.begins):
                yield {"subject": name, "text": f"first recorded in the week of {week}", "is_flagged": True}


# ---------------------------------------------------------------- the playbook


def playbook_versions(
    evidence: Sequence[Row], approvals: Sequence[Row], periods: Sequence[Period], as_of: dt.datetime, policy: BriefingPolicy
) -> pa.Table:
    """Every version of the playbook that was in force in an asked quarter, with its approval and what was kept of the one before."""
    found = [row for row in evidence if row["sha256"] and row["change"] != "deleted"]
    archived = [row for row in found if re.search(policy.archive_pattern, row["path"])]
    current = [row for row in found if re.search(policy.playbook_pattern, row["path"], re.IGNORECASE) and row not in archived]
    rows: list[Row] = []
    for period in periods:
        last = utc_day(min(as_of, period.end) - dt.timedelta(microseconds=1))
        for path in sorted({row["path"] for row in current}):
            versions = _versions([row for row in current if row["path"] == path and row["date"] <= last])
            for place, version in enumerate(versions):
                following = versions[place + 1]["date"] if place + 1 < len(versions) else None
                if following is not None and following <= utc_day(period.start):
                    continue
                before = versions[place - 1]["sha256"] if place else None
                kept = sorted(row["path"] for row in archived if row["sha256"] == before and row["date"] <= last)
                given = _approval(version["sha256"], approvals, last, policy) if place else None
                rows.append(
                    {
                        "quarter": period.key,
                        "path": path,
                        "sha256": version["sha256"],
                        "seen_on": version["date"],
                        "is_new": version["date"] >= utc_day(period.start),
                        "previous_sha256": before,
                        "approved_by": given["role"] if given else None,
                        "approved_on": given["date"] if given else None,
                        "authenticated_by": given["authenticated_by"] if given else None,
                        "archived_path": kept[0] if kept and before else None,
                    }
                )
    return pa.Table.from_pylist(rows, schema=arrow_schema(PlaybookVersions))


def _versions(rows: Sequence[Row]) -> list[Row]:
    """The rows at which the content changed, oldest first."""
    found: list[Row] = []
    for row in sorted(rows, key=lambda row: (row["date"], row["sha256"])):
        if not found or found[-1]["sha256"] != row["sha256"]:
            found.append(row)
    return found


def _approval(sha256: str, approvals: Sequence[Row], last: dt.date, policy: BriefingPolicy) -> Row | None:
    """The first approval of exactly this version by the role that may give it."""
    given = [
        row
        for row in approvals
        if row["sha256"] == sha256 and row["verdict"] == "approved" and row["role"] == policy.approver and row["date"] <= last
    ]
    return min(given, key=lambda row: row["date"], default=None)
